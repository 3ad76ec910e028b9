use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor, Var};
use ssr_core::Seed;

use crate::cache::Cache;
use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::ops::{
    AttentionShape, Rotation, Scored, Spans, causal_attention, head_norm_rope, linear, rms_norm,
    swiglu, token_logprobs,
};
use crate::weights::{LayerWeights, Weights, random_vars};
use crate::{files, score};

/// A Qwen3 language model in `f32` on the CPU.
///
/// One set of variables serves two executors: *train* builds candle's autograd graph, *infer* runs
/// the same operations on detached views of the same memory with a cache of keys and values. Both
/// give the same log-probabilities to the last bit.
pub struct Model {
    config: ModelConfig,
    vars: Vec<(String, Var)>,
    train: Weights,
    infer: Weights,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Model {
    /// A model with random weights; equal seeds give equal weights on every platform.
    ///
    /// # Errors
    /// When the configuration is not valid.
    pub fn new(config: ModelConfig, seed: Seed) -> Result<Self> {
        config.validate()?;
        let vars = random_vars(&config, seed)?;
        Self::from_vars(config, vars)
    }

    /// Reads `config.json` and `model.safetensors` from a folder in Hugging Face's layout. Weights
    /// in `f32`, `f16` and `bf16` become `f32`.
    ///
    /// # Errors
    /// When a file is missing, corrupt, truncated, or does not fit the configuration.
    pub fn load(dir: &Path) -> Result<Self> {
        let config = ModelConfig::load(&dir.join(files::CONFIG))?;
        let vars = files::load_vars(&config, &dir.join(files::WEIGHTS))?;
        Self::from_vars(config, vars)
    }

    /// Writes `config.json` and `model.safetensors`; each file is replaced at once or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        files::save_vars(&self.vars, &dir.join(files::WEIGHTS))?;
        files::save_json(&self.config, &dir.join(files::CONFIG))
    }

    /// A copy with variables of its own, for a reference or an average.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn duplicate(&self) -> Result<Self> {
        let copy = |(name, var): &(String, Var)| {
            Ok((name.clone(), Var::from_tensor(&var.as_detached_tensor().copy()?)?))
        };
        let vars = self.vars.iter().map(copy).collect::<Result<_>>()?;
        Self::from_vars(self.config.clone(), vars)
    }

    /// Overwrites the weights with those of a model of the same shape.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn copy_from(&self, other: &Self) -> Result<()> {
        if self.config.tensors() != other.config.tensors() {
            return Err(Error::input("weights can only be copied between models of one shape"));
        }
        for ((_, var), (_, from)) in self.vars.iter().zip(&other.vars) {
            if var.id() != from.id() {
                var.set(from)?;
            }
        }
        Ok(())
    }

    fn from_vars(config: ModelConfig, vars: Vec<(String, Var)>) -> Result<Self> {
        let train = Weights::arrange(&config, &vars, |var| var.as_tensor().clone())?;
        let infer = Weights::arrange(&config, &vars, Var::as_detached_tensor)?;
        Ok(Self { config, vars, train, infer })
    }

    /// The shape of the model.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Number of parameters, tied weights counted once.
    pub fn num_parameters(&self) -> usize {
        self.vars.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// Every variable with its Hugging Face name, in an order that depends on the shape only.
    pub fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// The logits [T, vocabulary] of what follows each of the tokens, differentiable.
    ///
    /// For training use [`Model::score`], which does not hold them all.
    ///
    /// # Errors
    /// When the tokens are none, too many or outside the vocabulary.
    pub fn logits(&self, tokens: &[u32]) -> Result<Tensor> {
        score::check_tokens(&self.config, tokens)?;
        let hidden = self.train_hidden(&[tokens])?;
        let hidden = rms_norm(&hidden, &self.train.norm, self.config.rms_norm_eps)?;
        Ok(linear(&hidden, &self.train.head)?)
    }

    /// Log-probabilities of chosen tokens, with gradients.
    pub(crate) fn train_logprobs(
        &self,
        sequences: &[&[u32]],
        rows: Vec<u32>,
        scored: Vec<Scored>,
    ) -> Result<(Tensor, Vec<f32>)> {
        let hidden = self.train_hidden(sequences)?;
        let rows = Tensor::new(rows, &Device::Cpu)?;
        let hidden = hidden.index_select(&rows, 0)?;
        let hidden = rms_norm(&hidden, &self.train.norm, self.config.rms_norm_eps)?;
        Ok(token_logprobs(&hidden, &self.train.head, scored)?)
    }

    /// The residual stream [N, hidden] after the last layer, of sequences packed one after another.
    fn train_hidden(&self, sequences: &[&[u32]]) -> Result<Tensor> {
        let spans: Spans = sequences.iter().map(|tokens| tokens.len()).collect();
        let positions: Vec<usize> = sequences.iter().flat_map(|tokens| 0..tokens.len()).collect();
        let shape = self.attention_shape();
        self.forward(&self.train, &sequences.concat(), &positions, |_, queries, keys, values| {
            Ok(causal_attention(queries, keys, values, shape, &spans)?)
        })
    }

    /// Feeds every sequence its next tokens and returns the logits [B, vocabulary] of what follows
    /// the last of them. Neither the batch nor the cutting into steps changes a bit of a row.
    pub(crate) fn infer_logits(&self, batch: &mut [(&mut Cache, &[u32])]) -> Result<Tensor> {
        let hidden = self.infer_hidden(batch)?;
        let mut end = 0;
        let last = batch.iter().map(|(_, tokens)| {
            end += tokens.len() as u32;
            end - 1
        });
        let last = Tensor::new(last.collect::<Vec<u32>>(), &Device::Cpu)?;
        let hidden = hidden.index_select(&last, 0)?;
        let hidden = rms_norm(&hidden, &self.infer.norm, self.config.rms_norm_eps)?;
        Ok(linear(&hidden, &self.infer.head)?)
    }

    /// Feeds tokens to the caches and returns the residual stream after the last layer.
    pub(crate) fn infer_hidden(&self, batch: &mut [(&mut Cache, &[u32])]) -> Result<Tensor> {
        let shape = self.attention_shape();
        let tokens: Vec<u32> =
            batch.iter().flat_map(|(_, tokens)| tokens.iter().copied()).collect();
        let after =
            |(cache, tokens): &(&mut Cache, &[u32])| cache.len()..cache.len() + tokens.len();
        let positions: Vec<usize> = batch.iter().flat_map(after).collect();
        let hidden =
            self.forward(&self.infer, &tokens, &positions, |layer, queries, keys, values| {
                Cache::attend(batch, layer, shape, queries, keys, values)
            })?;
        for (cache, tokens) in batch {
            cache.advance(tokens.len());
        }
        Ok(hidden)
    }

    /// The decoder layers over rows of tokens; `attention` is what the executors do differently.
    fn forward(
        &self,
        weights: &Weights,
        tokens: &[u32],
        positions: &[usize],
        mut attention: impl FnMut(usize, &Tensor, &Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let rotation = Rotation::new(positions, self.config.head_dim, self.config.theta());
        let tokens = Tensor::new(tokens, &Device::Cpu)?;
        let mut x = weights.embedding.index_select(&tokens, 0)?;
        for (index, layer) in weights.layers.iter().enumerate() {
            x = self.layer(layer, &x, &rotation, |q, k, v| attention(index, q, k, v))?;
        }
        Ok(x)
    }

    /// One decoder layer, [N, hidden] to [N, hidden].
    fn layer(
        &self,
        weights: &LayerWeights,
        x: &Tensor,
        rotation: &Arc<Rotation>,
        attention: impl FnOnce(&Tensor, &Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let eps = self.config.rms_norm_eps;
        let h = rms_norm(x, &weights.input_norm, eps)?;
        let queries = linear(&h, &weights.query)?;
        let keys = linear(&h, &weights.key)?;
        let values = linear(&h, &weights.value)?;
        let queries = head_norm_rope(&queries, &weights.query_norm, eps, rotation)?;
        let keys = head_norm_rope(&keys, &weights.key_norm, eps, rotation)?;
        let mixed = attention(&queries, &keys, &values)?;
        let x = (x + linear(&mixed, &weights.output)?)?;
        let h = rms_norm(&x, &weights.middle_norm, eps)?;
        let h = swiglu(&linear(&h, &weights.gate)?, &linear(&h, &weights.up)?)?;
        Ok((x + linear(&h, &weights.down)?)?)
    }

    fn attention_shape(&self) -> AttentionShape {
        AttentionShape {
            heads: self.config.num_attention_heads,
            kv_heads: self.config.num_key_value_heads,
            dim: self.config.head_dim,
        }
    }

    pub(crate) fn new_cache(&self) -> Cache {
        Cache::new(self.config.num_hidden_layers)
    }
}
