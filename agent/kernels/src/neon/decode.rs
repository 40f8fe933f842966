//! Packed codes to signed bytes: a vector holds four consecutive columns of four rows.

use crate::layout::sherry;
use std::arch::aarch64::{
    int8x16_t, int8x16x2_t, uint8x16_t, vandq_u8, vdupq_n_u8, veorq_u8, vhaddq_u8, vld1q_s8, vld1q_u8, vmulq_u8, vmvnq_u8,
    vorrq_u8, vqtbl2q_s8, vreinterpretq_s8_s16, vreinterpretq_s8_u8, vreinterpretq_s16_s8, vshlq_n_u8, vshrq_n_u8, vtrn1q_s8,
    vtrn1q_s16, vtrn2q_s8, vtrn2q_s16,
};
use std::arch::asm;

/// Field `f` of a plane of `BITS`-bit codes.
#[inline(always)]
fn field<const BITS: usize>(v: uint8x16_t, f: usize) -> uint8x16_t {
    // SAFETY: NEON is part of the target, and only registers are touched.
    unsafe {
        let low = |v| vandq_u8(v, vdupq_n_u8((1_u16 << BITS).wrapping_sub(1) as u8));
        match (f * BITS, BITS) {
            (_, 8) => v,
            (0, _) => low(v),
            (4, 4) => vshrq_n_u8::<4>(v),
            (6, 2) => vshrq_n_u8::<6>(v),
            (7, 1) => vshrq_n_u8::<7>(v),
            (1, _) => low(vshrq_n_u8::<1>(v)),
            (2, _) => low(vshrq_n_u8::<2>(v)),
            (3, _) => low(vshrq_n_u8::<3>(v)),
            (4, _) => low(vshrq_n_u8::<4>(v)),
            (5, _) => low(vshrq_n_u8::<5>(v)),
            _ => low(vshrq_n_u8::<6>(v)),
        }
    }
}

/// What [`block`] takes off every code: eight bits become signed.
pub(super) const fn offset(main: usize) -> i32 {
    if main == 8 { 128 } else { 0 }
}

/// Codes of a block of 32 columns, less [`offset`].
///
/// # Safety
///
/// `(MAIN + EXTRA) · 16` readable bytes.
#[inline(always)]
pub(super) unsafe fn block<const MAIN: usize, const EXTRA: usize>(p: *const u8) -> [int8x16_t; 8] {
    std::array::from_fn(|quad| {
        // SAFETY: quad % MAIN < MAIN and MAIN + quad % EXTRA < MAIN + EXTRA vectors by the caller's promise.
        unsafe {
            let main = field::<MAIN>(vld1q_u8(p.add(quad % MAIN * 16)), quad / MAIN);
            let code = if EXTRA > 0 {
                let extra = field::<EXTRA>(vld1q_u8(p.add((MAIN + quad % EXTRA.max(1)) * 16)), quad / EXTRA.max(1));
                let extra = if MAIN == 4 { vshlq_n_u8::<4>(extra) } else { vshlq_n_u8::<2>(extra) };
                vorrq_u8(main, extra)
            } else if MAIN == 8 {
                veorq_u8(main, vdupq_n_u8(0x80))
            } else {
                main
            };
            vreinterpretq_s8_u8(code)
        }
    })
}

/// Codes of a chunk of 20 columns in base 3, stored as a complement: the digit is the carry of a multiplication by three.
///
/// # Safety
///
/// 16 readable bytes.
#[inline(always)]
pub(super) unsafe fn base3(p: *const u8) -> [int8x16_t; 5] {
    // SAFETY: 16 bytes by the caller's promise; NEON is part of the target.
    unsafe {
        let mut v = vmvnq_u8(vld1q_u8(p));
        std::array::from_fn(|_| {
            // ⌊3v / 256⌋ = ⌊(v + ⌊v/2⌋) / 128⌋, and a halving addition does not overflow.
            let digit = vshrq_n_u8::<6>(vhaddq_u8(v, vshrq_n_u8::<1>(v)));
            v = vmulq_u8(v, vdupq_n_u8(3));
            vreinterpretq_s8_u8(digit)
        })
    }
}

/// Weights −1, 0, +1 of the 32 Sherry patterns, by place in the pattern.
const TRITS: [[i8; 32]; 4] = {
    let mut tables = [[0; 32]; 4];
    let mut pattern = 0;
    while pattern < 32 {
        let trits = sherry::trits(pattern as u8);
        let mut place = 0;
        while place < 4 {
            tables[place][pattern] = trits[place] as i8 - 1;
            place += 1;
        }
        pattern += 1;
    }
    tables
};

/// The tables in eight registers.
#[derive(Clone, Copy)]
pub(super) struct Tables([int8x16x2_t; 4]);

impl Tables {
    #[inline(always)]
    pub(super) fn load() -> Self {
        // SAFETY: each table has 32 bytes; NEON is part of the target.
        Self(TRITS.each_ref().map(|t| unsafe { int8x16x2_t(vld1q_s8(t.as_ptr()), vld1q_s8(t.as_ptr().add(16))) }))
    }

    /// Weights at each place of the patterns, 0 to 31.
    #[inline(always)]
    pub(super) fn weights(self, patterns: uint8x16_t) -> [int8x16_t; 4] {
        // SAFETY: NEON is part of the target.
        self.0.map(|t| unsafe { vqtbl2q_s8(t, patterns) })
    }
}

/// Patterns of the first half of a chunk of 128 columns, and what the second half needs of it: vector
/// `i` has quads `4i … 4i + 3` of each row.
///
/// # Safety
///
/// 80 readable bytes.
#[inline(always)]
pub(super) unsafe fn sherry_low(p: *const u8) -> ([uint8x16_t; 4], [uint8x16_t; 2]) {
    // SAFETY: three of five vectors by the caller's promise; NEON is part of the target.
    unsafe {
        let v = [vld1q_u8(p), vld1q_u8(p.add(16)), vld1q_u8(p.add(32))];
        let high = vshrq_n_u8::<3>(join::<3>(v[0], v[1]));
        ([low5(v[0]), low5(v[1]), high, low5(v[2])], [v[1], v[2]])
    }
}

/// Patterns of the second half.
///
/// # Safety
///
/// 80 readable bytes.
#[inline(always)]
pub(super) unsafe fn sherry_high(p: *const u8, kept: [uint8x16_t; 2]) -> [uint8x16_t; 4] {
    // SAFETY: the last two vectors by the caller's promise; NEON is part of the target.
    unsafe {
        let v = [vld1q_u8(p.add(48)), vld1q_u8(p.add(64))];
        let high = vshrq_n_u8::<3>(join::<3>(kept[1], v[0]));
        let spare = join::<1>(vshlq_n_u8::<2>(kept[0]), vshlq_n_u8::<2>(v[0]));
        [low5(v[0]), low5(v[1]), high, vshrq_n_u8::<3>(join::<3>(v[1], spare))]
    }
}

#[inline(always)]
fn low5(v: uint8x16_t) -> uint8x16_t {
    // SAFETY: NEON is part of the target.
    unsafe { vandq_u8(v, vdupq_n_u8(31)) }
}

/// The top `N` bits of `a` above those of `b`. The compiler takes the intrinsic of this one instruction
/// apart into three, hence assembly.
#[inline(always)]
fn join<const N: usize>(mut a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
    // SAFETY: registers only; NEON is part of the target.
    unsafe {
        asm!("sri {a:v}.16b, {b:v}.16b, #{n}", a = inout(vreg) a, b = in(vreg) b, n = const N, options(pure, nomem, nostack, preserves_flags));
    }
    a
}

/// By place in the quad (byte = row, quad) to by quad (byte = row, place).
#[inline(always)]
pub(super) fn by_quad(w: [int8x16_t; 4]) -> [int8x16_t; 4] {
    // SAFETY: NEON is part of the target.
    unsafe {
        let wide = |v| vreinterpretq_s16_s8(v);
        let pairs =
            [wide(vtrn1q_s8(w[0], w[1])), wide(vtrn2q_s8(w[0], w[1])), wide(vtrn1q_s8(w[2], w[3])), wide(vtrn2q_s8(w[2], w[3]))];
        [
            vtrn1q_s16(pairs[0], pairs[2]),
            vtrn1q_s16(pairs[1], pairs[3]),
            vtrn2q_s16(pairs[0], pairs[2]),
            vtrn2q_s16(pairs[1], pairs[3]),
        ]
        .map(|v| vreinterpretq_s8_s16(v))
    }
}
