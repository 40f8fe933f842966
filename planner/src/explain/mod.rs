//! Why a plan is as it is.
//!
//! For every placement: what keeps it from being cheaper (the binding constraint), and what the best
//! other way would cost (the runner-up). For every demand: its slack and what loosening it is worth. For
//! every metric: where each watt and each millisecond goes. For every device: why it is awake or asleep.
//!
//! Alternatives are worked out on the cost table with all other services fixed: every option on every
//! single place (pairs of places for two replicas), and every option on the split of the plan. That is
//! the neighbourhood in which the report's "best" and "cheapest" are meant. A shadow price takes its step
//! from there; what it is worth is the whole plan solved again with the demand looser by that step.

mod alternatives;
mod given;
mod prices;
mod render;
mod split;
#[cfg(test)]
mod tests;
mod why_not;

pub use given::{assignment_of, running_of};
pub use prices::{Constraint, ShadowPrice};
pub use split::{DeviceWatts, Energy, Milliseconds};
pub use why_not::{Finding, WhyNot, WhyNotError, why_not};

use crate::physics::Model;
use crate::search::Solution;
use crate::table::{Assignment, Evaluation, Table, describe, evaluate};
use alternatives::Alternative;
use protocol::Plan;
use scenarios::Scenario;
use serde::Serialize;

/// The whole report.
#[must_use]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhyReport {
    /// Unit of all costs: of the table's objective.
    pub unit: String,
    pub services: Vec<ServiceWhy>,
    pub devices: Vec<DeviceWhy>,
    /// Demands, the tightest first.
    pub constraints: Vec<Constraint>,
    pub energy: Energy,
}

/// Why a service is served as it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceWhy {
    pub name: String,
    /// `llama-3.2-1b w4 on orin-a/gpu`.
    pub chosen: String,
    /// The cheapest way that a limit rules out; `None`: nothing cheaper exists.
    pub binding: Option<Binding>,
    /// The best other way that keeps all limits; `None`: there is none.
    pub runner_up: Option<RunnerUp>,
    /// Ways that were compared.
    pub considered: usize,
    /// Where the time of a request goes, mean over replicas.
    pub time: Milliseconds,
}

/// What keeps a placement from being cheaper.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Binding {
    /// The limit in words, with how far it would be passed.
    pub limit: String,
    /// The way that it rules out.
    pub ruled_out: String,
    /// What that way would save, in the report's unit.
    pub saving: f64,
}

/// The best other way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunnerUp {
    pub what: String,
    /// What it costs more, in the report's unit.
    pub more: f64,
}

/// Why a device is awake or asleep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceWhy {
    pub name: String,
    pub awake: bool,
    pub reasons: Vec<String>,
    /// The cheapest way to use a sleeping device, and what it would cost more; `None`: no service can be moved there whole.
    pub cheapest_use: Option<RunnerUp>,
}

/// Explains a plan. `solution.best` is the assignment that the plan was composed from; without one the
/// plan itself is read back.
pub fn explain(scenario: &Scenario, model: &Model, plan: &Plan, solution: &Solution) -> WhyReport {
    let found = solution.best.as_ref().map(|(a, _)| a.clone()).or_else(|| assignment_of(scenario, model, plan));
    let assignment = found.unwrap_or_else(|| Assignment { services: vec![None; model.table.services.len()] });
    let mut case = Case::new(scenario, model, &assignment);
    let value = case.evaluation.objective;
    case.proved = value - solution.bound <= 1e-6 * value.abs();
    let all: Vec<Vec<Alternative>> = (0..assignment.services.len()).map(|s| alternatives::of_service(&case, s)).collect();
    WhyReport {
        unit: plan.certificate.unit.clone(),
        services: (0..all.len()).filter_map(|s| service(&case, s, &all[s])).collect(),
        devices: (0..scenario.devices.len()).map(|d| device(&case, d, &all)).collect(),
        constraints: prices::constraints(&case, plan, &all),
        energy: split::energy(plan),
    }
}

impl WhyReport {
    /// One line on a service; empty where it is not known.
    #[must_use]
    pub fn service_line(&self, name: &str) -> String {
        self.services.iter().find(|s| s.name == name).map_or_else(String::new, |s| render::service_line(s, &self.unit))
    }

    /// One line on a device; empty where it is not known.
    #[must_use]
    pub fn device_line(&self, name: &str) -> String {
        self.devices.iter().find(|d| d.name == name).map_or_else(String::new, |d| render::device_line(d, &self.unit))
    }
}

/// A plan in table terms, with its cost.
pub(crate) struct Case<'a> {
    scenario: &'a Scenario,
    model: &'a Model,
    assignment: &'a Assignment,
    evaluation: Evaluation,
    /// No assignment costs less, as the search proved.
    proved: bool,
    /// Factor from the table's objective to the certificate's unit.
    scale: f64,
}

impl<'a> Case<'a> {
    fn new(scenario: &'a Scenario, model: &'a Model, assignment: &'a Assignment) -> Self {
        let rate: f64 = scenario.services.iter().map(|s| s.rate.value.get()).sum();
        let per_request = scenario.objective.goal == scenarios::Goal::EnergyPerRequest && rate > 0.0;
        let scale = if per_request { 1.0 / rate } else { 1.0 };
        Self { scenario, model, assignment, evaluation: evaluate(&model.table, assignment), proved: false, scale }
    }

    fn table(&self) -> &'a Table {
        &self.model.table
    }
}

fn service(case: &Case<'_>, s: usize, all: &[Alternative]) -> Option<ServiceWhy> {
    let deployment = case.assignment.services[s].as_ref()?;
    let cheaper = all.iter().filter(|a| !a.violations.is_empty() && a.delta < -1e-9).min_by(|a, b| alternatives::order(a, b));
    let binding = cheaper.map(|a| Binding {
        limit: a.violations.iter().map(|v| describe(case.table(), v)).collect::<Vec<_>>().join("; "),
        ruled_out: alternatives::words(case, s, &a.deployment),
        saving: -a.delta * case.scale,
    });
    let next = all.iter().filter(|a| a.violations.is_empty()).min_by(|a, b| alternatives::order(a, b));
    Some(ServiceWhy {
        name: case.table().services[s].name.clone(),
        chosen: alternatives::words(case, s, deployment),
        binding,
        runner_up: next.map(|a| RunnerUp { what: alternatives::words(case, s, &a.deployment), more: a.delta * case.scale }),
        considered: all.len(),
        time: split::time(case, s, deployment),
    })
}

fn device(case: &Case<'_>, d: usize, all: &[Vec<Alternative>]) -> DeviceWhy {
    let table = case.table();
    let pair = case.model.joined_at(d);
    let wanted = &case.scenario.devices[d];
    let (name, d) = (wanted.name.clone(), case.model.stands_for(d));
    let mut reasons = Vec::new();
    for (s, deployment) in case.assignment.services.iter().enumerate() {
        let Some(deployment) = deployment else { continue };
        for stage in deployment.chains.iter().flat_map(|c| &c.stages) {
            if table.places[stage.place as usize].device as usize == d {
                let other = pair.map(|j| {
                    let [a, b] = [j.lead, j.partner].map(|d| &case.scenario.devices[d].name);
                    format!(" together with {}", if *a == name { b } else { a })
                });
                let number = table.services[s].options[deployment.option as usize].label;
                let label = &case.model.labels[number as usize];
                let other = other.or_else(|| {
                    let joint = crate::pairs::is_joint(case.model, number, stage.place);
                    let processor = table.places[stage.place as usize].processor as usize;
                    joint.then(|| format!(" on {} together", crate::present::processor(wanted, processor)))
                });
                let gated = alternatives::gated(case, label);
                let span = match gated.filter(|g| stage.start < g.lead()) {
                    Some(g) => g.span(stage.start, stage.end).replace("and ", "and blocks "),
                    None => {
                        let lead = table.services[s].options[deployment.option as usize].loop_start;
                        format!("blocks {}..{}", stage.start - lead, stage.end - lead)
                    }
                };
                reasons.push(format!("runs {span} of {}{}", table.services[s].name, other.unwrap_or_default()));
            }
        }
    }
    let awake = case.evaluation.modes[d].is_some();
    if !wanted.may_sleep {
        reasons.push("its owner wants it awake".into());
    }
    for (g, guest) in table.devices.iter().enumerate() {
        if guest.needs == Some(d as u32) && case.evaluation.modes[g].is_some() {
            reasons.push(format!("hosts {}", guest.name));
        }
    }
    let uses = |a: &&Alternative| a.violations.is_empty() && alternatives::devices(table, &a.deployment).any(|x| x == d);
    let best = all.iter().enumerate().flat_map(|(s, alternatives)| alternatives.iter().filter(uses).map(move |a| (s, a)));
    let cheapest = best.min_by(|a, b| alternatives::order(a.1, b.1)).filter(|_| !awake);
    if !awake {
        reasons.push(match &cheapest {
            Some(_) => "waking it costs more than it saves".into(),
            None => "no service can be moved there whole within the limits".into(),
        });
    }
    DeviceWhy {
        name,
        awake,
        reasons,
        cheapest_use: cheapest.map(|(s, a)| RunnerUp {
            what: format!("{}: {}", table.services[s].name, alternatives::words(case, s, &a.deployment)),
            more: a.delta * case.scale,
        }),
    }
}
