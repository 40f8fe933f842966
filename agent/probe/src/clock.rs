//! The one place of this crate that reads clocks.

use rustix::time::{ClockId, clock_gettime};

fn seconds(clock: ClockId) -> f64 {
    let t = clock_gettime(clock);
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}

/// Runs from its making, on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Watch(f64);

impl Watch {
    #[must_use]
    pub fn start() -> Self {
        Self(seconds(ClockId::Monotonic))
    }

    /// s.
    #[must_use]
    pub fn seconds(self) -> f64 {
        seconds(ClockId::Monotonic) - self.0
    }
}

/// Processor time of this process, all threads, s.
pub(crate) fn own_s() -> f64 {
    seconds(ClockId::ProcessCPUTime)
}
