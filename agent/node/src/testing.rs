//! Plans by hand, for tests: here and in other crates.

use profiles::{Precision, WeightFormat};
use protocol::testing::{device, sources, totals};
use protocol::{
    Certificate, Digest, Plan, PlannedPartner, PlannedScaling, PlannedService, PlannedStage, Replica, SCHEMA, ServiceExpectation,
};

/// No machine of a test throttles, °C.
const COOL_C: f64 = 1_000.0;

/// A stage: device, first block, one past the last, weights.
pub type Part = (&'static str, u32, u32, WeightFormat);

/// A service `chat` of one pipeline, over all devices.
#[must_use]
pub fn plan(devices: &[&str], parts: &[Part], activation_bits: u8) -> Plan {
    let stage = |(device, start, end, weights): &Part| PlannedStage {
        device: (*device).into(),
        processor: "cpu".into(),
        filters: false,
        start: *start,
        end: *end,
        reached: None,
        weights: Some(*weights),
        resident_share: 1.0,
        memory_bytes: 1e6,
        busy_s: 1.0,
        dynamic_j: 1.0,
        dasi: 0.5,
        memory_saturation: 0.5,
        partner: None,
    };
    // Slow enough that no busy machine fails it.
    let replica = Replica { share: 1.0, stages: parts.iter().map(stage).collect(), ttft_s: 60.0, tpot_s: 60.0, total_s: 600.0 };
    let service = PlannedService {
        name: "chat".into(),
        model: "tiny".into(),
        precision: Precision { weights: WeightFormat::W8, kv_bits: 16, activation_bits },
        bits_per_weight: 8.5,
        scaling: PlannedScaling { method: "single".into(), samples: 1, token_budget: None, close: None },
        filter: None,
        exit: None,
        adapters: None,
        experts: None,
        rate_hz: 1.0,
        replicas: vec![replica],
        expected: ServiceExpectation { accuracy: None, benchmark: None, energy_j: 1.0, service_s: 1.0 },
        targets: Vec::new(),
    };
    Plan {
        schema: SCHEMA.into(),
        id: String::new(),
        parent: None,
        generation: 1,
        fleet: "test".into(),
        scenario: Digest::of(b"none").to_string(),
        planner: "test".into(),
        seed: 1,
        devices: devices.iter().map(|d| device(d, COOL_C)).collect(),
        services: vec![service],
        totals: totals(),
        certificate: certificate(),
        sources: sources(),
    }
}

/// Has another device share a stage of the first pipeline of `chat`: of every layer it gets the last so many KV heads.
pub fn share(plan: &mut Plan, stage: usize, partner: &str, kv_heads: u32) {
    let stages = plan.services.first_mut().and_then(|s| s.replicas.first_mut()).map(|r| &mut r.stages);
    if let Some(stage) = stages.and_then(|s| s.get_mut(stage)) {
        stage.partner = Some(PlannedPartner {
            device: partner.into(),
            processor: "cpu".into(),
            kv_heads,
            memory_bytes: 1e6,
            busy_s: 1.0,
            dynamic_j: 1.0,
            dasi: 0.5,
            memory_saturation: 0.5,
        });
    }
}

fn certificate() -> Certificate {
    let (objective, unit, status) = ("power".into(), "W".into(), "stopped".into());
    Certificate { objective, unit, value: 1.0, bound: 0.0, gap: 1.0, status }
}
