//! Command-line arguments that select a model, its precision and its device, and load it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ssr_policy::{EngineConfig, Model, Precision, Tokenizer};
use ssr_sandbox::default_cache_dir;

use crate::{Failure, Result, SMOLLM2, device, smollm2};

/// Which model a program generates with, and how.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// A folder with config.json, safetensors and tokenizer.json, a GGUF file, or the word smollm2:
    /// SmolLM2-135M-Instruct, loaded once (93 MB)
    pub model: PathBuf,
    /// A folder with tokenizer.json, or a GGUF file; by default that of the model
    #[arg(long, value_name = "PATH")]
    tokenizer: Option<PathBuf>,
    /// How precisely the weights are kept
    #[arg(long, value_enum, default_value_t = Weights::F32)]
    precision: Weights,
    /// cpu, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Weights {
    F32,
    Bf16,
    Q8,
    Q4,
}

impl ModelArgs {
    /// The model on its device, its tokenizer, and an engine's settings.
    ///
    /// # Errors
    /// When a file cannot be used, or the device fails.
    pub fn load(&self) -> Result<(Model, Tokenizer, EngineConfig)> {
        let wrong = |error: ssr_policy::Error| Failure::input(error.to_string());
        let device = device(&self.device)?;
        match self.precision {
            Weights::Bf16 if device.is_cpu() => {
                let problem = "--precision bf16 is for GPUs; on a CPU say f32, q8 or q4";
                return Err(Failure::input(problem));
            }
            Weights::Q8 | Weights::Q4 if !device.is_cpu() => {
                let problem = "--precision q8 and q4 are for CPUs; on a GPU say f32 or bf16";
                return Err(Failure::input(problem));
            }
            _ => {}
        }
        let path = match self.model.to_str() {
            Some(SMOLLM2) => smollm2(&default_cache_dir())?,
            _ => self.model.clone(),
        };
        let mut model = Model::load(&path).map_err(wrong)?;
        if !device.is_cpu() {
            let broke = |error: ssr_policy::Error| Failure::Infrastructure(error.to_string());
            model = model.to_device(&device).map_err(broke)?;
        }
        let tokenizer = self.tokenizer.as_deref().unwrap_or(&path);
        let tokenizer = Tokenizer::load(tokenizer).map_err(wrong)?;
        let engine = EngineConfig::default().with_precision(self.precision());
        Ok((model, tokenizer, engine))
    }

    /// How precisely the weights are kept.
    pub fn precision(&self) -> Precision {
        match self.precision {
            Weights::F32 => Precision::F32,
            Weights::Bf16 => Precision::Bf16,
            Weights::Q8 => Precision::Q8,
            Weights::Q4 => Precision::Q4,
        }
    }
}
