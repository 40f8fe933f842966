//! [`Lanes`] in 256-bit registers, with or without the dot product instruction.

use crate::lanes::{FAR, Lanes, NEAR};
use crate::layout::sherry;
use std::arch::x86_64::*;

/// Eight lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ymm<const VNNI: bool>;

/// The 16 patterns whose first non-zero weight is +1 as two registers; the others are 2 − these.
#[repr(align(32))]
struct Patterns([u32; 32]);
static PATTERNS: Patterns = Patterns(sherry::WORDS);

// SAFETY of every block below: the trait's contract, the machine has AVX2, FMA and F16C (AVX-VNNI too if `VNNI`), and
// pointers are valid for the bytes that an operation names.
impl<const VNNI: bool> Lanes for Ymm<VNNI> {
    const ROWS: usize = 8;
    const FULL_DOT: bool = VNNI;
    const DOT8_ZERO: i32 = if VNNI { 0 } else { 128 };
    // Of 16 registers: sums, 2 weights, an activation; without the instruction a dot needs two more.
    const PANEL: usize = 2;
    const TOKENS: usize = if VNNI { 5 } else { 4 };
    const GROUP: usize = if VNNI { 3 } else { 2 };
    type I = __m256i;
    type F = __m256;

    #[inline(always)]
    unsafe fn splat(v: i32) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_set1_epi32(v) }
    }
    #[inline(always)]
    unsafe fn load(p: *const u8) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_loadu_si256(p.cast()) }
    }
    #[inline(always)]
    unsafe fn store(p: *mut u8, v: __m256i) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(p.cast(), v) }
    }
    #[inline(always)]
    unsafe fn quad(p: *const i8) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_set1_epi32(p.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    unsafe fn and(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_and_si256(a, b) }
    }
    #[inline(always)]
    unsafe fn or(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_or_si256(a, b) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_sub_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn xor(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_xor_si256(a, b) }
    }
    #[inline(always)]
    unsafe fn add8(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_add_epi8(a, b) }
    }
    #[inline(always)]
    unsafe fn average8(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_avg_epu8(a, b) }
    }
    #[inline(always)]
    unsafe fn shl<const N: u32>(a: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_sll_epi32(a, _mm_cvtsi32_si128(N as i32)) }
    }
    #[inline(always)]
    unsafe fn shr<const N: u32>(a: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_srl_epi32(a, _mm_cvtsi32_si128(N as i32)) }
    }
    #[inline(always)]
    unsafe fn sar<const N: u32>(a: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe { _mm256_sra_epi32(a, _mm_cvtsi32_si128(N as i32)) }
    }
    #[inline(always)]
    unsafe fn dot(acc: __m256i, w: __m256i, a: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe {
            if VNNI {
                return _mm256_dpbusd_avx_epi32(acc, w, a);
            }
            // Pairs: at most 2 · 63 · 127 < 2^15.
            let pairs = _mm256_maddubs_epi16(w, a);
            _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }
    #[inline(always)]
    unsafe fn dot8(acc: __m256i, w: __m256i, a: __m256i) -> __m256i {
        // SAFETY: as above.
        unsafe {
            if VNNI {
                return _mm256_dpbusd_avx_epi32(acc, w, a);
            }
            // |w − 128| times a with the sign of w − 128: at most 2 · 128 · 127 < 2^15.
            let signed = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(signed), _mm256_sign_epi8(a, signed));
            _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }
    #[inline(always)]
    unsafe fn dots<const MAX: u32>(acc: __m256i, w: [__m256i; 4], a: *const i8) -> __m256i {
        // SAFETY: as above; four quads are readable at `a`.
        unsafe {
            let quads = [Self::quad(a), Self::quad(a.add(4)), Self::quad(a.add(8)), Self::quad(a.add(12))];
            if VNNI {
                let acc = Self::dot(Self::dot(acc, w[0], quads[0]), w[1], quads[1]);
                return Self::dot(Self::dot(acc, w[2], quads[2]), w[3], quads[3]);
            }
            let pairs = [
                _mm256_maddubs_epi16(w[0], quads[0]),
                _mm256_maddubs_epi16(w[1], quads[1]),
                _mm256_maddubs_epi16(w[2], quads[2]),
                _mm256_maddubs_epi16(w[3], quads[3]),
            ];
            let ones = _mm256_set1_epi16(1);
            // Sums of pairs stay in 16 bits while MAX · 127 · pairs · 2 does: two registers to 63, four to 31.
            let (one, two) = (_mm256_add_epi16(pairs[0], pairs[1]), _mm256_add_epi16(pairs[2], pairs[3]));
            if MAX <= 31 {
                return _mm256_add_epi32(acc, _mm256_madd_epi16(_mm256_add_epi16(one, two), ones));
            }
            _mm256_add_epi32(acc, _mm256_add_epi32(_mm256_madd_epi16(one, ones), _mm256_madd_epi16(two, ones)))
        }
    }
    #[inline(always)]
    unsafe fn sherry(patterns: __m256i) -> __m256i {
        let table = PATTERNS.0.as_ptr();
        // SAFETY: as above; the table is 128 bytes.
        unsafe {
            let (low, high) = (_mm256_load_si256(table.cast()), _mm256_load_si256(table.add(8).cast()));
            let (low, high) = (_mm256_permutevar8x32_epi32(low, patterns), _mm256_permutevar8x32_epi32(high, patterns));
            // Bit 3 to the sign bit chooses the half; bit 4, spread over the lane, turns w into 2 − w.
            let half = _mm256_castsi256_ps(_mm256_slli_epi32::<28>(patterns));
            let w = _mm256_castps_si256(_mm256_blendv_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), half));
            let negative = _mm256_srai_epi32::<31>(_mm256_slli_epi32::<27>(patterns));
            _mm256_add_epi8(_mm256_xor_si256(w, negative), _mm256_and_si256(negative, _mm256_set1_epi8(3)))
        }
    }

    #[inline(always)]
    unsafe fn to_f32(v: __m256i) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_cvtepi32_ps(v) }
    }
    #[inline(always)]
    unsafe fn splat_f32(v: f32) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_set1_ps(v) }
    }
    #[inline(always)]
    unsafe fn load_f32(p: *const f32) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store_f32(p: *mut f32, v: __m256) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn load_f16(p: *const u8) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(p.cast())) }
    }
    #[inline(always)]
    unsafe fn load_i8(p: *const u8) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p.cast()))) }
    }
    #[inline(always)]
    unsafe fn load_u4<const HIGH: bool>(p: *const u8) -> __m256 {
        // SAFETY: as above.
        unsafe {
            let bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast()));
            _mm256_cvtepi32_ps(if HIGH { _mm256_srli_epi32::<4>(bytes) } else { _mm256_and_si256(bytes, _mm256_set1_epi32(15)) })
        }
    }
    #[inline(always)]
    unsafe fn add_f32(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    unsafe fn touch(p: *const u8) {
        // SAFETY: a hint never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
    #[inline(always)]
    unsafe fn prefetch(p: *const u8) {
        // SAFETY: a hint never faults.
        unsafe {
            _mm_prefetch::<_MM_HINT_T1>(p.wrapping_add(FAR).cast());
            _mm_prefetch::<_MM_HINT_T0>(p.wrapping_add(NEAR).cast());
        }
    }
}
