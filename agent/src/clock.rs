//! The one place that reads clocks: seconds of work, and the day of a measurement.

use rustix::time::{ClockId, clock_gettime};

fn seconds(clock: ClockId) -> f64 {
    let t = clock_gettime(clock);
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}

/// Runs from its making.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watch {
    wall: f64,
    cpu: f64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { wall: seconds(ClockId::Monotonic), cpu: seconds(ClockId::ProcessCPUTime) }
    }

    /// s.
    pub(crate) fn wall(self) -> f64 {
        seconds(ClockId::Monotonic) - self.wall
    }

    /// Processor time of all threads, s.
    pub(crate) fn cpu(self) -> f64 {
        seconds(ClockId::ProcessCPUTime) - self.cpu
    }
}

/// Today, UTC, as `2026-11-26`.
pub(crate) fn today() -> String {
    day(clock_gettime(ClockId::Realtime).tv_sec.div_euclid(86_400))
}

/// Days since 1970-01-01 as a date (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn day(days: i64) -> String {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let of_era = z.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let date = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{date:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (days, date) in [(0, "1970-01-01"), (-1, "1969-12-31"), (11_016, "2000-02-29"), (20_783, "2026-11-26")] {
            assert_eq!(day(days), date);
        }
    }
}
