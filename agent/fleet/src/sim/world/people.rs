//! Who applies plans, and who forges them.

use super::super::engine::Ill;
use super::super::node::{Core, Ev, Msg};
use super::super::plans;
use super::{Envelope, FLEET, STRANGER, World};
use crate::agent::Event;
use crate::controller::{Models, follow};
use protocol::envelope::{self, Terms};
use protocol::{Digest, Name, Plan, Signer, canonical};
use rand::Rng;

impl World {
    fn devices(&self) -> Vec<Name> {
        self.nodes[..self.agents].iter().map(|n| n.name.clone()).collect()
    }

    /// Someone applies a plan.
    pub(super) fn operate(&mut self, node: usize, content: u64, left: u32) {
        let now = self.nodes[node].clock(self.now);
        let devices = self.devices();
        let plan = plans::draw(content, FLEET, &devices, self.options.partners, &mut self.rng);
        let mut out = Vec::new();
        let applied = match &mut self.nodes[node].core {
            Core::Controller(c) => {
                let plan = match c.newest() {
                    Some(parent) => follow(&plan, parent).ok(),
                    None => Some(named(plan.clone())),
                };
                plan.is_some_and(|p| c.apply(&p, &Models::new(), now, &mut out).is_ok())
            }
            _ => false,
        };
        if applied {
            self.rest_at = None;
            // A new order: from here on it must be carried out.
            (self.fault_at, self.converged) = (self.now, false);
            let stages = plan.services.iter().flat_map(|s| &s.replicas).flat_map(|r| &r.stages);
            let users: Vec<&str> = stages.flat_map(protocol::PlannedStage::devices).collect();
            let victim = users[self.rng.random_range(0..users.len())];
            let ills = [Ill::Loads, Ill::Crashes, Ill::Slow, Ill::Hot];
            if let (true, Ok(victim)) = (self.rng.random_bool(0.3), Name::new(victim)) {
                self.ill.insert(content, (ills[self.rng.random_range(0..ills.len())], victim));
            }
        } else if left > 0 {
            self.after(2_000, node, Ev::Operator { content, left: left - 1 });
        }
        for action in out {
            self.control(node, action);
        }
        self.wake(node);
    }

    /// The owner's program takes or gives back the lock of an agent.
    pub(super) fn hold(&mut self, node: usize, held: bool) {
        let Some(agent) = self.nodes[node].agent() else { return };
        if !held && agent.status().note.is_some_and(|n| n.contains("lock is held")) {
            self.counts.withheld += 1;
        }
        self.agent(node, Event::Hold(held));
    }

    /// A stranger sends a plan that must not be taken.
    pub(super) fn forge(&mut self) {
        self.counts.forgeries += 1;
        let to = self.rng.random_range(0..self.agents);
        let newest = self.checker.genuine.values().max_by_key(|l| l.plan().generation).cloned();
        let Some(newest) = newest else { return };
        let terms =
            Terms { issued_ms: newest.order().issued_ms, expires_ms: u64::MAX >> 12, settles: vec![], models: Models::new() };
        let content = plans::draw(900, FLEET, &self.devices(), self.options.partners, &mut self.rng);
        let number = match self.rng.random_range(0..4) {
            0 => {
                // An older one, genuine.
                let some: Vec<usize> = self.numbers.values().copied().collect();
                some.get(self.rng.random_range(0..some.len().max(1))).copied()
            }
            1 => {
                // By a key that nobody trusts.
                let plan = follow(&content, newest.plan()).ok();
                let bytes = plan.and_then(|p| envelope::seal(&p, &terms, &[&Signer::from_seed(&STRANGER)]).ok());
                bytes.map(|b| self.strange(b))
            }
            2 => {
                // With a bit changed.
                let mut bytes = newest.signed.bytes.clone();
                let bit = self.rng.random_range(0..bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                Some(self.strange(bytes))
            }
            _ => {
                // Of another fleet, with the right key.
                let plan = Plan { fleet: "other".into(), ..content };
                let bytes = follow(&plan, newest.plan()).ok().and_then(|p| envelope::seal(&p, &terms, &[&*self.signer]).ok());
                bytes.map(|b| self.strange(b))
            }
        };
        if let Some(number) = number {
            self.send(to, to, Msg::Plan(number));
        }
    }

    fn strange(&mut self, bytes: Vec<u8>) -> usize {
        self.envelopes.push(Envelope { bytes, verdict: None });
        self.envelopes.len() - 1
    }
}

fn named(mut plan: Plan) -> Plan {
    plan.id.clear();
    plan.id = canonical::bytes(&plan).map(|b| Digest::of(&b).to_string()).unwrap_or_default();
    plan
}
