//! Reads files of a bounded size, whatever they claim about themselves.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};

/// The largest JSON file or header that is read: indices and headers of the largest models have a
/// few hundred kilobytes.
pub(crate) const MAX_JSON_BYTES: u64 = 16 << 20;

/// Reads a JSON file of a bounded size.
pub(crate) fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let bytes = read_at_most(path, MAX_JSON_BYTES)?;
    serde_json::from_slice(&bytes).map_err(|e| Error::file_from(path, "", e))
}

/// Reads a file of at most so many bytes.
pub(crate) fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Error::io(path))?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if bytes.len() as u64 > most {
        return Err(Error::file(path, format!("more than {most} bytes, which is too large")));
    }
    Ok(bytes)
}
