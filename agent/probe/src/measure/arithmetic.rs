//! Arithmetic peak of each kernel: its dot product from registers, the limit of a matrix product.

use crate::runs::Rate;
use kernels::{Kernel, Pool, limits};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// 8-bit operations a second (two a multiply-add) of one kernel on the probe's threads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    pub kernel: String,
    pub rate: Rate,
}

/// Measures round by round.
#[derive(Debug)]
pub struct Peaks {
    pool: Arc<Pool>,
    kernels: Vec<Kernel>,
    rates: Vec<Vec<f64>>,
}

impl Peaks {
    /// Every kernel of this machine but the specification, which nothing fast uses where another runs.
    #[must_use]
    pub fn new(pool: Arc<Pool>) -> Self {
        let all = Kernel::available();
        let vector: Vec<Kernel> = all.iter().copied().filter(|k| *k != Kernel::Scalar).collect();
        let kernels = if vector.is_empty() { all } else { vector };
        Self { pool, rates: vec![Vec::new(); kernels.len()], kernels }
    }

    pub fn round(&mut self) {
        for (kernel, rates) in self.kernels.iter().zip(&mut self.rates) {
            rates.extend(limits::int8_peak(&self.pool, *kernel));
        }
    }

    #[must_use]
    pub fn done(self) -> Vec<Peak> {
        let both = self.kernels.iter().zip(&self.rates);
        both.filter_map(|(k, r)| Some(Peak { kernel: k.name().into(), rate: Rate::of(r)? })).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::Wait;

    #[test]
    fn every_kernel_has_a_peak() {
        let mut peaks = Peaks::new(Arc::new(Pool::new(1, Wait::Park)));
        peaks.round();
        let done = peaks.done();
        assert!(!done.is_empty() && done.iter().all(|p| p.rate.fast > 1e8), "{done:?}");
    }
}
