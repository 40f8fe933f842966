//! A plan's way into memory and out of it again.

use super::{Action, Agent, Fault, Job};
use crate::backoff::Backoff;
use crate::rules::Now;
use protocol::PlanId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Fetch,
    Verify,
    Load,
    Warm,
    Ready,
    /// Waits until the plan before it has left memory.
    Cramped,
    /// Has left memory for its successor.
    Yielded,
}

#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) step: Step,
    job: Option<u64>,
    pub(super) wait: Backoff,
    /// Since when neither pending nor current.
    old_ms: Option<u64>,
}

impl Slot {
    fn new() -> Self {
        Self { step: Step::Fetch, job: None, wait: Backoff::default(), old_ms: None }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.step == Step::Ready
    }

    /// When its next attempt is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let waits = self.job.is_none() && self.wait.failures() > 0 && self.old_ms.is_none();
        (waits && self.next_job().is_some()).then(|| self.wait.at_ms())
    }

    fn next_job(&self) -> Option<Job> {
        match self.step {
            Step::Fetch => Some(Job::Fetch),
            Step::Verify => Some(Job::Verify),
            Step::Load => Some(Job::Load),
            Step::Warm => Some(Job::Warm),
            Step::Ready | Step::Cramped | Step::Yielded => None,
        }
    }
}

impl Agent {
    /// Makes slots for what is wanted, lets go of what is not, begins what is due.
    pub(super) fn advance(&mut self, now: Now, out: &mut Vec<Action>) {
        let (current, pending) = (self.ledger.current.map(|p| p.id), self.ledger.pending.map(|p| p.id));
        for id in current.into_iter().chain(pending) {
            self.slots.entry(id).or_insert_with(|| {
                self.changed = true;
                Slot::new()
            });
        }
        self.let_go(now, out);
        self.make_room(now, out);
        for id in current.into_iter().chain(pending) {
            // What is served comes first, unless it does not work.
            let first = current.filter(|c| *c != id).and_then(|c| self.slots.get(&c));
            let behind = first.is_some_and(|s| s.wait.failures() == 0 && s.next_job().is_some());
            let Some(slot) = self.slots.get_mut(&id) else { continue };
            slot.old_ms = None;
            if slot.step == Step::Yielded && pending.is_none_or(|p| p == id) {
                slot.step = Step::Load;
            }
            let Some(what) = slot.next_job() else { continue };
            if slot.job.is_some() || !slot.wait.due(now.mono_ms) || (what == Job::Load && behind) {
                continue;
            }
            self.jobs += 1;
            slot.job = Some(self.jobs);
            out.push(Action::Start { job: self.jobs, plan: id, what });
        }
    }

    /// Unloads plans that nothing leads to any more, once their requests have ended or had their time.
    fn let_go(&mut self, now: Now, out: &mut Vec<Action>) {
        let wanted = [self.ledger.current, self.ledger.pending].map(|p| p.map(|p| p.id));
        let mut gone: Vec<PlanId> = Vec::new();
        for (id, slot) in &mut self.slots {
            if wanted.contains(&Some(*id)) {
                continue;
            }
            let since = *slot.old_ms.get_or_insert(now.mono_ms);
            if now.mono_ms.saturating_sub(since) >= self.rules.drain_ms || !slot.is_ready() {
                gone.push(*id);
            }
        }
        let quiet = |id: &PlanId| !wanted.contains(&Some(*id)) && !gone.contains(id) && self.unused(*id, now);
        let quiet: Vec<PlanId> = self.slots.keys().filter(|id| quiet(id)).copied().collect();
        for id in gone.into_iter().chain(quiet) {
            self.slots.remove(&id);
            self.draining.remove(&id);
            self.changed = true;
            out.push(Action::Unload { plan: id });
        }
        let ledger = &self.ledger;
        let next = self.writing.as_ref().map(|w| &w.next);
        let held = |id: &PlanId| ledger.held().chain(next.into_iter().flat_map(protocol::Ledger::held)).any(|p| p.id == *id);
        let slots = &self.slots;
        self.plans.retain(|id, _| slots.contains_key(id) || held(id));
    }

    /// Whether no entry sends requests of a plan here any more.
    fn unused(&self, id: PlanId, now: Now) -> bool {
        let Some(layout) = self.plans.get(&id) else { return true };
        let mine = self.admitted.0.is_some_and(|p| p.id == id) && !self.admitted.1.is_empty();
        if mine || self.draining.contains_key(&id) {
            return false;
        }
        layout.through(&self.me).map(crate::layout::Pipeline::entry).filter(|e| **e != self.me).all(|entry| {
            let said = self.fresh(entry, now);
            said.is_some_and(|s| s.active.is_none_or(|a| a.id != id) && !s.draining.contains(&id)) || self.silent(entry, now)
        })
    }

    /// Gives the old plan's memory to the new one, once the old one has no requests.
    fn make_room(&mut self, now: Now, out: &mut Vec<Action>) {
        let Some(new) = self.ledger.pending.map(|p| p.id) else { return };
        if self.slots.get(&new).is_none_or(|s| s.step != Step::Cramped) {
            return;
        }
        let old: Vec<PlanId> = self.slots.keys().filter(|id| **id != new).copied().collect();
        if !old.iter().all(|id| self.unused(*id, now)) {
            return;
        }
        for id in old {
            if let Some(slot) = self.slots.get_mut(&id)
                && slot.step != Step::Yielded
            {
                slot.step = Step::Yielded;
                slot.job = None;
                out.push(Action::Unload { plan: id });
            }
        }
        if let Some(slot) = self.slots.get_mut(&new) {
            slot.step = Step::Load;
        }
        self.changed = true;
    }

    /// A job of a slot ended; one of a slot that is gone does not matter.
    pub(super) fn done(&mut self, job: u64, outcome: Result<(), Fault>, now: Now) {
        let Some((&id, _)) = self.slots.iter().find(|(_, s)| s.job == Some(job)) else { return };
        let others = self.slots.iter().any(|(o, s)| *o != id && s.step != Step::Yielded);
        let Some(slot) = self.slots.get_mut(&id) else { return };
        slot.job = None;
        self.changed = true;
        let fault = match outcome {
            Ok(()) => {
                slot.step = match slot.step {
                    Step::Fetch => Step::Verify,
                    Step::Verify => Step::Load,
                    Step::Load => Step::Warm,
                    _ => Step::Ready,
                };
                let back = slot.is_ready() && slot.wait.failures() > 0;
                if back && self.ledger.current.is_some_and(|c| c.id == id) {
                    self.governor.recovered(&self.rules, now.mono_ms);
                }
                return;
            }
            Err(fault) => fault,
        };
        match fault {
            Fault::NoRoom if others => {
                slot.step = Step::Cramped;
                return;
            }
            Fault::Unavailable(why) => self.note = Some(why),
            Fault::Corrupt(why) => {
                slot.step = Step::Fetch;
                self.note = Some(why);
            }
            Fault::NoRoom => {
                slot.step = Step::Load;
                self.struck = Some((id, "it does not fit into memory".into()));
            }
            Fault::Failed(why) => {
                slot.step = Step::Load;
                self.struck = Some((id, why));
            }
        }
        slot.wait.failed(now.mono_ms, self.rules.retry_ms, &mut self.jitter);
    }

    /// The engine of a plan died: its model is loaded again after a wait.
    pub(super) fn crashed(&mut self, plan: PlanId, now: Now) {
        let Some(slot) = self.slots.get_mut(&plan) else { return };
        if matches!(slot.step, Step::Yielded | Step::Cramped | Step::Fetch | Step::Verify) {
            return;
        }
        slot.step = Step::Load;
        slot.job = None;
        slot.wait.failed(now.mono_ms, self.rules.retry_ms, &mut self.jitter);
        self.draining.remove(&plan);
        self.struck = Some((plan, "its engine died".into()));
        self.healthy = (None, 0);
        self.changed = true;
    }
}
