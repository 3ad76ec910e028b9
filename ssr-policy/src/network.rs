use std::sync::Arc;

use candle_core::{Device, Tensor, Var};

use crate::config::{Architecture, ModelConfig, RopeScaling};
use crate::error::{Error, Result};
use crate::ops::{AttentionShape, Linear, Rotation, head_norm_rope, rms_norm, swiglu};

/// The decoder that both executors run: the tensors of a model, arranged for the forward pass.
pub(crate) struct Network {
    config: ModelConfig,
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    head: Linear,
}

/// The tensors of one decoder layer.
struct Layer {
    input_norm: Tensor,
    query: Linear,
    key: Linear,
    value: Linear,
    query_norm: Tensor,
    key_norm: Tensor,
    output: Linear,
    middle_norm: Tensor,
    gate: Linear,
    up: Linear,
    down: Linear,
}

impl Network {
    /// Views of variables in the order of [`ModelConfig::tensors`], through which gradients flow.
    pub(crate) fn train(config: &ModelConfig, vars: &[(String, Var)]) -> Result<Self> {
        let linear = |weight: Tensor| Ok(Linear::Rows(weight));
        Self::arrange(config, vars.iter().map(|(_, var)| var.as_tensor().clone()), linear)
    }

    /// Detached and packed for generation: a snapshot of the projections as they are now.
    pub(crate) fn infer(config: &ModelConfig, vars: &[(String, Var)]) -> Result<Self> {
        let linear = |weight: Tensor| Ok(Linear::packed(&weight)?);
        // Views of the variables themselves would keep an autograd graph alive through the cache.
        Self::arrange(config, vars.iter().map(|(_, var)| var.as_detached_tensor()), linear)
    }

    fn arrange(
        config: &ModelConfig,
        mut tensors: impl Iterator<Item = Tensor>,
        linear: impl Fn(Tensor) -> Result<Linear>,
    ) -> Result<Self> {
        if *config != (ModelConfig { architecture: Architecture::Qwen3, ..config.clone() })
            || config.attention_bias
            || config.rope_scaling != RopeScaling::None
            || !config.layer_types.is_empty()
        {
            let problem = format!("{:?} cannot be run yet", config.architecture);
            return Err(Error::Config { field: "model_type", problem });
        }
        let mut next = || tensors.next().ok_or_else(|| Error::input("a weight is missing"));
        let embedding = next()?;
        let mut layer = || {
            Ok(Layer {
                input_norm: next()?,
                query: linear(next()?)?,
                key: linear(next()?)?,
                value: linear(next()?)?,
                query_norm: next()?,
                key_norm: next()?,
                output: linear(next()?)?,
                middle_norm: next()?,
                gate: linear(next()?)?,
                up: linear(next()?)?,
                down: linear(next()?)?,
            })
        };
        let layers = (0..config.num_hidden_layers).map(|_| layer()).collect::<Result<_>>()?;
        let norm = next()?;
        let head = if config.tie_word_embeddings { embedding.clone() } else { next()? };
        let config = config.clone();
        Ok(Self { config, embedding, layers, norm, head: linear(head)? })
    }

    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }

    pub(crate) fn attention_shape(&self) -> AttentionShape {
        AttentionShape {
            heads: self.config.num_attention_heads,
            kv_heads: self.config.num_key_value_heads,
            dim: self.config.head_dim,
        }
    }

    /// The residual stream [N, hidden] after the last layer, for rows of tokens at their positions.
    /// `attention(layer, queries, keys, values)` is what the executors do differently.
    pub(crate) fn residual(
        &self,
        tokens: &[u32],
        positions: &[usize],
        mut attention: impl FnMut(usize, &Tensor, &Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let rotation = Rotation::new(positions, self.config.head_dim, self.config.rope_theta);
        let tokens = Tensor::new(tokens, &Device::Cpu)?;
        let mut x = self.embedding.index_select(&tokens, 0)?;
        for (index, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, self.config.rms_norm_eps, &rotation, |q, k, v| {
                attention(index, q, k, v)
            })?;
        }
        Ok(x)
    }

    /// Chosen rows of the residual stream, normalised for the output head.
    pub(crate) fn hidden(&self, residual: &Tensor, rows: Vec<u32>) -> Result<Tensor> {
        let rows = Tensor::new(rows, &Device::Cpu)?;
        Ok(rms_norm(&residual.index_select(&rows, 0)?, &self.norm, self.config.rms_norm_eps)?)
    }

    /// Hidden states [N, hidden] to logits [N, vocabulary].
    pub(crate) fn logits(&self, hidden: &Tensor) -> Result<Tensor> {
        Ok(self.head.forward(hidden)?)
    }
}

impl Layer {
    /// [N, hidden] to [N, hidden].
    fn forward(
        &self,
        x: &Tensor,
        eps: f64,
        rotation: &Arc<Rotation>,
        attention: impl FnOnce(&Tensor, &Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let h = rms_norm(x, &self.input_norm, eps)?;
        let queries = head_norm_rope(&self.query.forward(&h)?, &self.query_norm, eps, rotation)?;
        let keys = head_norm_rope(&self.key.forward(&h)?, &self.key_norm, eps, rotation)?;
        let mixed = attention(&queries, &keys, &self.value.forward(&h)?)?;
        let x = (x + self.output.forward(&mixed)?)?;
        let h = rms_norm(&x, &self.middle_norm, eps)?;
        let h = swiglu(&self.gate.forward(&h)?, &self.up.forward(&h)?)?;
        Ok((x + self.down.forward(&h)?)?)
    }
}
