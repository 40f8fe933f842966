//! A row's passes as the cost table runs them: the same work, the same roofline, the same cap.

use super::case::Case;
use crate::physics::pass::{self, Rates, Spent};
use crate::physics::thermal::Body;
use crate::physics::work::{self, Pass, Work};
use profiles::units::Celsius;
use profiles::{BlockGroup, DeviceProfile, PowerMode, Precision};

/// Surroundings of a measured device, of which no row tells: a room. Assumed.
const AMBIENT_C: f64 = 25.0;

/// Blocks of one pass, and how often each.
type Blocks = Vec<(f64, Work)>;

/// Work of a row in both phases.
#[derive(Clone, Debug)]
pub(crate) struct Passes {
    decode: Blocks,
    prefill: Blocks,
    batch: f64,
    prompt: f64,
    answer: f64,
    /// The decode rate counts the time of the prompt.
    end_to_end: bool,
}

/// A phase as a device runs it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Phase {
    /// Over the whole batch.
    pub tokens_per_s: f64,
    /// Mean dynamic power, watts.
    pub dynamic_w: f64,
}

/// Work of the blocks that `runs` picks, with as many weight bytes as the row's bits per weight make.
fn blocks(case: &Case, runs: impl Fn(&BlockGroup) -> bool, pass: Pass, cache_bytes: f64) -> Blocks {
    let precision = Precision { weights: case.format, kv_bits: 16, activation_bits: 16 };
    let stored: f64 = case.blocks.iter().map(|g| f64::from(g.count) * work::weight_bytes(&g.block, precision)).sum();
    let parameters: f64 = case.blocks.iter().map(|g| f64::from(g.count) * g.block.total_parameters() as f64).sum();
    let told = parameters * case.bits / 8.0;
    let scale = if stored > 0.0 { told / stored } else { 1.0 };
    case.blocks
        .iter()
        .filter(|g| runs(g))
        .map(|g| {
            let work = work::of_block(&g.block, precision, pass, cache_bytes);
            (f64::from(g.count), Work { weight_bytes: scale * work.weight_bytes, ..work })
        })
        .collect()
}

/// One pass over a model; `None` where it cannot run.
fn spent(blocks: &Blocks, rates: &Rates) -> Option<Spent> {
    let mut sum = Spent { time_s: rates.pass_overhead_s, ..Spent::default() };
    for (count, work) in blocks {
        sum = sum + pass::run(work, rates, 0.0)?.0.times(*count);
    }
    Some(sum)
}

impl Passes {
    /// `cache_bytes`: the processor's last-level cache.
    pub(crate) fn of(case: &Case, cache_bytes: f64) -> Self {
        let step = Pass { tokens: 1.0, context: case.context, batch: case.batch };
        let prompt = Pass { tokens: case.prompt, context: case.depth, batch: case.batch };
        Self {
            decode: blocks(case, |g| work::in_decode(&g.block), step, cache_bytes),
            prefill: blocks(case, |g| work::in_prefill(&g.block), prompt, cache_bytes),
            batch: case.batch,
            prompt: case.prompt,
            answer: case.answer,
            end_to_end: case.end_to_end,
        }
    }

    /// Bytes and operations of one pass in decoding, or over the prompt.
    pub(crate) fn work(&self, decoding: bool) -> (f64, f64) {
        let blocks = if decoding { &self.decode } else { &self.prefill };
        blocks.iter().fold((0.0, 0.0), |(b, f), (count, w)| (b + count * w.bytes(), f + count * w.ops))
    }

    /// Tokens of one pass, over the batch.
    pub(crate) fn tokens(&self, decoding: bool) -> f64 {
        if decoding { self.batch } else { self.batch * self.prompt }
    }

    /// Decoding; `None` where a cap that idling uses up lets nothing run.
    pub(crate) fn decode(&self, rates: &Rates) -> Option<Phase> {
        let step = spent(&self.decode, rates)?.times(self.answer);
        let all = if self.end_to_end { step + spent(&self.prefill, rates)? } else { step };
        Some(phase(self.batch * self.answer, all))
    }

    /// The prompt.
    pub(crate) fn prefill(&self, rates: &Rates) -> Option<Phase> {
        Some(phase(self.batch * self.prompt, spent(&self.prefill, rates)?))
    }
}

fn phase(tokens: f64, spent: Spent) -> Phase {
    Phase { tokens_per_s: tokens / spent.time_s, dynamic_w: spent.energy_j / spent.time_s }
}

/// What stands beside the dynamic power: idle, and leakage at the temperature that this load leads to, no
/// hotter than where the firmware throttles.
pub(crate) fn standing_w(device: &DeviceProfile, mode: &PowerMode, dynamic_w: f64) -> f64 {
    let body = Body::of(&device.thermal, Celsius(AMBIENT_C));
    let idle = mode.idle.value.get();
    let hot = body.steady_c(idle, dynamic_w).unwrap_or(body.throttle_c).min(body.throttle_c);
    idle + body.leakage.watts(hot)
}
