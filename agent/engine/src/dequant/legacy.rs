//! Blocks of 32 with one half-precision scale, some with a minimum.
//!
//! The first 16 weights are the low halves of the 16 code bytes, the last 16 the high halves.

use super::f16_at;

fn nibbles(bytes: &[u8], codes: &mut [u8]) {
    for (j, b) in bytes.iter().enumerate() {
        codes[j] = b & 15;
        codes[j + 16] = b >> 4;
    }
}

/// Fifth bits: bit `j` of a little-endian word belongs to weight `j`.
fn fifth(bytes: &[u8], codes: &mut [u8]) {
    let word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    for (j, code) in codes.iter_mut().enumerate() {
        *code |= ((word >> j & 1) as u8) << 4;
    }
}

/// 18 bytes: scale, 16 bytes of codes.
pub(super) fn q4_0(b: &[u8], codes: &mut [u8], scales: &mut [f32], _: &mut [f32]) {
    scales[0] = f16_at(b, 0);
    nibbles(&b[2..], codes);
}

/// 20 bytes: scale, minimum, 16 bytes of codes.
pub(super) fn q4_1(b: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
    (scales[0], mins[0]) = (f16_at(b, 0), f16_at(b, 2));
    nibbles(&b[4..], codes);
}

/// 22 bytes: scale, 4 bytes of fifth bits, 16 bytes of codes.
pub(super) fn q5_0(b: &[u8], codes: &mut [u8], scales: &mut [f32], _: &mut [f32]) {
    scales[0] = f16_at(b, 0);
    nibbles(&b[6..], codes);
    fifth(&b[2..6], codes);
}

/// 24 bytes: scale, minimum, 4 bytes of fifth bits, 16 bytes of codes.
pub(super) fn q5_1(b: &[u8], codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
    (scales[0], mins[0]) = (f16_at(b, 0), f16_at(b, 2));
    nibbles(&b[8..], codes);
    fifth(&b[4..8], codes);
}

/// 34 bytes: scale, 32 signed codes.
pub(super) fn q8_0(b: &[u8], codes: &mut [u8], scales: &mut [f32], _: &mut [f32]) {
    scales[0] = f16_at(b, 0);
    for (code, q) in codes.iter_mut().zip(&b[2..]) {
        // Two's complement to an offset of 128.
        *code = q ^ 0x80;
    }
}
