use candle_core::Result;

use super::{Attending, AttentionShape, BLOCK, KvBlock};
use crate::ops::gemm::Matrix;
use crate::ops::math::{dot, exp_in_place, max};

/// Query tokens per tile: bounds the scores that are held at once.
const TILE: usize = BLOCK;
/// Rows below which a product would sum in another order.
const MIN_ROWS: usize = 4;
/// Keys are taken in multiples of this, so that no product is too narrow.
const KEYS_STEP: usize = 16;

/// The rows of one tile: the tokens' query heads that share one key head.
struct Tile {
    /// Position of the first token.
    start: usize,
    /// The tokens, relative to the sequence's first query.
    first: usize,
    tokens: usize,
    group: usize,
}

impl Tile {
    fn all(shape: AttentionShape, start: usize, tokens: usize) -> impl Iterator<Item = Self> {
        (0..tokens).step_by(TILE).map(move |first| Self {
            start: start + first,
            first,
            tokens: TILE.min(tokens - first),
            group: shape.group(),
        })
    }

    fn rows(&self) -> usize {
        self.tokens * self.group
    }

    fn padded_rows(&self) -> usize {
        self.rows().max(MIN_ROWS)
    }

    /// How many positions of each block any row sees, rounded up.
    fn blocks(&self) -> impl Iterator<Item = usize> {
        let end = self.start + self.tokens;
        let seen = move |block: usize| (end - block * BLOCK).next_multiple_of(KEYS_STEP).min(BLOCK);
        (0..end.div_ceil(BLOCK)).map(seen)
    }

    /// How many positions of a block one row sees.
    fn visible(&self, row: usize, block: usize) -> usize {
        (self.start + row / self.group + 1).saturating_sub(block * BLOCK).min(BLOCK)
    }

    /// The tile's rows of one key head out of token-major rows, scaled and padded with zeros.
    fn gather(&self, shape: AttentionShape, head: usize, values: &[f32], scale: f32) -> Vec<f32> {
        let width = self.group * shape.dim;
        let mut rows = Vec::with_capacity(self.padded_rows() * shape.dim);
        for token in self.first..self.first + self.tokens {
            let start = token * shape.query_width() + head * width;
            rows.extend(values[start..start + width].iter().map(|value| value * scale));
        }
        rows.resize(self.padded_rows() * shape.dim, 0.0);
        rows
    }

    /// exp(score − row maximum) of every block, 0 where masked, and each row's sum of them.
    fn exponentials<B: AsRef<KvBlock>>(
        &self,
        shape: AttentionShape,
        head: usize,
        queries: &[f32],
        blocks: &[B],
    ) -> Result<(Vec<Vec<f32>>, Vec<f32>)> {
        let queries = Matrix::dense(queries, self.padded_rows(), shape.dim);
        let mut scores = self
            .blocks()
            .zip(blocks)
            .map(|(keys, block)| queries.times(block.as_ref().keys(shape, head, keys)))
            .collect::<Result<Vec<_>>>()?;
        let keys: Vec<usize> = self.blocks().collect();
        let mut sums = vec![1.0; self.padded_rows()];
        for (row, row_sum) in sums.iter_mut().enumerate() {
            let mut shift = f32::NEG_INFINITY;
            for (block, (scores, &keys)) in scores.iter().zip(&keys).enumerate() {
                let visible = self.visible(row, block).min(keys);
                shift = shift.max(max(&scores[row * keys..row * keys + visible]));
            }
            let mut total = 0.0;
            for (block, (scores, &keys)) in scores.iter_mut().zip(&keys).enumerate() {
                let visible = self.visible(row, block).min(keys);
                let (seen, masked) = scores[row * keys..(row + 1) * keys].split_at_mut(visible);
                total += exp_in_place(seen, shift);
                masked.fill(0.0);
            }
            *row_sum = total;
        }
        Ok((scores, sums))
    }
}

/// Attention of the query heads of one key head: [T, group * dim].
pub(super) fn forward<B: AsRef<KvBlock>>(
    shape: AttentionShape,
    head: usize,
    sequence: &Attending<'_, B>,
) -> Result<Vec<f32>> {
    let tokens = sequence.queries.len() / shape.query_width();
    let mut out = Vec::with_capacity(tokens * shape.group() * shape.dim);
    for tile in Tile::all(shape, sequence.start, tokens) {
        let queries = tile.gather(shape, head, sequence.queries, shape.scale());
        let (weights, sums) = tile.exponentials(shape, head, &queries, sequence.blocks)?;
        let mut mixed = vec![0.0; tile.padded_rows() * shape.dim];
        for ((weights, keys), block) in weights.into_iter().zip(tile.blocks()).zip(sequence.blocks)
        {
            let weights = Matrix::dense(&weights, tile.padded_rows(), keys);
            add(&mut mixed, weights.times(block.as_ref().values(shape, head, keys))?);
        }
        for (row, sum) in mixed.chunks_mut(shape.dim).zip(sums).take(tile.rows()) {
            out.extend(row.iter().map(|value| value / sum));
        }
    }
    Ok(out)
}

/// Gradients of one key head over a whole sequence.
pub(super) struct HeadGrads {
    /// [T, group * dim].
    pub(super) queries: Vec<f32>,
    /// [T, dim].
    pub(super) keys: Vec<f32>,
    /// [T, dim].
    pub(super) values: Vec<f32>,
}

/// The gradients of [`forward`] for a sequence that starts at position 0, with the probabilities
/// computed again: dV = Pᵀ·dO, dS = P ∘ (dO·Vᵀ − rowsum(dO ∘ O)), dQ = dS·K, dK = dSᵀ·Q.
pub(super) fn backward<B: AsRef<KvBlock>>(
    shape: AttentionShape,
    head: usize,
    sequence: &Attending<'_, B>,
    out: &[f32],
    grad: &[f32],
) -> Result<HeadGrads> {
    let tokens = sequence.queries.len() / shape.query_width();
    let padded = sequence.blocks.len() * BLOCK * shape.dim;
    let (mut key_grads, mut value_grads) = (vec![0.0; padded], vec![0.0; padded]);
    let mut query_grads = Vec::with_capacity(tokens * shape.group() * shape.dim);
    for tile in Tile::all(shape, sequence.start, tokens) {
        let rows = tile.padded_rows();
        let queries = tile.gather(shape, head, sequence.queries, shape.scale());
        let out = tile.gather(shape, head, out, 1.0);
        let grad = tile.gather(shape, head, grad, 1.0);
        let products = out.chunks(shape.dim).zip(grad.chunks(shape.dim));
        let deltas: Vec<f32> = products.map(|(out, grad)| dot(out, grad)).collect();
        let (weights, sums) = tile.exponentials(shape, head, &queries, sequence.blocks)?;
        let grad_rows = Matrix::dense(&grad, rows, shape.dim);
        let query_rows = Matrix::dense(&queries, rows, shape.dim);
        let mut query_grad = vec![0.0; rows * shape.dim];
        let blocks = weights.into_iter().zip(tile.blocks()).zip(sequence.blocks);
        for (index, ((mut weights, keys), block)) in blocks.enumerate() {
            let block = block.as_ref();
            for (row, sum) in weights.chunks_mut(keys).zip(&sums) {
                row.iter_mut().for_each(|weight| *weight /= sum);
            }
            let values = block.values(shape, head, keys).transposed();
            let mut score_grads = grad_rows.times(values)?;
            let grad_and_weight = score_grads.chunks_mut(keys).zip(weights.chunks(keys));
            for ((row, weights), delta) in grad_and_weight.zip(&deltas) {
                for (grad, weight) in row.iter_mut().zip(weights) {
                    *grad = weight * (*grad - delta);
                }
            }
            let score_grads = Matrix::dense(&score_grads, rows, keys);
            let weights = Matrix::dense(&weights, rows, keys);
            let positions = index * BLOCK * shape.dim..(index * BLOCK + keys) * shape.dim;
            add(&mut query_grad, score_grads.times(block.keys(shape, head, keys).transposed())?);
            add(&mut key_grads[positions.clone()], score_grads.transposed().times(query_rows)?);
            add(&mut value_grads[positions], weights.transposed().times(grad_rows)?);
        }
        let own = &query_grad[..tile.rows() * shape.dim];
        query_grads.extend(own.iter().map(|grad| grad * shape.scale()));
    }
    key_grads.truncate(tokens * shape.dim);
    value_grads.truncate(tokens * shape.dim);
    Ok(HeadGrads { queries: query_grads, keys: key_grads, values: value_grads })
}

fn add(sum: &mut [f32], values: Vec<f32>) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}
