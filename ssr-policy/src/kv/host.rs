//! Keys and values in main memory, written by the CPU's kernels.

use std::sync::Arc;

use super::{CachedBlock, KvCache, Pool};
use crate::ops::{Attending, AttentionShape, BLOCK, KvBlock, attend};

/// One layer's part of a block. It counts in its pool as long as it exists.
pub(crate) struct LayerBlock {
    block: KvBlock,
    bytes: usize,
    pool: Arc<Pool>,
}

impl LayerBlock {
    fn new(block: KvBlock, shape: AttentionShape, pool: &Arc<Pool>) -> Self {
        let bytes = KvBlock::bytes(shape);
        pool.add(bytes);
        Self { block, bytes, pool: Arc::clone(pool) }
    }
}

impl Clone for LayerBlock {
    fn clone(&self) -> Self {
        self.pool.add(self.bytes);
        Self { block: self.block.clone(), bytes: self.bytes, pool: Arc::clone(&self.pool) }
    }
}

impl Drop for LayerBlock {
    fn drop(&mut self) {
        self.pool.subtract(self.bytes);
    }
}

/// One layer's part of a block, shared between sequences.
#[derive(Clone)]
pub(crate) struct SharedLayerBlock(Arc<LayerBlock>);

impl AsRef<KvBlock> for SharedLayerBlock {
    fn as_ref(&self) -> &KvBlock {
        &self.0.block
    }
}

/// A full block: the parts of all layers.
#[derive(Clone)]
pub(crate) struct HostBlock(Vec<SharedLayerBlock>);

impl CachedBlock for HostBlock {
    fn is_sole(&self) -> bool {
        // Layers with a window drop their parts early: freeing some of the parts is enough.
        self.0.iter().any(|part| Arc::strong_count(&part.0) == 1)
    }
}

/// The keys and values of one sequence, per layer in blocks: sequences that begin alike share
/// theirs. Writing copies a block that is shared; of layers with a window, [`KvCache::trim`] drops
/// what no later token attends to.
pub(crate) struct HostCache {
    layers: Vec<Layer>,
    len: usize,
    pool: Arc<Pool>,
}

struct Layer {
    shape: AttentionShape,
    /// Index of the first block that is kept.
    first: usize,
    blocks: Vec<SharedLayerBlock>,
}

impl KvCache for HostCache {
    type Block = HostBlock;

    fn len(&self) -> usize {
        self.len
    }

    fn block(&self, index: usize) -> Option<HostBlock> {
        if (index + 1) * BLOCK > self.len {
            return None;
        }
        let part = |layer: &Layer| layer.blocks.get(index.checked_sub(layer.first)?).cloned();
        self.layers.iter().map(part).collect::<Option<_>>().map(HostBlock)
    }

    fn extend(&mut self, block: &HostBlock) {
        debug_assert!(self.len.is_multiple_of(BLOCK) && block.0.len() == self.layers.len());
        for (layer, part) in self.layers.iter_mut().zip(&block.0) {
            layer.blocks.push(part.clone());
        }
        self.advance(BLOCK);
    }

    fn trim(&mut self) {
        for layer in &mut self.layers {
            let needed = layer.shape.first_visible(self.len) / BLOCK;
            let dropped = needed.saturating_sub(layer.first).min(layer.blocks.len());
            layer.blocks.drain(..dropped);
            layer.first += dropped;
        }
    }
}

impl HostCache {
    pub(crate) fn new(shapes: impl IntoIterator<Item = AttentionShape>, pool: &Arc<Pool>) -> Self {
        let layer = |shape| Layer { shape, first: 0, blocks: Vec::new() };
        Self { layers: shapes.into_iter().map(layer).collect(), len: 0, pool: Arc::clone(pool) }
    }

    /// Counts tokens whose keys and values have been stored in every layer.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.len += tokens;
    }

    /// Stores a layer's keys and values [N, kv_heads * dim] of new tokens, which begin at the
    /// columns `keys` and `values` of `rows`, each `stride` wide.
    pub(crate) fn append(&mut self, layer: usize, rows: &[f32], stride: usize, keys: usize) {
        let Layer { shape, first, blocks } = &mut self.layers[layer];
        let (shape, width) = (*shape, shape.key_width());
        for (position, row) in (self.len..).zip(rows.chunks(stride)) {
            if position / BLOCK == *first + blocks.len() {
                let block = LayerBlock::new(KvBlock::new(shape), shape, &self.pool);
                blocks.push(SharedLayerBlock(Arc::new(block)));
            }
            let block = Arc::make_mut(&mut blocks[position / BLOCK - *first].0);
            let (key, value) = row[keys..keys + 2 * width].split_at(width);
            block.block.write(shape, position % BLOCK, key, value);
        }
    }

    /// Attention of the queries of new tokens, of which each cache has as many as the number beside
    /// it says; their keys and values were appended already. `rows` [N, stride] begin with the queries.
    pub(crate) fn attend(
        caches: &[(&Self, usize)],
        layer: usize,
        rows: &[f32],
        stride: usize,
        out: &mut [f32],
    ) {
        let Some((first, _)) = caches.first() else { return };
        let shape = first.layers[layer].shape;
        let mut start = 0;
        let sequences: Vec<_> = caches
            .iter()
            .map(|(cache, tokens)| {
                let queries = &rows[start * stride..(start + tokens) * stride];
                start += tokens;
                let layer = &cache.layers[layer];
                Attending {
                    queries,
                    stride,
                    tokens: *tokens,
                    start: cache.len,
                    blocks: &layer.blocks[..],
                    first_block: layer.first,
                }
            })
            .collect();
        attend(shape, &sequences, out);
    }
}
