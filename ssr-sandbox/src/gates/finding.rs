//! What gates find, and what is new in it.

use std::collections::HashMap;

use serde::Deserialize;
use ssr_core::{RepoPath, Tree};

/// Something that a gate found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Finding {
    /// The file, where there is one.
    pub path: Option<RepoPath>,
    /// Counted from 1.
    pub line: u32,
    /// In characters from 0, as the tool counts.
    pub column: u32,
    /// The tool's name for what is wrong: `unused-import`, `return-value`.
    pub rule: String,
    /// How bad the tool thinks it is: `error`, `warning`.
    pub severity: String,
    /// What the tool says.
    pub message: String,
}

impl Finding {
    /// A finding without a place.
    #[must_use]
    pub fn new(
        rule: impl Into<String>,
        severity: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let (rule, severity, message) = (rule.into(), severity.into(), message.into());
        Self { path: None, line: 0, column: 0, rule, severity, message }
    }

    /// Sets the file, the line from 1 and the column from 0.
    #[must_use]
    pub fn with_place(mut self, path: RepoPath, line: u32, column: u32) -> Self {
        (self.path, self.line, self.column) = (Some(path), line, column);
        self
    }
}

/// A finding as the guest sends it. Nothing in it is trusted.
#[derive(Deserialize)]
pub(super) struct Found {
    path: String,
    line: i64,
    column: i64,
    rule: String,
    severity: String,
    message: String,
}

impl From<Found> for Finding {
    fn from(found: Found) -> Self {
        let number = |n: i64| u32::try_from(n).unwrap_or(0);
        Self {
            path: RepoPath::new(&found.path).ok(),
            line: number(found.line),
            column: number(found.column),
            rule: found.rule,
            severity: found.severity,
            message: found.message,
        }
    }
}

/// What makes a finding the same one after its line has moved.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    path: Option<RepoPath>,
    rule: String,
    message: String,
    text: String,
}

impl Key {
    fn of(finding: &Finding, tree: &Tree) -> Self {
        let file = finding.path.as_ref().and_then(|path| tree.get(path.as_str()));
        let text = file.and_then(|file| file.text()).unwrap_or_default();
        let index = (finding.line as usize).checked_sub(1);
        let line = index.and_then(|index| text.lines().nth(index)).unwrap_or_default();
        Self {
            path: finding.path.clone(),
            rule: finding.rule.clone(),
            message: without_lines(&finding.message),
            text: line.trim().to_owned(),
        }
    }
}

/// The findings of `after` that `before` does not have, each as often as it is new.
pub(super) fn new_findings(
    before: (&[Finding], &Tree),
    after: (Vec<Finding>, &Tree),
) -> Vec<Finding> {
    let mut known: HashMap<Key, usize> = HashMap::new();
    for finding in before.0 {
        *known.entry(Key::of(finding, before.1)).or_default() += 1;
    }
    let (findings, tree) = after;
    let mut new: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| match known.get_mut(&Key::of(finding, tree)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        })
        .collect();
    new.sort();
    new
}

/// Takes the numbers of other lines out of a message: `redefined from line 12`.
fn without_lines(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find("line ") {
        let (start, end) = rest.split_at(at + "line ".len());
        out.push_str(start);
        rest = end.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssr_core::File;

    fn tree(text: &str) -> Tree {
        Tree::from_files([(RepoPath::new("a.py").unwrap(), File::new(text.as_bytes()))]).unwrap()
    }

    fn finding(line: u32, message: &str) -> Finding {
        Finding {
            path: RepoPath::new("a.py").ok(),
            line,
            column: 0,
            rule: "rule".to_owned(),
            severity: "error".to_owned(),
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_finding_may_move_and_must_not_multiply() {
        let (before, after) = (tree("x\ny\n"), tree("new\n  x\ny\nx\n"));
        let known = [finding(1, "see line 2"), finding(2, "m")];
        let now = vec![finding(2, "see line 3"), finding(3, "m"), finding(4, "see line 3")];
        assert_eq!(new_findings((&known, &before), (now, &after)), [finding(4, "see line 3")]);
    }

    #[test]
    fn another_text_at_the_same_line_is_another_finding() {
        let now = vec![finding(1, "m")];
        assert_eq!(new_findings((&now, &tree("x")), (now.clone(), &tree("z"))), now);
    }

    #[test]
    fn lines_that_do_not_exist_are_no_trouble() {
        let now = vec![finding(0, "m"), finding(9, "line 99999999999999999999")];
        assert!(new_findings((&now, &tree("")), (now.clone(), &tree(""))).is_empty());
    }
}
