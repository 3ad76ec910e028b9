//! Full blocks of earlier sequences, found by their tokens and all tokens before them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{CachedBlock, KvCache};
use crate::ops::BLOCK;

/// Names a block of tokens after everything before it, under certain weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PrefixKey(u64);

impl PrefixKey {
    /// The key before the first block, under weights with that identity.
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

/// A block and what its key stands for.
struct Entry<B> {
    /// Compared as well, so that equal hashes cannot be mistaken for equal tokens.
    parent: PrefixKey,
    tokens: Box<[u32]>,
    block: B,
    /// The clock when it was last used.
    used: u64,
}

/// The prefix cache: blocks that later sequences with the same beginning reuse.
pub(crate) struct PrefixCache<C: KvCache> {
    /// The identity of the weights.
    weights: u64,
    blocks: HashMap<PrefixKey, Entry<C::Block>>,
    clock: u64,
}

impl<C: KvCache> Default for PrefixCache<C> {
    fn default() -> Self {
        Self { weights: 0, blocks: HashMap::new(), clock: 0 }
    }
}

impl<C: KvCache> PrefixCache<C> {
    /// Drops everything that was computed with other weights.
    pub(crate) fn set_weights(&mut self, weights: u64) {
        if self.weights != weights {
            self.blocks.clear();
            self.weights = weights;
        }
    }

    /// Fills an empty cache with the longest cached beginning of `tokens` of at most `most` tokens.
    pub(crate) fn restore(&mut self, cache: &mut C, tokens: &[u32], most: usize) {
        self.clock += 1;
        let mut parent = PrefixKey::root(self.weights);
        for tokens in tokens[..most.min(tokens.len())].chunks_exact(BLOCK) {
            let key = parent.then(tokens);
            match self.blocks.get_mut(&key) {
                Some(entry) if entry.parent == parent && *entry.tokens == *tokens => {
                    entry.used = self.clock;
                    cache.extend(&entry.block);
                }
                _ => break,
            }
            parent = key;
        }
    }

    /// Whether a block is cached.
    pub(crate) fn contains(&self, key: PrefixKey) -> bool {
        self.blocks.contains_key(&key)
    }

    /// Keeps a full block of a sequence.
    pub(crate) fn insert(&mut self, parent: PrefixKey, tokens: &[u32], cache: &C, index: usize) {
        self.clock += 1;
        let key = parent.then(tokens);
        if !self.blocks.contains_key(&key)
            && let Some(block) = cache.block(index)
        {
            let entry = Entry { parent, tokens: tokens.into(), block, used: self.clock };
            self.blocks.insert(key, entry);
        }
    }

    /// Evicts the least recently used of the blocks that no sequence holds; false when there is
    /// none.
    pub(crate) fn evict(&mut self) -> bool {
        let unused = self.blocks.iter().filter(|(_, entry)| entry.block.is_sole());
        // Blocks of one restored prefix have equal times. The key tells them apart, so that equal
        // runs evict the same blocks.
        match unused.min_by_key(|(key, entry)| (entry.used, key.0)).map(|(key, _)| *key) {
            Some(key) => self.blocks.remove(&key).is_some(),
            None => false,
        }
    }

    /// Blocks that are cached.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }
}
