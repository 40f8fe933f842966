//! Symmetric positive definite systems by Cholesky factors, rows contiguous.

/// Lower triangle of `A = L Lᵀ`, row-major, `n` by `n`.
#[derive(Clone, Debug)]
pub(super) struct Cholesky {
    n: usize,
    l: Vec<f64>,
}

/// Dot product with four sums, which a compiler may keep in one register of lanes.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let (ca, cb) = (a.chunks_exact(4), b.chunks_exact(4));
    let tail: f64 = ca.remainder().iter().zip(cb.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in ca.zip(cb) {
        for k in 0..4 {
            sums[k] += x[k] * y[k];
        }
    }
    sums.iter().sum::<f64>() + tail
}

impl Cholesky {
    /// Factors a symmetric matrix given by its lower triangle; pivots are held above a rounding's size.
    pub(super) fn of(mut a: Vec<f64>, n: usize) -> Self {
        let floor = 1e-12 * (0..n).map(|i| a[i * n + i]).fold(0.0, f64::max).max(1e-300);
        for i in 0..n {
            let (above, row) = a.split_at_mut(i * n);
            for j in 0..i {
                let other = &above[j * n..j * n + j + 1];
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
            row[i] = (row[i] - dot(&row[..i], &row[..i])).max(floor).sqrt();
        }
        Self { n, l: a }
    }

    /// Solves `L x = b`.
    pub(super) fn forward(&self, b: &mut [f64]) {
        for i in 0..self.n {
            let row = &self.l[i * self.n..i * self.n + i + 1];
            b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
        }
    }

    /// Solves `A x = b`.
    pub(super) fn solve(&self, b: &mut [f64]) {
        self.forward(b);
        for i in (0..self.n).rev() {
            let row = &self.l[i * self.n..i * self.n + i + 1];
            b[i] /= row[i];
            let x = b[i];
            for (value, l) in b[..i].iter_mut().zip(&row[..i]) {
                *value -= l * x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cholesky;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_solution_solves(seeds in prop::collection::vec(-1.0..1.0f64, 36), b in prop::collection::vec(-5.0..5.0f64, 6)) {
            let n = 6;
            // G Gᵀ + I is positive definite.
            let mut a = vec![0.0; n * n];
            for i in 0..n {
                for j in 0..n {
                    a[i * n + j] = (0..n).map(|k| seeds[i * n + k] * seeds[j * n + k]).sum::<f64>() + f64::from(u8::from(i == j));
                }
            }
            let mut x = b.clone();
            Cholesky::of(a.clone(), n).solve(&mut x);
            for i in 0..n {
                let back: f64 = (0..n).map(|j| a[i * n + j] * x[j]).sum();
                prop_assert!((back - b[i]).abs() < 1e-9 * (1.0 + b[i].abs()));
            }
        }
    }
}
