//! Keys and values of sequences, in blocks that sequences share (vLLM's paged attention).

mod device;
mod host;
mod prefix;

use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use device::{DeviceCache, DeviceKv, block_bytes as device_block_bytes};
pub(crate) use host::HostCache;
pub(crate) use prefix::{PrefixCache, PrefixKey};

/// The keys and values of one sequence, in blocks of [`BLOCK`](crate::ops::BLOCK) tokens.
///
/// Each implementation has a type of block of its own, so blocks of one kind of memory cannot get
/// into a cache of another.
pub(crate) trait KvCache: Send {
    /// A full block of all layers.
    type Block: CachedBlock;

    /// Tokens whose keys and values are stored.
    fn len(&self) -> usize;

    /// The block with this index, if it is full and no layer has dropped its part.
    fn block(&self, index: usize) -> Option<Self::Block>;

    /// Appends a full block that was computed for the same tokens in another sequence.
    fn extend(&mut self, block: &Self::Block);

    /// Drops what no later token attends to.
    fn trim(&mut self);
}

/// A full block, shared between sequences and the prefix cache.
pub(crate) trait CachedBlock: Clone + Send {
    /// Whether nobody else holds some of it, so that dropping it frees memory.
    fn is_sole(&self) -> bool;
}

/// Counts the bytes of the blocks of all sequences.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    bytes: AtomicUsize,
}

impl Pool {
    /// Bytes of all blocks that exist.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn subtract(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
