//! Weights and JSON written to a folder, each file replaced at once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::{Device, Storage, Tensor};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use serde::Serialize;

use super::shards::{Index, IndexMetadata, is_plain};
use super::{INDEX, WEIGHTS};
use crate::config::WeightType;
use crate::error::{Error, Result};
use crate::read::read_json;

/// How [`Model::save_with`](crate::Model::save_with) writes the weights.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SaveOptions {
    /// Their type. Default: `f32`, which loses nothing.
    pub dtype: WeightType,
    /// The most bytes of tensors in one file, where a tensor itself is not larger. Default: `None`,
    /// all in one file.
    pub max_shard_bytes: Option<u64>,
}

impl SaveOptions {
    /// Sets [`Self::dtype`].
    #[must_use]
    pub fn with_dtype(self, dtype: WeightType) -> Self {
        Self { dtype, ..self }
    }

    /// Sets [`Self::max_shard_bytes`].
    #[must_use]
    pub fn with_max_shard_bytes(self, max_shard_bytes: impl Into<Option<u64>>) -> Self {
        Self { max_shard_bytes: max_shard_bytes.into(), ..self }
    }
}

/// Writes tensors to `model.safetensors`, or to shards and their index, and removes what an earlier
/// save in another form has left.
pub(crate) fn save_weights(
    dir: &Path,
    tensors: &[(String, Tensor)],
    options: &SaveOptions,
) -> Result<()> {
    let writer = TensorWriter { dtype: options.dtype };
    let shards = split(tensors, writer, options.max_shard_bytes.unwrap_or(u64::MAX));
    let (single, index) = (dir.join(WEIGHTS), dir.join(INDEX));
    if let [tensors] = shards.as_slice() {
        writer.save(&single, tensors)?;
        return forget_shards(dir);
    }
    let mut weight_map = BTreeMap::new();
    let mut staged = Vec::new();
    for (number, tensors) in shards.iter().enumerate() {
        let name = format!("model-{:05}-of-{:05}.safetensors", number + 1, shards.len());
        staged.push(writer.stage(&dir.join(&name), tensors)?);
        weight_map.extend(tensors.iter().map(|(tensor, _)| (tensor.clone(), name.clone())));
    }
    // While the shards change there is no index: half of a save is not mistaken for a model.
    forget_shards(dir)?;
    staged.into_iter().try_for_each(Staged::publish)?;
    let total: u64 = tensors.iter().map(|(_, tensor)| writer.bytes(tensor)).sum();
    let metadata = IndexMetadata { total_size: total.into() };
    save_json(&Index { metadata, weight_map }, &index)?;
    remove(&single)
}

/// Cuts the tensors, in their order, into pieces of at most so many bytes.
fn split(
    tensors: &[(String, Tensor)],
    writer: TensorWriter,
    max_bytes: u64,
) -> Vec<&[(String, Tensor)]> {
    let mut pieces = Vec::new();
    let (mut start, mut bytes) = (0, 0u64);
    for (index, (_, tensor)) in tensors.iter().enumerate() {
        let size = writer.bytes(tensor);
        if index > start && bytes.saturating_add(size) > max_bytes {
            pieces.push(&tensors[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes = bytes.saturating_add(size);
    }
    pieces.push(&tensors[start..]);
    pieces
}

/// Removes an index and the shards that it names.
fn forget_shards(dir: &Path) -> Result<()> {
    let path = dir.join(INDEX);
    if !path.exists() {
        return Ok(());
    }
    let index = read_json::<Index>(&path);
    remove(&path)?;
    // A broken index names nothing that could be trusted.
    let Ok(index) = index else { return Ok(()) };
    for file in index.weight_map.values() {
        if is_plain(file) && file.starts_with("model-") {
            remove(&dir.join(file))?;
        }
    }
    Ok(())
}

/// Removes a file if there is one.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io(path)(e)),
        _ => Ok(()),
    }
}

/// Writes safetensors files, one tensor at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TensorWriter {
    pub(crate) dtype: WeightType,
}

impl TensorWriter {
    fn width(self) -> usize {
        match self.dtype {
            WeightType::F32 => 4,
            WeightType::F16 | WeightType::Bf16 => 2,
        }
    }

    fn bytes(self, tensor: &Tensor) -> u64 {
        (tensor.elem_count() * self.width()) as u64
    }

    /// Replaces a file at once or not at all.
    pub(crate) fn save(self, path: &Path, tensors: &[(String, Tensor)]) -> Result<()> {
        self.stage(path, tensors)?.publish()
    }

    fn stage(self, path: &Path, tensors: &[(String, Tensor)]) -> Result<Staged> {
        let header = self.header(path, tensors)?;
        Staged::write(path, |file| {
            file.write_all(&(header.len() as u64).to_le_bytes()).map_err(Error::io(path))?;
            file.write_all(&header).map_err(Error::io(path))?;
            tensors.iter().try_for_each(|(name, tensor)| self.write(path, file, name, tensor))
        })
    }

    fn header(self, path: &Path, tensors: &[(String, Tensor)]) -> Result<Vec<u8>> {
        let dtype = match self.dtype {
            WeightType::F32 => Dtype::F32,
            WeightType::F16 => Dtype::F16,
            WeightType::Bf16 => Dtype::BF16,
        };
        let mut end = 0;
        let infos = tensors.iter().map(|(name, tensor)| {
            let start = end;
            end += tensor.elem_count() * self.width();
            let shape = tensor.dims().to_vec();
            (name.clone(), TensorInfo { dtype, shape, data_offsets: (start, end) })
        });
        // What transformers expects to read in the header.
        let format = [("format".to_owned(), "pt".to_owned())].into();
        let metadata = Metadata::new(Some(format), infos.collect());
        let metadata = metadata.map_err(|e| Error::file_from(path, "", e))?;
        let mut header =
            serde_json::to_vec(&metadata).map_err(|e| Error::file_from(path, "", e))?;
        header.resize(header.len().next_multiple_of(8), b' ');
        Ok(header)
    }

    fn write(self, path: &Path, file: &mut impl Write, name: &str, tensor: &Tensor) -> Result<()> {
        let tensor = tensor.to_device(&Device::Cpu)?.contiguous()?;
        let (storage, layout) = tensor.storage_and_layout();
        let (Storage::Cpu(storage), Some((start, end))) = (&*storage, layout.contiguous_offsets())
        else {
            return Err(Error::input(format!("{name} is not on the CPU")));
        };
        let too_large = |value| {
            let problem = format!("{name} holds {value}, which is too large for f16; save as bf16");
            Err(Error::file(path, problem))
        };
        for &value in &storage.as_slice::<f32>()?[start..end] {
            let written = match self.dtype {
                WeightType::F32 => file.write_all(&value.to_le_bytes()),
                WeightType::Bf16 => file.write_all(&bf16::from_f32(value).to_le_bytes()),
                WeightType::F16 => {
                    let half = f16::from_f32(value);
                    if half.is_infinite() && value.is_finite() {
                        return too_large(value);
                    }
                    file.write_all(&half.to_le_bytes())
                }
            };
            written.map_err(Error::io(path))?;
        }
        Ok(())
    }
}

/// Writes a value as indented JSON.
pub(crate) fn save_json(value: &impl Serialize, path: &Path) -> Result<()> {
    let json = serde_json::to_vec_pretty(value).map_err(|e| Error::file_from(path, "", e))?;
    write_atomically(path, &json)
}

/// Replaces a file at once: a reader sees the old content or the new, whatever happens meanwhile.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    Staged::write(path, |file| file.write_all(bytes).map_err(Error::io(path)))?.publish()
}

/// A file that is complete under another name; dropped, it is removed.
struct Staged {
    temporary: PathBuf,
    path: PathBuf,
    published: bool,
}

impl Staged {
    fn write(
        path: &Path,
        content: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
    ) -> Result<Self> {
        // Several threads may write the same file.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let parent = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(Error::io(parent))?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        name.push(format!(".{}-{number}.tmp", std::process::id()));
        let temporary = parent.join(name);
        let file = File::create(&temporary).map_err(Error::io(&temporary))?;
        let staged = Self { temporary, path: path.to_owned(), published: false };
        let mut file = BufWriter::with_capacity(1 << 20, file);
        content(&mut file)?;
        let file = file.into_inner().map_err(|e| Error::io(path)(e.into_error()))?;
        file.sync_all().map_err(Error::io(path))?;
        Ok(staged)
    }

    /// Puts the file into its place.
    fn publish(mut self) -> Result<()> {
        fs::rename(&self.temporary, &self.path).map_err(Error::io(&self.path))?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published {
            // The error that matters is the one that led here.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
