//! A share of questions that went right, with how sure it is.

use engine::eval::{Interval, wilson};
use serde::Serialize;

/// Count, share and Wilson's 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Accuracy {
    pub(super) right: usize,
    pub(super) of: usize,
    pub(super) share: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Accuracy {
    pub(super) fn of(right: usize, of: usize) -> Self {
        let Interval { share, low, high } = wilson(right, of);
        Self { right, of, share, low, high }
    }
}

impl std::fmt::Display for Accuracy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let p = |x: f64| format!("{:.1}", x * 100.0);
        write!(f, "{} of {}, {} % ({}–{})", self.right, self.of, p(self.share), p(self.low), p(self.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_interval_are_shown() {
        // Wilson's interval of 8 of 10: 0.490 to 0.943.
        assert_eq!(Accuracy::of(8, 10).to_string(), "8 of 10, 80.0 % (49.0–94.3)");
    }
}
