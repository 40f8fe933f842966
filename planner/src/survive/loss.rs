//! What is left of a plan when a device is lost.

use scenarios::{Scenario, Service};

use crate::physics::{self, Label, Model};
use crate::table::{Assignment, Chain, Deployment, Evaluation, Stage, describe, evaluate};
use crate::whatif::{drop_service, remove_device};

/// A fleet without a device, and what goes on there.
#[derive(Debug)]
pub struct Lost {
    /// The scenario without the device and its guests, without what is not served any more, promises kept.
    pub scenario: Scenario,
    pub model: Model,
    /// Replicas that touch no lost device, where they were.
    pub assignment: Assignment,
    pub evaluation: Evaluation,
    /// Services that promised nothing and are not served any more.
    pub unserved: Vec<String>,
}

/// Why a loss is not survived.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum LossError {
    /// A promised service has no replica left.
    #[error("without `{device}` no replica of `{service}` is left")]
    Unserved { device: String, service: String },
    /// What is left breaks limits.
    #[error("without `{device}`: {}", broken.join("; "))]
    Broken { device: String, broken: Vec<String> },
    /// What is left cannot be stated: an option or a mode that the smaller fleet does not offer.
    #[error("without `{device}` the option of `{service}`, or a mode that it runs in, is not offered")]
    Option { device: String, service: String },
}

/// Takes a device away: services that promise to survive go on where their other replica is, others only
/// if they were untouched. Nothing moves.
///
/// # Errors
/// When a promised service is not served, or not within its limits.
pub fn after(scenario: &Scenario, model: &Model, assignment: &Assignment, device: usize) -> Result<Lost, LossError> {
    let lost: Vec<usize> = lost_with(scenario, device);
    let name = scenario.devices.get(device).map_or_else(String::new, |d| d.name.clone());
    let touched =
        |chain: &Chain| chain.stages.iter().any(|s| lost.contains(&(model.table.places[s.place as usize].device as usize)));
    let mut left: Vec<Option<(u32, Vec<&Chain>)>> = Vec::new();
    for (service, deployment) in scenario.services.iter().zip(&assignment.services) {
        let chains: Vec<&Chain> = deployment.iter().flat_map(|d| &d.chains).filter(|c| !touched(c)).collect();
        let all = deployment.as_ref().map_or(0, |d| d.chains.len());
        let served = if service.survives_loss { !chains.is_empty() } else { chains.len() == all && all > 0 };
        if service.survives_loss && !served {
            return Err(LossError::Unserved { device: name, service: service.name.clone() });
        }
        left.push(deployment.as_ref().filter(|_| served).map(|d| (d.option, chains)));
    }
    let mut smaller = scenario.clone();
    let limits = &mut smaller.limits;
    (limits.power, limits.latency, limits.underutilisation, limits.mean_accuracy) = (None, None, None, None);
    (limits.cost, limits.carbon) = (None, None);
    let mut unserved = Vec::new();
    for (service, kept) in smaller.services.iter_mut().zip(&left) {
        if let Some((_, chains)) = kept {
            service.replicas = (chains.len() as u32, chains.len() as u32);
        } else {
            unserved.push(service.name.clone());
        }
        service.survives_loss = false;
        if service.origin.is_some_and(|o| lost.contains(&o)) {
            service.origin = None;
        }
    }
    for s in (0..left.len()).rev().filter(|&s| left[s].is_none()) {
        drop_service(&mut smaller, s);
    }
    for &d in lost.iter().rev() {
        remove_device(&mut smaller, d);
    }
    let shrunk = physics::build_all(&smaller);
    let kept = left.iter().enumerate().filter_map(|(s, k)| k.as_ref().map(|k| (s, k)));
    let mut services = Vec::new();
    for (s, (new, (option, chains))) in kept.enumerate().map(|(n, (s, k))| (s, (n, k))) {
        let label = &model.labels[model.table.services[s].options[*option as usize].label as usize];
        let wanted: &Service = &scenario.services[s];
        let missing = || LossError::Option { device: name.clone(), service: wanted.name.clone() };
        let row = &shrunk.table.services[new];
        let same = |o: &crate::table::Choice| alike(&shrunk.labels[o.label as usize], label, chains.len() as u32);
        let found = row.options.iter().position(same).ok_or_else(missing)?;
        let other = &shrunk.labels[row.options[found].label as usize];
        let moved = |c: &&Chain| {
            let at = |st: &Stage| place((model, label), (&shrunk, other), st.place, &lost);
            let stages = c.stages.iter().map(|st| Some(Stage { place: at(st)?, ..*st }));
            stages.collect::<Option<Vec<Stage>>>().map(|stages| Chain { stages })
        };
        let chains = chains.iter().map(moved).collect::<Option<Vec<Chain>>>().ok_or_else(missing)?;
        services.push(Some(Deployment { option: found as u32, chains }));
    }
    let assignment = Assignment { services };
    let evaluation = evaluate(&shrunk.table, &assignment);
    if !evaluation.feasible() {
        let broken = evaluation.violations.iter().map(|v| describe(&shrunk.table, v)).collect();
        return Err(LossError::Broken { device: name, broken });
    }
    Ok(Lost { scenario: smaller, model: shrunk, assignment, evaluation, unserved })
}

/// The device and its guests, and theirs, by rising number.
fn lost_with(scenario: &Scenario, device: usize) -> Vec<usize> {
    let mut lost = vec![device];
    let mut more = true;
    while more {
        let guests: Vec<usize> = (0..scenario.devices.len())
            .filter(|d| !lost.contains(d) && scenario.devices[*d].host.is_some_and(|h| lost.contains(&h)))
            .collect();
        more = !guests.is_empty();
        lost.extend(guests);
    }
    lost.sort_unstable();
    lost
}

/// The same option with other numbers of replicas.
fn alike(a: &Label, b: &Label, replicas: u32) -> bool {
    a.model == b.model
        && a.precision == b.precision
        && a.method == b.method
        && a.samples == b.samples
        && a.budget == b.budget
        && a.replicas == replicas
        && a.naps == b.naps
        && a.gate == b.gate
        && a.adapters == b.adapters
        && a.experts == b.experts
        && (a.resident_share - b.resident_share).abs() < 1e-12
}

/// The same processor in the same mode in the smaller fleet. Load levels between which waiting differs for
/// no service that is left are stated once there, as the highest of them.
fn place((model, had): (&Model, &Label), (shrunk, has): (&Model, &Label), place: u32, lost: &[usize]) -> Option<u32> {
    let old = &model.table.places[place as usize];
    let label = &model.modes[old.mode as usize];
    let device = old.device as usize - lost.iter().filter(|&&l| l < old.device as usize).count();
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    let format = has.format_of(had.precision_at(old.format).weights)?;
    let level = |p: u32| shrunk.modes[shrunk.table.places[p as usize].mode as usize].level;
    let fits = |&p: &u32| {
        let new = &shrunk.table.places[p as usize];
        let own = &shrunk.modes[new.mode as usize];
        new.device as usize == device
            && new.processor == old.processor
            && new.format == format
            && own.naps == label.naps
            && own.mode == label.mode
            && near(own.clock, label.clock)
            && own.level >= label.level - 1e-9
    };
    (0..shrunk.table.places.len() as u32).filter(fits).min_by(|&a, &b| level(a).total_cmp(&level(b)))
}
