//! Writes GGUF version 3: files for tests, and requantised copies of models.

use std::io::Write;
use std::path::Path;

use profiles::gguf::TensorType;

use crate::error::EngineError;

/// Data begins at multiples of this many bytes, the format's default.
const ALIGNMENT: usize = 32;

/// A metadata value to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Meta {
    U32(u32),
    F32(f32),
    Bool(bool),
    Text(String),
    /// Texts need not be UTF-8.
    Texts(Vec<Vec<u8>>),
    F32s(Vec<f32>),
    I32s(Vec<i32>),
}

impl From<&str> for Meta {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Meta {
    fn write(&self, out: &mut Vec<u8>) {
        let array = |out: &mut Vec<u8>, kind: u32, len: usize| {
            out.extend(9u32.to_le_bytes());
            out.extend(kind.to_le_bytes());
            out.extend((len as u64).to_le_bytes());
        };
        match self {
            Self::U32(n) => [4u32.to_le_bytes(), n.to_le_bytes()].iter().for_each(|b| out.extend(b)),
            Self::F32(x) => [6u32.to_le_bytes(), x.to_le_bytes()].iter().for_each(|b| out.extend(b)),
            Self::Bool(b) => {
                out.extend(7u32.to_le_bytes());
                out.push(u8::from(*b));
            }
            Self::Text(t) => {
                out.extend(8u32.to_le_bytes());
                text(out, t.as_bytes());
            }
            Self::Texts(list) => {
                array(out, 8, list.len());
                list.iter().for_each(|t| text(out, t));
            }
            Self::F32s(list) => {
                array(out, 6, list.len());
                list.iter().for_each(|x| out.extend(x.to_le_bytes()));
            }
            Self::I32s(list) => {
                array(out, 5, list.len());
                list.iter().for_each(|n| out.extend(n.to_le_bytes()));
            }
        }
    }
}

fn text(out: &mut Vec<u8>, t: &[u8]) {
    out.extend((t.len() as u64).to_le_bytes());
    out.extend(t);
}

struct Entry {
    name: String,
    /// Row length first.
    shape: Vec<u64>,
    kind: u32,
    bytes: Vec<u8>,
}

/// A file in the making.
#[derive(Default)]
pub struct Writer {
    keys: Vec<(String, Meta)>,
    tensors: Vec<Entry>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("keys", &self.keys.len()).field("tensors", &self.tensors.len()).finish()
    }
}

impl Writer {
    /// Sets a key; a second value of the same key replaces the first.
    pub fn key(&mut self, key: &str, value: impl Into<Meta>) {
        self.keys.retain(|(k, _)| k != key);
        self.keys.push((key.into(), value.into()));
    }

    /// Sets a key that is known to be new: many keys in linear time.
    pub fn key_unchecked(&mut self, key: &str, value: impl Into<Meta>) {
        self.keys.push((key.into(), value.into()));
    }

    /// Appends a tensor: shape with the row length first, bytes in the layout of the type.
    ///
    /// # Errors
    /// The type is not known, or the bytes are not as many as shape and type say.
    pub fn tensor(&mut self, name: &str, shape: &[u64], kind: u32, bytes: Vec<u8>) -> Result<(), EngineError> {
        let t = TensorType::of(kind).ok_or_else(|| EngineError::tensor(name, format!("{kind} is no tensor type")))?;
        let elements = shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d));
        let wanted = elements.filter(|n| n.is_multiple_of(t.block)).and_then(|n| (n / t.block).checked_mul(t.bytes));
        if wanted != Some(bytes.len() as u64) {
            return Err(EngineError::tensor(name, format!("{} bytes are not those of {shape:?} as {}", bytes.len(), t.name)));
        }
        self.tensors.push(Entry { name: name.into(), shape: shape.into(), kind, bytes });
        Ok(())
    }

    /// Header up to the data, padded.
    fn header(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.keys.len() as u64).to_le_bytes());
        for (key, value) in &self.keys {
            text(&mut out, key.as_bytes());
            value.write(&mut out);
        }
        let mut offset = 0;
        for t in &self.tensors {
            text(&mut out, t.name.as_bytes());
            out.extend((t.shape.len() as u32).to_le_bytes());
            t.shape.iter().for_each(|d| out.extend(d.to_le_bytes()));
            out.extend(t.kind.to_le_bytes());
            out.extend((offset as u64).to_le_bytes());
            offset += t.bytes.len().next_multiple_of(ALIGNMENT);
        }
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        out
    }

    fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        out.write_all(&self.header())?;
        for t in &self.tensors {
            out.write_all(&t.bytes)?;
            let padding = t.bytes.len().next_multiple_of(ALIGNMENT) - t.bytes.len();
            out.write_all(&[0; ALIGNMENT][..padding])?;
        }
        out.flush()
    }

    /// The whole file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        for t in &self.tensors {
            out.extend(&t.bytes);
            out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        }
        out
    }

    /// Writes the file beside its place and renames it, so that no reader maps half a file.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), EngineError> {
        let io = |source| EngineError::File { path: path.into(), source };
        let beside = path.with_extension(format!("part{}", std::process::id()));
        let result = (|| {
            let mut out = std::io::BufWriter::new(std::fs::File::create(&beside)?);
            self.write(&mut out)?;
            out.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
            std::fs::rename(&beside, path)
        })();
        if result.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        result.map_err(io)
    }
}
