//! Sherry's 256 weights in 42 bytes: `STQ1_0` of llama.cpp's pull request 22836.

use super::f16_at;

/// 32 bytes of 64 slots (low half first), 8 bytes of 64 signs (lowest bit first), scale. Group `g` holds the weights
/// `64 (g / 16) + g % 16 + 16 lane`; bits 3..2 of its slot are the lane whose weight is zero, the sign bit says that
/// the first of the others is -1, bit 0 (1) of the slot that the second (third) differs from the first. That is the
/// published table of 32 patterns in closed form (the tests compare them).
pub(super) fn stq1(b: &[u8], codes: &mut [u8], scales: &mut [f32], _: &mut [f32]) {
    scales.fill(f16_at(b, 40));
    for g in 0..64 {
        let slot = b[g / 2] >> (4 * (g % 2)) & 15;
        let first = b[32 + g / 8] >> (g % 8) & 1;
        let mut kept = [first, first ^ (slot & 1), first ^ (slot >> 1 & 1)].into_iter();
        for lane in 0..4 {
            let code = if lane == usize::from(slot >> 2) { 1 } else { 2 - 2 * kept.next().unwrap_or(0) };
            codes[64 * (g / 16) + g % 16 + 16 * lane] = code;
        }
    }
}
