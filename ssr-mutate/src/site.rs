//! Sites, each one edit of one operator, and their ids.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use ssr_core::{Edit, Patch, RepoPath};

use crate::finds::{Effect, effect};
use crate::{Operator, Result};

/// The file that sites were found in, shared by all of them.
#[derive(Debug)]
pub struct Source {
    pub(crate) path: RepoPath,
    pub(crate) text: Box<str>,
    pub(crate) hash: [u8; 32],
    /// The qualified names of functions, which sites refer to by position.
    functions: OnceLock<Vec<Arc<str>>>,
}

impl Source {
    pub(crate) fn new(path: &RepoPath, text: &str) -> Arc<Self> {
        let hash = Sha256::digest(text.as_bytes()).into();
        let functions = OnceLock::new();
        Arc::new(Self { path: path.clone(), text: text.into(), hash, functions })
    }

    /// Sets the names of the functions, once.
    pub(crate) fn set_functions(&self, functions: Vec<Arc<str>>) {
        self.functions.get_or_init(|| functions);
    }
}

/// The id of a [`Site`]: the first 128 bits of SHA-256(file hash, range, operator version,
/// operator, path, replacement).
///
/// Ids are equal exactly when the same operator makes the same edit in the same file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(u128);

impl SiteId {
    /// The id as a number, uniformly distributed over all numbers.
    #[must_use]
    pub fn value(self) -> u128 {
        self.0
    }

    pub(crate) fn new(
        operator: &Operator,
        source: &Source,
        range: &Range<usize>,
        replacement: &str,
    ) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(source.hash);
        hasher.update((range.start as u64).to_le_bytes());
        hasher.update((range.end as u64).to_le_bytes());
        hasher.update(operator.version.to_le_bytes());
        // A NUL byte ends each text, so that different texts never give the same input: operator
        // ids and paths contain no NUL, and the replacement, which may contain one, comes last.
        for text in [operator.id, source.path.as_str(), replacement] {
            hasher.update(text.as_bytes());
            hasher.update([0]);
        }
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hasher.finalize()[..16]);
        Self(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One edit that one operator can make in one place.
///
/// A site is small and cheap to clone, because all sites of a file share its text.
#[derive(Clone)]
pub struct Site {
    pub(crate) operator: &'static Operator,
    pub(crate) source: Arc<Source>,
    pub(crate) replacement: Cow<'static, str>,
    /// The replaced bytes; a file is at most 4 MiB long.
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) line: u32,
    /// The position of the function's name in the source's list; out of range outside of functions.
    pub(crate) function: u32,
}

impl Site {
    /// The id. Equal operators and equal sources give equal ids.
    #[must_use]
    pub fn id(&self) -> SiteId {
        SiteId::new(self.operator, &self.source, &self.range(), &self.replacement)
    }

    /// The operator that makes the edit.
    #[must_use]
    pub fn operator(&self) -> &'static Operator {
        self.operator
    }

    /// The path of the file.
    #[must_use]
    pub fn path(&self) -> &RepoPath {
        &self.source.path
    }

    /// The whole text of the file before the edit.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source.text
    }

    /// The byte range that the edit replaces.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The text that the edit replaces.
    #[must_use]
    pub fn original(&self) -> &str {
        &self.source.text[self.range()]
    }

    /// The text that replaces it.
    #[must_use]
    pub fn replacement(&self) -> &str {
        &self.replacement
    }

    /// The line that a test has to execute to be affected by the edit, counted from 1.
    ///
    /// It is the line of the changed syntax node, or the first line of the branch that the edit
    /// removes.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line as usize
    }

    /// The qualified name of the enclosing function (`Class.method`, `outer.inner`), if any.
    #[must_use]
    pub fn function(&self) -> Option<&str> {
        self.source.functions.get()?.get(self.function as usize).map(|name| &**name)
    }

    /// The edit, which can be rendered as a patch.
    #[must_use]
    pub fn edit(&self) -> Edit {
        Edit::new(self.source.path.clone(), self.range(), self.replacement())
    }

    /// The edit as a patch. To render many of one file, an
    /// [`EditRenderer`](ssr_core::EditRenderer) over [`Site::edit`]s is faster.
    ///
    /// # Errors
    /// Never in practice, because the range of a site lies inside its source.
    pub fn patch(&self) -> Result<Patch> {
        Ok(self.edit().to_patch(self.source().as_bytes())?)
    }

    /// The whole text of the file after the edit.
    #[must_use]
    pub fn mutated(&self) -> String {
        let text = &self.source.text;
        let mut mutated = String::with_capacity(text.len() + self.replacement.len());
        mutated.push_str(&text[..self.start as usize]);
        mutated.push_str(&self.replacement);
        mutated.push_str(&text[self.end as usize..]);
        mutated
    }

    /// A value that is equal for two sites exactly when their resulting files are equal. `None`
    /// when the edit changes nothing.
    pub(crate) fn result(&self) -> Option<(&RepoPath, [u8; 32], Effect<'_>)> {
        let effect = effect(&self.source.text, &self.range(), &self.replacement)?;
        Some((self.path(), self.source.hash, effect))
    }

    /// A description in one line, such as ``toolz/itertoolz.py:120 in groupby: RBR `<` → `<=` ``.
    #[must_use]
    pub fn describe(&self) -> String {
        let place = match self.function() {
            Some(function) => format!("{}:{} in {function}", self.path(), self.line),
            None => format!("{}:{}", self.path(), self.line),
        };
        let change = match (excerpt(self.original()), excerpt(&self.replacement)) {
            (before, after) if after.is_empty() => format!("delete `{before}`"),
            (before, after) if before.is_empty() => format!("insert `{after}`"),
            (before, after) => format!("`{before}` → `{after}`"),
        };
        format!("{place}: {} {change}", self.operator)
    }
}

/// The text on one line, cut after 60 characters.
fn excerpt(text: &str) -> String {
    const MOST: usize = 60;
    let mut words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = words.char_indices().nth(MOST) {
        words.truncate(end);
        words.push('…');
    }
    words
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id(), self.describe())
    }
}

/// Sites are equal when their ids are.
impl PartialEq for Site {
    fn eq(&self, other: &Self) -> bool {
        let key = |site: &Self| (site.start, site.end, site.operator.id, site.operator.version);
        key(self) == key(other)
            && self.replacement == other.replacement
            && self.path() == other.path()
            && self.source.hash == other.source.hash
    }
}

impl Eq for Site {}
