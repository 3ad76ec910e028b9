//! Forward passes by the CPU's kernels, exact to the last bit.

use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use rayon::prelude::*;

use super::{ModelRunner, SequenceInput, Tensors};
use crate::config::{EngineConfig, ModelConfig, Precision};
use crate::error::{Error, Result};
use crate::kernels::{Bits, Packed, Quantized, threads};
use crate::kv::{HostCache, KvCache, Pool};
use crate::ops::{
    AttentionShape, KvBlock, Rotation, rms_norm_row, swiglu_row, with_slice, with_slices,
};

/// The exact executor on the CPU: a snapshot of a model's weights, packed for few rows at a time.
pub(crate) struct KernelRunner {
    config: ModelConfig,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    head: Projection,
    frequencies: Vec<f32>,
}

/// Where the embeddings of tokens are.
enum Embedding {
    /// [vocabulary, hidden]
    Rows(Vec<f32>),
    /// In the output head.
    Tied,
}

struct Layer {
    shape: AttentionShape,
    input_norm: Vec<f32>,
    query_key_value: Projection,
    /// Weights of the query and key norms.
    head_norms: Option<(Vec<f32>, Vec<f32>)>,
    output: Projection,
    middle_norm: Vec<f32>,
    gate_up: Projection,
    down: Projection,
}

/// Projections that share an input, one after the other.
struct Projection {
    weight: Weight,
    bias: Option<Vec<f32>>,
}

enum Weight {
    Dense(Packed),
    Quantized(Quantized),
}

impl Weight {
    /// Packs weights [outputs, inputs] one below the other.
    fn new(weights: &[Tensor], inputs: usize, precision: Precision) -> Result<Self> {
        let (bits, kind) = match precision {
            Precision::F32 => {
                let packed = with_slices(weights, |weights| Ok(Packed::new(weights, inputs)))?;
                return Ok(Self::Dense(packed));
            }
            Precision::Bf16 => {
                return Err(Error::input("bfloat16 needs Executor::Tensors; on a CPU it is slow"));
            }
            Precision::Q8 => (Bits::Eight, GgmlDType::Q8_0),
            Precision::Q4 => (Bits::Four, GgmlDType::Q4_0),
        };
        if !inputs.is_multiple_of(kind.block_size()) {
            let problem = format!("{inputs} inputs are not a multiple of 32; generate in f32");
            return Err(Error::input(problem));
        }
        let quantised = weights.iter().map(|weight| QTensor::quantize(weight, kind));
        let quantised = quantised.collect::<candle_core::Result<Vec<_>>>()?;
        let blocks =
            quantised.iter().map(QTensor::data).collect::<candle_core::Result<Vec<_>>>()?;
        let blocks: Vec<&[u8]> = blocks.iter().map(|blocks| &blocks[..]).collect();
        let packed = Quantized::from_blocks(bits, &blocks, inputs);
        packed.map(Self::Quantized).ok_or_else(|| Error::input("blocks of another size"))
    }

    fn outputs(&self) -> usize {
        match self {
            Self::Dense(weight) => weight.outputs(),
            Self::Quantized(weight) => weight.outputs(),
        }
    }
}

impl Projection {
    fn outputs(&self) -> usize {
        self.weight.outputs()
    }

    fn bytes(&self) -> usize {
        match &self.weight {
            Weight::Dense(weight) => weight.bytes(),
            Weight::Quantized(weight) => weight.bytes(),
        }
    }

    /// Rows of inputs to rows of outputs.
    fn forward(&self, x: &[f32], out: &mut Vec<f32>) {
        let (inputs, outputs) = match &self.weight {
            Weight::Dense(weight) => (weight.inputs(), weight.outputs()),
            Weight::Quantized(weight) => (weight.inputs(), weight.outputs()),
        };
        out.resize(x.len() / inputs * outputs, 0.0);
        match &self.weight {
            Weight::Dense(weight) => weight.times(x, out),
            Weight::Quantized(weight) => weight.times(x, out),
        }
        if let Some(bias) = &self.bias {
            for row in out.chunks_mut(outputs) {
                row.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
            }
        }
    }

    fn row(&self, output: usize, into: &mut [f32]) {
        match &self.weight {
            Weight::Dense(weight) => weight.row(output, into),
            Weight::Quantized(weight) => weight.row(output, into),
        }
    }
}

/// Buffers of a forward pass, kept for the next one.
#[derive(Default)]
pub(crate) struct Scratch {
    residual: Vec<f32>,
    normed: Vec<f32>,
    /// Queries, keys and values of a row, one after the other.
    qkv: Vec<f32>,
    mixed: Vec<f32>,
    gate_up: Vec<f32>,
    middle: Vec<f32>,
    projected: Vec<f32>,
    logits: Vec<f32>,
}

impl ModelRunner for KernelRunner {
    type Cache = HostCache;
    type Scratch = Scratch;
    type Storage = ();

    const ON_RAYON: bool = true;

    fn load(
        config: &ModelConfig,
        device: &Device,
        mut tensors: Tensors,
        engine: &EngineConfig,
        _: &mut Option<()>,
    ) -> Result<Self> {
        if !device.is_cpu() {
            return Err(Error::input("the kernels need a model on the CPU; use Executor::Auto"));
        }
        let precision = engine.precision;
        let hidden = config.hidden_size;
        let project = |tensors: &mut Tensors, prefix: &str, names: &[&str], inputs: usize| {
            let mut weights = Vec::with_capacity(names.len());
            let mut bias = Vec::new();
            for name in names {
                let weight = tensors.needed(&format!("{prefix}{name}.weight"))?.contiguous()?;
                if let Some(part) = tensors.optional(&format!("{prefix}{name}.bias")) {
                    bias.extend(values(&part)?);
                }
                weights.push(weight);
            }
            let weight = Weight::new(&weights, inputs, precision)?;
            if !bias.is_empty() && bias.len() != weight.outputs() {
                return Err(Error::input(format!("{prefix}{} lack a bias", names.join(", "))));
            }
            Ok(Projection { weight, bias: if bias.is_empty() { None } else { Some(bias) } })
        };
        let mut layer = |index: usize| {
            let prefix = format!("model.layers.{index}.");
            let (attention, mlp) = (format!("{prefix}self_attn."), format!("{prefix}mlp."));
            let queries = config.num_attention_heads * config.head_dim;
            let query_norm = tensors.optional(&format!("{attention}q_norm.weight"));
            let key_norm = tensors.optional(&format!("{attention}k_norm.weight"));
            let norms = match query_norm.zip(key_norm) {
                Some((query, key)) => Some((values(&query)?, values(&key)?)),
                None => None,
            };
            let parts = ["q_proj", "k_proj", "v_proj"];
            Ok(Layer {
                shape: config.attention_shape(index),
                input_norm: values(&tensors.needed(&format!("{prefix}input_layernorm.weight"))?)?,
                query_key_value: project(&mut tensors, &attention, &parts, hidden)?,
                head_norms: norms,
                output: project(&mut tensors, &attention, &["o_proj"], queries)?,
                middle_norm: values(
                    &tensors.needed(&format!("{prefix}post_attention_layernorm.weight"))?,
                )?,
                gate_up: project(&mut tensors, &mlp, &["gate_proj", "up_proj"], hidden)?,
                down: project(&mut tensors, &mlp, &["down_proj"], config.intermediate_size)?,
            })
        };
        let layers = (0..config.num_hidden_layers).map(&mut layer).collect::<Result<_>>()?;
        let (embedding, head) = if config.tie_word_embeddings {
            (Embedding::Tied, project(&mut tensors, "model.", &["embed_tokens"], hidden)?)
        } else {
            let rows = values(&tensors.needed("model.embed_tokens.weight")?)?;
            (Embedding::Rows(rows), project(&mut tensors, "", &["lm_head"], hidden)?)
        };
        Ok(Self {
            embedding,
            layers,
            norm: values(&tensors.needed("model.norm.weight")?)?,
            head,
            frequencies: config.rope_frequencies(),
            config: config.clone(),
        })
    }

    fn weight_bytes(&self) -> Option<usize> {
        Some(self.head.bytes() + self.layers.iter().map(Layer::bytes).sum::<usize>())
    }

    fn block_bytes(&self) -> usize {
        self.layers.iter().map(|layer| KvBlock::bytes(layer.shape)).sum()
    }

    fn new_cache(&self, pool: &Arc<Pool>) -> HostCache {
        HostCache::new(self.layers.iter().map(|layer| layer.shape), pool)
    }

    /// Neither the batch nor the cutting into steps changes a bit of a sequence.
    fn forward<'s>(
        &self,
        inputs: &mut [SequenceInput<'_, HostCache>],
        scratch: &'s mut Scratch,
    ) -> Result<&'s [f32]> {
        let hidden = self.config.hidden_size;
        let positions: Vec<usize> = inputs
            .iter()
            .flat_map(|input| input.cache.len()..input.cache.len() + input.tokens.len())
            .collect();
        let rotation = Rotation::new(&positions, &self.frequencies);
        scratch.residual.resize(positions.len() * hidden, 0.0);
        let tokens = inputs.iter().flat_map(|input| input.tokens);
        for (row, &token) in scratch.residual.chunks_mut(hidden).zip(tokens) {
            match &self.embedding {
                Embedding::Rows(rows) => {
                    row.copy_from_slice(&rows[token as usize * hidden..][..hidden]);
                }
                Embedding::Tied => self.head.row(token as usize, row),
            }
        }
        let eps = self.config.rms_norm_eps as f32;
        for (index, layer) in self.layers.iter().enumerate() {
            layer.forward(index, eps, &rotation, inputs, scratch);
        }
        let mut end = 0;
        scratch.normed.clear();
        for input in inputs.iter_mut() {
            end += input.tokens.len();
            input.cache.advance(input.tokens.len());
            if input.logits {
                let from = scratch.normed.len();
                scratch.normed.resize(from + hidden, 0.0);
                let row = &scratch.residual[(end - 1) * hidden..end * hidden];
                rms_norm_row(row, &self.norm, eps, &mut scratch.normed[from..]);
            }
        }
        self.head.forward(&scratch.normed, &mut scratch.logits);
        Ok(&scratch.logits)
    }
}

impl Layer {
    fn bytes(&self) -> usize {
        let projections = [&self.query_key_value, &self.output, &self.gate_up, &self.down];
        projections.iter().map(|projection| projection.bytes()).sum()
    }

    fn forward(
        &self,
        index: usize,
        eps: f32,
        rotation: &Rotation,
        inputs: &mut [SequenceInput<'_, HostCache>],
        scratch: &mut Scratch,
    ) {
        let Scratch { residual, normed, qkv, mixed, gate_up, middle, projected, .. } = scratch;
        normalise(residual, &self.input_norm, eps, normed);
        self.query_key_value.forward(normed, qkv);
        let (stride, queries) = (self.query_key_value.outputs(), self.shape.query_width());
        each_row(qkv, stride, |row, values| {
            let (query, rest) = values.split_at_mut(queries);
            let key = &mut rest[..self.shape.key_width()];
            let norms = self.head_norms.as_ref();
            self.prepare(query, norms.map(|norms| &norms.0[..]), eps, rotation, row);
            self.prepare(key, norms.map(|norms| &norms.1[..]), eps, rotation, row);
        });
        let mut start = 0;
        for input in inputs.iter_mut() {
            let rows = &qkv[start * stride..(start + input.tokens.len()) * stride];
            input.cache.append(index, rows, stride, queries);
            start += input.tokens.len();
        }
        mixed.resize(start * queries, 0.0);
        let caches: Vec<_> =
            inputs.iter().map(|input| (&*input.cache, input.tokens.len())).collect();
        HostCache::attend(&caches, index, qkv, stride, mixed);
        self.output.forward(mixed, projected);
        add(residual, projected);

        normalise(residual, &self.middle_norm, eps, normed);
        self.gate_up.forward(normed, gate_up);
        let width = self.gate_up.outputs() / 2;
        middle.resize(start * width, 0.0);
        each_row(middle, width, |row, out| {
            let (gate, up) = gate_up[2 * row * width..2 * (row + 1) * width].split_at(width);
            swiglu_row(gate, up, out);
        });
        self.down.forward(middle, projected);
        add(residual, projected);
    }

    /// Normalises, where the model does, and rotates the heads of one row.
    fn prepare(
        &self,
        heads: &mut [f32],
        norm: Option<&[f32]>,
        eps: f32,
        rotation: &Rotation,
        row: usize,
    ) {
        for head in heads.chunks_mut(self.shape.dim) {
            if let Some(weight) = norm {
                let mut normed = [0.0; MAX_HEAD];
                let normed = &mut normed[..head.len()];
                rms_norm_row(head, weight, eps, normed);
                head.copy_from_slice(normed);
            }
            rotation.rotate(head, row, 1.0);
        }
    }
}

/// The widest head that a configuration may have.
const MAX_HEAD: usize = 1 << 10;

/// The elements of a tensor.
fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(with_slice(tensor, |values| Ok(values.to_vec()))?)
}

/// Floats that are worth a task of their own.
const TASK: usize = 1 << 14;

/// Calls `task(index, row)` for all rows, in parallel where it pays.
fn each_row(rows: &mut [f32], width: usize, task: impl Fn(usize, &mut [f32]) + Sync) {
    if threads() == 1 || rows.len() < 2 * TASK {
        rows.chunks_mut(width).enumerate().for_each(|(index, row)| task(index, row));
    } else {
        let rows = rows.par_chunks_mut(width).enumerate().with_min_len(TASK.div_ceil(width));
        rows.for_each(|(index, row)| task(index, row));
    }
}

fn normalise(x: &[f32], weight: &[f32], eps: f32, out: &mut Vec<f32>) {
    out.resize(x.len(), 0.0);
    let width = weight.len();
    each_row(out, width, |index, out| {
        rms_norm_row(&x[index * width..(index + 1) * width], weight, eps, out);
    });
}

fn add(sum: &mut [f32], values: &[f32]) {
    sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}
