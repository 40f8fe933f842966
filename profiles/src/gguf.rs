//! A model profile straight from the header of a GGUF file, versions 2 and 3.
//!
//! Reading an untrusted header is safe: every count, length, dimension, type, alignment and offset is
//! checked before it is used, memory grows only with bytes that are there, and what is wrong is an
//! error, never a panic. The format is that of ggml's `docs/gguf.md`; all numbers are little-endian.
//!
//! Only the header is read (metadata and tensor list); tensor data is never touched here. The engine
//! opens the same header over a mapped file and reads vocabularies through [`Header::texts`] and its kin.

mod access;
mod cursor;
mod error;
mod header;
mod packed;
mod profile;
mod types;

#[cfg(test)]
mod tests;

use std::io::Read;
use std::path::Path;

pub use error::{GgufError, Why};
pub use header::{Array, Header, MAX_KEYS, MAX_STRING, MAX_TENSORS, Tensor, Value};
pub use packed::packed_bits;
pub use types::TensorType;

use crate::model::ModelProfile;

/// Bytes of a file that are read in search of its header. Vocabularies make headers of real models up to about 12 MB.
pub const MAX_HEADER: u64 = 64 << 20;

/// Bytes that are read first; four times as many each time the header goes on.
const FIRST_READ: u64 = 1 << 20;

/// Reads a profile from the first bytes of a file that is `file_len` bytes long.
///
/// `source` is what the profile names as its source (a path or URL).
///
/// # Errors
/// What is wrong with the header and at which byte, or which architecture is not known.
pub fn read(bytes: &[u8], file_len: u64, source: &str) -> Result<ModelProfile, GgufError> {
    let header = Header::parse(bytes, file_len)?;
    profile::profile(&header, source)
}

/// [`read`] of a file on disk.
///
/// # Errors
/// The file cannot be read, or its header is not sound.
pub fn read_file(path: &Path) -> Result<ModelProfile, GgufError> {
    let io = |source| GgufError::File { path: path.into(), source };
    let mut file = std::fs::File::open(path).map_err(io)?;
    let file_len = file.metadata().map_err(io)?.len();
    let mut bytes = Vec::new();
    let mut wanted = FIRST_READ;
    loop {
        let missing = wanted - bytes.len() as u64;
        file.by_ref().take(missing).read_to_end(&mut bytes).map_err(io)?;
        let whole = (bytes.len() as u64) < wanted || wanted >= MAX_HEADER;
        match read(&bytes, file_len, &path.display().to_string()) {
            // Most headers are far shorter than the largest one.
            Err(GgufError::Header { why: Why::Truncated | Why::NoRoom { .. }, .. }) if !whole => wanted *= 4,
            result => return result,
        }
    }
}
