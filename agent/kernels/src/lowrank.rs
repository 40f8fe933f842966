//! Few-bit weights with a gated low-rank correction in half precision.
//!
//! `y = T x + g · U (V x)`: a backbone `T`, mostly ternary, a bypass of rank `k` (`V` is `k × cols`, `U` is
//! `rows × k`) and a gate `g`, as hybrid gated models are trained. [`Matrix::corrected`] makes one from
//! plain weights: `U V` is the best rank-`k` approximation of what the backbone loses, found by subspace
//! iteration (Halko, Martinsson and Tropp, arXiv 0909.4061, algorithm 4.4). The gate is the factor with which
//! the half-precision `U V` takes most off the loss; zero where there is nothing to take.

use crate::elementwise::versions;
use crate::matmul::multiply;
use crate::{Dense, Format, Kernel, Matrix, PackError, Pool, Scratch, Source};
use std::sync::Mutex;

/// The bypass of a matrix.
#[derive(Debug)]
pub(crate) struct Correction {
    /// `rank × cols`.
    pub(crate) down: Matrix,
    /// `rows × rank`.
    pub(crate) up: Matrix,
    pub(crate) gate: f32,
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

impl Matrix {
    /// Puts a trained correction beside its backbone, in place of one that is there.
    ///
    /// # Errors
    ///
    /// [`ShapeError`] unless `down` is `rank × cols` and `up` is `rows × rank`, both [`Format::F16`] and uncorrected.
    pub fn with_correction(mut self, down: Matrix, up: Matrix, gate: f32) -> Result<Self, ShapeError> {
        let plain = |m: &Matrix| m.format() == Format::F16 && m.correction.is_none();
        if plain(&down) && plain(&up) && down.cols() == self.cols() && up.rows() == self.rows() && up.cols() == down.rows() {
            self.correction = Some(Box::new(Correction { down, up, gate }));
            return Ok(self);
        }
        let shape = |m: &Matrix| (m.rows(), m.cols());
        Err(ShapeError { rows: self.rows(), cols: self.cols(), down: shape(&down), up: shape(&up) })
    }

    /// Packs `source` as `format` and fits a correction of `rank`. `seed` starts the iteration: the same seed gives the
    /// same matrix on any number of threads.
    ///
    /// # Errors
    ///
    /// As [`pack`](Self::pack).
    pub fn corrected(
        source: &dyn Source,
        format: Format,
        rank: usize,
        seed: u64,
        kernel: Kernel,
        pool: &Pool,
    ) -> Result<Self, PackError> {
        let base = Self::pack(source, format, kernel, pool)?;
        let (rows, cols) = (source.rows(), source.cols());
        let rank = rank.min(rows).min(cols);
        if rank == 0 {
            return Ok(base);
        }
        let half = |w: &[f32], rows, cols| {
            let dense = Dense::new(w, rows, cols).ok_or(PackError::TooBig { rows, cols })?;
            Self::pack(&dense, Format::F16, kernel, pool)
        };
        let lost = lost(source, &base);
        let [v, u] = truncated(&lost, rows, cols, rank, seed, pool);
        let (down, up) = (half(&v, rank, cols)?, half(&u, rows, rank)?);
        let gate = best_gate(&lost, &down, &up);
        Ok(Self { correction: Some(Box::new(Correction { down, up, gate })), ..base })
    }

    /// Rank of the correction; 0 without one.
    pub fn rank(&self) -> usize {
        self.correction.as_ref().map_or(0, |c| c.down.rows())
    }

    /// Gate of the correction, where there is one.
    pub fn gate(&self) -> Option<f32> {
        self.correction.as_ref().map(|c| c.gate)
    }

    /// Multiplications of one token, those of a correction included.
    pub fn multiplications(&self) -> u64 {
        let of = |m: &Self| m.rows() as u64 * m.cols() as u64;
        of(self) + self.correction.as_ref().map_or(0, |c| of(&c.down) + of(&c.up))
    }
}

impl Correction {
    /// Bytes of both matrices and the gate.
    pub(crate) fn bytes(&self) -> usize {
        self.down.bytes() + self.up.bytes() + size_of::<f32>()
    }

    /// Adds `gate · (U V)[row]`.
    pub(crate) fn add_row(&self, row: usize, out: &mut [f32]) {
        let (mut up, mut down) = (vec![0.0; self.up.cols()], vec![0.0; out.len()]);
        self.up.row(row, &mut up);
        for (k, u) in up.iter().enumerate() {
            self.down.row(k, &mut down);
            out.iter_mut().zip(&down).for_each(|(w, v)| *w += self.gate * u * v);
        }
    }
}

/// Adds `g · U (V x)` of the matrices that have a correction. A gate of zero costs nothing.
pub(crate) fn correct(pool: &Pool, x: &[f32], n: usize, weights: &[&Matrix], outs: &mut [&mut [f32]], scratch: &mut Scratch) {
    let corrections: Vec<(usize, &Correction)> = weights
        .iter()
        .enumerate()
        .filter_map(|(i, m)| m.correction.as_deref().map(|c| (i, c)))
        .filter(|(_, c)| c.gate != 0.0 && c.down.rows() > 0)
        .collect();
    if n == 0 || corrections.is_empty() {
        return;
    }
    // All that read `x` go in one call, as their backbones did.
    let mut low: Vec<Vec<f32>> = corrections.iter().map(|(_, c)| vec![0.0; n * c.down.rows()]).collect();
    let downs: Vec<&Matrix> = corrections.iter().map(|(_, c)| &c.down).collect();
    let mut lows: Vec<&mut [f32]> = low.iter_mut().map(Vec::as_mut_slice).collect();
    multiply(pool, x, n, &downs, &mut lows, scratch);
    let mut added = Vec::new();
    for ((i, c), low) in corrections.iter().zip(&low) {
        added.clear();
        added.resize(n * c.up.rows(), 0.0);
        multiply(pool, low, n, &[&c.up], &mut [&mut added], scratch);
        outs[*i].iter_mut().zip(&added).for_each(|(y, a)| *y += c.gate * a);
    }
}

/// What the backbone loses, row-major.
fn lost(source: &dyn Source, base: &Matrix) -> Vec<f32> {
    let cols = source.cols();
    let mut lost = vec![0.0; source.rows() * cols];
    let mut approximate = vec![0.0; cols];
    for (r, row) in lost.chunks_exact_mut(cols).enumerate() {
        source.row(r, row);
        base.row(r, &mut approximate);
        row.iter_mut().zip(&approximate).for_each(|(w, a)| *w -= a);
    }
    lost
}

/// `V` (`rank × cols`, orthonormal rows) and `U` (`rows × rank`) whose product is nearest to `m`.
fn truncated(m: &[f32], rows: usize, cols: usize, rank: usize, seed: u64, pool: &Pool) -> [Vec<f32>; 2] {
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
        each(pool, &mut u, rows, &v, cols, |u, v| times(m, v, u));
        if round < ROUNDS {
            orthonormalise(&mut u, rows);
            each(pool, &mut v, cols, &u, rows, |v, u| times_transposed(m, u, v));
        }
    }
    // u: rank × rows, so m ≈ uᵀ v. Turned for packing.
    let mut up = vec![0.0; rows * rank];
    for (k, u) in u.chunks_exact(rows).enumerate() {
        u.iter().enumerate().for_each(|(r, u)| up[r * rank + k] = *u);
    }
    [v, up]
}

/// `f(out[k], from[k])` for every `k`, spread over the threads.
fn each(pool: &Pool, out: &mut [f32], len: usize, from: &[f32], from_len: usize, f: impl Fn(&mut [f32], &[f32]) + Sync) {
    let parts: Vec<Mutex<&mut [f32]>> = out.chunks_exact_mut(len).map(Mutex::new).collect();
    pool.split(parts.len(), 1, &|_, range| {
        for k in range {
            let mut part = parts[k].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            f(&mut part, &from[k * from_len..][..from_len]);
        }
    });
}

/// `<lost, U V> / <U V, U V>` of the factors as they are stored.
fn best_gate(lost: &[f32], down: &Matrix, up: &Matrix) -> f32 {
    let (rank, cols) = (down.rows(), down.cols());
    let mut v = vec![0.0; rank * cols];
    v.chunks_exact_mut(cols).enumerate().for_each(|(k, row)| down.row(k, row));
    let (mut u, mut row) = (vec![0.0; rank], vec![0.0_f32; cols]);
    let (mut along, mut square) = (0.0_f64, 0.0_f64);
    for (r, lost) in lost.chunks_exact(cols).enumerate() {
        up.row(r, &mut u);
        row.fill(0.0);
        u.iter().zip(v.chunks_exact(cols)).for_each(|(u, v)| add_scaled(&mut row, v, *u));
        along += f64::from(dot(lost, &row));
        square += f64::from(dot(&row, &row));
    }
    if square > 0.0 { (along / square) as f32 } else { 0.0 }
}

versions! {
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
}

versions! {
fn add_scaled(to: &mut [f32], from: &[f32], by: f32) {
    to.iter_mut().zip(from).for_each(|(a, b)| *a += by * b);
}
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
                add_scaled(row, other, -along);
            }
        }
        let norm = dot(row, row).sqrt();
        let inverse = if norm > f32::MIN_POSITIVE { 1.0 / norm } else { 0.0 };
        for a in row {
            *a *= inverse;
        }
    }
}

/// `u[r] = Σ_c m[r][c] · v[c]`.
fn times(m: &[f32], v: &[f32], u: &mut [f32]) {
    for (row, u) in m.chunks_exact(v.len()).zip(u) {
        *u = dot(row, v);
    }
}

/// `v[c] = Σ_r m[r][c] · u[r]`.
fn times_transposed(m: &[f32], u: &[f32], v: &mut [f32]) {
    v.fill(0.0);
    for (row, u) in m.chunks_exact(v.len()).zip(u) {
        add_scaled(v, row, *u);
    }
}

#[cfg(test)]
mod tests;
