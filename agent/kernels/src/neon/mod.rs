//! NEON, with and without `sdot` and `smmla`: the integers of `scalar`, four rows a register.
//!
//! | kernel | one token | several tokens |
//! | --- | --- | --- |
//! | `neon` (Armv8.0, Cortex-A72) | `smlal`: 16-bit sums by byte position, carried into 32 bits in time | the same |
//! | `neon-dotprod` (Cortex-A76, A78AE) | `sdot` by element | `sdot` by element |
//! | `neon-i8mm` | `sdot` by element | `smmla`: two rows by two tokens by eight columns |
//!
//! All three share one packed layout, four rows a tile. The matrix product unpacks two tiles once into
//! a panel of signed bytes in the order that its instruction wants.

mod decode;
mod dot;
mod lanes;
mod matrix;
mod panel;
mod vector;

use crate::Kernel;
use crate::attention::{Buffers, Partial, Piece, piece_with};
use crate::layout::{Coding, Scaling};
use crate::limits::{peak_with, read_with};
use crate::matmul::{Call, Workspace};
use dot::{Sdot, Smlal};
use lanes::Four;
use matrix::{ByElement, Mmla, Product};
use panel::Fill;
use std::arch::aarch64::{
    float32x4_t, uint16x4_t, vaddq_s32, vcvtq_f32_s32, vdupq_n_s32, vld1_u16, vld1q_f32, vmulq_f32, vmulq_n_f32, vst1q_f32,
};
use std::arch::asm;
use std::ops::Range;
use vector::{BlockFn, RowFn, Token};

/// Rows of a tile.
const ROWS: usize = 4;
/// From so many tokens on, unpacking to a panel pays.
const PANEL_TOKENS: usize = 4;

/// What the inner loops need of a layout.
struct View {
    /// Bytes and number of chunks.
    chunk: usize,
    chunks: usize,
    /// Code of weight zero.
    zero: i32,
    /// Columns with padding, a multiple of 16.
    columns: usize,
}

/// All tokens times the rows of some tiles.
///
/// # Safety
///
/// The machine has the instructions of the matrix's kernel.
pub(crate) unsafe fn tiles(call: &Call<'_>, range: Range<usize>, work: &mut Workspace) {
    // SAFETY: the caller's promise.
    unsafe {
        match call.matrix.kernel {
            Kernel::NeonI8mm => tiles_by::<Mmla>(call, range, work),
            Kernel::NeonDotprod => tiles_by::<ByElement<Sdot>>(call, range, work),
            _ => tiles_by::<ByElement<Smlal>>(call, range, work),
        }
    }
}

/// Attention to a piece.
///
/// # Safety
///
/// The machine has the instructions of `kernel`; the rest as for [`piece_with`].
pub(crate) unsafe fn attend(kernel: Kernel, piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial) {
    // SAFETY: the caller's promise.
    unsafe {
        match kernel {
            Kernel::Neon => piece_with::<Four<Smlal>>(piece, buffers, part),
            _ => piece_with::<Four<Sdot>>(piece, buffers, part),
        }
    }
}

/// Reads `len` bytes.
///
/// # Safety
///
/// As for [`read_with`].
pub(crate) unsafe fn read(p: *const u8, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { read_with::<Four<Smlal>>(p, len) }
}

/// Rounds of the kernel's fastest integer instruction.
///
/// # Safety
///
/// The machine has the instructions of `kernel`.
pub(crate) unsafe fn peak(kernel: Kernel, rounds: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        match kernel {
            Kernel::NeonI8mm => matrix::peak(rounds),
            Kernel::NeonDotprod => peak_with::<Four<Sdot>>(rounds),
            _ => peak_with::<Four<Smlal>>(rounds),
        }
    }
}

unsafe fn tiles_by<K: Product>(call: &Call<'_>, range: Range<usize>, work: &mut Workspace) {
    let m = call.matrix;
    let layout = &m.layout;
    assert_eq!(layout.lanes, ROWS, "a matrix packed for NEON");
    let view = View {
        chunk: layout.chunk,
        chunks: layout.chunks,
        zero: 1 << m.format.zero_log2(),
        columns: layout.padded().next_multiple_of(16),
    };
    let kernel = kernel::<K>(layout.coding, layout.scaling);
    let start = m.data.as_ptr();
    for first in range.clone().step_by(2) {
        let second = (first + 1).min(range.end - 1);
        let pair = Pair { first, second };
        // SAFETY: both tiles lie in the matrix; the rest is the caller's promise.
        unsafe {
            let tiles = [start.add(first * layout.tile()), start.add(second * layout.tile())];
            match kernel {
                Chosen::Half => half::<K>(call, tiles, pair),
                Chosen::Row(multiply, fill) => rows::<K>(call, &view, tiles, pair, (multiply, fill), work),
                Chosen::Block(multiply, fill, product) => {
                    blocks::<K>(call, &view, tiles, pair, (multiply, fill, product), work);
                }
            }
        }
    }
}

/// Two tiles, or one twice.
#[derive(Clone, Copy)]
struct Pair {
    first: usize,
    second: usize,
}

impl Pair {
    /// Stores one token's outputs.
    ///
    /// # Safety
    ///
    /// This thread alone has the rows of both tiles; `t` is a token of the call.
    unsafe fn put(self, call: &Call<'_>, t: usize, y: [float32x4_t; 2]) {
        for (tile, y) in [self.first, self.second].into_iter().zip(y) {
            let row = tile * ROWS;
            let mut lanes = [0.0; ROWS];
            // SAFETY: four floats fit; rows are below the matrix's.
            unsafe {
                vst1q_f32(lanes.as_mut_ptr(), y);
                for (r, y) in lanes.into_iter().enumerate().take(call.matrix.rows() - row) {
                    call.out.put(t, row + r, y);
                }
            }
        }
    }
}

/// Functions for one coding and scaling.
#[derive(Clone, Copy)]
enum Chosen {
    Half,
    /// One token with the code of zero that it leaves in, and the panel.
    Row((RowFn, i32), Fill),
    Block(BlockFn, Fill, matrix::BlockFn),
}

fn kernel<K: Product>(coding: Coding, scaling: Scaling) -> Chosen {
    match (coding, scaling) {
        (Coding::Half, _) | (_, Scaling::Half) => Chosen::Half,
        (Coding::Base3, _) => Chosen::Row((vector::row3::<K::D>, 1), panel::base3::<K>),
        (Coding::SherryTable | Coding::Sherry, _) => Chosen::Row((vector::sherry::<K::D>, 0), panel::sherry::<K>),
        (Coding::Planes { main: 2, .. }, Scaling::Row) => Chosen::Row((vector::row2::<K::D>, 1), panel::planes::<K, 2, 0>),
        (Coding::Planes { .. }, Scaling::Row) => Chosen::Row((vector::row8::<K::D>, 0), panel::planes::<K, 8, 0>),
        (Coding::Planes { main, extra }, Scaling::Block { group, affine }) => match (main, extra) {
            (8, _) => block::<K, 8, 0>(group, affine),
            (4, 2) => block::<K, 4, 2>(group, affine),
            (4, 1) => block::<K, 4, 1>(group, affine),
            (4, _) => block::<K, 4, 0>(group, affine),
            (_, 1) => block::<K, 2, 1>(group, affine),
            _ => block::<K, 2, 0>(group, affine),
        },
    }
}

fn block<K: Product, const MAIN: usize, const EXTRA: usize>(group: usize, affine: bool) -> Chosen {
    let fill = panel::planes::<K, MAIN, EXTRA>;
    match (group, affine) {
        (16, false) => {
            Chosen::Block(vector::block::<K::D, MAIN, EXTRA, 2, false>, fill, matrix::block::<K, MAIN, EXTRA, 2, false>)
        }
        (16, true) => Chosen::Block(vector::block::<K::D, MAIN, EXTRA, 2, true>, fill, matrix::block::<K, MAIN, EXTRA, 2, true>),
        (_, false) => {
            Chosen::Block(vector::block::<K::D, MAIN, EXTRA, 1, false>, fill, matrix::block::<K, MAIN, EXTRA, 1, false>)
        }
        (_, true) => Chosen::Block(vector::block::<K::D, MAIN, EXTRA, 1, true>, fill, matrix::block::<K, MAIN, EXTRA, 1, true>),
    }
}

/// Half precision.
unsafe fn half<K: Product>(call: &Call<'_>, tiles: [*const u8; 2], pair: Pair) {
    let cols = call.matrix.cols();
    let x = |t: usize| call.x[t.min(call.n - 1) * cols..].as_ptr();
    let width = if call.n == 1 { 1 } else { 4 };
    for t in (0..call.n).step_by(width) {
        // SAFETY: `cols` floats at each `x`, eight bytes for each in a tile.
        unsafe {
            if width == 1 {
                pair.put(call, t, vector::half([x(t)], cols, tiles)[0]);
                continue;
            }
            let y = vector::half([x(t), x(t + 1), x(t + 2), x(t + 3)], cols, tiles);
            for (i, y) in y.into_iter().enumerate().take(call.n - t) {
                pair.put(call, t + i, y);
            }
        }
    }
}

/// One scale a row.
unsafe fn rows<K: Product>(
    call: &Call<'_>,
    view: &View,
    tiles: [*const u8; 2],
    pair: Pair,
    ((multiply, zero), fill): ((RowFn, i32), Fill),
    work: &mut Workspace,
) {
    let a = call.activations;
    let scales = &call.matrix.row_scales;
    // SAFETY: activations are padded beyond the last chunk; scales to whole tiles.
    unsafe {
        let weight = [pair.first, pair.second].map(|tile| vld1q_f32(scales[tile * ROWS..][..ROWS].as_ptr()));
        let put = |t: usize, sums: [_; 2]| {
            let scale = weight.map(|w| vmulq_n_f32(w, a.scales[t]));
            pair.put(call, t, [vmulq_f32(vcvtq_f32_s32(sums[0]), scale[0]), vmulq_f32(vcvtq_f32_s32(sums[1]), scale[1])]);
        };
        if call.n < PANEL_TOKENS {
            for t in 0..call.n {
                let sums = multiply(view, tiles, a.codes[t * a.stride..].as_ptr());
                let missing = vdupq_n_s32(zero * a.sums[t]);
                put(t, sums.map(|s| vaddq_s32(s, missing)));
            }
            return;
        }
        let (panel, _) = work.reserve(view.columns * 2 * ROWS, 0);
        fill(view, tiles, view.zero, panel);
        matrix::rows::<K>(panel, view.columns, call, &put);
    }
}

/// Block scales.
unsafe fn blocks<K: Product>(
    call: &Call<'_>,
    view: &View,
    tiles: [*const u8; 2],
    pair: Pair,
    (multiply, fill, product): (BlockFn, Fill, matrix::BlockFn),
    work: &mut Workspace,
) {
    let a = call.activations;
    let token = |t: usize| Token {
        codes: a.codes[t * a.stride..].as_ptr(),
        scales: a.scales[t * a.blocks..].as_ptr(),
        sums: a.sums[2 * t * a.blocks..].as_ptr(),
    };
    // SAFETY: activations, scales and sums are padded to whole chunks.
    unsafe {
        if call.n < PANEL_TOKENS {
            for t in 0..call.n {
                pair.put(call, t, multiply(view, tiles, token(t)));
            }
            return;
        }
        let affine = matches!(call.matrix.layout.scaling, Scaling::Block { affine: true, .. });
        let (panel, _) = work.reserve(view.columns * 2 * ROWS, 0);
        fill(view, tiles, if affine { 0 } else { view.zero }, panel);
        product(view, panel, tiles, call.n, &token, &|t, y| pair.put(call, t, y));
    }
}

/// A sum of activation codes as a float; exact, at most 32 · 127.
#[inline(always)]
const fn convert(sum: i32) -> f32 {
    sum as f32
}

/// Four half-precision numbers.
///
/// # Safety
///
/// Eight readable bytes.
#[inline(always)]
unsafe fn half4(p: *const u8) -> float32x4_t {
    // SAFETY: eight bytes by the caller's promise. The conversion is part of NEON; its intrinsic is unstable.
    unsafe {
        let v: uint16x4_t = vld1_u16(p.cast());
        let out: float32x4_t;
        asm!("fcvtl {out:v}.4s, {v:v}.4h", out = lateout(vreg) out, v = in(vreg) v, options(pure, nomem, nostack, preserves_flags));
        out
    }
}
