//! The one clock of energy: monotonic, so that setting the time of day changes nothing.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// A moment. Only differences mean anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Stands still while the machine sleeps.
    pub mono: Duration,
    /// Counts sleep too (time since boot); `None` where nobody tells.
    pub boot: Option<Duration>,
    /// The event lay at most this far from `mono`: half of how long a read took.
    pub slack: Duration,
}

impl Stamp {
    /// A moment without a second clock.
    #[must_use]
    pub const fn at(mono: Duration) -> Self {
        Self { mono, boot: None, slack: Duration::ZERO }
    }

    /// Seconds since an earlier moment; negative when the clock ran backwards.
    #[must_use]
    pub fn since_s(self, earlier: Self) -> f64 {
        self.mono.as_secs_f64() - earlier.mono.as_secs_f64()
    }

    /// Seconds of sleep since an earlier moment, which `since_s` does not contain.
    #[must_use]
    pub fn slept_s(self, earlier: Self) -> f64 {
        match (self.boot, earlier.boot) {
            (Some(now), Some(then)) => now.as_secs_f64() - then.as_secs_f64() - self.since_s(earlier),
            _ => 0.0,
        }
    }

    /// The middle between two moments: a read that began at one and ended at the other.
    #[must_use]
    pub fn middle(began: Self, ended: Self) -> Self {
        let half = ended.mono.saturating_sub(began.mono) / 2;
        Self { mono: began.mono + half, boot: began.boot.map(|b| b + half), slack: half }
    }
}

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    fn now(&self) -> Stamp;
}

/// This machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "energy is power over time: this is the crate's one clock")]
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

/// Two readings of the clocks this close together count as one moment.
const CLOSE: Duration = Duration::from_millis(2);
/// So often it is tried to read them undisturbed.
const TRIES: u32 = 20;

impl Clock for SystemClock {
    fn now(&self) -> Stamp {
        let mut stamp = Stamp::at(self.start.elapsed());
        for _ in 0..TRIES {
            let boot = uptime();
            let after = self.start.elapsed();
            let apart = after.saturating_sub(stamp.mono);
            // A busy machine may stop this thread between the two: then they are of two moments.
            if boot.is_none() || apart <= CLOSE {
                return Stamp { boot, ..stamp };
            }
            stamp.mono = after;
        }
        stamp
    }
}

/// `/proc/uptime` counts sleep, in steps of 10 ms; `Instant` does not (CLOCK_MONOTONIC on Linux).
fn uptime() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let seconds = text.split(' ').next()?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}
