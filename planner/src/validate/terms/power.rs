//! Levels of the power law's heads.

use super::super::case::Case;
use super::super::laws::power;
use super::super::regression::{HEADS, Observation, Terms, Writer};
use super::{Groups, flag, groups};

/// The power law's observation of a case; `y` is the logarithm of watts.
pub(in super::super) fn of_power<L>(case: &Case, y: f64, law: L, decoding: bool, terms: &mut Terms) -> Observation<L> {
    let Groups { kind, unit, class, engine, quant, device, .. } = groups(case);
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
