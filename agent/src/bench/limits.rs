//! What the machine allows, measured beside a model.

use engine::Stage;
use kernels::{Kernel, limits};

/// Rates of the threads that the model runs on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limits {
    /// B/s.
    pub(super) read: Option<f64>,
    /// int8 operations a second, two a multiply-add, of the fastest kernel that the model uses.
    pub(super) int8: Option<f64>,
}

impl Limits {
    pub(super) fn measure(stage: &Stage) -> Self {
        let pool = stage.pool();
        Self { read: limits::read_bandwidth(pool), int8: limits::int8_peak(pool, kernel(stage)) }
    }

    /// The better of two measurements: a neighbour can only take away.
    pub(super) fn max(self, other: Self) -> Self {
        let max = |a: Option<f64>, b: Option<f64>| a.into_iter().chain(b).max_by(f64::total_cmp);
        Self { read: max(self.read, other.read), int8: max(self.int8, other.int8) }
    }
}

/// Kernel of most of the layers' weights.
pub(super) fn kernel(stage: &Stage) -> Kernel {
    let body = stage.weights().filter(|(class, _)| !matches!(*class, "token_embd" | "output"));
    let mut weights = std::collections::BTreeMap::<Kernel, usize>::new();
    for (_, weight) in body {
        *weights.entry(weight.kernel).or_default() += weight.rows * weight.cols;
    }
    weights.into_iter().max_by_key(|(_, n)| *n).map_or(Kernel::Scalar, |(kernel, _)| kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_limit_counts() {
        let a = Limits { read: Some(1.0), int8: None };
        let b = Limits { read: Some(2.0), int8: Some(3.0) };
        assert_eq!(a.max(b), Limits { read: Some(2.0), int8: Some(3.0) });
        assert_eq!(b.max(a), a.max(b));
    }
}
