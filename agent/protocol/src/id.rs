//! Names and hashes as types: text from outside becomes one of these or an error.

use crate::hex::{NotHex, decode, encode};
use crate::limits::NAME_BYTES;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// SHA-256 of some bytes; written as 64 lower-case digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

/// A plan's `id`: SHA-256 of its canonical bytes with `id` empty.
pub type PlanId = Digest;

impl Digest {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Of all that a reader gives.
    ///
    /// # Errors
    /// The reader's.
    pub fn read(from: &mut impl std::io::Read) -> std::io::Result<Self> {
        let mut hash = Sha256::new();
        let mut bytes = vec![0; 1 << 20];
        loop {
            match from.read(&mut bytes)? {
                0 => return Ok(Self(hash.finalize().into())),
                n => hash.update(&bytes[..n]),
            }
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    /// The first eight digits: enough to tell plans apart in a trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0[..4]))
    }
}

impl FromStr for Digest {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        decode(text).map(Self)
    }
}

impl TryFrom<String> for Digest {
    type Error = NotHex;

    fn try_from(text: String) -> Result<Self, NotHex> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(d: Digest) -> Self {
        d.to_string()
    }
}

/// Name of a fleet, agent or service: 1 to 64 of `a-z A-Z 0-9 . _ -`, not starting with a dot.
///
/// It stands in keys of the bus and in file names, so nothing else gets in. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Arc<str>);

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no name; expected 1 to {NAME_BYTES} of a-z, A-Z, 0-9, `.`, `_`, `-`, not starting with a dot")]
pub struct NotAName {
    /// What was given, cut.
    pub text: String,
}

impl Name {
    /// # Errors
    /// When the text is empty, too long, or has another character.
    pub fn new(text: &str) -> Result<Self, NotAName> {
        let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if text.is_empty() || text.len() > NAME_BYTES || text.starts_with('.') || !text.chars().all(fine) {
            return Err(NotAName { text: text.chars().take(NAME_BYTES).collect() });
        }
        Ok(Self(text.into()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        Self::new(text)
    }
}

impl TryFrom<String> for Name {
    type Error = NotAName;

    fn try_from(text: String) -> Result<Self, NotAName> {
        Self::new(&text)
    }
}

impl From<Name> for String {
    fn from(n: Name) -> Self {
        n.0.as_ref().to_owned()
    }
}

/// Which plan: its place in the fleet's order, and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRef {
    pub generation: u64,
    pub id: PlanId,
}

impl fmt::Display for PlanRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {} ({:?})", self.generation, self.id)
    }
}
