//! A lab as a plan. Nothing is predicted: times are so long that no machine misses them, and marked as assumed.

use super::file::{Lab, Service, Stage, With};
use super::predict;
use crate::cli::exit::Failure;
use profiles::{Catalogue, Quality};
use protocol::{
    Certificate, DeviceExpectation, Digest, Plan, PlannedDevice, PlannedMode, PlannedPartner, PlannedScaling, PlannedService,
    PlannedStage, Replica, SCHEMA, ServiceExpectation, Sources, Totals, canonical,
};

/// Planned seconds for a token: a lab shares one machine.
const TOKEN_S: f64 = 60.0;
/// °C: a lab's machine looks after itself.
const THROTTLE_C: f64 = 110.0;

pub(crate) fn of(lab: &Lab) -> Result<Plan, Failure> {
    let mut plan = Plan {
        schema: SCHEMA.into(),
        id: String::new(),
        parent: None,
        generation: 1,
        fleet: lab.name.to_string(),
        scenario: Digest::of(b"a lab").to_string(),
        planner: env!("CARGO_PKG_VERSION").into(),
        seed: 0,
        devices: lab.agents.iter().map(|a| device(a.as_str())).collect(),
        services: lab.services.iter().map(service).collect::<Result<_, _>>()?,
        totals: Totals::default(),
        certificate: Certificate {
            objective: "by hand".into(),
            unit: "W".into(),
            value: 0.0,
            bound: 0.0,
            gap: 0.0,
            status: "stopped".into(),
        },
        sources: Sources {
            worst: Quality::Assumed,
            measured: 0,
            fitted: 0,
            datasheet: 0,
            assumed: 1,
            assumptions: vec!["everything: a lab is planned by hand".into()],
        },
    };
    plan.id = Digest::of(&canonical::bytes(&plan).map_err(Failure::bug)?).to_string();
    Ok(plan)
}

fn service(service: &Service) -> Result<PlannedService, Failure> {
    let layers: u32 = service.stages.iter().map(|s| s.layers).sum();
    // A model of the catalogue has its ends as two more blocks.
    if let Some(known) = Catalogue::builtin().model(&service.model).map(profiles::ModelProfile::block_count)
        && u64::from(layers) + 2 != known
    {
        let message =
            format!("error: service `{}`: {layers} layers in its stages, {} has {}", service.name, service.model, known - 2);
        return Err(Failure::input(message));
    }
    for with in service.stages.iter().filter_map(|s| s.with.as_ref()) {
        // What no catalogue knows, the agents find in the file.
        if let Some(all) = Catalogue::builtin().model(&service.model).and_then(predict::kv_heads)
            && with.kv_heads >= all
        {
            let message = format!(
                "error: line {}: service `{}`: {} KV heads for `{}`, {} has {all}; 1 to {} can be given away",
                with.line,
                service.name,
                with.kv_heads,
                with.agent,
                service.model,
                all.saturating_sub(1)
            );
            return Err(Failure::input(message));
        }
    }
    let stages: Vec<_> = predict::blocks(service)
        .into_iter()
        .zip(&service.stages)
        .map(|(blocks, s)| planned(s, blocks.start, blocks.end))
        .collect();
    let first = predict::precision(service, &service.stages[0]);
    Ok(PlannedService {
        name: service.name.to_string(),
        model: service.model.clone(),
        precision: first,
        bits_per_weight: first.weights.bits_per_weight(),
        scaling: service.scaling.clone().unwrap_or_else(one_sample),
        filter: None,
        exit: None,
        adapters: None,
        experts: None,
        rate_hz: 0.0,
        replicas: vec![Replica { share: 1.0, stages, ttft_s: TOKEN_S, tpot_s: TOKEN_S, total_s: 100.0 * TOKEN_S }],
        expected: ServiceExpectation { accuracy: None, benchmark: None, energy_j: 0.0, service_s: TOKEN_S },
        targets: Vec::new(),
    })
}

fn one_sample() -> PlannedScaling {
    PlannedScaling { method: "single".into(), samples: 1, token_budget: None, close: None }
}

fn planned(stage: &Stage, start: u32, end: u32) -> PlannedStage {
    PlannedStage {
        device: stage.agent.to_string(),
        processor: "cpu".into(),
        filters: false,
        start,
        end,
        reached: None,
        weights: Some(stage.weights),
        resident_share: 1.0,
        memory_bytes: 0.0,
        busy_s: 0.0,
        dynamic_j: 0.0,
        dasi: 0.0,
        memory_saturation: 0.0,
        partner: stage.with.as_ref().map(partner),
    }
}

fn partner(with: &With) -> PlannedPartner {
    PlannedPartner {
        device: with.agent.to_string(),
        processor: "cpu".into(),
        kv_heads: with.kv_heads,
        memory_bytes: 0.0,
        busy_s: 0.0,
        dynamic_j: 0.0,
        dasi: 0.0,
        memory_saturation: 0.0,
    }
}

fn device(name: &str) -> PlannedDevice {
    PlannedDevice {
        name: name.into(),
        profile: "this machine".into(),
        site: "here".into(),
        awake: true,
        mode: Some(PlannedMode { id: "as it is".into(), clock: 1.0, throttled: false, booked_cap: 1.0, naps: false }),
        expected: DeviceExpectation {
            power_w: 0.0,
            dynamic_w: 0.0,
            leakage_w: 0.0,
            temperature_c: 0.0,
            throttle_c: THROTTLE_C,
            phi: 1.0,
            pools: Vec::new(),
            processors: Vec::new(),
            wakes_hz: None,
        },
        fitted: None,
    }
}
