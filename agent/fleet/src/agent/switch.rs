//! When a plan takes the place of another: all stages ready, then one switch at the entry.

use super::{Agent, slot::Step};
use crate::layout::{Layout, Pipeline};
use crate::rules::{Now, flawed};
use protocol::{Name, PlanId, PlanRef};

impl Agent {
    /// Whether everyone in a pipeline has the plan in memory, by what was last heard.
    pub(super) fn complete(&self, pipeline: &Pipeline, plan: PlanId, now: Now) -> bool {
        let has = |member: &Name| {
            if *member == self.me {
                self.serves(plan)
            } else {
                flawed!(self.rules, SwitchAlone) || self.fresh(member, now).is_some_and(|s| s.ready.contains(&plan))
            }
        };
        pipeline.members.iter().all(has)
    }

    /// The pending plan that waits for this device's lock. It is prepared, and kept from the others, so that no entry
    /// switches to it; once one has, it is too late to hold anything.
    pub(super) fn withheld(&self) -> Option<PlanId> {
        let current = self.ledger.current.filter(|c| self.held && self.serves(c.id))?;
        let pending = self.ledger.pending?;
        let layout = self.plans.get(&pending.id)?;
        // What has no part here disturbs nobody here.
        let part = |layout: &Layout| layout.through(&self.me).next().is_some();
        if !part(layout) && !self.plans.get(&current.id).is_some_and(|l| part(l)) {
            return None;
        }
        let begun = |p: &Pipeline| self.peers.get(p.entry()).is_some_and(|peer| peer.status.active == Some(pending));
        (!layout.through(&self.me).any(begun)).then_some(pending.id)
    }

    /// The pending plan, if it may become the current one.
    pub(super) fn flips(&self, now: Now) -> Option<PlanRef> {
        let pending = self.ledger.pending?;
        let layout = self.plans.get(&pending.id)?;
        if !self.serves(pending.id) || self.withheld().is_some() || !self.handed_over(layout, now) {
            return None;
        }
        let entered: Vec<&Pipeline> = layout.entered_at(&self.me).collect();
        if !entered.is_empty() {
            let complete = |p: &Pipeline| self.complete(p, pending.id, now);
            let lost = |p: &Pipeline| p.members.iter().any(|s| *s != self.me && self.silent(s, now));
            let some = entered.iter().any(|p| complete(p));
            return (some && entered.iter().all(|p| complete(p) || lost(p))).then_some(pending);
        }
        let served = |p: &Pipeline| self.fresh(p.entry(), now).is_some_and(|s| s.active == Some(pending));
        layout.through(&self.me).all(served).then_some(pending)
    }

    /// Whether every service that starts here today and elsewhere tomorrow can start there.
    ///
    /// It is not waited for that it has: two entries that hand a service to each other would wait for ever.
    fn handed_over(&self, next: &Layout, now: Now) -> bool {
        let Some(current) = self.ledger.current.filter(|c| !self.ledger.condemned.contains(&c.id)) else { return true };
        let Some(layout) = self.plans.get(&current.id) else { return true };
        layout.entered_at(&self.me).all(|old| {
            let mut heirs = next.pipelines.iter().filter(|p| p.service == old.service).peekable();
            let none = heirs.peek().is_none();
            none || heirs.any(|p| *p.entry() == self.me || self.complete(p, next.plan().id, now))
        })
    }

    /// Whether this device waits for room for a plan. One that is held asks nobody to pause for it.
    pub(super) fn cramped(&self) -> Option<PlanId> {
        let cramped = self.slots.iter().find(|(_, s)| s.step == Step::Cramped).map(|(id, _)| *id);
        cramped.filter(|id| self.withheld() != Some(*id))
    }

    /// Pauses the current plan's pipelines when all who are there have prepared the next plan as far as
    /// they can, and one of them has no room for both.
    pub(super) fn pausing(&mut self, now: Now) {
        let pending = self.ledger.pending.map(|p| p.id);
        if let Some((plan, until)) = self.pause {
            let over = pending != Some(plan);
            if over || now.mono_ms >= until {
                self.pause = None;
                self.changed = true;
                if over {
                    self.pause_wait.reset();
                } else {
                    let longer = (self.rules.pause_ms, 8 * self.rules.pause_ms);
                    self.pause_wait.failed(now.mono_ms, longer, &mut self.jitter);
                }
            }
            return;
        }
        let (Some(new), Some(current)) = (pending, self.ledger.current) else { return };
        let (Some(next), Some(layout)) = (self.plans.get(&new), self.plans.get(&current.id)) else { return };
        if self.withheld().is_some() || !self.pause_wait.due(now.mono_ms) || layout.entered_at(&self.me).next().is_none() {
            return;
        }
        let mut waits = self.cramped() == Some(new);
        if !waits && !self.serves(new) {
            return;
        }
        for other in next.neighbours(&self.me).chain(layout.neighbours(&self.me)) {
            if self.silent(other, now) {
                continue;
            }
            let Some(said) = self.fresh(other, now) else { return };
            let cramped = said.cramped == Some(new);
            waits |= cramped;
            if !cramped && !said.ready.contains(&new) {
                return;
            }
        }
        if waits {
            self.pause = Some((new, now.mono_ms + self.rules.pause_ms));
            self.changed = true;
        }
    }
}
