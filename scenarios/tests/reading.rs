//! What a valid file means.

use profiles::units::{Bytes, BytesPerSecond, Celsius, PerSecond, Ratio, Seconds, Watts};
use profiles::{Quality, WeightFormat};
use scenarios::Known;
use scenarios::expect::{Bound, Claim, DeviceFigure, PlanFigure, ServiceFigure, Side};
use scenarios::testing::Shelf;
use scenarios::{Arrivals, At, End, Goal, Method, Scenario, read_with, render};
use std::path::Path;

pub(crate) const SMALL: &str = "\
name: small
sites:
  - name: home
    link: gigabit-ethernet
devices:
  - name: pi
    profile: rpi5-8gb
services:
  - name: chat
    models: [llama-3.2-1b]
    rate: 0.2 /s
    prompt: 512 tokens
    answer: 128 tokens
    deadline: { percentile: 90 %, total: 30 s }
";

/// One profile file: a device of the small catalogue, written out.
pub(crate) fn own_profile(path: &str) -> Result<Vec<u8>, String> {
    if path != "own/mine.yaml" {
        return Err("no such file".into());
    }
    let mut device = Shelf::default().device("rpi4-8gb").cloned().ok_or("no such device")?;
    device.id = "mine".into();
    Ok(serde_yaml::to_string(&std::collections::BTreeMap::from([("device", device)])).map_err(|e| e.to_string())?.into_bytes())
}

fn ok(text: &str) -> Scenario {
    let path = Path::new("test.yaml");
    let reading = read_with(path, text.as_bytes(), &Shelf::default(), &own_profile);
    reading.unwrap_or_else(|e| panic!("\n{}", render(&e, path, text))).scenario
}

#[test]
fn the_smallest_file_takes_every_default() {
    let s = ok(SMALL);
    assert_eq!(s.digest.len(), 64);
    let d = &s.devices[0];
    assert_eq!((d.name.as_str(), d.site, d.ambient, d.may_sleep, d.may_stream), ("pi", 0, Celsius(25.0), true, false));
    assert_eq!((d.memory_margin.value, d.memory_margin.at), (Ratio(0.1), At::default()));
    assert!(d.modes.is_empty() && d.host.is_none() && d.power_cap.is_none());
    let v = &s.services[0];
    assert_eq!((v.prompt_tokens, v.answer_tokens, v.replicas, v.max_stages), (512, 128, (1, 1), 3));
    assert_eq!((v.request_bytes, v.answer_bytes), (Bytes(2048.0), Bytes(512.0)));
    assert_eq!((v.arrivals, v.origin), (Arrivals::Poisson, None));
    assert_eq!(v.rate.at, At { line: 11, column: 11 });
    assert_eq!(v.deadline.total.as_ref().unwrap().value, Seconds(30.0));
    let formats: Vec<_> = v.precisions.iter().map(|p| (p.weights, p.kv_bits, p.activation_bits)).collect();
    assert_eq!(formats, [(WeightFormat::W16, 16, 16), (WeightFormat::W8, 16, 16), (WeightFormat::W4, 16, 16)]);
    assert_eq!((v.scaling.methods.as_slice(), v.scaling.samples.as_slice()), (&[Method::Single][..], &[1][..]));
    assert_eq!((s.limits.booked_time.value, s.limits.booked_link.value), (Ratio(0.7), Ratio(0.5)));
    assert_eq!(s.objective.goal, Goal::Power);
}

pub(crate) const FULL: &str = "\
name: full
description: every key once
sites:
  - { name: hall, ambient: 31 °C, link: { kind: wifi-5, latency: 5 ms, bandwidth: 100 Mbit/s, loss: 1 % } }
  - { name: office, link: gigabit-ethernet }
devices:
  - name: pi
    profile: rpi5-8gb
    count: 3
    site: hall
    sleep: never
    memory_margin: 20 %
    stream: true
    override: { memory: 16 GB, usable_memory: 70 %, idle: 4 W, asleep: 1 W, wake_time: 9 s, throttle: 80 °C, thermal_resistance: 2 K/W, storage: 50 MB/s }
  - { name: big, profile: agx-orin-64gb, site: office, ambient: 20 °C, modes: [15W, MAXN], power_cap: 40 W }
  - { name: card, profile_file: own/mine.yaml, site: office, host: big }
links:
  - { between: [hall, office], kind: gigabit-ethernet, latency: 1 ms }
  - { between: [card, big], kind: pcie4-x8 }
services:
  - name: chat
    models: [llama-3.2-1b, llama-3.1-8b]
    precisions: [w4, { weights: w8, kv: 8 bit, activations: 8 bit }]
    rate: 6 /min
    arrivals: periodic
    prompt: 512 tokens
    answer: 128 tokens
    request_size: 3 kB
    answer_size: 1 kB
    origin: pi-2
    deadline: { percentile: 99 %, ttft: 900 ms, tpot: 80 ms, total: 20 s }
    accuracy: { benchmark: gsm8k, at_least: 40 % }
    scaling: { methods: [majority, single], samples: [8, 4], budgets: [256 tokens, 128 tokens], close: \"\\nThe answer is\", closing_tokens: 12 tokens }
    replicas: 1..2
    max_stages: 2
    pin: [big]
    forbid: [card]
    first_block_on: [pi]
    apart_from: [eyes]
  - { name: eyes, models: [resnet-50], rate: 5 Hz, prompt: 1 item, deadline: { percentile: 95 %, total: 200 ms } }
  - { name: ears, models: [whisper-base-en], rate: 1 /min, prompt: 30 s of audio, answer: 80 tokens, deadline: { percentile: 90 %, total: 10 s } }
limits: { power: 60 W, booked_time: 60 %, booked_link: 40 %, latency: 80 %, underutilisation: 90 %, mean_accuracy: 30 % }
objective: answers-per-joule
expect: [feasible, gap < 2 %, 'fleet.power <= 60 W', chat.ttft < 900 ms, 'chat.accuracy >= 40 %', pi-1.temperature < 70 °C, chat.model = llama-3.1-8b, chat.precision = w4, chat runs on big, chat runs not on card, card is asleep]
";

#[test]
fn expectations_are_typed_and_keep_their_place() {
    let s = ok(FULL);
    let (device, service) = (|n: &str| n.to_owned(), "chat".to_owned());
    let bound = |side, value| Bound { side, value };
    let claims: Vec<Claim> = s.expect.iter().map(|e| e.claim.clone()).collect();
    assert_eq!(
        claims,
        [
            Claim::Feasible(true),
            Claim::Plan(PlanFigure::Gap, bound(Side::Below, 0.02)),
            Claim::Plan(PlanFigure::Power, bound(Side::AtMost, 60.0)),
            Claim::Service(service.clone(), ServiceFigure::Ttft, bound(Side::Below, 0.9)),
            Claim::Service(service.clone(), ServiceFigure::Accuracy, bound(Side::AtLeast, 0.4)),
            Claim::Device(device("pi-1"), DeviceFigure::Temperature, bound(Side::Below, 70.0)),
            Claim::Model(service.clone(), "llama-3.1-8b".into()),
            Claim::Weights(service.clone(), WeightFormat::W4),
            Claim::RunsOn(service.clone(), device("big"), true),
            Claim::RunsOn(service, device("card"), false),
            Claim::Awake(device("card"), false),
        ]
    );
    let line = 1 + FULL.lines().position(|l| l.starts_with("expect:")).unwrap() as u32;
    assert!(s.expect.iter().all(|e| e.at.line == line) && s.expect[1].text == "gap < 2 %");
}

#[test]
fn every_key_arrives() {
    let s = ok(FULL);
    let names: Vec<&str> = s.devices.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["pi-1", "pi-2", "pi-3", "big", "card"]);
    let pi = &s.devices[1];
    assert_eq!((pi.ambient, pi.may_sleep, pi.may_stream), (Celsius(31.0), false, true));
    assert_eq!(pi.profile.memories["dram"].size.value, Bytes(16e9));
    assert_eq!(pi.profile.modes[0].idle.value, Watts(4.0));
    assert_eq!(
        (pi.profile.modes[0].idle.quality, pi.profile.modes[0].idle.source.as_str()),
        (Quality::Assumed, "scenario, line 14")
    );
    assert_eq!(pi.profile.storage.as_ref().unwrap().bandwidth.value, BytesPerSecond(50e6));
    let big = &s.devices[3];
    assert_eq!((big.ambient, &big.modes), (Celsius(20.0), &vec!["15W".to_owned(), "MAXN".to_owned()]));
    assert_eq!(big.power_cap.as_ref().unwrap().value, Watts(40.0));
    assert_eq!((s.devices[4].host, s.devices[4].profile.id.as_str()), (Some(3), "mine"));
    assert_eq!(s.sites[0].link.bandwidth, BytesPerSecond(12.5e6));
    assert_eq!(s.sites[0].link.quality, Quality::Assumed);
    assert!(s.sites[0].link.shared);
    assert_eq!(s.links[0].between, (End::Site(0), End::Site(1)));
    assert_eq!(s.links[1].between, (End::Device(4), End::Device(3)));
    let v = &s.services[0];
    assert_eq!(v.rate.value, PerSecond(0.1));
    assert_eq!((v.precisions[1].kv_bits, v.precisions[1].activation_bits), (8, 8));
    assert_eq!((v.origin, v.replicas, v.max_stages), (Some(1), (1, 2), 2));
    assert_eq!(v.scaling.samples, [1, 4, 8]);
    assert_eq!(v.scaling.budgets, [128, 256]);
    assert_eq!(v.scaling.close.as_ref().map(|c| (c.text.as_str(), c.tokens)), Some(("\nThe answer is", 12)));
    assert_eq!(v.private_to.iter().map(|d| d.value).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((v.pins[0].value, v.forbidden[0].value, v.apart_from[0].value), (3, 4, 1));
    assert_eq!((s.services[1].prompt_tokens, s.services[1].answer_tokens), (1, 0));
    assert_eq!(s.services[1].request_bytes, Bytes(100e3));
    assert_eq!((s.services[2].prompt_tokens, s.services[2].answer_tokens), (1500, 80));
    assert_eq!(s.services[2].request_bytes, Bytes(960e3));
    assert_eq!(s.limits.power.as_ref().unwrap().value, Watts(60.0));
    assert_eq!(
        (s.limits.latency.as_ref().unwrap().value, s.limits.mean_accuracy.as_ref().unwrap().value),
        (Ratio(0.8), Ratio(0.3))
    );
    assert_eq!(s.objective.goal, Goal::AnswersPerJoule);
}

#[test]
fn a_close_fits_its_budgets_and_has_one() {
    let read = |scaling: &str| {
        let text = SMALL.replace("    deadline:", &format!("    scaling: {{ {scaling} }}\n    deadline:"));
        let path = Path::new("test.yaml");
        match read_with(path, text.as_bytes(), &Shelf::default(), &own_profile) {
            Ok(reading) => (true, render(&reading.warnings, path, text)),
            Err(findings) => (false, render(&findings, path, text)),
        }
    };
    let says = |scaling: &str, read_at_all: bool, what: &str| {
        let (fine, text) = read(scaling);
        assert!(fine == read_at_all && text.contains(what), "{scaling}: {text}");
    };
    assert_eq!(read("budgets: [64 tokens], close: so"), (true, String::new()));
    says("close: so", true, "`close` without `budgets`");
    says("budgets: [64 tokens], closing_tokens: 8 tokens", true, "`closing_tokens` without `close`");
    says("budgets: [16 tokens, 64 tokens], close: so", false, "16 tokens are kept for what follows `close`");
    says("budgets: [64 tokens], close: so, closing_tokens: 1 item", false, "no number of tokens");
    says("budgets: [64 tokens], close: ''", false, "closes nothing");
}

#[test]
fn models_of_ones_own_stand_beside_the_catalogues() {
    let shelf = Shelf::default();
    let file = |id: &str| {
        let mut model = shelf.model("llama-3.2-1b").unwrap().clone();
        model.id = id.into();
        serde_yaml::to_string(&std::collections::BTreeMap::from([("model", model)])).unwrap().into_bytes()
    };
    let text = SMALL
        .replace("services:", "model_files: [own/model.yaml]\nservices:")
        .replace("[llama-3.2-1b]", "[my-model, llama-3.2-1b]");
    let read = |id: &str| {
        read_with(Path::new("t.yaml"), text.as_bytes(), &shelf, &|path| {
            assert_eq!(path, "own/model.yaml");
            Ok(file(id))
        })
    };
    let scenario = read("my-model").unwrap().scenario;
    let ids: Vec<&str> = scenario.services[0].models.iter().map(|m| m.value.id.as_str()).collect();
    assert_eq!(ids, ["my-model", "llama-3.2-1b"]);
    // One that is in the catalogue, and one that is another than the service names.
    let codes = |id: &str| read(id).unwrap_err().iter().map(|f| f.code.to_string()).collect::<Vec<_>>();
    assert_eq!(codes("llama-3.2-1b"), ["EDGE-0049", "EDGE-0041"]);
    assert_eq!(codes("another"), ["EDGE-0041"]);
}

#[test]
fn warnings_do_not_stop_reading() {
    let text = SMALL.replace("percentile: 90 %, ", "");
    let reading = read_with(Path::new("t.yaml"), text.as_bytes(), &Shelf::default(), &own_profile).unwrap();
    assert_eq!(reading.warnings.iter().map(|f| f.code.to_string()).collect::<Vec<_>>(), ["EDGE-0102"]);
}

/// A mode that draws less than the default keeps its difference; none falls below zero.
#[test]
fn idle_override_moves_every_mode() {
    let text = SMALL.replace("rpi5-8gb", "orin-nano-8gb-super\n    override: { idle: 7 W }");
    let s = ok(&text);
    assert!(s.devices[0].profile.modes.iter().all(|m| m.idle.value == Watts(7.0)));
}

#[test]
fn line_ends_of_other_systems_and_a_byte_order_mark_are_read() {
    let windows = format!("\u{feff}{}", SMALL.replace('\n', "\r\n"));
    assert_eq!(ok(&windows).services[0].rate.at, At { line: 11, column: 11 });
}
