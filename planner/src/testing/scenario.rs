//! Hand-made scenarios, the smallest that mean something.

use profiles::units::{Bytes, BytesPerSecond, Celsius, JoulesPerByte, PerSecond, Ratio, Seconds};
use profiles::{DeviceProfile, ModelProfile, Quality, WeightFormat};
use scenarios::{
    Arrivals, At, Deadline, Device, End, Floor, Goal, Limits, LinkRates, Method, Objective, Said, Scaling, Scenario, Service,
    Site,
};

use super::{board, card, precision, tiny_llm};

fn said<T>(value: T, line: u32) -> Said<T> {
    Said { value, at: At { line, column: 5 } }
}

/// A device of a site, may sleep, no margin, every mode.
#[must_use]
pub fn device_of(name: &str, profile: DeviceProfile, site: usize) -> Device {
    Device {
        name: name.into(),
        at: At { line: 3, column: 3 },
        profile,
        site,
        ambient: Celsius(25.0),
        may_sleep: true,
        naps: false,
        tier: scenarios::Tier::Edge,
        rent: None,
        modes: Vec::new(),
        power_cap: None,
        memory_margin: said(Ratio(0.0), 0),
        host: None,
        may_stream: false,
        together: None,
    }
}

/// Rates of a link: 1 ms, `bandwidth` bytes per second, no loss, 10 nJ a byte.
#[must_use]
pub fn link_rates(kind: &str, bandwidth: f64, shared: bool) -> LinkRates {
    LinkRates {
        kind: kind.into(),
        latency: Seconds(1e-3),
        bandwidth: BytesPerSecond(bandwidth),
        loss: Ratio(0.0),
        joules_per_byte: JoulesPerByte(10e-9),
        shared,
        quality: Quality::Datasheet,
    }
}

/// A site at 25 °C with switched gigabit Ethernet.
#[must_use]
pub fn site_of(name: &str) -> Site {
    Site {
        name: name.into(),
        at: At { line: 2, column: 3 },
        ambient: Celsius(25.0),
        link: link_rates("ethernet-1g", 125e6, false),
        electricity: None,
        carbon: None,
    }
}

/// A chat service at 4 bits: 64 prompt and 32 answer tokens, 0.02 requests a second, 60 s in total.
#[must_use]
pub fn service_of(name: &str, model: ModelProfile) -> Service {
    Service {
        name: name.into(),
        at: At { line: 10, column: 3 },
        models: vec![said(model, 11)],
        precisions: vec![precision(WeightFormat::W4)],
        mixed: false,
        prefilters: Vec::new(),
        early_exits: Vec::new(),
        adapters: None,
        expert_caches: Vec::new(),
        rate: said(PerSecond(0.02), 12),
        arrivals: Arrivals::Poisson,
        prompt_tokens: 64,
        answer_tokens: 32,
        request_bytes: Bytes(256.0),
        answer_bytes: Bytes(128.0),
        origin: None,
        deadline: Deadline { percentile: Ratio(0.9), ttft: None, tpot: None, total: Some(said(Seconds(60.0), 13)) },
        accuracy: Some(Floor { benchmark: said("gsm8k".into(), 14), at_least: said(Ratio(0.5), 15) }),
        scaling: Scaling { methods: vec![Method::Single], samples: vec![1], budgets: Vec::new(), close: None },
        replicas: (1, 1),
        survives_loss: false,
        max_stages: 3,
        pins: Vec::new(),
        forbidden: Vec::new(),
        private_to: Vec::new(),
        apart_from: Vec::new(),
    }
}

fn scenario(name: &str, devices: Vec<Device>, services: Vec<Service>) -> Scenario {
    Scenario {
        name: name.into(),
        description: String::new(),
        digest: "0".repeat(64),
        devices,
        sites: vec![site_of("lab")],
        links: Vec::new(),
        pairs: Vec::new(),
        services,
        limits: Limits {
            power: None,
            booked_time: said(Ratio(0.7), 0),
            booked_link: said(Ratio(0.7), 0),
            latency: None,
            underutilisation: None,
            mean_accuracy: None,
            cost: None,
            carbon: None,
        },
        objective: Objective { goal: Goal::Power, at: At { line: 20, column: 1 } },
        expect: Vec::new(),
    }
}

/// One board, one small chat service.
#[must_use]
pub fn one_board() -> Scenario {
    scenario("one-board", vec![device_of("pi", board(), 0)], vec![service_of("chat", tiny_llm("tiny", 4, 512))])
}

/// Two equal boards and a card on one switch, two services.
#[must_use]
pub fn two_boards_and_a_card() -> Scenario {
    let devices = vec![device_of("pi-1", board(), 0), device_of("pi-2", board(), 0), device_of("card", card(), 0)];
    let mut second = service_of("notes", tiny_llm("small", 6, 1024));
    second.at.line = 30;
    scenario("three", devices, vec![service_of("chat", tiny_llm("tiny", 4, 512)), second])
}

/// The same scenario with its devices in another order: the device at `order[i]` comes at `i`.
///
/// # Panics
/// When `order` does not name each device once.
#[must_use]
pub fn reordered(scenario: &Scenario, order: &[usize]) -> Scenario {
    let new = |old: usize| order.iter().position(|&o| o == old).expect("each device once");
    let mut s = scenario.clone();
    s.devices = order.iter().map(|&o| scenario.devices[o].clone()).collect();
    for device in &mut s.devices {
        device.host = device.host.map(new);
    }
    for end in s.links.iter_mut().flat_map(|l| [&mut l.between.0, &mut l.between.1]) {
        if let End::Device(d) = end {
            *d = new(*d);
        }
    }
    for pair in &mut s.pairs {
        pair.devices = (new(pair.devices.0), new(pair.devices.1));
    }
    for service in &mut s.services {
        service.origin = service.origin.map(new);
        let lists = [&mut service.pins, &mut service.forbidden, &mut service.private_to];
        lists.into_iter().flatten().for_each(|said| said.value = new(said.value));
    }
    s
}
