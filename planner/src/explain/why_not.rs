//! Why not this model on that device.

use std::fmt;

use profiles::WeightFormat;
use profiles::units::significant;
use scenarios::Scenario;
use serde::Serialize;

use super::alternatives::{self, Alternative, order};
use super::{Case, RunnerUp};
use crate::physics::Model;
use crate::search::Solution;
use crate::table::{Assignment, Chain, Deployment, Stage, describe};
use crate::whatif::nearest;

/// The answer: for each service that may use the model, what stands against it.
#[must_use]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhyNot {
    pub device: String,
    pub model: String,
    /// Asked for one weight format only.
    pub weights: Option<WeightFormat>,
    pub services: Vec<ServiceAnswer>,
}

/// What stands against one service running there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceAnswer {
    pub service: String,
    pub findings: Vec<Finding>,
}

/// One step of the answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// The plan does it.
    Planned { what: String },
    /// The owner forbids it.
    Forbidden,
    /// The option was not offered to the search.
    Dropped { what: String, reason: String },
    /// The option cannot run on the device: no kernel, or no power mode leaves room.
    CannotRun { what: String },
    /// It runs, but breaks limits, all other services as they are; the way that breaks them least.
    Violates { what: String, limits: Vec<String> },
    /// It keeps all limits and costs more.
    Costs { way: RunnerUp, unit: String, relative: f64 },
}

/// Why the question could not be answered.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WhyNotError {
    #[error("error: `{text}` is no question; write DEVICE:MODEL or DEVICE:MODEL:FORMAT, for example `orin-a:llama-3.1-8b:w4`")]
    Form { text: String },
    #[error("error: no device is named `{name}`{}", hint(.near))]
    Device { name: String, near: Option<String> },
    #[error("error: no service has `{name}` among its models{}", hint(.near))]
    Model { name: String, near: Option<String> },
    #[error("error: {0}")]
    Format(profiles::precision::FormatError),
}

impl From<WhyNotError> for String {
    fn from(e: WhyNotError) -> String {
        e.to_string()
    }
}

fn hint(near: &Option<String>) -> String {
    near.as_ref().map_or(String::new(), |n| format!("\n  help: did you mean `{n}`?"))
}

/// Answers `DEVICE:MODEL[:FORMAT]`, for the assignment that a search found best.
///
/// # Errors
/// When the question names no device, model or format of the scenario.
pub fn why_not(scenario: &Scenario, model: &Model, solution: &Solution, text: &str) -> Result<WhyNot, WhyNotError> {
    let mut parts = text.split(':').map(str::trim);
    let (device, name, format) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(d), Some(m), f, None) if !d.is_empty() && !m.is_empty() => (d, m, f),
        _ => return Err(WhyNotError::Form { text: text.into() }),
    };
    let weights = format.map(|f| f.parse::<WeightFormat>().map_err(WhyNotError::Format)).transpose()?;
    let devices = || scenario.devices.iter().map(|d| d.name.as_str());
    let Some(d) = devices().position(|n| n == device) else {
        return Err(WhyNotError::Device { name: device.into(), near: nearest(device, devices()) });
    };
    let models = || scenario.services.iter().flat_map(|s| &s.models).map(|m| m.value.id.as_str());
    if !models().any(|m| m == name) {
        return Err(WhyNotError::Model { name: name.into(), near: nearest(name, models()) });
    }
    let none = Assignment { services: vec![None; scenario.services.len()] };
    let assignment = solution.best.as_ref().map_or(&none, |(a, _)| a);
    let case = Case::new(scenario, model, assignment);
    let services = (0..scenario.services.len())
        .filter(|&s| scenario.services[s].models.iter().any(|m| m.value.id == name))
        .map(|s| ServiceAnswer { service: scenario.services[s].name.clone(), findings: findings(&case, s, d, name, weights) })
        .collect();
    Ok(WhyNot { device: device.into(), model: name.into(), weights, services })
}

fn findings(case: &Case<'_>, s: usize, d: usize, name: &str, weights: Option<WeightFormat>) -> Vec<Finding> {
    let (wanted, table) = (&case.scenario.services[s], case.table());
    if wanted.forbidden.iter().any(|f| f.value == d) {
        return vec![Finding::Forbidden];
    }
    // Where two devices share, the table has them as one.
    let d = case.model.stands_for(d);
    let mut out = Vec::new();
    let asked = |what: &str| {
        let words: Vec<&str> = what.split([' ', ',']).collect();
        words.first() == Some(&name) && weights.is_none_or(|w| words.get(1) == Some(&w.name()))
    };
    for dropped in case.model.dropped.iter().filter(|x| x.service == s && asked(&x.what)) {
        out.push(Finding::Dropped { what: dropped.what.clone(), reason: dropped.reason.to_string() });
    }
    for (o, option) in table.services[s].options.iter().enumerate() {
        let what = alternatives::option_words(case, s, o as u32);
        // Replicas on several devices are another question.
        if !asked(&what) || option.replicas > 1 {
            continue;
        }
        let present = case.assignment.services[s].as_ref();
        if present.is_some_and(|p| p.option as usize == o && alternatives::devices(table, p).any(|x| x == d)) {
            out.push(Finding::Planned { what });
            continue;
        }
        let on = |p: &u32| table.places[*p as usize].device as usize == d && option.at[*p as usize].is_some();
        let places: Vec<u32> = (0..table.places.len() as u32).filter(on).collect();
        if places.is_empty() {
            out.push(Finding::CannotRun { what });
            continue;
        }
        let whole = |p: u32| {
            let stages = vec![Stage { place: p, start: 0, end: option.blocks }];
            Deployment { option: o as u32, chains: vec![Chain { stages }] }
        };
        let ways: Vec<Alternative> = places.into_iter().filter_map(|p| alternatives::cost(case, s, whole(p))).collect();
        out.push(best(case, s, what, &ways));
    }
    out
}

/// The best way among those of one option on the device.
fn best(case: &Case<'_>, s: usize, what: String, ways: &[Alternative]) -> Finding {
    if let Some(a) = ways.iter().filter(|a| a.violations.is_empty()).min_by(|a, b| order(a, b)) {
        let way = RunnerUp { what: alternatives::words(case, s, &a.deployment), more: a.delta * case.scale };
        let before = case.evaluation.objective.abs();
        let relative = if before > 0.0 { a.delta / before } else { 0.0 };
        let goal = case.scenario.objective.goal;
        let unit = match goal {
            scenarios::Goal::Power | scenarios::Goal::AnswersPerJoule => "W",
            scenarios::Goal::EnergyPerRequest => "J",
            scenarios::Goal::Latency | scenarios::Goal::Accuracy => "1",
            scenarios::Goal::Cost => "a day",
            scenarios::Goal::Carbon => "g/day",
        };
        return Finding::Costs { way, unit: unit.into(), relative };
    }
    let worst = |a: &Alternative| a.violations.iter().map(crate::table::Violation::excess).sum::<f64>();
    match ways.iter().min_by(|a, b| worst(a).total_cmp(&worst(b))) {
        Some(a) => Finding::Violates { what, limits: a.violations.iter().map(|v| describe(case.table(), v)).collect() },
        None => Finding::Violates {
            what,
            limits: vec!["the device runs in another power mode, a pin is missed, or no link joins it to the requests".into()],
        },
    }
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for s in &self.services {
            writeln!(f, "{} on {} for {}", self.model, self.device, s.service)?;
            for finding in &s.findings {
                writeln!(f, "  {finding}")?;
            }
            if s.findings.is_empty() {
                writeln!(f, "  the service allows no such precision")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Planned { what } => write!(f, "{what}: the plan does it"),
            Self::Forbidden => write!(f, "the scenario forbids the device to this service"),
            Self::Dropped { what, reason } => write!(f, "{what}: {reason}"),
            Self::CannotRun { what } => write!(f, "{what}: the device has no kernel for it, or no power mode with room for it"),
            Self::Violates { what, limits } => write!(f, "{what}: {}", limits.join("; ")),
            Self::Costs { way, unit, relative } => {
                let sign = if way.more >= 0.0 { "+" } else { "" };
                write!(
                    f,
                    "{}: feasible, {sign}{} {unit} ({sign}{} %)",
                    way.what,
                    significant(way.more),
                    significant(100.0 * relative)
                )
            }
        }
    }
}
