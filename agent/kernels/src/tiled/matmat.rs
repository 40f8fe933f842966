//! Several tokens times pairs of tiles: limited by integer arithmetic.
//!
//! The codes of two tiles and a strip of columns are unpacked once to bytes (a *panel* that the
//! first-level cache holds), then every group of tokens runs over it with all sums in registers. One
//! loop serves every format.
//!
//! ```text
//! panel:  bytes [quad][2 tiles][4 · ROWS], then f32 scales [group][2][ROWS], then f32 minima
//! sums:   32-bit [token][2][ROWS]: floats under block scales, integers under row scales
//! ```

use super::codes;
use super::{put, start_factor};
use crate::lanes::Lanes;
use crate::layout::{Coding, Scaling};
use crate::matmul::{Call, Workspace};
use std::ops::Range;

/// Columns of a strip, about: two tiles of it are 32 KiB with 16 lanes.
const STRIP: usize = 1024;

/// Where the parts of a workspace lie.
struct Panel {
    codes: *mut u8,
    scales: *mut f32,
    mins: *mut f32,
    sums: *mut u32,
}

/// # Safety
///
/// As [`super::tiles`].
#[inline(always)]
pub(super) unsafe fn tiles<L: Lanes>(call: &Call<'_>, tiles: Range<usize>, work: &mut Workspace) {
    let layout = &call.matrix.layout;
    let per_strip = (STRIP / layout.span).max(1);
    let strip = per_strip * layout.span;
    let group = if let Scaling::Block { group, .. } = layout.scaling { group } else { strip };
    let wide = if layout.scaling == Scaling::Half { 4 } else { 1 };
    let code_bytes = strip * 2 * L::ROWS * wide;
    let scale_count = strip / group * 2 * L::ROWS;
    let (base, sums) = work.reserve(code_bytes + 2 * scale_count * 4, call.n * 2 * L::ROWS);
    // SAFETY: the workspace has room for all parts; the rest is the caller's.
    unsafe {
        let scales = base.add(code_bytes).cast::<f32>();
        let panel = Panel { codes: base, scales, mins: scales.add(scale_count), sums };
        let mut tile = tiles.start;
        while tile < tiles.end {
            let pair = [tile, (tile + 1).min(tiles.end - 1)];
            std::ptr::write_bytes(sums, 0, call.n * 2 * L::ROWS);
            let mut chunk = 0;
            while chunk < layout.chunks {
                let chunks = per_strip.min(layout.chunks - chunk);
                for (i, tile) in pair.into_iter().enumerate() {
                    let from = call.matrix.data.as_ptr().add(tile * layout.tile() + chunk * layout.chunk);
                    unpack::<L>(call, &panel, from, chunks, i);
                }
                all_tokens::<L>(call, &panel, chunk * layout.span, chunks * layout.span);
                chunk += chunks;
            }
            finish::<L>(call, &panel, tile, tiles.end - tile > 1);
            tile += 2;
        }
    }
}

/// Unpacks `chunks` chunks of tile `i` of the pair.
#[inline(always)]
unsafe fn unpack<L: Lanes>(call: &Call<'_>, panel: &Panel, from: *const u8, chunks: usize, i: usize) {
    let layout = &call.matrix.layout;
    let vector = 4 * L::ROWS;
    // SAFETY: the caller's: whole chunks at `from`, a strip of room in the panel.
    unsafe {
        for c in 0..chunks {
            let p = from.add(c * layout.chunk);
            let to = panel.codes.add((c * layout.span / 4 * 2 + i) * vector);
            match layout.coding {
                Coding::Half => {
                    let to = panel.codes.add((c * 2 + i) * vector);
                    L::store_f32(to.cast(), L::load_f16(p));
                }
                Coding::Planes { main, extra } => match (main, extra) {
                    (8, _) => planes::<L, 8, 0>(p, to),
                    (4, 2) => planes::<L, 4, 2>(p, to),
                    (4, 1) => planes::<L, 4, 1>(p, to),
                    (4, _) => planes::<L, 4, 0>(p, to),
                    (_, 1) => planes::<L, 2, 1>(p, to),
                    _ => planes::<L, 2, 0>(p, to),
                },
                Coding::Base3 => {
                    let digits = codes::base3::<L>(p);
                    for (quad, code) in digits.into_iter().enumerate() {
                        L::store(to.add(quad * 2 * vector), code);
                    }
                }
                Coding::Sherry => {
                    let codes = codes::sherry::<L>(p);
                    for (quad, code) in codes.into_iter().enumerate() {
                        L::store(to.add(quad * 2 * vector), code);
                    }
                }
            }
            let Scaling::Block { group, affine } = layout.scaling else { continue };
            let groups = layout.span / group;
            let scales = p.add(2 * layout.block_bytes());
            for g in 0..groups {
                let at = ((c * groups + g) * 2 + i) * L::ROWS;
                L::store_f32(panel.scales.add(at), L::load_f16(scales.add(g * 2 * L::ROWS)));
                if affine {
                    L::store_f32(panel.mins.add(at), L::load_f16(scales.add((groups + g) * 2 * L::ROWS)));
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn planes<L: Lanes, const MAIN: usize, const EXTRA: usize>(p: *const u8, to: *mut u8) {
    let vector = 4 * L::ROWS;
    // SAFETY: the caller's.
    unsafe {
        for b in 0..2 {
            let codes = codes::block::<L, MAIN, EXTRA>(p.add(b * (MAIN + EXTRA) * vector));
            for (quad, code) in codes.into_iter().enumerate() {
                L::store(to.add((8 * b + quad) * 2 * vector), code);
            }
        }
    }
}

/// Adds the strip of `cols` columns from `col` on to the sums of all tokens.
#[inline(always)]
unsafe fn all_tokens<L: Lanes>(call: &Call<'_>, panel: &Panel, col: usize, cols: usize) {
    let mut t = 0;
    // SAFETY: the caller's.
    unsafe {
        while t < call.n {
            let count = (call.n - t).min(L::TOKENS);
            match count {
                1 => some_tokens::<L, 1>(call, panel, t, col, cols),
                2 => some_tokens::<L, 2>(call, panel, t, col, cols),
                3 => some_tokens::<L, 3>(call, panel, t, col, cols),
                4 => some_tokens::<L, 4>(call, panel, t, col, cols),
                5 => some_tokens::<L, 5>(call, panel, t, col, cols),
                _ => some_tokens::<L, 6>(call, panel, t, col, cols),
            }
            t += count;
        }
    }
}

#[inline(always)]
unsafe fn some_tokens<L: Lanes, const T: usize>(call: &Call<'_>, panel: &Panel, t: usize, col: usize, cols: usize) {
    let wide = matches!(call.matrix.layout.coding, Coding::Planes { main: 8, .. });
    // SAFETY: the caller's; T <= TOKENS and t + T <= n.
    unsafe {
        match (call.matrix.layout.scaling, wide) {
            (Scaling::Half, _) => floats::<L, T>(call, panel, t, col, cols),
            (Scaling::Row, false) => integers::<L, T, false>(call, panel, t, col, cols),
            (Scaling::Row, true) => integers::<L, T, true>(call, panel, t, col, cols),
            (Scaling::Block { group: 16, affine: false }, false) => groups::<L, T, false, 4, false>(call, panel, t, col, cols),
            (Scaling::Block { group: 16, affine: true }, false) => groups::<L, T, false, 4, true>(call, panel, t, col, cols),
            (Scaling::Block { affine: false, .. }, false) => groups::<L, T, false, 8, false>(call, panel, t, col, cols),
            (Scaling::Block { affine: true, .. }, false) => groups::<L, T, false, 8, true>(call, panel, t, col, cols),
            (Scaling::Block { group: 16, affine: false }, true) => groups::<L, T, true, 4, false>(call, panel, t, col, cols),
            (Scaling::Block { group: 16, affine: true }, true) => groups::<L, T, true, 4, true>(call, panel, t, col, cols),
            (Scaling::Block { affine: false, .. }, true) => groups::<L, T, true, 8, false>(call, panel, t, col, cols),
            (Scaling::Block { affine: true, .. }, true) => groups::<L, T, true, 8, true>(call, panel, t, col, cols),
        }
    }
}

#[inline(always)]
unsafe fn dot<L: Lanes, const WIDE: bool>(acc: L::I, w: L::I, a: L::I) -> L::I {
    // SAFETY: the caller's.
    unsafe { if WIDE { L::dot8(acc, w, a) } else { L::dot(acc, w, a) } }
}

/// Block scales: `QUADS` quads share a scale.
#[inline(always)]
unsafe fn groups<L: Lanes, const T: usize, const WIDE: bool, const QUADS: usize, const AFFINE: bool>(
    call: &Call<'_>,
    panel: &Panel,
    t: usize,
    col: usize,
    cols: usize,
) {
    let a = call.activations;
    let m = call.matrix;
    let vector = 4 * L::ROWS;
    let factor = start_factor::<L>(&m.layout, m.format.zero_log2());
    // SAFETY: the caller's: `cols` columns of codes and scales in the panel, activations for all of them.
    unsafe {
        let sums = panel.sums.add(t * 2 * L::ROWS).cast::<f32>();
        let mut y = [[L::splat_f32(0.0); 2]; T];
        for i in 0..T {
            for j in 0..2 {
                y[i][j] = L::load_f32(sums.add((2 * i + j) * L::ROWS));
            }
        }
        let q = a.codes.as_ptr().add(t * a.stride + col);
        let scales = a.scales.as_ptr().add(t * a.blocks + col / 32);
        let totals = a.sums.as_ptr().add(2 * (t * a.blocks + col / 32));
        let mut w = panel.codes.cast_const();
        for g in 0..cols / (4 * QUADS) {
            let block = g * QUADS / 8;
            let mut acc = [[L::splat(0); 2]; T];
            let mut total = [0; T];
            for i in 0..T {
                let at = totals.add(2 * i * a.blocks);
                total[i] = if QUADS == 8 { *at.add(2 * g) + *at.add(2 * g + 1) } else { *at.add(g) };
                acc[i] = [L::splat(factor * total[i]); 2];
            }
            for quad in 0..QUADS {
                let (one, two) = (L::load(w), L::load(w.add(vector)));
                w = w.add(2 * vector);
                for i in 0..T {
                    let a = L::quad(q.add(i * a.stride + (g * QUADS + quad) * 4));
                    acc[i][0] = dot::<L, WIDE>(acc[i][0], one, a);
                    acc[i][1] = dot::<L, WIDE>(acc[i][1], two, a);
                }
            }
            let scale = panel.scales.add(g * 2 * L::ROWS);
            let (one, two) = (L::load_f32(scale), L::load_f32(scale.add(L::ROWS)));
            for i in 0..T {
                let a = *scales.add(i * a.blocks + block);
                let at = L::splat_f32(a);
                y[i][0] = L::mul_add(L::to_f32(acc[i][0]), L::mul(one, at), y[i][0]);
                y[i][1] = L::mul_add(L::to_f32(acc[i][1]), L::mul(two, at), y[i][1]);
                if AFFINE {
                    let min = panel.mins.add(g * 2 * L::ROWS);
                    let total = L::splat_f32(-total[i] as f32 * a);
                    y[i][0] = L::mul_add(L::load_f32(min), total, y[i][0]);
                    y[i][1] = L::mul_add(L::load_f32(min.add(L::ROWS)), total, y[i][1]);
                }
            }
        }
        for i in 0..T {
            for j in 0..2 {
                L::store_f32(sums.add((2 * i + j) * L::ROWS), y[i][j]);
            }
        }
    }
}

/// Row scales: integers only.
#[inline(always)]
unsafe fn integers<L: Lanes, const T: usize, const WIDE: bool>(
    call: &Call<'_>,
    panel: &Panel,
    t: usize,
    col: usize,
    cols: usize,
) {
    let a = call.activations;
    let vector = 4 * L::ROWS;
    // SAFETY: the caller's.
    unsafe {
        let sums = panel.sums.add(t * 2 * L::ROWS).cast::<u8>();
        let mut acc = [[L::splat(0); 2]; T];
        for i in 0..T {
            for j in 0..2 {
                acc[i][j] = L::load(sums.add((2 * i + j) * vector));
            }
        }
        let q = a.codes.as_ptr().add(t * a.stride + col);
        let mut w = panel.codes.cast_const();
        for quad in 0..cols / 4 {
            let (one, two) = (L::load(w), L::load(w.add(vector)));
            w = w.add(2 * vector);
            for i in 0..T {
                let a = L::quad(q.add(i * a.stride + quad * 4));
                acc[i][0] = dot::<L, WIDE>(acc[i][0], one, a);
                acc[i][1] = dot::<L, WIDE>(acc[i][1], two, a);
            }
        }
        for i in 0..T {
            for j in 0..2 {
                L::store(sums.add((2 * i + j) * vector), acc[i][j]);
            }
        }
    }
}

/// Half precision, unpacked to f32.
#[inline(always)]
unsafe fn floats<L: Lanes, const T: usize>(call: &Call<'_>, panel: &Panel, t: usize, col: usize, cols: usize) {
    // SAFETY: the caller's.
    unsafe {
        let sums = panel.sums.add(t * 2 * L::ROWS).cast::<f32>();
        let mut y = [[L::splat_f32(0.0); 2]; T];
        for i in 0..T {
            for j in 0..2 {
                y[i][j] = L::load_f32(sums.add((2 * i + j) * L::ROWS));
            }
        }
        let width = call.matrix.layout.cols;
        let x = call.x.as_ptr().add(t * width + col);
        let mut w = panel.codes.cast_const().cast::<f32>();
        for k in 0..cols {
            let (one, two) = (L::load_f32(w), L::load_f32(w.add(L::ROWS)));
            w = w.add(2 * L::ROWS);
            for i in 0..T {
                let x = L::splat_f32(*x.add(i * width + k));
                y[i][0] = L::mul_add(one, x, y[i][0]);
                y[i][1] = L::mul_add(two, x, y[i][1]);
            }
        }
        for i in 0..T {
            for j in 0..2 {
                L::store_f32(sums.add((2 * i + j) * L::ROWS), y[i][j]);
            }
        }
    }
}

/// From sums to results.
#[inline(always)]
unsafe fn finish<L: Lanes>(call: &Call<'_>, panel: &Panel, tile: usize, both: bool) {
    let m = call.matrix;
    // SAFETY: the caller's; the second tile is stored only where there is one.
    unsafe {
        for t in 0..call.n {
            for j in 0..1 + usize::from(both) {
                let at = panel.sums.add((2 * t + j) * L::ROWS);
                let y = if m.layout.scaling == Scaling::Row {
                    let a = call.activations;
                    let start = L::splat(start_factor::<L>(&m.layout, m.format.zero_log2()) * a.sums[t]);
                    let scales = L::load_f32(m.row_scales.as_ptr().add((tile + j) * L::ROWS));
                    let sum = L::to_f32(L::add(start, L::load(at.cast())));
                    L::mul(sum, L::mul(scales, L::splat_f32(a.scales[t])))
                } else {
                    L::load_f32(at.cast())
                };
                put::<L>(call, t, (tile + j) * L::ROWS, y);
            }
        }
    }
}
