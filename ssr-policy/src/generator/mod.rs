//! Snapshots of a model's weights that compute forward passes, and the trait of their executors.

mod kernels;
mod tensors;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Device, Tensor};

use crate::config::{EngineConfig, ModelConfig};
use crate::error::{Error, Result};
use crate::kv::{KvCache, Pool};
use crate::model::Model;
pub(crate) use kernels::KernelRunner;
pub(crate) use tensors::TensorRunner;

/// An executor of forward passes with a snapshot of weights (vLLM's model runner).
///
/// It brings its own kind of cache, of blocks and of buffers. The engine is generic over it, so a
/// cache of one executor never reaches another, and a step calls it without dynamic dispatch.
pub(crate) trait ModelRunner: Sized + Send + Sync + 'static {
    /// The keys and values of one sequence.
    type Cache: KvCache;
    /// Buffers of a forward pass, kept for the next one.
    type Scratch: Default + Send;
    /// What snapshots of one engine share: the memory of keys and values on a device.
    type Storage: Send;

    /// Whether forward passes run on rayon's threads.
    const ON_RAYON: bool;

    /// Arranges weights for generation. `storage` is that of an earlier snapshot, if there was one.
    ///
    /// # Errors
    /// When the settings do not fit the model or its device, a weight is missing, or the device
    /// fails.
    fn load(
        config: &ModelConfig,
        device: &Device,
        tensors: Tensors,
        engine: &EngineConfig,
        storage: &mut Option<Self::Storage>,
    ) -> Result<Self>;

    /// Bytes of weights that a step reads, about; `None` where the sequences of a step cannot be
    /// computed by several threads on their own.
    fn weight_bytes(&self) -> Option<usize>;

    /// Bytes of one block of keys and values in all layers.
    fn block_bytes(&self) -> usize;

    /// An empty cache, whose blocks are counted in `pool`.
    fn new_cache(&self, pool: &Arc<Pool>) -> Self::Cache;

    /// Feeds every sequence its new tokens and returns the logits [W, vocabulary] of what follows
    /// the last new token of each of the W sequences that want them, in their order.
    ///
    /// # Errors
    /// When the device fails or has no memory for a sequence. The kernels never fail.
    fn forward<'s>(
        &self,
        inputs: &mut [SequenceInput<'_, Self::Cache>],
        scratch: &'s mut Self::Scratch,
    ) -> Result<&'s [f32]>;
}

/// The new tokens of one sequence.
pub(crate) struct SequenceInput<'a, C> {
    pub(crate) cache: &'a mut C,
    pub(crate) tokens: &'a [u32],
    /// Whether the logits of what follows the last of them are wanted.
    pub(crate) logits: bool,
}

/// A snapshot of a model's weights, arranged for generation.
pub(crate) struct Generator<R> {
    /// Differs from that of every other generator of the process.
    id: u64,
    config: ModelConfig,
    pub(crate) runner: R,
}

/// Weights by name, each taken once.
pub(crate) struct Tensors(HashMap<String, Tensor>);

impl Tensors {
    fn optional(&mut self, name: &str) -> Option<Tensor> {
        self.0.remove(name)
    }

    fn needed(&mut self, name: &str) -> Result<Tensor> {
        let missing = || Error::input(format!("the weight {name} is missing"));
        self.optional(name).ok_or_else(missing)
    }
}

impl<R: ModelRunner> Generator<R> {
    /// A snapshot of a model, which keeps its weights.
    pub(crate) fn new(
        model: &Model,
        engine: &EngineConfig,
        storage: &mut Option<R::Storage>,
    ) -> Result<Self> {
        let (config, device) = (model.config().clone(), model.device().clone());
        Self::arrange(config, &device, model.tensors()?, engine, storage)
    }

    /// Takes a model apart, so that its weights exist once.
    pub(crate) fn take(
        model: Model,
        engine: &EngineConfig,
        storage: &mut Option<R::Storage>,
    ) -> Result<Self> {
        let (config, device) = (model.config().clone(), model.device().clone());
        let tensors = model.merge_adapter()?.into_tensors();
        Self::arrange(config, &device, tensors, engine, storage)
    }

    fn arrange(
        config: ModelConfig,
        device: &Device,
        tensors: HashMap<String, Tensor>,
        engine: &EngineConfig,
        storage: &mut Option<R::Storage>,
    ) -> Result<Self> {
        static GENERATORS: AtomicU64 = AtomicU64::new(0);
        let runner = R::load(&config, device, Tensors(tensors), engine, storage)?;
        let id = GENERATORS.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(weights = id, precision = ?engine.precision, "weights arranged");
        Ok(Self { id, config, runner })
    }

    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Tells snapshots of weights apart.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}
