//! Plans in the form that the instance's scorer reads, and the area that a front covers.

use super::costs::Problem;
use super::instance::{InstanceError, Reference};
use crate::table::{Assignment, Chain, Deployment, Stage};
use serde::{Deserialize, Serialize};

/// A plan: one entry a service, in the order of the instance.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub services: Vec<Served>,
}

/// How one service is served.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    pub model: String,
    pub bits: u32,
    pub samples: u32,
    /// Device number and layers.
    pub stages: Vec<(u32, u32)>,
}

/// Assignments as plans; a service that is not served is left out of its plan.
#[must_use]
pub fn plans<'a>(problem: &Problem, assignments: impl IntoIterator<Item = &'a Assignment>) -> Vec<Plan> {
    let served = |(s, d): (usize, &Option<crate::table::Deployment>)| {
        let d = d.as_ref()?;
        let choice = &problem.table.services[s].options[d.option as usize];
        let meaning = &problem.options[s][choice.label as usize];
        let stages = d.chains.iter().flat_map(|c| &c.stages);
        Some(Served {
            model: meaning.model.clone(),
            bits: meaning.bits,
            samples: meaning.samples,
            stages: stages.map(|st| (problem.table.places[st.place as usize].device, st.end - st.start)).collect(),
        })
    };
    assignments.into_iter().map(|a| Plan { services: a.services.iter().enumerate().filter_map(served).collect() }).collect()
}

/// Reads a file of one plan or a list of them.
pub fn read_plans(problem: &Problem, bytes: &[u8]) -> Result<Vec<Assignment>, InstanceError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum File {
        One(Plan),
        Many(Vec<Plan>),
    }
    let file: File = serde_json::from_slice(bytes).map_err(|e| InstanceError::Form {
        line: e.line(),
        column: e.column(),
        what: "not a plan of the yardstick, nor a list of them".into(),
    })?;
    let plans = match file {
        File::One(plan) => vec![plan],
        File::Many(plans) => plans,
    };
    plans.iter().enumerate().map(|(i, plan)| assignment(problem, i, plan)).collect()
}

/// A plan in the terms of the table. Limits may be broken; what the table cannot state is an error.
fn assignment(problem: &Problem, i: usize, plan: &Plan) -> Result<Assignment, InstanceError> {
    let bad = |at: String, what: String| InstanceError::Value { at: format!("plan {i}{at}"), what };
    let (have, want) = (plan.services.len(), problem.options.len());
    if have != want {
        return Err(bad(String::new(), format!("{have} services, the instance has {want}")));
    }
    let mut services = Vec::with_capacity(want);
    for (s, served) in plan.services.iter().enumerate() {
        let at = |field: &str| format!(".services[{s}].{field}");
        let same = |m: &super::costs::Meaning| (&m.model, m.bits, m.samples) == (&served.model, served.bits, served.samples);
        let option = problem.options[s].iter().position(same).ok_or_else(|| {
            let what = format!("`{}` at {} bits and {} samples is no option", served.model, served.bits, served.samples);
            bad(at("model"), what)
        })?;
        let blocks = problem.table.services[s].options[option].blocks;
        let (mut stages, mut start) = (Vec::with_capacity(served.stages.len()), 0);
        for &(device, layers) in &served.stages {
            if device as usize >= problem.table.devices.len() || layers == 0 || layers > blocks - start {
                return Err(bad(at("stages"), format!("{layers} layers on device {device} do not fit the plan or the fleet")));
            }
            stages.push(Stage { place: device, start, end: start + layers });
            start += layers;
        }
        if start != blocks {
            return Err(bad(at("stages"), format!("{start} layers in all, the model has {blocks}")));
        }
        services.push(Some(Deployment { option: option as u32, chains: vec![Chain { stages }] }));
    }
    Ok(Assignment { services })
}

/// Share of the box from nothing to the reference that points of power and latency dominate.
#[must_use]
pub fn hypervolume(reference: &Reference, points: impl IntoIterator<Item = (f64, f64)>) -> f64 {
    let mut inside: Vec<(f64, f64)> =
        points.into_iter().filter(|(p, l)| *p < reference.power_w && *l < reference.latency).collect();
    inside.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let (mut area, mut latency) = (0.0, reference.latency);
    for (p, l) in inside {
        if l < latency {
            area += (reference.power_w - p) * (latency - l);
            latency = l;
        }
    }
    area / (reference.power_w * reference.latency)
}
