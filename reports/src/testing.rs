//! A made-up report for the tests of this crate and of those that print one. The numbers are invented, and agree with each other.

use crate::report::*;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// A plan for six devices and three services, with a front of `front` points.
#[must_use]
pub fn sample_with_front(front: u32) -> Report {
    Report {
        schema: SCHEMA.to_owned(),
        header: header(),
        targets: targets(),
        services: services(),
        devices: devices(),
        totals: totals(),
        front: points(front),
        baselines: baselines(),
        map: map(),
        rooflines: rooflines(),
        energy: energy(),
        latency: latency(),
        timeline: timeline(),
        improvements: improvements(),
        notes: notes(),
        sources: Sources { worst: Quality::Assumed, measured: 41, fitted: 63, datasheet: 58, assumed: 9 },
    }
}

/// [`sample_with_front`] with sixty points.
#[must_use]
pub fn sample() -> Report {
    sample_with_front(60)
}

fn header() -> Header {
    Header {
        title: "workshop robot".to_owned(),
        summary: "Three services on three of six devices at 16.4 W: 2.1 times less energy than everything on the largest device."
            .to_owned(),
        scenario_file: "scenarios/fleet.yaml".to_owned(),
        scenario_sha256: "9f2c41d05b7a64e8b1f0c3a7726d5e1984c0aa53d2be6f17708b95ce43da1c62".to_owned(),
        seed: 7,
        tool: "planner 0.1.0".to_owned(),
        plan_id: Some("7f3ac0b9d1e25846aa93f1007c5be2d86419c37f05ab28e1d4967ce03b5f8a21".to_owned()),
        parent_id: Some("51c08e6f2b94d7a35e01c86b9d2f7a4038e5b6c1d90f24a7863be5c12f07d94a".to_owned()),
        generation: 4,
        objective: "fleet power".to_owned(),
        unit: "W".to_owned(),
        value: Some(16.4),
        bound: Some(16.28),
        gap: Some(0.0073),
        status: "within 1 % of the optimum".to_owned(),
        machine: None,
    }
}

fn target(subject: &str, what: &str, (limit, value, unit): (f64, f64, &str), at_most: bool, line: u32) -> Target {
    let margin = if at_most { (limit - value) / limit } else { (value - limit) / limit };
    let (subject, what, unit) = (subject.to_owned(), what.to_owned(), unit.to_owned());
    Target {
        subject,
        what,
        limit,
        value,
        unit,
        at_most,
        margin,
        tight: (0.0..0.1).contains(&margin),
        missed: margin < 0.0,
        line,
        quality: Quality::Modelled,
    }
}

fn targets() -> Vec<Target> {
    vec![
        target("chat", "first token p90", (0.9, 0.64, "s"), true, 41),
        target("chat", "per token p90", (0.08, 0.0685, "s"), true, 42),
        target("chat", "accuracy gsm8k", (0.55, 0.574, "1"), false, 43),
        target("vision", "whole request p90", (2.5, 2.31, "s"), true, 52),
        target("vision", "accuracy vqa", (0.6, 0.652, "1"), false, 53),
        target("embed", "whole request p90", (0.12, 0.084, "s"), true, 61),
        target("orin-a", "temperature", (85.0, 71.4, "°C"), true, 12),
        target("pi5-1", "memory", (6.9 * GIB, 6.4 * GIB, "bytes"), true, 0),
        target("fleet", "power", (25.0, 16.4, "W"), true, 70),
        target("robot battery", "life", (4.0, 4.3, "h"), false, 71),
    ]
}

fn stage(
    device: &str,
    processor: &str,
    start: u32,
    end: u32,
    gib: f64,
    busy_s: f64,
    dynamic_j: f64,
    dasi: f64,
    memory_saturation: f64,
) -> Stage {
    let (device, processor) = (device.to_owned(), processor.to_owned());
    Stage {
        replica: 0,
        share: 1.0,
        device,
        processor,
        start,
        end,
        memory_bytes: gib * GIB,
        resident_share: 1.0,
        busy_s,
        dynamic_j,
        dasi,
        memory_saturation,
    }
}

fn services() -> Vec<Service> {
    let base = Service { kv_bits: 8, activation_bits: 16, replicas: 1, percentile: "p90".to_owned(), ..Service::default() };
    vec![
        Service {
            name: "chat".to_owned(),
            model: "llama-3.2-3b".to_owned(),
            precision: "w4".to_owned(),
            bits_per_weight: 4.85,
            scaling: "majority of 4".to_owned(),
            rate_hz: 0.05,
            stages: vec![
                stage("orin-a", "gpu", 0, 18, 2.1, 4.9, 38.0, 0.12, 0.86),
                stage("orin-b", "gpu", 18, 28, 1.3, 2.8, 21.0, 0.12, 0.85),
            ],
            accuracy: Some(0.574),
            benchmark: Some("gsm8k".to_owned()),
            accuracy_quality: Some(Quality::Measured),
            ttft_s: 0.64,
            tpot_s: Some(0.0685),
            total_s: 9.4,
            energy_per_request_j: 118.0,
            energy_per_token_j: Some(0.92),
            why: "split over both Orins: one alone misses 80 ms per token within its 15 W mode; w8 on two costs 31 % more energy"
                .to_owned(),
            ..base.clone()
        },
        Service {
            name: "vision".to_owned(),
            model: "qwen2-vl-2b".to_owned(),
            precision: "w4".to_owned(),
            bits_per_weight: 4.85,
            scaling: "single".to_owned(),
            rate_hz: 0.1,
            stages: vec![stage("orin-b", "gpu", 0, 28, 1.9, 1.9, 16.4, 0.34, 0.71)],
            accuracy: Some(0.652),
            benchmark: Some("vqa".to_owned()),
            accuracy_quality: Some(Quality::Datasheet),
            ttft_s: 0.71,
            tpot_s: Some(0.041),
            total_s: 2.31,
            energy_per_request_j: 29.5,
            energy_per_token_j: Some(0.74),
            why: "shares orin-b, which is awake anyway".to_owned(),
            ..base.clone()
        },
        Service {
            name: "embed".to_owned(),
            model: "bge-small".to_owned(),
            precision: "w8".to_owned(),
            bits_per_weight: 8.5,
            scaling: "single".to_owned(),
            rate_hz: 2.0,
            stages: vec![stage("pi5-1", "cpu", 0, 12, 0.2, 0.061, 0.31, 0.42, 0.51)],
            accuracy: None,
            ttft_s: 0.084,
            tpot_s: None,
            total_s: 0.084,
            energy_per_request_j: 0.52,
            why: "the Pi does it for 0.52 J and frees 410 MiB on orin-a".to_owned(),
            ..base
        },
    ]
}

#[expect(clippy::too_many_arguments, reason = "a row of a table")]
fn device(
    name: &str,
    profile: &str,
    site: &str,
    mode: &str,
    split: [f64; 3],
    temperature_c: f64,
    gib: [f64; 3],
    booked: f64,
    does: &str,
    why: &str,
) -> Device {
    let [idle_w, dynamic_w, leakage_w] = split;
    Device {
        name: name.to_owned(),
        profile: profile.to_owned(),
        site: site.to_owned(),
        awake: true,
        mode: Some(mode.to_owned()),
        clock: 1.0,
        throttled: false,
        power_w: idle_w + dynamic_w + leakage_w,
        idle_w,
        dynamic_w,
        leakage_w,
        temperature_c: Some(temperature_c),
        throttle_c: Some(85.0),
        phi: Some((idle_w + dynamic_w) / (idle_w + dynamic_w + leakage_w)),
        pools: vec![Pool {
            name: "unified".to_owned(),
            resident_bytes: gib[0] * GIB,
            limit_bytes: gib[1] * GIB,
            usable_bytes: gib[2] * GIB,
            cpq: gib[0] / gib[2],
        }],
        processors: vec![Processor {
            name: if profile.starts_with("jetson") { "gpu" } else { "cpu" }.to_owned(),
            booked,
            booked_cap: 0.7,
        }],
        does: does.to_owned(),
        why: why.to_owned(),
        quality: Quality::Fitted,
    }
}

fn asleep(name: &str, profile: &str, site: &str, power_w: f64) -> Device {
    Device {
        name: name.to_owned(),
        profile: profile.to_owned(),
        site: site.to_owned(),
        power_w,
        idle_w: power_w,
        clock: 1.0,
        why: "nothing placed here pays for waking it".to_owned(),
        quality: Quality::Datasheet,
        ..Device::default()
    }
}

fn devices() -> Vec<Device> {
    let mut b = device(
        "orin-b",
        "jetson-orin-nano-8gb",
        "robot",
        "15W",
        [3.2, 2.69, 0.41],
        78.2,
        [3.2, 5.9, 6.6],
        0.33,
        "chat blocks 18–28 (w4), vision (w4)",
        "takes chat's rest and vision: no third device need wake",
    );
    b.clock = 0.9;
    b.throttled = true;
    vec![
        device(
            "orin-a",
            "jetson-orin-nx-16gb",
            "robot",
            "15W",
            [3.9, 1.9, 0.4],
            71.4,
            [2.1, 11.8, 13.1],
            0.245,
            "chat blocks 0–18 (w4)",
            "least energy per token of the devices within 900 ms",
        ),
        b,
        device(
            "pi5-1",
            "raspberry-pi-5-8gb",
            "bench",
            "performance",
            [2.3, 0.62, 0.08],
            58.0,
            [6.4, 6.9, 7.6],
            0.122,
            "embed (w8)",
            "0.52 J a request; frees 410 MiB on orin-a",
        ),
        asleep("pi5-2", "raspberry-pi-5-8gb", "bench", 0.25),
        asleep("laptop", "laptop-i7-1260p", "desk", 0.45),
        asleep("nano", "jetson-nano-4gb", "bench", 0.15),
    ]
}

fn totals() -> Totals {
    Totals {
        power_w: 16.4,
        energy_per_request_j: 7.63,
        mean_latency_s: 0.405,
        accuracy: Some(0.626),
        answering_power_w: Some(11.2),
        ipw: Some(0.0559),
        ipw_fleet: Some(0.0382),
        answers_per_kj: Some(82.1),
        latency_score: 0.71,
        underuse: 0.38,
        awake_devices: 3,
        devices: 6,
        throttled_devices: 1,
        requests_per_s: 2.15,
        quality: Quality::Modelled,
    }
}

fn points(n: u32) -> Vec<FrontPoint> {
    (0..n)
        .map(|i| {
            let x = f64::from(i) / f64::from(n.max(2) - 1);
            let wave = f64::from(i * 37 % 11) / 10.0;
            let power_w = 16.4 + 17.0 * x * x + 2.2 * wave * x;
            let accuracy = 0.626 + 0.11 * x.sqrt() * (0.55 + 0.45 * wave);
            FrontPoint {
                id: format!("P{i}"),
                power_w,
                energy_per_request_j: power_w / 2.15,
                ipw: Some(accuracy / power_w),
                mean_latency_s: 0.405 * (1.0 - 0.55 * x.powf(0.7)) + 0.16 * wave * x.sqrt(),
                latency_score: 0.71 * (1.0 - 0.5 * x),
                accuracy: Some(accuracy),
                underuse: 0.38 + 0.3 * x * (1.0 - wave / 3.0),
                chosen: i == 0,
                description: if x < 0.5 {
                    "chat w4 on orin-a + orin-b, embed on pi5-1"
                } else {
                    "chat w8 on orin-a + laptop, vision w8 on orin-b"
                }
                .to_owned(),
                services: ["chat", "vision", "embed"].map(|s| front_service(s, x, accuracy)).into(),
                quality: Quality::Modelled,
            }
        })
        .collect()
}

fn front_service(service: &str, x: f64, accuracy: f64) -> FrontService {
    let (model, placement, energy, total_s) = match service {
        "chat" => (
            "llama-3.2-3b",
            if x < 0.5 { "orin-a/gpu 0–18 › orin-b/gpu 18–28" } else { "orin-a/gpu 0–16 › laptop/cpu 16–28" },
            118.0,
            9.4,
        ),
        "vision" => ("qwen2-vl-2b", "orin-b/gpu 0–28", 29.5, 2.31),
        _ => ("bge-small", "pi5-1/cpu 0–12", 0.52, 0.084),
    };
    FrontService {
        service: service.to_owned(),
        model: model.to_owned(),
        precision: if x < 0.5 { "w4" } else { "w8" }.to_owned(),
        scaling: if service == "chat" { "majority of 4" } else { "single" }.to_owned(),
        placement: placement.to_owned(),
        total_s: total_s * (1.0 - 0.4 * x),
        energy_per_request_j: energy * (1.0 + 0.8 * x),
        accuracy: (service != "embed").then_some(accuracy),
    }
}

fn baselines() -> Vec<Baseline> {
    let make = |name: &str, description: &str, violations: &str, power_w: f64, latency_s: f64, accuracy: f64| Baseline {
        name: name.to_owned(),
        description: description.to_owned(),
        feasible: violations.is_empty(),
        violations: violations.to_owned(),
        power_w: Some(power_w),
        energy_per_request_j: Some(power_w / 2.15),
        mean_latency_s: Some(latency_s),
        accuracy: Some(accuracy),
        ipw: Some(accuracy / power_w),
        power_ratio: Some(power_w / 16.4),
        energy_ratio: Some(power_w / 16.4),
        latency_ratio: Some(latency_s / 0.405),
        ipw_ratio: Some(0.0382 / (accuracy / power_w)),
        quality: Quality::Modelled,
    };
    vec![
        make("all on the largest", "every service whole on orin-a at w16", "chat first token p90 (by 38 %)", 34.6, 0.612, 0.64),
        make("greedy", "each service in turn where it costs least", "", 21.9, 0.455, 0.626),
        make("even split", "blocks in equal runs over all awake devices", "pi5-2 memory (by 12 %)", 27.8, 0.733, 0.626),
        Baseline {
            name: "one device each".to_owned(),
            description: "no splits, no sharing".to_owned(),
            violations: "no assignment found".to_owned(),
            ..Baseline::default()
        },
    ]
}

fn map() -> FleetMap {
    let node = |name: &str, site: &str, state: NodeState, power_w: f64, stages: &[&str]| MapNode {
        name: name.to_owned(),
        site: site.to_owned(),
        state,
        power_w,
        stages: stages.iter().map(|s| (*s).to_owned()).collect(),
        quality: Quality::Modelled,
    };
    let link = |name: &str, from: &str, to: &str, latency_s: f64, rate: f64, booked: f64| MapLink {
        name: name.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        latency_s,
        rate_bytes_per_s: rate,
        booked_bytes_per_s: rate * booked,
        booked,
        quality: Quality::Datasheet,
    };
    let flow = |service: &str, from: &str, to: &str, bytes_per_s: f64| Traffic {
        service: service.to_owned(),
        from: from.to_owned(),
        to: to.to_owned(),
        bytes_per_s,
    };
    FleetMap {
        nodes: vec![
            node("orin-a", "robot", NodeState::Active, 6.2, &["chat 0–18"]),
            node("orin-b", "robot", NodeState::Throttled, 6.3, &["chat 18–28", "vision 0–28"]),
            node("pi5-1", "bench", NodeState::Active, 3.0, &["embed 0–12"]),
            node("pi5-2", "bench", NodeState::Asleep, 0.25, &[]),
            node("nano", "bench", NodeState::Asleep, 0.15, &[]),
            node("laptop", "desk", NodeState::Asleep, 0.45, &[]),
            node("switch", "bench", NodeState::Network, 0.05, &[]),
        ],
        links: vec![
            link("robot-eth", "orin-a", "orin-b", 0.0002, 118e6, 0.004),
            link("robot-wifi", "orin-a", "switch", 0.003, 22e6, 0.002),
            link("bench-1", "pi5-1", "switch", 0.0004, 118e6, 0.001),
            link("bench-2", "pi5-2", "switch", 0.0004, 118e6, 0.0),
            link("bench-3", "nano", "switch", 0.0004, 118e6, 0.0),
            link("desk", "laptop", "switch", 0.002, 40e6, 0.0),
        ],
        traffic: vec![
            flow("chat", "orin-a", "orin-b", 412e3),
            flow("chat", "orin-b", "orin-a", 900.0),
            flow("embed", "switch", "pi5-1", 82e3),
            flow("vision", "switch", "orin-b", 61e3),
        ],
    }
}

fn rooflines() -> Vec<Roofline> {
    let ceiling = |kind, label: &str, rate, quality| Ceiling { kind, label: label.to_owned(), rate, quality };
    let point = |label: &str, intensity, attained| OperatingPoint {
        label: label.to_owned(),
        intensity_ops_per_byte: intensity,
        attained_ops_per_s: attained,
        quality: Quality::Modelled,
    };
    let make = |device: &str, processor: &str, bandwidth: f64, peaks: [f64; 3], points| Roofline {
        device: device.to_owned(),
        processor: processor.to_owned(),
        ceilings: vec![
            ceiling(CeilingKind::Bandwidth, "memory", bandwidth, Quality::Measured),
            ceiling(CeilingKind::Peak, "w16", peaks[0], Quality::Datasheet),
            ceiling(CeilingKind::Peak, "w8", peaks[1], Quality::Fitted),
            ceiling(CeilingKind::Peak, "w4", peaks[2], Quality::Fitted),
        ],
        points,
    };
    vec![
        make(
            "orin-a",
            "gpu",
            84e9,
            [3.8e12, 5.9e12, 5.1e12],
            vec![point("chat prefill", 410.0, 4.3e12), point("chat decode", 13.2, 0.95e12)],
        ),
        make(
            "orin-b",
            "gpu",
            58e9,
            [1.9e12, 3.1e12, 2.7e12],
            vec![
                point("chat prefill", 410.0, 2.2e12),
                point("chat decode", 13.2, 0.64e12),
                point("vision prefill", 880.0, 2.5e12),
                point("vision decode", 3.3, 0.17e12),
            ],
        ),
        make("pi5-1", "cpu", 11e9, [38e9, 92e9, 71e9], vec![point("embed", 6.1, 44e9)]),
    ]
}

fn energy() -> Vec<EnergyPart> {
    let part = |device: &str, service: Option<&str>, component: &str, power_w: f64| EnergyPart {
        device: device.to_owned(),
        service: service.map(str::to_owned),
        component: component.to_owned(),
        power_w,
        energy_per_request_j: power_w / 2.15,
        share: power_w / 16.4,
        quality: Quality::Modelled,
    };
    vec![
        part("orin-a", None, "idle", 3.9),
        part("orin-a", Some("chat"), "dynamic", 1.9),
        part("orin-a", None, "leakage", 0.4),
        part("orin-b", None, "idle", 3.2),
        part("orin-b", Some("chat"), "dynamic", 1.05),
        part("orin-b", Some("vision"), "dynamic", 1.64),
        part("orin-b", None, "leakage", 0.41),
        part("pi5-1", None, "idle", 2.3),
        part("pi5-1", Some("embed"), "dynamic", 0.62),
        part("pi5-1", None, "leakage", 0.08),
        part("pi5-2", None, "sleep", 0.25),
        part("laptop", None, "sleep", 0.45),
        part("nano", None, "sleep", 0.15),
        part("network", None, "network", 0.05),
    ]
}

fn latency() -> Vec<LatencyParts> {
    let row = |service: &str, prefill_s: f64, decode_s: f64, hops_s: f64, waiting_s: f64| LatencyParts {
        service: service.to_owned(),
        prefill_s,
        decode_s,
        hops_s,
        waiting_s,
        total_s: prefill_s + decode_s + hops_s + waiting_s,
        quality: Quality::Modelled,
    };
    vec![row("chat", 0.46, 7.51, 0.23, 1.2), row("vision", 0.58, 1.32, 0.03, 0.38), row("embed", 0.061, 0.0, 0.009, 0.014)]
}

fn timeline() -> Vec<Bar> {
    let bar = |service: &str, track: &str, label: &str, kind, start_s, end_s| Bar {
        service: service.to_owned(),
        track: track.to_owned(),
        label: label.to_owned(),
        kind,
        start_s,
        end_s,
        quality: Quality::Modelled,
    };
    vec![
        bar("chat", "orin-a/gpu", "for the processor", BarKind::Waiting, 0.0, 1.2),
        bar("chat", "orin-a/gpu", "blocks 0–18", BarKind::Prefill, 1.2, 1.52),
        bar("chat", "robot-eth", "", BarKind::Transfer, 1.52, 1.54),
        bar("chat", "orin-b/gpu", "blocks 18–28", BarKind::Prefill, 1.54, 1.68),
        bar("chat", "orin-a/gpu", "blocks 0–18, 128 passes", BarKind::Decode, 1.68, 6.46),
        bar("chat", "robot-eth", "128 round trips", BarKind::Transfer, 6.46, 6.67),
        bar("chat", "orin-b/gpu", "blocks 18–28, 128 passes", BarKind::Decode, 6.67, 9.4),
        bar("vision", "orin-b/gpu", "for the processor", BarKind::Waiting, 0.0, 0.38),
        bar("vision", "orin-b/gpu", "blocks 0–28", BarKind::Prefill, 0.38, 0.96),
        bar("vision", "orin-b/gpu", "blocks 0–28, 32 passes", BarKind::Decode, 0.96, 2.28),
        bar("vision", "robot-wifi", "", BarKind::Transfer, 2.28, 2.31),
        bar("embed", "pi5-1/cpu", "", BarKind::Waiting, 0.0, 0.014),
        bar("embed", "pi5-1/cpu", "blocks 0–12", BarKind::Prefill, 0.014, 0.075),
        bar("embed", "bench-1", "", BarKind::Transfer, 0.075, 0.084),
    ]
}

fn improvements() -> Vec<Improvement> {
    let make = |text: &str, saving: &str, power: f64, energy: f64, latency: f64| Improvement {
        text: text.to_owned(),
        saving: saving.to_owned(),
        power_change_w: Some(power),
        energy_change_j: Some(energy),
        latency_change_s: Some(latency),
        accuracy_change: None,
        quality: Quality::Modelled,
    };
    vec![
        make("Let pi5-1 sleep between embed batches", "fleet power −1.4 W, embed latency +40 ms", -1.4, -0.65, 0.037),
        make("Raise orin-a's power cap from 15 W to 25 W", "chat latency −38 %, energy per request +6 %", 0.9, 0.42, -0.11),
        make(
            "Relax chat's accuracy floor from 0.55 to 0.53",
            "one sample instead of four: fleet power −2.6 W",
            -2.6,
            -1.21,
            -0.2,
        ),
    ]
}

fn notes() -> Vec<Note> {
    let note = |kind: &str, subject: &str, text: &str| Note {
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
    };
    vec![
        note("assumption", "orin-b thermal resistance", "3.1 K/W, as orin-a; nobody has measured it"),
        note("assumption", "nano sleep power", "0.15 W, from the board's user guide for a similar module"),
        note("dropped option", "chat w2", "accuracy 0.31 is under the floor of 0.55"),
        note("dropped option", "nano", "its 4 GiB hold no stage of vision at any allowed precision"),
        note("caveat", "", "Latencies are at the 90th percentile of an M/G/1 queue; bursts are not modelled."),
    ]
}
