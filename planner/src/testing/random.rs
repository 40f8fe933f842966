//! Random but valid scenarios: every kind of wish appears, most of them can be met.

use profiles::units::{Bytes, Celsius, PerSecond, Ratio, Seconds, Watts};
use profiles::{DeviceProfile, ModelKind, ModelProfile, Precision, WeightFormat};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use scenarios::{Arrivals, At, Device, End, Floor, Goal, Link, LinkRates, Method, Said, Scaling, Scenario, Service};

use super::{
    board, card, classifier, experts, link_rates, looped, one_board, precision, service_of, site_of, speech, tiny_llm,
    workstation,
};

/// A random scenario of 2 to 5 devices and 1 to 3 services of few blocks.
#[must_use]
pub fn small_scenario(seed: u64) -> Scenario {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x5eed);
    let (devices, services) = (rng.random_range(2..=5), rng.random_range(1..=3));
    scenario_of(seed, devices, services)
}

/// A random scenario of that many devices (at least one) and services.
#[must_use]
pub fn scenario_of(seed: u64, devices: usize, services: usize) -> Scenario {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut s = one_board();
    s.name = format!("random-{seed}");
    s.digest = format!("{seed:064x}");
    s.sites = vec![site_of("lab")];
    if devices > 2 && rng.random_bool(0.4) {
        s.sites.push(site_of("shed"));
        s.sites[1].ambient = Celsius(rng.random_range(15.0..38.0));
        s.sites[1].link = rates(&mut rng);
        s.links.push(Link { between: (End::Site(0), End::Site(1)), rates: rates(&mut rng), at: At { line: 8, column: 5 } });
    }
    s.devices.clear();
    for i in 0..devices.max(1) {
        let next = fleet_device(&mut rng, &s, i);
        s.devices.push(next);
    }
    s.services = (0..services).map(|i| random_service(&mut rng, &s, i)).collect();
    if services > 1 && rng.random_bool(0.15) && devices > 2 {
        s.services[0].apart_from = vec![said(1, 50)];
    }
    s.limits.booked_time = said(Ratio(rng.random_range(0.5..0.9)), 60);
    s.objective.goal = *pick(&mut rng, &[Goal::Power, Goal::Power, Goal::EnergyPerRequest, Goal::Latency, Goal::Accuracy]);
    s
}

fn said<T>(value: T, line: u32) -> Said<T> {
    Said { value, at: At { line, column: 5 } }
}

fn pick<'a, T>(rng: &mut impl Rng, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}

fn rates(rng: &mut impl Rng) -> LinkRates {
    let mut link = match rng.random_range(0..3) {
        0 => link_rates("ethernet-1g", 125e6, false),
        1 => link_rates("wifi", 15e6, true),
        _ => link_rates("wan", 3e6, true),
    };
    link.latency = Seconds(rng.random_range(2e-4..2e-2));
    link.loss = Ratio(*pick(rng, &[0.0, 0.0, 0.02]));
    link
}

/// One device; often a copy of the one before, so that classes of equal devices appear.
fn fleet_device(rng: &mut impl Rng, s: &Scenario, i: usize) -> Device {
    if i > 0 && rng.random_bool(0.4) {
        let mut twin = s.devices[i - 1].clone();
        twin.name = format!("d{i}");
        return twin;
    }
    let profile: DeviceProfile = match rng.random_range(0..5) {
        0 | 1 => board(),
        2 | 3 => card(),
        _ => workstation(),
    };
    let site = rng.random_range(0..s.sites.len());
    let mut d = super::device_of(&format!("d{i}"), profile, site);
    d.ambient = s.sites[site].ambient;
    for memory in d.profile.memories.values_mut() {
        memory.size.value = Bytes(memory.size.value.get() * pick(rng, &[0.125, 0.25, 0.5, 1.0]));
    }
    d.may_sleep = rng.random_bool(0.85);
    d.may_stream = rng.random_bool(0.3);
    d.memory_margin = said(Ratio(*pick(rng, &[0.0, 0.1, 0.2])), 40);
    if rng.random_bool(0.15) {
        d.power_cap = Some(said(Watts(d.profile.modes[0].idle.value.get() * rng.random_range(1.5..4.0)), 41));
    }
    if d.profile.modes.len() > 1 && rng.random_bool(0.3) {
        d.modes = vec![d.profile.modes[rng.random_range(0..d.profile.modes.len())].id.clone()];
    }
    if i > 0 && rng.random_bool(0.1) && s.devices[0].host.is_none() && s.devices[0].site == site {
        d.host = Some(0);
    }
    d
}

fn random_model(rng: &mut impl Rng, id: &str) -> ModelProfile {
    let (layers, width) = (rng.random_range(2..=6), *pick(rng, &[256, 512, 1024, 2048]));
    match rng.random_range(0..8) {
        0 => experts(id, layers, width.min(1024)),
        1 => looped(id, layers, width.min(1024)),
        2 => classifier(id),
        3 => speech(id),
        _ => tiny_llm(id, layers, width),
    }
}

fn random_service(rng: &mut impl Rng, s: &Scenario, i: usize) -> Service {
    let model = random_model(rng, &format!("m{i}"));
    let kind = model.kind;
    let mut v = service_of(&format!("s{i}"), model);
    v.at.line = 100 + 20 * i as u32;
    if kind == ModelKind::Llm && rng.random_bool(0.4) {
        let width = *pick(rng, &[256, 512, 1024]);
        v.models.push(said(tiny_llm(&format!("m{i}b"), 3, width), v.at.line + 1));
    }
    v.precisions = vec![precision(WeightFormat::W4)];
    if rng.random_bool(0.6) {
        v.precisions.push(Precision { weights: WeightFormat::W8, kv_bits: *pick(rng, &[8, 16]), activation_bits: 16 });
    }
    v.prompt_tokens = rng.random_range(1..=256);
    v.answer_tokens = if kind == ModelKind::Feedforward { 0 } else { rng.random_range(1..=64) };
    v.arrivals = *pick(rng, &[Arrivals::Poisson, Arrivals::Poisson, Arrivals::Periodic]);
    // Seconds that a board would need at 10 GB/s effective, the yardstick for rate and deadline.
    let largest = v.models.iter().map(|m| bytes_at_4_bits(&m.value)).fold(0.0, f64::max);
    let passes = f64::from(v.answer_tokens.max(1)) + f64::from(v.prompt_tokens) / 20.0;
    let alone = largest * passes / 10e9 + 2e-3;
    v.rate = said(PerSecond(rng.random_range(0.01..0.3) / alone), v.at.line + 2);
    v.deadline.percentile = Ratio(*pick(rng, &[0.5, 0.9, 0.99]));
    v.deadline.total = rng.random_bool(0.7).then(|| said(Seconds(alone * rng.random_range(2.0..30.0) + 0.05), v.at.line + 3));
    if kind != ModelKind::Feedforward {
        v.deadline.ttft = rng.random_bool(0.3).then(|| said(Seconds(alone * rng.random_range(1.0..10.0) + 0.05), v.at.line + 4));
        v.deadline.tpot =
            rng.random_bool(0.3).then(|| said(Seconds(alone / passes * rng.random_range(2.0..20.0) + 0.01), v.at.line + 5));
    }
    v.accuracy = rng.random_bool(0.6).then(|| Floor {
        benchmark: said("gsm8k".into(), v.at.line + 6),
        at_least: said(Ratio(*pick(rng, &[0.3, 0.5, 0.58])), v.at.line + 7),
    });
    if kind == ModelKind::Llm && rng.random_bool(0.25) {
        v.scaling = Scaling {
            methods: vec![Method::Single, *pick(rng, &[Method::Majority, Method::BestOfN])],
            samples: vec![1, *pick(rng, &[3, 5, 8])],
            budgets: if rng.random_bool(0.3) { vec![48, 128] } else { Vec::new() },
            close: None,
        };
    }
    places(rng, s, &mut v);
    v
}

/// Where the service may run, whence its requests come.
fn places(rng: &mut impl Rng, s: &Scenario, v: &mut Service) {
    let n = s.devices.len();
    v.origin = rng.random_bool(0.4).then(|| rng.random_range(0..n));
    v.max_stages = rng.random_range(1..=3);
    if n > 2 && rng.random_bool(0.2) {
        v.replicas = (1, 2);
    }
    if n > 1 && rng.random_bool(0.1) {
        v.forbidden = vec![said(rng.random_range(0..n), v.at.line + 8)];
    }
    let free: Vec<usize> = (0..n).filter(|&d| v.forbidden.iter().all(|f| f.value != d)).collect();
    if rng.random_bool(0.1) {
        v.pins = vec![said(*pick(rng, &free), v.at.line + 9)];
    }
    if rng.random_bool(0.1) {
        v.private_to = vec![said(*pick(rng, &free), v.at.line + 10)];
    }
}

fn bytes_at_4_bits(model: &ModelProfile) -> f64 {
    let block = |b: &profiles::Block| {
        let experts = match b.mlp {
            profiles::Mlp::Experts { experts, parameters_per_expert, .. } => f64::from(experts) * parameters_per_expert as f64,
            _ => 0.0,
        };
        (b.parameters as f64 + experts) * f64::from(b.loops) * 0.5625
    };
    model.blocks.iter().map(|g| f64::from(g.count) * block(&g.block)).sum()
}
