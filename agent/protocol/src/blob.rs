//! Model files by what is in them: a list of digests of a file's chunks, so that any part of it can come from anybody.
//!
//! The owner signs the digest of the list with each plan ([`crate::Order::models`]). Whoever has the list can check
//! every chunk by itself; who sent it does not matter.

use crate::id::Digest;
use crate::limits::{BLOB_CHUNKS, MANIFEST_BYTES};
use crate::schema::{self, ReadError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::io::{self, Read};
use std::ops::Range;

/// Smallest chunk, bytes: below it the list grows and nothing is saved.
const CHUNK_MIN: u64 = 256 << 10;

/// Which file a plan's name of a model means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlobRef {
    /// SHA-256 of the file's [`Manifest`], as it is written.
    pub manifest: Digest,
    /// Length of the file.
    pub bytes: u64,
}

/// The digests of a file and of its chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`schema::BLOB`].
    pub schema: String,
    /// Of the whole file: its address.
    pub sha256: Digest,
    pub bytes: u64,
    /// Length of each chunk but the last.
    pub chunk_bytes: u64,
    /// SHA-256 of each chunk.
    pub chunks: Vec<Digest>,
}

/// The smallest power of two at which a file has no more chunks than a list may name.
fn chunk_bytes(bytes: u64) -> u64 {
    let least = bytes.div_ceil(BLOB_CHUNKS as u64).max(CHUNK_MIN);
    // Only a file of more than 2^63 bytes has none.
    least.checked_next_power_of_two().unwrap_or(u64::MAX)
}

impl Manifest {
    /// Of a file of so many bytes, read once. The same file has the same list everywhere.
    ///
    /// # Errors
    /// The reader's, and when it ends early or goes on.
    pub fn of(from: &mut impl Read, bytes: u64) -> io::Result<Self> {
        let chunk_bytes = chunk_bytes(bytes);
        let (mut whole, mut chunks) = (Sha256::new(), Vec::new());
        let mut buffer = vec![0; 256 << 10];
        let mut left = bytes;
        while left > 0 {
            let mut chunk = Sha256::new();
            let mut of_chunk = chunk_bytes.min(left);
            left -= of_chunk;
            while of_chunk > 0 {
                let some = usize::try_from(of_chunk).unwrap_or(usize::MAX).min(buffer.len());
                let read = from.read(&mut buffer[..some])?;
                if read == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                whole.update(&buffer[..read]);
                chunk.update(&buffer[..read]);
                of_chunk -= read as u64;
            }
            chunks.push(Digest(chunk.finalize().into()));
        }
        if from.read(&mut buffer[..1])? != 0 {
            return Err(io::Error::other("it is longer than it was"));
        }
        Ok(Self { schema: schema::BLOB.into(), sha256: Digest(whole.finalize().into()), bytes, chunk_bytes, chunks })
    }

    /// Reads a list and checks that it is the one that is meant.
    ///
    /// # Errors
    /// When it is another one, or contradicts itself.
    pub fn read(text: &[u8], meant: &BlobRef) -> Result<Self, ReadError> {
        let wrong = |why: &str| ReadError::Invalid { what: schema::BLOB, why: why.to_owned() };
        let list: Self = schema::read(text, schema::BLOB, MANIFEST_BYTES)?;
        if Digest::of(text) != meant.manifest {
            return Err(wrong("it is not the list whose digest was given"));
        }
        if list.bytes != meant.bytes {
            return Err(wrong("its file has another length than was given"));
        }
        // What a wrong list could ask for is bounded: places and lengths follow from the file's length.
        if list.chunk_bytes != chunk_bytes(list.bytes) || list.chunks.len() as u64 != list.bytes.div_ceil(list.chunk_bytes) {
            return Err(wrong("its chunks do not cover the file"));
        }
        Ok(list)
    }

    /// As it is written, stored, and named by its digest.
    ///
    /// # Errors
    /// Never: it has a JSON form.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// What stands for it.
    ///
    /// # Errors
    /// Never, as [`to_bytes`](Self::to_bytes).
    pub fn blob(&self) -> Result<BlobRef, serde_json::Error> {
        Ok(BlobRef { manifest: Digest::of(&self.to_bytes()?), bytes: self.bytes })
    }

    /// Bytes of a chunk in the file.
    #[must_use]
    pub fn range(&self, chunk: usize) -> Range<u64> {
        let start = (chunk as u64).saturating_mul(self.chunk_bytes).min(self.bytes);
        start..start.saturating_add(self.chunk_bytes).min(self.bytes)
    }

    /// Chunks that hold some bytes of the file.
    #[must_use]
    pub fn covering(&self, bytes: Range<u64>) -> Range<usize> {
        let end = bytes.end.min(self.bytes);
        if bytes.start >= end {
            return 0..0;
        }
        // Below the number of chunks, which is small.
        let at = |byte: u64| usize::try_from(byte / self.chunk_bytes).unwrap_or(usize::MAX);
        at(bytes.start)..at(end - 1) + 1
    }

    /// Whether these bytes are a chunk's.
    #[must_use]
    pub fn is_chunk(&self, chunk: usize, bytes: &[u8]) -> bool {
        let range = self.range(chunk);
        bytes.len() as u64 == range.end - range.start && self.chunks.get(chunk).is_some_and(|d| Digest::of(bytes) == *d)
    }
}

#[cfg(test)]
mod tests;
