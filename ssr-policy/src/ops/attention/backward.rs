use candle_core::Result;

use super::AttentionShape;
use crate::ops::gemm::Matrix;
use crate::ops::math::{dot, exp_in_place, max};

/// Query tokens and keys per tile.
const TILE: usize = 128;

/// One key head of a sequence with the query heads that share it, rows dense.
pub(super) struct Head<'a> {
    /// Queries, scaled, and the output and its gradient: [T * group, dim].
    pub(super) queries: &'a [f32],
    pub(super) out: &'a [f32],
    pub(super) grad: &'a [f32],
    /// [T, dim]
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
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

/// The gradients of a sequence that starts at position 0, with the probabilities computed again:
/// dV = Pᵀ·dO, dS = P ∘ (dO·Vᵀ − rowsum(dO ∘ O)), dQ = dS·K, dK = dSᵀ·Q.
pub(super) fn backward(shape: AttentionShape, head: &Head<'_>) -> Result<HeadGrads> {
    let (dim, group) = (shape.dim, shape.group());
    let tokens = head.keys.len() / dim;
    let (mut keys, mut values) = (vec![0.0; tokens * dim], vec![0.0; tokens * dim]);
    let mut queries = vec![0.0; head.queries.len()];
    for start in (0..tokens).step_by(TILE) {
        let end = tokens.min(start + TILE);
        let rows = (end - start) * group;
        let elements = start * group * dim..end * group * dim;
        let tile = Tile { shape, start, rows, queries: &head.queries[elements.clone()] };
        let (out, grad) = (&head.out[elements.clone()], &head.grad[elements.clone()]);
        let deltas: Vec<f32> =
            out.chunks(dim).zip(grad.chunks(dim)).map(|(out, grad)| dot(out, grad)).collect();
        let first = shape.first_visible(start) / TILE * TILE;
        let pieces: Vec<_> =
            (first..end).step_by(TILE).map(|from| from..end.min(from + TILE)).collect();
        let probabilities = tile.probabilities(head.keys, &pieces)?;
        let grad_rows = Matrix::dense(grad, rows, dim);
        let query_rows = Matrix::dense(tile.queries, rows, dim);
        for (piece, weights) in pieces.into_iter().zip(probabilities) {
            let count = piece.len();
            let positions = piece.start * dim..piece.end * dim;
            let piece_keys = Matrix::dense(&head.keys[positions.clone()], count, dim);
            let piece_values = Matrix::dense(&head.values[positions.clone()], count, dim);
            let mut score_grads = grad_rows.times(piece_values.transposed())?;
            let rows_of = score_grads.chunks_mut(count).zip(weights.chunks(count)).zip(&deltas);
            for ((grads, weights), delta) in rows_of {
                for (grad, weight) in grads.iter_mut().zip(weights) {
                    *grad = weight * (*grad - delta);
                }
            }
            let score_grads = Matrix::dense(&score_grads, rows, count);
            let weights = Matrix::dense(&weights, rows, count);
            add(&mut queries[elements.clone()], score_grads.times(piece_keys)?);
            add(&mut keys[positions.clone()], score_grads.transposed().times(query_rows)?);
            add(&mut values[positions], weights.transposed().times(grad_rows)?);
        }
    }
    queries.iter_mut().for_each(|grad| *grad *= shape.scale());
    Ok(HeadGrads { queries, keys, values })
}

struct Tile<'a> {
    shape: AttentionShape,
    /// Position of the first token.
    start: usize,
    rows: usize,
    queries: &'a [f32],
}

impl Tile<'_> {
    /// The probabilities [rows, keys] of each piece of the positions.
    fn probabilities(
        &self,
        keys: &[f32],
        pieces: &[std::ops::Range<usize>],
    ) -> Result<Vec<Vec<f32>>> {
        let dim = self.shape.dim;
        let queries = Matrix::dense(self.queries, self.rows, dim);
        let mut scores = pieces
            .iter()
            .map(|piece| {
                let keys =
                    Matrix::dense(&keys[piece.start * dim..piece.end * dim], piece.len(), dim);
                queries.times(keys.transposed())
            })
            .collect::<Result<Vec<_>>>()?;
        for row in 0..self.rows {
            let position = self.start + row / self.shape.group();
            let visible = self.shape.first_visible(position)..position + 1;
            let seen = |piece: &std::ops::Range<usize>| {
                let clip = |position: usize| position.clamp(piece.start, piece.end) - piece.start;
                clip(visible.start)..clip(visible.end)
            };
            let row_of =
                |piece: &std::ops::Range<usize>| row * piece.len()..(row + 1) * piece.len();
            let mut shift = f32::NEG_INFINITY;
            for (scores, piece) in scores.iter().zip(pieces) {
                shift = shift.max(max(&scores[row_of(piece)][seen(piece)]));
            }
            let mut total = 0.0;
            for (scores, piece) in scores.iter_mut().zip(pieces) {
                let (scores, seen) = (&mut scores[row_of(piece)], seen(piece));
                total += exp_in_place(&mut scores[seen.clone()], shift);
                scores[..seen.start].fill(0.0);
                scores[seen.end..].fill(0.0);
            }
            for (scores, piece) in scores.iter_mut().zip(pieces) {
                scores[row_of(piece)].iter_mut().for_each(|weight| *weight /= total);
            }
        }
        Ok(scores)
    }
}

fn add(sum: &mut [f32], values: Vec<f32>) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}
