//! What an answer cost: tokens, time, processor time, energy where it is measured.

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

/// Reads a counter of joules that only grows; `None` where nothing measures.
pub type Energy<'a> = dyn Fn() -> Option<f64> + 'a;

/// Cost of some work. Processor time counts all threads of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    pub prompt_tokens: usize,
    pub generated_tokens: usize,
    pub prefill_seconds: f64,
    pub decode_seconds: f64,
    pub cpu_seconds: f64,
    /// Measured, never estimated.
    pub joules: Option<f64>,
}

impl Usage {
    /// Both together; energy is known only where it is for both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens + other.prompt_tokens,
            generated_tokens: self.generated_tokens + other.generated_tokens,
            prefill_seconds: self.prefill_seconds + other.prefill_seconds,
            decode_seconds: self.decode_seconds + other.decode_seconds,
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            joules: self.joules.zip(other.joules).map(|(a, b)| a + b),
        }
    }
}

fn seconds(clock: ClockId) -> f64 {
    let t = clock_gettime(clock);
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}

/// Time on the processor of the calling thread.
pub(crate) fn thread_seconds() -> f64 {
    seconds(ClockId::ThreadCPUTime)
}

/// Time on the wall, from any point.
pub(crate) fn wall_seconds() -> f64 {
    seconds(ClockId::Monotonic)
}

/// Runs from its making.
pub(crate) struct Meter<'a> {
    wall: f64,
    cpu: f64,
    energy: Option<&'a Energy<'a>>,
    joules: Option<f64>,
}

impl<'a> Meter<'a> {
    pub(crate) fn start(energy: Option<&'a Energy<'a>>) -> Self {
        Self {
            wall: seconds(ClockId::Monotonic),
            cpu: seconds(ClockId::ProcessCPUTime),
            energy,
            joules: energy.and_then(|read| read()),
        }
    }

    pub(crate) fn wall_seconds(&self) -> f64 {
        seconds(ClockId::Monotonic) - self.wall
    }

    pub(crate) fn cpu_seconds(&self) -> f64 {
        seconds(ClockId::ProcessCPUTime) - self.cpu
    }

    pub(crate) fn joules(&self) -> Option<f64> {
        let now = self.energy.and_then(|read| read())?;
        // A counter that went back was reset: the difference is not known.
        Some(now - self.joules?).filter(|j| *j >= 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn energy_is_the_difference_of_a_counter() {
        let counter = Cell::new(Some(10.0));
        let read = || counter.get();
        let meter = Meter::start(Some(&read));
        counter.set(Some(12.5));
        assert_eq!(meter.joules(), Some(2.5));
        counter.set(Some(9.0));
        assert_eq!(meter.joules(), None, "the counter was reset");
        counter.set(None);
        assert_eq!(meter.joules(), None);
        assert_eq!(Meter::start(None).joules(), None);
    }

    #[test]
    fn processor_time_counts_work() {
        let meter = Meter::start(None);
        let mut x = 1u64;
        while meter.cpu_seconds() < 0.01 {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
        assert!(meter.wall_seconds() > 0.0);
    }

    #[test]
    fn unknown_energy_stays_unknown_in_a_sum() {
        let known = Usage { joules: Some(1.0), generated_tokens: 2, ..Usage::default() };
        assert_eq!(known.plus(known).joules, Some(2.0));
        assert_eq!(known.plus(Usage::default()).joules, None);
        assert_eq!(known.plus(known).generated_tokens, 4);
    }
}
