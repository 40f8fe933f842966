//! A whole model on one processor with nobody else there: what a request takes, without a fleet or a plan.
//!
//! The sum of [`pass::run`] over the blocks of a prefill and of a decode pass. Predictions of single
//! published figures are made with it; plans are made from the same sums in the table.

use profiles::{ModelProfile, Precision};

use super::pass::{self, Rates, Spent};
use super::request::Request;
use super::work::{self, Pass, Work};

/// What one request takes on one processor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alone {
    /// One prefill pass over the whole prompt (or one item).
    pub prefill: Spent,
    /// One decode pass at the mean context.
    pub decode: Spent,
    /// Passes of each kind.
    pub items: f64,
    pub passes: f64,
    pub samples: f64,
}

impl Alone {
    /// Tokens per second while decoding, over all samples; 0 where nothing is decoded.
    #[must_use]
    pub fn decode_rate(&self) -> f64 {
        if self.passes > 0.0 && self.decode.time_s > 0.0 { self.samples / self.decode.time_s } else { 0.0 }
    }

    /// Mean dynamic power while decoding, watts.
    #[must_use]
    pub fn decode_dynamic_w(&self) -> f64 {
        if self.decode.time_s > 0.0 { self.decode.energy_j / self.decode.time_s } else { 0.0 }
    }

    /// The whole request.
    #[must_use]
    pub fn total(&self) -> Spent {
        self.prefill.times(self.items) + self.decode.times(self.passes)
    }
}

/// Work of all blocks of a model in one pass, block by block in chain order, with how many such blocks there are.
pub fn works<'a>(
    model: &'a ModelProfile,
    precision: Precision,
    pass: Pass,
    decoding: bool,
    cache_bytes: f64,
) -> impl Iterator<Item = (f64, Work)> + 'a {
    let runs = move |b: &profiles::Block| if decoding { work::in_decode(b) } else { work::in_prefill(b) };
    model
        .blocks
        .iter()
        .filter(move |g| runs(&g.block))
        .map(move |g| (f64::from(g.count), work::of_block(&g.block, precision, pass, cache_bytes)))
}

/// Runs a request; `None` where the processor cannot (a cap that idling uses up).
#[must_use]
pub fn run(model: &ModelProfile, precision: Precision, request: &Request, rates: &Rates) -> Option<Alone> {
    let one = |pass: Pass, decoding: bool| -> Option<Spent> {
        let mut sum = Spent { time_s: rates.pass_overhead_s, ..Spent::default() };
        for (count, work) in works(model, precision, pass, decoding, rates.cache_bytes) {
            sum = sum + pass::run(&work, rates, 0.0)?.0.times(count);
        }
        Some(sum)
    };
    let prefill = one(request.prefill, false)?;
    let decode = if request.passes > 0.0 { one(request.decode, true)? } else { Spent::default() };
    Some(Alone { prefill, decode, items: request.items, passes: request.passes, samples: request.samples })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{board, tiny_llm};
    use profiles::WeightFormat;

    #[test]
    fn a_model_is_the_sum_of_its_blocks() {
        let (device, model) = (board(), tiny_llm("tiny", 4, 256));
        let precision = Precision { weights: WeightFormat::W8, kv_bits: 16, activation_bits: 16 };
        let rates = Rates::of(&device, &device.modes[0], &device.processors[0], WeightFormat::W8, 1.0).unwrap();
        let request = Request::new(model.kind, 64, 16, 2);
        let alone = run(&model, precision, &request, &rates).unwrap();
        let mut time = rates.pass_overhead_s;
        for block in model.chain() {
            time +=
                pass::run(&work::of_block(block, precision, request.decode, rates.cache_bytes), &rates, 0.0).unwrap().0.time_s;
        }
        assert!((alone.decode.time_s - time).abs() < 1e-12);
        assert!((alone.decode_rate() - 2.0 / time).abs() < 1e-6);
        let total = alone.total();
        assert!((total.time_s - alone.prefill.time_s - 15.0 * time).abs() < 1e-9);
        assert!(alone.decode_dynamic_w() > 0.0);
        let silent = run(&model, precision, &Request::new(model.kind, 64, 1, 1), &rates).unwrap();
        assert!(silent.decode_rate().abs() < 1e-12);
    }
}
