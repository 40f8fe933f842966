//! Waiting longer after each failure, with seeded jitter so that a fleet does not knock in step.

/// The generator of jitter: SplitMix64 (Steele, Lea, Flood 2014), seeded by the shell.
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Somewhere between three and five quarters of a time.
    pub fn around(&mut self, ms: u64) -> u64 {
        let half = (ms / 2).max(1);
        ms - ms / 4 + self.next() % half
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
