//! Random numbers that are a function of seed, purpose and number: nothing to save between episodes.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// What numbers are for: streams of different purposes never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Weights = 1,
    Training = 2,
    Evaluation = 3,
    Calibration = 4,
}

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream of `number` (of an episode, say) for a purpose under a seed.
    pub(crate) fn stream(seed: u64, purpose: Purpose, number: u64) -> Self {
        // Each step of SplitMix64 is a bijection, so that no two of (seed, purpose, number) are confused by it alone.
        let key = mix(mix(mix(seed) ^ purpose as u64) ^ number);
        Self(Xoshiro256PlusPlus::seed_from_u64(key))
    }

    /// Uniform in 0..1, with 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform between two numbers.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// An index drawn with these probabilities; the last where they fall short of one by rounding.
    pub fn pick(&mut self, probabilities: &[f32]) -> usize {
        let mut left = self.unit();
        for (i, p) in probabilities.iter().enumerate() {
            left -= f64::from(*p);
            if left < 0.0 {
                return i;
            }
        }
        probabilities.len().saturating_sub(1)
    }

    /// One of `n`, all alike.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n.saturating_sub(1))
    }
}

/// Finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_told_apart_and_repeat() {
        let first = |seed, purpose, number| Random::stream(seed, purpose, number).unit().to_bits();
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..4 {
            for purpose in [Purpose::Weights, Purpose::Training, Purpose::Evaluation, Purpose::Calibration] {
                for number in 0..8 {
                    assert!(seen.insert(first(seed, purpose, number)), "{seed} {purpose:?} {number}");
                }
            }
        }
        assert_eq!(first(3, Purpose::Training, 5), first(3, Purpose::Training, 5));
    }

    #[test]
    fn picks_follow_their_probabilities() {
        let mut random = Random::stream(1, Purpose::Training, 0);
        let mut counts = [0u32; 3];
        (0..10_000).for_each(|_| counts[random.pick(&[0.5, 0.0, 0.5])] += 1);
        assert_eq!(counts[1], 0);
        assert!(counts[0].abs_diff(5000) < 250, "{counts:?}");
        assert_eq!(random.pick(&[0.0, 0.0]), 1, "rounding leaves the last");
    }
}
