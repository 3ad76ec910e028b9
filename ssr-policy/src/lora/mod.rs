//! Low-rank adapters (arXiv 2106.09685) in the layout of Hugging Face's PEFT.

mod config;
mod model;

pub use config::LoraConfig;

use std::path::Path;

use candle_core::{Device, Tensor, Var};
use ssr_core::Seed;

use crate::config::{ModelConfig, WeightType};
use crate::error::{Error, Result};
use crate::files::{TensorFile, TensorWriter, remove, save_json};
use crate::model::copy_vars;
use crate::ops::merged;
use crate::weights::uniform;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// The trainable part of a model whose own weights are frozen.
pub(crate) struct Adapter {
    config: LoraConfig,
    /// For each adapted projection `lora_A` [rank, in] and `lora_B` [out, rank].
    vars: Vec<(String, Var)>,
    /// Of the model, without `.weight`.
    projections: Vec<String>,
}

/// What is added to a frozen weight.
pub(crate) struct LowRank {
    /// [rank, in]
    pub(crate) down: Tensor,
    /// [out, rank]
    pub(crate) up: Tensor,
    pub(crate) scale: f64,
}

impl LowRank {
    /// The weight with the adapter in it, without gradients.
    pub(crate) fn merge(&self, weight: &Tensor) -> Result<Tensor> {
        Ok(merged(weight, &self.down.detach(), &self.up.detach(), self.scale)?)
    }
}

impl Adapter {
    /// An adapter that changes nothing yet: the first factors are random, the second ones 0.
    pub(crate) fn new(model: &ModelConfig, config: LoraConfig, seed: Seed) -> Result<Self> {
        Self::build(model, config, |name, shape| {
            let len = shape.iter().product();
            match name.ends_with("lora_A.weight") {
                // The deviation of PEFT's uniform numbers in ±1 / √inputs.
                true => Ok(uniform(seed.derive(name), (3.0 * shape[1] as f64).sqrt().recip(), len)),
                false => Ok(vec![0.0; len]),
            }
        })
    }

    /// Reads `adapter_config.json` and `adapter_model.safetensors`.
    pub(crate) fn load(model: &ModelConfig, dir: &Path) -> Result<Self> {
        let config = LoraConfig::load(&dir.join(CONFIG))?;
        let path = dir.join(WEIGHTS);
        let mut file = TensorFile::open(&path)?;
        let adapter = Self::build(model, config, |name, shape| file.read(name, shape))?;
        let known = |name: &String| adapter.vars.iter().any(|(var, _)| var == name);
        match file.names().find(|name| !known(name)) {
            Some(name) => {
                let problem = format!("holds {name}, which {CONFIG} and the model do not have");
                Err(Error::file(path, problem))
            }
            None => Ok(adapter),
        }
    }

    pub(crate) fn save(&self, dir: &Path) -> Result<()> {
        let tensor = |(name, var): &(String, Var)| (name.clone(), var.as_detached_tensor());
        let tensors: Vec<(String, Tensor)> = self.vars.iter().map(tensor).collect();
        TensorWriter { dtype: WeightType::F32 }.save(&dir.join(WEIGHTS), &tensors)?;
        save_json(&self.config, &dir.join(CONFIG))
    }

    /// Whether a folder holds an adapter.
    pub(crate) fn is_in(dir: &Path) -> bool {
        dir.join(CONFIG).exists()
    }

    /// Removes what an earlier save has left.
    pub(crate) fn remove(dir: &Path) -> Result<()> {
        remove(&dir.join(CONFIG))?;
        remove(&dir.join(WEIGHTS))
    }

    pub(crate) fn to_device(&self, device: &Device) -> Result<Self> {
        let vars = copy_vars(&self.vars, device)?;
        Ok(Self { config: self.config.clone(), vars, projections: self.projections.clone() })
    }

    fn build(
        model: &ModelConfig,
        config: LoraConfig,
        mut values: impl FnMut(&str, &[usize]) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        config.validate()?;
        let (mut vars, mut projections) = (Vec::new(), Vec::new());
        for (name, shape) in model.tensors() {
            let (Some(projection), [outputs, inputs]) = (name.strip_suffix(".weight"), &shape[..])
            else {
                continue;
            };
            if !projection.ends_with("_proj") || !config.targets(projection) {
                continue;
            }
            for (factor, shape) in [("A", [config.rank, *inputs]), ("B", [*outputs, config.rank])] {
                let name = format!("base_model.model.{projection}.lora_{factor}.weight");
                let values = values(&name, &shape)?;
                vars.push((name, Var::from_vec(values, &shape, &Device::Cpu)?));
            }
            projections.push(projection.to_owned());
        }
        let adapted = |target: &&String| !projections.iter().any(|p| LoraConfig::names(target, p));
        if let Some(target) = config.target_modules.iter().find(adapted) {
            let problem = format!("the target module {target} is not a projection of the model");
            return Err(Error::input(problem));
        }
        Ok(Self { config, vars, projections })
    }

    pub(crate) fn config(&self) -> &LoraConfig {
        &self.config
    }

    pub(crate) fn vars(&self) -> &[(String, Var)] {
        &self.vars
    }

    /// What the adapter adds to a projection, with the gradients of its variables.
    pub(crate) fn low_rank(&self, projection: &str) -> Option<LowRank> {
        let index = self.projections.iter().position(|name| name == projection)?;
        let factor = |index: usize| self.vars[index].1.as_tensor().clone();
        let (down, up) = (factor(2 * index), factor(2 * index + 1));
        Some(LowRank { down, up, scale: self.config.scale() })
    }
}
