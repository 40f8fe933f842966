//! Whether a plan is what its scenario's author expects: the sentences of `expect:`, each with what was found.

use protocol::{Plan, PlannedDevice, PlannedService};
use scenarios::expect::{Bound, Claim, DeviceFigure, Expectation, PlanFigure, ServiceFigure};
use serde::Serialize;
use std::collections::BTreeSet;

/// How one expectation came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// As it was written, and on which line of the scenario.
    pub text: String,
    pub line: u32,
    pub passed: bool,
    /// What the plan has, in words.
    pub found: String,
}

/// Checks every expectation against the plan; without one, only `infeasible` holds.
#[must_use]
pub fn check(expectations: &[Expectation], plan: Option<&Plan>) -> Vec<Outcome> {
    let one = |e: &Expectation| {
        let (passed, found) = match (plan, &e.claim) {
            (_, Claim::Feasible(wanted)) => {
                let found = if plan.is_some() { "there is a plan" } else { "no plan keeps all limits" };
                (*wanted == plan.is_some(), found.to_owned())
            }
            (None, _) => (false, "there is no plan".to_owned()),
            (Some(plan), claim) => holds(claim, plan),
        };
        Outcome { text: e.text.clone(), line: e.at.line, passed, found }
    };
    expectations.iter().map(one).collect()
}

/// A number in the unit of a figure, for people.
fn shown(value: f64, unit: &str) -> String {
    let n = profiles::units::significant;
    match unit {
        // A gap that is nothing but rounding is none.
        "1" if value.abs() < 5e-4 => "0.0 %".into(),
        "1" => format!("{} %", n(100.0 * value)),
        "B" => format!("{} MiB", n(value / 1_048_576.0)),
        _ => format!("{} {unit}", n(value)),
    }
}

fn bounded(value: f64, bound: &Bound, unit: &str) -> (bool, String) {
    (bound.holds(value), shown(value, unit))
}

fn holds(claim: &Claim, plan: &Plan) -> (bool, String) {
    match claim {
        // Answered by who knows whether there is a plan.
        Claim::Feasible(wanted) => (*wanted, "there is a plan".into()),
        Claim::Plan(figure, bound) => {
            let t = &plan.totals;
            let value = match figure {
                PlanFigure::Gap => Some(plan.certificate.gap),
                PlanFigure::Power => Some(t.power_w),
                PlanFigure::Energy => Some(t.energy_per_request_j),
                PlanFigure::Latency => Some(t.mean_latency_s),
                PlanFigure::Accuracy => t.accuracy,
            };
            value.map_or_else(|| (false, "no service has a measured accuracy".into()), |v| bounded(v, bound, figure.unit()))
        }
        Claim::Device(name, figure, bound) => with(plan.devices.iter().find(|d| d.name == *name), name, |d| {
            let value = match figure {
                DeviceFigure::Power => d.expected.power_w,
                DeviceFigure::Temperature => d.expected.temperature_c,
                DeviceFigure::Memory => d.expected.pools.iter().map(|p| p.resident_bytes).sum(),
            };
            bounded(value, bound, figure.unit())
        }),
        Claim::Awake(name, wanted) => with(plan.devices.iter().find(|d| d.name == *name), name, |d| {
            (d.awake == *wanted, if d.awake { awake(d, plan) } else { "asleep".into() })
        }),
        Claim::Service(name, figure, bound) => with(plan.services.iter().find(|s| s.name == *name), name, |s| {
            let slowest = |of: fn(&protocol::Replica) -> f64| s.replicas.iter().map(of).reduce(f64::max);
            let value = match figure {
                ServiceFigure::Ttft => slowest(|r| r.ttft_s),
                ServiceFigure::Tpot => slowest(|r| r.tpot_s),
                ServiceFigure::Total => slowest(|r| r.total_s),
                ServiceFigure::Energy => Some(s.expected.energy_j),
                ServiceFigure::Accuracy => s.expected.accuracy,
            };
            value.map_or_else(|| (false, "it has no measured accuracy".into()), |v| bounded(v, bound, figure.unit()))
        }),
        Claim::Model(name, wanted) => {
            with(plan.services.iter().find(|s| s.name == *name), name, |s| (s.model == *wanted, s.model.clone()))
        }
        Claim::Weights(name, wanted) => with(plan.services.iter().find(|s| s.name == *name), name, |s| {
            (s.precision.weights == *wanted, s.precision.weights.to_string())
        }),
        Claim::RunsOn(name, device, wanted) => with(plan.services.iter().find(|s| s.name == *name), name, |s| {
            let on = devices(s);
            (on.contains(device.as_str()) == *wanted, format!("on {}", on.into_iter().collect::<Vec<_>>().join(", ")))
        }),
    }
}

fn with<T>(found: Option<&T>, name: &str, check: impl FnOnce(&T) -> (bool, String)) -> (bool, String) {
    found.map_or_else(|| (false, format!("the plan has no `{name}`")), check)
}

fn devices(service: &PlannedService) -> BTreeSet<&str> {
    let stages = || service.replicas.iter().flat_map(|r| &r.stages);
    let partners = stages().filter_map(|s| s.partner.as_ref()).map(|p| p.device.as_str());
    stages().map(|s| s.device.as_str()).chain(partners).collect()
}

/// Why a device is not asleep.
fn awake(device: &PlannedDevice, plan: &Plan) -> String {
    let runs: Vec<&str> =
        plan.services.iter().filter(|s| devices(s).contains(device.name.as_str())).map(|s| s.name.as_str()).collect();
    if runs.is_empty() { "awake".into() } else { format!("awake: runs {}", runs.join(", ")) }
}

#[cfg(test)]
mod tests;
