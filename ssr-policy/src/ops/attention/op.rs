//! Causal attention as a differentiable operation over packed sequences.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::backward::{Head, HeadGrads, backward};
use super::{Attending, AttentionShape, KvBlock, attend};
use crate::ops::{composed, contiguous, with_slice};

/// The lengths of the sequences that are packed into one batch, one after the other.
pub(crate) type Spans = Arc<[usize]>;

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
        let rows: usize = self.spans.iter().sum();
        if queries.len() != rows * wide || keys.len() != rows * narrow || values.len() != keys.len()
        {
            bail!("queries, keys and values do not have {rows} rows of {wide} and {narrow}");
        }
        Ok(())
    }

    /// The first row and the number of rows of every sequence.
    fn starts(&self) -> impl Iterator<Item = (usize, usize)> {
        self.spans.iter().scan(0, |first, &tokens| {
            let start = *first;
            *first += tokens;
            Some((start, tokens))
        })
    }

    fn forward(&self, queries: &[f32], keys: &[f32], values: &[f32]) -> Result<Vec<f32>> {
        self.check(queries, keys, values)?;
        let (wide, narrow) = (self.shape.query_width(), self.shape.key_width());
        let blocks: Vec<_> = self
            .starts()
            .map(|(first, tokens)| {
                let range = first * narrow..(first + tokens) * narrow;
                KvBlock::of_sequence(self.shape, &keys[range.clone()], &values[range])
            })
            .collect();
        let sequences: Vec<_> = self
            .starts()
            .zip(&blocks)
            .map(|((first, tokens), blocks)| Attending {
                queries: &queries[first * wide..(first + tokens) * wide],
                stride: wide,
                tokens,
                start: 0,
                blocks,
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
        let starts: Vec<_> = self.starts().collect();
        let tasks: Vec<_> = starts
            .iter()
            .flat_map(|&rows| (0..shape.kv_heads).map(move |head| (rows, head)))
            .collect();
        let grads = tasks.par_iter().map(|&((first, tokens), head)| {
            let wide_rows = |of: &[f32], scale: f32| {
                columns(&of[first * wide..(first + tokens) * wide], wide, head, group, scale)
            };
            let narrow_rows = |of: &[f32]| {
                columns(
                    &of[first * narrow..(first + tokens) * narrow],
                    narrow,
                    head,
                    shape.dim,
                    1.0,
                )
            };
            let head = Head {
                queries: &wide_rows(queries, shape.scale()),
                out: &wide_rows(out, 1.0),
                grad: &wide_rows(grad, 1.0),
                keys: &narrow_rows(keys),
                values: &narrow_rows(values),
            };
            backward(shape, &head)
        });
        let grads: Vec<HeadGrads> = grads.collect();
        let mut sums = (vec![0.0; queries.len()], vec![0.0; keys.len()], vec![0.0; keys.len()]);
        for (grads, ((first, _), head)) in grads.into_iter().zip(tasks) {
            write_columns(&mut sums.0[first * wide..], wide, head, group, &grads.queries);
            write_columns(&mut sums.1[first * narrow..], narrow, head, shape.dim, &grads.keys);
            write_columns(&mut sums.2[first * narrow..], narrow, head, shape.dim, &grads.values);
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
