//! Dot products of four bytes in 32-bit lanes, with and without the instruction for it.
//!
//! The intrinsics of `sdot` and `smmla` are unstable in the toolchain used here, so two short pieces
//! of assembly stand for them.

use std::arch::aarch64::{
    int8x16_t, int16x8_t, int32x4_t, vdupq_laneq_s32, vdupq_n_s16, vdupq_n_s32, vget_low_s8, vmlal_high_s8, vmlal_s8,
    vpadalq_s16, vpaddq_s32, vreinterpretq_s8_s32, vreinterpretq_s32_s8,
};
use std::arch::asm;

/// How four signed weights meet four signed activations. All functions are `unsafe` for one reason:
/// the caller must have checked that the core has the instructions.
#[expect(clippy::missing_safety_doc, reason = "one contract for all, stated on the trait")]
pub(super) trait Dot: Copy + 'static {
    /// Four sums, one a row.
    type Acc: Copy;
    /// Whether an accumulator is one register.
    const NARROW: bool;

    unsafe fn zero() -> Self::Acc;
    /// Adds four weights of four rows times the activations in 32-bit lane `LANE` of `x`.
    unsafe fn add<const LANE: i32>(acc: Self::Acc, w: int8x16_t, x: int8x16_t) -> Self::Acc;
    /// Between two carries the sums of |weight · activation| in a byte position stay below 2¹⁵.
    unsafe fn carry(acc: Self::Acc) -> Self::Acc;
    unsafe fn sum(acc: Self::Acc) -> int32x4_t;
}

/// `sdot` (Armv8.2 dotprod: Cortex-A76, Cortex-A78AE).
#[derive(Clone, Copy, Debug)]
pub(super) struct Sdot;

#[expect(clippy::missing_safety_doc, reason = "see the trait")]
impl Dot for Sdot {
    type Acc = int32x4_t;
    const NARROW: bool = true;

    #[inline(always)]
    unsafe fn zero() -> int32x4_t {
        // SAFETY: NEON is part of the target.
        unsafe { vdupq_n_s32(0) }
    }

    #[inline(always)]
    unsafe fn add<const LANE: i32>(mut acc: int32x4_t, w: int8x16_t, x: int8x16_t) -> int32x4_t {
        // SAFETY: registers only; the caller has checked for dotprod.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {acc:v}.4s, {w:v}.16b, {x:v}.4b[{lane}]",
                acc = inout(vreg) acc,
                w = in(vreg) w,
                x = in(vreg) x,
                lane = const LANE,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        acc
    }

    #[inline(always)]
    unsafe fn carry(acc: int32x4_t) -> int32x4_t {
        acc
    }

    #[inline(always)]
    unsafe fn sum(acc: int32x4_t) -> int32x4_t {
        acc
    }
}

/// Widening multiplication (every Armv8.0 core: Cortex-A72, Cortex-A57).
#[derive(Clone, Copy, Debug)]
pub(super) struct Smlal;

/// Bytes 0..7 (rows 0 and 1) and 8..15 (rows 2 and 3), products summed by byte position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wide {
    short: [int16x8_t; 2],
    long: [int32x4_t; 2],
}

#[expect(clippy::missing_safety_doc, reason = "see the trait")]
impl Dot for Smlal {
    type Acc = Wide;
    const NARROW: bool = false;

    #[inline(always)]
    unsafe fn zero() -> Wide {
        // SAFETY: NEON is part of the target.
        unsafe { Wide { short: [vdupq_n_s16(0); 2], long: [vdupq_n_s32(0); 2] } }
    }

    #[inline(always)]
    unsafe fn add<const LANE: i32>(acc: Wide, mut w: int8x16_t, x: int8x16_t) -> Wide {
        // SAFETY: NEON is part of the target. The empty assembly hides that codes are not negative: the
        // compiler, where it sees that, makes three instructions of each of the two.
        unsafe {
            asm!("/* {w:v} */", w = inout(vreg) w, options(pure, nomem, nostack, preserves_flags));
            let x = vreinterpretq_s8_s32(vdupq_laneq_s32::<LANE>(vreinterpretq_s32_s8(x)));
            let low = vmlal_s8(acc.short[0], vget_low_s8(w), vget_low_s8(x));
            Wide { short: [low, vmlal_high_s8(acc.short[1], w, x)], long: acc.long }
        }
    }

    #[inline(always)]
    unsafe fn carry(acc: Wide) -> Wide {
        // SAFETY: NEON is part of the target.
        unsafe {
            let long = [vpadalq_s16(acc.long[0], acc.short[0]), vpadalq_s16(acc.long[1], acc.short[1])];
            Wide { short: [vdupq_n_s16(0); 2], long }
        }
    }

    #[inline(always)]
    unsafe fn sum(acc: Wide) -> int32x4_t {
        // SAFETY: NEON is part of the target.
        unsafe {
            let acc = Self::carry(acc);
            vpaddq_s32(acc.long[0], acc.long[1])
        }
    }
}
