//! When the faults have stopped: whether the fleet converges on its newest plan, and comes to rest there.
//!
//! *Converged*: every agent has the newest plan, serves it with all its pipelines open, and the planners want it; where
//! it failed, every device is back on what it had. A plan that fails is a fault as well, inside the system: the time is
//! counted from the storm's end, from the last engine that a bad plan killed or the last plan that an agent gave up, or
//! from when someone applied one, whichever is the latest. *At rest* is more:
//! the plan has outlived its probation everywhere, and nothing is written any more.

use super::super::node::{Core, Ev};
use super::{LOOK_MS, QUIET_MS, REST_MS, STILL_MS, World};
use crate::agent::Agent;
use protocol::{Name, PlanId};
use std::collections::BTreeSet;

impl World {
    /// Whether the fleet has converged since the last fault, and whether that took too long.
    fn converges(&mut self) {
        let agents = self.nodes.iter().filter_map(|n| n.agent());
        let given_up: BTreeSet<PlanId> = agents.flat_map(|a| a.ledger().condemned.iter().copied()).collect();
        let before = self.given_up.len();
        self.given_up.extend(given_up);
        let calm = self.calm_at.unwrap_or(self.now);
        if self.fault_at < calm {
            self.fault_at = calm;
        } else if self.given_up.len() > before {
            self.fault_at = self.now;
        }
        let since = self.now - self.fault_at;
        match self.unrest(false) {
            None if !std::mem::replace(&mut self.converged, true) => self.converge_ms = self.converge_ms.max(since),
            None => {}
            Some((node, why)) => {
                self.converged = false;
                if since > self.options.converge_ms {
                    self.judge(node, Err(format!("not converged {since} ms after the last fault: {why}")));
                }
            }
        }
    }

    /// Whether the fleet has come to rest, and whether that took too long.
    pub(super) fn look(&mut self) {
        self.after(LOOK_MS, usize::MAX, Ev::Look);
        self.converges();
        let since_calm = self.now - self.calm_at.unwrap_or(self.now);
        match self.unrest(true) {
            None => {
                let good = self.nodes.iter().filter_map(|n| n.agent()).any(|a| a.ledger().last_good.is_some());
                let (rest, _) = *self.rest_at.get_or_insert((self.now, good));
                let rested = self.now - rest;
                let quiet = self.now - self.wrote_at >= QUIET_MS;
                if rested > REST_MS + QUIET_MS && quiet {
                    self.over = true;
                } else if rested > STILL_MS {
                    self.judge(0, Err("the fleet is at rest and still writes".into()));
                }
            }
            Some((node, why)) => {
                // After a failure in a fleet that had no good plan, a late proof may still make an older one
                // good, and the planner then restores it: that was no rest yet. A fleet that had one stays.
                let agents = || self.nodes.iter().filter_map(|n| n.agent());
                let newest = agents().filter_map(|a| a.ledger().newest).max();
                let failed = newest.is_some_and(|n| agents().any(|a| a.ledger().condemned.contains(&n.id)));
                let broken = |(since, good): (u64, bool)| self.now - since > REST_MS && (good || !failed);
                if self.rest_at.take().is_some_and(broken) {
                    self.judge(node, Err(format!("the fleet was at rest, then: {why}")));
                }
                if since_calm > self.options.calm_ms {
                    self.judge(node, Err(format!("no rest {since_calm} ms after the last fault: {why}")));
                }
            }
        }
    }

    /// What keeps the fleet from rest, or from having converged.
    fn unrest(&self, good: bool) -> Option<(usize, String)> {
        let agents: Vec<(usize, &Agent)> = (0..self.agents).filter_map(|i| Some((i, self.nodes[i].agent()?))).collect();
        if agents.len() < self.agents {
            return Some((0, "an agent is down".into()));
        }
        let newest = agents.iter().filter_map(|(_, a)| a.ledger().newest).max();
        for (i, node) in self.nodes.iter().enumerate().skip(self.agents) {
            match &node.core {
                Core::Controller(c) => {
                    let good = agents.iter().filter_map(|(_, a)| a.ledger().last_good).max();
                    let failed = newest.is_some_and(|n| agents.iter().any(|(_, a)| a.ledger().condemned.contains(&n.id)));
                    let content = |p: protocol::PlanRef| self.layouts.get(&p.id).map(|l| l.signed.plan.seed);
                    let again = good.and_then(content).is_some() && good.and_then(content) == newest.and_then(content);
                    if failed && good.is_some() && !again {
                        return Some((i, format!("{newest:?} failed and {good:?} was good")));
                    }
                    let desired = c.desired().map(|d| d.plan());
                    let fork = desired.is_some_and(|d| newest.is_some_and(|n| n.generation <= d.generation)) && desired != newest;
                    if (!failed && desired != newest) || fork {
                        return Some((i, format!("{c:?}, the agents {newest:?}")));
                    }
                }
                _ => return Some((i, "a controller is down".into())),
            }
        }
        let newest = newest?;
        for (i, agent) in &agents {
            let l = agent.ledger();
            if l.newest != Some(newest) {
                // A fork whose newest plan failed before it was settled, in a fleet without a good plan:
                // that waits for a person.
                let failed = agents.iter().any(|(_, a)| a.ledger().condemned.contains(&newest.id));
                if failed && agents.iter().all(|(_, a)| a.ledger().last_good.is_none()) {
                    continue;
                }
                return Some((*i, format!("{agent:?}, the fleet has {newest}")));
            }
            let Some(layout) = self.layouts.get(&newest.id) else { return Some((*i, "a plan without layout".into())) };
            let name = &self.nodes[*i].name;
            let gave_up = |n: &Name| {
                self.names.get(n).and_then(|o| self.nodes[*o].agent()).is_some_and(|a| a.ledger().condemned.contains(&newest.id))
            };
            let given_up = layout.others(name).chain([name]).any(gave_up);
            let at_rest = if given_up {
                // Where no plan was ever good, who had not switched yet stays where it is.
                let back = l.current == l.last_good || (l.last_good.is_none() && l.current.is_none_or(|c| c < newest));
                l.condemned.contains(&newest.id) && l.pending.is_none() && back
            } else {
                let entered = layout.entered_at(name).count();
                let open = agent.admitted().1.len();
                l.current == Some(newest)
                    && l.pending.is_none()
                    && agent.serves(newest.id)
                    && open == entered
                    && (!good || l.last_good == Some(newest))
            };
            if !at_rest {
                return Some((*i, format!("{agent:?}")));
            }
        }
        None
    }
}
