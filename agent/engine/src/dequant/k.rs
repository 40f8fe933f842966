//! Blocks of 256 whose runs of 16 or 32 have scales (and minima) of few bits below a half-precision one.

use super::f16_at;

/// 84 bytes: 16 bytes of 4-bit scale (low) and minimum (high), 64 of codes, scale, minimum's scale.
pub(super) fn q2(b: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
    let (d, dmin) = (f16_at(b, 80), f16_at(b, 82));
    for (i, s) in b[..16].iter().enumerate() {
        scales[i] = d * f32::from(s & 15);
        mins[i] = -dmin * f32::from(s >> 4);
    }
    two_bits(&b[16..80], codes);
}

/// Weight `128 n + 32 j + l` is bits `2j` of byte `32 n + l`.
fn two_bits(bytes: &[u8], codes: &mut [u8]) {
    for (i, code) in codes.iter_mut().enumerate() {
        let (n, j, l) = (i / 128, i % 128 / 32, i % 32);
        *code = bytes[32 * n + l] >> (2 * j) & 3;
    }
}

/// 110 bytes: 32 of third bits, 64 of codes, 12 of 6-bit scales with an offset of 32, scale.
pub(super) fn q3(b: &[u8], codes: &mut [u8], scales: &mut [f32], _: &mut [f32]) {
    let (high, packed, d) = (&b[..32], &b[96..108], f16_at(b, 108));
    for (i, scale) in scales.iter_mut().enumerate() {
        let low = if i < 8 { packed[i] & 15 } else { packed[i - 8] >> 4 };
        let top = packed[8 + i % 4] >> (2 * (i / 4)) & 3;
        *scale = d * (f32::from(low | top << 4) - 32.0);
    }
    two_bits(&b[32..96], codes);
    for (i, code) in codes.iter_mut().enumerate() {
        *code |= (high[i % 32] >> (i / 32) & 1) << 2;
    }
}

/// Eight 6-bit scales and minima in 12 bytes: the first four plain, the others' top bits above them.
fn six_bits(packed: &[u8], d: f32, dmin: f32, scales: &mut [f32], mins: &mut [f32]) {
    for j in 0..8 {
        let (s, m) = if j < 4 {
            (packed[j] & 63, packed[j + 4] & 63)
        } else {
            (packed[j + 4] & 15 | packed[j - 4] >> 6 << 4, packed[j + 4] >> 4 | packed[j] >> 6 << 4)
        };
        scales[j] = d * f32::from(s);
        mins[j] = -dmin * f32::from(m);
    }
}

/// Weights `64 n + l` are low halves of byte `32 n + l`, weights `64 n + 32 + l` high halves.
fn nibbles(bytes: &[u8], codes: &mut [u8]) {
    for (i, code) in codes.iter_mut().enumerate() {
        let b = bytes[32 * (i / 64) + i % 32];
        *code = if i % 64 < 32 { b & 15 } else { b >> 4 };
    }
}

/// 144 bytes: scale, minimum's scale, 12 of 6-bit scales and minima, 128 of codes.
pub(super) fn q4(b: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
    six_bits(&b[4..16], f16_at(b, 0), f16_at(b, 2), scales, mins);
    nibbles(&b[16..], codes);
}

/// 176 bytes: as [`q4`] with 32 bytes of fifth bits before the codes.
pub(super) fn q5(b: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
    six_bits(&b[4..16], f16_at(b, 0), f16_at(b, 2), scales, mins);
    nibbles(&b[48..], codes);
    let high = &b[16..48];
    for (i, code) in codes.iter_mut().enumerate() {
        *code |= (high[i % 32] >> (i / 32) & 1) << 4;
    }
}

/// 210 bytes: 128 of low 4 bits, 64 of high 2 bits, 16 signed 8-bit scales, scale.
pub(super) fn q6(b: &[u8], codes: &mut [u8], scales: &mut [f32], _: &mut [f32]) {
    let (low, high, d) = (&b[..128], &b[128..192], f16_at(b, 208));
    for (scale, s) in scales.iter_mut().zip(&b[192..208]) {
        *scale = d * f32::from(s.cast_signed());
    }
    for (i, code) in codes.iter_mut().enumerate() {
        // Half n, quarter j of it, place l: quarters 0 and 1 are low nibbles, 2 and 3 high ones.
        let (n, j, l) = (i / 128, i % 128 / 32, i % 32);
        let byte = low[64 * n + 32 * (j % 2) + l];
        let nibble = if j < 2 { byte & 15 } else { byte >> 4 };
        *code = nibble | (high[32 * n + l] >> (2 * j) & 3) << 4;
    }
}
