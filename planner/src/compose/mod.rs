//! From an assignment to a plan: every decision by name, every number worked out exactly.
//!
//! The table under-estimates one thing, a device's power (its tangents lie below the curve). Here the
//! steady state is solved instead, and everything that hangs on it follows: temperature, leakage, Phi,
//! power, energy per request, answers per watt. Stage numbers (saturations, time, energy) are worked out
//! again from the profiles.

mod device;
mod service;
mod sources;
mod stage;
mod target;
mod totals;

use protocol::{Certificate, Plan, SCHEMA, canonical};
use scenarios::Scenario;

use crate::pairs::{self, Halves};
use crate::physics::Model;
use crate::survive;
use crate::table::{Assignment, Evaluation, evaluate};

/// Everything that the parts of a plan are made from.
pub(crate) struct Context<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) model: &'a Model,
    pub(crate) assignment: &'a Assignment,
    pub(crate) evaluation: Evaluation,
    /// What the devices of each pair bear, in the order of [`Model::joined`].
    pub(crate) halves: Vec<Halves>,
}

/// What a device is set to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Set {
    /// Index among its profile's modes.
    pub(crate) mode: usize,
    pub(crate) clock: f64,
    pub(crate) level: f64,
    pub(crate) naps: bool,
}

impl Context<'_> {
    /// What a device of the scenario is set to; `None`: it sleeps.
    pub(crate) fn set(&self, d: usize) -> Option<Set> {
        let label = self.model.modes[self.evaluation.modes[self.model.stands_for(d)]? as usize];
        let own = Set { mode: label.mode, clock: label.clock, level: label.level, naps: label.naps };
        match label.partner.filter(|_| self.model.stands_for(d) != d) {
            Some(partner) => Some(Set { mode: partner.mode, clock: partner.clock, ..own }),
            None => Some(own),
        }
    }

    /// Whether two processors of a device share stages.
    pub(crate) fn together(&self, d: usize) -> bool {
        self.evaluation.modes[self.model.stands_for(d)].is_some_and(|m| self.model.modes[m as usize].together)
    }

    /// A device as a half of a pair: what the pair bears, and which half it is.
    pub(crate) fn half(&self, d: usize) -> Option<(&Halves, usize)> {
        let at = self.model.joined.iter().position(|j| j.lead == d || j.partner == d)?;
        Some((self.halves.get(at)?, usize::from(self.model.joined[at].partner == d)))
    }

    /// Mean power of all messages, those between the halves of shared stages included.
    pub(crate) fn network_w(&self) -> f64 {
        self.halves.iter().fold(self.evaluation.network_w, |sum, h| sum + h.sent_w)
    }
}

/// Makes the plan of an assignment that belongs to the model's table. An assignment that breaks limits
/// gives a plan whose targets have negative margins.
#[must_use]
pub fn compose(scenario: &Scenario, model: &Model, assignment: &Assignment, certificate: Certificate, seed: u64) -> Plan {
    let model = &*survive::whole(model);
    let assignment = &*pairs::plain(model, assignment);
    let evaluation = evaluate(&model.table, assignment);
    let halves = pairs::halves(scenario, model, assignment);
    let c = Context { scenario, model, assignment, evaluation, halves };
    let devices = device::all(&c);
    let services = service::all(&c, &devices);
    let totals = totals::of(&c, &devices, &services);
    let sources = sources::of(&c, &devices, &services);
    seal(Plan {
        schema: SCHEMA.into(),
        id: String::new(),
        parent: None,
        generation: 1,
        fleet: scenario.name.clone(),
        scenario: scenario.digest.clone(),
        planner: env!("CARGO_PKG_VERSION").into(),
        seed,
        devices,
        services,
        totals,
        certificate,
        sources,
    })
}

/// The same plan as the successor of another.
#[must_use]
pub fn succeed(plan: Plan, parent: &Plan) -> Plan {
    seal(Plan { parent: Some(parent.id.clone()), generation: parent.generation.saturating_add(1), ..plan })
}

/// Names a plan by the hash of its canonical bytes without a name.
#[must_use]
pub fn seal(mut plan: Plan) -> Plan {
    plan.id.clear();
    // A plan has only text keys, so its canonical form always exists.
    plan.id = canonical::bytes(&plan).map(|b| canonical::digest(&b)).unwrap_or_default();
    plan
}

#[cfg(test)]
mod tests;
