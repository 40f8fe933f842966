//! Waiting longer after each failure, with seeded jitter so that a fleet does not knock in step.

use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

/// The generator of jitter, seeded by the shell.
#[derive(Clone, Debug)]
pub struct Jitter(SplitMix64);

impl Jitter {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(SplitMix64::seed_from_u64(seed))
    }

    /// Somewhere between three and five quarters of a time.
    pub fn around(&mut self, ms: u64) -> u64 {
        let half = (ms / 2).max(1);
        ms - ms / 4 + self.0.next_u64() % half
    }
}

/// When to try again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
    at_ms: u64,
}

impl Backoff {
    /// Whether the wait is over.
    #[must_use]
    pub fn due(&self, now_ms: u64) -> bool {
        now_ms >= self.at_ms
    }

    /// When it will be over.
    #[must_use]
    pub fn at_ms(&self) -> u64 {
        self.at_ms
    }

    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Doubles the wait, from the first to the longest.
    pub fn failed(&mut self, now_ms: u64, (first, longest): (u64, u64), jitter: &mut Jitter) {
        let wait = first.saturating_mul(1 << self.failures.min(20)).min(longest);
        self.failures = self.failures.saturating_add(1);
        self.at_ms = now_ms.saturating_add(jitter.around(wait));
    }

    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests;
