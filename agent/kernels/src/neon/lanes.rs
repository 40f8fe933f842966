//! [`Lanes`] on NEON: what attention and the limits are written in.

use super::dot::{Dot, Sdot, Smlal};
use super::half4;
use crate::lanes::{FAR, Lanes, NEAR};
use crate::layout::sherry;
use std::arch::aarch64::{
    float32x4_t, int8x16_t, int32x4_t, vaddq_f32, vaddq_s8, vaddq_s32, vandq_s32, vcvtq_f32_s32, vdupq_n_f32, vdupq_n_s8,
    vdupq_n_s32, veorq_s8, veorq_s32, vfmaq_f32, vget_low_s8, vget_low_s16, vld1q_f32, vld1q_u8, vmovl_s8, vmovl_s16,
    vmull_high_s8, vmull_s8, vmulq_f32, vorrq_s32, vpadalq_s16, vpaddq_s16, vreinterpretq_s8_s32, vreinterpretq_s32_s8,
    vreinterpretq_s32_u8, vreinterpretq_s32_u32, vreinterpretq_u8_s32, vreinterpretq_u32_s32, vrhaddq_u8, vshlq_s32, vshlq_u32,
    vst1q_f32, vst1q_u8, vsubq_s32,
};
use std::arch::asm;
use std::marker::PhantomData;

/// Four lanes, with the dot product of `D`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Four<D>(PhantomData<D>);

/// A dot product of whole registers.
#[expect(clippy::missing_safety_doc, reason = "the contract of `Dot`")]
pub(super) trait Whole: Dot {
    /// `acc + Σ w · a` in each lane, signed; at most one operand holds −128.
    unsafe fn whole(acc: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t;
}

#[expect(clippy::missing_safety_doc, reason = "see the trait")]
impl Whole for Sdot {
    #[inline(always)]
    unsafe fn whole(mut acc: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
        // SAFETY: registers only; the caller has checked for dotprod.
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {acc:v}.4s, {w:v}.16b, {a:v}.16b",
                acc = inout(vreg) acc,
                w = in(vreg) w,
                a = in(vreg) a,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        acc
    }
}

#[expect(clippy::missing_safety_doc, reason = "see the trait")]
impl Whole for Smlal {
    #[inline(always)]
    unsafe fn whole(acc: int32x4_t, w: int8x16_t, a: int8x16_t) -> int32x4_t {
        // SAFETY: NEON is part of the target. Two products are at most 2 · 128 · 127 < 2¹⁵.
        unsafe { vpadalq_s16(acc, vpaddq_s16(vmull_s8(vget_low_s8(w), vget_low_s8(a)), vmull_high_s8(w, a))) }
    }
}

#[expect(clippy::missing_safety_doc, reason = "see the trait")]
impl<D: Whole> Lanes for Four<D> {
    const ROWS: usize = 4;
    const FULL_DOT: bool = false;
    const DOT8_ZERO: i32 = 128;
    const PANEL: usize = 2;
    const TOKENS: usize = 4;
    const GROUP: usize = 4;
    const KEEP: bool = false;
    const QUERIES: usize = 8;
    type I = int32x4_t;
    type F = float32x4_t;

    // SAFETY (all functions): NEON is part of the target, and pointers are valid by the trait's contract.

    #[inline(always)]
    unsafe fn splat(v: i32) -> Self::I {
        // SAFETY: registers only.
        unsafe { vdupq_n_s32(v) }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> Self::I {
        // SAFETY: 16 readable bytes.
        unsafe { vreinterpretq_s32_u8(vld1q_u8(p)) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut u8, v: Self::I) {
        // SAFETY: 16 writable bytes.
        unsafe { vst1q_u8(p, vreinterpretq_u8_s32(v)) }
    }
    #[inline(always)]
    unsafe fn quad(p: *const i8) -> Self::I {
        // SAFETY: four readable bytes; the instruction asks for no alignment.
        unsafe { vdupq_n_s32(p.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn and(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: registers only.
        unsafe { vandq_s32(a, b) }
    }
    #[inline(always)]
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: registers only.
        unsafe { vorrq_s32(a, b) }
    }
    #[inline(always)]
    unsafe fn add(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: registers only.
        unsafe { vaddq_s32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: registers only.
        unsafe { vsubq_s32(a, b) }
    }
    #[inline(always)]
    unsafe fn xor(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: registers only.
        unsafe { veorq_s32(a, b) }
    }
    #[inline(always)]
    unsafe fn add8(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: registers only.
        unsafe { vreinterpretq_s32_s8(vaddq_s8(vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b))) }
    }
    #[inline(always)]
    unsafe fn average8(a: Self::I, b: Self::I) -> Self::I {
        // SAFETY: registers only.
        unsafe { vreinterpretq_s32_u8(vrhaddq_u8(vreinterpretq_u8_s32(a), vreinterpretq_u8_s32(b))) }
    }
    #[inline(always)]
    unsafe fn shl<const N: u32>(a: Self::I) -> Self::I {
        // SAFETY: registers only.
        unsafe { vshlq_s32(a, vdupq_n_s32(N as i32)) }
    }
    #[inline(always)]
    unsafe fn shr<const N: u32>(a: Self::I) -> Self::I {
        // SAFETY: registers only; a negative count shifts right.
        unsafe { vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a), vdupq_n_s32(-(N as i32)))) }
    }
    #[inline(always)]
    unsafe fn sar<const N: u32>(a: Self::I) -> Self::I {
        // SAFETY: registers only; a negative count shifts right.
        unsafe { vshlq_s32(a, vdupq_n_s32(-(N as i32))) }
    }
    #[inline(always)]
    unsafe fn dot(acc: Self::I, w: Self::I, a: Self::I) -> Self::I {
        // SAFETY: codes are below 64, so that signed and unsigned are the same.
        unsafe { D::whole(acc, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(a)) }
    }
    #[inline(always)]
    unsafe fn dot8(acc: Self::I, w: Self::I, a: Self::I) -> Self::I {
        // SAFETY: activations are within ±127.
        unsafe { D::whole(acc, veorq_s8(vreinterpretq_s8_s32(w), vdupq_n_s8(-128)), vreinterpretq_s8_s32(a)) }
    }
    /// Not used by the matrix products, which have tables of their own.
    #[inline(always)]
    unsafe fn sherry(patterns: Self::I) -> Self::I {
        let mut lanes = [0_u32; 4];
        // SAFETY: 16 bytes each way.
        unsafe {
            Self::store(lanes.as_mut_ptr().cast(), patterns);
            lanes = lanes.map(|p| sherry::WORDS[(p & 31) as usize]);
            Self::load(lanes.as_ptr().cast())
        }
    }
    #[inline(always)]
    unsafe fn to_f32(v: Self::I) -> Self::F {
        // SAFETY: registers only.
        unsafe { vcvtq_f32_s32(v) }
    }
    #[inline(always)]
    unsafe fn splat_f32(v: f32) -> Self::F {
        // SAFETY: registers only.
        unsafe { vdupq_n_f32(v) }
    }
    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> Self::F {
        // SAFETY: four readable floats.
        unsafe { vld1q_f32(p) }
    }
    #[inline(always)]
    unsafe fn store_f32(p: *mut f32, v: Self::F) {
        // SAFETY: four writable floats.
        unsafe { vst1q_f32(p, v) }
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const u8) -> Self::F {
        // SAFETY: eight readable bytes.
        unsafe { half4(p) }
    }
    #[inline(always)]
    unsafe fn load_i8(p: *const u8) -> Self::F {
        // SAFETY: four readable bytes.
        unsafe { vcvtq_f32_s32(widen(p.cast::<i32>().read_unaligned())) }
    }
    #[inline(always)]
    unsafe fn load_u4<const HIGH: bool>(p: *const u8) -> Self::F {
        // SAFETY: four readable bytes.
        unsafe {
            let bytes = p.cast::<u32>().read_unaligned();
            let nibbles = if HIGH { bytes >> 4 } else { bytes } & 0x0f0f_0f0f;
            vcvtq_f32_s32(widen(nibbles as i32))
        }
    }
    #[inline(always)]
    unsafe fn add_f32(a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: registers only.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F {
        // SAFETY: registers only.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // SAFETY: registers only.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    unsafe fn touch(p: *const u8) {
        // SAFETY: a hint does not fault.
        unsafe { asm!("prfm pldl1keep, [{p}]", p = in(reg) p, options(nostack, preserves_flags, readonly)) };
    }
    #[inline(always)]
    unsafe fn prefetch(p: *const u8) {
        // SAFETY: a hint does not fault.
        unsafe {
            asm!(
                "prfm pldl1strm, [{near}]",
                "prfm pldl2strm, [{far}]",
                near = in(reg) p.wrapping_add(NEAR),
                far = in(reg) p.wrapping_add(FAR),
                options(nostack, preserves_flags, readonly)
            );
        }
    }
}

/// Four signed bytes to four lanes.
#[inline(always)]
unsafe fn widen(bytes: i32) -> int32x4_t {
    // SAFETY: registers only; NEON is part of the target.
    unsafe {
        let v = vreinterpretq_s8_s32(vdupq_n_s32(bytes));
        vmovl_s16(vget_low_s16(vmovl_s8(vget_low_s8(v))))
    }
}
