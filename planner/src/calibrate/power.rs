//! The law of a device's power: idle, energy per byte and energy per operation, each free and none negative.

use crate::physics::power::{byte_factor, energy_factor};
use crate::validate::case::Case;
use crate::validate::passes::{Passes, standing_w};
use crate::validate::regression::{HEADS, Law, Observation, Terms, Writer};
use profiles::{DeviceProfile, Processor, Quality};

/// Factors on idle power, on energy per byte and on energy per operation, as logarithms.
pub(crate) const IDLE: usize = 0;
pub(crate) const BYTE: usize = 1;
pub(crate) const OPERATION: usize = 2;

/// Spread of a coefficient by what is known of it, in logarithms.
fn spread(quality: Quality) -> f64 {
    match quality {
        Quality::Measured => 0.1,
        Quality::Fitted | Quality::Datasheet => 0.3,
        Quality::Assumed => 0.6,
    }
}

/// Logarithm of the watts of one row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw {
    /// Watts of each part under the profile's own coefficients.
    parts: [f64; 3],
    /// Leakage at the temperature of the measured power.
    leakage_w: f64,
}

impl Draw {
    /// Of a row whose phase ran at `tokens_per_s` and drew `watts`.
    pub(crate) fn of(
        device: &DeviceProfile,
        processor: &Processor,
        case: &Case,
        passes: &Passes,
        decoding: bool,
        tokens_per_s: f64,
        watts: f64,
    ) -> Self {
        let mode = &device.modes[case.mode];
        let clock = mode.clocks.get(&processor.id);
        let compute = clock.map_or(1.0, |c| c.compute.value.get());
        let shared = processor.clocked_share.as_ref().map_or(0.0, |s| s.value.get());
        let measured = clock.and_then(|c| c.byte_energy.as_ref()).map(|r| r.value.get());
        let (bytes, ops) = passes.work(decoding);
        let passes_per_s = tokens_per_s / passes.tokens(decoding);
        let idle = mode.idle.value.get();
        let byte = processor.joules_per_byte.value.get() * measured.unwrap_or_else(|| byte_factor(compute, shared));
        let operation = processor.kernels.get(&case.format).map_or(0.0, |k| k.joules_per_op.value.get()) * energy_factor(compute);
        let leakage_w = standing_w(device, mode, (watts - idle).max(0.0)) - idle;
        let net = case.scope == "net";
        Self {
            parts: [if net { 0.0 } else { idle }, byte * bytes * passes_per_s, operation * ops * passes_per_s],
            leakage_w: if net { 0.0 } else { leakage_w },
        }
    }
}

impl Law for Draw {
    fn predict(&self, heads: &[f64; HEADS]) -> (f64, [f64; HEADS]) {
        let mut slope = [0.0; HEADS];
        for part in [IDLE, BYTE, OPERATION] {
            slope[part] = self.parts[part] * heads[part].exp();
        }
        let total = (self.leakage_w + slope.iter().sum::<f64>()).max(1e-9);
        for s in &mut slope {
            *s /= total;
        }
        (total.ln(), slope)
    }
}

/// An observation of a row's power.
pub(crate) fn observe(
    device: &DeviceProfile,
    processor: &Processor,
    case: &Case,
    law: Draw,
    watts: f64,
    terms: &mut Terms,
) -> Observation<Draw> {
    let mut w = Writer { terms, heads: [0.0; HEADS], out: Vec::new() };
    w.add(IDLE, "own", spread(device.modes[case.mode].idle.quality), 1.0);
    w.add(BYTE, "own", spread(processor.joules_per_byte.quality), 1.0);
    let quality = processor.kernels.get(&case.format).map_or(Quality::Assumed, |k| k.joules_per_op.quality);
    w.add(OPERATION, "own", spread(quality), 1.0);
    Observation { y: watts.ln(), law, heads: w.heads, terms: w.out }
}
