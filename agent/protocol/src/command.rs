//! What a planner may ask of one agent at once. Lasting wishes are plans, never commands.

use crate::id::PlanId;
use crate::limits::COMMAND_BYTES;
use crate::schema::{self, ReadError};
use crate::status::Status;
use serde::{Deserialize, Serialize};

/// A command. Each can be said twice without harm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// [`schema::COMMAND`].
    pub schema: String,
    /// Milliseconds since 1970; not carried out later.
    pub expires_ms: u64,
    pub what: Request,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Request {
    /// Say the status now.
    Status,
    /// Look at the desired plan now; a hint that one was published.
    LookAgain,
    /// Give the envelope of a plan that you hold.
    Envelope { id: PlanId },
}

/// The answer. Unknown fields are skipped: it is a report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// [`schema::ANSWER`].
    pub schema: String,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    Status(Box<Status>),
    /// Why not, in words.
    Refused(String),
}

impl Command {
    /// Reads a command.
    ///
    /// # Errors
    /// When it is too long, of another schema, or malformed.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        schema::read(bytes, schema::COMMAND, COMMAND_BYTES)
    }
}

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// When it is too long, of another schema, or malformed.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        schema::read(bytes, schema::ANSWER, 2 * COMMAND_BYTES)
    }
}
