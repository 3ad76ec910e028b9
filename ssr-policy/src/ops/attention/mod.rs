//! Causal grouped-query attention over blocks of keys and values.
//!
//! Training builds the blocks from the packed batch, generation appends to them token by token;
//! both then run the same tiles, so that the probabilities agree to the last bit.

mod blocks;
mod op;
mod tile;

pub(crate) use blocks::{BLOCK, KvBlock};
pub(crate) use op::{Spans, causal_attention};

use candle_core::{Result, bail};
use rayon::prelude::*;

/// Numbers of heads and their width.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttentionShape {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) dim: usize,
}

impl AttentionShape {
    /// Query heads per key head.
    fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// Elements of a row of queries.
    fn query_width(&self) -> usize {
        self.heads * self.dim
    }

    /// Elements of a row of keys.
    fn key_width(&self) -> usize {
        self.kv_heads * self.dim
    }

    fn scale(&self) -> f32 {
        1.0 / (self.dim as f32).sqrt()
    }
}

/// The last tokens of one sequence, looking at all of it.
pub(crate) struct Attending<'a, B> {
    /// Queries [T, heads * dim].
    pub(crate) queries: &'a [f32],
    /// The position of the first query.
    pub(crate) start: usize,
    /// Keys and values of positions 0..start + T.
    pub(crate) blocks: &'a [B],
}

/// Attention of every sequence, one after the other: [sum of T, heads * dim].
pub(crate) fn attend<B: AsRef<KvBlock> + Sync>(
    shape: AttentionShape,
    sequences: &[Attending<'_, B>],
) -> Result<Vec<f32>> {
    for sequence in sequences {
        let tokens = sequence.queries.len() / shape.query_width();
        if (sequence.start + tokens).div_ceil(BLOCK) > sequence.blocks.len() {
            bail!("{} blocks of keys do not cover {tokens} tokens", sequence.blocks.len());
        }
    }
    let heads = per_head(shape, sequences.len(), |sequence, head| {
        tile::forward(shape, head, &sequences[sequence])
    })?;
    let mut out = Vec::with_capacity(sequences.iter().map(|s| s.queries.len()).sum());
    for heads in heads.chunks(shape.kv_heads) {
        interleave(heads, shape.group() * shape.dim, &mut out);
    }
    Ok(out)
}

/// Runs `task(sequence, key head)` for all of both, in parallel.
fn per_head<T: Send>(
    shape: AttentionShape,
    sequences: usize,
    task: impl Fn(usize, usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let tasks = (0..sequences * shape.kv_heads).into_par_iter();
    tasks.map(|index| task(index / shape.kv_heads, index % shape.kv_heads)).collect()
}

/// Appends rows that alternate between pieces of `width` elements of every part.
fn interleave(parts: &[Vec<f32>], width: usize, out: &mut Vec<f32>) {
    let rows = parts.first().map_or(0, |part| part.len() / width);
    for row in 0..rows {
        for part in parts {
            out.extend_from_slice(&part[row * width..(row + 1) * width]);
        }
    }
}
