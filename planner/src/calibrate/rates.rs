//! The law of a device's rates: the cost table's own roofline, with three coefficients free.
//!
//! In logarithms: the share of the bandwidth, the launch of a block in seconds, and the share of the
//! arithmetic peak of the row's format. Exponentials are never negative. Each is its prior, a level that all three share (a
//! device is slow in everything before it is slow in one thing), its own deviation, and for arithmetic one of the format.

use super::prior::{self, Prior};
use crate::physics::pass::Rates;
use crate::validate::case::Case;
use crate::validate::passes::Passes;
use crate::validate::range::Phase;
use crate::validate::regression::{HEADS, Law, Observation, Terms, Writer};
use profiles::{DeviceProfile, Processor, WeightFormat};
use std::sync::Arc;

/// Share of the bandwidth, launch, share of the peak.
pub(crate) const BANDWIDTH: usize = 0;
pub(crate) const LAUNCH: usize = 1;
pub(crate) const ARITHMETIC: usize = 2;

/// Spread of the level: wide, so that a device's rows alone decide how fast it is on the whole.
const LEVEL: f64 = 2.0;
/// Spread of one format's arithmetic around its processor's.
const FORMAT: f64 = 0.3;
/// Launch where neither the profile nor the class knows one, seconds.
const LAUNCH_S: f64 = 1e-6;
/// Step of the derivatives.
const STEP: f64 = 1e-4;

/// Logarithm of seconds a token in one phase of one row.
#[derive(Clone, Debug)]
pub(crate) struct Rate {
    passes: Arc<Passes>,
    phase: Phase,
    /// Limits without shares and without a cap: what a measured rate holds of one belongs to the share.
    limits: Rates,
}

impl Rate {
    /// `rates` as the profile has them; shares are divided out again.
    pub(crate) fn new(passes: Arc<Passes>, phase: Phase, rates: &Rates, bandwidth_share: f64, arithmetic_share: f64) -> Self {
        let limits = Rates {
            bandwidth: rates.bandwidth / bandwidth_share,
            peak: rates.peak / arithmetic_share,
            headroom_w: f64::INFINITY,
            ..*rates
        };
        Self { passes, phase, limits }
    }

    fn log_seconds(&self, heads: &[f64; HEADS]) -> f64 {
        let rates = Rates {
            bandwidth: self.limits.bandwidth * heads[BANDWIDTH].exp(),
            launch_s: heads[LAUNCH].exp(),
            peak: self.limits.peak * heads[ARITHMETIC].exp(),
            ..self.limits
        };
        let run = match self.phase {
            Phase::Decode => self.passes.decode(&rates),
            Phase::Prefill => self.passes.prefill(&rates),
        };
        // Without a cap everything runs.
        run.map_or(f64::NAN, |p| -p.tokens_per_s.ln())
    }
}

impl Law for Rate {
    fn predict(&self, heads: &[f64; HEADS]) -> (f64, [f64; HEADS]) {
        let mut slope = [0.0; HEADS];
        for head in [BANDWIDTH, LAUNCH, ARITHMETIC] {
            let at = |step: f64| {
                let mut moved = *heads;
                moved[head] += step;
                self.log_seconds(&moved)
            };
            slope[head] = (at(STEP) - at(-STEP)) / (2.0 * STEP);
        }
        (self.log_seconds(heads), slope)
    }
}

/// Priors of one processor's coefficients.
#[derive(Clone, Debug)]
pub(crate) struct Priors {
    pub bandwidth: Prior,
    pub launch: Prior,
    relatives: Vec<&'static Processor>,
}

impl Priors {
    pub(crate) fn of(device: &DeviceProfile, processor: &Processor) -> Self {
        let relatives: Vec<&Processor> = prior::relatives(device, processor).collect();
        let share = &processor.bandwidth_efficiency;
        let launch = &processor.launch;
        let launches = relatives.iter().filter_map(|p| prior::known(&p.launch)).map(profiles::units::Seconds::get);
        let mut launch = prior::of(launch.value.get(), launch.quality, launches);
        launch.median = launch.median.max(LAUNCH_S);
        let shares = relatives.iter().filter_map(|p| prior::known(&p.bandwidth_efficiency)).map(profiles::units::Ratio::get);
        Self { bandwidth: prior::of(share.value.get(), share.quality, shares), launch, relatives }
    }

    /// Of a format's share of its peak; `None` without such a kernel.
    pub(crate) fn arithmetic(&self, processor: &Processor, format: WeightFormat) -> Option<Prior> {
        let own = &processor.kernels.get(&format)?.efficiency;
        let others = self.relatives.iter().filter_map(|p| p.kernels.get(&format)).filter_map(|k| prior::known(&k.efficiency));
        Some(prior::of(own.value.get(), own.quality, others.map(profiles::units::Ratio::get)))
    }
}

/// An observation of one phase of a row; `tokens_per_s` was measured. `None` without a kernel for its format.
pub(crate) fn observe(
    processor: &Processor,
    priors: &Priors,
    case: &Case,
    law: Rate,
    tokens_per_s: f64,
    terms: &mut Terms,
) -> Option<Observation<Rate>> {
    let arithmetic = priors.arithmetic(processor, case.format)?;
    let mut heads = [0.0; HEADS];
    heads[BANDWIDTH] = priors.bandwidth.median.ln();
    heads[LAUNCH] = priors.launch.median.ln();
    heads[ARITHMETIC] = arithmetic.median.ln();
    let mut w = Writer { terms, heads, out: Vec::new() };
    // The level is one number on all three heads.
    w.share("level", LEVEL, &[(BANDWIDTH, 1.0), (LAUNCH, -1.0), (ARITHMETIC, 1.0)]);
    w.add(BANDWIDTH, "own", priors.bandwidth.spread, 1.0);
    w.add(LAUNCH, "own", priors.launch.spread, 1.0);
    w.add(ARITHMETIC, "own", arithmetic.spread, 1.0);
    w.add(ARITHMETIC, case.format.name(), FORMAT, 1.0);
    Some(Observation { y: -tokens_per_s.ln(), law, heads: w.heads, terms: w.out })
}
