//! Hidden states as they cross a link: half precision, 8 bits with one scale for each token, or as few bits as a token needs
//! ([`adaptive`], 4 bits in a plan).
//!
//! `int8`: scale = max |x| / 127 of the row, as f32, then `round(x / scale)` (symmetric, per token: the scheme
//! that LLM.int8(), arXiv 2208.07339, calls vector-wise for activations).

use super::adaptive;
use half::f16;
use half::slice::HalfFloatSliceExt as _;

/// Largest finite half; a state beyond it is cut, since an infinity would spoil every later number.
const MOST: f32 = 65_504.0;

/// Bits that a plan may say.
pub(crate) const WIDTHS: [u8; 3] = [16, 8, ADAPTIVE];
/// As few as a token needs.
pub(crate) const ADAPTIVE: u8 = 4;

/// Fewest and most bytes of so many rows.
pub(crate) fn bytes(bits: u8, rows: u32, cols: u32) -> (u32, u32) {
    // Both are checked to be at most 2^16 by the frame, and their product to be far below 2^31.
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let exact = |n| (n, n);
    match bits {
        16 => exact(rows * cols * 2),
        8 => exact(rows * (cols + 4)),
        _ => (rows * size(adaptive::LEAST), rows * size(adaptive::most(cols as usize))),
    }
}

/// Looks at all, since a look that may stop early takes them one by one.
fn finite(states: &[f32]) -> bool {
    states.iter().fold(true, |all, x| all & x.is_finite())
}

/// A row in half precision, many numbers at a time.
fn halves(out: &mut Vec<u8>, row: &[f32]) {
    let cut: Vec<f32> = row.iter().map(|x| x.clamp(-MOST, MOST)).collect();
    let mut halves = vec![f16::ZERO; row.len()];
    halves.convert_from_f32_slice(&cut);
    let start = out.len();
    out.resize(start + 2 * row.len(), 0);
    for (bytes, half) in out[start..].chunks_exact_mut(2).zip(&halves) {
        bytes.copy_from_slice(&half.to_le_bytes());
    }
}

/// Rows of `cols` numbers as bytes. `None`: one is no finite number.
pub(crate) fn pack(states: &[f32], cols: usize, bits: u8) -> Option<Vec<u8>> {
    if !finite(states) {
        return None;
    }
    let mut out = Vec::with_capacity(states.len() * 2 + states.len() / cols.max(1) * 4);
    for row in states.chunks_exact(cols) {
        if bits == 16 {
            halves(&mut out, row);
            continue;
        }
        if bits == ADAPTIVE {
            adaptive::pack(&mut out, row);
            continue;
        }
        // 127 times the scale must stay finite.
        let scale = (row.iter().fold(0f32, |most, x| most.max(x.abs())) / 127.0).min(f32::MAX / 128.0);
        out.extend_from_slice(&scale.to_le_bytes());
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        // An inverse may be infinite where the scale is subnormal: the row is as good as zero then.
        let inverse = if inverse.is_finite() { inverse } else { 0.0 };
        out.extend(row.iter().map(|x| ((x * inverse).round().clamp(-127.0, 127.0) as i8).to_le_bytes()[0]));
    }
    Some(out)
}

/// The numbers again. `None`: a scale or a half is no finite number, or the length is another.
pub(crate) fn unpack(payload: &[u8], rows: usize, cols: usize, bits: u8) -> Option<Vec<f32>> {
    if bits == ADAPTIVE {
        let (mut rest, mut out) = (payload, Vec::with_capacity(rows * cols));
        for _ in 0..rows {
            adaptive::unpack(&mut rest, cols, &mut out)?;
        }
        return (rest.is_empty() && finite(&out)).then_some(out);
    }
    let width = if bits == 16 { cols * 2 } else { cols + 4 };
    if cols == 0 || payload.len() != rows * width {
        return None;
    }
    let mut out = Vec::with_capacity(payload.len() / width * cols);
    for row in payload.chunks_exact(width) {
        if bits == 16 {
            let halves: Vec<f16> = row.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]])).collect();
            let start = out.len();
            out.resize(start + cols, 0.0);
            halves.convert_to_f32_slice(&mut out[start..]);
            continue;
        }
        let scale = f32::from_le_bytes([row[0], row[1], row[2], row[3]]);
        out.extend(row[4..].iter().map(|b| f32::from(i8::from_le_bytes([*b])) * scale));
    }
    finite(&out).then_some(out)
}

#[cfg(test)]
mod tests;
