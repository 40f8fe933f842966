//! Blocks of at most 32 weights with a scale: that of the least squared error that the search finds.
//!
//! For given codes the best scale is a quotient of sums; for a given scale the best codes are the nearest. The
//! search starts from several ranges and goes to and fro between the two, as ggml's `make_qx_quants` does. Sixteen
//! blocks of a row are searched together, one a lane, so that nothing is summed across lanes.

use super::half;
use crate::PackError;
use crate::elementwise::versions;
use crate::layout::BLOCK;
use half::f16;

/// 1.5 · 2²³: adding it rounds to even, taking it away leaves the integer.
const ROUND: f32 = 12_582_912.0;

/// Blocks that are searched together.
const TOGETHER: usize = 16;
/// A number of each of them.
type Lanes = [f32; TOGETHER];

#[inline(always)]
fn nearest(v: f32, low: f32, high: f32) -> f32 {
    let v = if v < low { low } else { v };
    let v = if v > high { high } else { v };
    (v + ROUND) - ROUND
}

#[inline(always)]
fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

/// Σ w q and Σ q² for the nearest codes of these scales: their quotient is the best scale for these codes. Eight
/// partial sums each.
#[inline(always)]
fn sums<const N: usize>(w: &[Lanes; N], scale: &Lanes, low: f32, high: f32) -> (Lanes, Lanes) {
    let inverse = scale.map(inverse);
    let (mut cross, mut square) = ([0.0; TOGETHER], [0.0; TOGETHER]);
    for part in 0..8 {
        let (mut c, mut s) = ([0.0; TOGETHER], [0.0; TOGETHER]);
        for w in w.iter().skip(part).step_by(8) {
            for l in 0..TOGETHER {
                let q = nearest(w[l] * inverse[l], low, high);
                c[l] += w[l] * q;
                s[l] += q * q;
            }
        }
        for l in 0..TOGETHER {
            cross[l] += c[l];
            square[l] += s[l];
        }
    }
    (cross, square)
}

/// Either sign of the peak first, since one side has a code more; from half a code beyond the whole range to one
/// code of clipping.
#[inline(always)]
fn search<const N: usize>(w: &[Lanes; N], peak: &Lanes, low: f32, high: f32) -> Lanes {
    let (mut best, mut most) = (peak.map(|p| p / high), [f32::NEG_INFINITY; TOGETHER]);
    for step in 0..9 {
        let top = (high + (step as f32 - 4.0) * 0.25).max(0.5);
        for sign in [-1.0, 1.0] {
            let mut scale = peak.map(|p| sign * p / top);
            for _ in 0..2 {
                let (cross, square) = sums(w, &scale, low, high);
                for l in 0..TOGETHER {
                    let some = square[l] > 0.0;
                    let gain = cross[l] * cross[l];
                    scale[l] = if some { cross[l] / square[l] } else { scale[l] };
                    // With its best scale, codes take (Σ w q)² / Σ q² off Σ w².
                    let better = some & (gain > most[l] * square[l]);
                    best[l] = if better { scale[l] } else { best[l] };
                    most[l] = if better { gain / square[l] } else { most[l] };
                }
            }
        }
    }
    best
}

versions! {
fn search_of_16(w: &[Lanes; 16], peak: &Lanes, low: f32, high: f32) -> Lanes {
    search(w, peak, low, high)
}
}

versions! {
fn search_of_32(w: &[Lanes; BLOCK], peak: &Lanes, low: f32, high: f32) -> Lanes {
    search(w, peak, low, high)
}
}

versions! {
/// Codes of a block: `round(w · inverse)`, `zero` higher.
fn codes(w: &[f32], inverse: f32, zero: f32, out: &mut [u8]) {
    for (code, w) in out.iter_mut().zip(w) {
        *code = (nearest(w * inverse, -zero, zero - 1.0) + zero) as i32 as u8;
    }
}
}

/// Symmetric blocks of `group` (16 or 32) weights of a row, the last padded with zeros: `w ≈ scale · (code − 2^(bits−1))`.
/// Eight bits take the absolute maximum as the last code. One scale a block is added to `scales`.
pub(super) fn symmetric(
    row: usize,
    w: &[f32],
    group: usize,
    bits: u8,
    out: &mut [u8],
    scales: &mut Vec<f16>,
) -> Result<(), PackError> {
    let zero = f32::from(1_u16 << (bits - 1));
    let (low, high) = (-zero, zero - 1.0);
    for (w, out) in w.chunks(TOGETHER * group).zip(out.chunks_mut(TOGETHER * group)) {
        let blocks = w.chunks(group).len();
        let mut peak = [0.0; TOGETHER];
        for (peak, block) in peak.iter_mut().zip(w.chunks(group)) {
            *peak = block.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        }
        let mut found = peak.map(|p| p / high);
        // A scale that no half-precision number holds is told as it is, before any search.
        found[..blocks].iter().try_for_each(|widest| half(row, *widest).map(drop))?;
        if bits <= 6 {
            found =
                if group == 16 { search_of_16(&turned(w), &peak, low, high) } else { search_of_32(&turned(w), &peak, low, high) };
        }
        for ((block, codes_of_it), scale) in w.chunks(group).zip(out.chunks_mut(group)).zip(found) {
            let scale = half(row, scale)?;
            codes(block, inverse(scale.to_f32()), zero, codes_of_it);
            scales.push(scale);
        }
    }
    Ok(())
}

/// Weight `i` of every block, zeros where there is none.
fn turned<const N: usize>(w: &[f32]) -> [Lanes; N] {
    let mut out = [[0.0; TOGETHER]; N];
    for (l, block) in w.chunks(N).enumerate() {
        for (out, w) in out.iter_mut().zip(block) {
            out[l] = *w;
        }
    }
    out
}
