//! Which lines the tests execute, read from a report of coverage.py or from plain text.

use std::collections::{BTreeMap, BTreeSet};

use ssr_core::RepoPath;

use crate::{Error, Result};

/// The lines of each file that some test executes.
///
/// ```
/// use ssr_core::RepoPath;
/// use ssr_mutate::Coverage;
///
/// let report = r#"{"files": {"src/a.py": {"executed_lines": [1, 2], "missing_lines": [5]}}}"#;
/// let coverage = Coverage::from_coverage_py(report, "")?;
/// let path = RepoPath::new("src/a.py")?;
/// // A line that the report does not know belongs to the statement that began before it.
/// assert!(coverage.covers(&path, 3) && !coverage.covers(&path, 6));
/// assert_eq!(Coverage::parse("src/a.py: 1-3\n")?.to_string(), "src/a.py: 1-3\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<RepoPath, Lines>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Lines {
    executed: BTreeSet<u32>,
    /// The other lines on which a statement begins; empty if the report does not list them.
    idle: BTreeSet<u32>,
}

impl Coverage {
    /// Coverage without any executed line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an executed line, counted from 1.
    pub fn insert(&mut self, path: RepoPath, line: u32) {
        self.0.entry(path).or_default().executed.insert(line);
    }

    /// Reads the report that `coverage json` writes.
    ///
    /// `root` is the folder of the repository as the report names it, or empty if the paths in the
    /// report are relative to it. Files outside of it are left out. Separators may be backslashes.
    ///
    /// # Errors
    /// [`Error::Coverage`] when the text is not JSON or lacks `files` with `executed_lines`.
    pub fn from_coverage_py(json: &str, root: &str) -> Result<Self> {
        let report: serde_json::Value =
            serde_json::from_str(json).map_err(|error: serde_json::Error| Error::Coverage {
                problem: error.to_string(),
                source: Some(error.into()),
            })?;
        let files = report.get("files").and_then(|files| files.as_object());
        let files = files.ok_or_else(|| problem("it has no object \"files\""))?;
        let root = root.replace('\\', "/");
        let root = root.trim_end_matches('/');
        let mut coverage = Self::new();
        for (name, file) in files {
            let lines = |key: &str| numbers(file.get(key)?);
            let executed = lines("executed_lines").ok_or_else(|| {
                problem(&format!("{name:?} has no list \"executed_lines\" of line numbers"))
            })?;
            let mut idle = lines("missing_lines").unwrap_or_default();
            idle.extend(lines("excluded_lines").unwrap_or_default());
            let name = name.replace('\\', "/");
            let inside = match root {
                "" => Some(name.as_str()),
                root => name.strip_prefix(root).and_then(|rest| rest.strip_prefix('/')),
            };
            let inside = inside.map(|path| path.strip_prefix("./").unwrap_or(path));
            if let Some(path) = inside.and_then(|path| RepoPath::new(path).ok()) {
                coverage.0.insert(path, Lines { executed, idle });
            }
        }
        Ok(coverage)
    }

    /// Reads the form that `Display` prints: lines such as `path: 1-4, 9`, each a file with its
    /// executed lines. Empty lines and lines that begin with `#` are skipped.
    ///
    /// # Errors
    /// [`Error::Coverage`] names the line that has another form.
    pub fn parse(text: &str) -> Result<Self> {
        let mut coverage = Self::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || problem(&format!("{line:?} is not of the form \"path: 1-4, 9\""));
            let (path, spans) = line.rsplit_once(':').ok_or_else(wrong)?;
            let lines = coverage.0.entry(RepoPath::new(path.trim())?).or_default();
            for span in spans.split(',').map(str::trim).filter(|span| !span.is_empty()) {
                let (first, last) = span.split_once('-').unwrap_or((span, span));
                let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
                let (first, last) = (number(first)?, number(last)?);
                if first == 0 || last < first || last > MAX_LINE {
                    return Err(wrong());
                }
                lines.executed.extend(first..=last);
            }
        }
        Ok(coverage)
    }

    /// Whether some test executes the line, counted from 1.
    ///
    /// coverage.py lists statements by their first lines. A line that its report does not list is
    /// therefore executed if the last listed line before it is. In the plain form every executed
    /// line has to be listed.
    #[must_use]
    pub fn covers(&self, path: &RepoPath, line: usize) -> bool {
        let (Some(lines), Ok(line)) = (self.0.get(path), u32::try_from(line)) else {
            return false;
        };
        if lines.idle.is_empty() || lines.executed.contains(&line) {
            return lines.executed.contains(&line);
        }
        let last = |set: &BTreeSet<u32>| set.range(..=line).next_back().copied();
        last(&lines.executed) > last(&lines.idle)
    }

    /// The number of executed lines.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.values().map(|lines| lines.executed.len()).sum()
    }

    /// Whether no line of any file is executed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.values().all(|lines| lines.executed.is_empty())
    }
}

/// The largest line number. It bounds the memory that a range in untrusted input can allocate.
const MAX_LINE: u32 = 1 << 20;

fn numbers(list: &serde_json::Value) -> Option<BTreeSet<u32>> {
    let number = |value: &serde_json::Value| u32::try_from(value.as_u64()?).ok();
    list.as_array()?.iter().map(number).collect()
}

fn problem(problem: &str) -> Error {
    Error::Coverage { problem: problem.to_owned(), source: None }
}

/// The plain form that [`Coverage::parse`] reads.
impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (path, lines) in &self.0 {
            let mut spans: Vec<(u32, u32)> = Vec::new();
            for &line in &lines.executed {
                match spans.last_mut() {
                    Some((_, last)) if *last + 1 == line => *last = line,
                    _ => spans.push((line, line)),
                }
            }
            let spans: Vec<_> = spans
                .into_iter()
                .map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") })
                .collect();
            writeln!(f, "{path}: {}", spans.join(", "))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    #[test]
    fn a_report_of_coverage_py_is_read_below_its_root() {
        let report = r#"{"meta": {}, "files": {
            "/repo/a.py": {"executed_lines": [1, 4], "missing_lines": [2], "excluded_lines": [9]},
            "/repo\\b\\c.py": {"executed_lines": [3]},
            "/elsewhere/d.py": {"executed_lines": [1]}}}"#;
        let coverage = Coverage::from_coverage_py(report, "/repo/").unwrap();
        let covered = |line| coverage.covers(&path("a.py"), line);
        let lines: Vec<_> = (0..12).filter(|line| covered(*line)).collect();
        assert_eq!(lines, [1, 4, 5, 6, 7, 8]);
        assert!(coverage.covers(&path("b/c.py"), 3) && !coverage.covers(&path("b/c.py"), 4));
        assert!(!coverage.covers(&path("d.py"), 1));
    }

    #[test]
    fn damaged_reports_are_errors() {
        for json in [
            "",
            "[]",
            "{}",
            r#"{"files": []}"#,
            r#"{"files": {"a.py": {}}}"#,
            r#"{"files": {"a.py": {"executed_lines": [-1]}}}"#,
            r#"{"files": {"a.py": {"executed_lines": ["1"]}}}"#,
        ] {
            let error = Coverage::from_coverage_py(json, "").unwrap_err();
            let Error::Coverage { source, .. } = &error else { panic!("{json}: {error}") };
            assert_eq!(source.is_some(), json.is_empty(), "{json}: only the first is not JSON");
            assert_eq!(error.kind(), crate::MutateErrorKind::Input);
        }
        for text in ["a.py", "a.py: x", "a.py: 0", "a.py: 4-2", "../a: 1", "a: 1-4294967295"] {
            assert!(Coverage::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_plain_form_comes_back_as_it_was() {
        let text = "a.py: 1, 3-5\nb/c d.py: 2\n";
        let coverage = Coverage::parse(text).unwrap();
        assert_eq!(coverage.to_string(), text);
        assert_eq!(Coverage::parse("# nothing\n\n").unwrap(), Coverage::new());
    }
}
