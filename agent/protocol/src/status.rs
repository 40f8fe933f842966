//! What an agent has made of its plan, said on every change and on every heartbeat.
//!
//! Neighbours in a pipeline switch by it and the planner reads it, so it is signed. It is complete:
//! the latest one is all that anybody needs.

use crate::id::{Name, PlanId, PlanRef};
use crate::limits::{ENTRIES, STATUS_BYTES};
use crate::schema::{self, ReadError};
use serde::{Deserialize, Serialize};

/// Where an agent stands with the plan that it works towards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No plan yet.
    Idle,
    /// Model files are on their way.
    Fetching,
    /// Digests are compared.
    Verifying,
    /// Weights go into memory.
    Loading,
    /// A first token is made, so that the first user does not wait for page faults.
    Warming,
    /// Loaded; the switch waits for the neighbours.
    Ready,
    Serving,
    /// Serving the new plan while the old one's requests end.
    Draining,
    /// The newest plan failed; back on the last good one.
    RolledBack,
}

/// An agent's state, as others need it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`schema::STATUS`].
    pub schema: String,
    pub agent: Name,
    /// Grows with each start.
    pub boot: u64,
    /// Grows with each status of a boot.
    pub sequence: u64,
    pub phase: Phase,
    /// Newest plan ever accepted, failed or not: the parent of the next one.
    pub newest: Option<PlanRef>,
    /// Plan that new requests go to (at an entry), or that its entries were last seen to serve.
    pub active: Option<PlanRef>,
    pub last_good: Option<PlanRef>,
    /// Plans in memory, warm.
    #[serde(default)]
    pub ready: Vec<PlanId>,
    /// Plans that take no new requests but still have some.
    #[serde(default)]
    pub draining: Vec<PlanId>,
    /// Plan that has been healthy here for its whole probation: a vote for keeping it.
    #[serde(default)]
    pub proved: Option<PlanId>,
    /// Plans that failed here or at a neighbour, and will not be tried again.
    #[serde(default)]
    pub condemned: Vec<PlanId>,
    /// Plan that does not fit into memory beside the old one: the entries shall pause.
    #[serde(default)]
    pub cramped: Option<PlanId>,
    /// Share of its planned load that this device takes now, 0 to 1.
    #[serde(default = "whole")]
    pub share: f64,
    /// Why it is not further, in words.
    #[serde(default)]
    pub note: Option<String>,
    /// Latest issue time of a plan that it accepted: a new plan must not be issued before, whatever the
    /// planner's clock says.
    #[serde(default)]
    pub time_floor_ms: u64,
    /// Where neighbours in a pipeline reach it, `HOST:PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hop: Option<String>,
    /// Where its users and its planner reach it, `HOST:PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// Schemas of orders that this agent reads.
    #[serde(default)]
    pub reads: Vec<String>,
}

const fn whole() -> f64 {
    1.0
}

impl Status {
    /// Reads a status.
    ///
    /// # Errors
    /// When it is too long, of another schema, malformed, or out of range.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let status: Self = schema::read(bytes, schema::STATUS, STATUS_BYTES)?;
        let lists = [&status.ready, &status.draining, &status.condemned];
        if lists.iter().any(|l| l.len() > ENTRIES) || status.reads.len() > ENTRIES {
            return Err(ReadError::Invalid { what: schema::STATUS, why: format!("a list of more than {ENTRIES}") });
        }
        if !(0.0..=1.0).contains(&status.share) {
            return Err(ReadError::Invalid { what: schema::STATUS, why: format!("share {} is not 0 to 1", status.share) });
        }
        Ok(status)
    }

    /// Whether it says the same as another: a heartbeat, of which nobody needs to think.
    #[must_use]
    pub fn repeats(&self, other: &Self) -> bool {
        // Taken apart, so that no field is forgotten.
        let Self { schema, agent, boot, sequence: _, phase, newest, active, last_good, ready, draining, proved, .. } = self;
        let Self { condemned, cramped, share, note, time_floor_ms, hop, http, reads, .. } = self;
        (boot, phase, newest, active, last_good) == (&other.boot, &other.phase, &other.newest, &other.active, &other.last_good)
            && (ready, draining, proved, condemned) == (&other.ready, &other.draining, &other.proved, &other.condemned)
            && (cramped, time_floor_ms, note) == (&other.cramped, &other.time_floor_ms, &other.note)
            && share.to_bits() == other.share.to_bits()
            && (hop, http, agent) == (&other.hop, &other.http, &other.agent)
            && (schema, reads) == (&other.schema, &other.reads)
    }

    /// Whether it was said after another of the same agent.
    #[must_use]
    pub fn is_after(&self, other: &Self) -> bool {
        (self.boot, self.sequence) > (other.boot, other.sequence)
    }
}
