//! The cases of a table, and what is known about each.

use std::fs;

use super::recorded::folder;

/// A script and what is known about it.
pub struct Case {
    pub script: String,
    pub verdict: Verdict,
}

/// How a script ends compared with the real tools.
pub enum Verdict {
    Same,
    /// Differently, and why that is accepted.
    Differs(String),
    /// With a message that holds this text.
    Refused(String),
}

impl Case {
    /// Reads a table by its name.
    pub fn read(table: &str) -> Vec<Self> {
        let path = folder().join(format!("{table}.txt"));
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        text.split("\n\n").filter_map(Self::parse).collect()
    }

    fn parse(block: &str) -> Option<Self> {
        let mut case = Self { script: String::new(), verdict: Verdict::Same };
        for line in block.trim_matches('\n').lines() {
            if let Some(reason) = line.strip_prefix("#!differs ") {
                case.verdict = Verdict::Differs(reason.to_owned());
            } else if let Some(text) = line.strip_prefix("#!refused ") {
                case.verdict = Verdict::Refused(text.to_owned());
            } else if line == "~" {
                case.script.push('\n');
            } else if !line.starts_with("# ") {
                case.script += line;
                case.script.push('\n');
            }
        }
        (!case.script.is_empty()).then_some(case)
    }
}
