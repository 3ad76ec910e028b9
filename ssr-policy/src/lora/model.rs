//! Adapters of a model: adding, loading, saving and merging them.

use std::path::Path;

use ssr_core::Seed;

use super::{Adapter, LoraConfig};
use crate::error::{Error, Result};
use crate::model::Model;

impl Model {
    /// Freezes the weights and adds a low-rank adapter, which changes nothing until it is trained:
    /// [`Model::vars`] are its factors from now on, and frozen weights cost no gradients.
    ///
    /// Training and generation both multiply with `weight + scale · B·A`, summed up first, so they
    /// agree to the last bit as they do without an adapter.
    ///
    /// # Errors
    /// When a setting is out of its range, a target module is not a projection of the model, or the
    /// model has an adapter already.
    pub fn with_adapter(self, config: LoraConfig, seed: Seed) -> Result<Self> {
        let adapter = Adapter::new(self.config(), config, seed)?;
        self.adapted(adapter)
    }

    /// Freezes the weights and adds the adapter in a folder of PEFT: `adapter_config.json` and
    /// `adapter_model.safetensors`.
    ///
    /// # Errors
    /// When a file is missing, corrupt or not for this model, the configuration asks for something
    /// that is not implemented, or the model has an adapter already.
    pub fn load_adapter(self, dir: &Path) -> Result<Self> {
        let adapter = Adapter::load(self.config(), dir)?;
        self.adapted(adapter)
    }

    /// Writes the adapter as a folder of PEFT.
    ///
    /// # Errors
    /// When there is no adapter or the folder cannot be written.
    pub fn save_adapter(&self, dir: &Path) -> Result<()> {
        match &self.adapter {
            Some(adapter) => adapter.save(dir),
            None => Err(Error::input("the model has no adapter to save")),
        }
    }

    /// Gives the adapter the values that [`Model::save_adapter`] wrote of one like it. The frozen
    /// weights are not in such a folder and stay what they are.
    ///
    /// # Errors
    /// When the model has no adapter, a file is missing or corrupt, or the adapter in the folder has
    /// another shape.
    pub fn restore_adapter(&self, dir: &Path) -> Result<()> {
        let Some(ours) = &self.adapter else {
            return Err(Error::input("the model has no adapter to restore"));
        };
        let theirs = Adapter::load(self.config(), dir)?;
        if ours.config() != theirs.config() {
            return Err(Error::file(
                dir,
                "the adapter has another shape than the model's".to_owned(),
            ));
        }
        for ((_, var), (_, from)) in ours.vars().iter().zip(theirs.vars()) {
            var.set(&from.as_detached_tensor().to_device(self.device())?)?;
        }
        Ok(())
    }

    /// The shape of the adapter, if there is one.
    pub fn adapter(&self) -> Option<&LoraConfig> {
        self.adapter.as_ref().map(Adapter::config)
    }

    /// Adds the adapter to the weights for good; they can be trained again. Nothing happens to a
    /// model without one. The log-probabilities keep their bits.
    ///
    /// # Errors
    /// When memory runs out.
    pub fn merge_adapter(self) -> Result<Self> {
        let Some(adapter) = &self.adapter else { return Ok(self) };
        for (name, var) in self.weights() {
            let projection = name.strip_suffix(".weight");
            if let Some(added) = projection.and_then(|name| adapter.low_rank(name)) {
                var.set(&added.merge(&var.as_detached_tensor())?)?;
            }
        }
        self.with(None)
    }

    fn adapted(self, adapter: Adapter) -> Result<Self> {
        if self.adapter.is_some() {
            return Err(Error::input("the model has an adapter; merge it first"));
        }
        let adapter = adapter.to_device(self.device())?;
        self.with(Some(adapter))
    }
}
