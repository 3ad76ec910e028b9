//! Special tokens and where they stand in a text.

use std::collections::{BTreeMap, HashMap};

use tokenizers::AddedToken;

/// A special token as it stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Special<'t> {
    pub(crate) text: &'t str,
    pub(crate) id: u32,
    /// Whether the space before it belongs to it.
    pub(crate) lstrip: bool,
    /// Whether the space after it belongs to it.
    pub(crate) rstrip: bool,
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    Text(&'t str),
    Special(Special<'t>),
}

impl<'t> Piece<'t> {
    pub(crate) fn text(&self) -> &'t str {
        match self {
            Self::Text(text) => text,
            Self::Special(special) => special.text,
        }
    }
}

/// The special tokens of a vocabulary.
#[derive(Debug, Default)]
pub(super) struct Specials {
    by_text: HashMap<String, (u32, AddedToken)>,
    by_id: BTreeMap<u32, String>,
    /// The lengths of those that begin with a byte, longest first.
    lengths: BTreeMap<u8, Vec<usize>>,
}

impl Specials {
    pub(super) fn new(tokens: impl IntoIterator<Item = (u32, AddedToken)>) -> Self {
        let mut specials = Self::default();
        for (id, token) in tokens {
            let text = token.content.clone();
            let Some(&first) = text.as_bytes().first() else { continue };
            let lengths = specials.lengths.entry(first).or_default();
            if let Err(at) = lengths.binary_search_by(|length| text.len().cmp(length)) {
                lengths.insert(at, text.len());
            }
            specials.by_id.insert(id, text.clone());
            specials.by_text.insert(text, (id, token));
        }
        specials
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.by_id.contains_key(&id)
    }

    pub(super) fn id(&self, text: &str) -> Option<u32> {
        self.by_text.get(text).map(|(id, _)| *id)
    }

    #[cfg(feature = "grammar")]
    pub(super) fn spelling_of(&self, id: u32) -> Option<&str> {
        self.by_id.get(&id).map(String::as_str)
    }

    /// The longest special token that a text begins with.
    fn at_start<'t>(&self, text: &'t str) -> Option<Special<'t>> {
        let lengths = self.lengths.get(text.as_bytes().first()?)?;
        lengths.iter().find_map(|&length| {
            let text = text.get(..length)?;
            let (id, token) = self.by_text.get(text)?;
            Some(Special { text, id: *id, lstrip: token.lstrip, rstrip: token.rstrip })
        })
    }

    /// Cuts a text at its special tokens, the leftmost and longest first.
    pub(super) fn pieces<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Piece<'t>> {
        let mut rest = text;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let found = rest.bytes().enumerate().find_map(|(at, byte)| {
                let candidate = self.lengths.contains_key(&byte) && rest.is_char_boundary(at);
                Some((at, self.at_start(candidate.then(|| &rest[at..])?)?))
            });
            let (piece, length) = match found {
                Some((0, special)) => (Piece::Special(special), special.text.len()),
                Some((at, _)) => (Piece::Text(&rest[..at]), at),
                None => (Piece::Text(rest), rest.len()),
            };
            rest = &rest[length..];
            Some(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_leftmost_and_longest_special_token_is_found() {
        let tokens = ["<a>", "<a><b>", "é", "<a", ""];
        let tokens = (0..).zip(tokens.map(|token| AddedToken::from(token, true)));
        let specials = Specials::new(tokens);
        let pieces = |text| -> Vec<String> {
            specials
                .pieces(text)
                .map(|piece| match piece {
                    Piece::Text(text) => text.to_owned(),
                    Piece::Special(special) => format!("#{}", special.id),
                })
                .collect()
        };
        assert_eq!(pieces("x<a>y<a><b>é<aè<"), ["x", "#0", "y", "#1", "#2", "#3", "è<"]);
        assert!(pieces("").is_empty());
    }
}
