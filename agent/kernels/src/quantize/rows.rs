//! One scale a row.

/// Absmean ternary of a row (BitNet b1.58, arXiv 2402.17764): scale = mean |w|, code = round(w / scale) + 1.
pub(super) fn ternary(w: &[f32], codes: &mut [u8]) -> f32 {
    // A row that is ternary already comes back exactly: its one magnitude is the scale.
    let scale = uniform(w).unwrap_or_else(|| (w.iter().map(|v| f64::from(v.abs())).sum::<f64>() / w.len().max(1) as f64) as f32);
    for (code, v) in codes.iter_mut().zip(w) {
        *code = if scale == 0.0 { 1 } else { ((v / scale).round_ties_even().clamp(-1.0, 1.0) + 1.0) as u8 };
    }
    scale
}

/// Sherry's quantiser (arXiv 2601.07892): the smallest of four weights is zero, the scale is the
/// mean magnitude of those kept. Padding beyond the row becomes any pattern: its activations are zero.
pub(super) fn sherry(w: &[f32], codes: &mut [u8]) -> f32 {
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
pub(super) fn row_int8(w: &[f32], codes: &mut [u8]) -> f32 {
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
