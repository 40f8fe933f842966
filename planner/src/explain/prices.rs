//! Slack and shadow price of every demand.

use protocol::{Plan, Target};
use serde::Serialize;

use super::Case;
use super::alternatives::{Alternative, words};
use crate::table::Violation;

/// One demand against the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Constraint {
    /// `chat: ttft p90`, `fleet: memory orin-a dram`.
    pub what: String,
    pub limit: f64,
    pub value: f64,
    pub unit: String,
    /// Relative room left.
    pub slack: f64,
    /// Line of the scenario; 0: a default or a fact of the device.
    pub line: u32,
    /// True where less than a tenth is left.
    pub tight: bool,
    /// What loosening it is worth; `None`: nothing, up to twice the limit.
    pub price: Option<ShadowPrice>,
}

/// The cheapest way that a looser demand would admit, all other services fixed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShadowPrice {
    /// How much looser, relative to the limit.
    pub loosen: f64,
    /// What it saves, in the report's unit.
    pub saving: f64,
    /// `saving / loosen`: per whole limit.
    pub per_limit: f64,
    /// What would be done then.
    pub then: String,
}

/// Largest loosening that is looked at: a demand that must double is another demand.
const LOOSEN: f64 = 1.0;

/// Room below which a demand is called tight.
const TIGHT: f64 = 0.1;

pub(super) fn constraints(case: &Case<'_>, plan: &Plan, all: &[Vec<Alternative>]) -> Vec<Constraint> {
    let mut out = Vec::new();
    for s in &plan.services {
        out.extend(s.targets.iter().map(|t| constraint(case, &s.name, t, all)));
    }
    out.extend(plan.totals.targets.iter().map(|t| constraint(case, "fleet", t, all)));
    out.sort_by(|a, b| a.slack.total_cmp(&b.slack));
    out
}

fn constraint(case: &Case<'_>, subject: &str, t: &Target, all: &[Vec<Alternative>]) -> Constraint {
    Constraint {
        what: format!("{subject}: {}", t.what),
        limit: t.limit,
        value: t.value,
        unit: t.unit.clone(),
        slack: t.margin,
        line: t.line,
        tight: t.margin < TIGHT,
        price: price(case, subject, t, all),
    }
}

/// The best saving per loosening among ways that break this limit alone.
fn price(case: &Case<'_>, subject: &str, t: &Target, all: &[Vec<Alternative>]) -> Option<ShadowPrice> {
    let mut best: Option<ShadowPrice> = None;
    for (s, alternatives) in all.iter().enumerate() {
        for a in alternatives.iter().filter(|a| a.delta < -1e-9 && !a.violations.is_empty()) {
            if !a.violations.iter().all(|v| is_about(case, v, subject, t)) {
                continue;
            }
            let loosen = a.violations.iter().map(crate::table::Violation::excess).fold(0.0, f64::max);
            let saving = -a.delta * case.scale;
            let per_limit = saving / loosen.max(1e-9);
            if loosen <= LOOSEN && best.as_ref().is_none_or(|b| per_limit > b.per_limit) {
                best = Some(ShadowPrice { loosen, saving, per_limit, then: words(case, s, &a.deployment) });
            }
        }
    }
    best
}

/// Whether a broken limit is the one that a target states.
fn is_about(case: &Case<'_>, v: &Violation, subject: &str, t: &Target) -> bool {
    let table = case.table();
    let service = |s: u32, what: &str| table.services[s as usize].name == subject && t.what.starts_with(what);
    let device = |d: u32| table.devices[d as usize].name.as_str();
    match *v {
        Violation::Ttft { service: s, .. } => service(s, "ttft "),
        Violation::Tpot { service: s, .. } => service(s, "tpot "),
        Violation::Total { service: s, .. } => service(s, "total "),
        Violation::Memory { pool, .. } => {
            let pool = &table.pools[pool as usize];
            t.what == format!("memory {} {}", device(pool.device), pool.name)
        }
        Violation::Time { place, .. } => {
            let place = &table.places[place as usize];
            let processors = &case.scenario.devices[place.device as usize].profile.processors;
            let name = processors.get(place.processor as usize).map_or("", |p| p.id.as_str());
            // The cap of another load level is no demand of the owner.
            let same_level = (table.modes[place.mode as usize].booked_cap - t.limit).abs() < 1e-9;
            same_level && t.what == format!("booked {} {name}", device(place.device))
        }
        Violation::Dynamic { device: d, .. } => {
            t.what == format!("power {}", device(d)) || t.what == format!("temperature {}", device(d))
        }
        Violation::Link { segment, .. } => t.what == format!("link {}", table.segments[segment as usize].name),
        Violation::FleetPower { .. } => subject == "fleet" && t.what == "power",
        Violation::FleetLatency { .. } => t.what == "latency score",
        Violation::FleetAccuracy { .. } => t.what == "mean accuracy",
        Violation::FleetUnderuse { .. } => t.what == "underutilisation",
        Violation::Unreachable { .. } | Violation::Shape { .. } => false,
    }
}
