//! From a plan and what came with it to the value that a report shows.
//!
//! Every number on the page is a field of [`reports::Report`]; this is where those fields are filled.

mod baselines;
mod devices;
mod front;
mod map;
mod roofline;
mod services;
mod where_it_goes;

pub(crate) use services::{adapters, experts, gate};

use crate::baselines::Baseline;
use crate::explain::WhyReport;
use crate::physics::Model;
use crate::search::Solution;
use protocol::Plan;
use reports::{Header, Note, Report, Sources, Target, Totals};
use scenarios::Scenario;

/// What a report is made of.
#[derive(Debug)]
pub struct Material<'a> {
    pub scenario: &'a Scenario,
    /// As the user named it.
    pub scenario_file: &'a str,
    pub model: &'a Model,
    pub plan: &'a Plan,
    pub solution: &'a Solution,
    pub baselines: &'a [Baseline],
    pub why: &'a WhyReport,
    pub improvements: Vec<reports::Improvement>,
}

/// Fills a report.
#[must_use]
pub fn report(m: &Material<'_>) -> Report {
    Report {
        schema: reports::SCHEMA.into(),
        header: header(m),
        targets: targets(m.plan),
        services: services::all(m),
        devices: devices::all(m),
        totals: totals(m.scenario, m.plan),
        front: front::all(m),
        baselines: baselines::all(m.plan, m.baselines),
        map: map::map(m),
        rooflines: roofline::all(m),
        energy: where_it_goes::energy(m),
        latency: where_it_goes::latency(m),
        timeline: where_it_goes::timeline(m),
        improvements: m.improvements.clone(),
        notes: notes(m),
        sources: sources(m.plan),
    }
}

/// Name of a device's so-numbered processor of the table: `gpu`; behind its processors the two that work together,
/// `gpu + npu`.
pub(crate) fn processor(device: &scenarios::Device, number: usize) -> String {
    let all = &device.profile.processors;
    match (all.get(number), device.together.map(|t| t.processors)) {
        (Some(p), _) => p.id.clone(),
        (None, Some((first, second))) => format!("{} + {}", all[first].id, all[second].id),
        (None, None) => String::new(),
    }
}

/// The same word in the two vocabularies.
pub(crate) fn quality(q: profiles::Quality) -> reports::Quality {
    match q {
        profiles::Quality::Measured => reports::Quality::Measured,
        profiles::Quality::Fitted => reports::Quality::Fitted,
        profiles::Quality::Datasheet => reports::Quality::Datasheet,
        profiles::Quality::Assumed => reports::Quality::Assumed,
    }
}

fn header(m: &Material<'_>) -> Header {
    let (plan, c) = (m.plan, &m.plan.certificate);
    Header {
        title: m.scenario.name.clone(),
        summary: summary(m),
        scenario_file: m.scenario_file.into(),
        scenario_sha256: plan.scenario.clone(),
        seed: plan.seed,
        tool: format!("planner {}", plan.planner),
        plan_id: Some(plan.id.clone()),
        parent_id: plan.parent.clone(),
        generation: plan.generation,
        objective: c.objective.clone(),
        unit: c.unit.clone(),
        value: finite(c.value),
        bound: finite(c.bound),
        gap: finite(c.gap),
        status: certificate_words(c),
        machine: None,
    }
}

fn summary(m: &Material<'_>) -> String {
    let t = &m.plan.totals;
    let awake = m.plan.devices.iter().filter(|d| d.awake).count();
    let mut text = format!(
        "{} services on {awake} of {} devices at {} W (modelled), {} J a request",
        m.plan.services.len(),
        m.plan.devices.len(),
        number(t.power_w),
        number(t.energy_per_request_j)
    );
    if let (Some(cost), Some(currency)) = (t.cost_per_day, &t.currency) {
        text.push_str(&format!(", {} {currency} a day", number(cost)));
    }
    if let Some(carbon) = t.carbon_g_per_day {
        text.push_str(&format!(", {} g CO2 a day", number(carbon)));
    }
    let standard = m.baselines.iter().find(|b| b.key == "standard").and_then(|b| b.plan.as_ref());
    if let Some(standard) = standard {
        let change = 100.0 * (t.energy_per_request_j / standard.totals.energy_per_request_j - 1.0);
        text.push_str(&format!("; energy {change:+.0} % against everything on the biggest device at 16 bits"));
    }
    text
}

/// What is proved, in words.
pub(crate) fn certificate_words(c: &protocol::Certificate) -> String {
    match c.status.as_str() {
        "optimal" => "proved optimal".into(),
        "stopped" => "stopped early".into(),
        _ => "not proved optimal".into(),
    }
}

/// Services' targets first, in the scenario's order, then the fleet's.
fn targets(plan: &Plan) -> Vec<Target> {
    let of = |subject: &str, t: &protocol::Target| Target {
        subject: subject.into(),
        what: t.what.clone(),
        limit: t.limit,
        value: t.value,
        unit: t.unit.clone(),
        at_most: t.at_most,
        margin: t.margin,
        tight: t.margin >= 0.0 && t.margin < 0.1,
        missed: t.margin < -1e-9,
        line: t.line,
        quality: reports::Quality::Modelled,
    };
    let mut all: Vec<Target> = plan.services.iter().flat_map(|s| s.targets.iter().map(|t| of(&s.name, t))).collect();
    all.extend(plan.totals.targets.iter().map(|t| of("fleet", t)));
    all.retain(|t| t.limit.is_finite() && t.value.is_finite() && t.margin.is_finite());
    all
}

fn totals(scenario: &Scenario, plan: &Plan) -> Totals {
    let t = &plan.totals;
    Totals {
        power_w: t.power_w,
        energy_per_request_j: t.energy_per_request_j,
        mean_latency_s: t.mean_latency_s,
        accuracy: t.accuracy,
        answering_power_w: finite(t.answering_power_w),
        ipw: t.ipw,
        ipw_fleet: t.ipw_fleet,
        answers_per_kj: t.answers_per_kj,
        latency_score: t.latency_score,
        underuse: t.underutilisation,
        awake_devices: plan.devices.iter().filter(|d| d.awake).count() as u32,
        devices: plan.devices.len() as u32,
        throttled_devices: t.throttled_devices,
        requests_per_s: scenario.services.iter().map(|s| s.rate.value.get()).sum(),
        quality: reports::Quality::Modelled,
    }
}

/// Assumptions that the plan rests on, options that fell out, and what the model leaves out.
fn notes(m: &Material<'_>) -> Vec<Note> {
    let note = |kind: &str, subject: String, text: String| Note { kind: kind.into(), subject, text };
    let mut notes = vec![note(
        "caveat",
        "every watt and second of the plan".into(),
        "modelled from profiles, not measured; measure with the agent before you rely on a tight margin".into(),
    )];
    notes.extend(m.plan.sources.assumptions.iter().map(|a| note("assumption", String::new(), a.clone())));
    // The same reason for many precisions is one line.
    let mut dropped: Vec<(String, String)> =
        m.model.dropped.iter().map(|d| (m.scenario.services[d.service].name.clone(), d.to_string())).collect();
    dropped.dedup();
    notes.extend(dropped.into_iter().take(60).map(|(s, text)| note("dropped option", s, text)));
    notes
}

fn sources(plan: &Plan) -> Sources {
    let s = &plan.sources;
    Sources { worst: quality(s.worst), measured: s.measured, fitted: s.fitted, datasheet: s.datasheet, assumed: s.assumed }
}

/// An improvement as the report shows it.
#[must_use]
pub fn improvement(i: &crate::whatif::Improvement, unit: &str) -> reports::Improvement {
    reports::Improvement {
        text: i.what.clone(),
        saving: format!(
            "objective {} to {} {unit} ({:+.1} %); try {}",
            number(i.before),
            number(i.after),
            -100.0 * i.saving,
            i.try_it
        ),
        power_change_w: (unit == "W").then_some(i.after - i.before),
        energy_change_j: None,
        latency_change_s: None,
        accuracy_change: None,
        quality: reports::Quality::Modelled,
    }
}

pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

pub(crate) fn number(value: f64) -> String {
    profiles::units::significant(value)
}
