//! [`Lanes`] in plain Rust: the definition of each operation, and what runs where no vector
//! instructions are known.

use crate::lanes::Lanes;
use crate::layout::sherry;
use half::f16;

/// Four lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain;

const N: usize = 4;

fn bytes(v: [u32; N], w: [u32; N], f: impl Fn(u8, u8) -> u8) -> [u32; N] {
    std::array::from_fn(|i| {
        let (a, b) = (v[i].to_le_bytes(), w[i].to_le_bytes());
        u32::from_le_bytes(std::array::from_fn(|j| f(a[j], b[j])))
    })
}

impl Lanes for Plain {
    const ROWS: usize = N;
    const FULL_DOT: bool = true;
    const DOT8_ZERO: i32 = 0;
    const PANEL: usize = 2;
    const TOKENS: usize = 2;
    const GROUP: usize = 2;
    const KEEP: bool = false;
    const QUERIES: usize = 4;
    type I = [u32; N];
    type F = [f32; N];

    #[inline(always)]
    unsafe fn splat(v: i32) -> Self::I {
        [v as u32; N]
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> Self::I {
        // SAFETY: 16 readable bytes by the trait's contract.
        unsafe { p.cast::<[u32; N]>().read_unaligned() }.map(u32::from_le)
    }
    #[inline(always)]
    unsafe fn store(p: *mut u8, v: Self::I) {
        // SAFETY: 16 writable bytes by the trait's contract.
        unsafe { p.cast::<[u32; N]>().write_unaligned(v.map(u32::to_le)) }
    }
    #[inline(always)]
    unsafe fn quad(p: *const i8) -> Self::I {
        // SAFETY: four readable bytes by the trait's contract.
        [u32::from_le(unsafe { p.cast::<u32>().read_unaligned() }); N]
    }
    #[inline(always)]
    unsafe fn and(a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| a[i] & b[i])
    }
    #[inline(always)]
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| a[i] | b[i])
    }
    #[inline(always)]
    unsafe fn add(a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| a[i].wrapping_add(b[i]))
    }
    #[inline(always)]
    unsafe fn sub(a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| a[i].wrapping_sub(b[i]))
    }
    #[inline(always)]
    unsafe fn xor(a: Self::I, b: Self::I) -> Self::I {
        std::array::from_fn(|i| a[i] ^ b[i])
    }
    #[inline(always)]
    unsafe fn add8(a: Self::I, b: Self::I) -> Self::I {
        bytes(a, b, u8::wrapping_add)
    }
    #[inline(always)]
    unsafe fn average8(a: Self::I, b: Self::I) -> Self::I {
        bytes(a, b, |a, b| (u16::from(a) + u16::from(b)).div_ceil(2) as u8)
    }
    #[inline(always)]
    unsafe fn shl<const S: u32>(a: Self::I) -> Self::I {
        a.map(|v| v << S)
    }
    #[inline(always)]
    unsafe fn shr<const S: u32>(a: Self::I) -> Self::I {
        a.map(|v| v >> S)
    }
    #[inline(always)]
    unsafe fn sar<const S: u32>(a: Self::I) -> Self::I {
        a.map(|v| (v as i32 >> S) as u32)
    }
    #[inline(always)]
    unsafe fn dot(acc: Self::I, w: Self::I, a: Self::I) -> Self::I {
        std::array::from_fn(|i| {
            let (w, a) = (w[i].to_le_bytes(), a[i].to_le_bytes());
            let sum: i32 = (0..4).map(|j| i32::from(w[j]) * i32::from(a[j] as i8)).sum();
            acc[i].wrapping_add(sum as u32)
        })
    }
    #[inline(always)]
    unsafe fn dot8(acc: Self::I, w: Self::I, a: Self::I) -> Self::I {
        // SAFETY: no memory is touched.
        unsafe { Self::dot(acc, w, a) }
    }
    #[inline(always)]
    unsafe fn sherry(patterns: Self::I) -> Self::I {
        patterns.map(|p| sherry::WORDS[(p & 31) as usize])
    }
    #[inline(always)]
    unsafe fn to_f32(v: Self::I) -> Self::F {
        v.map(|v| v as i32 as f32)
    }
    #[inline(always)]
    unsafe fn splat_f32(v: f32) -> Self::F {
        [v; N]
    }
    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> Self::F {
        // SAFETY: four readable floats by the trait's contract.
        unsafe { p.cast::<[f32; N]>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store_f32(p: *mut f32, v: Self::F) {
        // SAFETY: four writable floats by the trait's contract.
        unsafe { p.cast::<[f32; N]>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const u8) -> Self::F {
        // SAFETY: eight readable bytes by the trait's contract.
        unsafe { p.cast::<[u16; N]>().read_unaligned() }.map(|h| f16::from_bits(u16::from_le(h)).to_f32())
    }
    #[inline(always)]
    unsafe fn load_i8(p: *const u8) -> Self::F {
        // SAFETY: four readable bytes by the trait's contract.
        unsafe { p.cast::<[i8; N]>().read_unaligned() }.map(f32::from)
    }
    #[inline(always)]
    unsafe fn load_u4<const HIGH: bool>(p: *const u8) -> Self::F {
        // SAFETY: four readable bytes by the trait's contract.
        unsafe { p.cast::<[u8; N]>().read_unaligned() }.map(|b| f32::from(if HIGH { b >> 4 } else { b & 15 }))
    }
    #[inline(always)]
    unsafe fn add_f32(a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F {
        std::array::from_fn(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F {
        // Rounded twice: without an instruction for it, one rounding is a library call.
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    unsafe fn touch(_: *const u8) {}
    #[inline(always)]
    unsafe fn prefetch(_: *const u8) {}
}
