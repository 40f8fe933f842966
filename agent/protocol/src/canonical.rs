//! Canonical bytes: keys in declaration order, shortest round-trip numbers, two-space indent, one final newline.

use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The bytes of a value as they are written, hashed and sent.
///
/// # Errors
/// When a value has no JSON form (a map with non-text keys).
pub fn bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = serde_json::to_vec_pretty(value)?;
    out.push(b'\n');
    Ok(out)
}

/// SHA-256 of bytes, hex.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut s, b| {
        let _ = write!(s, "{b:02x}");
        s
    })
}
