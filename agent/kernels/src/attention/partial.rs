//! What online softmax carries from piece to piece.

use std::ops::Range;

/// Attention of some rows to some positions, before division by the sum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partial {
    /// Largest score of each row.
    pub(crate) max: Vec<f32>,
    /// Σ e^(score − max) of each row.
    pub(crate) sum: Vec<f32>,
    /// Σ e^(score − max) · value: rows × dim.
    pub(crate) values: Vec<f32>,
    pub(crate) dim: usize,
}

impl Partial {
    /// Nothing seen.
    pub(super) fn reset(&mut self, rows: usize, dim: usize) {
        self.dim = dim;
        for (list, len, value) in
            [(&mut self.max, rows, f32::NEG_INFINITY), (&mut self.sum, rows, 0.0), (&mut self.values, rows * dim, 0.0)]
        {
            list.clear();
            list.resize(len, value);
        }
    }

    /// Adds to `rows` the positions that follow. `next` may have more dimensions (padding).
    pub(super) fn merge(&mut self, rows: Range<usize>, next: &Self) {
        for (i, h) in rows.enumerate() {
            let max = self.max[h].max(next.max[i]);
            // −∞ − −∞ is NaN: a side without positions weighs nothing.
            let weight = |m: f32| if m == f32::NEG_INFINITY { 0.0 } else { (m - max).exp() };
            let (a, b) = (weight(self.max[h]), weight(next.max[i]));
            self.max[h] = max;
            self.sum[h] = self.sum[h] * a + next.sum[i] * b;
            for (v, n) in self.values[h * self.dim..][..self.dim].iter_mut().zip(&next.values[i * next.dim..]) {
                *v = *v * a + n * b;
            }
        }
    }

    /// Divides the rows from `first` on by their sums; zeros where nothing was seen.
    pub(super) fn finish(&self, first: usize, out: &mut [f32]) {
        for (h, out) in (first..).zip(out.chunks_exact_mut(self.dim)) {
            let inverse = if self.max[h] == f32::NEG_INFINITY && self.sum[h] == 0.0 { 0.0 } else { 1.0 / self.sum[h] };
            for (o, v) in out.iter_mut().zip(&self.values[h * self.dim..]) {
                *o = v * inverse;
            }
        }
    }
}
