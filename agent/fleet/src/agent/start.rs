//! From what is on disk to an agent that goes on where it was.

use super::Agent;
use crate::backoff::{Backoff, Jitter};
use crate::layout::Layout;
use crate::rules::{Now, Rules};
use crate::safety::Governor;
use crate::store::Contents;
use protocol::envelope::reopen;
use protocol::{Ledger, Name, PlanId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who an agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub fleet: Name,
    pub agent: Name,
}

/// Reads a plan that this agent stored; `None` where the file is not that plan.
#[must_use]
pub fn read_plan(id: PlanId, bytes: &[u8]) -> Option<Arc<Layout>> {
    let signed = reopen(bytes, id).ok()?;
    Layout::of(Arc::new(signed)).ok().map(Arc::new)
}

impl Agent {
    /// Starts from a folder's contents; `read` makes plans of files ([`read_plan`]).
    #[must_use]
    pub fn start(
        identity: Identity,
        rules: Rules,
        seed: u64,
        contents: &Contents,
        mut read: impl FnMut(PlanId, &Arc<[u8]>) -> Option<Arc<Layout>>,
        now: Now,
    ) -> Self {
        let (found, broken) = contents.ledger();
        let found = found.filter(|l| l.fleet == identity.fleet && l.agent == identity.agent);
        let note = (broken > 0).then(|| format!("{broken} of two ledgers could not be read"));
        let mut ledger = found.unwrap_or_else(|| Ledger::new(identity.fleet, identity.agent.clone()));
        let mut plans = BTreeMap::new();
        for plan in ledger.held() {
            if let Some(layout) = contents.plans.get(&plan.id).and_then(|bytes| read(plan.id, bytes)) {
                plans.insert(plan.id, layout);
            }
        }
        // A disk that breaks its word leaves holes: what is whole is used, the rest is asked for.
        for held in [&mut ledger.pending, &mut ledger.last_good, &mut ledger.proved, &mut ledger.current] {
            *held = held.take_if(|p| plans.contains_key(&p.id));
        }
        if ledger.current.is_none() && ledger.pending.is_none() {
            ledger.current = ledger.last_good;
        }
        let boot = (ledger.boot + 1).max(now.wall_ms);
        let mut jitter = Jitter::new(seed);
        let say_ms = now.mono_ms + jitter.around(rules.heartbeat_ms) / 2;
        Self {
            me: identity.agent,
            rules,
            jitter,
            boot,
            started_ms: now.mono_ms,
            ledger,
            writing: None,
            write_wait: Backoff::default(),
            writes: 0,
            stored: contents.plans.keys().copied().collect(),
            plans,
            slots: BTreeMap::new(),
            jobs: 0,
            offered: None,
            struck: None,
            healthy: (None, 0),
            governor: Governor::default(),
            peers: BTreeMap::new(),
            heard_of: 0,
            admitted: (None, Vec::new()),
            draining: BTreeMap::new(),
            pause: None,
            held: false,
            pause_wait: Backoff::default(),
            ask_ms: now.mono_ms,
            ask_peer: Backoff::default(),
            sequence: 0,
            say_ms,
            changed: false,
            note,
        }
    }
}
