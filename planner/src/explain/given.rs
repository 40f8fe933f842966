//! A plan read back into table terms.

use protocol::{Plan, PlannedDevice, PlannedService, PlannedStage};
use scenarios::{Method, Scenario};

use crate::physics::{ExpertCache, Gate, Model};
use crate::table::{Assignment, Chain, Choice, Deployment, Stage};

/// The assignment that a plan states; `None` where the plan does not fit the scenario's table (an unknown
/// name, an option that was dropped, a load level that is not offered).
#[must_use]
pub fn assignment_of(scenario: &Scenario, model: &Model, plan: &Plan) -> Option<Assignment> {
    let known = |d: &scenarios::Device| plan.devices.iter().any(|p| p.name == d.name);
    let read = running_of(scenario, model, plan);
    let whole = scenario.devices.iter().all(known) && read.services.iter().all(Option::is_some);
    // A mode that is not offered counts even where nothing runs in it.
    let modes = scenario.devices.iter().enumerate().all(|(d, device)| {
        plan.devices.iter().find(|p| p.name == device.name).is_none_or(|p| mode(scenario, model, d, p, plan).is_some())
    });
    (whole && modes).then_some(read)
}

/// What of a plan still fits the scenario, service by service: devices that the plan does not know sleep,
/// a service whose devices, option or load level are gone is not served.
#[must_use]
pub fn running_of(scenario: &Scenario, model: &Model, plan: &Plan) -> Assignment {
    let set = |(d, device): (usize, &scenarios::Device)| {
        mode(scenario, model, d, plan.devices.iter().find(|p| p.name == device.name)?, plan).flatten()
    };
    let modes: Vec<Option<u32>> = scenario.devices.iter().enumerate().map(set).collect();
    let services = scenario.services.iter().enumerate().map(|(s, wanted)| {
        let planned = plan.services.iter().find(|p| p.name == wanted.name)?;
        deployment(scenario, model, s, planned, &modes)
    });
    Assignment { services: services.collect() }
}

/// The table's mode of a planned device: outer `None` where there is none such, inner where it sleeps.
///
/// A pair's mode stands at its first device; the second has none of its own.
fn mode(scenario: &Scenario, model: &Model, d: usize, planned: &PlannedDevice, plan: &Plan) -> Option<Option<u32>> {
    if model.stands_for(d) != d {
        return Some(None);
    }
    let Some(set) = &planned.mode else { return Some(None) };
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    let other = model.joined_at(d).map(|j| &scenario.devices[j.partner]);
    let others = other.and_then(|o| plan.devices.iter().find(|p| p.name == o.name)?.mode.as_ref());
    let with = |label: &crate::physics::ModeLabel| match (label.partner, other, others) {
        (None, None, _) => true,
        (Some(partner), Some(o), Some(set)) => {
            o.profile.modes.get(partner.mode).is_some_and(|p| p.id == set.id)
                && near(partner.clock, set.clock)
                && near(label.level, set.booked_cap)
                && !set.naps
        }
        _ => false,
    };
    // A stage on two of its processors.
    let own = |st: &PlannedStage| st.device == planned.name && st.partner.as_ref().is_some_and(|p| p.device == st.device);
    let together = plan.services.iter().flat_map(|s| &s.replicas).flat_map(|r| &r.stages).any(own);
    let fits = |m: &u32| {
        let label = &model.modes[*m as usize];
        with(label)
            && scenario.devices[d].profile.modes.get(label.mode).is_some_and(|p| p.id == set.id)
            && near(label.clock, set.clock)
            && near(label.level, set.booked_cap)
            && label.naps == set.naps
            && label.together == together
    };
    model.table.devices[d].modes.clone().find(fits).map(Some)
}

fn deployment(
    scenario: &Scenario,
    model: &Model,
    s: usize,
    planned: &PlannedService,
    modes: &[Option<u32>],
) -> Option<Deployment> {
    let wanted = &scenario.services[s];
    let method = match planned.scaling.method.as_str() {
        "single" => Method::Single,
        "majority" => Method::Majority,
        "best-of-n" => Method::BestOfN,
        _ => return None,
    };
    let share = planned.replicas.first()?.stages.first()?.resident_share;
    let fits = |o: &Choice| {
        let l = &model.labels[o.label as usize];
        wanted.models[l.model].value.id == planned.model
            && l.precision == planned.precision
            && l.method == method
            && l.samples == planned.scaling.samples
            && l.budget == planned.scaling.token_budget
            && l.replicas as usize == planned.replicas.len()
            && (l.resident_share - share).abs() < 1e-9
            && gated(wanted, l, planned)
            && l.adapters == planned.adapters.map(|a| a.kept)
            && cached(wanted, l, planned)
    };
    let options = &model.table.services[s].options;
    let placed = |o: usize| Some(Deployment { option: o as u32, chains: chains(scenario, model, &options[o], planned, modes)? });
    // Options that differ in how their devices rest, or in the formats that stages may have, share all else.
    (0..options.len()).filter(|&o| fits(&options[o])).find_map(placed)
}

/// Whether an option keeps the part of the experts in memory that a plan says.
fn cached(wanted: &scenarios::Service, label: &crate::physics::Label, planned: &PlannedService) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    match (label.experts.map(|i| ExpertCache::of(wanted, i)), &planned.experts) {
        (None, None) => true,
        (Some(Some(own)), Some(said)) => near(own.holds, said.holds) && near(own.hits, said.hits),
        _ => false,
    }
}

/// Whether an option has the filter or the exit that a plan says.
fn gated(wanted: &scenarios::Service, label: &crate::physics::Label, planned: &PlannedService) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
    match (label.gate, &planned.filter, &planned.exit) {
        (Gate::Open, None, None) => true,
        (Gate::Filter(i), Some(f), None) => wanted.prefilters.get(i).is_some_and(|o| {
            o.model.id == f.model && o.weights == f.weights && near(o.passes.get(), f.passes) && near(o.loses.get(), f.loses)
        }),
        (Gate::Exit(i), None, Some(e)) => wanted
            .early_exits
            .get(i)
            .is_some_and(|o| o.after_block == e.after_block && near(o.passes.get(), e.passes) && near(o.loses.get(), e.loses)),
        _ => false,
    }
}

/// A planned stage's blocks on a place, by their numbers in the option's chain.
fn staged(place: u32, st: &PlannedStage, option: &Choice) -> Stage {
    let lead = option.loop_start;
    Stage { place, start: if st.filters { 0 } else { st.start + lead }, end: st.end + lead }
}

/// A planned service's chains as places of an option; `None` where it does not run there.
fn chains(
    scenario: &Scenario,
    model: &Model,
    option: &Choice,
    planned: &PlannedService,
    modes: &[Option<u32>],
) -> Option<Vec<Chain>> {
    let label = &model.labels[option.label as usize];
    let stage = |st: &PlannedStage| {
        let d = scenario.devices.iter().position(|x| x.name == st.device)?;
        let processors = &scenario.devices[d].profile.processors;
        let numbered = |id: &String| processors.iter().position(|p| p.id == *id);
        let processor = numbered(&st.processor)?;
        // Two processors of one device are a place behind its processors'.
        let both = st.partner.as_ref().filter(|p| p.device == st.device);
        let processor = match both {
            None => processor,
            Some(p) => {
                let said = scenario.devices[d].together?.processors;
                (said == (processor, numbered(&p.processor)?)).then_some(processors.len())?
            }
        };
        let mut places = model.table.modes[modes[d]? as usize].places.clone();
        let pair = model.joined_at(d);
        let shares = match (pair, &st.partner) {
            (None, None) => true,
            (None, Some(_)) => both.is_some(),
            (Some(j), Some(p)) => j.lead == d && scenario.devices[j.partner].name == p.device,
            _ => false,
        };
        if !shares {
            return None;
        }
        let format = label.format_of(st.weights.unwrap_or(planned.precision.weights))?;
        let here = |p: &u32| {
            let place = &model.table.places[*p as usize];
            (place.processor as usize, place.format) == (processor, format) && option.at[*p as usize].is_some()
        };
        let place = places.find(here)?;
        if let Some(partner) = &st.partner {
            let all = scenario.services[label.service].models[label.model].value.divisible()?;
            if both.is_some() {
                let fits = model.first_heads(option.label, place)? + partner.kv_heads == all;
                return fits.then(|| staged(place, st, option));
            }
            let other = pair?.processors.iter().find(|(p, _)| *p == processor).map(|(_, q)| *q)?;
            let named = scenario.devices[pair?.partner].profile.processors[other].id == partner.processor;
            if !named || model.first_heads(option.label, place)? + partner.kv_heads != all {
                return None;
            }
        }
        Some(staged(place, st, option))
    };
    let chain = |r: &protocol::Replica| Some(Chain { stages: r.stages.iter().map(stage).collect::<Option<_>>()? });
    planned.replicas.iter().map(chain).collect()
}
