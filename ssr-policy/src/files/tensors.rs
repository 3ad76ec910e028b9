//! Tensors read from one safetensors file.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use half::f16;
use safetensors::tensor::{Dtype, Metadata};

use super::{is_spare, missing};
use crate::error::{Error, Result};
use crate::read::MAX_JSON_BYTES;

/// Bytes that are converted at a time.
const CHUNK: usize = 1 << 20;

/// An open safetensors file whose header has been checked against its size.
pub(crate) struct TensorFile {
    file: File,
    path: PathBuf,
    metadata: Metadata,
    /// Where the data begins.
    start: u64,
}

impl TensorFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        const CORRUPT: &str = "corrupt or truncated safetensors file: ";
        let corrupt = |problem: String| Error::file(path, format!("{CORRUPT}{problem}"));
        let mut file = File::open(path).map_err(Error::io(path))?;
        let size = file.metadata().map_err(Error::io(path))?.len();
        let mut length = [0; 8];
        file.read_exact(&mut length).map_err(|_| corrupt(format!("it has {size} bytes")))?;
        let header = u64::from_le_bytes(length);
        if header > size.saturating_sub(8) || header > MAX_JSON_BYTES {
            return Err(corrupt(format!("a header of {header} bytes in a file of {size}")));
        }
        let mut json = vec![0; header as usize];
        file.read_exact(&mut json).map_err(Error::io(path))?;
        // Checks that the tensors fill the data without gaps or overlaps and fit their shapes.
        let metadata: Metadata =
            serde_json::from_slice(&json).map_err(|e| Error::file_from(path, CORRUPT, e))?;
        let start = 8 + header;
        if start.checked_add(metadata.data_len() as u64) != Some(size) {
            let claim = metadata.data_len();
            return Err(corrupt(format!("its tensors have {claim} bytes, the file {size} in all")));
        }
        Ok(Self { file, path: path.to_owned(), metadata, start })
    }

    /// Reads a tensor as `f32`, if it has the expected shape.
    pub(crate) fn read(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let Some(info) = self.metadata.info(name) else {
            return Err(Error::file(&self.path, missing(name)));
        };
        let wrong = |problem| Err(Error::file(&self.path, format!("the tensor {name} {problem}")));
        if info.shape != shape {
            let problem = format!("has shape {:?}, the configuration says {shape:?}", info.shape);
            return wrong(problem);
        }
        let widen: fn(&[u8], &mut Vec<f32>) = match info.dtype {
            Dtype::F32 => widen_f32,
            Dtype::F16 => widen_f16,
            Dtype::BF16 => widen_bf16,
            other => {
                return wrong(format!("has type {other:?}; F32, F16 and BF16 are supported"));
            }
        };
        let (from, to) = info.data_offsets;
        let io = |e| Error::io(&self.path)(e);
        self.file.seek(SeekFrom::Start(self.start + from as u64)).map_err(io)?;
        let mut left = to - from;
        let mut bytes = vec![0; CHUNK.min(left)];
        let mut values = Vec::with_capacity(shape.iter().product());
        while left > 0 {
            let chunk = &mut bytes[..CHUNK.min(left)];
            self.file.read_exact(chunk).map_err(io)?;
            widen(chunk, &mut values);
            left -= chunk.len();
        }
        Ok(values)
    }

    /// The names of all tensors.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.metadata.offset_keys().into_iter()
    }

    /// Refuses weights that the configuration has no place for: a model without its biases, say,
    /// would be another model.
    pub(super) fn refuse_others(&self, wanted: &[(String, Vec<usize>)], tied: bool) -> Result<()> {
        let wanted: HashSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
        let other = self.names().find(|n| !wanted.contains(n.as_str()) && !is_spare(n, tied));
        match other {
            Some(name) => {
                let problem =
                    format!("holds the tensor {name}, which config.json has no place for");
                Err(Error::file(&self.path, problem))
            }
            None => Ok(()),
        }
    }
}

fn widen_f32(bytes: &[u8], values: &mut Vec<f32>) {
    let (words, _) = bytes.as_chunks();
    values.extend(words.iter().map(|&word| f32::from_le_bytes(word)));
}

fn widen_f16(bytes: &[u8], values: &mut Vec<f32>) {
    let (words, _) = bytes.as_chunks();
    values.extend(words.iter().map(|&word| f16::from_le_bytes(word).to_f32()));
}

fn widen_bf16(bytes: &[u8], values: &mut Vec<f32>) {
    let (words, _) = bytes.as_chunks();
    let high = |&word: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(word)) << 16);
    values.extend(words.iter().map(high));
}
