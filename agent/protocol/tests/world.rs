//! Plans, keys and messages that the tests speak with.

use profiles::{Precision, Quality, WeightFormat};
use protocol::envelope::{Terms, seal};
use protocol::status::{Phase, Status};
use protocol::telemetry::{LinkSample, Measured, ServiceSample, StageSample, Telemetry};
use protocol::{
    Certificate, DeviceExpectation, Digest, Name, Plan, PlannedDevice, PlannedScaling, PlannedService, PlannedStage, Replica,
    SCHEMA, ServiceExpectation, Signer, Sources, Totals, canonical, schema,
};
use std::collections::BTreeMap;

pub(crate) fn signer(n: u8) -> Signer {
    Signer::from_seed(&[n; 32])
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(crate) fn terms() -> Terms {
    Terms { issued_ms: 1_790_000_000_000, expires_ms: 1_790_000_600_000, settles: Vec::new(), models: Default::default() }
}

pub(crate) fn sealed(plan: &Plan, by: &[&Signer]) -> Vec<u8> {
    seal(plan, &terms(), by).unwrap()
}

/// Names a plan by its content.
pub(crate) fn named(mut plan: Plan) -> Plan {
    plan.id.clear();
    plan.id = Digest::of(&canonical::bytes(&plan).unwrap()).to_string();
    plan
}

pub(crate) fn plan(generation: u64, devices: &[&str]) -> Plan {
    let stage = |(i, d): (usize, &&str)| PlannedStage {
        device: (*d).to_owned(),
        processor: "cpu".into(),
        filters: false,
        start: 4 * u32::try_from(i).unwrap(),
        end: 4 * u32::try_from(i).unwrap() + 4,
        reached: None,
        weights: None,
        resident_share: 1.0,
        memory_bytes: 1.5e8,
        busy_s: 0.21,
        dynamic_j: 1.25,
        dasi: 0.3,
        memory_saturation: 0.8,
        partner: None,
    };
    let device = |d: &&str| PlannedDevice {
        name: (*d).to_owned(),
        profile: "pi5-8gb".into(),
        site: "hall".into(),
        awake: true,
        mode: None,
        expected: DeviceExpectation {
            power_w: 5.0,
            dynamic_w: 2.0,
            leakage_w: 0.1,
            temperature_c: 61.5,
            throttle_c: 85.0,
            phi: 1.0,
            pools: Vec::new(),
            processors: Vec::new(),
            wakes_hz: None,
        },
        fitted: None,
    };
    named(Plan {
        schema: SCHEMA.into(),
        id: String::new(),
        parent: (generation > 1).then(|| Digest::of(b"parent").to_string()),
        generation,
        fleet: "home".into(),
        scenario: Digest::of(b"scenario").to_string(),
        planner: "0.1.0".into(),
        seed: 7,
        devices: devices.iter().map(device).collect(),
        services: vec![PlannedService {
            name: "chat".into(),
            model: "smollm2-135m".into(),
            precision: Precision { weights: WeightFormat::W4, kv_bits: 16, activation_bits: 16 },
            bits_per_weight: 4.5,
            scaling: PlannedScaling { method: "single".into(), samples: 1, token_budget: None, close: None },
            filter: None,
            exit: None,
            adapters: None,
            experts: None,
            rate_hz: 0.2,
            replicas: vec![Replica {
                share: 1.0,
                stages: devices.iter().enumerate().map(stage).collect(),
                ttft_s: 0.4,
                tpot_s: 0.05,
                total_s: 3.0,
            }],
            expected: ServiceExpectation { accuracy: None, benchmark: None, energy_j: 6.0, service_s: 2.0 },
            targets: Vec::new(),
        }],
        totals: Totals {
            power_w: 10.0,
            energy_per_request_j: 50.0,
            mean_latency_s: 3.0,
            accuracy: None,
            answering_power_w: 7.0,
            ipw: None,
            ipw_fleet: None,
            answers_per_kj: None,
            latency_score: 0.5,
            underutilisation: 0.1,
            throttled_devices: 0,
            cost_per_day: None,
            currency: None,
            carbon_g_per_day: None,
            targets: Vec::new(),
        },
        certificate: Certificate {
            objective: "power".into(),
            unit: "W".into(),
            value: 10.0,
            bound: 10.0,
            gap: 0.0,
            status: "optimal".into(),
        },
        sources: Sources { worst: Quality::Assumed, measured: 1, fitted: 0, datasheet: 2, assumed: 3, assumptions: Vec::new() },
    })
}

pub(crate) fn status(agent: &str) -> Status {
    let id = Digest::of(b"a plan");
    Status {
        schema: schema::STATUS.into(),
        agent: name(agent),
        boot: 3,
        sequence: 14,
        phase: Phase::Draining,
        newest: Some(protocol::PlanRef { generation: 5, id }),
        active: None,
        last_good: Some(protocol::PlanRef { generation: 4, id: Digest::of(b"another") }),
        ready: vec![id],
        draining: vec![id],
        proved: Some(id),
        condemned: Vec::new(),
        cramped: None,
        share: 0.5,
        note: Some("waits for pi-2".into()),
        time_floor_ms: 1_790_000_000_000,
        hop: Some("192.168.1.7:7449".into()),
        http: None,
        reads: vec![SCHEMA.into(), schema::COMMAND.into()],
    }
}

pub(crate) fn telemetry(agent: &str) -> Telemetry {
    Telemetry {
        schema: schema::TELEMETRY.into(),
        agent: name(agent),
        window_s: 1.0,
        power_w: Some(Measured { value: 4.5, quality: Quality::Measured }),
        energy_j: None,
        temperature_c: Some(55.0),
        memory_bytes: Some(1e9),
        memory_pressure: Some(0.02),
        throttled: Some(false),
        missing: BTreeMap::from([("energy_j".to_owned(), "it was not counted".to_owned())]),
        services: vec![ServiceSample {
            service: name("chat"),
            replica: 0,
            plan: Digest::of(b"a plan"),
            requests: 10,
            failed: 0,
            tokens: 1280,
            ttft_p50_s: Some(0.3),
            ttft_p90_s: Some(0.5),
            tpot_p50_s: Some(0.04),
            tpot_p90_s: None,
        }],
        links: vec![LinkSample { to: name("pi-2"), rtt_p50_s: 0.0004, rtt_p99_s: 0.003, rate_bps: Some(9.4e8), loss: Some(0.0) }],
        stages: vec![StageSample {
            service: name("chat"),
            replica: 0,
            stage: 0,
            plan: Digest::of(b"a plan"),
            rows: 1,
            steps: 1270,
            step_p50_s: 0.02,
        }],
    }
}
