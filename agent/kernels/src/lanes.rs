//! What an instruction set must offer so that every kernel is written once.
//!
//! A register of `ROWS` 32-bit lanes holds four bytes of each of `ROWS` rows (or positions). The
//! kernels in `tiled` and `attention` are generic over [`Lanes`] and always inlined; each
//! instruction set instantiates them inside functions that enable its features.

/// A straight reader's first-level prefetch, bytes ahead.
pub(crate) const NEAR: usize = 1024;
/// Its second-level prefetch: past the end of the page, where hardware prefetchers stop. Both together read 19 GB/s on
/// one core of a Xeon where the best single hint gives 17 and none 16; 1 to 2 KiB before 3 to 5 KiB are alike.
pub(crate) const FAR: usize = 4096;

/// One instruction set. All functions are `unsafe` for one reason: the caller must have checked that
/// the machine has the instructions, and pointers must be valid for what is read or written.
pub(crate) trait Lanes: Copy + 'static {
    /// 32-bit lanes of a register.
    const ROWS: usize;
    /// [`dot`](Self::dot) takes any unsigned byte; otherwise codes stay below 64.
    const FULL_DOT: bool;
    /// [`dot8`](Self::dot8) computes `Σ (w − DOT8_ZERO) · a`.
    const DOT8_ZERO: i32;
    /// Tiles that the matrix product takes together: 2 or 4.
    const PANEL: usize;
    /// Tokens whose sums with these tiles fit the registers, at most 6.
    const TOKENS: usize;
    /// The same under block scales.
    const GROUP: usize;
    /// Whether the results of these tokens stay in registers too, from block to block.
    const KEEP: bool;
    /// Rows that attention takes together: 8 with 32 registers, 4 with 16.
    const QUERIES: usize;
    /// Integers.
    type I: Copy;
    /// Floats.
    type F: Copy;

    unsafe fn splat(v: i32) -> Self::I;
    /// `4 · ROWS` bytes, any alignment.
    unsafe fn load(p: *const u8) -> Self::I;
    unsafe fn store(p: *mut u8, v: Self::I);
    /// The same four bytes in every lane.
    unsafe fn quad(p: *const i8) -> Self::I;
    unsafe fn and(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn add(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn sub(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn xor(a: Self::I, b: Self::I) -> Self::I;
    /// Byte-wise sum, wrapping.
    unsafe fn add8(a: Self::I, b: Self::I) -> Self::I;
    /// Byte-wise `(a + b + 1) / 2`.
    unsafe fn average8(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn shl<const N: u32>(a: Self::I) -> Self::I;
    /// Logical, in 32-bit lanes.
    unsafe fn shr<const N: u32>(a: Self::I) -> Self::I;
    /// Arithmetic, in 32-bit lanes.
    unsafe fn sar<const N: u32>(a: Self::I) -> Self::I;
    /// `acc + Σ w · a` in each lane: four unsigned codes times four signed activations.
    unsafe fn dot(acc: Self::I, w: Self::I, a: Self::I) -> Self::I;
    /// The same for codes of eight bits, see [`DOT8_ZERO`](Self::DOT8_ZERO).
    unsafe fn dot8(acc: Self::I, w: Self::I, a: Self::I) -> Self::I;
    /// Four dots with consecutive quads of activations; no code exceeds `MAX`.
    #[inline(always)]
    unsafe fn dots<const MAX: u32>(acc: Self::I, w: [Self::I; 4], a: *const i8) -> Self::I {
        // SAFETY: the caller's.
        unsafe {
            let acc = Self::dot(acc, w[0], Self::quad(a));
            let acc = Self::dot(acc, w[1], Self::quad(a.add(4)));
            let acc = Self::dot(acc, w[2], Self::quad(a.add(8)));
            Self::dot(acc, w[3], Self::quad(a.add(12)))
        }
    }
    /// Codes of the Sherry pattern in the low five bits of each lane; higher bits are ignored.
    unsafe fn sherry(patterns: Self::I) -> Self::I;

    /// Codes of the four places of index vector `i` of a `SherryTable` chunk at `p`. Only for instruction sets whose
    /// layout that is.
    #[inline(always)]
    unsafe fn sherry_places<const I: usize>(p: *const u8) -> [Self::I; 4] {
        let _ = p;
        // SAFETY: the caller's.
        unsafe { [Self::splat(0); 4] }
    }
    /// Adds a `SherryTable` chunk of 128 columns times turned activations. As above.
    #[inline(always)]
    unsafe fn sherry_chunk(acc: [Self::I; 4], p: *const u8, a: *const i8) -> [Self::I; 4] {
        let _ = (p, a);
        acc
    }

    unsafe fn to_f32(v: Self::I) -> Self::F;
    unsafe fn splat_f32(v: f32) -> Self::F;
    unsafe fn load_f32(p: *const f32) -> Self::F;
    unsafe fn store_f32(p: *mut f32, v: Self::F);
    /// `ROWS` half-precision numbers.
    unsafe fn load_f16(p: *const u8) -> Self::F;
    /// `ROWS` signed bytes.
    unsafe fn load_i8(p: *const u8) -> Self::F;
    /// `ROWS` nibbles: the low or the high half of `ROWS` bytes.
    unsafe fn load_u4<const HIGH: bool>(p: *const u8) -> Self::F;
    unsafe fn add_f32(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F;
    /// `a · b + c`, rounded once.
    unsafe fn mul_add(a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// Asks for one line. A hint; never faults.
    unsafe fn touch(p: *const u8);
    /// Asks for one line, into the second-level cache only where that can be said.
    #[inline(always)]
    unsafe fn fetch(p: *const u8) {
        // SAFETY: the caller's.
        unsafe { Self::touch(p) }
    }
    /// Asks for what a straight reader at `p` needs next: the line [`NEAR`] ahead into the first-level cache, the
    /// one [`FAR`] ahead into the second. A hint; never faults.
    unsafe fn prefetch(p: *const u8);
}
