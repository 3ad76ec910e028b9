//! The generating executors: snapshots of a model's weights.

mod device;
mod host;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Device, Tensor};

use crate::config::ModelConfig;
use crate::engine::{EngineConfig, Executor};
use crate::error::{Error, Result};
use crate::kv::{Cache, DeviceKv, HostCache, Pool};
use crate::model::Model;
use device::DeviceGenerator;
use host::HostGenerator;
pub(crate) use host::Scratch;

/// A snapshot of a model's weights, arranged for generation.
pub(crate) struct Generator {
    /// Differs from that of every other generator of the process.
    id: u64,
    config: ModelConfig,
    executor: Running,
}

enum Running {
    Kernels(HostGenerator),
    Tensors(DeviceGenerator),
}

/// Weights by name, each taken once.
struct Tensors(HashMap<String, Tensor>);

impl Tensors {
    fn optional(&mut self, name: &str) -> Option<Tensor> {
        self.0.remove(name)
    }

    fn needed(&mut self, name: &str) -> Result<Tensor> {
        let missing = || Error::input(format!("the weight {name} is missing"));
        self.optional(name).ok_or_else(missing)
    }
}

/// The new tokens of one sequence.
pub(crate) struct Feed<'a> {
    pub(crate) cache: &'a mut Cache,
    pub(crate) tokens: &'a [u32],
    /// Whether the logits of what follows the last of them are wanted.
    pub(crate) logits: bool,
}

/// The same with the cache that the kernels write.
struct HostFeed<'a> {
    cache: &'a mut HostCache,
    tokens: &'a [u32],
    logits: bool,
}

impl Generator {
    /// A snapshot of a model. `kv` are the places for keys and values on its device, kept from an
    /// earlier snapshot.
    pub(crate) fn new(
        model: &Model,
        engine: &EngineConfig,
        kv: &mut Option<Arc<DeviceKv>>,
    ) -> Result<Self> {
        let (config, device) = (model.config().clone(), model.device().clone());
        Self::arrange(config, device, model.tensors()?, engine, kv)
    }

    /// Takes a model apart, so that its weights exist once.
    pub(crate) fn take(model: Model, engine: &EngineConfig) -> Result<Self> {
        let (config, device) = (model.config().clone(), model.device().clone());
        let tensors = model.merge_adapter()?.into_tensors();
        Self::arrange(config, device, tensors, engine, &mut None)
    }

    fn arrange(
        config: ModelConfig,
        device: Device,
        tensors: HashMap<String, Tensor>,
        engine: &EngineConfig,
        kv: &mut Option<Arc<DeviceKv>>,
    ) -> Result<Self> {
        static GENERATORS: AtomicU64 = AtomicU64::new(0);
        let tensors = Tensors(tensors);
        let executor = match engine.executor {
            Executor::Auto if device.is_cpu() => Executor::Kernels,
            Executor::Auto => Executor::Tensors,
            chosen => chosen,
        };
        let executor = if executor == Executor::Kernels {
            if !device.is_cpu() {
                return Err(Error::input(
                    "the kernels need a model on the CPU; use Executor::Auto",
                ));
            }
            Running::Kernels(HostGenerator::new(&config, tensors, engine.precision)?)
        } else {
            Running::Tensors(DeviceGenerator::new(&config, &device, tensors, engine, kv)?)
        };
        let id = GENERATORS.fetch_add(1, Ordering::Relaxed);
        Ok(Self { id, config, executor })
    }

    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Tells snapshots of weights apart.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Bytes of weights that a step on the CPU reads, about; `None` where rows cannot be computed
    /// apart.
    pub(crate) fn weight_bytes(&self) -> Option<usize> {
        match &self.executor {
            Running::Kernels(generator) => Some(generator.weight_bytes()),
            Running::Tensors(_) => None,
        }
    }

    /// Bytes of one block of keys and values in all layers.
    pub(crate) fn column_bytes(&self) -> usize {
        match &self.executor {
            Running::Kernels(generator) => generator.column_bytes(),
            Running::Tensors(generator) => generator.column_bytes(),
        }
    }

    pub(crate) fn new_cache(&self, pool: &Arc<Pool>) -> Cache {
        match &self.executor {
            Running::Kernels(generator) => Cache::Host(generator.new_cache(pool)),
            Running::Tensors(generator) => Cache::Device(generator.new_cache(pool)),
        }
    }

    /// Feeds every sequence its next tokens and leaves in `scratch.logits` the logits [W,
    /// vocabulary] of what follows the last token of each sequence that wants them. With the
    /// kernels, neither the batch nor the cutting into steps changes a bit of a row.
    ///
    /// # Errors
    /// When the device fails or has no place for a sequence. The kernels never fail.
    pub(crate) fn forward(&self, feeds: &mut [Feed<'_>], scratch: &mut Scratch) -> Result<()> {
        match &self.executor {
            Running::Kernels(generator) => {
                let mut feeds: Vec<HostFeed<'_>> = feeds
                    .iter_mut()
                    .filter_map(|feed| match &mut *feed.cache {
                        Cache::Host(cache) => {
                            let (tokens, logits) = (feed.tokens, feed.logits);
                            Some(HostFeed { cache, tokens, logits })
                        }
                        Cache::Device(_) => None,
                    })
                    .collect();
                generator.forward(&mut feeds, scratch);
                Ok(())
            }
            Running::Tensors(generator) => generator.forward(feeds, &mut scratch.logits),
        }
    }
}
