//! Causal attention as a differentiable operation over packed sequences.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::backward::{Head, HeadGrads, add, backward};
use super::{Attending, AttentionShape, BLOCK, KvBlock, attend};
use crate::ops::{composed, contiguous, with_slice};

/// Rows of a packed batch: a whole sequence, or one that goes on from the first rows of another, so that
/// a prompt that several answers share is there once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    /// The number of rows.
    pub(crate) tokens: usize,
    /// What comes before them.
    pub(crate) prefix: Option<Prefix>,
}

/// The first rows of a whole sequence that stands earlier in the batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prefix {
    /// The first row of that sequence.
    pub(crate) first: usize,
    /// The number of rows.
    pub(crate) tokens: usize,
}

impl Span {
    /// The position of the first row.
    pub(crate) fn start(&self) -> usize {
        self.prefix.map_or(0, |prefix| prefix.tokens)
    }
}

/// The sequences that are packed into one batch, one after the other.
pub(crate) type Spans = Arc<[Span]>;

/// Attention within each of the packed sequences: queries [N, heads * dim], keys and values
/// [N, kv_heads * dim], result as the queries.
pub(crate) fn causal_attention(
    queries: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    shape: AttentionShape,
    spans: &Spans,
) -> Result<Tensor> {
    if !queries.device().is_cpu() {
        return composed::causal_attention(queries, keys, values, shape, spans);
    }
    let op = CausalAttention { shape, spans: Arc::clone(spans) };
    queries.contiguous()?.apply_op3(&keys.contiguous()?, &values.contiguous()?, op)
}

struct CausalAttention {
    shape: AttentionShape,
    spans: Spans,
}

impl CausalAttention {
    fn check(&self, queries: &[f32], keys: &[f32], values: &[f32]) -> Result<()> {
        let (wide, narrow) = (self.shape.query_width(), self.shape.key_width());
        let rows: usize = self.spans.iter().map(|span| span.tokens).sum();
        if queries.len() != rows * wide || keys.len() != rows * narrow || values.len() != keys.len()
        {
            bail!("queries, keys and values do not have {rows} rows of {wide} and {narrow}");
        }
        Ok(())
    }

    /// Every span with its first row.
    fn starts(&self) -> impl Iterator<Item = (usize, Span)> {
        self.spans.iter().scan(0, |first, &span| {
            let start = *first;
            *first += span.tokens;
            Some((start, span))
        })
    }

    /// Every whole sequence with what goes on from it: itself first, in the order of the batch.
    fn families(&self) -> Vec<Vec<(usize, Span)>> {
        let mut families: BTreeMap<usize, Vec<(usize, Span)>> = BTreeMap::new();
        for (first, span) in self.starts() {
            let root = span.prefix.map_or(first, |prefix| prefix.first);
            families.entry(root).or_default().push((first, span));
        }
        families.into_values().collect()
    }

    /// The blocks of every span, those of its prefix included; full ones are shared.
    fn blocks(&self, keys: &[f32], values: &[f32]) -> Vec<Vec<Arc<KvBlock>>> {
        let width = self.shape.key_width();
        let blocks = |rows: &[Range<usize>]| {
            let of = |all: &[f32]| -> Vec<f32> {
                rows.iter()
                    .flat_map(|rows| &all[rows.start * width..rows.end * width])
                    .copied()
                    .collect()
            };
            let blocks = KvBlock::of_sequence(self.shape, &of(keys), &of(values));
            blocks.into_iter().map(Arc::new).collect::<Vec<_>>()
        };
        let mut roots: HashMap<usize, usize> = HashMap::new();
        let mut all: Vec<Vec<Arc<KvBlock>>> = Vec::with_capacity(self.spans.len());
        for (first, span) in self.starts() {
            let own = first..first + span.tokens;
            let of_span = match span.prefix {
                None => {
                    roots.insert(first, all.len());
                    blocks(&[own])
                }
                Some(prefix) => {
                    let full = prefix.tokens / BLOCK;
                    let rest = prefix.first + full * BLOCK..prefix.first + prefix.tokens;
                    let mut shared = all[roots[&prefix.first]][..full].to_vec();
                    shared.extend(blocks(&[rest, own]));
                    shared
                }
            };
            all.push(of_span);
        }
        all
    }

    fn forward(&self, queries: &[f32], keys: &[f32], values: &[f32]) -> Result<Vec<f32>> {
        self.check(queries, keys, values)?;
        let wide = self.shape.query_width();
        let blocks = self.blocks(keys, values);
        let sequences: Vec<_> = self
            .starts()
            .zip(&blocks)
            .map(|((first, span), blocks)| Attending {
                queries: &queries[first * wide..(first + span.tokens) * wide],
                stride: wide,
                tokens: span.tokens,
                start: span.start(),
                blocks: &blocks[..],
                first_block: 0,
            })
            .collect();
        let mut out = vec![0.0; queries.len()];
        attend(self.shape, &sequences, &mut out);
        Ok(out)
    }

    fn backward(
        &self,
        [queries, keys, values, out, grad]: [&[f32]; 5],
    ) -> Result<(Vec<f32>, Vec<f32>, Vec<f32>)> {
        self.check(queries, keys, values)?;
        let shape = self.shape;
        let (wide, narrow) = (shape.query_width(), shape.key_width());
        let group = shape.group() * shape.dim;
        let families = self.families();
        let tasks: Vec<_> = families
            .iter()
            .flat_map(|family| (0..shape.kv_heads).map(move |head| (family, head)))
            .collect();
        let grads = tasks.par_iter().map(|&(family, head)| {
            let narrow_rows = |of: &[f32], first: usize, tokens: usize| {
                let rows = &of[first * narrow..(first + tokens) * narrow];
                columns(rows, narrow, head, shape.dim, 1.0)
            };
            let mut family_grads: Vec<HeadGrads> = Vec::with_capacity(family.len());
            for &(first, span) in family {
                let wide_rows = |of: &[f32], scale: f32| {
                    let rows = &of[first * wide..(first + span.tokens) * wide];
                    columns(rows, wide, head, group, scale)
                };
                let all_rows = |of: &[f32]| {
                    let prefix =
                        span.prefix.map(|of_root| narrow_rows(of, of_root.first, of_root.tokens));
                    let mut rows = prefix.unwrap_or_default();
                    rows.extend(narrow_rows(of, first, span.tokens));
                    rows
                };
                let mut grads = backward(
                    shape,
                    &Head {
                        queries: &wide_rows(queries, shape.scale()),
                        out: &wide_rows(out, 1.0),
                        grad: &wide_rows(grad, 1.0),
                        keys: &all_rows(keys),
                        values: &all_rows(values),
                    },
                );
                if let (Some(root), start @ 1..) = (family_grads.first_mut(), span.start()) {
                    let own = start * shape.dim;
                    add(&mut root.keys, &grads.keys[..own]);
                    add(&mut root.values, &grads.values[..own]);
                    grads.keys.drain(..own);
                    grads.values.drain(..own);
                }
                family_grads.push(grads);
            }
            family_grads
        });
        let grads: Vec<Vec<HeadGrads>> = grads.collect();
        let mut sums = (vec![0.0; queries.len()], vec![0.0; keys.len()], vec![0.0; keys.len()]);
        for (grads, (family, head)) in grads.into_iter().zip(tasks) {
            for (grads, (first, _)) in grads.into_iter().zip(family) {
                write_columns(&mut sums.0[first * wide..], wide, head, group, &grads.queries);
                write_columns(&mut sums.1[first * narrow..], narrow, head, shape.dim, &grads.keys);
                write_columns(
                    &mut sums.2[first * narrow..],
                    narrow,
                    head,
                    shape.dim,
                    &grads.values,
                );
            }
        }
        Ok(sums)
    }
}

/// The `head`-th `width` columns of rows of `stride` elements, dense and scaled.
fn columns(rows: &[f32], stride: usize, head: usize, width: usize, scale: f32) -> Vec<f32> {
    let rows = rows.chunks(stride).flat_map(|row| &row[head * width..(head + 1) * width]);
    rows.map(|value| value * scale).collect()
}

/// The inverse of [`columns`], without the scale.
fn write_columns(rows: &mut [f32], stride: usize, head: usize, width: usize, values: &[f32]) {
    for (row, values) in rows.chunks_mut(stride).zip(values.chunks(width)) {
        row[head * width..(head + 1) * width].copy_from_slice(values);
    }
}

impl CustomOp3 for CausalAttention {
    fn name(&self) -> &'static str {
        "causal-attention"
    }

    fn cpu_fwd(
        &self,
        queries: &CpuStorage,
        queries_layout: &Layout,
        keys: &CpuStorage,
        keys_layout: &Layout,
        values: &CpuStorage,
        values_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let out = self.forward(
            contiguous(queries, queries_layout)?,
            contiguous(keys, keys_layout)?,
            contiguous(values, values_layout)?,
        )?;
        Ok((CpuStorage::F32(out), queries_layout.shape().clone()))
    }

    fn bwd(
        &self,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (q, k, v) = with_slice(queries, |q| {
            with_slice(keys, |k| {
                with_slice(values, |v| {
                    with_slice(out, |o| with_slice(grad, |g| self.backward([q, k, v, o, g])))
                })
            })
        })?;
        let tensor = |values, like: &Tensor| Tensor::from_vec(values, like.shape(), like.device());
        Ok((Some(tensor(q, queries)?), Some(tensor(k, keys)?), Some(tensor(v, values)?)))
    }
}
