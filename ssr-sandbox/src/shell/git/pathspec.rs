//! Paths on a command line, seen from the current directory, with globs and exclusions.

use ssr_core::{RepoPath, Tree};

use super::{Fatal, Result};
use crate::shell::glob::{self, Slash};

/// Which paths a command is about; without any it is about all.
#[derive(Default)]
pub(super) struct Pathspec {
    wanted: Vec<Pattern>,
    excluded: Vec<Pattern>,
}

struct Pattern {
    text: String,
    /// The path itself or a directory above; empty for the whole repository.
    path: String,
    is_glob: bool,
}

impl Pathspec {
    /// Reads `args` as seen from the directory `prefix`, which is empty or ends in a slash.
    pub fn new<'a>(args: impl IntoIterator<Item = &'a String>, prefix: &str) -> Result<Self> {
        let mut spec = Self::default();
        for arg in args {
            let excluding = [":(exclude)", ":!", ":^"]
                .iter()
                .find_map(|magic| arg.strip_prefix(magic).filter(|rest| !rest.is_empty()));
            match excluding {
                Some(rest) => spec.excluded.push(Pattern::new(rest, prefix)?),
                None => spec.wanted.push(Pattern::new(arg, prefix)?),
            }
        }
        Ok(spec)
    }

    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty() && self.excluded.is_empty()
    }

    pub fn matches(&self, path: &str) -> bool {
        (self.wanted.is_empty() || self.wanted.iter().any(|pattern| pattern.matches(path)))
            && !self.excluded.iter().any(|pattern| pattern.matches(path))
    }

    /// The matching paths of `tree`.
    pub fn of<'t>(&self, tree: &'t Tree) -> impl Iterator<Item = &'t RepoPath> {
        tree.files().map(|(path, _)| path).filter(|path| self.matches(path.as_str()))
    }

    /// The first pattern that matches nothing in any of `trees`.
    pub fn unmatched(&self, trees: &[&Tree]) -> Option<&str> {
        let hits = |pattern: &&Pattern| {
            let in_tree =
                |tree: &&Tree| tree.files().any(|(path, _)| pattern.matches(path.as_str()));
            pattern.path.is_empty() || trees.iter().any(in_tree)
        };
        self.wanted.iter().find(|pattern| !hits(pattern)).map(|pattern| pattern.text.as_str())
    }
}

impl Pattern {
    fn new(text: &str, prefix: &str) -> Result<Self> {
        let (prefix, rest) = match text.strip_prefix(":/").or(text.strip_prefix(":(top)")) {
            Some(rest) => ("", rest),
            None => (prefix, text),
        };
        let path = locate(rest, prefix).ok_or_else(|| {
            Fatal::new(format!("{text}: '{text}' is outside repository at '/testbed'"))
        })?;
        Ok(Self { text: text.to_owned(), path, is_glob: glob::is_pattern(rest) })
    }

    fn matches(&self, path: &str) -> bool {
        let below =
            || path.strip_prefix(self.path.as_str()).is_some_and(|rest| rest.starts_with('/'));
        self.path.is_empty()
            || path == self.path
            || below()
            || (self.is_glob && glob::matches(&self.path, path, Slash::Plain))
    }
}

/// `path` as seen from `prefix`, from the top of the repository; `None` when it is outside.
pub(super) fn locate(path: &str, prefix: &str) -> Option<String> {
    let path = match path.strip_prefix(crate::harness::TESTBED) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest.to_owned(),
        _ if path.starts_with('/') => return None,
        _ => format!("{prefix}{path}"),
    };
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// `path`, which is from the top, as seen from `prefix`.
pub(super) fn relative(path: &str, prefix: &str) -> String {
    let mut above = prefix;
    let mut up = String::new();
    loop {
        if let Some(rest) = path.strip_prefix(above) {
            return match (up + rest).as_str() {
                "" => "./".to_owned(),
                text => text.to_owned(),
            };
        }
        let parent = above.trim_end_matches('/');
        above = &above[..parent.rfind('/').map_or(0, |at| at + 1)];
        up += "../";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_a_directory() {
        assert_eq!(locate("../b", "a/c/"), Some("a/b".to_owned()));
        assert_eq!(locate("/testbed/x/", "a/"), Some("x".to_owned()));
        assert_eq!(locate(".", ""), Some(String::new()));
        assert_eq!(locate("../../b", "a/"), None);
        assert_eq!(locate("/etc", ""), None);
        assert_eq!(relative("a/b/c", "a/"), "b/c");
        assert_eq!(relative("x/c", "a/b/"), "../../x/c");
    }

    #[test]
    fn patterns_match_files_directories_and_globs() {
        let spec = |text: &str| {
            let args: Vec<_> = text.split(' ').map(str::to_owned).collect();
            Pathspec::new(&args, "").unwrap()
        };
        assert!(spec("a").matches("a/b") && spec("a/").matches("a/b") && !spec("a").matches("ab"));
        assert!(spec("*.py").matches("a/b.py") && !spec("*.py").matches("a/b.txt"));
        assert!(spec(".").matches("a"));
        assert!(!spec(". :!a").matches("a/b") && spec(". :!a").matches("b"));
        assert!(Pathspec::new(&["../x".to_owned()], "").is_err());
    }
}
