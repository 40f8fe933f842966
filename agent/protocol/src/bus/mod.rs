//! What carries messages: publish, subscribe, request and serve, liveliness, and the last thing said.
//!
//! The trait is the intersection of what message systems offer, so that another one can take the place
//! of the first. It blocks and calls back, and needs no async runtime: a shell on one hands messages to a
//! channel and asks on a blocking thread. Sinks are called on a thread of the bus: they must be quick.

pub mod local;
#[cfg(feature = "testing")]
pub mod testing;

use crate::key::{Key, Pattern};
use crate::limits::BUS_BYTES;
use std::fmt;
use std::time::Duration;

/// How much a message matters. Assured messages of one publisher come in order; samples may overtake them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qos {
    /// May be dropped when the way is full, gives way to everything: telemetry.
    Sample,
    /// Waits for its turn and goes first: plans, status, calls.
    Assured,
}

/// Whether a message is there for who comes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Only for who listens now.
    Pass,
    /// [`Bus::last`] finds it as long as its publisher lives and says nothing newer on the key.
    Last,
}

/// A message as it arrives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub key: Key,
    pub payload: Vec<u8>,
}

/// A token that appeared or vanished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Life {
    Born(Key),
    /// Its process ended, its link is cut, or it said good-bye. A process that hangs keeps its token
    /// until the lease is over, one of whose threads hangs keeps it for good.
    Gone(Key),
}

/// Why the bus did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    #[error("{key}: {got} bytes, at most {BUS_BYTES} travel on the bus")]
    TooLarge { key: Key, got: usize },
    #[error("{key}: nobody serves it")]
    Nobody { key: Key },
    #[error("{key}: no answer within {within:?}")]
    TimedOut { key: Key, within: Duration },
    #[error("{key}: refused: {why}")]
    Refused { key: Key, why: String },
    #[error("bus: {doing}: {why}")]
    Transport { doing: &'static str, why: String },
}

/// What a server answers: bytes, or why not.
pub type Reply = Result<Vec<u8>, String>;
/// Takes messages.
pub type Sink = Box<dyn Fn(Message) + Send + Sync>;
/// Answers requests for a key with a payload.
pub type Handler = Box<dyn Fn(&Key, &[u8]) -> Reply + Send + Sync>;
/// Takes tokens' changes.
pub type Watch = Box<dyn Fn(Life) + Send + Sync>;

/// Something declared; it ends when this is dropped.
#[must_use = "dropping it ends what was declared"]
pub struct Held(#[expect(dead_code, reason = "only its drop matters")] Box<dyn Send + Sync>);

impl Held {
    pub fn new(what: impl Send + Sync + 'static) -> Self {
        Self(Box::new(what))
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

/// One participant's way to all others. Its own messages come back to its own sinks.
pub trait Bus: Send + Sync {
    /// Says something.
    ///
    /// # Errors
    /// When it is too large or the transport fails. That it was said does not mean that it was heard.
    fn publish(&self, key: &Key, payload: &[u8], qos: Qos, keep: Keep) -> Result<(), BusError>;

    /// Listens to all keys of a pattern.
    ///
    /// # Errors
    /// When the transport fails.
    fn subscribe(&self, pattern: &Pattern, sink: Sink) -> Result<Held, BusError>;

    /// The last kept messages of all keys of a pattern, by key; of two publishers on one key, both.
    ///
    /// # Errors
    /// When the transport fails.
    fn last(&self, pattern: &Pattern, within: Duration) -> Result<Vec<Message>, BusError>;

    /// Answers requests for all keys of a pattern.
    ///
    /// # Errors
    /// When the transport fails.
    fn serve(&self, pattern: &Pattern, handler: Handler) -> Result<Held, BusError>;

    /// Asks; the first answer counts.
    ///
    /// # Errors
    /// When nobody serves the key, none answers in time, or the answer is a refusal.
    fn request(&self, key: &Key, payload: &[u8], within: Duration) -> Result<Vec<u8>, BusError>;

    /// Shows a token for as long as the result and the process live.
    ///
    /// # Errors
    /// When the transport fails.
    fn declare_alive(&self, key: &Key) -> Result<Held, BusError>;

    /// Hears of tokens, first of those that are there already.
    ///
    /// # Errors
    /// When the transport fails.
    fn watch_alive(&self, pattern: &Pattern, watch: Watch) -> Result<Held, BusError>;

    /// Leaves and joins anew, with all that was declared: for who knows that somebody is there whom the bus misses.
    /// Others see this participant's tokens go and come back.
    ///
    /// # Errors
    /// When the transport fails; it may be asked again.
    fn renew(&self) -> Result<(), BusError> {
        Ok(())
    }
}

/// Refuses what is too large for the bus.
///
/// # Errors
/// When it is.
pub fn fits(key: &Key, payload: &[u8]) -> Result<(), BusError> {
    if payload.len() > BUS_BYTES {
        return Err(BusError::TooLarge { key: key.clone(), got: payload.len() });
    }
    Ok(())
}
