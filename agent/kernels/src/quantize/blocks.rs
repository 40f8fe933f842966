//! Blocks of at most 32 weights with a scale: that of the least squared error that the search finds.
//!
//! For given codes the best scale is a quotient of sums; for a given scale the best codes are the nearest. The
//! search starts from several ranges and goes to and fro between the two, as ggml's `make_qx_quants` does.

use super::half;
use crate::PackError;
use crate::elementwise::versions;
use crate::layout::BLOCK;
use half::f16;

/// 1.5 · 2²³: adding it rounds to even, taking it away leaves the integer.
const ROUND: f32 = 12_582_912.0;

#[inline(always)]
fn nearest(v: f32, low: f32, high: f32) -> f32 {
    (v.clamp(low, high) + ROUND) - ROUND
}

/// Nearest codes of a block that is padded with zeros, whose codes are zero.
#[inline(always)]
fn codes(w: &[f32; BLOCK], scale: f32, low: f32, high: f32) -> [f32; BLOCK] {
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let mut q = [0.0; BLOCK];
    for (q, w) in q.iter_mut().zip(w) {
        *q = nearest(w * inverse, low, high);
    }
    q
}

/// Σ w q and Σ q², in eight partial sums each: their quotient is the best scale for these codes.
#[inline(always)]
fn sums(w: &[f32; BLOCK], q: &[f32; BLOCK]) -> (f32, f32) {
    let (mut cross, mut square) = ([0.0_f32; 8], [0.0_f32; 8]);
    for (w, q) in w.as_chunks::<8>().0.iter().zip(q.as_chunks::<8>().0) {
        for lane in 0..8 {
            cross[lane] += w[lane] * q[lane];
            square[lane] += q[lane] * q[lane];
        }
    }
    (cross.iter().sum(), square.iter().sum())
}

versions! {
/// Either sign of the peak first, since one side has a code more; from half a code beyond the whole range to one
/// code of clipping.
fn search(w: &[f32; BLOCK], peak: f32, low: f32, high: f32) -> f32 {
    let (mut best, mut most) = (peak / high, f32::NEG_INFINITY);
    for step in 0..9 {
        let top = (high + (step as f32 - 4.0) * 0.25).max(0.5);
        for sign in [-1.0, 1.0] {
            let mut scale = sign * peak / top;
            for _ in 0..2 {
                let q = codes(w, scale, low, high);
                let (cross, square) = sums(w, &q);
                if square > 0.0 {
                    scale = cross / square;
                    // With its best scale, codes take (Σ w q)² / Σ q² off Σ w².
                    if cross * cross > most * square {
                        (best, most) = (scale, cross * cross / square);
                    }
                }
            }
        }
    }
    best
}
}

/// Symmetric block: `w ≈ scale · (code − 2^(bits−1))`. Eight bits take the absolute maximum as the last code.
pub(super) fn symmetric(row: usize, w: &[f32], bits: u8, out: &mut [u8]) -> Result<f16, PackError> {
    let zero = f32::from(1_u16 << (bits - 1));
    let (low, high) = (-zero, zero - 1.0);
    let mut block = [0.0; BLOCK];
    block[..w.len()].copy_from_slice(w);
    let peak = w.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let widest = half(row, peak / high)?;
    let searched = bits <= 6 && peak > 0.0;
    let scale = if searched { half(row, search(&block, peak, low, high))? } else { widest };
    for (code, q) in out.iter_mut().zip(&codes(&block, scale.to_f32(), low, high)[..w.len()]) {
        *code = (q + zero) as u8;
    }
    Ok(scale)
}
