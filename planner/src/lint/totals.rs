//! Sums over the fleet, limits of the fleet, targets and the certificate.

use protocol::Plan;
use scenarios::{Goal, Scenario};

use super::heat;
use super::money;
use super::note::{Notes, Recomputed, near};
use super::numbers::Load;
use super::structure::Resolved;

/// Largest relative energy that may be lost or made between the parts and the totals.
const CONSERVED: f64 = 1e-6;

/// Small weight of power beside another goal, as the planner documents it: shares of the idle fleet's power.
const TIE: f64 = 1e-4;

/// Checks everything that is said about the whole plan.
pub(super) fn check(
    scenario: &Scenario,
    plan: &Plan,
    r: &Resolved<'_>,
    load: &Load,
    devices_w: f64,
    notes: &mut Notes,
) -> Recomputed {
    services(r, load, notes);
    let own = recompute(scenario, plan, r, load, devices_w);
    let t = &plan.totals;
    let at = "totals";
    notes.same("total-power", at, "fleet power", t.power_w, own.power_w);
    // Energy is conserved: what the devices and the network draw is what the fleet draws, to rounding.
    let parts: f64 = plan.devices.iter().map(|d| d.expected.power_w).sum::<f64>() + own.network_w;
    notes.check(near(parts, t.power_w, CONSERVED), "conserved", at, || {
        format!("devices and network draw {parts} W, the total says {} W", t.power_w)
    });
    notes.same("energy-per-request", at, "energy per request", t.energy_per_request_j, own.energy_per_request_j);
    notes.same("mean-latency", at, "mean latency", t.mean_latency_s, own.mean_latency_s);
    optional("mean-accuracy", "mean accuracy", t.accuracy, own.accuracy, notes);
    let answering = answering_w(r, load);
    notes.same("answering-power", at, "power while answering", t.answering_power_w, answering);
    let per = |w: f64| own.accuracy.filter(|_| w > 0.0).map(|a| a / w);
    optional("ipw", "intelligence per watt while answering", t.ipw, per(answering), notes);
    optional("ipw-fleet", "intelligence per watt of the fleet", t.ipw_fleet, per(own.power_w), notes);
    optional(
        "answers-per-kj",
        "answers per kilojoule",
        t.answers_per_kj,
        right_per_s(r).map(|a| 1000.0 * a / own.power_w),
        notes,
    );
    money::check(scenario, plan, &own, notes);
    notes.same("latency-score", at, "the latency score", t.latency_score, own.latency_score);
    notes.same("underutilisation", at, "underutilisation", t.underutilisation, own.underutilisation);
    let throttled = plan.devices.iter().filter(|d| d.mode.as_ref().is_some_and(|m| m.throttled)).count();
    notes.check(t.throttled_devices as usize == throttled, "throttled-devices", at, || {
        format!("{} devices are said to be throttled, {throttled} are", t.throttled_devices)
    });
    limits(scenario, r, &own, notes);
    super::targets::check(scenario, plan, r, load, notes);
    certificate(scenario, plan, r, &own, notes);
    sources(plan, notes);
    own
}

fn optional(code: &'static str, what: &str, plan: Option<f64>, own: Option<f64>, notes: &mut Notes) {
    match (plan, own) {
        (Some(p), Some(o)) => notes.same(code, "totals", what, p, o),
        (None, None) => {}
        (p, o) => notes.fatal(code, "totals", format!("{what} is given as {p:?}, but works out as {o:?}")),
    }
}

/// Share-weighted mean over replicas; replicas serve equal shares.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Energy of a request that its service answers for: dynamic, network, and the device's standing power while it runs there.
fn energy_j(r: &Resolved<'_>, load: &Load, s: usize) -> f64 {
    let numbers = &load.served[s];
    let replica = |i: usize| {
        let standing: f64 = r.services[s].replicas[i]
            .iter()
            .zip(&numbers.stages[i])
            .map(|(placed, cost)| cost.busy_s * placed.devices().map(|d| standing_w(r, load, d)).sum::<f64>())
            .sum();
        numbers.dynamic_j[i] + numbers.network_j[i] + standing
    };
    mean(&(0..numbers.alone_s.len()).map(replica).collect::<Vec<_>>())
}

/// Idle power and leakage of a device at its mean load.
fn standing_w(r: &Resolved<'_>, load: &Load, d: usize) -> f64 {
    let site = &r.devices[d];
    let Some(mode) = site.mode else { return 0.0 };
    let steady = heat::steady(&site.wanted.profile, site.rest_w(mode), site.wanted.ambient.get(), load.dynamic_w[d]);
    steady.map_or(site.rest_w(mode), |s| s.power_w - load.dynamic_w[d])
}

fn services(r: &Resolved<'_>, load: &Load, notes: &mut Notes) {
    for (s, served) in r.services.iter().enumerate() {
        let (name, given) = (served.planned.name.as_str(), &served.planned.expected);
        notes.same("service-time", name, "mean time of a request", given.service_s, mean(&load.served[s].alone_s));
        notes.same("energy", name, "energy of a request", given.energy_j, energy_j(r, load, s));
    }
}

/// Energy that answers account for over the time spent answering, watts.
fn answering_w(r: &Resolved<'_>, load: &Load) -> f64 {
    let sum =
        |f: &dyn Fn(usize) -> f64| -> f64 { (0..r.services.len()).map(|s| r.services[s].wanted.rate.value.get() * f(s)).sum() };
    let time = sum(&|s| mean(&load.served[s].alone_s));
    if time > 0.0 { sum(&|s| energy_j(r, load, s)) / time } else { 0.0 }
}

/// Expected right answers a second over services with a measured accuracy.
fn right_per_s(r: &Resolved<'_>) -> Option<f64> {
    let all: Vec<f64> =
        r.services.iter().filter_map(|s| s.planned.expected.accuracy.map(|a| a * s.wanted.rate.value.get())).collect();
    (!all.is_empty()).then(|| all.iter().sum())
}

fn recompute(scenario: &Scenario, plan: &Plan, r: &Resolved<'_>, load: &Load, devices_w: f64) -> Recomputed {
    let rate: f64 = scenario.services.iter().map(|s| s.rate.value.get()).sum();
    let power_w = devices_w + load.network_w;
    let weighted =
        |f: &dyn Fn(usize) -> f64| -> f64 { (0..r.services.len()).map(|s| r.services[s].wanted.rate.value.get() * f(s)).sum() };
    let measured: f64 = weighted(&|s| if r.services[s].planned.expected.accuracy.is_some() { 1.0 } else { 0.0 });
    let accuracy = right_per_s(r).filter(|_| measured > 0.0).map(|a| a / measured);
    Recomputed {
        power_w,
        network_w: load.network_w,
        energy_per_request_j: if rate > 0.0 { power_w / rate } else { 0.0 },
        mean_latency_s: if rate > 0.0 { weighted(&|s| mean(&load.served[s].alone_s)) / rate } else { 0.0 },
        accuracy,
        latency_score: latency_score(plan, r, load),
        underutilisation: underutilisation(r, load),
        cost_per_day: money::cost(scenario, r, load),
        carbon_g_per_day: money::carbon(scenario, r, load),
    }
}

/// Mean over services of total time over its reference. A service without deadlines is scored against the
/// fastest option there is, which a plan does not say: with such a service the plan's own score is taken.
fn latency_score(plan: &Plan, r: &Resolved<'_>, load: &Load) -> f64 {
    let mut score = 0.0;
    for (s, served) in r.services.iter().enumerate() {
        let d = &served.wanted.deadline;
        let reference = match (&d.total, &d.ttft, &d.tpot) {
            (Some(total), _, _) => total.value.get(),
            (None, Some(ttft), Some(tpot)) => ttft.value.get() + f64::from(served.wanted.answer_tokens) * tpot.value.get(),
            _ => return plan.totals.latency_score,
        };
        score += mean(&load.served[s].total_s) / reference;
    }
    score / r.services.len().max(1) as f64
}

/// Over all devices: share of time that awake devices' processors are not booked.
fn underutilisation(r: &Resolved<'_>, load: &Load) -> f64 {
    let idle = |d: usize| 1.0 - mean(&load.booked[d]);
    let awake = (0..r.devices.len()).filter(|&d| r.devices[d].mode.is_some());
    awake.map(idle).sum::<f64>() / r.devices.len().max(1) as f64
}

fn limits(scenario: &Scenario, r: &Resolved<'_>, own: &Recomputed, notes: &mut Notes) {
    let l = &scenario.limits;
    if let Some(cap) = &l.power {
        notes.at_most("fleet-power", "fleet", "mean power", own.power_w, cap.value.get());
    }
    if let Some(cap) = &l.latency {
        notes.at_most("fleet-latency", "fleet", "the latency score", own.latency_score, cap.value.get());
    }
    if let Some(cap) = &l.underutilisation {
        notes.at_most("fleet-underutilisation", "fleet", "underutilisation", own.underutilisation, cap.value.get());
    }
    if let Some(least) = &l.mean_accuracy {
        // A service whose accuracy nobody measured or asked for is not held against the fleet.
        let rate: f64 = r.services.iter().map(|s| s.wanted.rate.value.get()).sum();
        let wrong =
            |s: &super::structure::Served<'_>| s.wanted.rate.value.get() * (1.0 - s.planned.expected.accuracy.unwrap_or(1.0));
        let inaccuracy = if rate > 0.0 { r.services.iter().map(wrong).sum::<f64>() / rate } else { 0.0 };
        notes.at_most("fleet-accuracy", "fleet", "mean inaccuracy", inaccuracy, 1.0 - least.value.get());
    }
}

fn certificate(scenario: &Scenario, plan: &Plan, r: &Resolved<'_>, own: &Recomputed, notes: &mut Notes) {
    let (c, at) = (&plan.certificate, "certificate");
    let rate: f64 = scenario.services.iter().map(|s| s.rate.value.get()).sum();
    let (objective, unit, value) = match scenario.objective.goal {
        Goal::Power => ("fleet power", "W", own.power_w),
        Goal::EnergyPerRequest => ("energy per request", "J", if rate > 0.0 { own.power_w / rate } else { own.power_w }),
        Goal::Latency => ("latency score with its tie-break", "1", own.latency_score + 10.0 * TIE * own.power_w / idle_w(r)),
        Goal::Accuracy => ("inaccuracy with its tie-break", "1", inaccuracy(r) + TIE * own.power_w / idle_w(r)),
        Goal::AnswersPerJoule => ("energy per right answer", "J", right_per_s(r).map_or(f64::NAN, |a| own.power_w / a)),
        Goal::Cost => ("cost of a day", "", own.cost_per_day.unwrap_or(f64::NAN)),
        Goal::Carbon => ("carbon of a day", "g/day", own.carbon_g_per_day.unwrap_or(f64::NAN)),
    };
    let unit = if scenario.objective.goal == Goal::Cost {
        format!("{}/day", scenario.currency().unwrap_or(""))
    } else {
        unit.to_owned()
    };
    notes.check(c.objective == objective, "objective", at, || {
        format!("`{}` was minimised, the scenario asks for {objective}", c.objective)
    });
    notes.check(c.unit == unit, "objective", at, || format!("its unit is `{}`, not {unit}", c.unit));
    if value.is_finite() {
        // Twice the tolerance: the planner's lines may lie below the curve, and so may its tie-breaker.
        let close = (c.value - value).abs() <= 2.0 * super::note::TOLERANCE * value.abs().max(1e-9);
        notes.check(close, "objective-value", at, || format!("its value is given as {}, but works out as {value}", c.value));
    }
    notes.check(c.bound <= c.value + 1e-9 * c.value.abs(), "bound", at, || {
        format!("its bound {} is above its value {}", c.bound, c.value)
    });
    let gap = if c.value.abs() > 0.0 { ((c.value - c.bound) / c.value.abs()).max(0.0) } else { 0.0 };
    notes.check(near(gap, c.gap, 1e-6) || (gap - c.gap).abs() < 1e-9, "gap", at, || format!("its gap is {gap}, not {}", c.gap));
    let known = ["optimal", "gap", "stopped"].contains(&c.status.as_str());
    notes.check(known, "status", at, || format!("`{}` is no status", c.status));
    notes.check(c.status != "optimal" || gap <= 1e-5, "status", at, || format!("it claims to be optimal at a gap of {gap}"));
}

/// Mean share of wrong answers as the objective counts it.
fn inaccuracy(r: &Resolved<'_>) -> f64 {
    let rate: f64 = r.services.iter().map(|s| s.wanted.rate.value.get()).sum();
    let wrong: f64 =
        r.services.iter().map(|s| s.wanted.rate.value.get() * (1.0 - s.planned.expected.accuracy.unwrap_or(1.0))).sum();
    if rate > 0.0 { wrong / rate } else { 0.0 }
}

/// Power of the fleet with every device idling in the thirstiest mode that it may be set to, watts.
fn idle_w(r: &Resolved<'_>) -> f64 {
    let of = |d: &super::structure::Site<'_>| {
        let at_rest = |m: &profiles::PowerMode| heat::steady(&d.wanted.profile, m.idle.value.get(), d.wanted.ambient.get(), 0.0);
        let most = super::fleet::settable(d.wanted).filter_map(at_rest).map(|s| s.power_w).fold(0.0, f64::max);
        if most > 0.0 { most } else { d.wanted.profile.modes.first().and_then(at_rest).map_or(0.0, |s| s.power_w) }
    };
    r.devices.iter().map(of).sum::<f64>().max(1e-3)
}

/// Counts of sources fit the worst one.
fn sources(plan: &Plan, notes: &mut Notes) {
    use profiles::Quality::{Assumed, Datasheet, Fitted, Measured};
    let s = &plan.sources;
    let counts = [(Assumed, s.assumed), (Datasheet, s.datasheet), (Fitted, s.fitted), (Measured, s.measured)];
    let worst = counts.iter().find(|(_, n)| *n > 0).map_or(Assumed, |(q, _)| *q);
    notes.check(worst == s.worst, "sources", "plan", || format!("its worst source is {worst:?}, not {:?}", s.worst));
    // Beside assumed numbers the list holds what the formulas themselves assume.
    notes.check(s.assumptions.len() >= s.assumed as usize, "assumptions", "plan", || {
        format!("it names {} assumptions, but counts {} assumed numbers", s.assumptions.len(), s.assumed)
    });
}
