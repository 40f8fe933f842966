//! Slack and shadow price of every demand.

use protocol::{Plan, Target};
use serde::Serialize;

use super::Case;
use super::alternatives::{Alternative, words};
use crate::search::{self, Effort, Silent, Status};
use crate::table::{Deployment, Table, Violation};

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

/// What a looser demand is worth. The step is that of the cheapest way of one service that it would admit;
/// the saving is the whole plan's, solved again with the demand so much looser and all else as it is: memory
/// kept for waiting requests, and the latency that scores are relative to, follow a deadline only when the
/// scenario is changed.
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
    /// Both the plan and the one under the looser demand are proved optimal; else the saving is that of the best found.
    pub proved: bool,
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
    let mut best: Option<(ShadowPrice, usize, &Alternative)> = None;
    for (s, alternatives) in all.iter().enumerate() {
        for a in alternatives.iter().filter(|a| a.delta < -1e-9 && !a.violations.is_empty()) {
            if !a.violations.iter().all(|v| is_about(case, v, subject, t)) {
                continue;
            }
            let loosen = a.violations.iter().map(crate::table::Violation::excess).fold(0.0, f64::max);
            let saving = -a.delta * case.scale;
            let per_limit = saving / loosen.max(1e-9);
            if loosen <= LOOSEN && best.as_ref().is_none_or(|(b, ..)| per_limit > b.per_limit) {
                let price = ShadowPrice { loosen, saving, per_limit, then: words(case, s, &a.deployment), proved: false };
                best = Some((price, s, a));
            }
        }
    }
    let (price, s, a) = best?;
    Some(solved(case, subject, t, price, s, a))
}

/// Room above the step, so that the way which it admits is not lost to rounding.
const HAIR: f64 = 1e-6;
/// Nominal seconds of a solve under a looser demand.
const SECONDS: f64 = 0.2;

/// The same price, of the whole plan: solved again with the demand looser by the step, never worse than the way that set the step.
fn solved(case: &Case<'_>, subject: &str, t: &Target, price: ShadowPrice, s: usize, a: &Alternative) -> ShadowPrice {
    // Answers per joule is a ratio: the table's objective is not what the plan was solved for.
    if case.scenario.objective.goal == scenarios::Goal::AnswersPerJoule {
        return price;
    }
    let table = looser(case, subject, t, price.loosen);
    let mut other = case.assignment.clone();
    other.services[s] = Some(a.deployment.clone());
    let effort = Effort { front: 0, ..Effort::for_seconds(SECONDS) };
    let found = search::improve(&table, &[case.assignment.clone(), other], &effort, &Silent);
    let Some((assignment, e)) = found.best else { return price };
    let saving = (case.evaluation.objective - e.objective) * case.scale;
    if saving < price.saving - HAIR * price.saving.abs() {
        return price;
    }
    let changed = |(i, d): (usize, &Option<Deployment>)| {
        let d = d.as_ref().filter(|d| case.assignment.services[i].as_ref() != Some(d))?;
        Some((i, words(case, i, d)))
    };
    let changes: Vec<(usize, String)> = assignment.services.iter().enumerate().filter_map(changed).collect();
    let then = match &changes[..] {
        [] => price.then,
        [(i, words)] if *i == s => words.clone(),
        many => {
            many.iter().map(|(i, words)| format!("{}: {words}", case.table().services[*i].name)).collect::<Vec<_>>().join("; ")
        }
    };
    let proved = case.proved && found.status == Status::Optimal;
    ShadowPrice { saving, per_limit: saving / price.loosen.max(1e-9), then, proved, ..price }
}

/// The table with one demand looser by a share of its limit.
pub(super) fn looser(case: &Case<'_>, subject: &str, t: &Target, by: f64) -> Table {
    let mut table = case.table().clone();
    let f = (1.0 + by) * (1.0 + HAIR);
    for service in table.services.iter_mut().filter(|s| s.name == subject) {
        match t.what.split(' ').next() {
            Some("ttft") => service.ttft_cap_s *= f,
            Some("tpot") => service.tpot_cap_s *= f,
            Some("total") => service.total_cap_s *= f,
            _ => {}
        }
    }
    if subject != "fleet" {
        return table;
    }
    match t.what.as_str() {
        "power" => table.power_cap_w *= f,
        "latency score" => table.latency_cap *= f,
        "mean accuracy" => table.inaccuracy_cap *= f,
        "underutilisation" => table.underuse_cap *= f,
        "cost of a day" => table.bills.iter_mut().filter(|b| b.name == "cost").for_each(|b| b.cap *= f),
        "carbon of a day" => table.bills.iter_mut().filter(|b| b.name == "carbon").for_each(|b| b.cap *= f),
        _ => {}
    }
    let names: Vec<String> = table.devices.iter().map(|d| d.name.clone()).collect();
    let of = |device: u32, kind: &str| t.what.starts_with(&format!("{kind} {}", names[device as usize]));
    for pool in &mut table.pools {
        if t.what == format!("memory {} {}", names[pool.device as usize], pool.name) {
            pool.capacity_bytes *= f;
        }
    }
    for mode in &mut table.modes {
        let named = |kind: &str| t.what == format!("{kind} {}", names[mode.device as usize]);
        if named("power") || named("temperature") {
            mode.dynamic_cap_w *= f;
        }
        if of(mode.device, "booked") && (mode.booked_cap - t.limit).abs() < 1e-9 {
            mode.booked_cap *= f;
        }
    }
    for segment in &mut table.segments {
        if t.what == format!("link {}", segment.name) {
            segment.capacity_bytes_s *= f;
        }
    }
    table
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
            let name = crate::present::processor(&case.scenario.devices[place.device as usize], place.processor as usize);
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
        Violation::Bill { bill, .. } => subject == "fleet" && t.what == format!("{} of a day", table.bills[bill as usize].name),
        Violation::Unreachable { .. } | Violation::Shape { .. } => false,
    }
}
