//! Other ways to serve one service, all others fixed.

use super::Case;
use crate::physics::{Adapters, ExpertCache, Gated};
use crate::table::{Chain, Deployment, Stage, Table, Violation, evaluate};

/// Another way, costed.
#[derive(Clone, Debug)]
pub(super) struct Alternative {
    pub(super) deployment: Deployment,
    /// Objective against the plan's, in the table's unit.
    pub(super) delta: f64,
    /// Limits that it breaks and the plan does not.
    pub(super) violations: Vec<Violation>,
}

/// Ways that are costed for one service at most; beyond, the rest of the list is left out.
const MOST: usize = 4_000;

/// All other ways of a service in a fixed order, malformed ones left out.
pub(super) fn of_service(case: &Case<'_>, s: usize) -> Vec<Alternative> {
    let Some(present) = &case.assignment.services[s] else { return Vec::new() };
    let table = case.table();
    let places = candidates(case, s);
    let mut all: Vec<Deployment> = Vec::new();
    for (o, option) in table.services[s].options.iter().enumerate() {
        let whole = |&place: &u32| Chain { stages: vec![Stage { place, start: 0, end: option.blocks }] };
        let runs = |p: &&u32| option.at[**p as usize].is_some();
        let chains: Vec<Chain> = places.iter().filter(runs).map(whole).collect();
        match option.replicas {
            1 => all.extend(chains.into_iter().map(|c| Deployment { option: o as u32, chains: vec![c] })),
            2 => all.extend(pairs(table, &chains).map(|chains| Deployment { option: o as u32, chains })),
            _ => {}
        }
        let fits = |c: &Chain| c.stages.last().is_some_and(|st| st.end == option.blocks);
        if option.replicas as usize == present.chains.len() && present.chains.iter().all(fits) {
            all.push(Deployment { option: o as u32, chains: present.chains.clone() });
        }
        if all.len() > MOST {
            break;
        }
    }
    // The plan's own chains may be listed among the whole ones: each way once, the plan's not at all.
    all.retain(|d| d != present);
    all.sort_by(|a, b| (a.option, &a.chains).cmp(&(b.option, &b.chains)));
    all.dedup();
    all.truncate(MOST);
    all.into_iter().filter_map(|d| cost(case, s, d)).collect()
}

/// Places on devices that the plan uses, and on the first device of each class that sleeps.
fn candidates(case: &Case<'_>, s: usize) -> Vec<u32> {
    let table = case.table();
    let mut classes = Vec::new();
    let mut open = vec![false; table.devices.len()];
    for (d, device) in table.devices.iter().enumerate() {
        let named = table.services[s].pins.iter().flatten().chain(&table.services[s].first).any(|&x| x as usize == d);
        open[d] = named || case.evaluation.modes[d].is_some() || !classes.contains(&device.class);
        if case.evaluation.modes[d].is_none() {
            classes.push(device.class);
        }
    }
    // A device that others use stays in the mode that they use it in.
    let others = |d: u32| -> Option<u32> {
        let services = case.assignment.services.iter().enumerate().filter(|(o, _)| *o != s);
        let stages = services.filter_map(|(_, x)| x.as_ref()).flat_map(|x| &x.chains).flat_map(|c| &c.stages);
        stages.map(|st| &table.places[st.place as usize]).find(|p| p.device == d).map(|p| p.mode)
    };
    let fixed: Vec<Option<u32>> = (0..table.devices.len() as u32).map(others).collect();
    (0..table.places.len() as u32)
        .filter(|&p| {
            let place = &table.places[p as usize];
            open[place.device as usize] && fixed[place.device as usize].is_none_or(|m| m == place.mode)
        })
        .collect()
}

/// Pairs of chains on different devices.
fn pairs<'a>(table: &'a Table, chains: &'a [Chain]) -> impl Iterator<Item = Vec<Chain>> + 'a {
    let device = |c: &Chain| table.places[c.stages[0].place as usize].device;
    (0..chains.len()).flat_map(move |a| {
        let apart = (a + 1..chains.len()).filter(move |&b| device(&chains[a]) != device(&chains[b]));
        apart.map(move |b| vec![chains[a].clone(), chains[b].clone()])
    })
}

/// Costs a way; `None` where it is no way at all (malformed, or not asked for).
pub(super) fn cost(case: &Case<'_>, s: usize, deployment: Deployment) -> Option<Alternative> {
    let mut other = case.assignment.clone();
    other.services[s] = Some(deployment.clone());
    let e = evaluate(case.table(), &other);
    let shape = e.violations.iter().any(|v| matches!(v, Violation::Shape { .. } | Violation::Unreachable { .. }));
    if shape || !e.objective.is_finite() {
        return None;
    }
    let known = |v: &Violation| case.evaluation.violations.iter().any(|o| limit_of(o) == limit_of(v));
    let violations = e.violations.iter().filter(|v| !known(v)).cloned().collect();
    Some(Alternative { deployment, delta: e.objective - case.evaluation.objective, violations })
}

/// Devices that a way uses.
pub(super) fn devices<'a>(table: &'a Table, d: &'a Deployment) -> impl Iterator<Item = usize> + 'a {
    d.chains.iter().flat_map(|c| &c.stages).map(|st| table.places[st.place as usize].device as usize)
}

/// An option in words: model, precision, scaling.
pub(super) fn option_words(case: &Case<'_>, s: usize, option: u32) -> String {
    let Some(label) = case.model.labels.get(case.table().services[s].options[option as usize].label as usize) else {
        return String::new();
    };
    let model = &case.scenario.services[label.service].models[label.model].value.id;
    let scaling = match label.method {
        scenarios::Method::Single => String::new(),
        scenarios::Method::Majority => format!(", majority of {}", label.samples),
        scenarios::Method::BestOfN => format!(", best of {}", label.samples),
    };
    let budget = label.budget.map_or(String::new(), |b| format!(", {b} tokens"));
    let stream =
        if label.resident_share < 1.0 { format!(", {:.0} % in memory", 100.0 * label.resident_share) } else { String::new() };
    let gated = gated(case, label).map_or_else(String::new, |g| g.words());
    let service = &case.scenario.services[label.service];
    let of = |kept| Adapters::of(service, kept, &service.models[label.model].value);
    let adapters = label.adapters.and_then(of).map_or_else(String::new, |a| a.words());
    let experts = label.experts.and_then(|i| ExpertCache::of(service, i)).map_or_else(String::new, |c| c.words());
    format!("{model} {}{scaling}{budget}{gated}{adapters}{experts}{stream}", label.precision)
}

/// What passes on a share of an option's requests.
pub(super) fn gated<'a>(case: &Case<'a>, label: &crate::physics::Label) -> Option<Gated<'a>> {
    let service = &case.scenario.services[label.service];
    Gated::of(service, label.gate, service.models.get(label.model)?.value.kind)
}

/// A whole way in words: option and places.
pub(super) fn words(case: &Case<'_>, s: usize, d: &Deployment) -> String {
    let table = case.table();
    let stage = |st: &Stage| {
        let place = &table.places[st.place as usize];
        let device = &case.scenario.devices[place.device as usize];
        let processor = crate::present::processor(device, place.processor as usize);
        let mode = &table.modes[place.mode as usize].name;
        let option = &table.services[s].options[d.option as usize];
        let label = case.model.labels.get(option.label as usize).filter(|_| place.format > 0);
        let weights = label.map_or_else(String::new, |l| format!(" at {}", l.precision_at(place.format).weights));
        let at = match case.model.joined.iter().find(|j| j.lead == place.device as usize) {
            Some(j) => on_two(case, j, option.label, st),
            None => format!("{}/{processor}{}", device.name, heads(case, option.label, st)),
        };
        (format!("{at} in mode {mode}{weights}"), st.start, st.end)
    };
    let label = case.model.labels.get(table.services[s].options[d.option as usize].label as usize);
    let gated = label.and_then(|l| gated(case, l));
    let span = |a: u32, b: u32| gated.as_ref().map_or_else(|| format!("{a}..{b}"), |g| g.span(a, b));
    let chain = |c: &Chain| {
        let stages: Vec<_> = c.stages.iter().map(stage).collect();
        match stages.as_slice() {
            [(at, _, _)] => at.clone(),
            many => many.iter().map(|(at, a, b)| format!("{} on {at}", span(*a, *b))).collect::<Vec<_>>().join(", "),
        }
    };
    let places: Vec<String> = d.chains.iter().map(chain).collect();
    format!("{} on {}", option_words(case, s, d.option), places.join(" and "))
}

/// ` (5 and 3 of 8 heads)` of a stage on two processors; empty of one on a single processor.
fn heads(case: &Case<'_>, label: u32, st: &Stage) -> String {
    let all =
        case.model.labels.get(label as usize).and_then(|l| case.scenario.services[l.service].models[l.model].value.divisible());
    match (case.model.first_heads(label, st.place), all) {
        (Some(first), Some(all)) => format!(" ({first} and {} of {all} heads)", all.saturating_sub(first)),
        _ => String::new(),
    }
}

/// `pi-1/cpu + pi-2/cpu (5 and 3 of 8 heads)`.
fn on_two(case: &Case<'_>, pair: &crate::physics::Joined, label: u32, st: &Stage) -> String {
    let place = &case.table().places[st.place as usize];
    let processor = |d: usize, p: usize| {
        let device = &case.scenario.devices[d];
        format!("{}/{}", device.name, device.profile.processors.get(p).map_or("", |p| p.id.as_str()))
    };
    let other = pair.processors.iter().find(|(p, _)| *p == place.processor as usize).map_or(0, |(_, q)| *q);
    let names = format!("{} + {}", processor(pair.lead, place.processor as usize), processor(pair.partner, other));
    format!("{names}{}", heads(case, label, st))
}

/// The cheaper way first; among equals (load levels of one mode cost the same) the one nearest to its limits.
pub(super) fn order(a: &Alternative, b: &Alternative) -> std::cmp::Ordering {
    let worst = |x: &Alternative| x.violations.iter().map(Violation::excess).fold(0.0, f64::max);
    if (a.delta - b.delta).abs() <= 1e-9 { worst(a).total_cmp(&worst(b)) } else { a.delta.total_cmp(&b.delta) }
}

/// Which limit is broken, however far.
fn limit_of(v: &Violation) -> (u8, u32) {
    match *v {
        Violation::Ttft { service, .. } => (0, service),
        Violation::Tpot { service, .. } => (1, service),
        Violation::Total { service, .. } => (2, service),
        Violation::Memory { pool, .. } => (3, pool),
        Violation::Time { place, .. } => (4, place),
        Violation::Dynamic { device, .. } => (5, device),
        Violation::Link { segment, .. } => (6, segment),
        Violation::Unreachable { service } => (7, service),
        Violation::Shape { service, .. } => (8, service),
        Violation::FleetPower { .. } => (9, 0),
        Violation::FleetLatency { .. } => (10, 0),
        Violation::FleetAccuracy { .. } => (11, 0),
        Violation::FleetUnderuse { .. } => (12, 0),
        Violation::Bill { bill, .. } => (13, bill),
    }
}
