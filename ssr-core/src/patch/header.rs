//! The lines of a patch before the hunks of a file.

use std::borrow::Cow;

/// How the lines before the hunks were spelled, kept to print them as they were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Header {
    /// `diff --git …` with extended header lines.
    Git(GitHeader),
    /// `--- …` and `+++ …` alone: everything after the first four bytes, without the newline.
    Plain { old: Vec<u8>, new: Vec<u8> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GitHeader {
    /// `a/`, or what `diff.mnemonicPrefix` and its like put there.
    pub old_prefix: Cow<'static, str>,
    /// `b/`.
    pub new_prefix: Cow<'static, str>,
    /// Git's `core.quotePath`: bytes above 0x7f are printed in octal.
    pub quote_non_ascii: bool,
    pub similarity: Option<Similarity>,
    pub index: Option<Index>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Similarity {
    Similar(u8),
    Dissimilar(u8),
}

/// `index <old>..<new>[ <mode>]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Index {
    pub old: Box<str>,
    pub new: Box<str>,
    pub mode: Option<super::FileMode>,
}

impl Default for Header {
    fn default() -> Self {
        Self::Git(GitHeader::default())
    }
}

impl Default for GitHeader {
    fn default() -> Self {
        Self {
            old_prefix: Cow::Borrowed("a/"),
            new_prefix: Cow::Borrowed("b/"),
            quote_non_ascii: true,
            similarity: None,
            index: None,
        }
    }
}

impl Header {
    pub fn reverse(&self) -> Self {
        match self {
            Self::Plain { old, new } => Self::Plain { old: new.clone(), new: old.clone() },
            Self::Git(header) => {
                let mut header = header.clone();
                if let Some(index) = &mut header.index {
                    std::mem::swap(&mut index.old, &mut index.new);
                }
                Self::Git(header)
            }
        }
    }
}
