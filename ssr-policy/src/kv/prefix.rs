use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Cache;
use super::cache::Shared;
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

/// The blocks of all layers for [`BLOCK`] tokens.
struct Column {
    /// What the key stands for, so that equal hashes cannot be mistaken for equal tokens.
    parent: PrefixKey,
    tokens: Box<[u32]>,
    blocks: Vec<Shared>,
    used: u64,
}

/// Full blocks of earlier sequences, found by their tokens and everything before them.
#[derive(Default)]
pub(crate) struct PrefixCache {
    /// The identity of the weights.
    weights: u64,
    columns: HashMap<PrefixKey, Column>,
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
                Some(column) if column.parent == parent && *column.tokens == *tokens => {
                    column.used = self.clock;
                    cache.extend(&column.blocks);
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
            && let Some(blocks) = cache.column(index)
        {
            let column = Column { parent, tokens: tokens.into(), blocks, used: self.clock };
            self.columns.insert(key, column);
        }
    }

    /// Forgets the block that was not used for longest among those that nobody else holds; false
    /// when there is none.
    pub(crate) fn evict(&mut self) -> bool {
        let sole = |column: &Column| column.blocks.iter().any(Shared::is_sole);
        let oldest = self.columns.iter().filter(|(_, column)| sole(column));
        // A sequence's later blocks are used no later than its earlier ones: they go first.
        match oldest.min_by_key(|(key, column)| (column.used, key.0)).map(|(key, _)| *key) {
            Some(key) => self.columns.remove(&key).is_some(),
            None => false,
        }
    }

    /// Blocks that are known.
    pub(crate) fn len(&self) -> usize {
        self.columns.len()
    }
}
