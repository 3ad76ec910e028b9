//! Command-line arguments that select a model, its precision and its device, and load it.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ssr_policy::{EngineConfig, Model, Precision, Tokenizer};

use crate::{Failure, Result, device};

/// Which model a program generates with, and how.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// A folder with config.json, safetensors and tokenizer.json, or a GGUF file
    pub model: PathBuf,
    /// The folder with tokenizer.json; by default that of the model
    #[arg(long, value_name = "FOLDER")]
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
        let gguf = self.model.is_file();
        let read = if gguf { Model::load_gguf } else { Model::load };
        let mut model = read(&self.model).map_err(wrong)?;
        if !device.is_cpu() {
            let broke = |error: ssr_policy::Error| Failure::Infrastructure(error.to_string());
            model = model.to_device(&device).map_err(broke)?;
        }
        let beside = if gguf { self.model.parent() } else { Some(&*self.model) };
        let folder = self.tokenizer.as_deref().or(beside).unwrap_or(&self.model);
        let tokenizer = Tokenizer::load(folder).map_err(wrong)?;
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
