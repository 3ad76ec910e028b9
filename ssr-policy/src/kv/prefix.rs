use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Cache, Column};
use crate::ops::BLOCK;

/// Names a block of tokens after everything before it, under certain weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PrefixKey(u64);

impl PrefixKey {
    /// The key of nothing, under weights with that identity.
    pub(crate) fn root(weights: u64) -> Self {
        Self(hash(&weights))
    }

    /// The key of a block of tokens after this one.
    pub(crate) fn then(self, tokens: &[u32]) -> Self {
        Self(hash(&(self.0, tokens)))
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A block and what it stands for.
struct Entry {
    /// What the key stands for, so that equal hashes cannot be mistaken for equal tokens.
    parent: PrefixKey,
    tokens: Box<[u32]>,
    column: Column,
    used: u64,
}

/// Full blocks of earlier sequences, found by their tokens and everything before them.
#[derive(Default)]
pub(crate) struct PrefixCache {
    /// The identity of the weights.
    weights: u64,
    columns: HashMap<PrefixKey, Entry>,
    clock: u64,
}

impl PrefixCache {
    /// Forgets everything that was computed with other weights.
    pub(crate) fn set_weights(&mut self, weights: u64) {
        if self.weights != weights {
            self.columns.clear();
            self.weights = weights;
        }
    }

    /// Fills an empty cache with the longest known beginning of `tokens` of at most `most` tokens.
    pub(crate) fn restore(&mut self, cache: &mut Cache, tokens: &[u32], most: usize) {
        self.clock += 1;
        let mut parent = PrefixKey::root(self.weights);
        for tokens in tokens[..most.min(tokens.len())].chunks_exact(BLOCK) {
            let key = parent.then(tokens);
            match self.columns.get_mut(&key) {
                Some(entry) if entry.parent == parent && *entry.tokens == *tokens => {
                    entry.used = self.clock;
                    cache.extend(&entry.column);
                }
                _ => break,
            }
            parent = key;
        }
    }

    /// Whether a block is known.
    pub(crate) fn contains(&self, key: PrefixKey) -> bool {
        self.columns.contains_key(&key)
    }

    /// Keeps a full block of a sequence.
    pub(crate) fn insert(
        &mut self,
        parent: PrefixKey,
        tokens: &[u32],
        cache: &Cache,
        index: usize,
    ) {
        self.clock += 1;
        let key = parent.then(tokens);
        if !self.columns.contains_key(&key)
            && let Some(column) = cache.column(index)
        {
            let entry = Entry { parent, tokens: tokens.into(), column, used: self.clock };
            self.columns.insert(key, entry);
        }
    }

    /// Forgets the block that was not used for longest among those that nobody else holds; false
    /// when there is none.
    pub(crate) fn evict(&mut self) -> bool {
        let oldest = self.columns.iter().filter(|(_, entry)| entry.column.is_sole());
        // A sequence's later blocks are used no later than its earlier ones: they go first.
        match oldest.min_by_key(|(key, entry)| (entry.used, key.0)).map(|(key, _)| *key) {
            Some(key) => self.columns.remove(&key).is_some(),
            None => false,
        }
    }

    /// Blocks that are known.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }
}
