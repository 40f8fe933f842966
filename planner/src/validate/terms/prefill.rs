//! Levels of the prefill law's heads.

use super::super::case::Case;
use super::super::laws::prefill;
use super::super::regression::{HEADS, Observation, Terms, Writer};
use super::{Groups, flag, groups, mixture, threads};

/// The prefill law's observation of a case; `y` is the logarithm of seconds a prompt token.
pub(in super::super) fn of_prefill<L>(case: &Case, y: f64, law: L, terms: &mut Terms) -> Observation<L> {
    let Groups { kind, unit, class, engine, quant, device, .. } = groups(case);
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
