//! Batches of sequences, one after another, in which a prefix that several of them share stands once.

use crate::ops::{Prefix, Span};

/// Sequences that are read in one forward pass. None sees another but for the prefix that it goes on
/// from, and each has the bits that it has alone.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    pub(crate) tokens: Vec<u32>,
    /// The position of each token in its sequence.
    pub(crate) positions: Vec<usize>,
    pub(crate) spans: Vec<Span>,
}

/// A sequence in a batch: where its tokens stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// The row of the first token of the whole sequence that this one is or goes on from.
    root: usize,
    /// The first tokens that stand there.
    shared: usize,
    /// The row of the first token after them.
    own: usize,
}

impl Place {
    /// The row of the token at a position of the sequence.
    pub(crate) fn row(&self, position: usize) -> u32 {
        let row = match position.checked_sub(self.shared) {
            None => self.root + position,
            Some(own) => self.own + own,
        };
        row as u32
    }
}

impl Packed {
    /// Appends a whole sequence.
    pub(crate) fn push(&mut self, tokens: &[u32]) -> Place {
        let root = self.tokens.len();
        self.append(tokens, None);
        Place { root, shared: 0, own: root }
    }

    /// Appends what comes after the first `shared` tokens of a sequence that was pushed whole.
    pub(crate) fn branch(&mut self, of: Place, shared: usize, tokens: &[u32]) -> Place {
        let own = self.tokens.len();
        self.append(tokens, Some(Prefix { first: of.root, tokens: shared }));
        Place { root: of.root, shared, own }
    }

    fn append(&mut self, tokens: &[u32], prefix: Option<Prefix>) {
        let start = prefix.map_or(0, |prefix| prefix.tokens);
        if !tokens.is_empty() {
            self.spans.push(Span { tokens: tokens.len(), prefix });
            self.tokens.extend_from_slice(tokens);
            self.positions.extend(start..start + tokens.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_tokens_have_the_rows_of_the_whole_sequence() {
        let mut packed = Packed::default();
        packed.push(&[9]);
        let whole = packed.push(&[1, 2, 3]);
        let branch = packed.branch(whole, 2, &[4, 5]);
        let same = packed.branch(whole, 3, &[]);
        assert_eq!(packed.tokens, [9, 1, 2, 3, 4, 5]);
        assert_eq!(packed.positions, [0, 0, 1, 2, 2, 3]);
        assert_eq!([0, 1, 2, 3].map(|position| branch.row(position)), [1, 2, 4, 5]);
        assert_eq!([0, 1, 2].map(|position| same.row(position)), [1, 2, 3]);
        assert_eq!(packed.spans.len(), 3);
    }
}
