//! The forward pass that is trained through.

use std::sync::Arc;

use candle_core::Tensor;

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::lora::LowRank;
use crate::ops::{
    AttentionShape, Rotation, Spans, causal_attention, checkpointed, head_norm_rope, linear,
    lora_linear, rms_norm, rope, swiglu,
};
use crate::packed::Packed;

/// The training executor: views of a model's variables, arranged for a forward pass through which
/// gradients flow.
pub(crate) struct Network {
    config: ModelConfig,
    embedding: Tensor,
    layers: Vec<Arc<Layer>>,
    norm: Tensor,
    head: Tensor,
    frequencies: Vec<f32>,
}

/// Where the network finds its tensors.
pub(crate) trait Tensors {
    /// A weight of the model by its name; detached, if it is frozen.
    fn weight(&self, name: &str) -> Option<Tensor>;

    /// What an adapter adds to a projection.
    fn low_rank(&self, projection: &str) -> Option<LowRank>;
}

/// The tensors of one decoder layer.
struct Layer {
    shape: AttentionShape,
    input_norm: Tensor,
    query: Projection,
    key: Projection,
    value: Projection,
    /// Weights of the query and key norms.
    head_norms: Option<(Tensor, Tensor)>,
    output: Projection,
    middle_norm: Tensor,
    gate: Projection,
    up: Projection,
    down: Projection,
}

struct Projection {
    weight: Tensor,
    adapter: Option<LowRank>,
    bias: Option<Tensor>,
}

impl Projection {
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let bias = self.bias.as_ref();
        match &self.adapter {
            Some(LowRank { down, up, scale }) => {
                lora_linear(x, &self.weight, down, up, *scale, bias)
            }
            None => linear(x, &self.weight, bias),
        }
    }

    fn weights(&self) -> impl Iterator<Item = &Tensor> {
        let adapter = self.adapter.iter().flat_map(|adapter| [&adapter.down, &adapter.up]);
        [&self.weight].into_iter().chain(&self.bias).chain(adapter)
    }
}

impl ModelConfig {
    /// How the heads of a layer look back.
    pub(crate) fn attention_shape(&self, layer: usize) -> AttentionShape {
        AttentionShape {
            heads: self.num_attention_heads,
            kv_heads: self.num_key_value_heads,
            dim: self.head_dim,
            window: self.window(layer),
        }
    }
}

impl Network {
    /// Arranges tensors that have the names of [`ModelConfig::tensors`].
    pub(crate) fn new(config: &ModelConfig, tensors: &impl Tensors) -> Result<Self> {
        let optional = |name: &str| tensors.weight(name);
        let tensor = |name: &str| {
            optional(name).ok_or_else(|| Error::input(format!("the weight {name} is missing")))
        };
        let layer = |index: usize| {
            let name = |part: &str| format!("model.layers.{index}.{part}");
            let projection = |part: &str| -> Result<Projection> {
                Ok(Projection {
                    weight: tensor(&name(&format!("{part}.weight")))?,
                    adapter: tensors.low_rank(&name(part)),
                    bias: optional(&name(&format!("{part}.bias"))),
                })
            };
            let query_norm = optional(&name("self_attn.q_norm.weight"));
            let key_norm = optional(&name("self_attn.k_norm.weight"));
            Ok(Arc::new(Layer {
                shape: config.attention_shape(index),
                input_norm: tensor(&name("input_layernorm.weight"))?,
                query: projection("self_attn.q_proj")?,
                key: projection("self_attn.k_proj")?,
                value: projection("self_attn.v_proj")?,
                head_norms: query_norm.zip(key_norm),
                output: projection("self_attn.o_proj")?,
                middle_norm: tensor(&name("post_attention_layernorm.weight"))?,
                gate: projection("mlp.gate_proj")?,
                up: projection("mlp.up_proj")?,
                down: projection("mlp.down_proj")?,
            }))
        };
        let embedding = tensor("model.embed_tokens.weight")?;
        let head =
            if config.tie_word_embeddings { embedding.clone() } else { tensor("lm_head.weight")? };
        Ok(Self {
            embedding,
            layers: (0..config.num_hidden_layers).map(layer).collect::<Result<_>>()?,
            norm: tensor("model.norm.weight")?,
            head,
            frequencies: config.rope_frequencies(),
            config: config.clone(),
        })
    }

    /// The residual stream [N, hidden] after the last layer, of the tokens of a batch. With
    /// `checkpointing`, the layers forget what they computed and the backward pass runs each of them
    /// again.
    pub(crate) fn residual(&self, batch: &Packed, checkpointing: bool) -> Result<Tensor> {
        let spans: Spans = batch.spans.as_slice().into();
        let rotation = Rotation::new(&batch.positions, &self.frequencies);
        let tokens = Tensor::new(batch.tokens.as_slice(), self.embedding.device())?;
        let mut x = self.embedding.index_select(&tokens, 0)?;
        for layer in &self.layers {
            let eps = self.config.rms_norm_eps;
            if !checkpointing {
                x = layer.forward(&x, eps, &rotation, &spans)?;
                continue;
            }
            let again = (Arc::clone(layer), Arc::clone(&rotation), Arc::clone(&spans));
            x = checkpointed(&x, &layer.weights(), move |x| {
                let (layer, rotation, spans) = &again;
                layer.forward(x, eps, rotation, spans)
            })?;
        }
        Ok(x)
    }

    /// Chosen rows of the residual stream, normalised for the output head.
    pub(crate) fn hidden(&self, residual: &Tensor, rows: Vec<u32>) -> Result<Tensor> {
        let rows = Tensor::new(rows, residual.device())?;
        Ok(rms_norm(&residual.index_select(&rows, 0)?, &self.norm, self.config.rms_norm_eps)?)
    }

    /// The output head [vocabulary, hidden].
    pub(crate) fn head(&self) -> &Tensor {
        &self.head
    }
}

impl Layer {
    /// [N, hidden] to [N, hidden].
    fn forward(
        &self,
        x: &Tensor,
        eps: f64,
        rotation: &Arc<Rotation>,
        spans: &Spans,
    ) -> candle_core::Result<Tensor> {
        let h = rms_norm(x, &self.input_norm, eps)?;
        let (queries, keys) = (self.query.forward(&h)?, self.key.forward(&h)?);
        let (queries, keys) = match &self.head_norms {
            Some((query_norm, key_norm)) => (
                head_norm_rope(&queries, query_norm, eps, rotation)?,
                head_norm_rope(&keys, key_norm, eps, rotation)?,
            ),
            None => (rope(&queries, rotation)?, rope(&keys, rotation)?),
        };
        let values = self.value.forward(&h)?;
        let mixed = causal_attention(&queries, &keys, &values, self.shape, spans)?;
        let x = (x + self.output.forward(&mixed)?)?;
        let h = rms_norm(&x, &self.middle_norm, eps)?;
        let h = swiglu(&self.gate.forward(&h)?, &self.up.forward(&h)?)?;
        x + self.down.forward(&h)?
    }

    /// Everything that may be trained.
    fn weights(&self) -> Vec<&Tensor> {
        let norms = [&self.input_norm, &self.middle_norm].into_iter();
        let head_norms = self.head_norms.iter().flat_map(|(query, key)| [query, key]);
        let projections =
            [&self.query, &self.key, &self.value, &self.output, &self.gate, &self.up, &self.down];
        norms.chain(head_norms).chain(projections.into_iter().flat_map(|p| p.weights())).collect()
    }
}
