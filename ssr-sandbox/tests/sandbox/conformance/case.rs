//! One command of the conformance suite, read from its file.

/// A script and what is known about it.
pub struct Case {
    pub script: String,
    /// Why it differs from real bash.
    pub differs: Option<String>,
    /// Tools that the host must have.
    pub needs: Vec<String>,
}

impl Case {
    /// Reads a table of cases with blank lines between them.
    pub fn parse(table: &str) -> Vec<Self> {
        let mut cases = Vec::new();
        for block in table.split("\n\n") {
            let mut case = Self { script: String::new(), differs: None, needs: Vec::new() };
            for line in block.trim_matches('\n').lines() {
                if let Some(reason) = line.strip_prefix("#!differs ") {
                    case.differs = Some(reason.to_owned());
                } else if let Some(tool) = line.strip_prefix("#!needs ") {
                    case.needs.push(tool.to_owned());
                } else if !line.starts_with("# ") {
                    case.script += line;
                    case.script.push('\n');
                }
            }
            if !case.script.is_empty() {
                cases.push(case);
            }
        }
        cases
    }
}
