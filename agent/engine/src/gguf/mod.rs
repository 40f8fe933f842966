//! Model files: opened over a map, every tensor range checked once, and written.
//!
//! The header reader is that of `profiles::gguf`; a [`File`] adds the data. After `open`, a tensor's
//! bytes are a slice: no later code computes an offset or a size again.

mod writer;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use profiles::gguf::{Header, Tensor, TensorType};
use sha2::{Digest, Sha256};

pub use writer::{Meta, Writer};

use crate::error::EngineError;

enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    fn all(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

/// A checked model file.
pub struct File {
    bytes: Bytes,
    header: Header,
    /// Place in `header.tensors` by name.
    index: BTreeMap<String, usize>,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("bytes", &self.bytes.all().len()).field("tensors", &self.header.tensors.len()).finish()
    }
}

/// One tensor's bytes with what they are.
#[derive(Clone, Copy, Debug)]
pub struct TensorData<'f> {
    pub tensor: &'f Tensor,
    pub bytes: &'f [u8],
}

impl TensorData<'_> {
    /// Storage type.
    #[must_use]
    pub fn kind(&self) -> &'static TensorType {
        self.tensor.kind
    }
}

impl File {
    /// Maps a file and checks its header and all tensor ranges.
    ///
    /// # Errors
    /// The file cannot be mapped, or is not sound: which byte and why.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let io = |source| EngineError::File { path: path.into(), source };
        let file = std::fs::File::open(path).map_err(io)?;
        Self::new(Bytes::Mapped(crate::map::map(&file).map_err(io)?))
    }

    /// A file that is in memory already.
    ///
    /// # Errors
    /// It is not sound.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, EngineError> {
        Self::new(Bytes::Owned(bytes))
    }

    fn new(bytes: Bytes) -> Result<Self, EngineError> {
        let all = bytes.all();
        let header = Header::parse(all, all.len() as u64)?;
        let index = header.tensors.iter().enumerate().map(|(i, t)| (t.name.clone(), i)).collect();
        Ok(Self { bytes, header, index })
    }

    /// Metadata and tensor list.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// All bytes: what [`Header::texts`] and its kin read from.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.all()
    }

    /// The tensor with this name and its bytes.
    #[must_use]
    pub fn tensor(&self, name: &str) -> Option<TensorData<'_>> {
        let tensor = &self.header.tensors[*self.index.get(name)?];
        // The header check proved that the range is inside the file, so that both conversions hold.
        let start = usize::try_from(self.header.data_at.checked_add(tensor.offset)?).ok()?;
        let end = start.checked_add(usize::try_from(tensor.bytes).ok()?)?;
        Some(TensorData { tensor, bytes: self.bytes().get(start..end)? })
    }

    /// SHA-256 of the whole file, lower-case hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        Sha256::digest(self.bytes()).iter().map(|b| format!("{b:02x}")).collect()
    }
}
