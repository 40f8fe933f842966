//! Several tokens times a panel of eight rows.

use super::View;
use super::decode::offset;
use super::dot::{Dot, Sdot};
use super::panel::OCT;
use super::vector::Token;
use super::{convert, half4};
use crate::limits::CHAINS;
use crate::matmul::Call;
use std::arch::aarch64::{
    float32x4_t, int8x16_t, int32x4_t, vaddq_f32, vaddq_s32, vcvtq_f32_s32, vdupq_n_f32, vdupq_n_s8, vdupq_n_s32, vfmaq_n_f32,
    vld1q_s8, vmulq_f32, vmulq_n_f32, vreinterpretq_s8_s32, vreinterpretq_s8_s64, vreinterpretq_s32_s8, vreinterpretq_s32_s64,
    vreinterpretq_s64_s8, vreinterpretq_s64_s32, vst1q_s8, vtrn1q_s64, vtrn2q_s64, vzip1q_s32, vzip2q_s32,
};
use std::arch::asm;
use std::hint::black_box;

/// A matrix product in registers. All functions are `unsafe` for one reason: the caller must have
/// checked that the core has the instructions, and pointers must be valid for what is read or written.
#[expect(clippy::missing_safety_doc, reason = "one contract for all, stated on the trait")]
pub(super) trait Product: Copy + 'static {
    /// Dot product of one token.
    type D: Dot;

    /// Two quads of two tiles to the panel, [`OCT`] bytes.
    unsafe fn arrange(p: *mut u8, quads: [[int8x16_t; 2]; 2]);
    /// Σ weight · activation over `columns` (a multiple of 16) for `T` tokens (even) and both tiles,
    /// carried after every `CARRY` quads.
    unsafe fn sums<const T: usize, const CARRY: usize>(
        panel: *const u8,
        columns: usize,
        x: [*const i8; T],
    ) -> [[int32x4_t; 2]; T];
    /// Registers suffice for the sums of many tokens.
    const WIDE: bool;
}

/// `sdot` or `smlal` by element: the panel is quad after quad, each of tile 0 and then tile 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByElement<D>(std::marker::PhantomData<D>);

#[expect(clippy::missing_safety_doc, reason = "see the trait")]
impl<D: Dot> Product for ByElement<D> {
    type D = D;
    const WIDE: bool = D::NARROW;

    #[inline(always)]
    unsafe fn arrange(p: *mut u8, quads: [[int8x16_t; 2]; 2]) {
        // SAFETY: 64 writable bytes by the caller's promise.
        unsafe {
            vst1q_s8(p.cast(), quads[0][0]);
            vst1q_s8(p.add(16).cast(), quads[1][0]);
            vst1q_s8(p.add(32).cast(), quads[0][1]);
            vst1q_s8(p.add(48).cast(), quads[1][1]);
        }
    }

    #[inline(always)]
    unsafe fn sums<const T: usize, const CARRY: usize>(
        panel: *const u8,
        columns: usize,
        x: [*const i8; T],
    ) -> [[int32x4_t; 2]; T] {
        // SAFETY: 8 · columns bytes of panel and `columns` activations of every token by the caller's promise.
        unsafe {
            let mut acc = [[D::zero(); 2]; T];
            for s in 0..columns / 16 {
                // Loops, not `map`: on arrays of vectors it is not always inlined.
                let mut v = [vdupq_n_s8(0); T];
                for (v, x) in v.iter_mut().zip(&x) {
                    *v = vld1q_s8(x.add(16 * s));
                }
                let w = |quad: usize| {
                    let p = panel.add((4 * s + quad) * 32).cast::<i8>();
                    [vld1q_s8(p), vld1q_s8(p.add(16))]
                };
                step::<D, T, 0>(&mut acc, w(0), &v);
                step::<D, T, 1>(&mut acc, w(1), &v);
                if CARRY == 2 {
                    carry::<D, T>(&mut acc);
                }
                step::<D, T, 2>(&mut acc, w(2), &v);
                step::<D, T, 3>(&mut acc, w(3), &v);
                if CARRY <= 4 || s % 2 == 1 {
                    carry::<D, T>(&mut acc);
                }
            }
            let mut sums = [[vdupq_n_s32(0); 2]; T];
            for (sums, acc) in sums.iter_mut().zip(acc) {
                *sums = [D::sum(acc[0]), D::sum(acc[1])];
            }
            sums
        }
    }
}

#[inline(always)]
unsafe fn carry<D: Dot, const T: usize>(acc: &mut [[D::Acc; 2]; T]) {
    for acc in acc {
        // SAFETY: the caller's promise.
        unsafe { *acc = [D::carry(acc[0]), D::carry(acc[1])] };
    }
}

/// One quad of both tiles times all tokens.
#[inline(always)]
unsafe fn step<D: Dot, const T: usize, const LANE: i32>(acc: &mut [[D::Acc; 2]; T], w: [int8x16_t; 2], x: &[int8x16_t; T]) {
    for (acc, &x) in acc.iter_mut().zip(x) {
        // SAFETY: the caller's promise.
        unsafe {
            acc[0] = D::add::<LANE>(acc[0], w[0], x);
            acc[1] = D::add::<LANE>(acc[1], w[1], x);
        }
    }
}

/// `smmla` (Armv8.6 i8mm): the panel is eight columns after eight columns, each of four pairs of rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mmla;

#[expect(clippy::missing_safety_doc, reason = "see the trait")]
impl Product for Mmla {
    type D = Sdot;
    const WIDE: bool = true;

    #[inline(always)]
    unsafe fn arrange(p: *mut u8, quads: [[int8x16_t; 2]; 2]) {
        // SAFETY: 64 writable bytes by the caller's promise.
        unsafe {
            for (i, [low, high]) in quads.map(|q| q.map(|q| vreinterpretq_s32_s8(q))).into_iter().enumerate() {
                vst1q_s8(p.add(32 * i).cast(), vreinterpretq_s8_s32(vzip1q_s32(low, high)));
                vst1q_s8(p.add(32 * i + 16).cast(), vreinterpretq_s8_s32(vzip2q_s32(low, high)));
            }
        }
    }

    #[inline(always)]
    unsafe fn sums<const T: usize, const CARRY: usize>(
        panel: *const u8,
        columns: usize,
        x: [*const i8; T],
    ) -> [[int32x4_t; 2]; T] {
        // SAFETY: 8 · columns bytes of panel and `columns` activations of every token by the caller's promise.
        unsafe {
            // acc[t][p]: tokens t and t + 1 (t even in `T / 2` pairs) by the rows of pair p.
            let mut acc = [[vdupq_n_s32(0); 2]; T];
            for s in 0..columns / 16 {
                let mut v = [vreinterpretq_s64_s8(vdupq_n_s8(0)); T];
                for (v, x) in v.iter_mut().zip(&x) {
                    *v = vreinterpretq_s64_s8(vld1q_s8(x.add(16 * s)));
                }
                for oct in 0..2 {
                    let w: [int8x16_t; 4] = std::array::from_fn(|i| vld1q_s8(panel.add((2 * s + oct) * OCT + 16 * i).cast()));
                    for t in (0..T).step_by(2) {
                        let tokens = if oct == 0 { vtrn1q_s64(v[t], v[t + 1]) } else { vtrn2q_s64(v[t], v[t + 1]) };
                        let tokens = vreinterpretq_s8_s64(tokens);
                        acc[t][0] = smmla(acc[t][0], tokens, w[0]);
                        acc[t][1] = smmla(acc[t][1], tokens, w[1]);
                        acc[t + 1][0] = smmla(acc[t + 1][0], tokens, w[2]);
                        acc[t + 1][1] = smmla(acc[t + 1][1], tokens, w[3]);
                    }
                }
            }
            // From [token][row of a pair] to one token's four rows of each tile.
            let mut sums = [[vdupq_n_s32(0); 2]; T];
            for t in (0..T).step_by(2) {
                for i in 0..2 {
                    let (a, b) = (vreinterpretq_s64_s32(acc[t + i][0]), vreinterpretq_s64_s32(acc[t + i][1]));
                    sums[t][i] = vreinterpretq_s32_s64(vtrn1q_s64(a, b));
                    sums[t + 1][i] = vreinterpretq_s32_s64(vtrn2q_s64(a, b));
                }
            }
            sums
        }
    }
}

/// `acc[i][j] += Σ a[i] · b[j]` over eight columns, `i` and `j` in 0..2.
#[inline(always)]
unsafe fn smmla(mut acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: registers only; the caller has checked for i8mm.
    unsafe {
        asm!(
            ".arch_extension i8mm",
            "smmla {acc:v}.4s, {a:v}.16b, {b:v}.16b",
            acc = inout(vreg) acc,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    acc
}

/// Rounds of [`CHAINS`] independent `smmla`.
///
/// # Safety
///
/// The machine has i8mm.
pub(super) unsafe fn peak(rounds: usize) {
    // SAFETY: registers only.
    unsafe {
        let (a, b) = (black_box(vdupq_n_s8(3)), black_box(vdupq_n_s8(2)));
        let mut acc = [vdupq_n_s32(0); CHAINS];
        for _ in 0..rounds {
            for acc in &mut acc {
                *acc = smmla(*acc, a, b);
            }
        }
        black_box(acc);
    }
}

/// Integer sums of all tokens over whole rows.
///
/// # Safety
///
/// As for [`super::tiles`], and `panel` has `8 · columns` bytes; so for every function here.
pub(super) unsafe fn rows<K: Product>(panel: *const u8, columns: usize, call: &Call<'_>, put: &dyn Fn(usize, [int32x4_t; 2])) {
    // SAFETY: the caller's promise; a token beyond the last is the last again, and is not stored.
    unsafe { if K::WIDE { rows_by::<K, 8>(panel, columns, call, put) } else { rows_by::<K, 2>(panel, columns, call, put) } }
}

unsafe fn rows_by<K: Product, const T: usize>(
    panel: *const u8,
    columns: usize,
    call: &Call<'_>,
    put: &dyn Fn(usize, [int32x4_t; 2]),
) {
    let a = call.activations;
    for t in (0..call.n).step_by(T) {
        let x: [*const i8; T] = std::array::from_fn(|i| a.codes[(t + i).min(call.n - 1) * a.stride..].as_ptr());
        // SAFETY: the caller's promise. Eight-bit codes need the shortest carry; it costs the others little.
        let sums = unsafe { K::sums::<T, 2>(panel, columns, x) };
        for (i, sums) in sums.into_iter().enumerate().take(call.n - t) {
            put(t + i, sums);
        }
    }
}

/// Stores one token's outputs of both tiles.
type Put<'a> = dyn Fn(usize, [float32x4_t; 2]) + 'a;
/// Outputs of all tokens of a block-scaled format.
pub(super) type BlockFn = unsafe fn(&View, *const u8, [*const u8; 2], usize, &dyn Fn(usize) -> Token, &Put<'_>);

/// Block scales; constants as in [`super::vector::block`].
pub(super) unsafe fn block<K: Product, const MAIN: usize, const EXTRA: usize, const GROUPS: usize, const AFFINE: bool>(
    view: &View,
    panel: *const u8,
    tiles: [*const u8; 2],
    n: usize,
    token: &dyn Fn(usize) -> Token,
    put: &Put<'_>,
) {
    // SAFETY: the caller's promise.
    unsafe {
        if K::WIDE {
            block_by::<K, MAIN, EXTRA, GROUPS, AFFINE, 4>(view, panel, tiles, n, token, put);
        } else {
            block_by::<K, MAIN, EXTRA, GROUPS, AFFINE, 2>(view, panel, tiles, n, token, put);
        }
    }
}

unsafe fn block_by<K: Product, const MAIN: usize, const EXTRA: usize, const GROUPS: usize, const AFFINE: bool, const T: usize>(
    view: &View,
    panel: *const u8,
    tiles: [*const u8; 2],
    n: usize,
    token: &dyn Fn(usize) -> Token,
    put: &Put<'_>,
) {
    // What `panel::planes` could not take off: eight bits with minima.
    let missing = if AFFINE { offset(MAIN) } else { 0 };
    let bytes = (MAIN + EXTRA) * 16;
    let group = 32 / GROUPS;
    for t in (0..n).step_by(T) {
        let tokens: [Token; T] = std::array::from_fn(|i| token((t + i).min(n - 1)));
        // SAFETY: the caller's promise; a token beyond the last is the last again, and is not stored.
        unsafe {
            let mut y = [[vdupq_n_f32(0.0); 2]; T];
            for g in 0..2 * view.chunks * GROUPS {
                let (b, in_chunk) = (g / GROUPS, g % (2 * GROUPS));
                let mut x = [tokens[0].codes; T];
                for (x, token) in x.iter_mut().zip(&tokens) {
                    *x = token.codes.add(g * group);
                }
                let sums = match MAIN + EXTRA {
                    8 => K::sums::<T, 2>(panel.add(8 * g * group), group, x),
                    6 => K::sums::<T, 4>(panel.add(8 * g * group), group, x),
                    _ => K::sums::<T, 8>(panel.add(8 * g * group), group, x),
                };
                let offset = b / 2 * view.chunk + 2 * bytes + in_chunk * 8;
                let at = [tiles[0].add(offset), tiles[1].add(offset)];
                let scale = [half4(at[0]), half4(at[1])];
                let min = if AFFINE { [half4(at[0].add(2 * GROUPS * 8)), half4(at[1].add(2 * GROUPS * 8))] } else { scale };
                for t in 0..T {
                    let minus = tokens[t].sums.add(2 * b);
                    let total = if GROUPS == 1 { -(*minus + *minus.add(1)) } else { -*minus.add(g % 2) };
                    let a = *tokens[t].scales.add(b);
                    for i in 0..2 {
                        let sum = if missing == 0 { sums[t][i] } else { vaddq_s32(sums[t][i], vdupq_n_s32(missing * total)) };
                        let mut part = vmulq_f32(vcvtq_f32_s32(sum), scale[i]);
                        if AFFINE {
                            part = vaddq_f32(part, vmulq_n_f32(min[i], convert(total)));
                        }
                        y[t][i] = vfmaq_n_f32(y[t][i], part, a);
                    }
                }
            }
            for (i, y) in y.into_iter().enumerate().take(n - t) {
                put(t + i, y);
            }
        }
    }
}
