//! The catalogue of all operators as Markdown.

use std::fmt::Write;

use crate::{Family, Language, Operator, languages};

/// The catalogue of all operators of this build as Markdown, generated from the operators.
/// `CATALOGUE.md` of this crate is this text.
#[must_use]
pub fn catalogue() -> String {
    let mut page = String::from(
        "# Operator catalogue\n\n\
         Generated from the operators by `ssr_mutate::catalogue()`; a test keeps it up to date.\n\
         Each example is also a test of its operator.\n",
    );
    for language in languages() {
        let operators = language.operators();
        page.push_str(&format!("\n## {}: {} operators\n", title(language.name()), operators.len()));
        for &family in Family::ALL {
            let mut members = operators.iter().filter(|o| o.family == family).peekable();
            if members.peek().is_some() {
                page.push_str(&format!("\n### {family} (weight {} ‰)\n", family.weight()));
            }
            for operator in members {
                describe(&mut page, *language, operator);
            }
        }
    }
    page
}

fn describe(page: &mut String, language: &dyn Language, operator: &Operator) {
    let Operator { id, version, difficulty, description, examples, untouched, .. } = operator;
    // Writing to a String cannot fail.
    let _ = write!(page, "\n#### {id}\n\n{description} ({difficulty}, version {version})\n\n");
    let (name, comment) = (language.name(), language.line_comment());
    let _ = writeln!(page, "```{name}");
    for (index, (before, after)) in examples.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        let _ = write!(page, "{gap}{comment} before\n{before}{comment} after\n{after}");
    }
    page.push_str("```\n");
    if !untouched.is_empty() {
        let _ = write!(page, "\nLeft alone:\n\n```{name}\n{}```\n", untouched.join("\n"));
    }
}

fn title(name: &str) -> String {
    if name == "javascript" {
        return "JavaScript and TypeScript".to_owned();
    }
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
