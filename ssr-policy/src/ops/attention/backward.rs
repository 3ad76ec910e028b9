//! Gradients of causal attention.

use std::ops::Range;

use super::AttentionShape;
use crate::kernels::{times_columns, times_rows, transposed};
use crate::ops::math::{dot, exp_in_place, max};

/// Query tokens and keys per tile.
const TILE: usize = 128;

/// One key head of the last T tokens of a sequence of S, with the query heads that share it, rows
/// dense.
pub(super) struct Head<'a> {
    /// Queries, scaled, and the output and its gradient: [T * group, dim].
    pub(super) queries: &'a [f32],
    pub(super) out: &'a [f32],
    pub(super) grad: &'a [f32],
    /// [S, dim]
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
}

/// Gradients of one key head.
pub(super) struct HeadGrads {
    /// [T, group * dim].
    pub(super) queries: Vec<f32>,
    /// [S, dim].
    pub(super) keys: Vec<f32>,
    /// [S, dim].
    pub(super) values: Vec<f32>,
}

/// The gradients of the last tokens of a sequence, with the probabilities computed again:
/// dV = Pᵀ·dO, dS = P ∘ (dO·Vᵀ − rowsum(dO ∘ O)), dQ = dS·K, dK = dSᵀ·Q.
pub(super) fn backward(shape: AttentionShape, head: &Head<'_>) -> HeadGrads {
    let (dim, group) = (shape.dim, shape.group());
    let tokens = head.queries.len() / (group * dim);
    let past = head.keys.len() / dim - tokens;
    let (mut keys, mut values) = (vec![0.0; head.keys.len()], vec![0.0; head.keys.len()]);
    let mut queries = vec![0.0; head.queries.len()];
    for start in (0..tokens).step_by(TILE) {
        let end = tokens.min(start + TILE);
        let rows = (end - start) * group;
        let elements = start * group * dim..end * group * dim;
        let tile =
            Tile { shape, start: past + start, rows, queries: &head.queries[elements.clone()] };
        let (out, grad) = (&head.out[elements.clone()], &head.grad[elements.clone()]);
        let deltas: Vec<f32> =
            out.chunks(dim).zip(grad.chunks(dim)).map(|(out, grad)| dot(out, grad)).collect();
        let (first, last) = (shape.first_visible(past + start) / TILE * TILE, past + end);
        let pieces: Vec<_> =
            (first..last).step_by(TILE).map(|from| from..last.min(from + TILE)).collect();
        let probabilities = tile.probabilities(head.keys, &pieces);
        for (piece, weights) in pieces.into_iter().zip(probabilities) {
            let count = piece.len();
            let positions = piece.start * dim..piece.end * dim;
            let mut score_grads = vec![0.0; rows * count];
            times_rows(grad, &head.values[positions.clone()], dim, &mut score_grads);
            let rows_of = score_grads.chunks_mut(count).zip(weights.chunks(count)).zip(&deltas);
            for ((grads, weights), delta) in rows_of {
                for (grad, weight) in grads.iter_mut().zip(weights) {
                    *grad = weight * (*grad - delta);
                }
            }
            let mut part = vec![0.0; rows * dim];
            times_columns(&score_grads, &head.keys[positions.clone()], count, &mut part);
            add(&mut queries[elements.clone()], &part);
            part.resize(count * dim, 0.0);
            times_columns(&transposed(&score_grads, count), tile.queries, rows, &mut part);
            add(&mut keys[positions.clone()], &part);
            times_columns(&transposed(&weights, count), grad, rows, &mut part);
            add(&mut values[positions], &part);
        }
    }
    queries.iter_mut().for_each(|grad| *grad *= shape.scale());
    HeadGrads { queries, keys, values }
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
    fn probabilities(&self, keys: &[f32], pieces: &[Range<usize>]) -> Vec<Vec<f32>> {
        let dim = self.shape.dim;
        let mut scores: Vec<Vec<f32>> = pieces
            .iter()
            .map(|piece| {
                let mut scores = vec![0.0; self.rows * piece.len()];
                let keys = &keys[piece.start * dim..piece.end * dim];
                times_rows(self.queries, keys, dim, &mut scores);
                scores
            })
            .collect();
        for row in 0..self.rows {
            let position = self.start + row / self.shape.group();
            let visible = self.shape.first_visible(position)..position + 1;
            let seen = |piece: &Range<usize>| {
                let clip = |position: usize| position.clamp(piece.start, piece.end) - piece.start;
                clip(visible.start)..clip(visible.end)
            };
            let row_of = |piece: &Range<usize>| row * piece.len()..(row + 1) * piece.len();
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
        scores
    }
}

/// Adds values to sums, one by one.
pub(super) fn add(sum: &mut [f32], values: &[f32]) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}
