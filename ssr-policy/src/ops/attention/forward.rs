//! Causal attention over blocks of keys and values, forward only.

use rayon::prelude::*;

use super::{AttentionShape, BLOCK, KvBlock};
use crate::kernels::{Shared, accumulate, threads};
use crate::ops::math::{exp_in_place, max, sum};

/// Query tokens per task: bounds the scores that are held at once.
const TILE: usize = 32;

/// The last tokens of one sequence, looking back at it.
pub(crate) struct Attending<'a, B> {
    /// The queries of token `t` are `queries[t * stride..][..heads * dim]`.
    pub(crate) queries: &'a [f32],
    pub(crate) stride: usize,
    pub(crate) tokens: usize,
    /// The position of the first query.
    pub(crate) start: usize,
    /// Keys and values of the positions from `first_block * BLOCK` to `start + tokens`.
    pub(crate) blocks: &'a [B],
    pub(crate) first_block: usize,
}

/// Some tokens of one sequence and one key head.
struct Task {
    sequence: usize,
    head: usize,
    /// First token, relative to the sequence's first query, and the number of tokens.
    tokens: std::ops::Range<usize>,
    /// The row of the first token in the output.
    row: usize,
}

/// Attention of every sequence, one after the other, into `out` [sum of tokens, heads * dim].
///
/// # Panics
/// When the blocks do not cover what the queries see.
pub(crate) fn attend<B: AsRef<KvBlock> + Sync>(
    shape: AttentionShape,
    sequences: &[Attending<'_, B>],
    out: &mut [f32],
) {
    let mut tasks = Vec::new();
    let mut row = 0;
    for (sequence, attending) in sequences.iter().enumerate() {
        for first in (0..attending.tokens).step_by(TILE) {
            let tokens = first..attending.tokens.min(first + TILE);
            tasks.extend((0..shape.kv_heads).map(|head| Task {
                sequence,
                head,
                tokens: tokens.clone(),
                row: row + first,
            }));
        }
        row += attending.tokens;
    }
    assert_eq!(out.len(), row * shape.query_width());
    let out = Shared::new(out);
    let run = |scratch: &mut Scratch, task: &Task| {
        scratch.run(shape, &sequences[task.sequence], task, out);
    };
    if threads() == 1 || tasks.len() == 1 {
        let mut scratch = Scratch::default();
        tasks.iter().for_each(|task| run(&mut scratch, task));
    } else {
        tasks.par_iter().for_each_init(Scratch::default, run);
    }
}

/// Buffers of a task, kept for the next one.
#[derive(Default)]
struct Scratch {
    queries: Vec<f32>,
    /// [block][row][BLOCK]
    scores: Vec<f32>,
    /// [row][padded dim]
    mixed: Vec<f32>,
}

impl Scratch {
    #[allow(unsafe_code)]
    fn run<B: AsRef<KvBlock>>(
        &mut self,
        shape: AttentionShape,
        sequence: &Attending<'_, B>,
        task: &Task,
        out: Shared<'_>,
    ) {
        let (group, dim, padded) = (shape.group(), shape.dim, shape.padded_dim());
        let rows = task.tokens.len() * group;
        let start = sequence.start + task.tokens.start;
        let first = shape.first_visible(start) / BLOCK;
        let blocks = first..(sequence.start + task.tokens.end).div_ceil(BLOCK);
        let kept = &sequence.blocks[blocks.start - sequence.first_block..][..blocks.len()];

        self.queries.clear();
        for token in task.tokens.clone() {
            let from = token * sequence.stride + task.head * group * dim;
            let queries = &sequence.queries[from..from + group * dim];
            self.queries.extend(queries.iter().map(|value| value * shape.scale()));
        }
        self.scores.clear();
        self.scores.resize(blocks.len() * rows * BLOCK, 0.0);
        for (scores, block) in self.scores.chunks_mut(rows * BLOCK).zip(kept) {
            let keys = block.as_ref().keys(shape, task.head);
            accumulate(&self.queries, (rows, dim, dim), keys, BLOCK, scores);
        }
        self.mixed.clear();
        self.mixed.resize(rows * padded, 0.0);
        let sums: Vec<f32> = (0..rows)
            .map(|row| {
                let position = start + row / group;
                self.exponentials(
                    row,
                    rows,
                    blocks.start,
                    shape.first_visible(position)..position + 1,
                )
            })
            .collect();
        for (scores, block) in self.scores.chunks(rows * BLOCK).zip(kept) {
            let values = block.as_ref().values(shape, task.head);
            accumulate(scores, (rows, BLOCK, BLOCK), values, padded, &mut self.mixed);
        }
        for (row, (mixed, sum)) in self.mixed.chunks(padded).zip(sums).enumerate() {
            let at = (task.row + row / group) * shape.query_width()
                + (task.head * group + row % group) * dim;
            // SAFETY: a task alone writes its tokens' columns of its heads.
            let out = unsafe { out.piece(at, dim) };
            for (out, value) in out.iter_mut().zip(mixed) {
                *out = value / sum;
            }
        }
    }

    /// Replaces a row's scores by exp(score − maximum), 0 where it does not see, and returns their
    /// sum. Positions keep their places in the vectors, so a window changes no order.
    fn exponentials(
        &mut self,
        row: usize,
        rows: usize,
        first_block: usize,
        visible: std::ops::Range<usize>,
    ) -> f32 {
        let seen = |block: usize| {
            let from = (first_block + block) * BLOCK;
            let clip = |position: usize| position.clamp(from, from + BLOCK) - from;
            clip(visible.start)..clip(visible.end)
        };
        let mut shift = f32::NEG_INFINITY;
        for (block, scores) in self.scores.chunks(rows * BLOCK).enumerate() {
            shift = shift.max(max(&scores[row * BLOCK..(row + 1) * BLOCK][seen(block)]));
        }
        let mut total = 0.0;
        for (block, scores) in self.scores.chunks_mut(rows * BLOCK).enumerate() {
            let scores = &mut scores[row * BLOCK..(row + 1) * BLOCK];
            let seen = seen(block);
            exp_in_place(&mut scores[seen.clone()], shift);
            scores[..seen.start].fill(0.0);
            scores[seen.end..].fill(0.0);
            total += sum(scores);
        }
        total
    }
}
