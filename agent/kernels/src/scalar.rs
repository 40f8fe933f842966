//! The specification of every integer kernel. Slow on purpose: each line is a definition.
//!
//! With `q` the activation codes, `a` their scales, `c` the weight codes and `z` the code of zero:
//!
//! ```text
//! block scales:  y = Σ_g  a[g·group/32] · ( s[g] · Σ_k (c − z)·q )                 symmetric
//!                y = Σ_g  a[g·group/32] · ( s[g] · Σ_k c·q  +  m[g] · Σ_k q )      affine
//! row scale:     y = (s · a) · Σ_k (c − z)·q                                       32-bit integers throughout
//! half:          y = Σ_k w·x                                                       f32
//! ```
//!
//! The integer sums are exact, so every kernel has the same ones; the float parts may be associated otherwise.

use crate::activations::View;
use crate::layout::Scaling;
use crate::matmul::Call;
use crate::matrix::half_at;
use std::ops::Range;

/// All tokens times the rows of some tiles.
pub(crate) fn tiles(call: &Call<'_>, tiles: Range<usize>) {
    let m = call.matrix;
    let lanes = m.layout.lanes;
    let mut codes = vec![0_i32; m.layout.padded()];
    for row in tiles.start * lanes..(tiles.end * lanes).min(m.rows()) {
        let (tile, r) = m.tile_of(row);
        if m.layout.scaling != Scaling::Half {
            for (k, code) in codes.iter_mut().enumerate() {
                *code = i32::from(m.layout.code(tile, r, k));
            }
        }
        for t in 0..call.n {
            let y = match m.layout.scaling {
                Scaling::Half => {
                    let x = &call.x[t * m.cols()..][..m.cols()];
                    x.iter().enumerate().fold(0.0, |y, (k, x)| x.mul_add(half_at(tile, (k * lanes + r) * 2), y))
                }
                Scaling::Row => {
                    let sum = row_sum(call.activations, t, &codes, 1 << m.format.zero_log2());
                    sum as f32 * (m.row_scales[row] * call.activations.scales[t])
                }
                Scaling::Block { group, affine } => {
                    let mut y = 0.0;
                    for g in 0..codes.len() / group {
                        let zero = if affine { 0 } else { 1 << m.format.zero_log2() };
                        let (sum, total) = group_sums(call.activations, t, &codes, g, group, zero);
                        let a = call.activations.scales[t * call.activations.blocks + g * group / 32];
                        let mut part = sum as f32 * half_at(tile, m.layout.scale(r, g));
                        if affine {
                            part += total as f32 * half_at(tile, m.layout.min(r, g));
                        }
                        y = a.mul_add(part, y);
                    }
                    y
                }
            };
            // SAFETY: this thread alone has the rows of its tiles.
            unsafe { call.out.put(t, row, y) };
        }
    }
}

/// Σ (c − zero) · q over a row, in 32 bits.
fn row_sum(a: View<'_>, t: usize, codes: &[i32], zero: i32) -> i32 {
    let q = &a.codes[t * a.stride..];
    codes.iter().zip(q).map(|(c, q)| (c - zero) * i32::from(*q)).sum()
}

/// Σ (c − zero) · q and Σ q over group `g`.
fn group_sums(a: View<'_>, t: usize, codes: &[i32], g: usize, group: usize, zero: i32) -> (i32, i32) {
    let q = &a.codes[t * a.stride + g * group..][..group];
    codes[g * group..][..group].iter().zip(q).fold((0, 0), |(sum, total), (c, q)| {
        let q = i32::from(*q);
        (sum + (c - zero) * q, total + q)
    })
}
