//! Which requests go where: to the pipelines that the core opens, each to one plan from beginning to end.

use crate::shared::lock;
use fleet::agent::Open;
use protocol::{Name, PlanId, PlanRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

#[derive(Default)]
pub(crate) struct Traffic(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    plan: Option<PlanRef>,
    open: Vec<Open>,
    /// Requests that run, by plan.
    running: BTreeMap<PlanId, usize>,
    /// Plans whose last request is waited for.
    draining: BTreeSet<PlanId>,
    /// Requests that were sent to each pipeline since it was opened.
    sent: BTreeMap<(Name, u32), f64>,
}

/// A place for a request; it ends with this.
pub(crate) struct Ticket {
    pub(crate) plan: PlanRef,
    pub(crate) replica: u32,
    state: Arc<Mutex<State>>,
    /// Says that a plan has no request any more.
    drained: Box<dyn Fn(PlanId) + Send>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        let left = state.running.entry(self.plan.id).or_default();
        *left = left.saturating_sub(1);
        if *left == 0 {
            state.running.remove(&self.plan.id);
            if state.draining.remove(&self.plan.id) {
                drop(state);
                (self.drained)(self.plan.id);
            }
        }
    }
}

impl Traffic {
    /// From now on requests go here.
    pub(crate) fn admit(&self, plan: Option<PlanRef>, open: Vec<Open>) {
        let mut state = lock(&self.0);
        if state.plan != plan {
            state.sent.clear();
        }
        (state.plan, state.open) = (plan, open);
    }

    /// Whether a plan has no request; otherwise its last ticket will say so.
    pub(crate) fn drain(&self, plan: PlanId) -> bool {
        let mut state = lock(&self.0);
        let idle = !state.running.contains_key(&plan);
        if !idle {
            state.draining.insert(plan);
        }
        idle
    }

    pub(crate) fn plan(&self) -> Option<PlanRef> {
        lock(&self.0).plan
    }

    /// Whether new requests go to this pipeline of this plan now.
    pub(crate) fn is_open(&self, plan: PlanRef, service: &Name, replica: u32) -> bool {
        let state = lock(&self.0);
        let open = |o: &Open| o.service == *service && o.replica == replica && o.share > 0.0;
        state.plan == Some(plan) && state.open.iter().any(open)
    }

    /// Services that take requests here now.
    pub(crate) fn services(&self) -> BTreeSet<Name> {
        lock(&self.0).open.iter().filter(|o| o.share > 0.0).map(|o| o.service.clone()).collect()
    }

    pub(crate) fn running(&self) -> usize {
        lock(&self.0).running.values().sum()
    }

    /// A place in the pipeline that is furthest behind its share.
    pub(crate) fn enter(&self, service: &Name, drained: Box<dyn Fn(PlanId) + Send>) -> Option<Ticket> {
        let mut state = lock(&self.0);
        let plan = state.plan?;
        let mine = state.open.iter().filter(|o| o.service == *service && o.share > 0.0);
        let behind = |o: &&Open| (state.sent.get(&(o.service.clone(), o.replica)).copied().unwrap_or(0.0) + 1.0) / o.share;
        let replica = mine.min_by(|a, b| behind(a).total_cmp(&behind(b)))?.replica;
        *state.sent.entry((service.clone(), replica)).or_default() += 1.0;
        *state.running.entry(plan.id).or_default() += 1;
        Some(Ticket { plan, replica, state: Arc::clone(&self.0), drained })
    }
}

#[cfg(test)]
mod tests;
