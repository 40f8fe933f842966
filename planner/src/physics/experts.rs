//! A cache of experts: of a mixture's experts some are in memory, the others are read from storage when a token is routed to them.
//!
//! With the share `c` of each layer's `E` experts in memory, and `T` distinct ones that the rows of a pass touch
//! ([`work::experts_touched`]):
//!
//! ```text
//! missing = T - min(h T, c E)        read from storage, before the roofline, beside what memory is read for anyway
//! memory  = all that is no expert + c (all experts) + the active experts of one layer, on their way
//! ```
//!
//! `h` is the share of look-ups that find their expert. Where the scenario does not say what was measured, routing is even
//! and independent: `h = c`. Real routers repeat themselves and have popular experts, so that is the least that a cache of
//! the popular ones finds (as [`super::stream`] takes it for SmallThinker, arXiv 2507.20984). A prompt touches nearly all experts: more than
//! are held cannot be found, hence the minimum.

use profiles::{Block, Mlp, Precision};
use scenarios::Service;

use super::gate::percent;
use super::work::{self, Pass};

/// A part of every layer's experts in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpertCache {
    /// Share of each layer's experts in memory, (0, 1).
    pub holds: f64,
    /// Share of look-ups that find theirs there.
    pub hits: f64,
}

impl ExpertCache {
    /// One of those that a service may use.
    #[must_use]
    pub fn of(service: &Service, index: usize) -> Option<Self> {
        service.expert_caches.get(index).map(|c| Self { holds: c.holds.get(), hits: c.hits.get() })
    }

    /// Of the weights that a block reads in a pass, the share that comes from storage.
    #[must_use]
    pub fn miss(&self, block: &Block, pass: Pass) -> f64 {
        let Mlp::Experts { experts, active, parameters_per_expert } = block.mlp else { return 0.0 };
        let rows = work::tokens_seen(block, pass.tokens) * pass.batch;
        let (all, each) = (f64::from(experts), parameters_per_expert as f64);
        let touched = work::experts_touched(all, f64::from(active), rows);
        let missing = (touched - (self.hits * touched).min(self.holds * all)).max(0.0);
        let read = work::dense_read(block, rows) + touched * each;
        if read > 0.0 { missing * each / read } else { 0.0 }
    }

    /// Resident weight bytes of a block.
    #[must_use]
    pub fn resident(&self, block: &Block, precision: Precision) -> f64 {
        work::weight_bytes(block, precision) * (1.0 - (1.0 - self.holds) * share(block, |experts, _| experts))
    }

    /// Bytes of the experts of a block that are on their way at once.
    #[must_use]
    pub fn passing(block: &Block, precision: Precision) -> f64 {
        work::weight_bytes(block, precision) * share(block, |_, active| active)
    }

    /// In words, beginning with a comma.
    #[must_use]
    pub fn words(&self) -> String {
        format!(", {} of the experts in memory ({} of look-ups hit)", percent(self.holds), percent(self.hits))
    }
}

/// Share of a block's weights that so many of its experts are.
fn share(block: &Block, of: impl Fn(f64, f64) -> f64) -> f64 {
    let Mlp::Experts { experts, active, parameters_per_expert } = block.mlp else { return 0.0 };
    let all = block.total_parameters() as f64;
    if all > 0.0 { of(f64::from(experts), f64::from(active)) * parameters_per_expert as f64 / all } else { 0.0 }
}

/// True for a mixture of experts.
#[must_use]
pub fn is_mixture(model: &profiles::ModelProfile) -> bool {
    model.blocks.iter().any(|g| matches!(g.block.mlp, Mlp::Experts { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{experts, precision, tiny_llm};
    use profiles::WeightFormat;
    use proptest::prelude::*;

    fn decode(batch: f64) -> Pass {
        Pass { tokens: 1.0, context: 100.0, batch }
    }

    #[test]
    fn known_values() {
        // 8 experts of 4 w^2, 2 of them a token; 4 w^2 beside them.
        let model = experts("m", 2, 256);
        let block = &model.blocks[1].block;
        let quarter = ExpertCache { holds: 0.25, hits: 0.25 };
        // One token touches two: three quarters of 8 w^2 of 12 w^2 that are read.
        assert!((quarter.miss(block, decode(1.0)) - 0.75 * 8.0 / 12.0).abs() < 1e-12);
        // Measured hits are better, and a prompt that touches all finds no more than are held.
        let warm = ExpertCache { holds: 0.25, hits: 0.9 };
        assert!((warm.miss(block, decode(1.0)) - 0.1 * 8.0 / 12.0).abs() < 1e-12);
        let prompt = Pass { tokens: 1e6, context: 0.0, batch: 1.0 };
        assert!((warm.miss(block, prompt) - 0.75 * 32.0 / 36.0).abs() < 1e-9);
        let p = precision(WeightFormat::W8);
        let whole = work::weight_bytes(block, p);
        assert!((quarter.resident(block, p) - whole * (4.0 + 8.0) / 36.0).abs() < 1e-3);
        assert!((ExpertCache::passing(block, p) - whole * 8.0 / 36.0).abs() < 1e-3);
        assert_eq!(warm.words(), ", 25 % of the experts in memory (90 % of look-ups hit)");
    }

    #[test]
    fn a_dense_block_misses_nothing() {
        let model = tiny_llm("t", 1, 256);
        let (cache, p) = (ExpertCache { holds: 0.1, hits: 0.1 }, precision(WeightFormat::W8));
        for block in model.chain() {
            assert!(cache.miss(block, decode(1.0)).abs() < 1e-15);
            assert!((cache.resident(block, p) - work::weight_bytes(block, p)).abs() < 1e-9);
        }
        assert!(is_mixture(&experts("m", 1, 256)) && !is_mixture(&model));
    }

    proptest! {
        #[test]
        fn more_in_memory_never_reads_more(holds in 0.01..0.9f64, more in 0.0..0.1f64, hits in 0.0..1.0f64, batch in 1.0..32.0f64) {
            let model = experts("m", 1, 256);
            let block = &model.blocks[1].block;
            let miss = |holds, hits| ExpertCache { holds, hits }.miss(block, decode(batch));
            prop_assert!(miss(holds + more, hits) <= miss(holds, hits) + 1e-12);
            prop_assert!(miss(holds, (hits + more).min(1.0)) <= miss(holds, hits) + 1e-12);
            prop_assert!((0.0..1.0).contains(&miss(holds, hits)));
        }
    }
}
