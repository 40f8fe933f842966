//! The digest of a model file, remembered: hashing a gigabyte takes longer than reading packed weights.

use std::io::Write;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::{files, sha256};
use crate::gguf::File;

/// A file as it was when it was hashed. What keeps all three is taken for the same file, as build tools do.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    bytes: u64,
    /// ns since 1970.
    modified: u128,
    sha256: String,
}

/// SHA-256 of the model at `path`, lower-case hexadecimal.
pub(super) fn digest(folder: &Path, path: &Path, file: &File) -> std::io::Result<String> {
    let path = path.canonicalize()?;
    let meta = std::fs::metadata(&path)?;
    let modified = meta.modified()?.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let name = sha256(path.as_os_str().as_encoded_bytes());
    let note = folder.join(format!("{}.model", &name[..16]));
    let known = std::fs::read(&note).ok().and_then(|text| serde_json::from_slice::<Identity>(&text).ok());
    let sound = |k: &Identity| k.sha256.len() == 64 && k.sha256.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(known) = known.filter(|k| (k.bytes, k.modified) == (meta.len(), modified) && sound(k)) {
        return Ok(known.sha256);
    }
    let now = Identity { bytes: meta.len(), modified, sha256: file.digest() };
    std::fs::create_dir_all(folder)?;
    files::replace(&note, |out| out.write_all(&serde_json::to_vec(&now)?))?;
    Ok(now.sha256)
}
