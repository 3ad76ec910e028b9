//! Which files the `.gitignore` files of the working tree ignore.

use std::collections::BTreeMap;

use ssr_core::Tree;

use crate::shell::glob::{self, Slash};

/// The `.gitignore` files of a working tree, by the directory that they are in.
pub(super) struct Ignored(BTreeMap<String, Vec<Rule>>);

/// One line of a `.gitignore` file.
struct Rule {
    pattern: String,
    /// The line as it stands, and its number.
    source: (usize, String),
    /// `!` takes back what an earlier line ignores.
    ignores: bool,
    only_directories: bool,
    /// The pattern is about the whole path below the file's directory, not about a name.
    anchored: bool,
}

impl Rule {
    fn parse((number, line): (usize, &str)) -> Option<Self> {
        let source = (number + 1, line.to_owned());
        let line = match line.trim_end() {
            // A space at the end counts when it is escaped.
            trimmed if trimmed.ends_with('\\') && line.len() > trimmed.len() => {
                &line[..trimmed.len() + 1]
            }
            trimmed => trimmed,
        };
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (ignores, line) = line.strip_prefix('!').map_or((true, line), |rest| (false, rest));
        let (only_directories, line) =
            line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
        let anchored = line.contains('/');
        let pattern = line.strip_prefix('/').unwrap_or(line).to_owned();
        Some(Self { pattern, source, ignores, only_directories, anchored })
    }

    fn matches(&self, path: &str, is_directory: bool) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let subject = if self.anchored { path } else { name };
        (is_directory || !self.only_directories)
            && glob::matches(&self.pattern, subject, Slash::Separator)
    }
}

impl Ignored {
    pub fn new(work: &Tree) -> Self {
        let files = work.files().filter(|(path, _)| path.file_name() == ".gitignore");
        let rules = files.map(|(path, file)| {
            let text = String::from_utf8_lossy(file.bytes());
            let rules = text.lines().enumerate().filter_map(Rule::parse).collect();
            (path.parent().unwrap_or("").to_owned(), rules)
        });
        Self(rules.collect())
    }

    /// Whether git leaves the file out: what an ignored directory holds cannot be taken back.
    pub fn is_ignored(&self, path: &str) -> bool {
        let directories = path.match_indices('/').map(|(at, _)| (&path[..at], true));
        directories
            .chain([(path, false)])
            .any(|(path, is_directory)| self.excludes(path, is_directory))
    }

    fn excludes(&self, path: &str, is_directory: bool) -> bool {
        self.rule(path, is_directory).is_some_and(|(_, rule)| rule.ignores)
    }

    /// The last line that matches in the nearest file that has one decides.
    fn rule<'s>(&'s self, path: &'s str, is_directory: bool) -> Option<(&'s str, &'s Rule)> {
        let above = path.rmatch_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
        above.chain([("", path)]).find_map(|(directory, below)| {
            let rules = self.0.get(directory)?;
            let rule = rules.iter().rev().find(|rule| rule.matches(below, is_directory))?;
            Some((directory, rule))
        })
    }

    /// The line that decides about a path, or about the outermost directory that leaves it out.
    pub fn decided_by(&self, path: &str, is_directory: bool) -> Option<Place> {
        let mut directories = path.match_indices('/').map(|(at, _)| (&path[..at], true));
        let excluded =
            directories.find(|(path, _)| self.excludes(path, true)).unwrap_or((path, is_directory));
        let (directory, rule) = self.rule(excluded.0, excluded.1)?;
        let slash = if directory.is_empty() { "" } else { "/" };
        let file = format!("{directory}{slash}.gitignore");
        let (number, line) = rule.source.clone();
        Some(Place { file, number, line, ignores: rule.ignores })
    }
}

/// Where a decision about a path stands.
pub(super) struct Place {
    file: String,
    number: usize,
    line: String,
    pub ignores: bool,
}

impl std::fmt::Display for Place {
    /// As `git check-ignore -v` prints it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.number, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ssr_core::{File, RepoPath};

    #[test]
    fn the_nearest_file_decides() {
        let file =
            |path: &str, text: &str| (RepoPath::new(path).unwrap(), File::new(text.as_bytes()));
        let work = Tree::from_files([
            file(".gitignore", "*.log\nbuild/\n/only\n# no\n!keep.log\n"),
            file("a/.gitignore", "!x.log\ny\n"),
        ]);
        let ignored = Ignored::new(&work.unwrap());
        for path in ["b.log", "c/b.log", "build/x", "c/build/keep.log", "only", "a/y", "a/b/y"] {
            assert!(ignored.is_ignored(path), "{path}");
        }
        for path in ["keep.log", "a/x.log", "builds", "a/only", "y"] {
            assert!(!ignored.is_ignored(path), "{path}");
        }
    }
}
