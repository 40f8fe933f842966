//! Plans with stages of several formats, devices that sleep between requests, and days with prices: made by search,
//! worked out again by the linter, and spoilt.

use super::super::*;
use crate::compose::{compose, seal};
use crate::physics::{self, Model};
use crate::search::{self, Effort, Silent};
use crate::table::Assignment;
use crate::testing::{board, device_of, rich_scenario, service_of, tiny_llm, two_boards_and_a_card};
use profiles::units::{Bytes, GramsPerDay, GramsPerKilowattHour, PerSecond, Ratio, Seconds};
use profiles::{Precision, WeightFormat};
use protocol::{Certificate, Plan};
use scenarios::{At, Goal, Money, Said, Scenario};

fn said<T>(value: T) -> Said<T> {
    Said { value, at: At { line: 9, column: 1 } }
}

pub(super) fn solved(s: &Scenario, seed: u64) -> Option<(Model, Assignment, Plan)> {
    let model = physics::build(s);
    let found = search::solve(&model.table, &Effort { seed, front: 0, ..Effort::for_seconds(0.3) }, &Silent);
    let (assignment, e) = found.best?;
    let rate: f64 = s.services.iter().map(|v| v.rate.value.get()).sum();
    let (objective, unit, scale) = match s.objective.goal {
        Goal::Power | Goal::AnswersPerJoule => ("fleet power", "W".to_owned(), 1.0),
        Goal::EnergyPerRequest => ("energy per request", "J".to_owned(), 1.0 / rate),
        Goal::Latency => ("latency score with its tie-break", "1".to_owned(), 1.0),
        Goal::Accuracy => ("inaccuracy with its tie-break", "1".to_owned(), 1.0),
        Goal::Cost => ("cost of a day", format!("{}/day", s.currency().unwrap_or("")), 1.0),
        Goal::Carbon => ("carbon of a day", "g/day".to_owned(), 1.0),
    };
    let (value, bound) = (e.objective * scale, found.bound.min(e.objective) * scale);
    let gap = if value.abs() > 0.0 { (value - bound) / value.abs() } else { 0.0 };
    let certificate = Certificate { objective: objective.into(), unit, value, bound, gap, status: "gap".into() };
    let plan = compose(s, &model, &assignment, certificate, seed);
    Some((model, assignment, plan))
}

/// What the linter says of a spoilt plan, by rule.
pub(super) fn codes(s: &Scenario, plan: &Plan, spoil: impl FnOnce(&mut Plan)) -> Vec<&'static str> {
    let mut other = plan.clone();
    spoil(&mut other);
    lint(s, &seal(other)).notes.iter().map(|n| n.code).collect()
}

/// A model that neither board holds whole: one board has only an 8-bit kernel, the other only a 4-bit one.
fn two_formats() -> Scenario {
    let mut s = two_boards_and_a_card();
    s.devices.truncate(2);
    s.services.truncate(1);
    for (d, keep) in [WeightFormat::W8, WeightFormat::W4].into_iter().enumerate() {
        let profile = &mut s.devices[d].profile;
        profile.id = format!("board-{keep}");
        profile.processors.iter_mut().for_each(|p| p.kernels.retain(|f, _| *f == keep));
        profile.memories.values_mut().for_each(|m| m.size.value = Bytes(2.64e8));
    }
    s.services[0] = service_of("chat", tiny_llm("tiny", 12, 1024));
    let plain = |weights| Precision { weights, kv_bits: 16, activation_bits: 16 };
    s.services[0].precisions = vec![plain(WeightFormat::W8), plain(WeightFormat::W4)];
    s.services[0].rate = said(PerSecond(0.005));
    s.services[0].mixed = true;
    s
}

#[test]
fn the_split_chooses_bits_by_stage() {
    let s = two_formats();
    let mut plain = s.clone();
    plain.services[0].mixed = false;
    assert!(solved(&plain, 1).is_none(), "one format alone fits nowhere");
    let (model, assignment, plan) = solved(&s, 1).expect("two formats fit together");
    let verdict = lint(&s, &plan);
    assert!(verdict.notes.is_empty(), "{verdict}");
    let service = &plan.services[0];
    let weights: Vec<_> = service.replicas[0].stages.iter().map(|st| (st.device.as_str(), st.weights)).collect();
    assert!(weights.contains(&("pi-1", Some(WeightFormat::W8))) && weights.contains(&("pi-2", None)), "{weights:?}");
    // Its accuracy is that of the worst format, and said to be an assumption.
    let row = s.services[0].models[0].value.quality.iter().find(|r| r.weights == WeightFormat::W4 && r.benchmark == "gsm8k");
    assert_eq!(service.expected.accuracy, row.map(|r| r.accuracy.value.get()));
    assert!(plan.sources.assumptions.iter().any(|a| a.contains("several precisions")), "{:?}", plan.sources.assumptions);
    assert_eq!(crate::explain::assignment_of(&s, &model, &plan).as_ref(), Some(&assignment));
    assert!(codes(&plain, &plan, |_| ()).contains(&"mixed-precisions"));
    let stage = service.replicas[0].stages.iter().position(|st| st.weights.is_some()).unwrap();
    let all = codes(&s, &plan, |p| p.services[0].replicas[0].stages[stage].weights = None);
    assert!(all.contains(&"kernel") && all.contains(&"cannot-run"), "{all:?}");
    let all = codes(&s, &plan, |p| p.services[0].replicas[0].stages[1 - stage].weights = Some(WeightFormat::W4));
    assert!(all.contains(&"stage-weights"), "{all:?}");
    let all = codes(&s, &plan, |p| p.services[0].precision.weights = WeightFormat::W8);
    assert!(all.contains(&"stage-weights") && all.contains(&"accuracy"), "{all:?}");
}

/// One board, a request every ten minutes, waking in half a second for five joules.
fn naps() -> Scenario {
    let mut s = two_boards_and_a_card();
    s.devices.truncate(1);
    s.services.truncate(1);
    s.devices[0].naps = true;
    let sleep = &mut s.devices[0].profile.sleep;
    (sleep.wake_time.value, sleep.wake_energy.value) = (Seconds(0.5), profiles::units::Joules(5.0));
    s.services[0].rate = said(PerSecond(1.0 / 600.0));
    s
}

#[test]
fn a_device_sleeps_between_requests_where_waking_is_cheaper() {
    let s = naps();
    let (model, assignment, plan) = solved(&s, 1).unwrap();
    let verdict = lint(&s, &plan);
    assert!(verdict.notes.is_empty(), "{verdict}");
    let device = &plan.devices[0];
    assert!(device.awake && device.mode.as_ref().unwrap().naps);
    let wakes = device.expected.wakes_hz.unwrap();
    assert!((wakes - 1.0 / 600.0).abs() < 1e-12);
    // By hand: asleep, woken, awake for the request, and its own energy; leakage is small beside.
    let mut awake = s.clone();
    awake.devices[0].naps = false;
    let (_, _, other) = solved(&awake, 1).unwrap();
    let (nap, stay) = (&plan.services[0].replicas[0], &other.services[0].replicas[0]);
    let busy = stay.stages[0].busy_s;
    let profile = &s.devices[0].profile;
    let (idle, sleep) = (profile.modes[0].idle.value.get(), profile.sleep.power.value.get());
    let wanted = sleep + wakes * ((idle - sleep) * busy + 5.0 + stay.stages[0].dynamic_j);
    let own = device.expected.power_w - device.expected.leakage_w;
    assert!((own - wanted).abs() < 1e-9, "{own} {wanted}");
    assert!((nap.stages[0].busy_s - busy - 0.5).abs() < 1e-9 && nap.ttft_s >= stay.ttft_s + 0.5);
    assert!(plan.totals.power_w < other.totals.power_w);
    assert_eq!(crate::explain::assignment_of(&s, &model, &plan).as_ref(), Some(&assignment));
    // Often enough, it pays to stay awake; where waking is too slow, it must.
    let mut often = s.clone();
    often.devices[0].profile.sleep.wake_energy.value = profiles::units::Joules(5000.0);
    assert!(!solved(&often, 1).unwrap().2.devices[0].mode.as_ref().unwrap().naps);
    let mut slow = s.clone();
    slow.devices[0].profile.sleep.wake_time.value = Seconds(100.0);
    assert!(!solved(&slow, 1).unwrap().2.devices[0].mode.as_ref().unwrap().naps);
    assert!(codes(&awake, &plan, |_| ()).contains(&"naps"));
    assert!(codes(&s, &plan, |p| p.devices[0].expected.wakes_hz = Some(1.0)).contains(&"wakes"));
    assert!(codes(&s, &plan, |p| p.devices[0].expected.wakes_hz = None).contains(&"wakes"));
    assert!(codes(&s, &plan, |p| p.devices[0].mode.as_mut().unwrap().naps = false).contains(&"busy"));
}

#[test]
fn a_copy_that_decodes_in_turns_does_not_nap() {
    let mut s = two_formats();
    s.devices.iter_mut().for_each(|d| d.naps = true);
    let (_, _, plan) = solved(&s, 1).unwrap();
    assert!(plan.devices.iter().all(|d| d.mode.as_ref().is_some_and(|m| !m.naps)));
    assert!(lint(&s, &plan).notes.is_empty());
    assert!(codes(&s, &plan, |p| p.devices[0].mode.as_mut().unwrap().naps = true).contains(&"naps"));
}

/// A dear and dirty site, a clean one with a rent, joined by a link.
fn priced() -> Scenario {
    let mut s = two_boards_and_a_card();
    let mut clean = s.sites[0].clone();
    clean.name = "clean".into();
    let euro = |amount| Some(said(Money { amount, currency: "EUR".into() }));
    (s.sites[0].electricity, s.sites[0].carbon) = (euro(0.4), Some(said(GramsPerKilowattHour(400.0))));
    (clean.electricity, clean.carbon) = (euro(0.1), Some(said(GramsPerKilowattHour(50.0))));
    s.sites.push(clean);
    let mut far = device_of("far", board(), 1);
    far.rent = euro(0.01);
    s.devices = vec![s.devices[0].clone(), far];
    let rates = s.sites[0].link.clone();
    let between = (scenarios::End::Site(0), scenarios::End::Site(1));
    s.links.push(scenarios::Link { between, rates, at: At { line: 8, column: 5 } });
    s.services.truncate(1);
    s
}

#[test]
fn money_and_carbon_choose_different_sites() {
    let runs_on = |s: &Scenario| {
        let (_, _, plan) = solved(s, 1).unwrap();
        let verdict = lint(s, &plan);
        assert!(verdict.notes.is_empty(), "{verdict}");
        (plan.services[0].replicas[0].stages[0].device.clone(), plan)
    };
    let mut s = priced();
    s.objective.goal = Goal::Cost;
    let (cheap, plan) = runs_on(&s);
    let by_hand: f64 = 0.024 * (plan.devices[0].expected.power_w * 0.4 + plan.devices[1].expected.power_w * 0.1);
    let rent = if plan.devices[1].awake { 0.24 } else { 0.0 };
    assert!((plan.totals.cost_per_day.unwrap() - by_hand - rent).abs() < 1e-12);
    assert_eq!(plan.totals.currency.as_deref(), Some("EUR"));
    s.objective.goal = Goal::Carbon;
    let (clean, plan) = runs_on(&s);
    assert_eq!((cheap.as_str(), clean.as_str()), ("pi-1", "far"));
    // A limit on money under the goal of carbon drives it back.
    s.limits.cost = Some(said(Money { amount: plan.totals.cost_per_day.unwrap() * 0.9, currency: "EUR".into() }));
    let (back, plan) = runs_on(&s);
    assert_eq!(back, "pi-1");
    assert!(plan.totals.targets.iter().any(|t| t.what == "cost of a day" && t.unit == "EUR/day" && t.margin >= 0.0));
    assert!(codes(&s, &plan, |p| p.totals.cost_per_day = Some(0.001)).contains(&"cost"));
    assert!(codes(&s, &plan, |p| p.totals.carbon_g_per_day = None).contains(&"carbon"));
    assert!(codes(&s, &plan, |p| p.totals.currency = Some("USD".into())).contains(&"currency"));
    let mut tight = s.clone();
    tight.limits.cost = Some(said(Money { amount: plan.totals.cost_per_day.unwrap() * 0.5, currency: "EUR".into() }));
    assert!(codes(&tight, &plan, |_| ()).contains(&"fleet-cost"));
    assert!(solved(&tight, 1).is_none());
    tight.limits.cost = None;
    tight.limits.carbon = Some(said(GramsPerDay(plan.totals.carbon_g_per_day.unwrap() * 0.5)));
    assert!(codes(&tight, &plan, |_| ()).contains(&"fleet-carbon"));
}

#[test]
fn random_rich_scenarios_give_plans_that_the_linter_accepts() {
    let (mut plans, mut mixed, mut naps, mut bills) = (0, 0, 0, 0);
    for seed in 0..120 {
        let mut s = rich_scenario(seed);
        // Room for what may nap to nap.
        s.limits.booked_time.value = Ratio(0.7);
        let Some((model, assignment, plan)) = solved(&s, seed) else { continue };
        let verdict = lint(&s, &plan);
        assert!(!verdict.fatal(), "seed {seed}: {verdict}");
        assert_eq!(crate::explain::assignment_of(&s, &model, &plan), Some(assignment), "seed {seed}");
        plans += 1;
        mixed += u32::from(plan.services.iter().flat_map(|v| &v.replicas).flat_map(|r| &r.stages).any(|st| st.weights.is_some()));
        naps += u32::from(plan.devices.iter().any(|d| d.mode.as_ref().is_some_and(|m| m.naps)));
        bills += u32::from(plan.totals.cost_per_day.is_some() && plan.totals.carbon_g_per_day.is_some());
    }
    println!("{plans} plans, {mixed} with several formats, {naps} with naps, {bills} with both bills");
    assert!(plans >= 60 && mixed >= 3 && naps >= 10 && bills >= 30, "{plans} plans, {mixed} mixed, {naps} naps, {bills} bills");
}
