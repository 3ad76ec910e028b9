//! Keys and values in tensors of a device, of which sequences hold slots.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device, Tensor};

use super::{CachedBlock, KvCache, Pool};
use crate::bound::Bound;
use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::ops::BLOCK;

/// Keys and values of all sequences on a device: per layer one tensor of slots, [`BLOCK`] positions
/// each.
pub(crate) struct DeviceKv {
    _device: Bound,
    /// [kv_heads, slots * BLOCK, dim] of each layer.
    pub(crate) keys: Vec<Tensor>,
    pub(crate) values: Vec<Tensor>,
    free: Mutex<Vec<usize>>,
}

impl DeviceKv {
    /// As many slots as fit into `bytes`, and at least one sequence of one block.
    pub(crate) fn new(
        config: &ModelConfig,
        bytes: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Arc<Self>> {
        let slots = (bytes / block_bytes(config, dtype)).max(1);
        let shape = (config.num_key_value_heads, slots * BLOCK, config.head_dim);
        let layer = || Ok(Tensor::zeros(shape, dtype, device)?);
        let layers = || (0..config.num_hidden_layers).map(|_| layer()).collect::<Result<_>>();
        let free = Mutex::new((0..slots).rev().collect());
        Ok(Arc::new(Self {
            _device: Bound(device.clone()),
            keys: layers()?,
            values: layers()?,
            free,
        }))
    }

    fn take(&self) -> Option<usize> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// Bytes of a slot in all layers.
pub(crate) fn block_bytes(config: &ModelConfig, dtype: DType) -> usize {
    let elements = 2 * config.num_key_value_heads * config.head_dim * BLOCK;
    config.num_hidden_layers * elements * dtype.size_in_bytes()
}

/// A place for [`BLOCK`] positions of all layers.
pub(crate) struct Slot {
    index: usize,
    bytes: usize,
    kv: Arc<DeviceKv>,
    pool: Arc<Pool>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.pool.subtract(self.bytes);
        self.kv.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.index);
    }
}

/// A full block: a slot, shared between sequences.
#[derive(Clone)]
pub(crate) struct DeviceBlock(Arc<Slot>);

impl CachedBlock for DeviceBlock {
    fn is_sole(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// The slots of one sequence. Only full slots are shared, so none is written twice.
pub(crate) struct DeviceCache {
    slots: Vec<Arc<Slot>>,
    len: usize,
    bytes: usize,
    kv: Arc<DeviceKv>,
    pool: Arc<Pool>,
}

impl KvCache for DeviceCache {
    type Block = DeviceBlock;

    fn len(&self) -> usize {
        self.len
    }

    fn block(&self, index: usize) -> Option<DeviceBlock> {
        let full = (index + 1) * BLOCK <= self.len;
        self.slots.get(index).filter(|_| full).cloned().map(DeviceBlock)
    }

    fn extend(&mut self, block: &DeviceBlock) {
        self.slots.push(Arc::clone(&block.0));
        self.len += BLOCK;
    }

    /// A slot holds all layers, also those without a window, which need every position.
    fn trim(&mut self) {}
}

impl DeviceCache {
    pub(crate) fn new(bytes: usize, kv: &Arc<DeviceKv>, pool: &Arc<Pool>) -> Self {
        Self { slots: Vec::new(), len: 0, bytes, kv: Arc::clone(kv), pool: Arc::clone(pool) }
    }

    pub(crate) fn advance(&mut self, tokens: usize) {
        self.len += tokens;
    }

    /// Takes slots for `tokens` more positions.
    ///
    /// # Errors
    /// [`Error::Device`] when the device has no free slot.
    pub(crate) fn reserve(&mut self, tokens: usize) -> Result<()> {
        while self.slots.len() * BLOCK < self.len + tokens {
            let index = self.kv.take().ok_or_else(|| {
                Error::device("the sequence does not fit into kv_bytes; raise it or ask for less")
            })?;
            self.pool.add(self.bytes);
            let (kv, pool) = (Arc::clone(&self.kv), Arc::clone(&self.pool));
            self.slots.push(Arc::new(Slot { index, bytes: self.bytes, kv, pool }));
        }
        Ok(())
    }

    /// Where a position is stored.
    pub(crate) fn place(&self, position: usize) -> u32 {
        (self.slots[position / BLOCK].index * BLOCK + position % BLOCK) as u32
    }
}
