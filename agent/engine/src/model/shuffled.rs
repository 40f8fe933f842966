//! Sherry's files put the four weights of a pattern 16 columns apart; the kernels want them side by side.
//!
//! Instead of moving activations, the model is written in another order of its hidden, inner and head dimensions:
//! in every run of 64, place `4 g + lane` becomes what was at `g + 16 lane`. Columns of all matrices move, rows of
//! those that write what another matrix reads, and the norms' weights. The outputs are the same numbers.

use kernels::Source;

/// Dimensions that move among themselves.
pub(super) const RUN: usize = 64;

/// Where the content of place `i` was before.
const fn before(i: usize) -> usize {
    let (run, at) = (i / RUN * RUN, i % RUN);
    run + at / 4 + 16 * (at % 4)
}

/// The vector of this name in the new order.
pub(super) fn vector(name: &str, v: &[f32]) -> Vec<f32> {
    let whole = v.len().is_multiple_of(RUN) && moves(name);
    (0..v.len()).map(|i| v[if whole { before(i) } else { i }]).collect()
}

/// True for matrices whose rows another matrix's columns read, by the last part of their names. Queries and keys meet
/// each other only, and their rotation goes by place.
fn rows_move(name: &str) -> bool {
    let part = name.rsplit('.').nth(1).unwrap_or_default();
    ["attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"].contains(&part)
}

/// True for vectors that scale moved dimensions: the norms, values' biases.
fn moves(name: &str) -> bool {
    let part = name.rsplit('.').nth(1).unwrap_or_default();
    ["attn_norm", "ffn_norm", "output_norm", "post_attention_norm", "post_ffw_norm", "attn_v"].contains(&part)
}

/// A matrix in the new order.
pub(super) struct Shuffled<'s, S> {
    source: &'s S,
    rows: bool,
}

impl<'s, S: Source> Shuffled<'s, S> {
    pub(super) fn new(source: &'s S, name: &str) -> Self {
        Self { source, rows: rows_move(name) }
    }
}

impl<S: Source> Source for Shuffled<'_, S> {
    fn rows(&self) -> usize {
        self.source.rows()
    }

    fn cols(&self) -> usize {
        self.source.cols()
    }

    fn row(&self, row: usize, out: &mut [f32]) {
        let mut stored = vec![0.0; out.len()];
        self.source.row(if self.rows { before(row) } else { row }, &mut stored);
        out.iter_mut().enumerate().for_each(|(i, w)| *w = stored[before(i)]);
    }
}
