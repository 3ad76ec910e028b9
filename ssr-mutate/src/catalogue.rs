use std::fmt::Write;

use crate::{Family, Operator, languages};

/// The catalogue of all operators of this build as Markdown, made from the operators themselves.
/// `CATALOGUE.md` beside the sources is this text.
pub fn catalogue() -> String {
    let mut page = String::from(
        "# Operator catalogue\n\n\
         Generated from the operators by `ssr_mutate::catalogue()`; a test keeps it up to date.\n\
         Each example is also a test of its operator.\n",
    );
    for language in languages() {
        let operators = language.operators();
        page.push_str(&format!("\n## {}: {} operators\n", title(language.name()), operators.len()));
        for family in Family::ALL {
            let mut members = operators.iter().filter(|o| o.family == family).peekable();
            if members.peek().is_some() {
                page.push_str(&format!("\n### {family} (weight {} ‰)\n", family.weight()));
            }
            for operator in members {
                describe(&mut page, language.name(), operator);
            }
        }
    }
    page
}

fn describe(page: &mut String, language: &str, operator: &Operator) {
    let Operator { id, version, difficulty, description, examples, untouched, .. } = operator;
    // Writing to a String cannot fail.
    let _ = write!(page, "\n#### {id}\n\n{description} ({difficulty}, version {version})\n\n");
    let _ = writeln!(page, "```{language}");
    for (index, (before, after)) in examples.iter().enumerate() {
        let gap = if index == 0 { "" } else { "\n" };
        let _ = write!(page, "{gap}# before\n{before}# after\n{after}");
    }
    page.push_str("```\n");
    if !untouched.is_empty() {
        let _ = write!(page, "\nLeft alone:\n\n```{language}\n{}```\n", untouched.join("\n"));
    }
}

fn title(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
