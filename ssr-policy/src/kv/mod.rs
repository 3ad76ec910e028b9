//! Keys and values of sequences in shared blocks.

mod device;
mod host;
mod prefix;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use device::{DeviceCache, DeviceKv, Slot, column_bytes as device_column_bytes};
pub(crate) use host::HostCache;
pub(crate) use prefix::{PrefixCache, PrefixKey};

/// What the blocks of all sequences together take.
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

/// The keys and values of one sequence.
pub(crate) enum Cache {
    /// In memory, written by the kernels.
    Host(HostCache),
    /// In tensors of a device.
    Device(DeviceCache),
}

/// A full block of all layers, shared between sequences.
#[derive(Clone)]
pub(crate) enum Column {
    Host(Vec<host::Shared>),
    Device(Arc<Slot>),
}

impl Column {
    /// Whether nobody else holds some of it.
    pub(crate) fn is_sole(&self) -> bool {
        match self {
            Self::Host(blocks) => blocks.iter().any(host::Shared::is_sole),
            Self::Device(slot) => Arc::strong_count(slot) == 1,
        }
    }
}

impl Cache {
    /// Tokens fed so far.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Host(cache) => cache.len(),
            Self::Device(cache) => cache.len(),
        }
    }

    /// The block with this index, if it is full and no layer has dropped its part.
    pub(crate) fn column(&self, index: usize) -> Option<Column> {
        match self {
            Self::Host(cache) => cache.column(index).map(Column::Host),
            Self::Device(cache) => cache.slot(index).map(Column::Device),
        }
    }

    /// Appends a full block that was computed for the same tokens by another sequence.
    pub(crate) fn extend(&mut self, column: &Column) {
        match (self, column) {
            (Self::Host(cache), Column::Host(blocks)) => cache.extend(blocks),
            (Self::Device(cache), Column::Device(slot)) => cache.extend(slot),
            _ => debug_assert!(false, "blocks of another generator"),
        }
    }

    /// Drops the blocks that no later token sees.
    pub(crate) fn trim(&mut self) {
        if let Self::Host(cache) = self {
            cache.trim();
        }
    }
}
