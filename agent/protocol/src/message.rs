//! Signed messages other than plans: telemetry, status, commands, answers.
//!
//! The key that a message is for is signed with it, so nobody can say it again in another place; boot
//! and sequence are, so nobody can say it again later.

use crate::frame::{self, Frame, FrameError};
use crate::id::Name;
use crate::key::Key;
use crate::limits::{LINE_BYTES, TELEMETRY_BYTES};
use crate::schema;
use crate::sign::{Keyring, Signer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Largest signed message: four lines and the largest content.
pub const MESSAGE_BYTES: usize = TELEMETRY_BYTES + 3 * LINE_BYTES;

/// Who says it, where, and when in its own order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The key that it is published on or sent to.
    pub key: String,
    pub sender: Name,
    /// Grows with each start of the sender.
    pub boot: u64,
    /// Grows with each message of a boot.
    pub sequence: u64,
    /// Milliseconds since 1970 by the sender's clock; informative.
    pub sent_ms: u64,
}

/// Why a message is refused.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    #[error("message: {0}")]
    Frame(#[from] FrameError),
    #[error("message, head: {0}")]
    Head(serde_json::Error),
    #[error("message, head: not spelled canonically")]
    Spelling,
    #[error("message for `{signed}` came on `{arrived}`")]
    Elsewhere { signed: String, arrived: String },
    #[error("message by `{sender}`, of whom no key is known")]
    Unknown { sender: Name },
    #[error("message by `{sender}` is about `{about}`: an agent speaks for itself only")]
    NotItsOwn { sender: Name, about: String },
    #[error("message by `{sender}` is not newer than what it said before")]
    Replayed { sender: Name },
}

/// Seals a message.
///
/// # Errors
/// When it is larger than a reader takes.
pub fn seal(head: &Head, body: &[u8], signer: &Signer) -> Result<Vec<u8>, MessageError> {
    let line = serde_json::to_string(head).map_err(MessageError::Head)?;
    let bytes = frame::write(schema::MESSAGE, &line, body, &[signer]);
    if bytes.len() > MESSAGE_BYTES {
        return Err(FrameError::TooLarge { got: bytes.len(), most: MESSAGE_BYTES }.into());
    }
    Ok(bytes)
}

/// Who may speak, and what each said last.
#[derive(Clone, Debug, Default)]
pub struct Listener {
    keys: BTreeMap<Name, Keyring>,
    /// May speak about any agent: the planners.
    for_all: Vec<Name>,
    last: BTreeMap<Name, (u64, u64)>,
}

impl Listener {
    /// Believes an agent about itself.
    pub fn trust(&mut self, sender: Name, keys: Keyring) {
        self.keys.insert(sender, keys);
    }

    /// Believes a planner about everyone.
    pub fn trust_for_all(&mut self, sender: Name, keys: Keyring) {
        self.for_all.push(sender.clone());
        self.keys.insert(sender, keys);
    }

    /// Opens what arrived on a key: head and content.
    ///
    /// # Errors
    /// When the sender is unknown, the signature bad, the place or the order wrong.
    pub fn open<'a>(&mut self, bytes: &'a [u8], on: &Key) -> Result<(Head, &'a [u8]), MessageError> {
        let (head, body) = self.vouched(bytes, on)?;
        if on.agent() != head.sender.as_str() && !self.for_all.contains(&head.sender) {
            return Err(MessageError::NotItsOwn { sender: head.sender, about: on.agent().to_owned() });
        }
        let order = (head.boot, head.sequence);
        if self.last.get(&head.sender).is_some_and(|last| *last >= order) {
            return Err(MessageError::Replayed { sender: head.sender });
        }
        self.last.insert(head.sender.clone(), order);
        Ok((head, body))
    }

    /// Opens what anyone known said for a key, however old. That it is not said again, and may be said there,
    /// the caller must know otherwise: by a number that it asked to be signed with it, say.
    ///
    /// # Errors
    /// When the sender is unknown, the signature bad, or the place wrong.
    pub fn vouched<'a>(&self, bytes: &'a [u8], on: &Key) -> Result<(Head, &'a [u8]), MessageError> {
        let frame = Frame::read(schema::MESSAGE, bytes, MESSAGE_BYTES)?;
        let head: Head = serde_json::from_str(frame.head).map_err(MessageError::Head)?;
        let Some(keys) = self.keys.get(&head.sender) else {
            return Err(MessageError::Unknown { sender: head.sender });
        };
        frame.vouched(keys)?;
        if serde_json::to_string(&head).map_err(MessageError::Head)? != frame.head {
            return Err(MessageError::Spelling);
        }
        if head.key != on.as_str() {
            return Err(MessageError::Elsewhere { signed: head.key, arrived: on.to_string() });
        }
        Ok((head, frame.body))
    }
}
