//! Blocks of 256 weights -1, 0, 1 (codes 0, 1, 2) with one half-precision scale.

use super::f16_at;

/// Trit `n` of a byte that holds `ceil(value * 256 / 243)`: multiply by 3^n modulo 256, the top trit is the answer.
fn trit(byte: u8, n: usize) -> u8 {
    const POW3: [u8; 5] = [1, 3, 9, 27, 81];
    ((u16::from(byte.wrapping_mul(POW3[n])) * 3) >> 8) as u8
}

/// 54 bytes: 48 of five trits each (32, then 16, each all first trits, all second and so on), 4 of four trits, scale.
pub(super) fn tq1(b: &[u8], codes: &mut [u8], scales: &mut [f32], _: &mut [f32]) {
    scales.fill(f16_at(b, 52));
    let mut at = 0;
    for (bytes, trits) in [(&b[..32], 5), (&b[32..48], 5), (&b[48..52], 4)] {
        for n in 0..trits {
            for byte in bytes {
                codes[at] = trit(*byte, n);
                at += 1;
            }
        }
    }
}

/// 66 bytes: 64 of four 2-bit codes (weight `128 n + 32 j + l` is bits `2j` of byte `32 n + l`), scale.
pub(super) fn tq2(b: &[u8], codes: &mut [u8], scales: &mut [f32], _: &mut [f32]) {
    scales.fill(f16_at(b, 64));
    for (i, code) in codes.iter_mut().enumerate() {
        *code = b[32 * (i / 128) + i % 32] >> (2 * (i % 128 / 32)) & 3;
    }
}
