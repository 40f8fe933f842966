//! How long a policy is kept from making up its mind, by the backbone's bits.
//!
//! The entropy of the policy is rewarded with a weight that falls to zero in a straight line. Few-bit features tell
//! like states apart less well, so an early decision is more often a wrong one: with fewer bits the weight starts
//! higher and falls later. Both numbers are **assumed**; `docs/learning.md` compares the two ends.

use serde::{Deserialize, Serialize};

/// Weight of the entropy over a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exploration {
    /// At the beginning.
    pub start: f32,
    /// Share of the run after which it is zero.
    pub until: f32,
}

impl Exploration {
    /// For a backbone of so many bits a weight ([`Source::bits`](crate::Source::bits)): 0.03 falling over the first half of
    /// the run at 8 bits and more, up to twice that, and up to three quarters of the run, towards none.
    #[must_use]
    pub fn of_bits(bits: f64) -> Self {
        let missing = (1.0 - bits / 8.0).clamp(0.0, 1.0) as f32;
        Self { start: 0.03 * (1.0 + missing), until: 0.5 + 0.25 * missing }
    }

    /// Weight after a share of the run.
    #[must_use]
    pub fn weight(&self, share: f64) -> f32 {
        self.start * (1.0 - share as f32 / self.until.max(f32::MIN_POSITIVE)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_bits_explore_longer() {
        let (many, few) = (Exploration::of_bits(16.0), Exploration::of_bits(2.0));
        assert_eq!(many, Exploration::of_bits(8.0));
        for share in [0.0, 0.2, 0.45, 0.6] {
            assert!(few.weight(share) > many.weight(share), "{share}");
        }
        assert!(many.weight(0.5) == 0.0 && few.weight(0.8) == 0.0 && few.weight(2.0) == 0.0);
    }
}
