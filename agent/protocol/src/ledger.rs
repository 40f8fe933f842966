//! What an agent must not forget: which plan it serves, which one is known to be good, which one is
//! on its way, and which one failed.
//!
//! On disk it is one line with the digest of the rest, then JSON: a torn write is seen.

use crate::id::{Digest, Name, PlanId, PlanRef};
use crate::limits::{ENTRIES, LEDGER_BYTES};
use crate::schema::{self, ReadError};
use crate::status::Phase;
use serde::{Deserialize, Serialize};

/// Transitions that a ledger keeps for `planner history`.
pub const HISTORY: usize = 16;
/// Failed plans that a ledger keeps; older ones have a generation that is refused anyway.
pub const CONDEMNED: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// [`schema::LEDGER`].
    pub schema: String,
    pub fleet: Name,
    pub agent: Name,
    /// Grows with each write; of two copies the higher counts.
    pub sequence: u64,
    /// Start of the agent that wrote it.
    pub boot: u64,
    /// Newest plan ever accepted. Never goes back.
    pub newest: Option<PlanRef>,
    /// Plan that is served.
    pub current: Option<PlanRef>,
    /// Plan that is prepared while `current` is served.
    pub pending: Option<PlanRef>,
    /// Last plan that all its devices found healthy.
    pub last_good: Option<PlanRef>,
    /// Plan that this device found healthy, and therefore will not condemn by itself any more.
    pub proved: Option<PlanRef>,
    /// Failures of `newest`, up to the third.
    pub strikes: u32,
    pub condemned: Vec<PlanId>,
    /// Latest issue time of an accepted plan: the clock is never believed to be before it.
    pub time_floor_ms: u64,
    pub history: Vec<Record>,
}

/// One transition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Milliseconds since 1970 by the device's clock.
    pub at_ms: u64,
    pub plan: PlanRef,
    pub phase: Phase,
    pub why: String,
}

impl Ledger {
    #[must_use]
    pub fn new(fleet: Name, agent: Name) -> Self {
        Self {
            schema: schema::LEDGER.to_owned(),
            fleet,
            agent,
            sequence: 0,
            boot: 0,
            newest: None,
            current: None,
            pending: None,
            last_good: None,
            proved: None,
            strikes: 0,
            condemned: Vec::new(),
            time_floor_ms: 0,
            history: Vec::new(),
        }
    }

    /// Plans whose envelopes must be on disk.
    pub fn held(&self) -> impl Iterator<Item = PlanRef> + '_ {
        [self.current, self.pending, self.last_good, self.proved].into_iter().flatten()
    }

    /// Adds a transition and forgets the oldest.
    pub fn note(&mut self, record: Record) {
        if self.history.len() >= HISTORY {
            self.history.remove(0);
        }
        self.history.push(record);
    }

    /// The bytes on disk.
    ///
    /// # Errors
    /// Never in practice: all keys are text.
    pub fn bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let body = serde_json::to_vec(self)?;
        let mut out = format!("sha256:{}\n", Digest::of(&body)).into_bytes();
        out.extend_from_slice(&body);
        Ok(out)
    }

    /// Reads a ledger from disk.
    ///
    /// # Errors
    /// When it is torn, too long, of another schema, or malformed.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let what = schema::LEDGER;
        let torn = || ReadError::Invalid { what, why: "torn: it is not what its first line says".to_owned() };
        if bytes.len() > LEDGER_BYTES {
            return Err(ReadError::TooLarge { what, got: bytes.len(), most: LEDGER_BYTES });
        }
        let end = bytes.iter().position(|b| *b == b'\n').ok_or_else(torn)?;
        let (line, body) = (&bytes[..end], &bytes[end + 1..]);
        if line != format!("sha256:{}", Digest::of(body)).as_bytes() {
            return Err(torn());
        }
        let ledger: Self = schema::read(body, schema::LEDGER, LEDGER_BYTES)?;
        if ledger.history.len() > HISTORY || ledger.condemned.len() > ENTRIES {
            return Err(ReadError::Invalid { what, why: "a list is too long".to_owned() });
        }
        Ok(ledger)
    }
}
