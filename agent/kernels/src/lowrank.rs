//! Ternary weights with a gated low-rank correction in half precision.
//!
//! `y = T x + g · U (V x)`: a ternary backbone `T`, a bypass of rank `k` (`V` is `k × cols`, `U` is
//! `rows × k`) and a gate `g`, as hybrid gated models are trained. [`Corrected::fit`] makes one from
//! plain weights: `U V` is the best rank-`k` approximation of what ternary loses, found by subspace
//! iteration (Halko, Martinsson and Tropp, arXiv 0909.4061, algorithm 4.4).

use crate::{Dense, Format, Kernel, Matrix, PackError, Pool, Scratch, Source, matmul};

/// A ternary matrix and its correction.
#[derive(Debug)]
pub struct Corrected {
    base: Matrix,
    down: Matrix,
    up: Matrix,
    gate: f32,
}

/// Why three matrices are not a corrected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a {rows} x {cols} matrix is corrected by rank x {cols} and {rows} x rank in half precision, not by {down:?} and {up:?}")]
pub struct ShapeError {
    rows: usize,
    cols: usize,
    down: (usize, usize),
    up: (usize, usize),
}

/// Rounds of subspace iteration: each squares the ratio of wanted to unwanted singular values.
const ROUNDS: usize = 4;

impl Corrected {
    /// Puts a trained correction beside its backbone.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] unless `down` is `rank × cols` and `up` is `rows × rank`, both [`Format::F16`].
    pub fn new(base: Matrix, down: Matrix, up: Matrix, gate: f32) -> Result<Self, ShapeError> {
        let half = down.format() == Format::F16 && up.format() == Format::F16;
        if half && down.cols() == base.cols() && up.rows() == base.rows() && up.cols() == down.rows() {
            return Ok(Self { base, down, up, gate });
        }
        let shape = |m: &Matrix| (m.rows(), m.cols());
        Err(ShapeError { rows: base.rows(), cols: base.cols(), down: shape(&down), up: shape(&up) })
    }

    /// Packs `source` as `format` (a ternary one) and fits a correction of `rank` with gate 1. `seed` starts the iteration.
    ///
    /// # Errors
    ///
    /// As [`Matrix::pack`].
    pub fn fit(
        source: &dyn Source,
        format: Format,
        rank: usize,
        seed: u64,
        kernel: Kernel,
        pool: &Pool,
    ) -> Result<Self, PackError> {
        let base = Matrix::pack(source, format, kernel, pool)?;
        let (rows, cols) = (source.rows(), source.cols());
        let rank = rank.min(rows).min(cols);
        let mut lost = vec![0.0; rows * cols];
        let mut approximate = vec![0.0; cols];
        for (r, row) in lost.chunks_exact_mut(cols.max(1)).enumerate() {
            source.row(r, row);
            base.row(r, &mut approximate);
            for (w, a) in row.iter_mut().zip(&approximate) {
                *w -= a;
            }
        }
        // v: rank × cols, orthonormal rows.
        let mut v: Vec<f32> = Vec::with_capacity(rank * cols);
        let mut state = seed | 1;
        for _ in 0..rank * cols {
            // Xorshift64 (Marsaglia 2003): any start that is not orthogonal to the answer will do.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            v.push((state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0);
        }
        let mut u = vec![0.0; rank * rows];
        for round in 0..=ROUNDS {
            orthonormalise(&mut v, cols);
            times(&lost, cols, &v, &mut u);
            if round < ROUNDS {
                orthonormalise(&mut u, rows);
                times_transposed(&lost, cols, &u, &mut v);
            }
        }
        // u: rank × rows = (lost · vᵀ)ᵀ, so lost ≈ uᵀ v. Turned for packing.
        let mut up = vec![0.0; rows * rank];
        for k in 0..rank {
            for r in 0..rows {
                up[r * rank + k] = u[k * rows + r];
            }
        }
        let dense = |w, rows, cols| Dense::new(w, rows, cols).ok_or(PackError::TooBig { rows, cols });
        let down = Matrix::pack(&dense(&v, rank, cols)?, Format::F16, kernel, pool)?;
        let up = Matrix::pack(&dense(&up, rows, rank)?, Format::F16, kernel, pool)?;
        Ok(Self { base, down, up, gate: 1.0 })
    }

    /// Rows (outputs).
    pub fn rows(&self) -> usize {
        self.base.rows()
    }

    /// Columns (inputs).
    pub fn cols(&self) -> usize {
        self.base.cols()
    }

    /// Rank of the correction.
    pub fn rank(&self) -> usize {
        self.down.rows()
    }

    /// The gate.
    pub fn gate(&self) -> f32 {
        self.gate
    }

    /// The backbone.
    pub fn base(&self) -> &Matrix {
        &self.base
    }

    /// Bytes of backbone and correction.
    pub fn bytes(&self) -> usize {
        self.base.bytes() + self.down.bytes() + self.up.bytes()
    }

    /// `out = T x + g · U (V x)` for `n` tokens; shapes as [`matmul`]. A gate of zero costs nothing.
    ///
    /// # Panics
    ///
    /// As [`matmul`].
    pub fn matmul(&self, pool: &Pool, x: &[f32], n: usize, out: &mut [f32], scratch: &mut Scratch) {
        if self.gate == 0.0 || self.rank() == 0 {
            return matmul(pool, x, n, &[&self.base], &mut [out], scratch);
        }
        let mut low = vec![0.0; n * self.rank()];
        matmul(pool, x, n, &[&self.base, &self.down], &mut [&mut *out, &mut low], scratch);
        let mut correction = vec![0.0; n * self.rows()];
        matmul(pool, &low, n, &[&self.up], &mut [&mut correction], scratch);
        for (y, c) in out.iter_mut().zip(&correction) {
            *y += self.gate * c;
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut parts = [0.0_f32; 16];
    let (x, y) = (a.chunks_exact(16), b.chunks_exact(16));
    let tail: f32 = x.remainder().iter().zip(y.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in x.zip(y) {
        for i in 0..16 {
            parts[i] += a[i] * b[i];
        }
    }
    parts.iter().sum::<f32>() + tail
}

/// Gram and Schmidt, twice for stability; a row that vanishes stays zero.
fn orthonormalise(rows: &mut [f32], len: usize) {
    if len == 0 {
        return;
    }
    for i in 0..rows.len() / len {
        let (before, rest) = rows.split_at_mut(i * len);
        let row = &mut rest[..len];
        for _ in 0..2 {
            for other in before.chunks_exact(len) {
                let along = dot(row, other);
                for (a, b) in row.iter_mut().zip(other) {
                    *a -= along * b;
                }
            }
        }
        let norm = dot(row, row).sqrt();
        let inverse = if norm > f32::MIN_POSITIVE { 1.0 / norm } else { 0.0 };
        for a in row {
            *a *= inverse;
        }
    }
}

/// `u[k][r] = Σ_c m[r][c] · v[k][c]`.
fn times(m: &[f32], cols: usize, v: &[f32], u: &mut [f32]) {
    if cols == 0 {
        return u.fill(0.0);
    }
    let rows = m.len() / cols;
    for (v, u) in v.chunks_exact(cols).zip(u.chunks_exact_mut(rows.max(1))) {
        for (row, u) in m.chunks_exact(cols).zip(u) {
            *u = dot(row, v);
        }
    }
}

/// `v[k][c] = Σ_r m[r][c] · u[k][r]`.
fn times_transposed(m: &[f32], cols: usize, u: &[f32], v: &mut [f32]) {
    if cols == 0 {
        return;
    }
    let rows = m.len() / cols;
    for (v, u) in v.chunks_exact_mut(cols).zip(u.chunks_exact(rows.max(1))) {
        v.fill(0.0);
        for (row, u) in m.chunks_exact(cols).zip(u) {
            for (v, w) in v.iter_mut().zip(row) {
                *v += w * u;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_correction_takes_back_what_rank_allows() {
        let (rows, cols) = (48, 64);
        // Ternary plus a matrix of rank 2: rank 2 must find nearly all of what ternary loses beyond its own noise.
        let w: Vec<f32> = (0..rows * cols)
            .map(|i| {
                let (r, c) = ((i / cols) as f32, (i % cols) as f32);
                (i * 7 % 3) as f32 - 1.0 + 0.3 * (r * 0.2).sin() * (c * 0.3).cos() + 0.2 * (r * 0.5).cos()
            })
            .collect();
        let source = Dense::new(&w, rows, cols).unwrap();
        let pool = Pool::new(1, crate::Wait::Park);
        let loss = |rank| {
            let m = Corrected::fit(&source, Format::Ternary, rank, 5, Kernel::Scalar, &pool).unwrap();
            assert_eq!(m.rank(), rank);
            let mut scratch = Scratch::new();
            // Columns of the effective matrix through the product itself, so that base, down, up and gate all count.
            let mut error = 0.0;
            for c in 0..cols {
                let mut x = vec![0.0; cols];
                x[c] = 1.0;
                let mut y = vec![0.0; rows];
                m.matmul(&pool, &x, 1, &mut y, &mut scratch);
                for r in 0..rows {
                    error += (f64::from(y[r]) - f64::from(w[r * cols + c])).powi(2);
                }
            }
            error
        };
        let (none, two, full) = (loss(0), loss(2), loss(48));
        assert!(two < 0.5 * none, "{none} {two}");
        assert!(full < 1e-4 * none, "{none} {full}");
    }

    #[test]
    fn shapes_are_checked() {
        let pool = Pool::new(1, crate::Wait::Park);
        let w = vec![1.0; 12];
        let pack =
            |rows, cols, format| Matrix::pack(&Dense::new(&w, rows, cols).unwrap(), format, Kernel::Scalar, &pool).unwrap();
        let good = Corrected::new(pack(3, 4, Format::Ternary), pack(3, 4, Format::F16), pack(4, 3, Format::F16), 0.5);
        assert!(good.is_err());
        assert!(Corrected::new(pack(4, 3, Format::Ternary), pack(4, 3, Format::F16), pack(3, 4, Format::F16), 0.5).is_err());
    }
}
