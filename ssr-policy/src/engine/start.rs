//! The choice of an executor. It is made here, once; everything below is generic over it.

use std::sync::{Arc, PoisonError};

use candle_core::Device;

use super::{Engine, Handle, Sequence, SharedStats};
use crate::config::{EngineConfig, Executor, ModelConfig};
use crate::error::Result;
use crate::generator::{Generator, KernelRunner, ModelRunner, TensorRunner};
use crate::model::Model;

/// Whether the settings mean the kernels for a model on a device.
fn runs_kernels(executor: Executor, device: &Device) -> bool {
    match executor {
        Executor::Auto => device.is_cpu(),
        Executor::Kernels => true,
        Executor::Tensors => false,
    }
}

/// Starts an engine with the executor that the settings mean for a device.
///
/// # Errors
/// When the settings serve no request or no thread can be started.
pub(crate) fn start(
    config: EngineConfig,
    device: &Device,
    stats: &SharedStats,
) -> Result<Box<dyn AnyEngine>> {
    Ok(if runs_kernels(config.executor, device) {
        Box::new(Arc::new(Engine::<KernelRunner>::start(config, stats)?))
    } else {
        Box::new(Arc::new(Engine::<TensorRunner>::start(config, stats)?))
    })
}

/// An engine of either executor.
pub(crate) trait AnyEngine: Send + Sync {
    /// Arranges a snapshot of a model's weights for this engine.
    ///
    /// # Errors
    /// When the settings do not fit the model or its device, or the device fails.
    fn load(&self, model: &Model) -> Result<Box<dyn LoadedWeights>>;

    /// The same, and takes the model apart, so that its weights exist once.
    ///
    /// # Errors
    /// As there.
    fn take(&self, model: Model) -> Result<Box<dyn LoadedWeights>>;
}

/// Weights together with the engine that they were arranged for. A request enters through them, so
/// its executor is that of the engine.
pub(crate) trait LoadedWeights: Send + Sync {
    /// The shape of the model.
    fn config(&self) -> &ModelConfig;

    /// Tells snapshots of weights apart.
    fn id(&self) -> u64;

    /// Queues a sequence that was made for these weights. With `stream`, every token is an event.
    fn submit(&self, sequence: Sequence, stream: bool) -> Handle;
}

struct Loaded<R: ModelRunner> {
    engine: Arc<Engine<R>>,
    generator: Arc<Generator<R>>,
}

impl<R: ModelRunner> AnyEngine for Arc<Engine<R>> {
    fn load(&self, model: &Model) -> Result<Box<dyn LoadedWeights>> {
        let mut storage = self.storage.lock().unwrap_or_else(PoisonError::into_inner);
        let generator = Arc::new(Generator::new(model, &self.config, &mut storage)?);
        Ok(Box::new(Loaded { engine: Self::clone(self), generator }))
    }

    fn take(&self, model: Model) -> Result<Box<dyn LoadedWeights>> {
        let mut storage = self.storage.lock().unwrap_or_else(PoisonError::into_inner);
        let generator = Arc::new(Generator::take(model, &self.config, &mut storage)?);
        Ok(Box::new(Loaded { engine: Self::clone(self), generator }))
    }
}

impl<R: ModelRunner> LoadedWeights for Loaded<R> {
    fn config(&self) -> &ModelConfig {
        self.generator.config()
    }

    fn id(&self) -> u64 {
        self.generator.id()
    }

    fn submit(&self, sequence: Sequence, stream: bool) -> Handle {
        self.engine.submit(sequence, &self.generator, stream)
    }
}
