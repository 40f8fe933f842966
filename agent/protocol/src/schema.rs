//! Versions of what is sent, and what a reader may do with a newer one.
//!
//! A schema is written `wattline.NAME/MAJOR`. Rules:
//!
//! - A new field that old readers may ignore keeps the major. It has a default, so that new readers
//!   take old messages.
//! - Anything else (a field removed, renamed, of another meaning, or one that must not be ignored)
//!   raises the major, and a reader refuses a major that it does not know.
//! - *Reports* (telemetry, status, answers) are read leniently: unknown fields are skipped, so an old
//!   planner still sees a new agent.
//! - *Orders* (plan, envelope head, command) and the ledger are read strictly: an unknown field is an
//!   error, because an agent must not half-obey. A planner therefore sends only what the oldest agent
//!   of the fleet knows; agents say what they know in their status.

use serde::Deserialize;
use serde::de::DeserializeOwned;

pub const TELEMETRY: &str = "wattline.telemetry/1";
pub const STATUS: &str = "wattline.status/1";
pub const COMMAND: &str = "wattline.command/1";
pub const ANSWER: &str = "wattline.answer/1";
pub const LEDGER: &str = "wattline.ledger/1";
/// Digests of a model file.
pub const BLOB: &str = "wattline.blob/1";
/// First line of a signed plan.
pub const ENVELOPE: &str = "wattline.envelope/1";
/// First line of a signed message.
pub const MESSAGE: &str = "wattline.message/1";

/// Why bytes are no message of a schema.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("{what}: {got} bytes, at most {most}")]
    TooLarge { what: &'static str, got: usize, most: usize },
    #[error("{what}: no JSON object with a `schema`: {source}")]
    NoSchema { what: &'static str, source: serde_json::Error },
    #[error("schema `{got}`; this version reads `{known}`: {advice}")]
    Schema { got: String, known: &'static str, advice: &'static str },
    #[error("{what}: {source}")]
    Malformed { what: &'static str, source: serde_json::Error },
    #[error("{what}: {why}")]
    Invalid { what: &'static str, why: String },
}

#[derive(Deserialize)]
struct Peek {
    schema: String,
}

/// Name and major of a schema text.
fn parts(schema: &str) -> Option<(&str, u32)> {
    let (name, major) = schema.split_once('/')?;
    let plain = !major.is_empty() && major.bytes().all(|b| b.is_ascii_digit()) && (major == "0" || !major.starts_with('0'));
    if plain { Some((name, major.parse().ok()?)) } else { None }
}

/// Compares a text with the schema that is read here.
///
/// # Errors
/// When the name differs or the major is another one; the error says which side is older.
pub fn check(got: &str, known: &'static str) -> Result<(), ReadError> {
    if got == known {
        return Ok(());
    }
    let advice = match (parts(got), parts(known)) {
        (Some((a, theirs)), Some((b, ours))) if a == b && theirs > ours => "the sender is newer, update this side",
        (Some((a, _)), Some((b, _))) if a == b => "the sender is older, update it",
        _ => "this is something else",
    };
    Err(ReadError::Schema { got: got.chars().take(64).collect(), known, advice })
}

/// Reads a value whose `schema` must be the known one, from at most `most` bytes.
///
/// # Errors
/// When it is too long, not JSON, of another schema, or not of the type.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8], known: &'static str, most: usize) -> Result<T, ReadError> {
    let what = known;
    if bytes.len() > most {
        return Err(ReadError::TooLarge { what, got: bytes.len(), most });
    }
    let peek: Peek = serde_json::from_slice(bytes).map_err(|source| ReadError::NoSchema { what, source })?;
    check(&peek.schema, known)?;
    serde_json::from_slice(bytes).map_err(|source| ReadError::Malformed { what, source })
}
