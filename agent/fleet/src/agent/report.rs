//! What an agent says about itself: on every change, and with every heartbeat.

use super::{Action, Agent, slot::Step};
use crate::rules::Now;
use protocol::{Phase, PlanId, Status, schema};
use std::sync::Arc;

impl Agent {
    pub(super) fn say(&mut self, now: Now, out: &mut Vec<Action>) {
        if !self.changed && now.mono_ms < self.say_ms {
            return;
        }
        if self.ledger.boot != self.boot {
            // The number of this start is not on disk yet: were it given out now and lost, the next start
            // could count lower, and nobody would listen to it.
            self.say_ms = now.mono_ms + self.rules.heartbeat_ms;
            return;
        }
        self.changed = false;
        self.say_ms = now.mono_ms + self.rules.heartbeat_ms;
        self.sequence += 1;
        out.push(Action::Say(Arc::new(self.status())));
    }

    /// The state as others may know it: only what is durable, and what is in memory this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        let l = &self.ledger;
        let enters = self.admitted.0.is_some();
        let takes = if enters { !self.admitted.1.is_empty() } else { l.current.is_some_and(|c| self.serves(c.id)) };
        Status {
            schema: schema::STATUS.to_owned(),
            agent: self.me.clone(),
            boot: self.boot,
            sequence: self.sequence,
            phase: self.phase(),
            newest: l.newest,
            active: l.current.filter(|_| takes),
            last_good: l.last_good,
            ready: self.in_memory().filter(|id| self.withheld() != Some(*id)).collect(),
            draining: self.draining.keys().copied().collect(),
            proved: l.proved.map(|p| p.id),
            condemned: l.condemned.clone(),
            cramped: self.cramped(),
            share: self.governor.share(),
            note: self.trouble(),
            time_floor_ms: l.time_floor_ms,
            hop: None,
            http: None,
            reads: [protocol::SCHEMA, schema::ENVELOPE, schema::COMMAND].map(str::to_owned).to_vec(),
        }
    }

    /// Plans whose stages may compute here.
    pub fn in_memory(&self) -> impl Iterator<Item = PlanId> {
        self.slots.iter().filter(|(_, s)| s.is_ready()).map(|(id, _)| *id)
    }

    /// What a person should know: first what holds until it is mended.
    fn trouble(&self) -> Option<String> {
        let refuses = (self.write_wait.failures() > 0).then(|| "the disk refuses the ledger".to_owned());
        let waits = || self.withheld().map(|_| "its lock is held: the next plan waits".to_owned());
        refuses.or_else(|| self.note.clone()).or_else(|| self.gave_up()).or_else(waits)
    }

    /// Why the newest plan was given up, as long as it is the newest.
    fn gave_up(&self) -> Option<String> {
        let newest = self.ledger.newest.filter(|n| self.ledger.condemned.contains(&n.id))?;
        let record = self.ledger.history.iter().rev().find(|r| r.plan == newest && r.phase == Phase::RolledBack)?;
        Some(record.why.clone())
    }

    /// Where it stands with the plan that it works towards.
    #[must_use]
    pub fn phase(&self) -> Phase {
        let l = &self.ledger;
        let towards = l.pending.or(l.current);
        let failed = l.newest.is_some_and(|n| l.condemned.contains(&n.id));
        let Some(plan) = towards else { return if failed { Phase::RolledBack } else { Phase::Idle } };
        match self.slots.get(&plan.id).map_or(Step::Fetch, |s| s.step) {
            Step::Fetch => Phase::Fetching,
            Step::Verify => Phase::Verifying,
            Step::Load | Step::Cramped | Step::Yielded => Phase::Loading,
            Step::Warm => Phase::Warming,
            Step::Ready if l.pending.is_some() => Phase::Ready,
            Step::Ready if failed => Phase::RolledBack,
            Step::Ready if !self.draining.is_empty() => Phase::Draining,
            Step::Ready => Phase::Serving,
        }
    }
}
