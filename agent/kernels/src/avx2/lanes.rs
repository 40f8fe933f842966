//! [`Lanes`] in 256-bit registers, with or without the dot product instruction.

#![expect(
    clippy::needless_range_loop,
    reason = "arrays of registers: an iterator's closure would not inherit the instruction set"
)]

use crate::lanes::{FAR, Lanes, NEAR};
use crate::layout::sherry;
use std::arch::x86_64::*;

/// Eight lanes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ymm<const VNNI: bool>;

/// Codes of a place of the 16 patterns whose first non-zero weight is +1, for [`places`]; the others are 2 − these.
#[repr(align(16))]
struct Places([[u8; 16]; 4]);
static PLACES: Places = {
    let mut places = [[0; 16]; 4];
    let mut pattern = 0;
    while pattern < 16 {
        let trits = sherry::trits(pattern as u8);
        let mut place = 0;
        while place < 4 {
            places[place][pattern] = trits[place];
            place += 1;
        }
        pattern += 1;
    }
    Places(places)
};

/// Patterns of index vector `I` of the `SherryTable` chunk at `p`, as [`sherry::table_pattern`] finds them.
#[inline(always)]
unsafe fn index<const I: usize>(p: *const u8) -> __m256i {
    // SAFETY: five vectors are readable at `p`, the machine has AVX2. Shifts are by 16 bits, masks take away what
    // crosses the bytes.
    unsafe {
        match I {
            0 | 1 => field::<0>(p, I, 31),
            2 => _mm256_or_si256(field::<3>(p, 0, 0x1c), field::<6>(p, 1, 3)),
            3..6 => field::<0>(p, I - 1, 31),
            6 => _mm256_or_si256(field::<3>(p, 2, 0x1c), field::<6>(p, 3, 3)),
            _ => {
                let spare = _mm256_or_si256(field::<4>(p, 1, 2), field::<5>(p, 3, 1));
                _mm256_or_si256(field::<3>(p, 4, 0x1c), spare)
            }
        }
    }
}

#[inline(always)]
unsafe fn field<const SHIFT: i32>(p: *const u8, vector: usize, mask: i8) -> __m256i {
    // SAFETY: as for `index`.
    unsafe {
        let v = _mm256_loadu_si256(p.add(32 * vector).cast());
        _mm256_and_si256(if SHIFT == 0 { v } else { _mm256_srli_epi16::<SHIFT>(v) }, _mm256_set1_epi8(mask))
    }
}

/// Codes at each place of 32 patterns: a table of 16 by the low four bits, and |code − 2| where bit 4 is set.
#[inline(always)]
unsafe fn places(patterns: __m256i) -> [__m256i; 4] {
    // SAFETY: the tables are 16 bytes each, the machine has AVX2.
    unsafe {
        let negative = _mm256_and_si256(_mm256_srli_epi16::<3>(patterns), _mm256_set1_epi8(2));
        let mut codes = [negative; 4];
        for place in 0..4 {
            let table = _mm256_broadcastsi128_si256(_mm_load_si128(PLACES.0[place].as_ptr().cast()));
            codes[place] = _mm256_abs_epi8(_mm256_sub_epi8(_mm256_shuffle_epi8(table, patterns), negative));
        }
        codes
    }
}

// SAFETY of every block below: the trait's contract, the machine has AVX2, FMA and F16C (AVX-VNNI too if `VNNI`), and
// pointers are valid for the bytes that an operation names.
impl<const VNNI: bool> Lanes for Ymm<VNNI> {
    const ROWS: usize = 8;
    const FULL_DOT: bool = VNNI;
    const DOT8_ZERO: i32 = if VNNI { 0 } else { 128 };
    // Of 16 registers: sums, 2 weights, an activation; without the instruction a dot needs two more.
    const PANEL: usize = 2;
    const TOKENS: usize = if VNNI { 5 } else { 4 };
    const GROUP: usize = Self::TOKENS;
    const KEEP: bool = false;
    const QUERIES: usize = 4;
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
        // SAFETY: as above. No matrix is packed in words for these registers; the definition serves whoever asks.
        unsafe {
            let mut words = [0_u32; 8];
            _mm256_storeu_si256(words.as_mut_ptr().cast(), patterns);
            let words = words.map(|p| sherry::WORDS[(p & 31) as usize]);
            _mm256_loadu_si256(words.as_ptr().cast())
        }
    }
    #[inline(always)]
    unsafe fn sherry_places<const I: usize>(p: *const u8) -> [__m256i; 4] {
        // SAFETY: as above.
        unsafe { places(index::<I>(p)) }
    }
    #[inline(always)]
    unsafe fn sherry_chunk(mut acc: [__m256i; 4], p: *const u8, a: *const i8) -> [__m256i; 4] {
        // SAFETY: as above; 128 activations are readable at `a`.
        unsafe {
            let mut pairs = [_mm256_setzero_si256(); 4];
            macro_rules! add {
                ($($i:literal)*) => {$(
                    let codes = places(index::<$i>(p));
                    for place in 0..4 {
                        let a = Self::quad(a.add(16 * $i + 4 * place));
                        if VNNI {
                            acc[place] = Self::dot(acc[place], codes[place], a);
                        } else {
                            pairs[place] = _mm256_add_epi16(pairs[place], _mm256_maddubs_epi16(codes[place], a));
                        }
                    }
                )*};
            }
            add!(0 1 2 3 4 5 6 7);
            if !VNNI {
                // 32 pairs of at most 2 · 2 · 127: below 2^14.
                let all = _mm256_add_epi16(_mm256_add_epi16(pairs[0], pairs[1]), _mm256_add_epi16(pairs[2], pairs[3]));
                acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(all, _mm256_set1_epi16(1)));
            }
            acc
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
    unsafe fn fetch(p: *const u8) {
        // SAFETY: a hint never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
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
