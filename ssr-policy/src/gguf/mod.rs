//! Models in GGUF, the format of llama.cpp.

mod blocks;
mod convert;
mod header;
mod kind;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::path::Path;

use candle_core::{Device, Var};

use crate::error::{Error, Result};
use crate::model::Model;
use header::{Header, TensorInfo};

impl Model {
    /// Reads a GGUF file of the architectures `llama`, `qwen2` and `qwen3`. Its weights become `f32`,
    /// one tensor at a time, and each may have another type: `F32`, `F16`, `BF16`, `Q4_0`, `Q4_1`,
    /// `Q5_0`, `Q5_1`, `Q8_0`, `Q2_K` to `Q6_K`, `IQ4_NL` or `IQ4_XS`. The rows that llama.cpp
    /// reorders are put back.
    ///
    /// Generation with 8 or 4 bits ([`Precision`](crate::Precision)) quantises the `f32` again. Of
    /// `Q8_0` and `Q4_0` that finds the integers of the file where every block uses its whole range,
    /// which is how they are made unless an importance matrix is used.
    /// [`Tokenizer::load_gguf`](crate::Tokenizer::load_gguf) reads the tokenizer of the file.
    ///
    /// # Errors
    /// When the file is missing, corrupt, truncated, in several parts, or holds an architecture, a
    /// type or a setting that is not implemented.
    pub fn load_gguf(path: &Path) -> Result<Self> {
        let _span = tracing::debug_span!("load_model", path = %path.display()).entered();
        let mut header = Header::open(path)?;
        let factors = match header.tensor(convert::FACTORS).map(|info| info.shape.clone()) {
            Some(shape) if shape.len() == 1 => Some(read(&mut header, convert::FACTORS, &shape)?),
            _ => None,
        };
        let config = convert::config(&header, factors.as_deref())
            .map_err(|problem| Error::file(path, problem))?;
        config.validate()?;
        let rotated = convert::rotated_rows(&config);
        let weights = config.tensors().into_iter().map(|(name, shape)| {
            let theirs = convert::tensor_name(&name);
            let mut values = read(&mut header, &theirs, &shape)?;
            if let Some(rotated) = &rotated {
                rotated.restore(&name, &mut values);
            }
            Ok((name, Var::from_vec(values, shape, &Device::Cpu)?))
        });
        let weights = weights.collect::<Result<_>>()?;
        convert::refuse_others(&header, &config).map_err(|problem| Error::file(path, problem))?;
        let model = Self::assemble(config, weights, None)?;
        tracing::debug!(parameters = model.num_parameters(), "model loaded");
        Ok(model)
    }
}

/// Reads a tensor of an expected shape.
fn read(header: &mut Header, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let wrong = |header: &Header, problem: String| {
        Err(Error::file(header.path(), format!("the tensor {name} {problem}")))
    };
    let Some(info) = header.tensor(name).cloned() else {
        return wrong(header, "is missing".into());
    };
    if info.shape != shape {
        let problem = format!("has shape {:?}, the settings say {shape:?}", info.shape);
        return wrong(header, problem);
    }
    match header.bytes(&info)? {
        Some(bytes) => Ok(convert::widen(info.kind, &bytes)),
        None if info.kind.block().is_none() => {
            let kind = info.kind.name();
            let problem =
                "which is not read; take the model in another form, such as Q8_0 or Q4_K_M";
            Err(Error::file(header.path(), format!("{name} is {kind}, {problem}")))
        }
        None => wrong(header, "is not all there, or its rows are no whole blocks".into()),
    }
}

impl TensorInfo {
    /// Number of elements.
    fn len(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))
    }
}
