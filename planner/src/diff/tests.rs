use super::*;
use profiles::{Precision, Quality, WeightFormat};
use protocol::{
    Certificate, DeviceExpectation, PlannedMode, PlannedScaling, PlannedStage, Replica, SCHEMA, ServiceExpectation, Sources,
    Totals,
};

fn device(name: &str, awake: bool, power_w: f64) -> PlannedDevice {
    PlannedDevice {
        name: name.into(),
        profile: "orin".into(),
        site: "lab".into(),
        awake,
        mode: awake.then(|| PlannedMode { id: "15w".into(), clock: 1.0, throttled: false, booked_cap: 0.7, naps: false }),
        expected: DeviceExpectation {
            power_w,
            dynamic_w: 0.0,
            leakage_w: 0.0,
            temperature_c: 40.0,
            throttle_c: 95.0,
            phi: 0.9,
            pools: vec![],
            processors: vec![],
            wakes_hz: None,
        },
        fitted: None,
    }
}

fn stage(device: &str, start: u32, end: u32) -> PlannedStage {
    PlannedStage {
        device: device.into(),
        processor: "gpu".into(),
        filters: false,
        start,
        end,
        reached: None,
        weights: None,
        resident_share: 1.0,
        memory_bytes: 1e9,
        busy_s: 1.0,
        dynamic_j: 5.0,
        dasi: 0.1,
        memory_saturation: 0.8,
        partner: None,
    }
}

fn plan() -> Plan {
    let replica = Replica { share: 1.0, stages: vec![stage("orin-a", 0, 16)], ttft_s: 0.6, tpot_s: 0.05, total_s: 6.0 };
    Plan {
        schema: SCHEMA.into(),
        id: "51c0aaaaaaaaaaaa".into(),
        parent: None,
        generation: 1,
        fleet: "lab".into(),
        scenario: "0".into(),
        planner: "0.1.0".into(),
        seed: 0,
        devices: vec![device("orin-a", true, 8.0), device("pi5-1", false, 0.3)],
        services: vec![PlannedService {
            name: "chat".into(),
            model: "llama-1b".into(),
            precision: Precision { weights: WeightFormat::W4, kv_bits: 16, activation_bits: 16 },
            bits_per_weight: 4.5,
            scaling: PlannedScaling { method: "single".into(), samples: 1, token_budget: None, close: None },
            filter: None,
            exit: None,
            adapters: None,
            experts: None,
            rate_hz: 0.1,
            replicas: vec![replica],
            expected: ServiceExpectation { accuracy: Some(0.4), benchmark: Some("gsm8k".into()), energy_j: 12.0, service_s: 5.0 },
            targets: vec![],
        }],
        totals: Totals {
            power_w: 8.3,
            energy_per_request_j: 83.0,
            mean_latency_s: 5.0,
            accuracy: Some(0.4),
            answering_power_w: 9.0,
            ipw: Some(0.044),
            ipw_fleet: Some(0.048),
            answers_per_kj: Some(4.8),
            latency_score: 0.5,
            underutilisation: 0.3,
            throttled_devices: 0,
            cost_per_day: None,
            currency: None,
            carbon_g_per_day: None,
            targets: vec![],
        },
        certificate: Certificate {
            objective: "power".into(),
            unit: "W".into(),
            value: 8.3,
            bound: 8.2,
            gap: 0.012,
            status: "gap".into(),
        },
        sources: Sources { worst: Quality::Assumed, measured: 0, fitted: 0, datasheet: 1, assumed: 1, assumptions: vec![] },
    }
}

#[test]
fn a_plan_does_not_differ_from_itself() {
    let d = diff(&plan(), &plan());
    assert!(d.is_empty() && !d.changes_decisions());
    assert!(d.render().contains("no difference"));
}

#[test]
fn another_hash_seed_or_parent_alone_is_no_difference() {
    let mut new = plan();
    new.id = "7f3a".into();
    new.parent = Some(plan().id);
    new.generation = 2;
    new.seed = 9;
    let d = diff(&plan(), &new);
    assert!(d.is_empty() && d.follows);
}

#[test]
fn a_moved_stage_shows_both_ends() {
    let mut new = plan();
    new.services[0].replicas[0].stages = vec![stage("orin-a", 0, 9), stage("pi5-1", 9, 16)];
    let d = diff(&plan(), &new);
    assert_eq!(d.services[0].removed_stages, ["orin-a/gpu blocks 0..16"]);
    assert_eq!(d.services[0].added_stages, ["orin-a/gpu blocks 0..9", "pi5-1/gpu blocks 9..16"]);
    assert!(d.changes_decisions());
}

#[test]
fn a_woken_device_a_new_mode_and_worse_power_are_told_apart() {
    let mut new = plan();
    new.devices[0].mode.as_mut().unwrap().clock = 0.8;
    new.devices[1] = device("pi5-1", true, 3.0);
    new.totals.power_w = 9.13;
    let d = diff(&plan(), &new);
    assert_eq!(d.devices[0].mode, Some(Change { old: "15w".into(), new: "15w at clock 0.800".into() }));
    assert_eq!(d.devices[1].awake, Some(Change { old: false, new: true }));
    assert_eq!(d.metrics.len(), 1);
    assert!((d.metrics[0].relative.unwrap() - 0.1).abs() < 1e-12);
    let text = d.render();
    assert!(text.contains("* pi5-1  asleep -> awake") && text.contains("+10.0 % (worse)"), "{text}");
}

#[test]
fn metrics_alone_are_a_difference_but_no_decision() {
    let mut new = plan();
    new.services[0].expected.energy_j = 13.0;
    let d = diff(&plan(), &new);
    assert!(!d.is_empty() && !d.changes_decisions());
}

#[test]
fn services_and_devices_are_paired_by_name() {
    let mut new = plan();
    new.devices.reverse();
    assert!(diff(&plan(), &new).is_empty());
    new.services[0].name = "talk".into();
    let d = diff(&plan(), &new);
    assert_eq!(
        d.services.iter().map(|s| (s.name.as_str(), s.kind)).collect::<Vec<_>>(),
        [("talk", Kind::Added), ("chat", Kind::Removed)]
    );
}

/// Every field of a plan that a person decides on or reads as a result shows when it alone changes.
#[test]
fn each_single_change_is_seen() {
    type Edit = (&'static str, fn(&mut Plan));
    let edits: [Edit; 14] = [
        ("model", |p| p.services[0].model = "other".into()),
        ("weights", |p| p.services[0].precision.weights = WeightFormat::W8),
        ("cache bits", |p| p.services[0].precision.kv_bits = 8),
        ("activation bits", |p| p.services[0].precision.activation_bits = 8),
        ("method", |p| p.services[0].scaling.method = "majority".into()),
        ("samples", |p| p.services[0].scaling.samples = 5),
        ("budget", |p| p.services[0].scaling.token_budget = Some(64)),
        ("rate", |p| p.services[0].rate_hz = 0.2),
        ("processor", |p| p.services[0].replicas[0].stages[0].processor = "cpu".into()),
        ("boundary", |p| p.services[0].replicas[0].stages[0].end = 15),
        ("latency", |p| p.services[0].replicas[0].ttft_s = 0.7),
        ("temperature", |p| p.devices[0].expected.temperature_c = 41.0),
        ("accuracy gone", |p| p.totals.accuracy = None),
        ("bound", |p| p.certificate.bound = 8.0),
    ];
    for (what, edit) in edits {
        let mut new = plan();
        edit(&mut new);
        assert!(!diff(&plan(), &new).is_empty(), "{what}");
    }
}

#[test]
fn bounds_on_different_objectives_are_not_compared() {
    let mut new = plan();
    new.certificate.bound = 0.1;
    assert_eq!(diff(&plan(), &new).metrics[0].name, "lower bound");
    new.certificate.objective = "latency".into();
    let d = diff(&plan(), &new);
    assert!(d.metrics.is_empty() && !d.is_empty(), "{d}");
    assert!(d.render().contains("objective power -> latency"));
}
