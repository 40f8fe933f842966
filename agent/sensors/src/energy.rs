//! Joules from readings: right within 1 %, or unknown with the reasons. Never silently wrong.
//!
//! Hardware counters come first: they miss nothing between two reads. Else power is integrated by the
//! trapezoid rule. Both keep a bound on what they may have missed; when it exceeds 1 % of the energy,
//! or when a fault makes it unknowable, the answer is [`Energy::Unknown`] with an estimate.
//! The bound is on the integration. How true the instrument itself is, is the instrument's business.

mod account;
mod counter;
mod doubt;
mod sampler;
mod trapezoid;
mod window;

pub use account::Account;
pub use doubt::Doubt;
pub use sampler::Sampler;
pub use window::{ChannelEnergy, Method, Window};

use crate::clock::Stamp;
use serde::Serialize;
use std::fmt;

/// Energy that may be missed before it counts as unknown.
pub const TOLERANCE: f64 = 0.01;

/// Energy of a span of time.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Energy {
    /// J, and how many J the integration may be off.
    Known { joules: f64, error_j: f64 },
    /// Why it is not known, and what it may be.
    Unknown { why: Vec<Doubt>, estimate_j: Option<f64> },
}

impl Energy {
    /// J when known.
    #[must_use]
    pub fn known(&self) -> Option<f64> {
        match self {
            Self::Known { joules, .. } => Some(*joules),
            Self::Unknown { .. } => None,
        }
    }

    /// J, known or estimated.
    #[must_use]
    pub fn estimate(&self) -> Option<f64> {
        match self {
            Self::Known { joules, .. } => Some(*joules),
            Self::Unknown { estimate_j, .. } => *estimate_j,
        }
    }
}

impl fmt::Display for Energy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { joules, error_j } => write!(f, "{joules:.3} J ± {error_j:.3} J"),
            Self::Unknown { why, estimate_j } => {
                f.write_str("unknown")?;
                if let Some(joules) = estimate_j {
                    write!(f, ", about {joules:.1} J")?;
                }
                for (i, doubt) in why.iter().enumerate() {
                    write!(f, "{}{doubt}", if i == 0 { ": " } else { "; " })?;
                }
                Ok(())
            }
        }
    }
}

/// What an integrator has gathered since its last lap.
#[derive(Clone, Debug, Default)]
struct Lap {
    joules: f64,
    /// Sum of hard bounds, J.
    bound_j: f64,
    /// Sum of squares of errors that have random sign, J².
    variance: f64,
    doubts: Vec<Doubt>,
    samples: u32,
    max_gap_s: f64,
}

/// So many standard deviations are allowed for errors of random sign.
const SIGMAS: f64 = 3.0;

/// Resolution of `/proc/uptime`, s.
const TICK_S: f64 = 0.01;

impl Lap {
    /// Compares the two clocks: they part when the machine sleeps and when the monotonic one is not monotonic.
    fn check_clock(&mut self, at: Stamp, then: Stamp) {
        let (dt, slept) = (at.since_s(then), at.slept_s(then));
        if slept > 0.5 {
            self.doubt(Doubt::Slept { seconds: slept });
        } else if slept.abs() > 2.5 * TICK_S {
            self.doubt(Doubt::ClockStep { seconds: slept.abs() });
        } else if dt <= 0.0 {
            self.doubt(Doubt::ClockStep { seconds: -dt });
        }
    }

    /// Adds a doubt; of each kind the gravest is kept.
    fn doubt(&mut self, doubt: Doubt) {
        match self.doubts.iter_mut().find(|d| d.same_kind(&doubt)) {
            Some(old) => *old = old.clone().graver(doubt),
            None => self.doubts.push(doubt),
        }
    }

    fn into_energy(mut self) -> Energy {
        let error_j = self.bound_j + SIGMAS * self.variance.sqrt();
        if self.doubts.is_empty() && (self.joules <= 0.0 || error_j > TOLERANCE * self.joules) {
            self.doubt(Doubt::Coarse { error_j });
        }
        if self.doubts.is_empty() {
            return Energy::Known { joules: self.joules, error_j };
        }
        let estimate_j = (self.samples > 1).then_some(self.joules);
        Energy::Unknown { why: self.doubts, estimate_j }
    }
}
