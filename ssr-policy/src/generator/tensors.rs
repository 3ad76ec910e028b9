//! Forward passes by candle's operations, for any device.

use std::collections::HashMap;
use std::sync::Arc;

use candle_core::{D, DType, Device, Tensor};
use candle_nn::ops::{rms_norm, softmax_last_dim, swiglu};
use candle_nn::rotary_emb::rope_thd;

use super::{ModelRunner, SequenceInput, Tensors};
use crate::bound::Bound;
use crate::config::{EngineConfig, ModelConfig, Precision};
use crate::error::{Error, Result};
use crate::kv::{DeviceCache, DeviceKv, KvCache, Pool, device_block_bytes};
use crate::ops::{AttentionShape, Rotation};

/// The executor made of candle's operations, for any device. It batches as the kernels do, but
/// rounds as the device's libraries do: the bits of a sequence may depend on its batch.
pub(crate) struct TensorRunner {
    device: Bound,
    config: ModelConfig,
    dtype: DType,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Tensor,
    frequencies: Vec<f32>,
    kv: Arc<DeviceKv>,
}

struct Layer {
    shape: AttentionShape,
    input_norm: Tensor,
    query_key_value: Projection,
    head_norms: Option<(Tensor, Tensor)>,
    output: Projection,
    middle_norm: Tensor,
    gate_up: Projection,
    down: Projection,
}

struct Projection {
    /// [in, out], a transposed view.
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Projection {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let product = x.matmul(&self.weight)?;
        match &self.bias {
            Some(bias) => Ok(product.broadcast_add(bias)?),
            None => Ok(product),
        }
    }
}

/// Where the new tokens of a batch are stored and what they attend to; the same for all layers.
struct BatchLayout {
    /// [N, dim / 2]
    cos: Tensor,
    sin: Tensor,
    /// Where the new keys and values go: [kv_heads, N, dim].
    places: Tensor,
    /// Sequences with one new token, which are computed together.
    decoding: Option<Group>,
    /// Sequences with several, one by one, each with the number of its new tokens.
    prefilling: Vec<(Group, usize)>,
}

/// Sequences that are computed together in the attention.
struct Group {
    /// Where the keys and values of all their positions are stored, padded to one length:
    /// [sequences * length].
    seen: Tensor,
    sequences: usize,
    /// The mask of each layer, 0 where a query attends and −∞ where not:
    /// [sequences, 1, queries, length]. Layers with one window share theirs.
    masks: Vec<Tensor>,
}

impl ModelRunner for TensorRunner {
    type Cache = DeviceCache;
    type Scratch = Vec<f32>;
    type Storage = Arc<DeviceKv>;

    // candle's operations have threads of their own.
    const ON_RAYON: bool = false;

    fn load(
        config: &ModelConfig,
        device: &Device,
        mut tensors: Tensors,
        engine: &EngineConfig,
        storage: &mut Option<Arc<DeviceKv>>,
    ) -> Result<Self> {
        let dtype = match engine.precision {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::BF16,
            Precision::Q8 | Precision::Q4 => {
                let problem = "quantised weights need the kernels, that is, a model on the CPU";
                return Err(Error::input(problem));
            }
        };
        let cast = |tensor: Tensor| -> Result<Tensor> { Ok(tensor.to_dtype(dtype)?) };
        let project = |tensors: &mut Tensors, prefix: &str, names: &[&str]| -> Result<Projection> {
            let (mut weights, mut biases) = (Vec::new(), Vec::new());
            for name in names {
                weights.push(cast(tensors.needed(&format!("{prefix}{name}.weight"))?)?);
                let bias = tensors.optional(&format!("{prefix}{name}.bias"));
                biases.extend(bias.map(cast).transpose()?);
            }
            Ok(Projection {
                weight: Tensor::cat(&weights, 0)?.t()?,
                bias: if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) },
            })
        };
        let embedding = cast(tensors.needed("model.embed_tokens.weight")?)?;
        let head = match config.tie_word_embeddings {
            true => embedding.clone(),
            false => cast(tensors.needed("lm_head.weight")?)?,
        };
        let norm = cast(tensors.needed("model.norm.weight")?)?;
        let mut layer = |index: usize| {
            let prefix = format!("model.layers.{index}.");
            let (attention, mlp) = (format!("{prefix}self_attn."), format!("{prefix}mlp."));
            let mut optional = |name: String| tensors.optional(&name).map(cast).transpose();
            let query_norm = optional(format!("{attention}q_norm.weight"))?;
            let key_norm = optional(format!("{attention}k_norm.weight"))?;
            let mut needed = |name: &str| cast(tensors.needed(&format!("{prefix}{name}.weight"))?);
            let input_norm = needed("input_layernorm")?;
            let middle_norm = needed("post_attention_layernorm")?;
            let parts = ["q_proj", "k_proj", "v_proj"];
            Ok(Layer {
                shape: config.attention_shape(index),
                input_norm,
                query_key_value: project(&mut tensors, &attention, &parts)?,
                head_norms: query_norm.zip(key_norm),
                output: project(&mut tensors, &attention, &["o_proj"])?,
                middle_norm,
                gate_up: project(&mut tensors, &mlp, &["gate_proj", "up_proj"])?,
                down: project(&mut tensors, &mlp, &["down_proj"])?,
            })
        };
        let layers = (0..config.num_hidden_layers).map(&mut layer).collect::<Result<_>>()?;
        let kv = match storage {
            Some(kv) => Arc::clone(kv),
            None => DeviceKv::new(config, engine.kv_bytes, dtype, device)?,
        };
        *storage = Some(Arc::clone(&kv));
        Ok(Self {
            embedding,
            layers,
            norm,
            head: head.t()?,
            frequencies: config.rope_frequencies(),
            kv,
            config: config.clone(),
            device: Bound(device.clone()),
            dtype,
        })
    }

    /// `None`: the device computes all sequences of a step together.
    fn weight_bytes(&self) -> Option<usize> {
        None
    }

    fn block_bytes(&self) -> usize {
        device_block_bytes(&self.config, self.dtype)
    }

    fn new_cache(&self, pool: &Arc<Pool>) -> DeviceCache {
        DeviceCache::new(self.block_bytes(), &self.kv, pool)
    }

    fn forward<'s>(
        &self,
        inputs: &mut [SequenceInput<'_, DeviceCache>],
        logits: &'s mut Vec<f32>,
    ) -> Result<&'s [f32]> {
        for input in inputs.iter_mut() {
            input.cache.reserve(input.tokens.len())?;
        }
        // Sequences with one token first: together they are one batch.
        let mut order: Vec<usize> = (0..inputs.len()).collect();
        order.sort_by_key(|&index| inputs[index].tokens.len() > 1);
        let ordered: Vec<(&DeviceCache, &[u32])> =
            order.iter().map(|&index| (&*inputs[index].cache, inputs[index].tokens)).collect();
        let layout = self.layout(&ordered)?;
        let tokens: Vec<u32> = ordered.iter().flat_map(|(_, tokens)| *tokens).copied().collect();
        let mut x = self.embedding.index_select(&Tensor::new(tokens, &self.device.0)?, 0)?;
        for index in 0..self.layers.len() {
            x = self.layer(index, &x, &layout)?;
        }
        let ends: HashMap<usize, u32> = order
            .iter()
            .scan(0, |end, &index| {
                *end += inputs[index].tokens.len() as u32;
                Some((index, *end - 1))
            })
            .collect();
        let wanted: Vec<u32> = (0..inputs.len())
            .filter(|&index| inputs[index].logits)
            .map(|index| ends[&index])
            .collect();
        for input in inputs.iter_mut() {
            input.cache.advance(input.tokens.len());
        }
        logits.clear();
        if !wanted.is_empty() {
            let x = x.index_select(&Tensor::new(wanted, &self.device.0)?, 0)?;
            let x = rms_norm(&x, &self.norm, self.config.rms_norm_eps as f32)?;
            let rows = x.matmul(&self.head)?.to_dtype(DType::F32)?;
            *logits = rows.flatten_all()?.to_vec1()?;
        }
        Ok(logits)
    }
}

impl TensorRunner {
    /// The layout of a batch in which sequences with one new token come first.
    fn layout(&self, inputs: &[(&DeviceCache, &[u32])]) -> Result<BatchLayout> {
        let (heads, dim) = (self.config.num_key_value_heads, self.config.head_dim);
        let positions = inputs.iter().flat_map(|(cache, tokens)| {
            (cache.len()..cache.len() + tokens.len()).map(move |position| (*cache, position))
        });
        let (places, positions): (Vec<u32>, Vec<usize>) =
            positions.map(|(cache, position)| (cache.place(position), position)).unzip();
        let count = positions.len();
        let rotation = Rotation::new(&positions, &self.frequencies);
        let (cos, sin) = rotation.tensors(&self.device.0)?;
        let places = Tensor::new(places, &self.device.0)?.reshape((1, count, 1))?;
        let singles = inputs.iter().take_while(|(_, tokens)| tokens.len() == 1).count();
        let (decoding, prefilling) = inputs.split_at(singles);
        Ok(BatchLayout {
            cos: cos.to_dtype(self.dtype)?,
            sin: sin.to_dtype(self.dtype)?,
            places: places.broadcast_as((heads, count, dim))?.contiguous()?,
            decoding: if singles == 0 { None } else { Some(self.group(decoding)?) },
            prefilling: prefilling
                .iter()
                .map(|input| Ok((self.group(&[*input])?, input.1.len())))
                .collect::<Result<_>>()?,
        })
    }

    /// Sequences with equally many new tokens.
    fn group(&self, inputs: &[(&DeviceCache, &[u32])]) -> Result<Group> {
        let ends = inputs.iter().map(|(cache, tokens)| cache.len() + tokens.len());
        let length = ends.max().unwrap_or(0);
        let mut seen = Vec::with_capacity(inputs.len() * length);
        for (cache, tokens) in inputs {
            let end = cache.len() + tokens.len();
            // Positions beyond the end of a sequence are masked; any place will do.
            seen.extend((0..length).map(|position| cache.place(position.min(end - 1))));
        }
        let queries = inputs.first().map_or(0, |(_, tokens)| tokens.len());
        let mut by_window: HashMap<Option<usize>, Tensor> = HashMap::new();
        let mut masks = Vec::with_capacity(self.layers.len());
        for Layer { shape, .. } in &self.layers {
            if let Some(mask) = by_window.get(&shape.window) {
                masks.push(mask.clone());
                continue;
            }
            let mut mask = vec![f32::NEG_INFINITY; inputs.len() * queries * length];
            let positions =
                inputs.iter().flat_map(|(cache, tokens)| cache.len()..cache.len() + tokens.len());
            for (row, position) in mask.chunks_mut(length.max(1)).zip(positions) {
                row[shape.first_visible(position)..=position].fill(0.0);
            }
            let mask = Tensor::from_vec(mask, (inputs.len(), 1, queries, length), &self.device.0)?;
            by_window.insert(shape.window, mask.clone());
            masks.push(mask);
        }
        Ok(Group { seen: Tensor::new(seen, &self.device.0)?, sequences: inputs.len(), masks })
    }

    fn layer(&self, index: usize, x: &Tensor, layout: &BatchLayout) -> Result<Tensor> {
        let layer = &self.layers[index];
        let eps = self.config.rms_norm_eps as f32;
        let shape = layer.shape;
        let (rows, wide, narrow) = (x.dim(0)?, shape.query_width(), shape.key_width());
        let h = rms_norm(x, &layer.input_norm, eps)?;
        let qkv = layer.query_key_value.forward(&h)?;
        let heads = |start: usize, width: usize| -> Result<Tensor> {
            let part = qkv.narrow(1, start, width)?;
            Ok(part.reshape((rows, width / shape.dim, shape.dim))?.contiguous()?)
        };
        let rotated = |part: Tensor, norm: Option<&Tensor>| -> Result<Tensor> {
            let part = norm.map_or(Ok(part.clone()), |norm| rms_norm(&part, norm, eps))?;
            Ok(rope_thd(&part.unsqueeze(0)?, &layout.cos, &layout.sin)?.squeeze(0)?)
        };
        let norms = layer.head_norms.as_ref();
        let queries = rotated(heads(0, wide)?, norms.map(|norms| &norms.0))?;
        let keys = rotated(heads(wide, narrow)?, norms.map(|norms| &norms.1))?;
        let values = heads(wide + narrow, narrow)?;
        let (all_keys, all_values) = (&self.kv.keys[index], &self.kv.values[index]);
        all_keys.scatter_set(&layout.places, &keys.transpose(0, 1)?.contiguous()?, 1)?;
        all_values.scatter_set(&layout.places, &values.transpose(0, 1)?.contiguous()?, 1)?;

        let mut mixed = Vec::new();
        let mut start = 0;
        let groups = layout.decoding.iter().map(|group| (group, 1));
        let groups = groups.chain(layout.prefilling.iter().map(|(group, tokens)| (group, *tokens)));
        for (group, tokens) in groups {
            let own = queries.narrow(0, start, group.sequences * tokens)?;
            start += group.sequences * tokens;
            mixed.push(group.attend(shape, &group.masks[index], &own, all_keys, all_values)?);
        }
        let mixed = if mixed.len() == 1 { mixed.remove(0) } else { Tensor::cat(&mixed, 0)? };
        let x = (x + layer.output.forward(&mixed)?)?;
        let h = rms_norm(&x, &layer.middle_norm, eps)?;
        let h = swiglu(&layer.gate_up.forward(&h)?)?;
        Ok((x + layer.down.forward(&h)?)?)
    }
}

impl Group {
    /// Queries [sequences * tokens, heads, dim] to [sequences * tokens, heads * dim].
    fn attend(
        &self,
        shape: AttentionShape,
        mask: &Tensor,
        queries: &Tensor,
        keys: &Tensor,
        values: &Tensor,
    ) -> Result<Tensor> {
        let (count, kv, dim) = (self.sequences, shape.kv_heads, shape.dim);
        let group = shape.heads / kv;
        let length = self.seen.dim(0)? / count;
        let tokens = queries.dim(0)? / count;
        let seen = |all: &Tensor| -> Result<Tensor> {
            Ok(all.index_select(&self.seen, 1)?.reshape((kv, count, length, dim))?)
        };
        // [kv, sequences, group * tokens, dim]
        let queries = queries
            .reshape((count, tokens, kv, group, dim))?
            .permute((2, 0, 3, 1, 4))?
            .reshape((kv, count, group * tokens, dim))?;
        let scores = queries.matmul(&seen(keys)?.transpose(D::Minus2, D::Minus1)?)?;
        let dtype = scores.dtype();
        let scores = (scores.to_dtype(DType::F32)? * f64::from(dim as u32).powf(-0.5))?;
        let scores = scores
            .reshape((kv, count, group, tokens, length))?
            .broadcast_add(&mask.unsqueeze(0)?)?;
        let weights = softmax_last_dim(&scores)?
            .reshape((kv, count, group * tokens, length))?
            .to_dtype(dtype)?;
        // [kv, sequences, group, tokens, dim] to [sequences, tokens, kv, group, dim]
        let mixed = weights
            .matmul(&seen(values)?)?
            .reshape((kv, count, group, tokens, dim))?
            .permute((1, 3, 0, 2, 4))?
            .reshape((count * tokens, shape.heads * dim))?;
        Ok(mixed)
    }
}
