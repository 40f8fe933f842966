//! Waiting at a percentile of requests.
//!
//! A processor is shared by all requests that it serves (agents interleave them token by token), so
//! the delay of a request is in proportion to its own work. For Poisson arrivals the waiting time's
//! tail is that of M/M/1 with the request's own work as the service time,
//! `P(wait > x) = rho exp(-(1 - rho) x / work)`, which gives at percentile `q`
//!
//! ```text
//! slowdown = 1 + ln(max(1, rho / (1 - q))) / (1 - rho)
//! ```
//!
//! Assumed, not measured: exact for equal exponential work, and a stand-in for the mix that a fleet
//! serves. Periodic requests (a control loop, a camera) are taken not to collide: slowdown 1.
//! Run-to-run jitter of the device itself is taken as none.

use scenarios::Arrivals;

/// Highest booked share and percentile that the formula is used at; beyond, waiting has no bound.
const MOST: f64 = 0.999;

/// Factor on a request's own time, at least 1. `booked` is the processor's booked share of time,
/// `percentile` the share of requests that must be as fast.
#[must_use]
pub fn slowdown(arrivals: Arrivals, booked: f64, percentile: f64) -> f64 {
    match arrivals {
        Arrivals::Periodic => 1.0,
        Arrivals::Poisson => {
            let (rho, late) = (booked.clamp(0.0, MOST), (1.0 - percentile).clamp(1.0 - MOST, 1.0));
            1.0 + (rho / late).max(1.0).ln() / (1.0 - rho)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        // rho = 0.7, 90 %: 1 + ln 7 / 0.3.
        assert!((slowdown(Arrivals::Poisson, 0.7, 0.9) - (1.0 + 7.0f64.ln() / 0.3)).abs() < 1e-9);
        // Fewer than one request in ten finds it busy: the 90th percentile does not wait.
        assert!((slowdown(Arrivals::Poisson, 0.1, 0.9) - 1.0).abs() < 1e-9);
        assert!((slowdown(Arrivals::Periodic, 0.9, 0.99) - 1.0).abs() < 1e-12);
        assert!(slowdown(Arrivals::Poisson, 1.0, 1.0).is_finite());
    }

    proptest! {
        #[test]
        fn grows_with_load_and_percentile(rho in 0.0..0.95f64, p in 0.0..0.99f64, a in 0.0..0.04f64, b in 0.0..0.009f64) {
            prop_assert!(slowdown(Arrivals::Poisson, rho + a, p) >= slowdown(Arrivals::Poisson, rho, p));
            prop_assert!(slowdown(Arrivals::Poisson, rho, p + b) >= slowdown(Arrivals::Poisson, rho, p));
        }

        /// Against the definition: the tail at the waiting time found is what is left above the percentile.
        #[test]
        fn solves_the_tail(rho in 0.2..0.9f64, p in 0.85..0.99f64) {
            let wait = slowdown(Arrivals::Poisson, rho, p) - 1.0;
            let tail = rho * (-(1.0 - rho) * wait).exp();
            prop_assert!((tail - (1.0 - p)).abs() < 1e-9);
        }
    }
}
