//! A good plan, and every way to spoil it: each must be found, under its own rule.

use super::super::*;
use crate::compose::{compose, seal};
use crate::physics::{self, Model};
use crate::table::{Assignment, Chain, Deployment, Stage, evaluate};
use crate::testing::two_boards_and_a_card;
use profiles::units::{Bytes, BytesPerSecond, Celsius, Ratio, Seconds, Watts};
use profiles::{Quality, WeightFormat};
use protocol::{Certificate, Plan};
use scenarios::{At, Said, Scenario};

fn said<T>(value: T, line: u32) -> Said<T> {
    Said { value, at: At { line, column: 1 } }
}

/// Chat over two boards, notes on the card, with every kind of demand.
fn scenario() -> Scenario {
    let mut s = two_boards_and_a_card();
    s.sites[0].link.shared = true;
    s.devices[2].power_cap = Some(said(Watts(25.0), 4));
    s.devices[2].modes = vec!["30W".into()];
    s.devices[2].memory_margin = said(Ratio(0.2), 5);
    let chat = &mut s.services[0];
    chat.origin = Some(0);
    chat.pins = vec![said(1, 20)];
    chat.private_to = vec![said(0, 21)];
    chat.max_stages = 2;
    let notes = &mut s.services[1];
    notes.forbidden = vec![said(0, 31)];
    notes.apart_from = vec![said(0, 32)];
    notes.deadline.ttft = Some(said(Seconds(20.0), 33));
    notes.deadline.tpot = Some(said(Seconds(2.0), 34));
    s.limits.power = Some(said(Watts(60.0), 40));
    s.limits.latency = Some(said(Ratio(0.9), 41));
    s.limits.underutilisation = Some(said(Ratio(1.0), 42));
    s.limits.mean_accuracy = Some(said(Ratio(0.4), 43));
    s
}

fn assignment(model: &Model) -> Assignment {
    let t = &model.table;
    let place = |device: u32, processor: u32| {
        let fits = |p: &u32| {
            let place = &t.places[*p as usize];
            (place.device, place.processor) == (device, processor) && (t.modes[place.mode as usize].booked_cap - 0.7).abs() < 1e-9
        };
        (0..t.places.len() as u32).find(fits).unwrap()
    };
    let stage = |place, start, end| Stage { place, start, end };
    let chain = |stages| Some(Deployment { option: 0, chains: vec![Chain { stages }] });
    let blocks = |s: usize| t.services[s].options[0].blocks;
    Assignment {
        services: vec![
            chain(vec![stage(place(0, 0), 0, 3), stage(place(1, 0), 3, blocks(0))]),
            chain(vec![stage(place(2, 0), 0, blocks(1))]),
        ],
    }
}

fn good() -> (Scenario, Plan) {
    let s = scenario();
    let model = physics::build(&s);
    let a = assignment(&model);
    let e = evaluate(&model.table, &a);
    assert!(e.feasible(), "{:?}", e.violations);
    let (value, bound) = (e.objective, e.objective - 0.1);
    let certificate = Certificate {
        objective: "fleet power".into(),
        unit: "W".into(),
        value,
        bound,
        gap: (value - bound) / value,
        status: "gap".into(),
    };
    let plan = compose(&s, &model, &a, certificate, 1);
    (s, plan)
}

#[test]
fn a_good_plan_passes() {
    let (s, plan) = good();
    let verdict = lint(&s, &plan);
    assert!(verdict.notes.is_empty(), "{verdict}");
    let own = verdict.totals.unwrap();
    assert!((own.power_w - plan.totals.power_w).abs() < 1e-6);
    assert!(verdict.to_string().contains("every number was found again"));
}

type Edit = (&'static str, fn(&mut Plan));

/// Rule that must speak, and what is done to the plan.
const EDITS: &[Edit] = &[
    ("schema", |p| p.schema = "wattline.plan/9".into()),
    ("fleet", |p| p.fleet = "other".into()),
    ("scenario", |p| p.scenario = "1".repeat(64)),
    ("generation", |p| p.generation = 0),
    ("generation", |p| p.generation = 2),
    ("generation", |p| p.parent = Some("f".repeat(64))),
    ("planner", |p| p.planner.clear()),
    ("devices", |p| p.devices.reverse()),
    ("devices", |p| drop(p.devices.pop())),
    ("devices", |p| p.devices[0].name = "pi".into()),
    ("profile", |p| p.devices[0].profile = "test-card".into()),
    ("site", |p| p.devices[0].site = "shed".into()),
    ("mode", |p| p.devices[0].awake = false),
    ("asleep-used", |p| (p.devices[0].awake, p.devices[0].mode) = (false, None)),
    ("mode", |p| p.devices[0].mode = None),
    ("mode", |p| p.devices[2].mode.as_mut().unwrap().id = "99W".into()),
    ("mode-allowed", |p| p.devices[2].mode.as_mut().unwrap().id = "15W".into()),
    ("clock", |p| p.devices[2].mode.as_mut().unwrap().clock = 1.5),
    ("clock", |p| p.devices[2].mode.as_mut().unwrap().clock = f64::NAN),
    ("busy", |p| p.devices[2].mode.as_mut().unwrap().clock = 0.85),
    ("throttled", |p| p.devices[2].mode.as_mut().unwrap().throttled = true),
    ("busy", |p| {
        let mode = p.devices[2].mode.as_mut().unwrap();
        (mode.clock, mode.throttled) = (0.2, true);
    }),
    ("booked-cap", |p| p.devices[2].mode.as_mut().unwrap().booked_cap = 0.95),
    ("total", |p| p.devices[2].mode.as_mut().unwrap().booked_cap = 0.3),
    ("power", |p| p.devices[0].expected.power_w *= 1.01),
    ("dynamic-power", |p| p.devices[0].expected.dynamic_w *= 1.01),
    ("leakage", |p| p.devices[0].expected.leakage_w *= 0.99),
    ("temperature", |p| p.devices[0].expected.temperature_c += 1.0),
    ("throttle", |p| p.devices[0].expected.throttle_c += 1.0),
    ("phi", |p| p.devices[0].expected.phi = 1.0),
    ("pools", |p| p.devices[0].expected.pools[0].pool = "vram".into()),
    ("pools", |p| p.devices[0].expected.pools.clear()),
    ("resident", |p| p.devices[0].expected.pools[0].resident_bytes *= 0.99),
    ("usable", |p| p.devices[0].expected.pools[0].usable_bytes *= 1.01),
    ("memory-limit", |p| p.devices[2].expected.pools[0].limit_bytes *= 1.2),
    ("cpq", |p| p.devices[0].expected.pools[0].cpq *= 0.9),
    ("processors", |p| p.devices[2].expected.processors.reverse()),
    ("booked", |p| p.devices[2].expected.processors[0].booked *= 0.9),
    ("services", |p| p.services.reverse()),
    ("services", |p| drop(p.services.pop())),
    ("model", |p| p.services[0].model = "small".into()),
    ("precision-allowed", |p| p.services[0].precision.weights = WeightFormat::W8),
    ("precision-allowed", |p| p.services[0].precision.kv_bits = 8),
    ("precision-allowed", |p| p.services[0].precision.activation_bits = 8),
    ("bits", |p| p.services[0].bits_per_weight = 4.0),
    ("method", |p| p.services[0].scaling.method = "luck".into()),
    ("method-allowed", |p| p.services[0].scaling.method = "majority".into()),
    ("samples", |p| p.services[0].scaling.samples = 5),
    ("budget", |p| p.services[0].scaling.token_budget = Some(64)),
    ("rate", |p| p.services[0].rate_hz *= 0.5),
    ("shares", |p| p.services[0].replicas[0].share = 0.9),
    ("replicas", |p| p.services[0].replicas.clear()),
    ("replica-count", |p| {
        let again = p.services[1].replicas[0].clone();
        p.services[1].replicas.push(again);
    }),
    ("replicas-disjoint", |p| {
        let again = p.services[1].replicas[0].clone();
        p.services[1].replicas.push(again);
    }),
    ("stage-device", |p| p.services[0].replicas[0].stages[0].device = "pi-9".into()),
    ("stage-processor", |p| p.services[0].replicas[0].stages[0].processor = "npu".into()),
    ("stages-contiguous", |p| p.services[0].replicas[0].stages[1].start = 4),
    ("stages-contiguous", |p| p.services[0].replicas[0].stages[0].end = 2),
    ("stages-cover", |p| drop(p.services[0].replicas[0].stages.pop())),
    ("stages-cover", |p| p.services[0].replicas[0].stages[1].end += 1),
    ("stages-cover", |p| p.services[0].replicas[0].stages[1].end = u32::MAX),
    ("max-stages", |p| {
        let stages = &mut p.services[0].replicas[0].stages;
        let mut last = stages[1].clone();
        (stages[1].end, last.start) = (4, 4);
        last.device = "card".into();
        last.processor = "cpu".into();
        stages.push(last);
    }),
    ("processor-twice", |p| p.services[0].replicas[0].stages[1].device = "pi-1".into()),
    ("private", |p| p.services[0].replicas[0].stages[0].device = "pi-2".into()),
    ("pin", |p| p.services[0].replicas[0].stages[1].device = "pi-1".into()),
    ("forbidden", |p| {
        let stage = &mut p.services[1].replicas[0].stages[0];
        (stage.device, stage.processor) = ("pi-1".into(), "cpu".into());
    }),
    ("apart", |p| {
        let stage = &mut p.services[1].replicas[0].stages[0];
        (stage.device, stage.processor) = ("pi-2".into(), "cpu".into());
    }),
    ("streaming", |p| p.services[0].replicas[0].stages[0].resident_share = 0.5),
    ("resident-share", |p| p.services[0].replicas[0].stages[0].resident_share = 0.0),
    ("resident-share", |p| p.services[0].replicas[0].stages[1].resident_share = 0.9),
    ("busy", |p| p.services[0].replicas[0].stages[0].busy_s *= 1.01),
    ("memory", |p| p.services[0].replicas[0].stages[0].memory_bytes *= 0.9),
    ("dynamic-energy", |p| p.services[0].replicas[0].stages[0].dynamic_j *= 0.9),
    ("dasi", |p| p.services[0].replicas[0].stages[0].dasi += 0.1),
    ("memory-saturation", |p| p.services[0].replicas[0].stages[0].memory_saturation -= 0.1),
    ("ttft", |p| p.services[0].replicas[0].ttft_s *= 0.9),
    ("tpot", |p| p.services[0].replicas[0].tpot_s *= 0.9),
    ("total", |p| p.services[0].replicas[0].total_s *= 0.9),
    ("accuracy", |p| p.services[0].expected.accuracy = Some(0.9)),
    ("accuracy", |p| p.services[0].expected.accuracy = None),
    ("benchmark", |p| p.services[0].expected.benchmark = Some("mmlu".into())),
    ("energy", |p| p.services[0].expected.energy_j *= 0.9),
    ("service-time", |p| p.services[0].expected.service_s *= 0.9),
    ("target-limit", |p| p.services[0].targets[0].limit *= 2.0),
    ("target-value", |p| p.services[0].targets[0].value *= 0.5),
    ("target-sense", |p| p.services[0].targets[0].unit = "ms".into()),
    ("target-sense", |p| p.services[0].targets[0].at_most = false),
    ("target-margin", |p| p.services[0].targets[0].margin = 0.99),
    ("target-line", |p| p.services[0].targets[0].line = 1),
    ("target-missing", |p| drop(p.services[1].targets.pop())),
    ("target-missing", |p| drop(p.totals.targets.remove(0))),
    ("target-twice", |p| {
        let again = p.totals.targets[0].clone();
        p.totals.targets.push(again);
    }),
    ("target-unknown", |p| p.services[0].targets[0].what = "beauty".into()),
    ("total-power", |p| p.totals.power_w *= 0.99),
    ("conserved", |p| p.totals.power_w *= 1.0 + 1e-5),
    ("energy-per-request", |p| p.totals.energy_per_request_j *= 0.99),
    ("mean-latency", |p| p.totals.mean_latency_s *= 0.99),
    ("mean-accuracy", |p| p.totals.accuracy = Some(0.99)),
    ("answering-power", |p| p.totals.answering_power_w *= 0.9),
    ("ipw", |p| p.totals.ipw = Some(9.0)),
    ("ipw-fleet", |p| p.totals.ipw_fleet = None),
    ("answers-per-kj", |p| p.totals.answers_per_kj = Some(1e6)),
    ("latency-score", |p| p.totals.latency_score *= 0.5),
    ("underutilisation", |p| p.totals.underutilisation = 0.0),
    ("throttled-devices", |p| p.totals.throttled_devices = 1),
    ("objective", |p| p.certificate.objective = "beauty".into()),
    ("objective", |p| p.certificate.unit = "kW".into()),
    ("objective-value", |p| p.certificate.value *= 1.05),
    ("bound", |p| p.certificate.bound = p.certificate.value + 1.0),
    ("gap", |p| p.certificate.gap = 0.0),
    ("status", |p| p.certificate.status = "perfect".into()),
    ("status", |p| p.certificate.status = "optimal".into()),
    ("sources", |p| p.sources.worst = Quality::Measured),
    ("sources", |p| p.sources.assumed = 0),
    ("assumptions", |p| p.sources.assumptions.clear()),
];

#[test]
fn every_spoiled_plan_is_found_out() {
    let (s, plan) = good();
    assert!(EDITS.len() >= 40);
    for (i, (code, edit)) in EDITS.iter().enumerate() {
        let mut spoiled = plan.clone();
        edit(&mut spoiled);
        assert_ne!(spoiled, plan, "edit {i} ({code}) changes nothing");
        // Named anew, so that the hash alone does not give it away.
        let verdict = lint(&s, &seal(spoiled));
        let found = verdict.notes.iter().any(|n| n.code == *code && n.severity == Severity::Fatal);
        assert!(found, "edit {i} ({code}) gave:\n{verdict}");
    }
}

#[test]
fn a_changed_byte_breaks_the_hash() {
    let (s, mut plan) = good();
    plan.seed += 1;
    let verdict = lint(&s, &plan);
    assert!(verdict.notes.iter().all(|n| n.code == "id") && verdict.fatal());
    assert!(!lint(&s, &seal(plan)).fatal(), "the seed itself is free");
}

type Tighten = (&'static str, fn(&mut Scenario));

/// Rule that must speak when the scenario asks for more than the plan gives.
const TIGHTER: &[Tighten] = &[
    ("fleet-power", |s| s.limits.power.as_mut().unwrap().value = Watts(1.0)),
    ("fleet-latency", |s| s.limits.latency.as_mut().unwrap().value = Ratio(1e-6)),
    ("fleet-underutilisation", |s| s.limits.underutilisation.as_mut().unwrap().value = Ratio(1e-3)),
    ("fleet-accuracy", |s| s.limits.mean_accuracy.as_mut().unwrap().value = Ratio(0.99)),
    ("floor", |s| s.services[0].accuracy.as_mut().unwrap().at_least.value = Ratio(0.99)),
    ("deadline-ttft", |s| s.services[1].deadline.ttft.as_mut().unwrap().value = Seconds(1e-6)),
    ("deadline-tpot", |s| s.services[1].deadline.tpot.as_mut().unwrap().value = Seconds(1e-6)),
    ("deadline-total", |s| s.services[0].deadline.total.as_mut().unwrap().value = Seconds(1e-3)),
    ("memory-full", |s| s.devices[0].memory_margin.value = Ratio(0.999)),
    ("booked-time", |s| s.limits.booked_time.value = Ratio(1e-6)),
    ("link", |s| s.sites[0].link.bandwidth = BytesPerSecond(10.0)),
    ("power-cap", |s| s.devices[2].power_cap.as_mut().unwrap().value = Watts(7.0)),
    ("cannot-run", |s| s.devices[2].profile.modes[0].cap.as_mut().unwrap().value = Watts(7.0)),
    ("throttle", |s| s.devices[2].profile.thermal.throttle.value = Celsius(26.0)),
    ("runaway", |s| s.devices[2].profile.thermal.resistance.value.0 = 60.0),
    ("kernel", |s| drop(s.devices[0].profile.processors[0].kernels.remove(&WeightFormat::W4))),
    ("context", |s| s.services[0].models[0].value.context = 10),
    ("format", |s| s.services[0].models[0].value.formats = vec![WeightFormat::Ternary]),
    ("unreachable", |s| s.sites[0].link.loss = Ratio(1.0)),
    ("usable", |s| s.devices[0].profile.memories.get_mut("dram").unwrap().size.value = Bytes(1e6)),
    ("replica-count", |s| s.services[0].replicas = (2, 2)),
];

#[test]
fn every_broken_demand_is_found_out() {
    let (s, plan) = good();
    for (code, tighten) in TIGHTER {
        let mut wanted = s.clone();
        tighten(&mut wanted);
        let verdict = lint(&wanted, &plan);
        assert!(verdict.notes.iter().any(|n| n.code == *code && n.severity == Severity::Fatal), "{code} gave:\n{verdict}");
    }
}

#[test]
fn hosts_and_devices_that_must_stay_awake() {
    let (mut s, plan) = good();
    // Without chat the boards sleep.
    s.services.remove(0);
    s.services[0].apart_from.clear();
    s.devices[0].may_sleep = false;
    s.devices[2].host = Some(1);
    let mut plan = plan;
    plan.services.remove(0);
    for d in &mut plan.devices[..2] {
        (d.awake, d.mode) = (false, None);
    }
    let verdict = lint(&s, &plan);
    for code in ["must-wake", "host-asleep"] {
        assert!(verdict.notes.iter().any(|n| n.code == code), "{code}: {verdict}");
    }
    let mut idle = good().1;
    idle.services[1].replicas[0].stages[0].device = "pi-2".into();
    idle.services[1].replicas[0].stages[0].processor = "cpu".into();
    let verdict = lint(&scenario(), &idle);
    assert!(verdict.notes.iter().any(|n| n.code == "awake-idle" && n.severity == Severity::Warning));
}
