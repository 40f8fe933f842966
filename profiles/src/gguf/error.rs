//! What can be wrong with a header.

use std::path::PathBuf;

/// Why a file gives no profile.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    #[error("cannot read {path}")]
    File { path: PathBuf, source: std::io::Error },
    /// The header breaks the format or a limit.
    #[error("byte {at}: {why}")]
    Header { at: u64, why: Why },
    /// The header is sound, but not that of a model which we can describe.
    #[error("{0}")]
    Model(String),
}

/// One way in which a header is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    #[error("the file ends inside its header")]
    Truncated,
    #[error("not a GGUF file")]
    Magic,
    #[error("version {0} is not read; versions 2 and 3 are")]
    Version(u32),
    #[error("{count} {what} are more than the limit of {limit}")]
    TooMany { what: &'static str, count: u64, limit: u64 },
    #[error("{count} {what} cannot fit in the bytes that are left")]
    NoRoom { what: &'static str, count: u64 },
    #[error("text is not UTF-8")]
    Utf8,
    #[error("a key or name is empty")]
    EmptyName,
    #[error("`{0}` is there twice")]
    Twice(String),
    #[error("{0} is not a metadata type")]
    ValueType(u32),
    #[error("an array in an array is not read")]
    Nested,
    #[error("a truth value must be 0 or 1, is {0}")]
    Bool(u8),
    #[error("{0} is not a tensor type")]
    TensorType(u32),
    #[error("tensor `{name}` has {count} dimensions; 1 to 4 are read")]
    Dimensions { name: String, count: u32 },
    #[error("tensor `{0}` has a dimension of 0")]
    ZeroDimension(String),
    #[error("tensor `{0}` is larger than a file can be")]
    TooLarge(String),
    #[error("rows of tensor `{name}` are {row} elements, not a multiple of the {block} of {kind}")]
    Row { name: String, row: u64, block: u64, kind: &'static str },
    #[error("alignment must be a power of two from 8 to 65536, is {0}")]
    Alignment(u64),
    #[error("tensor `{0}` does not begin at a multiple of the alignment")]
    Misaligned(String),
    #[error("tensor `{0}` ends after the file")]
    PastEnd(String),
    #[error("tensors `{0}` and `{1}` overlap")]
    Overlap(String, String),
    #[error("`{key}` must be {wanted}")]
    KeyType { key: String, wanted: &'static str },
}

impl Why {
    pub(super) fn at(self, at: u64) -> GgufError {
        GgufError::Header { at, why: self }
    }
}
