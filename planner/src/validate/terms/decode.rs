//! Levels of the decode law's heads.

use super::super::case::Case;
use super::super::laws::decode;
use super::super::regression::{HEADS, Observation, Terms, Writer};
use super::super::words;
use super::{Groups, flag, groups, mixture, threads};
use profiles::{DeviceClass, ProcessorKind};

/// Spreads of the levels between a class and a single model, one for each head: families and sizes of models.
const FAMILY: f64 = 0.05;
const LAUNCHED: f64 = 0.2;
const FILLED: f64 = 0.25;
const PROMPTED: f64 = 0.3;

/// Launches of a layer in tens of microseconds. A processor's own barriers take 50 us; a card's kernels are queued
/// as fast by a desktop's cores, and three times slower by the small cores of boards and phones. Assumed.
fn launch(case: &Case) -> f64 {
    let small = matches!(case.class, DeviceClass::Jetson | DeviceClass::Sbc | DeviceClass::Phone);
    if case.kind == ProcessorKind::Gpu && small { 15.0 } else { 5.0 }
}

/// Operations a byte below which cores cannot ask for all that their memory offers: a core has so many loads in
/// flight, and both grow with its width and clock. Assumed.
const DRAW: f64 = 30.0;

/// Logarithm of how far a processor's arithmetic falls short of drawing its bandwidth; 0 where it does not.
fn draw(case: &Case) -> f64 {
    (case.peak_8 * case.clock / case.bandwidth / DRAW).ln().min(0.0)
}

/// The decode law's observation of a case; `y` is the logarithm of seconds a token.
pub(in super::super) fn of_decode<L>(case: &Case, y: f64, law: L, terms: &mut Terms) -> Observation<L> {
    let Groups { kind, unit, class, engine, quant, family, device } = groups(case);
    let mut heads = [0.0; HEADS];
    heads[decode::BANDWIDTH] = 0.65f64.ln();
    heads[decode::LAUNCH] = launch(case).ln();
    heads[decode::ARITHMETIC] = 0.15f64.ln();
    heads[decode::PROMPT] = 0.3f64.ln();
    heads[decode::ATTENTION] = 0.15f64.ln();
    let mut w = Writer { terms, heads, out: Vec::new() };
    let size = (case.parameters / 3e9).ln();
    let batch = case.batch.ln();
    let (clock, threads, mixture) = (case.clock.ln(), threads(case), mixture(case));
    let single = flag(case.threads.is_some_and(|t| t < 1.5));
    let low = (case.bits / 4.0).ln().min(0.0);
    let b = decode::BANDWIDTH;
    w.add(b, &kind, 0.2, 1.0);
    w.add(b, &unit, 0.12, 1.0);
    w.add(b, &class, 0.12, 1.0);
    w.add(b, &case.engine, 0.05, 1.0);
    w.add(b, &engine, 0.05, 1.0);
    w.add(b, case.quant, 0.075, 1.0);
    w.add(b, &quant, 0.1, 1.0);
    w.add(b, &format!("{engine} {quant}"), 0.03, 1.0);
    w.add(b, &format!("{unit} {}", case.backend), 0.5, flag(!case.backend.is_empty()));
    w.add(b, &format!("{class} {engine}"), 0.1, 1.0);
    w.add(b, &format!("{family} {engine}"), FAMILY, 1.0);
    w.add(b, &format!("{family} {class}"), FAMILY, 1.0);
    w.add(b, &format!("{family} {class} {engine}"), FAMILY, 1.0);
    w.add(b, &format!("size {kind}"), 0.08, size);
    w.add(b, &format!("model {}", case.model), 0.035, 1.0);
    w.add(b, &format!("mixture {kind}"), 0.3, mixture);
    w.add(b, &format!("mixture {engine}"), 0.05, mixture);
    w.add(b, &format!("devices {kind}"), 0.1, case.devices.ln());
    // Requests of a slow clock leave a wide memory idle: the rate follows the clock, assumed.
    w.add_around(b, &format!("clock {kind}"), 0.15, clock, 1.0);
    if case.kind == ProcessorKind::Cpu {
        w.add_around(b, "draw", 0.12, draw(case), 0.7);
        w.add_around(b, "threads", 0.15, threads, 0.2);
        w.add_around(b, "single", 0.4, single, -0.4);
        w.add(b, &format!("single {quant}"), 0.2, single);
    }
    // Below 4 bits unpacking decides: as many weights a second, hence fewer bytes. Assumed.
    w.add_around(b, &format!("low bits {kind}"), 0.6, low, 0.7);
    w.add(b, &format!("low bits {engine}"), 0.4, low);
    w.add(b, &format!("batch {unit}"), 0.05, batch);
    w.add(b, &format!("batch mixture {unit}"), 0.1, batch * mixture);
    w.add(b, &format!("bend {unit}"), 0.05, batch * batch / 3.5);
    w.add(b, &format!("bend mixture {unit}"), 0.05, batch * batch / 3.5 * mixture);
    w.add(b, &format!("{unit} build {}", case.build), 0.1, 1.0);
    w.add(b, &format!("{unit} source {}", case.source), 0.12, flag(!case.source.is_empty()));
    w.add_around(b, &format!("sustained {unit}"), 0.3, flag(words::sustained(&case.state)), -0.4);
    let depth = (case.context.max(64.0) / 512.0).ln();
    let cell = format!("{device} {} {} {}", case.build, case.bits, case.model);
    w.add(b, &format!("{device} build {}", case.build), 0.05, 1.0);
    w.add(b, &format!("{device} source {}", case.source), 0.05, flag(!case.source.is_empty()));
    w.add(b, &format!("{device} state {}", case.state), 0.2, flag(!case.state.is_empty()));
    w.add(b, &format!("{device} depth"), 0.03, depth);
    w.add(b, &format!("{device} bend"), 0.025, batch * batch / 3.5);
    w.add(b, &format!("{device} bend mixture"), 0.05, batch * batch / 3.5 * mixture);
    w.add(b, &format!("cell {cell}"), 0.1, 1.0);
    w.add(b, &format!("cell batch {cell}"), 0.05, batch);
    w.add(b, &format!("cell depth {cell}"), 0.015, depth);
    w.add(b, &device, 0.12, 1.0);
    w.add(b, &format!("{device} {unit}"), 0.075, 1.0);
    w.add(b, &format!("{device} {engine}"), 0.025, 1.0);
    w.add(b, &format!("{device} {quant}"), 0.037, 1.0);
    w.add(b, &format!("{device} {engine} {quant}"), 0.05, 1.0);
    w.add(b, &format!("{device} model {}", case.model), 0.04, 1.0);
    w.add(b, &format!("{device} size"), 0.025, size);
    w.add(b, &format!("mode {}", case.profile), 0.05, 1.0);
    w.add(b, &format!("{device} batch"), 0.1, batch);
    w.add(b, &format!("{device} batch {}", case.model), 0.1, batch);
    w.add(b, &format!("{device} mixture"), 0.075, mixture);
    w.add(b, &format!("{device} threads"), 0.3, threads);

    let l = decode::LAUNCH;
    w.add(l, &kind, 0.25, 1.0);
    w.add(l, &unit, 1.0, 1.0);
    w.add(l, &class, 0.12, 1.0);
    w.add(l, &engine, 0.062, 1.0);
    // How many kernels a layer takes is a matter of its family, and of the build that fuses some of them.
    w.add(l, &family, LAUNCHED, 1.0);
    w.add(l, &format!("{unit} build {}", case.build), LAUNCHED, 1.0);
    w.add(l, &format!("{unit} build {} {family}", case.build), LAUNCHED, 1.0);
    w.add(l, &format!("mixture {kind}"), 0.4, mixture);
    w.add(l, &format!("{unit} {}", case.backend), 0.6, flag(!case.backend.is_empty()));
    w.add_around(l, &format!("clock {kind}"), 0.3, -clock, 1.0);
    // Frameworks that run a model operation by operation launch ten times as often. Assumed.
    w.add_around(l, &format!("eager {kind}"), 2.8, flag(words::eager(&case.build)), 2.3);
    // Boards share a layer over their network: milliseconds, not microseconds. Cards over a bus are quicker. Assumed.
    let linked = flag(case.devices > 1.5);
    w.add_around(l, &format!("linked {kind}"), 0.7, linked, if case.kind == ProcessorKind::Cpu { 3.5 } else { 1.0 });
    w.add(l, &format!("{device} {unit}"), 0.4, 1.0);
    w.add(l, &format!("{device} {engine}"), 0.1, 1.0);
    w.add(l, &format!("{device} {unit} {}", case.source), 0.3, 1.0);
    w.add(l, &format!("{device} linked"), 0.4, linked);
    w.add(l, &format!("mode {}", case.profile), 0.3, 1.0);

    let a = decode::ARITHMETIC;
    w.add(a, &kind, 0.4, 1.0);
    w.add(a, &unit, 0.25, 1.0);
    w.add(a, &class, 0.6, 1.0);
    w.add(a, &quant, 0.6, 1.0);
    w.add(a, &engine, 0.6, 1.0);
    w.add(a, &format!("size {unit}"), FILLED, size);
    w.add(a, &format!("{device} size"), FILLED, size);
    w.add(a, &format!("{device} model {}", case.model), FILLED, 1.0);
    w.add(a, &format!("mixture {unit}"), 0.3, mixture);
    w.add_around(a, "threads", 1.2, threads, 0.8);
    w.add(a, "single", 0.2, single);
    w.add(a, &format!("{device} {unit}"), 0.4, 1.0);
    w.add(a, &format!("{device} {quant}"), 0.2, 1.0);
    w.add(a, &format!("{device} {engine}"), 0.3, 1.0);

    let c = decode::CACHE;
    w.add(c, &kind, 0.4, 1.0);
    w.add(c, &class, 0.2, 1.0);
    w.add(c, &format!("model {}", case.model), 0.4, 1.0);
    w.add(c, &device, 0.3, 1.0);
    w.add(c, &format!("{device} model {}", case.model), 0.3, 1.0);

    let t = decode::ATTENTION;
    w.add(t, &kind, 0.4, 1.0);
    w.add(t, &unit, 0.4, 1.0);
    w.add(t, &class, 0.4, 1.0);
    w.add(t, &engine, 0.3, 1.0);
    w.add(t, &device, 0.3, 1.0);
    w.add(t, &format!("{device} model {}", case.model), 0.3, 1.0);

    let p = decode::PROMPT;
    let end = flag(case.end_to_end);
    w.add(p, &unit, 0.5, end);
    w.add(p, &class, 0.3, end);
    w.add(p, &device, 0.3, end);
    w.add(p, &format!("{device} model {}", case.model), 0.3, end);
    // Load generators differ in what they send, and wider products fill a unit better.
    w.add(p, &format!("{unit} source {}", case.source), PROMPTED, end * flag(!case.source.is_empty()));
    w.add(p, &format!("{class} {engine}"), PROMPTED, end);
    w.add(p, &family, PROMPTED, end);
    w.add(p, &format!("model {}", case.model), PROMPTED, end);
    w.add(p, &format!("size {unit}"), PROMPTED, size * end);
    w.add(p, &format!("{device} size"), PROMPTED, size * end);
    w.add(p, &format!("{device} {quant}"), PROMPTED, end);
    // Engines differ in what they do with the prompts of several requests: one by one, together, in chunks between steps.
    w.add(p, &engine, 0.3, end);
    w.add(p, &format!("{engine} batch"), 0.2, batch * end);
    w.add(p, &format!("{device} batch"), 0.2, batch * end);
    Observation { y, law, heads: w.heads, terms: w.out }
}
