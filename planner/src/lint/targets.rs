//! The demands that a plan lists, against those that the scenario makes.

use protocol::{Plan, Target};
use scenarios::{At, End, Scenario};

use super::note::{Notes, near};
use super::numbers::Load;
use super::route::{self, Budget};
use super::structure::Resolved;
use crate::physics::link;

/// A demand as it should stand in the plan. Values are the plan's own numbers where those were checked already.
struct Demand {
    what: String,
    limit: f64,
    value: f64,
    unit: std::borrow::Cow<'static, str>,
    at_most: bool,
    line: u32,
}

/// Every demand is listed once, with its limit, value, margin and line; nothing else is.
pub(super) fn check(scenario: &Scenario, plan: &Plan, r: &Resolved<'_>, load: &Load, notes: &mut Notes) {
    for s in &r.services {
        let subject = s.planned.name.as_str();
        compare(subject, &of_service(s), &s.planned.targets, notes);
    }
    compare("fleet", &of_fleet(scenario, plan, r, load), &plan.totals.targets, notes);
}

fn compare(subject: &str, wanted: &[Demand], given: &[Target], notes: &mut Notes) {
    for d in wanted {
        let about = format!("{subject} {}", d.what);
        let mut found = given.iter().filter(|t| t.what == d.what);
        let Some(t) = found.next() else {
            notes.fatal("target-missing", about, "the plan does not list this demand");
            continue;
        };
        notes.check(found.next().is_none(), "target-twice", &about, || "the plan lists this demand twice".into());
        notes.same("target-limit", &about, "its limit", t.limit, d.limit);
        notes.same("target-value", &about, "its value", t.value, d.value);
        notes.check(t.unit == d.unit && t.at_most == d.at_most, "target-sense", &about, || {
            "its unit or its sense is wrong".into()
        });
        notes.check(t.line == d.line, "target-line", &about, || format!("it stands in line {}, not {}", d.line, t.line));
        let room = if t.at_most { t.limit - t.value } else { t.value - t.limit };
        let margin = if t.limit == 0.0 { room } else { room / t.limit.abs() };
        let fine = near(margin, t.margin, 1e-6) || (margin - t.margin).abs() < 1e-9;
        notes.check(fine, "target-margin", &about, || format!("its margin is {margin}, not {}", t.margin));
    }
    for t in given.iter().filter(|t| !wanted.iter().any(|d| d.what == t.what)) {
        notes.fatal("target-unknown", format!("{subject} {}", t.what), "nothing in the scenario asks for it");
    }
}

fn of_service(s: &super::structure::Served<'_>) -> Vec<Demand> {
    let d = &s.wanted.deadline;
    let percentile = format!("{:.3}", 100.0 * d.percentile.get());
    let percentile = percentile.trim_end_matches('0').trim_end_matches('.');
    let worst = |of: fn(&protocol::Replica) -> f64| s.planned.replicas.iter().map(of).fold(0.0, f64::max);
    let mut all = Vec::new();
    for (what, said, value) in [
        ("ttft", &d.ttft, worst(|r| r.ttft_s)),
        ("tpot", &d.tpot, worst(|r| r.tpot_s)),
        ("total", &d.total, worst(|r| r.total_s)),
    ] {
        if let Some(said) = said {
            all.push(most(format!("{what} p{percentile}"), said.value.get(), value, "s", said.at));
        }
    }
    if let (Some(floor), Some(value)) = (&s.wanted.accuracy, s.planned.expected.accuracy) {
        let what = format!("accuracy {}", floor.benchmark.value);
        all.push(least(what, floor.at_least.value.get(), value, floor.at_least.at));
    }
    all
}

fn most(what: String, limit: f64, value: f64, unit: &'static str, at: At) -> Demand {
    Demand { what, limit, value, unit: unit.into(), at_most: true, line: at.line }
}

fn least(what: String, limit: f64, value: f64, at: At) -> Demand {
    Demand { what, limit, value, unit: "1".into(), at_most: false, line: at.line }
}

fn of_fleet(scenario: &Scenario, plan: &Plan, r: &Resolved<'_>, load: &Load) -> Vec<Demand> {
    let (l, t) = (&scenario.limits, &plan.totals);
    let mut all = Vec::new();
    all.extend(l.power.as_ref().map(|c| most("power".into(), c.value.get(), t.power_w, "W", c.at)));
    all.extend(l.latency.as_ref().map(|c| most("latency score".into(), c.value.get(), t.latency_score, "1", c.at)));
    all.extend(
        l.underutilisation.as_ref().map(|c| most("underutilisation".into(), c.value.get(), t.underutilisation, "1", c.at)),
    );
    if let (Some(c), Some(accuracy)) = (&l.mean_accuracy, t.accuracy) {
        all.push(least("mean accuracy".into(), c.value.get(), accuracy, c.at));
    }
    if let (Some(c), Some(cost)) = (&l.cost, t.cost_per_day) {
        let unit = format!("{}/day", c.value.currency).into();
        let demand = most("cost of a day".into(), c.value.amount, cost, "", c.at);
        all.push(Demand { unit, ..demand });
    }
    if let (Some(c), Some(carbon)) = (&l.carbon, t.carbon_g_per_day) {
        all.push(most("carbon of a day".into(), c.value.get(), carbon, "g/day", c.at));
    }
    for site in &r.devices {
        if let Some(mode) = site.mode {
            of_device(scenario, site, mode, &mut all);
        }
    }
    for &(budget, booked) in load.links.iter().filter(|(_, booked)| *booked > 0.0) {
        let limit = link::capacity_bytes_s(route::rates(scenario, budget), l.booked_link.value.get());
        all.push(most(format!("link {}", link_name(scenario, budget)), limit, booked, "B/s", l.booked_link.at));
    }
    all
}

fn of_device(scenario: &Scenario, site: &super::structure::Site<'_>, mode: &profiles::PowerMode, all: &mut Vec<Demand>) {
    let (w, e, name) = (site.wanted, &site.planned.expected, &site.wanted.name);
    all.push(most(format!("temperature {name}"), w.profile.thermal.throttle.value.get(), e.temperature_c, "°C", At::default()));
    let cap = match (&w.power_cap, &mode.cap) {
        (Some(owner), _) => Some((owner.value.get(), owner.at)),
        (None, Some(cap)) => Some((cap.value.get(), At::default())),
        (None, None) => None,
    };
    all.extend(cap.map(|(cap, at)| most(format!("power {name}"), cap, e.power_w, "W", at)));
    for pool in e.pools.iter().filter(|p| p.resident_bytes > 0.0) {
        let what = format!("memory {name} {}", pool.pool);
        all.push(most(what, pool.limit_bytes, pool.resident_bytes, "B", w.memory_margin.at));
    }
    for p in e.processors.iter().filter(|p| p.booked > 0.0) {
        let at = scenario.limits.booked_time.at;
        all.push(most(format!("booked {name} {}", p.processor), site.booked_cap, p.booked, "1", at));
    }
}

/// Name of a link whose rate is a budget: its site or its ends, and its kind.
pub(super) fn link_name(scenario: &Scenario, budget: Budget) -> String {
    let end = |e: End| match e {
        End::Device(d) => scenario.devices[d].name.as_str(),
        End::Site(s) => scenario.sites[s].name.as_str(),
    };
    let kind = &route::rates(scenario, budget).kind;
    match budget {
        Budget::Site(s) => format!("{} {kind}", scenario.sites[s].name),
        Budget::Link(l) => {
            let (a, b) = scenario.links[l].between;
            format!("{}–{} {kind}", end(a), end(b))
        }
    }
}
