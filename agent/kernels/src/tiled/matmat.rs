//! Several tokens times a few tiles: limited by integer arithmetic.
//!
//! The codes of `M` tiles and a strip of columns are unpacked once to bytes (a *panel* that the
//! first-level cache holds), then every group of tokens runs over it with all integer sums in registers. One
//! loop serves every format. Four tiles by six tokens fill the 32 registers of AVX-512 (a broadcast costs it
//! more than a load: two tiles reach 84 % of its peak, four 96 %); under block scales four by three, with
//! their results.
//!
//! ```text
//! panel:  bytes [quad][M][4 · ROWS], then f32 scales [group][M][ROWS], then f32 minima
//! sums:   32-bit [token][M][ROWS]: floats under block scales, integers under row scales
//! ```

use super::codes::{self, six};
use super::{put, start_factor};
use crate::elementwise::{gelu, silu};
use crate::lanes::Lanes;
use crate::layout::{Coding, Layout, Scaling};
use crate::matmul::{Call, Workspace};
use crate::{Gate, Matrix};
use std::ops::Range;

/// Bytes of a panel's codes: with activations and sums it fits a first-level cache of 48 KiB.
const PANEL_BYTES: usize = 32 << 10;

/// Most tokens that go over a panel before the next: the strip of their activations and their sums stay in the
/// second-level cache. A multiple of every kernel's `TOKENS`.
const TOKENS: usize = 300;
/// Fewest, so that unpacking is shared by many.
const FEW: usize = 60;
/// Activations, all columns, of tokens that go together: every panel reads them again, and beyond the second-level cache a
/// product of 8,192 columns loses a tenth of its speed.
const ACTIVATIONS: usize = 1 << 20;

/// Tokens that go together, of `n` in passes of nearly equal length.
fn together(call: &Call<'_>, group: usize) -> usize {
    let layout = &call.matrix.layout;
    let width = if layout.scaling == Scaling::Half { layout.cols * size_of::<f32>() } else { call.activations.stride };
    let fit = (ACTIVATIONS / width.max(1)).clamp(FEW, TOKENS);
    call.n.div_ceil(call.n.div_ceil(fit)).next_multiple_of(group).min(TOKENS)
}

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
    // SAFETY: the caller's.
    unsafe {
        if const { L::PANEL == 4 } {
            panels::<L, 4>(call, tiles, work);
        } else {
            panels::<L, 2>(call, tiles, work);
        }
    }
}

/// # Safety
///
/// As [`super::tiles`].
#[inline(always)]
unsafe fn panels<L: Lanes, const M: usize>(call: &Call<'_>, tiles: Range<usize>, work: &mut Workspace) {
    let layout = &call.matrix.layout;
    let m = M;
    // Tiles of each matrix.
    let own = if call.up.is_some() { M / 2 } else { M };
    let wide = if layout.scaling == Scaling::Half { 4 } else { 1 };
    let per_strip = (PANEL_BYTES / (m * L::ROWS * wide * layout.span)).max(1);
    let strip = per_strip * layout.span;
    let group = if let Scaling::Block { group, .. } = layout.scaling { group } else { strip };
    let code_bytes = strip * m * L::ROWS * wide;
    let scale_count = strip / group * m * L::ROWS;
    let most = together(call, if matches!(layout.scaling, Scaling::Block { .. }) { L::GROUP } else { L::TOKENS });
    let (base, sums) = work.reserve(code_bytes + 2 * scale_count * 4, most * m * L::ROWS);
    // SAFETY: the workspace has room for all parts; the rest is the caller's.
    unsafe {
        let scales = base.add(code_bytes).cast::<f32>();
        let panel = Panel { codes: base, scales, mins: scales.add(scale_count), sums };
        for first in (0..call.n).step_by(most) {
            let tokens = first..call.n.min(first + most);
            let mut tile = tiles.start;
            while tile < tiles.end {
                let count = own.min(tiles.end - tile);
                std::ptr::write_bytes(sums, 0, tokens.len() * m * L::ROWS);
                let mut chunk = 0;
                while chunk < layout.chunks {
                    let chunks = per_strip.min(layout.chunks - chunk);
                    for i in 0..m {
                        // A short panel repeats its last tile; what that gives is not stored.
                        let tile = tile + (i % own).min(count - 1);
                        let from = matrix_of::<M>(call, i).data.as_ptr().add(tile * layout.tile() + chunk * layout.chunk);
                        unpack::<L, M>(call, &panel, from, chunks, i);
                    }
                    let next = if chunk + chunks < layout.chunks { (tile, chunk + chunks) } else { (tile + count, 0) };
                    let ahead = [0, M - 1].map(|i| {
                        let of = if i == 0 || call.up.is_some() { own } else { 0 };
                        Ahead::new(layout, matrix_of::<M>(call, i).data.as_ptr(), next, per_strip, of)
                    });
                    let at = At { t: tokens.start, slot: 0, col: chunk * layout.span, cols: chunks * layout.span };
                    all_tokens::<L, M>(call, &panel, at, tokens.end, ahead);
                    chunk += chunks;
                }
                match call.up {
                    None => finish::<L, M>(call, &panel, tokens.clone(), tile, count),
                    Some((_, f)) => finish_gated::<L, M>(call, f, &panel, tokens.clone(), tile, count),
                }
                tile += count;
            }
        }
    }
}

/// The matrix whose tile is at place `i` of a panel: a gated product has its gate in the first half.
#[inline(always)]
fn matrix_of<'a, const M: usize>(call: &Call<'a>, i: usize) -> &'a Matrix {
    match call.up {
        Some((up, _)) if i >= M / 2 => up,
        _ => call.matrix,
    }
}

/// The packed codes of the next panel: asked for while the tokens go over this one, so that unpacking never waits
/// for memory.
struct Ahead {
    /// Next line to ask for in its tile, and how far the strip goes.
    tile: *const u8,
    at: usize,
    bytes: usize,
    /// From tile to tile, and how many are left.
    step: usize,
    tiles: usize,
}

impl Ahead {
    /// The strip of `m` tiles from (tile, chunk) on. What follows another thread's share is often this thread's next.
    fn new(layout: &Layout, data: *const u8, (tile, chunk): (usize, usize), per_strip: usize, m: usize) -> Self {
        Self {
            tile: data.wrapping_add(tile * layout.tile() + chunk * layout.chunk),
            at: 0,
            bytes: per_strip.min(layout.chunks - chunk) * layout.chunk,
            step: layout.tile(),
            tiles: layout.tiles().saturating_sub(tile).min(m),
        }
    }

    fn lines(&self) -> usize {
        self.tiles * self.bytes.div_ceil(64)
    }

    #[inline(always)]
    unsafe fn fetch<L: Lanes>(&mut self, lines: usize) {
        for _ in 0..lines {
            if self.tiles == 0 {
                return;
            }
            // SAFETY: a hint never faults.
            unsafe { L::fetch(self.tile.wrapping_add(self.at)) };
            self.at += 64;
            if self.at >= self.bytes {
                (self.tile, self.at, self.tiles) = (self.tile.wrapping_add(self.step), 0, self.tiles - 1);
            }
        }
    }
}

/// Unpacks `chunks` chunks into tile `i` of the panel.
#[inline(always)]
unsafe fn unpack<L: Lanes, const M: usize>(call: &Call<'_>, panel: &Panel, from: *const u8, chunks: usize, i: usize) {
    let layout = &call.matrix.layout;
    let vector = 4 * L::ROWS;
    let step = M * vector;
    // SAFETY: the caller's: whole chunks at `from`, a strip of room in the panel.
    unsafe {
        for c in 0..chunks {
            let p = from.add(c * layout.chunk);
            let to = panel.codes.add(c * layout.span / 4 * step + i * vector);
            match layout.coding {
                Coding::Half => L::store_f32(panel.codes.add(c * step + i * vector).cast(), L::load_f16(p)),
                Coding::Planes { main, extra } => match (main, extra) {
                    (8, _) => planes::<L, M, 8, 0>(p, to),
                    (4, 2) => planes::<L, M, 4, 2>(p, to),
                    (4, 1) => planes::<L, M, 4, 1>(p, to),
                    (4, _) => planes::<L, M, 4, 0>(p, to),
                    (_, 1) => planes::<L, M, 2, 1>(p, to),
                    _ => planes::<L, M, 2, 0>(p, to),
                },
                // Place by place, as the activations are turned.
                Coding::SherryTable => {
                    macro_rules! places {
                        ($($i:literal)*) => {$(
                            let codes = L::sherry_places::<$i>(p);
                            for place in 0..4 {
                                L::store(to.add((4 * $i + place) * step), codes[place]);
                            }
                        )*};
                    }
                    places!(0 1 2 3 4 5 6 7);
                }
                Coding::Base3 => {
                    let digits = codes::base3::<L>(p);
                    for (quad, code) in digits.into_iter().enumerate() {
                        L::store(to.add(quad * step), code);
                    }
                }
                Coding::Sherry => {
                    macro_rules! keep {
                        ($quad:expr, $codes:expr) => {
                            L::store(to.add(($quad) * step), $codes);
                        };
                    }
                    codes::sherry_quads!(L, p, keep);
                }
            }
            let Scaling::Block { group, affine } = layout.scaling else { continue };
            let groups = layout.span / group;
            let scales = p.add(2 * layout.block_bytes());
            for g in 0..groups {
                let at = ((c * groups + g) * M + i) * L::ROWS;
                L::store_f32(panel.scales.add(at), L::load_f16(scales.add(g * 2 * L::ROWS)));
                if affine {
                    L::store_f32(panel.mins.add(at), L::load_f16(scales.add((groups + g) * 2 * L::ROWS)));
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn planes<L: Lanes, const M: usize, const MAIN: usize, const EXTRA: usize>(p: *const u8, to: *mut u8) {
    let vector = 4 * L::ROWS;
    // SAFETY: the caller's.
    unsafe {
        for b in 0..2 {
            let codes = codes::block::<L, MAIN, EXTRA>(p.add(b * (MAIN + EXTRA) * vector));
            for (quad, code) in codes.into_iter().enumerate() {
                L::store(to.add((8 * b + quad) * M * vector), code);
            }
        }
    }
}

/// Adds a strip of columns to the sums of the tokens from `at` to `end`.
#[inline(always)]
unsafe fn all_tokens<L: Lanes, const M: usize>(call: &Call<'_>, panel: &Panel, mut at: At, end: usize, mut ahead: [Ahead; 2]) {
    let most = if matches!(call.matrix.layout.scaling, Scaling::Block { .. }) { L::GROUP } else { L::TOKENS };
    let groups = (end - at.t).div_ceil(most);
    let share = [ahead[0].lines().div_ceil(groups), ahead[1].lines().div_ceil(groups)];
    // SAFETY: the caller's.
    unsafe {
        while at.t < end {
            for i in 0..2 {
                ahead[i].fetch::<L>(share[i]);
            }
            let count = (end - at.t).min(most);
            match count {
                1 => some_tokens::<L, M, 1>(call, panel, at),
                2 => some_tokens::<L, M, 2>(call, panel, at),
                3 => some_tokens::<L, M, 3>(call, panel, at),
                4 => some_tokens::<L, M, 4>(call, panel, at),
                5 => some_tokens::<L, M, 5>(call, panel, at),
                _ => some_tokens::<L, M, 6>(call, panel, at),
            }
            at.t += count;
            at.slot += count;
        }
    }
}

/// A group of tokens and a strip.
#[derive(Clone, Copy)]
struct At {
    /// First token, and where its sums lie.
    t: usize,
    slot: usize,
    /// First column, and how many.
    col: usize,
    cols: usize,
}

#[inline(always)]
unsafe fn some_tokens<L: Lanes, const M: usize, const T: usize>(call: &Call<'_>, panel: &Panel, at: At) {
    let wide = matches!(call.matrix.layout.coding, Coding::Planes { main: 8, .. });
    // SAFETY: the caller's; and `T` tokens are left. What the constants rule out is not compiled.
    unsafe {
        if const { M == L::PANEL && T <= L::TOKENS } {
            if let Scaling::Block { group, affine } = call.matrix.layout.scaling {
                if const { T > L::GROUP } {
                    return;
                }
                match (group, affine, wide) {
                    (16, false, false) => groups::<L, M, T, false, 4, false>(call, panel, at),
                    (16, true, false) => groups::<L, M, T, false, 4, true>(call, panel, at),
                    (_, false, false) => groups::<L, M, T, false, 8, false>(call, panel, at),
                    (_, true, false) => groups::<L, M, T, false, 8, true>(call, panel, at),
                    (16, false, true) => groups::<L, M, T, true, 4, false>(call, panel, at),
                    (16, true, true) => groups::<L, M, T, true, 4, true>(call, panel, at),
                    (_, false, true) => groups::<L, M, T, true, 8, false>(call, panel, at),
                    (_, true, true) => groups::<L, M, T, true, 8, true>(call, panel, at),
                }
                return;
            }
            match (call.matrix.layout.scaling, wide) {
                (Scaling::Row, false) => integers::<L, M, T, false>(call, panel, at),
                (Scaling::Row, true) => integers::<L, M, T, true>(call, panel, at),
                _ => floats::<L, M, T>(call, panel, at),
            }
        }
    }
}

#[inline(always)]
unsafe fn dot<L: Lanes, const WIDE: bool>(acc: L::I, w: L::I, a: L::I) -> L::I {
    // SAFETY: the caller's.
    unsafe { if WIDE { L::dot8(acc, w, a) } else { L::dot(acc, w, a) } }
}

/// Block scales: `QUADS` quads share a scale. An integer sum costs eight dot products (QUADS = 8), a conversion and two
/// multiplications: at most 8/11 of the dot products' peak, 8/12 with minima.
#[inline(always)]
unsafe fn groups<L: Lanes, const M: usize, const T: usize, const WIDE: bool, const QUADS: usize, const AFFINE: bool>(
    call: &Call<'_>,
    panel: &Panel,
    at: At,
) {
    let a = call.activations;
    let vector = 4 * L::ROWS;
    let blocks = a.blocks;
    let factor = start_factor::<L>(&call.matrix.layout, call.matrix.format.zero_log2());
    // SAFETY: the caller's: the strip's codes and scales are in the panel, activations cover it.
    unsafe {
        let sums = panel.sums.add(at.slot * M * L::ROWS).cast::<f32>();
        let first = at.t * blocks + at.col / 32;
        let (scales, totals) = (a.scales.as_ptr().add(first), a.sums.as_ptr().add(2 * first));
        let mut q = [a.codes.as_ptr().add(at.t * a.stride + at.col); T];
        for t in 0..T {
            q[t] = q[t].add(t * a.stride);
        }
        let mut y = [[L::splat_f32(0.0); M]; T];
        if const { L::KEEP } {
            for t in 0..T {
                for m in 0..M {
                    y[t][m] = L::load_f32(sums.add((t * M + m) * L::ROWS));
                }
            }
        }
        let mut w = panel.codes.cast_const();
        // A count that the compiler cannot see: unrolled, this loop spills its sums.
        let quads = std::hint::black_box(QUADS);
        for g in 0..at.cols / (4 * QUADS) {
            // Results that do not fit registers stay in memory: kept from group to group they would be spilled, and stored too.
            let sums = if const { L::KEEP } { sums } else { std::hint::black_box(sums) };
            let mut acc = [[L::splat(0); M]; T];
            for t in 0..T {
                acc[t] = [L::splat(factor * total::<QUADS>(totals.add(2 * t * blocks), g)); M];
            }
            for quad in 0..quads {
                let mut codes = [L::splat(0); M];
                for m in 0..M {
                    codes[m] = L::load(w.add(m * vector));
                }
                w = w.add(M * vector);
                for t in 0..T {
                    let a = L::quad(q[t].add((g * QUADS + quad) * 4));
                    for m in 0..M {
                        acc[t][m] = dot::<L, WIDE>(acc[t][m], codes[m], a);
                    }
                }
            }
            let (row_scales, mins) = (panel.scales.add(g * M * L::ROWS), panel.mins.add(g * M * L::ROWS));
            for t in 0..T {
                let a = *scales.add(t * blocks + g * QUADS / 8);
                let total = if AFFINE { -total::<QUADS>(totals.add(2 * t * blocks), g) as f32 * a } else { 0.0 };
                for m in 0..M {
                    let at = sums.add((t * M + m) * L::ROWS);
                    let before = if const { L::KEEP } { y[t][m] } else { L::load_f32(at) };
                    let scale = L::mul(L::load_f32(row_scales.add(m * L::ROWS)), L::splat_f32(a));
                    let mut sum = L::mul_add(L::to_f32(acc[t][m]), scale, before);
                    if AFFINE {
                        sum = L::mul_add(L::load_f32(mins.add(m * L::ROWS)), L::splat_f32(total), sum);
                    }
                    if const { L::KEEP } {
                        y[t][m] = sum;
                    } else {
                        L::store_f32(at, sum);
                    }
                }
            }
        }
        if const { L::KEEP } {
            for t in 0..T {
                for m in 0..M {
                    L::store_f32(sums.add((t * M + m) * L::ROWS), y[t][m]);
                }
            }
        }
    }
}

/// Minus the sum of the activations of group `g`.
#[inline(always)]
unsafe fn total<const QUADS: usize>(totals: *const i32, g: usize) -> i32 {
    // SAFETY: the caller's.
    unsafe { if QUADS == 8 { *totals.add(2 * g) + *totals.add(2 * g + 1) } else { *totals.add(g) } }
}

/// Row scales: integers only.
#[inline(always)]
unsafe fn integers<L: Lanes, const M: usize, const T: usize, const WIDE: bool>(call: &Call<'_>, panel: &Panel, at: At) {
    let a = call.activations;
    let vector = 4 * L::ROWS;
    // SAFETY: the caller's.
    unsafe {
        let sums = panel.sums.add(at.slot * M * L::ROWS).cast::<u8>();
        let mut q = [a.codes.as_ptr().add(at.t * a.stride + at.col); T];
        let mut acc = [[L::splat(0); M]; T];
        for t in 0..T {
            q[t] = q[t].add(t * a.stride);
            for m in 0..M {
                acc[t][m] = L::load(sums.add((t * M + m) * vector));
            }
        }
        let mut w = panel.codes.cast_const();
        for quad in 0..at.cols / 4 {
            let mut codes = [L::splat(0); M];
            for m in 0..M {
                codes[m] = L::load(w.add(m * vector));
            }
            w = w.add(M * vector);
            for t in 0..T {
                let a = L::quad(q[t].add(quad * 4));
                for m in 0..M {
                    acc[t][m] = dot::<L, WIDE>(acc[t][m], codes[m], a);
                }
            }
        }
        for t in 0..T {
            for m in 0..M {
                L::store(sums.add((t * M + m) * vector), acc[t][m]);
            }
        }
    }
}

/// Half precision, unpacked to f32.
#[inline(always)]
unsafe fn floats<L: Lanes, const M: usize, const T: usize>(call: &Call<'_>, panel: &Panel, at: At) {
    // SAFETY: the caller's.
    unsafe {
        let sums = panel.sums.add(at.slot * M * L::ROWS).cast::<f32>();
        let width = call.matrix.layout.cols;
        let mut x = [call.x.as_ptr().add(at.t * width + at.col); T];
        let mut y = [[L::splat_f32(0.0); M]; T];
        for t in 0..T {
            x[t] = x[t].add(t * width);
            for m in 0..M {
                y[t][m] = L::load_f32(sums.add((t * M + m) * L::ROWS));
            }
        }
        let mut w = panel.codes.cast_const().cast::<f32>();
        for k in 0..at.cols {
            let mut weights = [L::splat_f32(0.0); M];
            for m in 0..M {
                weights[m] = L::load_f32(w.add(m * L::ROWS));
            }
            w = w.add(M * L::ROWS);
            for t in 0..T {
                let x = L::splat_f32(*x[t].add(k));
                for m in 0..M {
                    y[t][m] = L::mul_add(weights[m], x, y[t][m]);
                }
            }
        }
        for t in 0..T {
            for m in 0..M {
                L::store_f32(sums.add((t * M + m) * L::ROWS), y[t][m]);
            }
        }
    }
}

/// From sums to results of `count` tiles.
#[inline(always)]
unsafe fn finish<L: Lanes, const M: usize>(call: &Call<'_>, panel: &Panel, tokens: Range<usize>, tile: usize, count: usize) {
    // SAFETY: the caller's.
    unsafe {
        for (slot, t) in tokens.clone().enumerate() {
            touch_rows::<L>(call, t + 8, tile * L::ROWS, count * L::ROWS);
            for m in 0..count {
                put::<L>(call, t, (tile + m) * L::ROWS, result::<L, M>(call, panel, (slot, t), m, tile + m));
            }
        }
    }
}

/// The same of a gated product: half of the panel's sums are the gate's.
#[inline(always)]
unsafe fn finish_gated<L: Lanes, const M: usize>(
    call: &Call<'_>,
    f: Gate,
    panel: &Panel,
    tokens: Range<usize>,
    tile: usize,
    count: usize,
) {
    let own = M / 2;
    let row = tile * L::ROWS;
    let rows = (count * L::ROWS).min(call.out.rows - row);
    // SAFETY: the caller's; at most four registers of sixteen.
    unsafe {
        for (slot, t) in tokens.clone().enumerate() {
            touch_rows::<L>(call, t + 8, row, rows);
            let (mut gate, mut up) = ([0.0_f32; 32], [0.0_f32; 32]);
            for m in 0..own {
                let tile = tile + m.min(count - 1);
                L::store_f32(gate[m * L::ROWS..].as_mut_ptr(), result::<L, M>(call, panel, (slot, t), m, tile));
                L::store_f32(up[m * L::ROWS..].as_mut_ptr(), result::<L, M>(call, panel, (slot, t), own + m, tile));
            }
            match f {
                Gate::Silu => {
                    for i in 0..own * L::ROWS {
                        gate[i] = silu(gate[i]) * up[i];
                    }
                }
                Gate::Gelu => {
                    for i in 0..own * L::ROWS {
                        gate[i] = gelu(gate[i]) * up[i];
                    }
                }
            }
            std::ptr::copy_nonoverlapping(gate.as_ptr(), call.out.start.add(t * call.out.rows + row), rows);
        }
    }
}

/// Rows of `y` lie far apart: without this, every store waits for memory.
#[inline(always)]
unsafe fn touch_rows<L: Lanes>(call: &Call<'_>, t: usize, row: usize, rows: usize) {
    let y = call.out.start.wrapping_add(t * call.out.rows + row);
    for line in (0..rows).step_by(16) {
        // SAFETY: a hint never faults.
        unsafe { L::touch(y.wrapping_add(line).cast()) };
    }
}

/// Result of token `t`, place `m` of the panel, which is tile `tile` of its matrix.
#[inline(always)]
unsafe fn result<L: Lanes, const M: usize>(
    call: &Call<'_>,
    panel: &Panel,
    (slot, t): (usize, usize),
    m: usize,
    tile: usize,
) -> L::F {
    let matrix = matrix_of::<M>(call, m);
    // SAFETY: the caller's.
    unsafe {
        let at = panel.sums.add((slot * M + m) * L::ROWS);
        if matrix.layout.scaling != Scaling::Row {
            return L::load_f32(at.cast());
        }
        let factor = start_factor::<L>(&matrix.layout, matrix.format.zero_log2());
        let a = call.activations;
        let scales = L::load_f32(matrix.row_scales.as_ptr().add(tile * L::ROWS));
        let sum = L::to_f32(L::add(L::splat(factor * a.sums[t]), L::load(at.cast())));
        L::mul(sum, L::mul(scales, L::splat_f32(a.scales[t])))
    }
}
