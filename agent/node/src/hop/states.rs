//! Hidden states as they cross a link: half precision, 8 bits with one scale for each token, or as few bits as a token needs
//! ([`adaptive`], 4 bits in a plan). Partial sums of two halves of a stage cross in half precision, or as they are (32 bits)
//! where one is too large for that.
//!
//! `int8`: scale = max |x| / 127 of the row, as f32, then `round(x / scale)` (symmetric, per token: the scheme
//! that LLM.int8(), arXiv 2208.07339, calls vector-wise for activations).

use super::adaptive;
use kernels::{all_finite, from_halves, to_halves};

/// Bits that a plan may say.
pub(crate) const WIDTHS: [u8; 3] = [16, 8, ADAPTIVE];
/// Bits of what crosses between the halves of a stage; the second where a number is beyond the first's range.
pub(crate) const SUMS: [u8; 2] = [16, 32];
/// Largest number of half precision.
const MOST_HALF: f32 = 65_504.0;
/// As few as a token needs.
pub(crate) const ADAPTIVE: u8 = 4;

/// Fewest and most bytes of so many rows.
pub(crate) fn bytes(bits: u8, rows: u32, cols: u32) -> (u32, u32) {
    // Both are checked to be at most 2^16 by the frame, and their product to be far below 2^31.
    let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let exact = |n| (n, n);
    match bits {
        32 => exact(rows * cols * 4),
        16 => exact(rows * cols * 2),
        8 => exact(rows * (cols + 4)),
        _ => (rows * size(adaptive::LEAST), rows * size(adaptive::most(cols as usize))),
    }
}

/// Rows of `cols` numbers as bytes, behind what is in `out`. `None`: one is no finite number.
pub(crate) fn pack(states: &[f32], cols: usize, bits: u8, out: &mut Vec<u8>) -> Option<()> {
    if bits == 16 {
        let start = out.len();
        out.resize(start + states.len() * 2, 0);
        return to_halves(states, &mut out[start..]).then_some(());
    }
    if !all_finite(states) {
        return None;
    }
    if bits == 32 {
        out.extend(states.iter().flat_map(|x| x.to_le_bytes()));
        return Some(());
    }
    for row in states.chunks_exact(cols) {
        if bits == ADAPTIVE {
            adaptive::pack(out, row);
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
    Some(())
}

/// Bits that partial sums are sent at: halves, unless one is beyond their range.
pub(crate) fn sum_bits(numbers: &[f32]) -> u8 {
    let most = numbers.iter().fold(0f32, |most, x| most.max(x.abs()));
    if most > MOST_HALF { SUMS[1] } else { SUMS[0] }
}

/// As [`pack`], at one of [`SUMS`], and leaves in `numbers` what the other side reads.
pub(crate) fn pack_rounding(numbers: &mut [f32], cols: usize, bits: u8, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    pack(numbers, cols, bits, out)?;
    (bits != SUMS[0] || from_halves(&out[start..], numbers)).then_some(())
}

/// The numbers again, in place of what is in `out`. `None`: a scale or a half is no finite number, or the length
/// is another.
pub(crate) fn unpack(payload: &[u8], rows: usize, cols: usize, bits: u8, out: &mut Vec<f32>) -> Option<()> {
    if bits == ADAPTIVE {
        out.clear();
        let mut rest = payload;
        for _ in 0..rows {
            adaptive::unpack(&mut rest, cols, out)?;
        }
        return (rest.is_empty() && all_finite(out)).then_some(());
    }
    let width = match bits {
        32 => cols * 4,
        16 => cols * 2,
        _ => cols + 4,
    };
    if cols == 0 || payload.len() != rows * width {
        return None;
    }
    // All are written: what is in there from before need not be wiped first.
    out.resize(rows * cols, 0.0);
    if bits == 16 {
        return from_halves(payload, out).then_some(());
    }
    if bits == 32 {
        let numbers = payload.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        out.iter_mut().zip(numbers).for_each(|(x, n)| *x = n);
        return all_finite(out).then_some(());
    }
    for (row, out) in payload.chunks_exact(width).zip(out.chunks_exact_mut(cols)) {
        let scale = f32::from_le_bytes([row[0], row[1], row[2], row[3]]);
        for (byte, x) in row[4..].iter().zip(out) {
            *x = f32::from(i8::from_le_bytes([*byte])) * scale;
        }
    }
    all_finite(out).then_some(())
}

#[cfg(test)]
mod tests;
