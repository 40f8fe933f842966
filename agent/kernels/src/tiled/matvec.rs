//! One token times the rows of some tiles: limited by memory, so the loops read straight lines.

use super::codes::{self, six};
use super::{put, start_factor};
use crate::lanes::Lanes;
use crate::layout::{Coding, Scaling};
use crate::matmul::Call;
use std::ops::Range;

/// # Safety
///
/// As [`super::tiles`].
#[inline(always)]
pub(super) unsafe fn tiles<L: Lanes>(call: &Call<'_>, tiles: Range<usize>) {
    let layout = &call.matrix.layout;
    // SAFETY: the caller's.
    unsafe {
        match (layout.coding, layout.scaling) {
            (Coding::Half, _) => half::<L>(call, tiles),
            (Coding::Planes { main: 8, .. }, Scaling::Row) => row_int8::<L>(call, tiles),
            (Coding::Planes { .. }, Scaling::Row) => row_ternary::<L>(call, tiles),
            (Coding::Base3, _) => row_base3::<L>(call, tiles),
            (Coding::Sherry, _) => row_sherry::<L, false>(call, tiles),
            (Coding::SherryTable, _) => row_sherry::<L, true>(call, tiles),
            (Coding::Planes { main, extra }, Scaling::Block { group, affine }) => match (main, extra) {
                (8, _) => by_scaling::<L, 8, 0>(call, tiles, group, affine),
                (4, 2) => by_scaling::<L, 4, 2>(call, tiles, group, affine),
                (4, 1) => by_scaling::<L, 4, 1>(call, tiles, group, affine),
                (4, _) => by_scaling::<L, 4, 0>(call, tiles, group, affine),
                (_, 1) => by_scaling::<L, 2, 1>(call, tiles, group, affine),
                _ => by_scaling::<L, 2, 0>(call, tiles, group, affine),
            },
            // No such layout.
            (Coding::Planes { .. }, Scaling::Half) => {}
        }
    }
}

#[inline(always)]
unsafe fn by_scaling<L: Lanes, const MAIN: usize, const EXTRA: usize>(
    call: &Call<'_>,
    tiles: Range<usize>,
    group: usize,
    affine: bool,
) {
    // SAFETY: the caller's.
    unsafe {
        match (group, affine) {
            (16, false) => blocks::<L, MAIN, EXTRA, true, false>(call, tiles),
            (16, true) => blocks::<L, MAIN, EXTRA, true, true>(call, tiles),
            (_, false) => blocks::<L, MAIN, EXTRA, false, false>(call, tiles),
            (_, true) => blocks::<L, MAIN, EXTRA, false, true>(call, tiles),
        }
    }
}

/// Asks for the lines of a chunk before its turn.
#[inline(always)]
unsafe fn prefetch<L: Lanes>(p: *const u8, bytes: usize) {
    for line in 0..bytes / 64 {
        // SAFETY: a hint never faults.
        unsafe { L::prefetch(p.wrapping_add(64 * line)) };
    }
}

/// Block scales. `HALVES`: a scale for 16 columns instead of 32.
#[inline(always)]
unsafe fn blocks<L: Lanes, const MAIN: usize, const EXTRA: usize, const HALVES: bool, const AFFINE: bool>(
    call: &Call<'_>,
    tiles: Range<usize>,
) {
    let m = call.matrix;
    let a = call.activations;
    let vector = 4 * L::ROWS;
    let block = (MAIN + EXTRA) * vector;
    let groups = if HALVES { 4 } else { 2 };
    let chunk = 2 * block + groups * L::ROWS * 2 * if AFFINE { 2 } else { 1 };
    let factor = start_factor::<L>(&m.layout, m.format.zero_log2());
    // SAFETY: `chunk` is the layout's; codes, scales and sums cover all chunks.
    unsafe {
        for tile in tiles {
            let mut p = m.data.as_ptr().add(tile * m.layout.tile());
            let mut y = [L::splat_f32(0.0); 2];
            let mut q = a.codes.as_ptr();
            let mut scale = a.scales.as_ptr();
            let mut sum = a.sums.as_ptr();
            for _ in 0..m.layout.chunks {
                prefetch::<L>(p, chunk);
                for b in 0..2 {
                    let s = p.add(2 * block + b * groups / 2 * L::ROWS * 2);
                    let min = s.add(groups * L::ROWS * 2);
                    let a = *scale.add(b);
                    let (one, two) = (*sum.add(2 * b), *sum.add(2 * b + 1));
                    let zero = L::splat(0);
                    let start = L::splat(factor * if HALVES { one } else { one + two });
                    let second = if HALVES { L::splat(factor * two) } else { zero };
                    let (first, second) = codes::sums::<L, MAIN, EXTRA>(p.add(b * block), q.add(32 * b), start, second);
                    let at = L::splat_f32(a);
                    if HALVES {
                        let next = L::ROWS * 2;
                        y[0] = L::mul_add(L::to_f32(first), L::mul(L::load_f16(s), at), y[0]);
                        y[1] = L::mul_add(L::to_f32(second), L::mul(L::load_f16(s.add(next)), at), y[1]);
                        if AFFINE {
                            y[0] = L::mul_add(L::load_f16(min), L::splat_f32(-one as f32 * a), y[0]);
                            y[1] = L::mul_add(L::load_f16(min.add(next)), L::splat_f32(-two as f32 * a), y[1]);
                        }
                    } else {
                        y[b] = L::mul_add(L::to_f32(L::add(first, second)), L::mul(L::load_f16(s), at), y[b]);
                        if AFFINE {
                            y[b] = L::mul_add(L::load_f16(min), L::splat_f32(-(one + two) as f32 * a), y[b]);
                        }
                    }
                }
                p = p.add(chunk);
                q = q.add(64);
                scale = scale.add(2);
                sum = sum.add(4);
            }
            put::<L>(call, 0, tile * L::ROWS, L::add_f32(y[0], y[1]));
        }
    }
}

/// `y = (row scale · token scale) · sum`.
#[inline(always)]
unsafe fn put_row<L: Lanes>(call: &Call<'_>, tile: usize, sum: L::I) {
    // SAFETY: row scales are padded to whole tiles.
    unsafe {
        let scales = L::load_f32(call.matrix.row_scales.as_ptr().add(tile * L::ROWS));
        let scale = L::mul(scales, L::splat_f32(call.activations.scales[0]));
        put::<L>(call, 0, tile * L::ROWS, L::mul(L::to_f32(sum), scale));
    }
}

/// Eight bits, one scale a row.
#[inline(always)]
unsafe fn row_int8<L: Lanes>(call: &Call<'_>, tiles: Range<usize>) {
    let m = call.matrix;
    let a = call.activations;
    let vector = 4 * L::ROWS;
    // SAFETY: chunks are 16 vectors, activations cover all chunks.
    unsafe {
        for tile in tiles {
            let mut p = m.data.as_ptr().add(tile * m.layout.tile());
            let mut q = a.codes.as_ptr();
            let mut acc = [L::splat(0); 4];
            acc[0] = L::splat(start_factor::<L>(&m.layout, m.format.zero_log2()) * a.sums[0]);
            for _ in 0..m.layout.chunks {
                prefetch::<L>(p, 16 * vector);
                for quad in 0..16 {
                    acc[quad % 4] = L::dot8(acc[quad % 4], L::load(p.add(quad * vector)), L::quad(q.add(4 * quad)));
                }
                p = p.add(16 * vector);
                q = q.add(64);
            }
            put_row::<L>(call, tile, L::add(L::add(acc[0], acc[1]), L::add(acc[2], acc[3])));
        }
    }
}

/// Two-bit ternary codes, one scale a row: no float before the end of the row.
#[inline(always)]
unsafe fn row_ternary<L: Lanes>(call: &Call<'_>, tiles: Range<usize>) {
    let m = call.matrix;
    let a = call.activations;
    let block = 2 * 4 * L::ROWS;
    // SAFETY: chunks are two blocks of two vectors, activations cover all chunks.
    unsafe {
        for tile in tiles {
            let mut p = m.data.as_ptr().add(tile * m.layout.tile());
            let mut q = a.codes.as_ptr();
            let zero = L::splat(0);
            let mut sum = L::splat(a.sums[0]);
            if L::FULL_DOT {
                // Eight chains. A field of 2^16 columns sums to at most 64 · 2 · 127 · 2^14 < 2^31, a row to twice that in two chains.
                let mut one = [zero; 4];
                let mut two = [zero; 4];
                for _ in 0..m.layout.chunks {
                    prefetch::<L>(p, 2 * block);
                    codes::fields2::<L>(p, q, &mut one);
                    codes::fields2::<L>(p.add(block), q.add(32), &mut two);
                    p = p.add(2 * block);
                    q = q.add(64);
                }
                for fields in [one, two] {
                    sum = L::add(sum, L::add(fields[0], L::sar::<2>(fields[1])));
                    sum = L::add(sum, L::add(L::sar::<4>(fields[2]), L::sar::<6>(fields[3])));
                }
            } else {
                let mut acc = [zero; 4];
                for _ in 0..m.layout.chunks {
                    prefetch::<L>(p, 2 * block);
                    (acc[0], acc[1]) = codes::sums::<L, 2, 0>(p, q, acc[0], acc[1]);
                    (acc[2], acc[3]) = codes::sums::<L, 2, 0>(p.add(block), q.add(32), acc[2], acc[3]);
                    p = p.add(2 * block);
                    q = q.add(64);
                }
                sum = L::add(sum, L::add(L::add(acc[0], acc[1]), L::add(acc[2], acc[3])));
            }
            put_row::<L>(call, tile, sum);
        }
    }
}

/// Five ternary codes a byte.
#[inline(always)]
unsafe fn row_base3<L: Lanes>(call: &Call<'_>, tiles: Range<usize>) {
    let m = call.matrix;
    let a = call.activations;
    let vector = 4 * L::ROWS;
    // SAFETY: chunks are one vector for 20 columns, activations are padded beyond the last.
    unsafe {
        let (high, low) = (L::splat(0xc0c0_c0c0_u32 as i32), L::splat(0x0303_0303));
        for tile in tiles {
            let mut p = m.data.as_ptr().add(tile * m.layout.tile());
            let mut q = a.codes.as_ptr();
            let mut acc = [L::splat(0); 5];
            for _ in 0..m.layout.chunks {
                L::prefetch(p);
                let digits = codes::base3_high::<L>(p);
                for i in 0..5 {
                    let a = L::quad(q.add(4 * i));
                    acc[i] = if L::FULL_DOT {
                        // Where they stand: 64 times too large. 2^17 columns: 192 · 127 · 4 · 6554 < 2^31.
                        L::dot(acc[i], L::and(digits[i], high), a)
                    } else {
                        L::dot(acc[i], L::and(L::shr::<6>(digits[i]), low), a)
                    };
                }
                p = p.add(vector);
                q = q.add(20);
            }
            // Σ (c − 1) q = 2 Σ q − Σ (3 − c) q.
            let mut sum = L::splat(-2 * a.sums[0]);
            for acc in acc {
                sum = L::sub(sum, if L::FULL_DOT { L::sar::<6>(acc) } else { acc });
            }
            put_row::<L>(call, tile, sum);
        }
    }
}

/// Three of four, five bits a four; from byte tables with `TABLE`.
#[inline(always)]
unsafe fn row_sherry<L: Lanes, const TABLE: bool>(call: &Call<'_>, tiles: Range<usize>) {
    let m = call.matrix;
    let a = call.activations;
    let vector = 4 * L::ROWS;
    // SAFETY: chunks are five vectors for 128 columns, activations are padded beyond the last.
    unsafe {
        for tile in tiles {
            let mut p = m.data.as_ptr().add(tile * m.layout.tile());
            let mut q = a.codes.as_ptr();
            let mut acc = [L::splat(0); 4];
            acc[0] = L::splat(a.sums[0]);
            for _ in 0..m.layout.chunks {
                prefetch::<L>(p, 5 * vector);
                macro_rules! dot {
                    ($quad:expr, $codes:expr) => {
                        acc[$quad % 4] = L::dot(acc[$quad % 4], $codes, L::quad(q.add(4 * ($quad))));
                    };
                }
                if TABLE {
                    acc = L::sherry_chunk(acc, p, q);
                } else {
                    codes::sherry_quads!(L, p, dot);
                }
                p = p.add(5 * vector);
                q = q.add(128);
            }
            put_row::<L>(call, tile, L::add(L::add(acc[0], acc[1]), L::add(acc[2], acc[3])));
        }
    }
}

/// Half precision times f32.
#[inline(always)]
unsafe fn half<L: Lanes>(call: &Call<'_>, tiles: Range<usize>) {
    let m = call.matrix;
    let step = 2 * L::ROWS;
    // SAFETY: a tile is `cols` runs of ROWS halves; x holds `cols` floats.
    unsafe {
        for tile in tiles {
            let p = m.data.as_ptr().add(tile * m.layout.tile());
            let x = call.x.as_ptr();
            let mut acc = [L::splat_f32(0.0); 4];
            let cols = m.layout.cols;
            let mut k = 0;
            while k + 4 <= cols {
                let at = p.add(k * step);
                prefetch::<L>(at, 4 * step);
                for i in 0..4 {
                    acc[i] = L::mul_add(L::load_f16(at.add(i * step)), L::splat_f32(*x.add(k + i)), acc[i]);
                }
                k += 4;
            }
            while k < cols {
                acc[k % 4] = L::mul_add(L::load_f16(p.add(k * step)), L::splat_f32(*x.add(k)), acc[k % 4]);
                k += 1;
            }
            put::<L>(call, 0, tile * L::ROWS, L::add_f32(L::add_f32(acc[0], acc[1]), L::add_f32(acc[2], acc[3])));
        }
    }
}
