//! Which coefficients a row shares with which others, and how far each may stray: the priors.
//!
//! Means are round numbers and assumed: kernels reach 65 % of a bandwidth and 15 to 30 % of a peak, a layer's
//! launches take 50 us. Spreads are in logarithms (0.2 is about 20 %). Levels: kind of processor with or without matrix
//! units, class of device, engine and its version, source, format, model, the device itself, whose terms only its own
//! rows inform, and a cell of one model at one precision on one engine of one device.
//!
//! The decode law's spreads were chosen so that the rows of [`super::known`] are predicted well with their device left
//! out: each halved or doubled from a round number while that helped. They are the same for every device.

use super::case::Case;
use super::laws::{decode, power, prefill};
use super::regression::{HEADS, Observation, Terms, Writer};
use super::words;
use profiles::{DeviceClass, ProcessorKind};

/// Names of the groups that a case belongs to.
struct Groups {
    kind: String,
    unit: String,
    class: String,
    engine: String,
    quant: String,
    device: String,
}

fn groups(case: &Case) -> Groups {
    let kind = format!("{:?}", case.kind).to_lowercase();
    let unit = format!("{kind}{}", if case.matrix_units { "+" } else { "-" });
    Groups {
        class: format!("{unit} {:?}", case.class),
        engine: format!("{unit} {}", case.engine),
        quant: format!("{unit} {}", case.quant),
        device: case.device.clone(),
        kind,
        unit,
    }
}

fn flag(of: bool) -> f64 {
    f64::from(u8::from(of))
}

/// Logarithm of the threads against four; 0 where the row does not say.
fn threads(case: &Case) -> f64 {
    case.threads.map_or(0.0, |t| (t / 4.0).ln())
}

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

fn mixture(case: &Case) -> f64 {
    flag(case.active < 0.6 * case.parameters)
}

/// The decode law's observation of a case; `y` is the logarithm of seconds a token.
pub(crate) fn of_decode<L>(case: &Case, y: f64, law: L, terms: &mut Terms) -> Observation<L> {
    let Groups { kind, unit, class, engine, quant, device } = groups(case);
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
    // Engines differ in what they do with the prompts of several requests: one by one, together, in chunks between steps.
    w.add(p, &engine, 0.3, end);
    w.add(p, &format!("{engine} batch"), 0.2, batch * end);
    w.add(p, &format!("{device} batch"), 0.2, batch * end);
    Observation { y, law, heads: w.heads, terms: w.out }
}

/// The prefill law's observation of a case; `y` is the logarithm of seconds a prompt token.
pub(super) fn of_prefill<L>(case: &Case, y: f64, law: L, terms: &mut Terms) -> Observation<L> {
    let Groups { kind, unit, class, engine, quant, device } = groups(case);
    let mut heads = [0.0; HEADS];
    heads[prefill::ARITHMETIC] = 0.25f64.ln();
    heads[prefill::ATTENTION] = 0.3f64.ln();
    heads[prefill::LAUNCH] = 5f64.ln();
    let mut w = Writer { terms, heads, out: Vec::new() };
    let size = (case.parameters / 3e9).ln();
    let length = (case.prompt.min(2048.0) / 512.0).ln();
    let (clock, threads, mixture) = (case.clock.ln(), threads(case), mixture(case));
    let a = prefill::ARITHMETIC;
    w.add(a, &kind, 0.5, 1.0);
    w.add(a, &unit, 0.5, 1.0);
    w.add(a, &class, 0.3, 1.0);
    w.add(a, &case.engine, 0.3, 1.0);
    w.add(a, &engine, 0.3, 1.0);
    w.add(a, case.quant, 0.2, 1.0);
    w.add(a, &quant, 0.2, 1.0);
    w.add(a, &format!("{class} {quant}"), 0.2, 1.0);
    w.add(a, &format!("{unit} {}", case.backend), 0.3, flag(!case.backend.is_empty()));
    w.add(a, &format!("{class} {engine}"), 0.2, 1.0);
    w.add(a, &format!("peak {unit}"), 0.15, (case.peak / 1e13).ln());
    w.add(a, &format!("size {kind}"), 0.15, size);
    w.add(a, &format!("active {kind}"), 0.15, (case.parameters / case.active).ln());
    w.add(a, &format!("model {}", case.model), 0.1, 1.0);
    w.add(a, &format!("mixture {kind}"), 0.5, mixture);
    w.add(a, &format!("length {kind}"), 0.2, length);
    w.add(a, &format!("batch {kind}"), 0.1, case.batch.ln());
    w.add(a, &format!("threads {kind}"), 0.4, threads);
    w.add(a, &format!("clock {kind}"), 0.4, clock);
    let cell = format!("{device} {} {} {}", case.build, case.bits, case.model);
    w.add(a, &format!("{unit} build {}", case.build), 0.15, 1.0);
    w.add(a, &format!("{unit} source {}", case.source), 0.15, flag(!case.source.is_empty()));
    w.add(a, &format!("{device} build {}", case.build), 0.1, 1.0);
    w.add(a, &format!("{device} source {}", case.source), 0.1, flag(!case.source.is_empty()));
    w.add(a, &format!("{device} state {}", case.state), 0.1, flag(!case.state.is_empty()));
    w.add(a, &format!("cell {cell}"), 0.1, 1.0);
    w.add(a, &format!("cell length {cell}"), 0.05, length);
    w.add(a, &device, 0.35, 1.0);
    w.add(a, &format!("{device} {unit}"), 0.3, 1.0);
    w.add(a, &format!("{device} {engine}"), 0.25, 1.0);
    w.add(a, &format!("{device} {quant}"), 0.25, 1.0);
    w.add(a, &format!("{device} model {}", case.model), 0.15, 1.0);
    w.add(a, &format!("{device} size"), 0.1, size);
    w.add(a, &format!("{device} length"), 0.1, length);
    w.add(a, &format!("{device} mixture"), 0.2, mixture);
    w.add(a, &format!("mode {}", case.profile), 0.2, 1.0);

    let t = prefill::ATTENTION;
    w.add(t, &unit, 0.7, 1.0);
    w.add(t, &class, 0.4, 1.0);
    w.add(t, &format!("model {}", case.model), 0.5, 1.0);
    w.add(t, &device, 0.4, 1.0);
    w.add(t, &format!("{device} model {}", case.model), 0.3, 1.0);

    let l = prefill::LAUNCH;
    w.add(l, &unit, 1.0, 1.0);
    w.add(l, &class, 0.5, 1.0);
    w.add(l, &engine, 0.7, 1.0);
    w.add(l, &device, 0.5, 1.0);
    Observation { y, law, heads: w.heads, terms: w.out }
}

/// The power law's observation of a case; `y` is the logarithm of watts.
pub(super) fn of_power<L>(case: &Case, y: f64, law: L, decoding: bool, terms: &mut Terms) -> Observation<L> {
    let Groups { kind, unit, class, engine, quant, device } = groups(case);
    let mut heads = [0.0; HEADS];
    heads[power::STANDING] = 0.2f64.ln();
    heads[power::DYNAMIC] = 0.4f64.ln();
    let mut w = Writer { terms, heads, out: Vec::new() };
    let phase = if decoding { "decode" } else { "prefill" };
    let scope = format!("{} {phase}", case.scope);
    let size = (case.parameters / 3e9).ln();
    for (h, wide) in [(power::STANDING, 1.0), (power::DYNAMIC, 1.0)] {
        w.add(h, &kind, 0.3 * wide, 1.0);
        w.add(h, &scope, 0.4 * wide, 1.0);
        w.add(h, &class, 0.3 * wide, 1.0);
        w.add(h, &format!("{class} {scope}"), 0.2 * wide, 1.0);
        w.add(h, &engine, 0.15, 1.0);
        w.add(h, &quant, 0.1, 1.0);
        w.add(h, &device, 0.3, 1.0);
        w.add(h, &format!("{device} {unit} {scope}"), 0.3, 1.0);
        w.add(h, &format!("{device} {engine}"), 0.15, 1.0);
        w.add(h, &format!("{device} {quant}"), 0.1, 1.0);
        w.add(h, &format!("{device} model {} {phase}", case.model), 0.12, 1.0);
        w.add(h, &format!("mode {}", case.profile), 0.25, 1.0);
    }
    w.add(power::STANDING, &format!("size {phase}"), 0.1, size);
    w.add(power::STANDING, &format!("{device} size {phase}"), 0.1, size);
    w.add(power::STANDING, &format!("length {phase}"), 0.2, (case.prompt / 512.0).ln() * flag(!decoding));
    w.add(power::STANDING, &format!("{device} length {phase}"), 0.2, (case.prompt / 512.0).ln() * flag(!decoding));
    w.add(power::STANDING, &format!("answer {phase}"), 0.1, (case.answer / 256.0).ln() * flag(decoding));
    Observation { y, law, heads: w.heads, terms: w.out }
}
