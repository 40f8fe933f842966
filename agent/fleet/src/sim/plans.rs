//! Plans of simulated fleets: real ones, signed, with pipelines drawn over the devices.

use profiles::{Precision, WeightFormat};
use protocol::testing::{device, sources, totals};
use protocol::{
    Certificate, Digest, Name, Plan, PlannedPartner, PlannedScaling, PlannedService, PlannedStage, Replica, SCHEMA,
    ServiceExpectation,
};
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Temperature at which a simulated device throttles.
pub(super) const THROTTLE_C: f64 = 85.0;
/// How often two devices share a stage, where there are enough.
const SHARED: f64 = 0.25;

/// Draws a plan's content; `content` names it, and what goes wrong with it. `partners`: devices may share a stage.
pub(super) fn draw(content: u64, fleet: &str, devices: &[Name], partners: bool, rng: &mut Xoshiro256PlusPlus) -> Plan {
    let services = (0..rng.random_range(1..=2u32)).map(|i| {
        let replicas = (0..rng.random_range(1..=2u32)).map(|_| {
            let mut left: Vec<&Name> = devices.iter().collect();
            let count = rng.random_range(1..=devices.len().min(3));
            let stages = (0..count).map(|i| {
                let device = left.remove(rng.random_range(0..left.len()));
                // Each of the stages that follow needs a device too.
                let shared = partners && left.len() > count - 1 - i && rng.random_bool(SHARED);
                let with = shared.then(|| left.remove(rng.random_range(0..left.len())));
                PlannedStage { partner: with.map(partner), ..stage(device) }
            });
            let stages = stages.collect();
            Replica { share: 0.5, stages, ttft_s: 0.4, tpot_s: 0.05, total_s: 2.0 }
        });
        service(&format!("s{i}"), replicas.collect())
    });
    Plan {
        schema: SCHEMA.into(),
        id: String::new(),
        parent: None,
        generation: 1,
        fleet: fleet.into(),
        scenario: Digest::of(b"scenario").to_string(),
        planner: "sim".into(),
        seed: content,
        devices: devices.iter().map(|d| device(d.as_str(), THROTTLE_C)).collect(),
        services: services.collect(),
        totals: totals(),
        certificate: Certificate {
            objective: "power".into(),
            unit: "W".into(),
            value: 1.0,
            bound: 1.0,
            gap: 0.0,
            status: "optimal".into(),
        },
        sources: sources(),
    }
}

fn partner(device: &Name) -> PlannedPartner {
    PlannedPartner {
        device: device.to_string(),
        processor: "cpu".into(),
        kv_heads: 1,
        memory_bytes: 1.0,
        busy_s: 0.1,
        dynamic_j: 0.1,
        dasi: 0.5,
        memory_saturation: 0.5,
    }
}

fn stage(device: &Name) -> PlannedStage {
    PlannedStage {
        device: device.to_string(),
        processor: "cpu".into(),
        filters: false,
        start: 0,
        end: 1,
        reached: None,
        weights: None,
        resident_share: 1.0,
        memory_bytes: 1.0,
        busy_s: 0.1,
        dynamic_j: 0.1,
        dasi: 0.5,
        memory_saturation: 0.5,
        partner: None,
    }
}

fn service(name: &str, replicas: Vec<Replica>) -> PlannedService {
    PlannedService {
        name: name.into(),
        model: "m".into(),
        precision: Precision { weights: WeightFormat::W4, kv_bits: 16, activation_bits: 16 },
        bits_per_weight: 4.5,
        scaling: PlannedScaling { method: "single".into(), samples: 1, token_budget: None, close: None },
        filter: None,
        exit: None,
        adapters: None,
        experts: None,
        rate_hz: 1.0,
        replicas,
        expected: ServiceExpectation { accuracy: None, benchmark: None, energy_j: 1.0, service_s: 1.0 },
        targets: Vec::new(),
    }
}
