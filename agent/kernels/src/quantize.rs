//! From f32 rows to codes and scales.

use crate::layout::BLOCK;
use crate::{Format, PackError};
use half::f16;

/// One row in codes, padded; what every layout stores.
#[derive(Clone, Debug, Default)]
pub(crate) struct Codes {
    /// Codes of all padded columns; padding has the code of zero.
    pub(crate) codes: Vec<u8>,
    /// Block formats: f16 scale and minimum of every group.
    pub(crate) scales: Vec<f16>,
    pub(crate) mins: Vec<f16>,
    /// Row formats: the scale.
    pub(crate) row_scale: f32,
}

/// Fails on the first weight that is not finite.
pub(crate) fn finite(row: usize, weights: &[f32]) -> Result<(), PackError> {
    match weights.iter().position(|w| !w.is_finite()) {
        None => Ok(()),
        Some(col) => Err(PackError::NotFinite { row, col, value: weights[col] }),
    }
}

/// Half precision, or an error where the value overflows it.
pub(crate) fn half(row: usize, value: f32) -> Result<f16, PackError> {
    let h = f16::from_f32(value);
    if h.is_finite() { Ok(h) } else { Err(PackError::Range { row, value }) }
}

/// Symmetric block of `bits`: `w ≈ scale · (code − 2^(bits−1))`. Eight to five bits take the
/// absolute maximum as the last code; fewer search the scale with the least squared error, either sign
/// first, since one side has a code more.
pub(crate) fn symmetric(row: usize, w: &[f32], bits: u8, codes: &mut [u8]) -> Result<f16, PackError> {
    let zero = f32::from(1_u16 << (bits - 1));
    let peak = w.iter().copied().fold(0.0_f32, |m, v| if v.abs() > m.abs() { v } else { m });
    let mut best = half(row, peak.abs() / (zero - 1.0))?;
    if bits <= 4 && peak != 0.0 {
        let mut least = f32::INFINITY;
        // From the full range of the longer side down to clipping a fifth of the shorter one.
        for step in 0..=16 {
            let top = zero - 1.0 + (step as f32 - 4.0) * 0.125;
            for sign in [-1.0, 1.0] {
                let first = f16::from_f32(sign * peak / top).to_f32();
                let (cross, square) = fit(w, first, zero);
                let scale = if square > 0.0 { half(row, cross / square)? } else { half(row, first)? };
                let error = error(w, scale.to_f32(), zero);
                if error < least {
                    (least, best) = (error, scale);
                }
            }
        }
    }
    let scale = best.to_f32();
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    for (code, v) in codes.iter_mut().zip(w) {
        *code = symmetric_code(v * inverse, zero);
    }
    Ok(best)
}

fn symmetric_code(v: f32, zero: f32) -> u8 {
    (v.round_ties_even() + zero).clamp(0.0, 2.0 * zero - 1.0) as u8
}

/// Σ w·q and Σ q² of the codes that `scale` gives: their ratio is the best scale for these codes.
fn fit(w: &[f32], scale: f32, zero: f32) -> (f32, f32) {
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    w.iter().fold((0.0, 0.0), |(cross, square), v| {
        let q = f32::from(symmetric_code(v * inverse, zero)) - zero;
        (cross + v * q, square + q * q)
    })
}

fn error(w: &[f32], scale: f32, zero: f32) -> f32 {
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    w.iter()
        .map(|v| {
            let d = v - scale * (f32::from(symmetric_code(v * inverse, zero)) - zero);
            d * d
        })
        .sum()
}

/// Asymmetric block: `w ≈ scale · code + min`, from minimum to maximum, both ends searched inwards.
pub(crate) fn asymmetric(row: usize, w: &[f32], bits: u8, codes: &mut [u8]) -> Result<(f16, f16), PackError> {
    let top = f32::from((1_u16 << bits) - 1);
    let (low, high) = w.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let mut best = (half(row, (high - low) / top)?, half(row, low)?);
    let mut least = asymmetric_error(w, best, top);
    for (a, b) in (0..=6).flat_map(|a| (0..=6).map(move |b| (a as f32 * 0.06, b as f32 * 0.06))) {
        let range = high - low;
        let (l, h) = (low + a * range, high - b * range);
        let candidate = (half(row, (h - l) / top)?, half(row, l)?);
        let error = asymmetric_error(w, candidate, top);
        if error < least {
            (least, best) = (error, candidate);
        }
    }
    for (code, v) in codes.iter_mut().zip(w) {
        *code = asymmetric_code(*v, best, top);
    }
    Ok(best)
}

fn asymmetric_code(v: f32, (scale, min): (f16, f16), top: f32) -> u8 {
    let (scale, min) = (scale.to_f32(), min.to_f32());
    if scale == 0.0 { 0 } else { ((v - min) / scale).round_ties_even().clamp(0.0, top) as u8 }
}

fn asymmetric_error(w: &[f32], pair: (f16, f16), top: f32) -> f32 {
    w.iter()
        .map(|&v| {
            let d = v - (pair.0.to_f32() * f32::from(asymmetric_code(v, pair, top)) + pair.1.to_f32());
            d * d
        })
        .sum()
}

/// Absmean ternary of a row (BitNet b1.58, arXiv 2402.17764): scale = mean |w|, code = round(w / scale) + 1.
pub(crate) fn ternary(w: &[f32], codes: &mut [u8]) -> f32 {
    // A row that is ternary already comes back exactly: its one magnitude is the scale.
    let scale = uniform(w).unwrap_or_else(|| (w.iter().map(|v| f64::from(v.abs())).sum::<f64>() / w.len().max(1) as f64) as f32);
    for (code, v) in codes.iter_mut().zip(w) {
        *code = if scale == 0.0 { 1 } else { ((v / scale).round_ties_even().clamp(-1.0, 1.0) + 1.0) as u8 };
    }
    scale
}

/// Sherry's quantiser (arXiv 2601.07892): the smallest of four weights is zero, the scale is the
/// mean magnitude of those kept. Padding beyond the row becomes any pattern: its activations are zero.
pub(crate) fn sherry(w: &[f32], codes: &mut [u8]) -> f32 {
    let mut sum = 0.0_f64;
    let mut kept = 0_usize;
    for (quad, codes) in w.chunks(4).zip(codes.chunks_mut(4)) {
        let mut four = [0.0_f32; 4];
        four[..quad.len()].copy_from_slice(quad);
        let mut zero = 0;
        for lane in 1..4 {
            if four[lane].abs() < four[zero].abs() {
                zero = lane;
            }
        }
        for (lane, code) in codes.iter_mut().enumerate() {
            *code = if lane == zero {
                1
            } else if four[lane] < 0.0 {
                0
            } else {
                2
            };
            if lane != zero && lane < quad.len() {
                sum += f64::from(four[lane].abs());
                kept += 1;
            }
        }
    }
    uniform(w).unwrap_or((sum / kept.max(1) as f64) as f32)
}

/// The one magnitude of the non-zero weights, when there is but one.
fn uniform(w: &[f32]) -> Option<f32> {
    let first = w.iter().find(|v| **v != 0.0)?.abs();
    w.iter().all(|v| *v == 0.0 || v.abs().to_bits() == first.to_bits()).then_some(first)
}

/// One int8 scale a row: `w ≈ scale · (code − 128)`.
pub(crate) fn row_int8(w: &[f32], codes: &mut [u8]) -> f32 {
    let max = w.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let scale = max / 127.0;
    if scale < f32::MIN_POSITIVE {
        codes[..w.len()].fill(128);
        return 0.0;
    }
    for (code, v) in codes.iter_mut().zip(w) {
        *code = ((v / scale).round_ties_even().clamp(-127.0, 127.0) + 128.0) as u8;
    }
    scale
}

/// Quantises one row of f32 into `out`, whose codes have the padded length.
pub(crate) fn row(row: usize, w: &[f32], format: Format, padded: usize, out: &mut Codes) -> Result<(), PackError> {
    finite(row, w)?;
    out.codes.clear();
    out.codes.resize(padded, 1 << format.zero_log2());
    out.scales.clear();
    out.mins.clear();
    match format {
        Format::F16 => {}
        Format::W8A8 => out.row_scale = row_int8(w, &mut out.codes),
        Format::Ternary | Format::Ternary167 => out.row_scale = ternary(w, &mut out.codes),
        Format::Sherry => {
            for quad in out.codes.chunks_exact_mut(4) {
                quad.copy_from_slice(&[1, 2, 2, 2]);
            }
            out.row_scale = sherry(w, &mut out.codes);
        }
        Format::W2 => {
            for (block, codes) in w.chunks(BLOCK).zip(out.codes.chunks_mut(BLOCK)) {
                let (scale, min) = asymmetric(row, block, 2, codes)?;
                out.scales.push(scale);
                out.mins.push(min);
            }
        }
        _ => {
            let bits = format.code_bits().unwrap_or(8);
            for (block, codes) in w.chunks(BLOCK).zip(out.codes.chunks_mut(BLOCK)) {
                out.scales.push(symmetric(row, block, bits, codes)?);
            }
        }
    }
    let groups = padded / BLOCK;
    out.scales.resize(groups, f16::ZERO);
    out.mins.resize(groups, f16::ZERO);
    Ok(())
}

#[cfg(test)]
mod tests;
