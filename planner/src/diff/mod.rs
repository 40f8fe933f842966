//! What changed from one plan to another: placements, choices, devices, metrics.
//!
//! Compares decisions by name, never by position, so that plans of two versions of a scenario can
//! be compared. [`PlanDiff`] is a value (JSON by serde); [`PlanDiff::render`] is its text, with
//! `+` for what is new, `-` for what is gone and `*` for what changed, readable without colour.

mod render;
#[cfg(test)]
mod tests;

use protocol::{Certificate, Plan, PlannedDevice, PlannedService};
use serde::Serialize;

/// Relative change below which two metrics count as the same: numbers that differ by less differ
/// by the order of summation only.
pub const SAME: f64 = 1e-9;

/// An old and a new value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change<T> {
    pub old: T,
    pub new: T,
}

/// All differences of two plans.
#[must_use]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanDiff {
    /// Content hashes.
    pub id: Change<String>,
    /// True where the new plan names the old one as its parent.
    pub follows: bool,
    /// What was minimised, where the two plans differ in that; their bounds are then not compared.
    pub objective: Option<Change<String>>,
    /// Only services that differ, in the new plan's order, removed ones last.
    pub services: Vec<ServiceDiff>,
    /// Only devices that differ, in the new plan's order, removed ones last.
    pub devices: Vec<DeviceDiff>,
    /// Only metrics that differ.
    pub metrics: Vec<MetricDiff>,
}

/// Whether a thing is in both plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Added,
    Removed,
    Changed,
}

/// What changed about one service.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServiceDiff {
    pub name: String,
    pub kind: Kind,
    pub model: Option<Change<String>>,
    pub precision: Option<Change<String>>,
    pub scaling: Option<Change<String>>,
    /// Requests per second.
    pub rate_hz: Option<Change<f64>>,
    /// Stages that are gone and stages that are new: `replica 1: orin-a/gpu blocks 0..16`.
    pub removed_stages: Vec<String>,
    pub added_stages: Vec<String>,
    /// Expectations that differ.
    pub metrics: Vec<MetricDiff>,
}

/// What changed about one device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceDiff {
    pub name: String,
    pub kind: Kind,
    /// True: awake.
    pub awake: Option<Change<bool>>,
    /// Mode and clock as text; absent where the device slept before or sleeps now.
    pub mode: Option<Change<String>>,
    pub metrics: Vec<MetricDiff>,
}

/// A number that changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricDiff {
    pub name: String,
    /// Empty for a number without one.
    pub unit: String,
    /// Absent where the plan has no such number.
    pub old: Option<f64>,
    pub new: Option<f64>,
    /// `new / old - 1`, where both exist and `old` is not zero.
    pub relative: Option<f64>,
    /// True where smaller is better.
    pub less_is_better: bool,
}

/// Compares two plans.
pub fn diff(old: &Plan, new: &Plan) -> PlanDiff {
    PlanDiff {
        id: Change { old: old.id.clone(), new: new.id.clone() },
        follows: new.parent.as_ref() == Some(&old.id),
        objective: changed(Some(&old.certificate), Some(&new.certificate), |c| c.objective.clone()),
        services: pairs(&old.services, &new.services, |s| &s.name).into_iter().filter_map(service).collect(),
        devices: pairs(&old.devices, &new.devices, |d| &d.name).into_iter().filter_map(device).collect(),
        metrics: totals(old, new),
    }
}

impl PlanDiff {
    /// True when no decision and no expected number differs; names, parents and hashes may.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.services.is_empty() && self.devices.is_empty() && self.metrics.is_empty() && self.objective.is_none()
    }

    /// True when an agent would have to do something else: a placement, choice or mode differs.
    #[must_use]
    pub fn changes_decisions(&self) -> bool {
        self.services.iter().any(ServiceDiff::changes_decision)
            || self.devices.iter().any(|d| d.kind != Kind::Changed || d.awake.is_some() || d.mode.is_some())
    }
}

impl ServiceDiff {
    fn changes_decision(&self) -> bool {
        self.kind != Kind::Changed
            || self.model.is_some()
            || self.precision.is_some()
            || self.scaling.is_some()
            || !self.removed_stages.is_empty()
            || !self.added_stages.is_empty()
    }
}

/// Pairs equal names: the new order first, then what is only in the old.
fn pairs<'a, T>(old: &'a [T], new: &'a [T], name: impl Fn(&T) -> &String) -> Vec<(Option<&'a T>, Option<&'a T>)> {
    let mut out: Vec<_> = new.iter().map(|n| (old.iter().find(|o| name(o) == name(n)), Some(n))).collect();
    out.extend(old.iter().filter(|o| !new.iter().any(|n| name(n) == name(o))).map(|o| (Some(o), None)));
    out
}

fn kind<T>(old: Option<T>, new: Option<T>) -> Kind {
    match (old.is_some(), new.is_some()) {
        (false, _) => Kind::Added,
        (true, false) => Kind::Removed,
        (true, true) => Kind::Changed,
    }
}

fn service((old, new): (Option<&PlannedService>, Option<&PlannedService>)) -> Option<ServiceDiff> {
    let stages = |s: Option<&PlannedService>| s.map(stages).unwrap_or_default();
    let (before, after) = (stages(old), stages(new));
    let value = |f: fn(&PlannedService) -> f64| (old.map(f), new.map(f));
    let worst = |f: fn(&protocol::Replica) -> f64| {
        let of = |s: &PlannedService| s.replicas.iter().map(f).fold(0.0, f64::max);
        (old.map(of), new.map(of))
    };
    let metrics = vec![
        metric("energy per request", "J", value(|s| s.expected.energy_j), true),
        metric("first token", "s", worst(|r| r.ttft_s), true),
        metric("per token", "s", worst(|r| r.tpot_s), true),
        metric("whole request", "s", worst(|r| r.total_s), true),
        metric("accuracy", "", (old.and_then(|s| s.expected.accuracy), new.and_then(|s| s.expected.accuracy)), false),
    ];
    let d = ServiceDiff {
        name: old.or(new)?.name.clone(),
        kind: kind(old, new),
        model: changed(old, new, |s| s.model.clone()),
        precision: changed(old, new, |s| s.precision.to_string()),
        scaling: changed(old, new, scaling),
        rate_hz: changed(old, new, |s| s.rate_hz),
        removed_stages: before.iter().filter(|s| !after.contains(s)).cloned().collect(),
        added_stages: after.iter().filter(|s| !before.contains(s)).cloned().collect(),
        metrics: metrics.into_iter().flatten().collect(),
    };
    (d.changes_decision() || d.rate_hz.is_some() || !d.metrics.is_empty()).then_some(d)
}

fn device((old, new): (Option<&PlannedDevice>, Option<&PlannedDevice>)) -> Option<DeviceDiff> {
    let value = |f: fn(&PlannedDevice) -> f64| (old.map(f), new.map(f));
    let mode = |d: &PlannedDevice| d.mode.as_ref().map(mode);
    let d = DeviceDiff {
        name: old.or(new)?.name.clone(),
        kind: kind(old, new),
        awake: changed(old, new, |d| d.awake),
        mode: match (old.and_then(mode), new.and_then(mode)) {
            (Some(old), Some(new)) if old != new => Some(Change { old, new }),
            _ => None,
        },
        metrics: [
            metric("power", "W", value(|d| d.expected.power_w), true),
            metric("temperature", "°C", value(|d| d.expected.temperature_c), true),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    (d.kind != Kind::Changed || d.awake.is_some() || d.mode.is_some() || !d.metrics.is_empty()).then_some(d)
}

fn totals(old: &Plan, new: &Plan) -> Vec<MetricDiff> {
    let (o, n) = (&old.totals, &new.totals);
    let both = |a: f64, b: f64| (Some(a), Some(b));
    [
        metric("fleet power", "W", both(o.power_w, n.power_w), true),
        metric("energy per request", "J", both(o.energy_per_request_j, n.energy_per_request_j), true),
        metric("mean latency", "s", both(o.mean_latency_s, n.mean_latency_s), true),
        metric("accuracy", "", (o.accuracy, n.accuracy), false),
        metric("power while answering", "W", both(o.answering_power_w, n.answering_power_w), true),
        metric("intelligence per watt, answering", "1/W", (o.ipw, n.ipw), false),
        metric("intelligence per watt, fleet", "1/W", (o.ipw_fleet, n.ipw_fleet), false),
        metric("answers per kilojoule", "1/kJ", (o.answers_per_kj, n.answers_per_kj), false),
        metric("latency score", "", both(o.latency_score, n.latency_score), true),
        metric("underutilisation", "", both(o.underutilisation, n.underutilisation), true),
        metric("throttled devices", "", both(o.throttled_devices.into(), n.throttled_devices.into()), true),
    ]
    .into_iter()
    .chain(proofs(&old.certificate, &new.certificate))
    .flatten()
    .collect()
}

/// Bounds on one objective say nothing about another.
fn proofs(old: &Certificate, new: &Certificate) -> [Option<MetricDiff>; 2] {
    if old.objective != new.objective {
        return [None, None];
    }
    let unit = if new.unit == "1" { "" } else { &new.unit };
    [
        metric("lower bound", unit, (Some(old.bound), Some(new.bound)), true),
        metric("gap", "", (Some(old.gap), Some(new.gap)), true),
    ]
}

fn metric(name: &str, unit: &str, (old, new): (Option<f64>, Option<f64>), less_is_better: bool) -> Option<MetricDiff> {
    let same = match (old, new) {
        (None, None) => true,
        (Some(a), Some(b)) => a.to_bits() == b.to_bits() || (a - b).abs() <= SAME * a.abs().max(b.abs()),
        _ => false,
    };
    if same {
        return None;
    }
    let relative = old.zip(new).filter(|&(a, b)| a != 0.0 && a.is_finite() && b.is_finite()).map(|(a, b)| b / a - 1.0);
    Some(MetricDiff { name: name.into(), unit: unit.into(), old, new, relative, less_is_better })
}

fn changed<S, T: PartialEq>(old: Option<&S>, new: Option<&S>, value: impl Fn(&S) -> T) -> Option<Change<T>> {
    let (old, new) = (value(old?), value(new?));
    (old != new).then_some(Change { old, new })
}

fn stages(s: &PlannedService) -> Vec<String> {
    let many = s.replicas.len() > 1;
    let mut out = Vec::new();
    for (i, r) in s.replicas.iter().enumerate() {
        for st in &r.stages {
            let with = st
                .partner
                .as_ref()
                .map_or_else(String::new, |p| format!(" with {}/{} ({} KV heads there)", p.device, p.processor, p.kv_heads));
            let blocks = match (st.filters, st.end) {
                (true, 0) => "filter".to_owned(),
                (true, end) => format!("filter and blocks {}..{end}", st.start),
                (false, end) => format!("blocks {}..{end}", st.start),
            };
            let at = format!("{}/{}{with} {blocks}", st.device, st.processor);
            out.push(if many { format!("replica {}: {at}", i + 1) } else { at });
        }
    }
    out
}

fn scaling(s: &PlannedService) -> String {
    let gate = [crate::present::gate(s), crate::present::adapters(s), crate::present::experts(s)].concat();
    let s = &s.scaling;
    let budget = s.token_budget.map_or(String::new(), |b| format!(", {b} tokens"));
    if s.samples == 1 { format!("{}{budget}{gate}", s.method) } else { format!("{} of {}{budget}{gate}", s.method, s.samples) }
}

fn mode(m: &protocol::PlannedMode) -> String {
    if m.clock < 1.0 { format!("{} at clock {:.3}", m.id, m.clock) } else { m.id.clone() }
}
