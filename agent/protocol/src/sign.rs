//! Ed25519 (RFC 8032) keys: who may sign, and whose signatures are believed.

use crate::hex::{NotHex, decode, encode};
use crate::id::Digest;
use ed25519_dalek::{Signature as Raw, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Names a public key: the first 8 bytes of its SHA-256, as 16 digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(&self.0))
    }
}

impl FromStr for KeyId {
    type Err = NotHex;

    fn from_str(text: &str) -> Result<Self, NotHex> {
        decode(text).map(Self)
    }
}

impl TryFrom<String> for KeyId {
    type Error = NotHex;

    fn try_from(text: String) -> Result<Self, NotHex> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(k: KeyId) -> Self {
        k.to_string()
    }
}

/// A public key, checked to be a point of the curve that is not weak.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why a text or bytes are no public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAKey {
    #[error("public key: {0}")]
    Form(#[from] NotHex),
    #[error("public key: not a point of the curve, or one of small order")]
    Point,
}

impl PublicKey {
    /// # Errors
    /// When the bytes are no point of the curve, or a point whose signatures prove nothing.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, NotAKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| NotAKey::Point)?;
        if key.is_weak() { Err(NotAKey::Point) } else { Ok(Self(key)) }
    }

    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    #[must_use]
    pub fn id(&self) -> KeyId {
        let mut id = [0; 8];
        id.copy_from_slice(&Digest::of(self.0.as_bytes()).0[..8]);
        KeyId(id)
    }

    /// Whether this key made the signature; malleable and small-order ones are refused.
    fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.verify_strict(message, &Raw::from_bytes(&signature.bytes)).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&encode(self.0.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<Self, NotAKey> {
        Self::from_bytes(&decode(text)?)
    }
}

/// A secret key; wiped from memory when dropped, never printed.
pub struct Signer {
    key: SigningKey,
    id: KeyId,
}

impl Signer {
    /// From 32 secret bytes, which must come from the operating system's generator.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let id = PublicKey(key.verifying_key()).id();
        Self { key, id }
    }

    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.key.verifying_key())
    }

    #[must_use]
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The secret bytes themselves: for what keeps a key in a form of its own, as TLS does.
    #[must_use]
    pub fn secret(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature { key: self.id, bytes: self.key.sign(message).to_bytes() }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({}, secret)", self.id)
    }
}

/// A signature and the key that is said to have made it; written `ed25519:KEY:SIGNATURE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    pub key: KeyId,
    bytes: [u8; 64],
}

impl Signature {
    /// The signature alone (RFC 8032).
    #[must_use]
    pub const fn raw(&self) -> &[u8; 64] {
        &self.bytes
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}:{}", self.key, encode(&self.bytes))
    }
}

/// Why a text is no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `ed25519:KEY:SIGNATURE` with 16 and 128 lower-case hexadecimal digits")]
pub struct NotASignature;

impl FromStr for Signature {
    type Err = NotASignature;

    fn from_str(text: &str) -> Result<Self, NotASignature> {
        let rest = text.strip_prefix("ed25519:").ok_or(NotASignature)?;
        let (key, bytes) = rest.split_once(':').ok_or(NotASignature)?;
        Ok(Self { key: key.parse().map_err(|_| NotASignature)?, bytes: decode(bytes).map_err(|_| NotASignature)? })
    }
}

/// The keys that are believed in one role. Several stand side by side while one replaces another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring(BTreeMap<KeyId, PublicKey>);

/// Why nobody vouches for a message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    #[error("it has no signature")]
    Unsigned,
    #[error("no signature is by a key that is trusted here ({known} known); it is signed by {}", .by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Stranger { by: Vec<KeyId>, known: usize },
    #[error("the signature by {key} does not fit the content")]
    Forged { key: KeyId },
}

impl Keyring {
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self(keys.into_iter().map(|k| (k.id(), k)).collect())
    }

    /// The trusted key that vouches. A signature by a stranger is passed over (it may be the next key);
    /// one that names a trusted key and does not fit spoils the whole.
    ///
    /// # Errors
    /// When there is no good signature, or a bad one.
    pub fn vouches(&self, message: &[u8], signatures: &[Signature]) -> Result<KeyId, Untrusted> {
        let mut good = None;
        for s in signatures {
            let Some(key) = self.0.get(&s.key) else { continue };
            if !key.verify(message, s) {
                return Err(Untrusted::Forged { key: s.key });
            }
            good = good.or(Some(s.key));
        }
        good.ok_or_else(|| match signatures {
            [] => Untrusted::Unsigned,
            some => Untrusted::Stranger { by: some.iter().map(|s| s.key).collect(), known: self.0.len() },
        })
    }
}
