use std::fs;
use std::io::{self, Write};
use std::path::Path;

use candle_core::{DType, Device, Storage, Tensor, Var};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::Serialize;

use crate::config::ModelConfig;
use crate::error::{Error, Result};

pub(crate) const CONFIG: &str = "config.json";
pub(crate) const WEIGHTS: &str = "model.safetensors";
pub(crate) const TOKENIZER: &str = "tokenizer.json";

/// What a safetensors file may hold besides the weights.
const MAX_HEADER_BYTES: u64 = 64 << 20;

/// Reads the variables of a model, in the order of [`ModelConfig::tensors`].
pub(crate) fn load_vars(config: &ModelConfig, path: &Path) -> Result<Vec<(String, Var)>> {
    // The configuration bounds the file before a byte of it is held.
    let size = fs::metadata(path).map_err(Error::io(path))?.len();
    let most = (config.num_parameters() as u64).saturating_mul(8).saturating_add(MAX_HEADER_BYTES);
    if size > most {
        let problem = format!("{size} bytes, more than this configuration's weights can take");
        return Err(Error::file(path, problem));
    }
    let bytes = fs::read(path).map_err(Error::io(path))?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|e| Error::file(path, format!("corrupt or truncated safetensors file: {e}")))?;
    let var = |(name, shape): (String, Vec<usize>)| {
        let view = tensors.tensor(&name).map_err(|_| {
            Error::file(path, format!("the tensor {name} is missing; is this another model?"))
        })?;
        let values = read_tensor(&view, &shape)
            .map_err(|problem| Error::file(path, format!("the tensor {name} {problem}")))?;
        Ok((name, Var::from_tensor(&values)?))
    };
    config.tensors().into_iter().map(var).collect()
}

fn read_tensor(view: &TensorView<'_>, shape: &[usize]) -> Result<Tensor, String> {
    if view.shape() != shape {
        return Err(format!("has shape {:?}, the configuration says {shape:?}", view.shape()));
    }
    let dtype = match view.dtype() {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        other => return Err(format!("has type {other:?}; F32, F16 and BF16 are supported")),
    };
    let tensor = Tensor::from_raw_buffer(view.data(), dtype, shape, &Device::Cpu);
    tensor.and_then(|tensor| tensor.to_dtype(DType::F32)).map_err(|e| format!("is unreadable: {e}"))
}

/// Writes the variables in their order.
pub(crate) fn save_vars(vars: &[(String, Var)], path: &Path) -> Result<()> {
    let bytes = vars.iter().map(|(_, var)| little_endian(var)).collect::<Result<Vec<_>>>()?;
    let views = vars.iter().zip(&bytes).map(|((name, var), bytes)| {
        let view = TensorView::new(Dtype::F32, var.dims().to_vec(), bytes);
        view.map(|view| (name.as_str(), view)).map_err(|e| Error::file(path, e))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    // What transformers expects to read in the header.
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    let file = safetensors::serialize(views, Some(metadata)).map_err(|e| Error::file(path, e))?;
    write_atomically(path, &file)
}

fn little_endian(var: &Var) -> Result<Vec<u8>> {
    let (storage, layout) = var.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((start, end))) => {
            let values = &storage.as_slice::<f32>()?[start..end];
            Ok(values.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
        _ => Err(Error::input("a variable is not a contiguous tensor on the CPU")),
    }
}

/// Writes a value as indented JSON.
pub(crate) fn save_json(value: &impl Serialize, path: &Path) -> Result<()> {
    let json = serde_json::to_vec_pretty(value).map_err(|e| Error::file(path, e))?;
    write_atomically(path, &json)
}

/// Replaces a file at once: a reader sees the old content or the new, whatever happens meanwhile.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        let parent = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = parent.join(name);
        let written = fs::File::create(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        let renamed = written.and_then(|()| fs::rename(&temporary, path));
        if renamed.is_err() {
            // The error that matters is the first one.
            let _ = fs::remove_file(&temporary);
        }
        renamed
    };
    write().map_err(Error::io(path))
}
