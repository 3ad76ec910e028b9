//! A model: its weights as variables, loaded, saved, copied and scored.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor, Var};
use ssr_core::Seed;

use crate::bound::Bound;
use crate::config::ModelConfig;
use crate::error::{Error, Result};
use crate::files::SaveOptions;
use crate::lora::{Adapter, LowRank};
use crate::network::{Network, Tensors};
use crate::ops::{Scored, linear, token_logprobs};
use crate::packed::Packed;
use crate::weights::random_vars;
use crate::{files, score};

/// A decoder-only language model in `f32`.
///
/// One definition serves two executors: *train* builds candle's autograd graph over the variables,
/// *infer* runs the same operations on a packed snapshot of them with a cache of keys and values.
/// On the CPU and in `f32`, both give the same log-probabilities to the last bit.
///
/// With an adapter ([`Model::with_adapter`]) the weights of the model itself are frozen.
pub struct Model {
    _device: Bound,
    config: ModelConfig,
    weights: Vec<(String, Var)>,
    pub(crate) adapter: Option<Adapter>,
    network: Network,
    checkpointing: bool,
}

/// The tensors of a model in training: the variables themselves, or detached weights and an adapter.
struct Trained<'a> {
    weights: HashMap<&'a str, &'a Var>,
    adapter: Option<&'a Adapter>,
}

impl Tensors for Trained<'_> {
    fn weight(&self, name: &str) -> Option<Tensor> {
        let var = self.weights.get(name)?;
        Some(match self.adapter {
            Some(_) => var.as_detached_tensor(),
            None => var.as_tensor().clone(),
        })
    }

    fn low_rank(&self, projection: &str) -> Option<LowRank> {
        self.adapter?.low_rank(projection)
    }
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
        Self::assemble(config, vars, None)
    }

    /// Reads a folder in Hugging Face's layout: `config.json`, the weights in `model.safetensors`
    /// or in the files that `model.safetensors.index.json` names and, if it is there, what
    /// `generation_config.json` adds to [`ModelConfig::eos_token_ids`]. Weights in `f32`, `f16` and
    /// `bf16` become `f32`, one tensor at a time. An adapter in the folder `adapter` is loaded, too.
    ///
    /// The path of a GGUF file instead reads that, as [`Self::load_gguf`] does.
    ///
    /// # Errors
    /// When a file is missing, corrupt, truncated, or does not fit the configuration.
    pub fn load(path: &Path) -> Result<Self> {
        if path.is_file() { Self::load_gguf(path) } else { Self::load_folder(path) }
    }

    fn load_folder(dir: &Path) -> Result<Self> {
        let mut config = ModelConfig::load(&dir.join(files::CONFIG))?;
        let generation = dir.join(files::GENERATION_CONFIG);
        if generation.exists() {
            config.add_eos_token_ids(&generation)?;
        }
        let _span = tracing::debug_span!("load_model", path = %dir.display()).entered();
        let weights = files::load_vars(&config, dir)?;
        let adapter = dir.join(files::ADAPTER);
        let adapter = match Adapter::is_in(&adapter) {
            true => Some(Adapter::load(&config, &adapter)?),
            false => None,
        };
        let model = Self::assemble(config, weights, adapter)?;
        tracing::debug!(parameters = model.num_parameters(), "model loaded");
        Ok(model)
    }

    /// Writes `config.json` and `model.safetensors` in `f32` and, if there is one, the adapter into
    /// the folder `adapter`; each file is replaced at once or not at all.
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
        let tensors: Vec<(String, Tensor)> = self.weights.iter().map(tensor).collect();
        files::save_weights(dir, &tensors, options)?;
        let config = ModelConfig { dtype: options.dtype, ..self.config.clone() };
        files::save_json(&config, &dir.join(files::CONFIG))?;
        let adapter = dir.join(files::ADAPTER);
        match &self.adapter {
            Some(ours) => ours.save(&adapter),
            None => Adapter::remove(&adapter),
        }
    }

    /// A copy on another device, with variables of its own. On a GPU, training and generation use
    /// candle's operations.
    ///
    /// # Errors
    /// When the device fails or its memory runs out.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        let weights = copy_vars(&self.weights, device)?;
        let adapter = self.adapter.as_ref().map(|adapter| adapter.to_device(device)).transpose()?;
        let model = Self::assemble(self.config.clone(), weights, adapter)?;
        Ok(Self { checkpointing: self.checkpointing, ..model })
    }

    /// The weights by name, no longer variables; of a model without an adapter.
    pub(crate) fn into_tensors(self) -> HashMap<String, Tensor> {
        let Self { weights, network, .. } = self;
        drop(network);
        weights.into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect()
    }

    /// The weights by name, without their history: the model's own memory, or sums with the adapter.
    pub(crate) fn tensors(&self) -> Result<HashMap<String, Tensor>> {
        let merge = |(name, var): &(String, Var)| {
            let weight = var.as_detached_tensor();
            let projection = name.strip_suffix(".weight");
            let added = self.adapter.as_ref().zip(projection).and_then(|(a, p)| a.low_rank(p));
            let weight = added.map_or(Ok(weight.clone()), |added| added.merge(&weight))?;
            Ok((name.clone(), weight))
        };
        self.weights.iter().map(merge).collect()
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
        self.to_device(self.device())
    }

    /// Overwrites the weights with those of a model of the same shape, and the adapter with its.
    ///
    /// # Errors
    /// When the shapes differ or one of them has an adapter of its own.
    pub fn copy_from(&self, other: &Self) -> Result<()> {
        let adapter = |model: &Self| model.adapter.as_ref().map(|a| a.config().clone());
        if self.config.tensors() != other.config.tensors() || adapter(self) != adapter(other) {
            return Err(Error::input("weights can only be copied between models of one shape"));
        }
        let ours = self.weights.iter().chain(self.adapter.iter().flat_map(Adapter::vars));
        let theirs = other.weights.iter().chain(other.adapter.iter().flat_map(Adapter::vars));
        for ((_, var), (_, from)) in ours.zip(theirs) {
            if var.id() != from.id() {
                var.set(from)?;
            }
        }
        Ok(())
    }

    /// Arranges weights in the order of [`ModelConfig::tensors`].
    pub(crate) fn assemble(
        config: ModelConfig,
        weights: Vec<(String, Var)>,
        adapter: Option<Adapter>,
    ) -> Result<Self> {
        let by_name = weights.iter().map(|(name, var)| (name.as_str(), var)).collect();
        let trained = Trained { weights: by_name, adapter: adapter.as_ref() };
        let network = Network::new(&config, &trained)?;
        let _device = Bound(network.head().device().clone());
        Ok(Self { _device, config, weights, adapter, network, checkpointing: false })
    }

    /// The same weights with another adapter, or none.
    pub(crate) fn with(self, adapter: Option<Adapter>) -> Result<Self> {
        let checkpointing = self.checkpointing;
        let (config, weights, _) = self.into_parts();
        Ok(Self { checkpointing, ..Self::assemble(config, weights, adapter)? })
    }

    /// Takes the model apart: its configuration, its weights and its adapter.
    pub(crate) fn into_parts(self) -> (ModelConfig, Vec<(String, Var)>, Option<Adapter>) {
        (self.config, self.weights, self.adapter)
    }

    /// Whether [`Model::score`] keeps of every layer only what goes into it, and computes the rest
    /// again for the gradients: much less memory for about a third more time. The results have the
    /// same bits. Off at first.
    pub fn set_checkpointing(&mut self, on: bool) {
        self.checkpointing = on;
    }

    /// The shape of the model.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Number of parameters, tied weights counted once.
    pub fn num_parameters(&self) -> usize {
        self.weights.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// Every variable that is trained, in an order that depends on the shape only: all weights with
    /// their Hugging Face names or, with an adapter, only its factors with their names in PEFT.
    pub fn vars(&self) -> &[(String, Var)] {
        self.adapter.as_ref().map_or(&self.weights, Adapter::vars)
    }

    /// The weights of the model without its adapter, with their Hugging Face names.
    pub fn weights(&self) -> &[(String, Var)] {
        &self.weights
    }

    /// The logits [T, vocabulary] of what follows each of the tokens, differentiable.
    ///
    /// For training use [`Model::score`], which does not hold them all.
    ///
    /// # Errors
    /// When the tokens are none, too many or outside the vocabulary.
    pub fn logits(&self, tokens: &[u32]) -> Result<Tensor> {
        score::check_tokens(&self.config, tokens)?;
        let mut batch = Packed::default();
        batch.push(tokens);
        let residual = self.network.residual(&batch, self.checkpointing)?;
        let hidden = self.network.hidden(&residual, (0..tokens.len() as u32).collect())?;
        Ok(linear(&hidden, self.network.head(), None)?)
    }

    /// Log-probabilities of the scored tokens, each by a row of the batch, with gradients, and the
    /// entropies of their distributions.
    pub(crate) fn token_logprobs(
        &self,
        batch: &Packed,
        rows: Vec<u32>,
        scored: Vec<Scored>,
    ) -> Result<(Tensor, Vec<f32>)> {
        let hidden = self.hidden_rows(batch, rows)?;
        Ok(token_logprobs(&hidden, self.network.head(), scored)?)
    }

    /// The hidden states `(P, hidden)` at some rows of a batch, normalised for the output head.
    pub(crate) fn hidden_rows(&self, batch: &Packed, rows: Vec<u32>) -> Result<Tensor> {
        let residual = self.network.residual(batch, self.checkpointing)?;
        self.network.hidden(&residual, rows)
    }

    /// The output head `(vocabulary, hidden)`.
    pub(crate) fn head(&self) -> &Tensor {
        self.network.head()
    }
}

/// Variables of their own with the same values.
pub(crate) fn copy_vars(vars: &[(String, Var)], device: &Device) -> Result<Vec<(String, Var)>> {
    let copy = |(name, var): &(String, Var)| {
        let tensor = var.as_detached_tensor().to_device(device)?;
        Ok((name.clone(), Var::from_tensor(&tensor.copy()?)?))
    };
    vars.iter().map(copy).collect()
}
