use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::tile::{self, HeadGrads};
use super::{Attending, AttentionShape, KvBlock, attend, interleave, per_head};
use crate::ops::{contiguous, with_slice};

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
    let op = CausalAttention { shape, spans: Arc::clone(spans) };
    queries.contiguous()?.apply_op3(&keys.contiguous()?, &values.contiguous()?, op)
}

struct CausalAttention {
    shape: AttentionShape,
    spans: Spans,
}

/// One sequence with its blocks.
struct Sequence<'a> {
    queries: &'a [f32],
    blocks: Vec<KvBlock>,
}

impl Sequence<'_> {
    fn attending(&self) -> Attending<'_, KvBlock> {
        Attending { queries: self.queries, start: 0, blocks: &self.blocks }
    }
}

impl CausalAttention {
    fn sequences<'a>(
        &self,
        queries: &'a [f32],
        keys: &[f32],
        values: &[f32],
    ) -> Result<Vec<Sequence<'a>>> {
        let (wide, narrow) = (self.shape.query_width(), self.shape.key_width());
        let rows: usize = self.spans.iter().sum();
        if queries.len() != rows * wide || keys.len() != rows * narrow || values.len() != keys.len()
        {
            bail!("queries, keys and values do not have {rows} rows of {wide} and {narrow}");
        }
        let sequence = |(first, tokens): (usize, usize)| {
            let range = first * narrow..(first + tokens) * narrow;
            let blocks = KvBlock::of_sequence(self.shape, &keys[range.clone()], &values[range]);
            Sequence { queries: &queries[first * wide..(first + tokens) * wide], blocks }
        };
        Ok(self.starts().map(sequence).collect())
    }

    /// The first row and the number of rows of every sequence.
    fn starts(&self) -> impl Iterator<Item = (usize, usize)> {
        self.spans.iter().scan(0, |first, &tokens| {
            let start = *first;
            *first += tokens;
            Some((start, tokens))
        })
    }

    fn backward(
        &self,
        [queries, keys, values, out, grad]: [&[f32]; 5],
    ) -> Result<(Vec<f32>, Vec<f32>, Vec<f32>)> {
        let (shape, wide) = (self.shape, self.shape.query_width());
        let sequences = self.sequences(queries, keys, values)?;
        let starts: Vec<_> =
            self.starts().map(|(first, rows)| first * wide..(first + rows) * wide).collect();
        let heads = per_head(shape, sequences.len(), |index, head| {
            let rows = starts[index].clone();
            let sequence = sequences[index].attending();
            tile::backward(shape, head, &sequence, &out[rows.clone()], &grad[rows])
        })?;
        let mut grads = (Vec::new(), Vec::new(), Vec::new());
        let mut heads = heads.into_iter();
        for _ in sequences {
            let mut parts = (Vec::new(), Vec::new(), Vec::new());
            for HeadGrads { queries, keys, values } in heads.by_ref().take(shape.kv_heads) {
                parts.0.push(queries);
                parts.1.push(keys);
                parts.2.push(values);
            }
            interleave(&parts.0, shape.group() * shape.dim, &mut grads.0);
            interleave(&parts.1, shape.dim, &mut grads.1);
            interleave(&parts.2, shape.dim, &mut grads.2);
        }
        Ok(grads)
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
        let sequences = self.sequences(
            contiguous(queries, queries_layout)?,
            contiguous(keys, keys_layout)?,
            contiguous(values, values_layout)?,
        )?;
        let attending: Vec<_> = sequences.iter().map(Sequence::attending).collect();
        let out = attend(self.shape, &attending)?;
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
