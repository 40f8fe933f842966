//! Where new requests go. One plan at a time, and only one that the ledger on disk names.

use super::{Action, Agent, Open};
use crate::layout::Pipeline;
use crate::rules::{Now, flawed};

impl Agent {
    /// Compares what takes requests with what should.
    pub(super) fn admit(&mut self, now: Now, out: &mut Vec<Action>) {
        let mut current = self.ledger.current;
        if flawed!(self.rules, AdmitFirst) {
            current = self.writing.as_ref().map_or(current, |w| w.next.current);
        }
        let layout = current.and_then(|c| self.plans.get(&c.id));
        let entered = |l: &std::sync::Arc<crate::Layout>| l.entered_at(&self.me).next().is_some();
        let plan = current.filter(|_| layout.is_some_and(entered));
        let mut open = Vec::new();
        if let (Some(plan), Some(layout), None) = (plan, layout, self.pause) {
            for p in layout.entered_at(&self.me).filter(|p| self.complete(p, plan.id, now)) {
                open.push(Open { service: p.service.clone(), replica: p.replica, share: self.weakest(p, now) });
            }
        }
        let same_plan = self.admitted.0 == plan;
        if same_plan && self.admitted.1 == open {
            self.drains_end(now);
            return;
        }
        if let Some(old) = self.admitted.0
            && (!same_plan || self.pause.is_some())
            && !self.draining.contains_key(&old.id)
        {
            self.draining.insert(old.id, now.mono_ms + self.rules.drain_ms);
            out.push(Action::Drain { plan: old.id });
        }
        if let Some(new) = plan.filter(|_| !open.is_empty()) {
            self.draining.remove(&new.id);
        }
        self.changed = true;
        self.admitted = (plan, open.clone());
        out.push(Action::Admit { plan, open });
        self.drains_end(now);
    }

    /// The least share of a pipeline's devices.
    fn weakest(&self, pipeline: &Pipeline, now: Now) -> f64 {
        let share = |s: &protocol::Name| {
            if *s == self.me { self.governor.share() } else { self.fresh(s, now).map_or(1.0, |s| s.share) }
        };
        pipeline.members.iter().map(share).fold(1.0, f64::min)
    }

    /// Requests that have had their time are given up.
    fn drains_end(&mut self, now: Now) {
        let before = self.draining.len();
        self.draining.retain(|_, until| *until > now.mono_ms);
        self.changed |= before != self.draining.len();
    }
}
