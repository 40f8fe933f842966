//! The one place of this crate that reads clocks.

use fleet::Now;
use rustix::time::{ClockId, clock_gettime};

/// Seconds of the clock that only runs, suspended time included.
pub(crate) fn seconds() -> f64 {
    let t = clock_gettime(ClockId::Boottime);
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}

/// Both clocks, for the core. A time of day before 1970 counts as 1970.
pub(crate) fn now() -> Now {
    let ms = |id| {
        let t = clock_gettime(id);
        u64::try_from(t.tv_sec).unwrap_or(0) * 1_000 + u64::try_from(t.tv_nsec).unwrap_or(0) / 1_000_000
    };
    Now { mono_ms: ms(ClockId::Boottime), wall_ms: ms(ClockId::Realtime) }
}
