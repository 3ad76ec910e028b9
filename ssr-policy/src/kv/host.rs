use std::sync::Arc;

use super::Pool;
use crate::ops::{Attending, AttentionShape, BLOCK, KvBlock, attend};

/// A block that counts in its pool as long as it exists.
pub(crate) struct Block {
    block: KvBlock,
    bytes: usize,
    pool: Arc<Pool>,
}

impl Block {
    fn new(block: KvBlock, shape: AttentionShape, pool: &Arc<Pool>) -> Self {
        let bytes = KvBlock::bytes(shape);
        pool.add(bytes);
        Self { block, bytes, pool: Arc::clone(pool) }
    }
}

impl Clone for Block {
    fn clone(&self) -> Self {
        self.pool.add(self.bytes);
        Self { block: self.block.clone(), bytes: self.bytes, pool: Arc::clone(&self.pool) }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.pool.subtract(self.bytes);
    }
}

/// A block that sequences share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Block>);

impl AsRef<KvBlock> for Shared {
    fn as_ref(&self) -> &KvBlock {
        &self.0.block
    }
}

impl Shared {
    /// Whether nobody else holds the block.
    pub(crate) fn is_sole(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// The keys and values of one sequence, per layer in blocks: sequences that start alike share theirs.
/// Writing copies a block that is shared; of layers with a window, [`HostCache::trim`] drops what no
/// later token sees.
pub(crate) struct HostCache {
    layers: Vec<Layer>,
    len: usize,
    pool: Arc<Pool>,
}

struct Layer {
    shape: AttentionShape,
    /// Index of the first block that is kept.
    first: usize,
    blocks: Vec<Shared>,
}

impl HostCache {
    pub(crate) fn new(shapes: impl IntoIterator<Item = AttentionShape>, pool: &Arc<Pool>) -> Self {
        let layer = |shape| Layer { shape, first: 0, blocks: Vec::new() };
        Self { layers: shapes.into_iter().map(layer).collect(), len: 0, pool: Arc::clone(pool) }
    }

    /// Tokens fed so far.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The blocks with this index of all layers, if they are full and none was dropped.
    pub(crate) fn column(&self, index: usize) -> Option<Vec<Shared>> {
        if (index + 1) * BLOCK > self.len {
            return None;
        }
        let block = |layer: &Layer| layer.blocks.get(index.checked_sub(layer.first)?).cloned();
        self.layers.iter().map(block).collect()
    }

    /// Appends full blocks of all layers, computed for the same tokens by another sequence.
    pub(crate) fn extend(&mut self, column: &[Shared]) {
        debug_assert!(self.len.is_multiple_of(BLOCK) && column.len() == self.layers.len());
        for (layer, block) in self.layers.iter_mut().zip(column) {
            layer.blocks.push(block.clone());
        }
        self.advance(BLOCK);
    }

    /// Counts tokens whose keys and values have been stored in every layer.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.len += tokens;
    }

    /// Drops the blocks that no later token sees.
    pub(crate) fn trim(&mut self) {
        for layer in &mut self.layers {
            let needed = layer.shape.first_visible(self.len) / BLOCK;
            let dropped = needed.saturating_sub(layer.first).min(layer.blocks.len());
            layer.blocks.drain(..dropped);
            layer.first += dropped;
        }
    }

    /// Stores a layer's keys and values [N, kv_heads * dim] of new tokens, which begin at the
    /// columns `keys` and `values` of `rows`, each `stride` wide.
    pub(crate) fn append(&mut self, layer: usize, rows: &[f32], stride: usize, keys: usize) {
        let Layer { shape, first, blocks } = &mut self.layers[layer];
        let (shape, width) = (*shape, shape.key_width());
        for (position, row) in (self.len..).zip(rows.chunks(stride)) {
            if position / BLOCK == *first + blocks.len() {
                let block = Block::new(KvBlock::new(shape), shape, &self.pool);
                blocks.push(Shared(Arc::new(block)));
            }
            let block = Arc::make_mut(&mut blocks[position / BLOCK - *first].0);
            let (key, value) = row[keys..keys + 2 * width].split_at(width);
            block.block.write(shape, position % BLOCK, key, value);
        }
    }

    /// Lets the queries of new tokens look back, `caches[i]` having `tokens[i]` of them; their keys
    /// and values were appended already. `rows` [N, stride] begin with the queries.
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
