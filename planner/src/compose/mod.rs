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

use crate::physics::Model;
use crate::survive;
use crate::table::{Assignment, Evaluation, evaluate};

/// Everything that the parts of a plan are made from.
pub(crate) struct Context<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) model: &'a Model,
    pub(crate) assignment: &'a Assignment,
    pub(crate) evaluation: Evaluation,
}

/// Makes the plan of an assignment that belongs to the model's table. An assignment that breaks limits
/// gives a plan whose targets have negative margins.
#[must_use]
pub fn compose(scenario: &Scenario, model: &Model, assignment: &Assignment, certificate: Certificate, seed: u64) -> Plan {
    let model = &*survive::whole(model);
    let evaluation = evaluate(&model.table, assignment);
    let c = Context { scenario, model, assignment, evaluation };
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
