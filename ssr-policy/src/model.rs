use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor, Var};
use ssr_core::Seed;

use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::files::SaveOptions;
use crate::network::Network;
use crate::ops::{Scored, linear, token_logprobs};
use crate::weights::random_vars;
use crate::{files, score};

/// A decoder-only language model in `f32`.
///
/// One definition serves two executors: *train* builds candle's autograd graph over the variables,
/// *infer* runs the same operations on a packed snapshot of them with a cache of keys and values.
/// On the CPU, both give the same log-probabilities to the last bit.
pub struct Model {
    config: ModelConfig,
    vars: Vec<(String, Var)>,
    network: Network,
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

    /// Reads a folder in Hugging Face's layout: `config.json`, the weights in `model.safetensors`
    /// or in the files that `model.safetensors.index.json` names and, if it is there, what
    /// `generation_config.json` adds to [`ModelConfig::eos_token_ids`]. Weights in `f32`, `f16` and
    /// `bf16` become `f32`, one tensor at a time.
    ///
    /// # Errors
    /// When a file is missing, corrupt, truncated, or does not fit the configuration.
    pub fn load(dir: &Path) -> Result<Self> {
        let mut config = ModelConfig::load(&dir.join(files::CONFIG))?;
        let generation = dir.join(files::GENERATION_CONFIG);
        if generation.exists() {
            config.add_eos_token_ids(&generation)?;
        }
        let vars = files::load_vars(&config, dir)?;
        Self::from_vars(config, vars)
    }

    /// Writes `config.json` and `model.safetensors` in `f32`; each file is replaced at once or not
    /// at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path) -> Result<()> {
        self.save_with(dir, &SaveOptions::default())
    }

    /// Writes `config.json` and the weights, in another type or in several files.
    ///
    /// # Errors
    /// When the folder cannot be written, or a weight is too large for the type.
    pub fn save_with(&self, dir: &Path, options: &SaveOptions) -> Result<()> {
        let tensor = |(name, var): &(String, Var)| (name.clone(), var.as_detached_tensor());
        let tensors: Vec<(String, Tensor)> = self.vars.iter().map(tensor).collect();
        files::save_weights(dir, &tensors, options)?;
        let config = ModelConfig { dtype: options.dtype, ..self.config.clone() };
        files::save_json(&config, &dir.join(files::CONFIG))
    }

    /// A copy on another device. On a GPU, training and generation use candle's operations.
    ///
    /// # Errors
    /// When the device fails or its memory runs out.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let copy = |(name, var): &(String, Var)| {
            let tensor = var.as_detached_tensor().to_device(device)?;
            Ok((name.clone(), Var::from_tensor(&tensor.copy()?)?))
        };
        let vars = self.vars.iter().map(copy).collect::<Result<_>>()?;
        Self::from_vars(self.config.clone(), vars)
    }

    /// The weights by name, no longer variables.
    pub(crate) fn into_tensors(self) -> HashMap<String, Tensor> {
        let Self { vars, network, .. } = self;
        drop(network);
        vars.into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect()
    }

    /// The weights by name, sharing their memory, without their history.
    pub(crate) fn tensors(&self) -> HashMap<String, Tensor> {
        let vars = self.vars.iter();
        vars.map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect()
    }

    /// Where the weights are.
    pub fn device(&self) -> &Device {
        self.network.head().device()
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
        let network = Network::new(&config, &vars)?;
        Ok(Self { config, vars, network })
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
        let residual = self.network.residual(&[tokens])?;
        let hidden = self.network.hidden(&residual, (0..tokens.len() as u32).collect())?;
        Ok(linear(&hidden, self.network.head(), None)?)
    }

    /// Log-probabilities of the scored tokens, each by a row of the packed sequences, with
    /// gradients, and the entropies of their distributions.
    pub(crate) fn token_logprobs(
        &self,
        sequences: &[&[u32]],
        rows: Vec<u32>,
        scored: Vec<Scored>,
    ) -> Result<(Tensor, Vec<f32>)> {
        let residual = self.network.residual(sequences)?;
        let hidden = self.network.hidden(&residual, rows)?;
        Ok(token_logprobs(&hidden, self.network.head(), scored)?)
    }
}
