//! Relative paths that are safe to join to any folder.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A normalised relative path inside a repository, with `/` between components.
///
/// It cannot be absolute, empty, longer than 4096 bytes, contain `.`/`..`/empty components, NUL or a backslash, or have a
/// component that some file system would treat as `.git` (any case, `git~1`, trailing dots or
/// spaces, ignorable code points). Such a path is safe to join to any directory.
///
/// ```
/// use ssr_core::RepoPath;
///
/// let path = RepoPath::new("toolz/itertoolz.py")?;
/// assert_eq!(path.file_name(), "itertoolz.py");
/// assert_eq!(path.parent(), Some("toolz"));
/// assert!(RepoPath::new("../evil").is_err());
/// assert!(RepoPath::new("a/.GIT/hooks").is_err());
/// # Ok::<(), ssr_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RepoPath(Arc<str>);

impl RepoPath {
    /// Checks `path` and takes it as it is: nothing is normalised silently.
    ///
    /// # Errors
    /// [`Error::Path`] names the path and the rule that it breaks.
    pub fn new(path: &str) -> Result<Self> {
        match broken_rule(path) {
            None => Ok(Self(path.into())),
            Some(rule) => Err(Error::Path { path: path.to_owned(), rule }),
        }
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Everything before the last component, `None` for a file at the top.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// What follows the last dot of the file name, without the dot.
    pub fn extension(&self) -> Option<&str> {
        match self.file_name().rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() => Some(extension),
            _ => None,
        }
    }

    /// The components, from the top.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }
}

/// What Linux can open. It also bounds how deep a tree gets, which is walked by recursion.
const MAX_LENGTH: usize = 4096;

fn broken_rule(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty");
    }
    if path.len() > MAX_LENGTH {
        return Some("it is longer than 4096 bytes");
    }
    if path.starts_with('/') {
        return Some("it is absolute");
    }
    if path.contains('\0') {
        return Some("it contains NUL");
    }
    if path.contains('\\') {
        return Some("it contains a backslash, which is a separator on some systems");
    }
    path.split('/').find_map(|component| match component {
        "" => Some("it has an empty component"),
        "." => Some("it has a `.` component"),
        ".." => Some("it has a `..` component"),
        _ if is_dot_git(component) => Some("it has a component that can name `.git`"),
        _ => None,
    })
}

/// Whether some file system opens `.git` under this name: NTFS ignores trailing dots and spaces,
/// streams (`.git::$INDEX`) and offers `git~1`; HFS+ ignores case and zero-width code points.
fn is_dot_git(component: &str) -> bool {
    let visible: String = component
        .chars()
        .filter(|c| !matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}'))
        .collect::<String>()
        .to_lowercase();
    let name = visible.split(':').next().unwrap_or("");
    matches!(name.trim_end_matches(['.', ' ']), ".git" | "git~1")
}

impl AsRef<str> for RepoPath {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for RepoPath {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RepoPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl TryFrom<String> for RepoPath {
    type Error = Error;

    fn try_from(path: String) -> Result<Self> {
        Self::new(&path)
    }
}

impl std::str::FromStr for RepoPath {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self> {
        Self::new(path)
    }
}

impl From<RepoPath> for String {
    fn from(path: RepoPath) -> Self {
        path.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_leave_the_repository_or_touch_git_are_refused() {
        for path in [
            "",
            "/etc/passwd",
            "../a",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            "a/.",
            "a\0b",
            "a\\b",
            ".git",
            "a/.git/b",
            ".GIT/config",
            ".git./x",
            ".git /x",
            "git~1",
            "GIT~1/x",
            ".g\u{200c}it/x",
            ".git::$INDEX_ALLOCATION/x",
        ] {
            assert!(RepoPath::new(path).is_err(), "{path:?} was accepted");
        }
    }

    #[test]
    fn ordinary_and_odd_names_are_taken_as_they_are() {
        for path in [".github/ci.yml", ".gitignore", "a b/ü.py", "...", "git/x", "a.git", "x~1"] {
            assert_eq!(RepoPath::new(path).unwrap().as_str(), path);
        }
        assert_eq!(RepoPath::new(".gitignore").unwrap().extension(), None);
        assert_eq!(RepoPath::new("a/b.tar.gz").unwrap().extension(), Some("gz"));
    }
}
