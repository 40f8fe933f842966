//! By how much a limit is broken.

use crate::table::{Evaluation, TOLERANCE};
use std::ops::{AddAssign, SubAssign};

/// Largest excess counted for one limit, so that sums stay finite when a limit is zero.
pub const MOST: f64 = 1e3;

/// Relative excesses added up, and how many limits they are of. The count, not the sum, says
/// whether anything is broken: sums of differences leave dust.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Excess {
    pub amount: f64,
    pub limits: i32,
}

impl Excess {
    /// What a service that must be served and is not counts as.
    pub const UNSERVED: Excess = Excess { amount: 10.0, limits: 1 };
}

impl AddAssign for Excess {
    fn add_assign(&mut self, other: Self) {
        self.amount += other.amount;
        self.limits += other.limits;
    }
}

impl SubAssign for Excess {
    fn sub_assign(&mut self, other: Self) {
        self.amount -= other.amount;
        self.limits -= other.limits;
    }
}

/// Excess of `value` over `cap`, relative to the cap, with the tolerance that `table::evaluate` gives.
#[must_use]
pub fn excess(value: f64, cap: f64) -> Excess {
    let scale = cap.abs().max(1e-30);
    if value > cap + TOLERANCE * scale {
        Excess { amount: ((value - cap) / scale).min(MOST), limits: 1 }
    } else {
        Excess::default()
    }
}

/// Total excess of an evaluation, on the scale that the search minimises. Malformed and unreachable
/// deployments, which the search never makes, count most.
#[must_use]
pub fn amount(evaluation: &Evaluation) -> f64 {
    evaluation.violations.iter().map(|v| v.excess().abs().min(MOST)).sum()
}
