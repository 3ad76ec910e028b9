//! Sites, each one edit of one operator, and their ids.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};
use ssr_core::{Edit, Patch, RepoPath};

use crate::finds::{Effect, effect};
use crate::{Operator, Result};

/// One file as the sites in it saw it; shared by all of them.
#[derive(Debug)]
pub struct Source {
    pub(crate) path: RepoPath,
    pub(crate) text: Box<str>,
    pub(crate) hash: [u8; 32],
    /// The qualified names that [`Site::function`] refers to.
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

/// The name of a [`Site`], equal wherever the same operator would make the same edit in the same
/// file: the first 128 bits of
/// SHA-256(operator, version, path, file hash, range, replacement).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteId(u128);

impl SiteId {
    /// The id as a number, uniform over all numbers.
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
        // A zero byte ends each text, and none of them can contain one before its end matters.
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

/// One place where one operator can make one edit. Cheap to clone and small: the file is shared.
#[derive(Clone)]
pub struct Site {
    pub(crate) operator: &'static Operator,
    pub(crate) source: Arc<Source>,
    pub(crate) replacement: Cow<'static, str>,
    /// The replaced bytes; a file is at most 4 MiB long.
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) line: u32,
    /// The position in the names of the source; none where there is no such name.
    pub(crate) function: u32,
}

impl Site {
    /// The id: equal seeds and equal sources give equal ids.
    pub fn id(&self) -> SiteId {
        SiteId::new(self.operator, &self.source, &self.range(), &self.replacement)
    }

    /// The operator that makes the edit.
    pub fn operator(&self) -> &'static Operator {
        self.operator
    }

    /// The file.
    pub fn path(&self) -> &RepoPath {
        &self.source.path
    }

    /// The whole text of the file before the edit.
    pub fn source(&self) -> &str {
        &self.source.text
    }

    /// The bytes that the edit replaces.
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The text that the edit replaces.
    pub fn original(&self) -> &str {
        &self.source.text[self.range()]
    }

    /// The text that takes its place.
    pub fn replacement(&self) -> &str {
        &self.replacement
    }

    /// The line that a test has to run to feel the edit, counted from 1: that of the changed syntax
    /// node, or the first of the branch that the edit takes away.
    pub fn line(&self) -> usize {
        self.line as usize
    }

    /// The qualified name of the function around it (`Class.method`, `outer.inner`), if any.
    pub fn function(&self) -> Option<&str> {
        self.source.functions.get()?.get(self.function as usize).map(|name| &**name)
    }

    /// The edit, ready to be rendered as a patch.
    pub fn edit(&self) -> Edit {
        Edit::new(self.source.path.clone(), self.range(), self.replacement())
    }

    /// The edit as a patch. To render many of one file, an
    /// [`EditRenderer`](ssr_core::EditRenderer) over [`Site::edit`]s is faster.
    ///
    /// # Errors
    /// None in practice: a site lies inside its own source.
    pub fn patch(&self) -> Result<Patch> {
        Ok(self.edit().to_patch(self.source().as_bytes())?)
    }

    /// The whole text of the file after the edit.
    pub fn mutated(&self) -> String {
        let text = &self.source.text;
        let mut mutated = String::with_capacity(text.len() + self.replacement.len());
        mutated.push_str(&text[..self.start as usize]);
        mutated.push_str(&self.replacement);
        mutated.push_str(&text[self.end as usize..]);
        mutated
    }

    /// What the edit leads to: equal for two sites exactly when the resulting files are. `None`
    /// when the edit changes nothing.
    pub(crate) fn result(&self) -> Option<(&RepoPath, [u8; 32], Effect<'_>)> {
        let effect = effect(&self.source.text, &self.range(), &self.replacement)?;
        Some((self.path(), self.source.hash, effect))
    }

    /// One line for people: ``toolz/itertoolz.py:120 in groupby: RBR `<` → `<=` ``.
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

/// The text on one line and at most 60 characters long.
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

/// Equal when the ids are.
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
