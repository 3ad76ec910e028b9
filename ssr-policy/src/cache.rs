use std::sync::Arc;

use candle_core::Tensor;

use crate::error::Result;
use crate::ops::{Attending, AttentionShape, BLOCK, KvBlock, attend, with_slice};

/// The keys and values of one sequence, per layer in shared blocks: a clone costs nothing, and
/// sequences that start alike hold their common blocks once. Writing copies a block that is shared.
#[derive(Clone)]
pub(crate) struct Cache {
    layers: Vec<Vec<Shared>>,
    len: usize,
}

#[derive(Clone)]
struct Shared(Arc<KvBlock>);

impl AsRef<KvBlock> for Shared {
    fn as_ref(&self) -> &KvBlock {
        &self.0
    }
}

impl Cache {
    pub(crate) fn new(layers: usize) -> Self {
        Self { layers: vec![Vec::new(); layers], len: 0 }
    }

    /// Tokens fed so far.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn advance(&mut self, tokens: usize) {
        self.len += tokens;
    }

    /// Stores a layer's keys and values [N, kv_heads * dim] of the new tokens of all sequences and
    /// lets their queries [N, heads * dim] look at the whole sequences.
    pub(crate) fn attend(
        batch: &mut [(&mut Self, &[u32])],
        layer: usize,
        shape: AttentionShape,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<Tensor> {
        let out = with_slice(queries, |queries| {
            with_slice(keys, |keys| {
                with_slice(values, |values| {
                    let width = shape.kv_heads * shape.dim;
                    let mut rows = keys.chunks(width).zip(values.chunks(width));
                    for (cache, tokens) in batch.iter_mut() {
                        let new = rows.by_ref().take(tokens.len());
                        cache.append(layer, shape, new);
                    }
                    let mut queries = queries;
                    let mut sequences = Vec::with_capacity(batch.len());
                    for (cache, tokens) in batch.iter() {
                        let own;
                        (own, queries) = queries.split_at(tokens.len() * shape.heads * shape.dim);
                        let blocks = &cache.layers[layer][..];
                        sequences.push(Attending { queries: own, start: cache.len, blocks });
                    }
                    attend(shape, &sequences)
                })
            })
        })?;
        Ok(Tensor::from_vec(out, queries.shape(), queries.device())?)
    }

    fn append<'a>(
        &mut self,
        layer: usize,
        shape: AttentionShape,
        rows: impl Iterator<Item = (&'a [f32], &'a [f32])>,
    ) {
        let blocks = &mut self.layers[layer];
        for (position, (key, value)) in (self.len..).zip(rows) {
            if position / BLOCK == blocks.len() {
                blocks.push(Shared(Arc::new(KvBlock::new(shape))));
            }
            let block = Arc::make_mut(&mut blocks[position / BLOCK].0);
            block.write(shape, position % BLOCK, key, value);
        }
    }
}
