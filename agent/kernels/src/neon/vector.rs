//! One token times two tiles: eight rows share each load of activations.

use super::decode::{self, Tables, offset};
use super::dot::Dot;
use super::{View, convert, half4};
use std::arch::aarch64::{
    float32x4_t, int8x16_t, int8x16x4_t, int32x4_t, uint8x16_t, vaddq_f32, vaddq_s32, vandq_u8, vcvtq_f32_s32, vdupq_n_f32,
    vdupq_n_s32, vdupq_n_u8, vfmaq_laneq_f32, vfmaq_n_f32, vld1q_f32, vld1q_s8, vld1q_u8, vld4q_s8, vmulq_f32, vmulq_n_f32,
    vreinterpretq_s8_u8, vshrq_n_u8, vsraq_n_s32,
};

/// One token's activations: pointers to its codes, scales, and negative sums over 16 columns.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub(super) codes: *const i8,
    pub(super) scales: *const f32,
    pub(super) sums: *const i32,
}

/// Integer sums of two tiles of a row-scaled format.
pub(super) type RowFn = unsafe fn(&View, [*const u8; 2], *const i8) -> [int32x4_t; 2];
/// Outputs of two tiles of a block-scaled format.
pub(super) type BlockFn = unsafe fn(&View, [*const u8; 2], Token) -> [float32x4_t; 2];

/// Adds four consecutive quads times 16 activations.
#[inline(always)]
unsafe fn quads<D: Dot, const CARRY: usize>(acc: D::Acc, w: [int8x16_t; 4], x: int8x16_t) -> D::Acc {
    // SAFETY: the caller's promise.
    unsafe {
        let acc = D::add::<0>(acc, w[0], x);
        let acc = D::add::<1>(acc, w[1], x);
        let acc = if CARRY == 2 { D::carry(acc) } else { acc };
        let acc = D::add::<2>(acc, w[2], x);
        let acc = D::add::<3>(acc, w[3], x);
        if CARRY <= 4 { D::carry(acc) } else { acc }
    }
}

/// Two-bit fields of a block of 32 columns. Where an accumulator is one register, the middle fields
/// stay where they are in the byte: `acc[0]` holds fields 0 and 3, `acc[1]` four times field 1, `acc[2]`
/// sixteen times field 2. Otherwise all is in `acc[0]`.
#[inline(always)]
unsafe fn fields<D: Dot>(acc: [D::Acc; 3], p: *const u8, x: [int8x16_t; 2]) -> [D::Acc; 3] {
    // SAFETY: two vectors at `p` by the callers' promise.
    unsafe {
        if !D::NARROW {
            let w = decode::block::<2, 0>(p);
            let low = quads::<D, 8>(acc[0], [w[0], w[1], w[2], w[3]], x[0]);
            return [quads::<D, 8>(low, [w[4], w[5], w[6], w[7]], x[1]), acc[1], acc[2]];
        }
        let v = [vld1q_u8(p), vld1q_u8(p.add(16))];
        let at = |v: uint8x16_t, mask: u8| vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(mask)));
        let high = |v: uint8x16_t| vreinterpretq_s8_u8(vshrq_n_u8::<6>(v));
        let ones = D::add::<1>(D::add::<0>(acc[0], at(v[0], 0x03), x[0]), at(v[1], 0x03), x[0]);
        let fours = D::add::<3>(D::add::<2>(acc[1], at(v[0], 0x0c), x[0]), at(v[1], 0x0c), x[0]);
        let sixteens = D::add::<1>(D::add::<0>(acc[2], at(v[0], 0x30), x[1]), at(v[1], 0x30), x[1]);
        [D::add::<3>(D::add::<2>(ones, high(v[0]), x[1]), high(v[1]), x[1]), fours, sixteens]
    }
}

/// Sum of the fields' accumulators; exact, every term is a multiple of its power of two.
#[inline(always)]
unsafe fn fold<D: Dot>(acc: [D::Acc; 3]) -> int32x4_t {
    // SAFETY: the caller's promise.
    unsafe { vsraq_n_s32::<4>(vsraq_n_s32::<2>(D::sum(acc[0]), D::sum(acc[1])), D::sum(acc[2])) }
}

/// Eight-bit rows.
///
/// # Safety
///
/// As for [`super::tiles`]; so for every function here.
pub(super) unsafe fn row8<D: Dot>(view: &View, tiles: [*const u8; 2], x: *const i8) -> [int32x4_t; 2] {
    /// 32 columns of one tile.
    #[inline(always)]
    unsafe fn step<D: Dot>(acc: D::Acc, tile: *const u8, x: [int8x16_t; 2]) -> D::Acc {
        // SAFETY: the caller's promise.
        unsafe {
            let w = decode::block::<8, 0>(tile);
            let acc = quads::<D, 2>(acc, [w[0], w[1], w[2], w[3]], x[0]);
            quads::<D, 2>(acc, [w[4], w[5], w[6], w[7]], x[1])
        }
    }
    // SAFETY: chunks of 64 columns lie in the tiles and in the padded activations.
    unsafe {
        let mut acc = [D::zero(); 2];
        for c in 0..2 * view.chunks {
            let x = [vld1q_s8(x.add(32 * c)), vld1q_s8(x.add(32 * c + 16))];
            acc = [step::<D>(acc[0], tiles[0].add(128 * c), x), step::<D>(acc[1], tiles[1].add(128 * c), x)];
        }
        [D::sum(acc[0]), D::sum(acc[1])]
    }
}

/// Ternary rows in two bits.
pub(super) unsafe fn row2<D: Dot>(view: &View, tiles: [*const u8; 2], x: *const i8) -> [int32x4_t; 2] {
    /// 64 columns of one tile.
    #[inline(always)]
    unsafe fn step<D: Dot>(acc: [D::Acc; 3], tile: *const u8, x: [int8x16_t; 4]) -> [D::Acc; 3] {
        // SAFETY: the caller's promise.
        unsafe {
            let acc = fields::<D>(acc, tile, [x[0], x[1]]);
            let acc = fields::<D>(acc, tile.add(32), [x[2], x[3]]);
            [D::carry(acc[0]), acc[1], acc[2]]
        }
    }
    // SAFETY: chunks of 64 columns lie in the tiles and in the padded activations.
    unsafe {
        let mut acc = [[D::zero(); 3]; 2];
        for c in 0..view.chunks {
            let at = x.add(64 * c);
            let x = [vld1q_s8(at), vld1q_s8(at.add(16)), vld1q_s8(at.add(32)), vld1q_s8(at.add(48))];
            acc = [step::<D>(acc[0], tiles[0].add(64 * c), x), step::<D>(acc[1], tiles[1].add(64 * c), x)];
        }
        [fold::<D>(acc[0]), fold::<D>(acc[1])]
    }
}

/// Ternary rows, five to a byte.
pub(super) unsafe fn row3<D: Dot>(view: &View, tiles: [*const u8; 2], x: *const i8) -> [int32x4_t; 2] {
    /// 20 columns of one tile.
    #[inline(always)]
    unsafe fn step<D: Dot>(acc: D::Acc, tile: *const u8, x: [int8x16_t; 2]) -> D::Acc {
        // SAFETY: the caller's promise.
        unsafe {
            let w = decode::base3(tile);
            let acc = quads::<D, 8>(acc, [w[0], w[1], w[2], w[3]], x[0]);
            D::carry(D::add::<0>(acc, w[4], x[1]))
        }
    }
    // SAFETY: chunks of 20 columns lie in the tiles; activations are padded by more than 12 beyond them.
    unsafe {
        let mut acc = [D::zero(); 2];
        for c in 0..view.chunks {
            let x = [vld1q_s8(x.add(20 * c)), vld1q_s8(x.add(20 * c + 16))];
            acc = [step::<D>(acc[0], tiles[0].add(16 * c), x), step::<D>(acc[1], tiles[1].add(16 * c), x)];
        }
        [D::sum(acc[0]), D::sum(acc[1])]
    }
}

/// Sherry rows. A table look-up yields one place of sixteen patterns, so activations are loaded by
/// place too: lane `i` of vector `p` has the activations at place `p` of quads `4i … 4i + 3`.
pub(super) unsafe fn sherry<D: Dot>(view: &View, tiles: [*const u8; 2], x: *const i8) -> [int32x4_t; 2] {
    // SAFETY: chunks of 128 columns lie in the tiles and in the padded activations.
    unsafe {
        let tables = Tables::load();
        let mut acc = [[D::zero(); 2]; 2];
        for c in 0..view.chunks {
            let at = tiles.map(|tile| tile.add(80 * c));
            let place = vld4q_s8(x.add(128 * c));
            let (p, kept0) = decode::sherry_low(at[0]);
            acc[0] = places::<D>(acc[0], tables, p, place);
            let (p, kept1) = decode::sherry_low(at[1]);
            acc[1] = places::<D>(acc[1], tables, p, place);
            let place = vld4q_s8(x.add(128 * c + 64));
            acc[0] = places::<D>(acc[0], tables, decode::sherry_high(at[0], kept0), place);
            acc[1] = places::<D>(acc[1], tables, decode::sherry_high(at[1], kept1), place);
            // `map` on an array is not always inlined.
            acc = [[D::carry(acc[0][0]), D::carry(acc[0][1])], [D::carry(acc[1][0]), D::carry(acc[1][1])]];
        }
        acc.map(|a| vaddq_s32(D::sum(a[0]), D::sum(a[1])))
    }
}

/// Adds the four places of 64 columns' patterns to two sums.
#[inline(always)]
unsafe fn places<D: Dot>(acc: [D::Acc; 2], tables: Tables, patterns: [uint8x16_t; 4], x: int8x16x4_t) -> [D::Acc; 2] {
    #[inline(always)]
    unsafe fn one<D: Dot, const LANE: i32>(
        acc: [D::Acc; 2],
        tables: Tables,
        patterns: uint8x16_t,
        x: int8x16x4_t,
    ) -> [D::Acc; 2] {
        // SAFETY: the caller's promise.
        unsafe {
            let w = tables.weights(patterns);
            if !D::NARROW {
                let acc0 = D::add::<LANE>(D::add::<LANE>(acc[0], w[0], x.0), w[1], x.1);
                return [D::add::<LANE>(D::add::<LANE>(acc0, w[2], x.2), w[3], x.3), acc[1]];
            }
            let even = D::add::<LANE>(D::add::<LANE>(acc[0], w[0], x.0), w[2], x.2);
            let odd = D::add::<LANE>(D::add::<LANE>(acc[1], w[1], x.1), w[3], x.3);
            [even, odd]
        }
    }
    // SAFETY: the caller's promise.
    unsafe {
        let acc = one::<D, 0>(acc, tables, patterns[0], x);
        let acc = one::<D, 1>(acc, tables, patterns[1], x);
        let acc = one::<D, 2>(acc, tables, patterns[2], x);
        one::<D, 3>(acc, tables, patterns[3], x)
    }
}

/// Block scales: `MAIN + EXTRA` bits, `GROUPS` scales for 32 columns, with minima where `AFFINE`.
pub(super) unsafe fn block<D: Dot, const MAIN: usize, const EXTRA: usize, const GROUPS: usize, const AFFINE: bool>(
    view: &View,
    tiles: [*const u8; 2],
    token: Token,
) -> [float32x4_t; 2] {
    let zero = if AFFINE { 0 } else { view.zero } - offset(MAIN);
    let bytes = (MAIN + EXTRA) * 16;
    // SAFETY: chunks of 64 columns and their scales lie in the tiles and in the padded activations.
    unsafe {
        let mut y = [vdupq_n_f32(0.0); 2];
        for c in 0..view.chunks {
            for half in 0..2 {
                let b = 2 * c + half;
                let at = token.codes.add(32 * b);
                let sums = token.sums.add(2 * b);
                let total = if GROUPS == 1 { [*sums + *sums.add(1), 0] } else { [*sums, *sums.add(1)] };
                let x = Block { codes: [vld1q_s8(at), vld1q_s8(at.add(16))], total, scale: *token.scales.add(b) };
                let step = one::<D, MAIN, EXTRA, GROUPS, AFFINE>;
                let (codes, scales) = (c * view.chunk + half * bytes, c * view.chunk + 2 * bytes + half * GROUPS * 8);
                y = [
                    step(y[0], tiles[0].add(codes), tiles[0].add(scales), zero, &x),
                    step(y[1], tiles[1].add(codes), tiles[1].add(scales), zero, &x),
                ];
            }
        }
        y
    }
}

/// Activations of 32 columns.
struct Block {
    codes: [int8x16_t; 2],
    /// Minus the sum of each group.
    total: [i32; 2],
    scale: f32,
}

/// One block of one tile.
#[inline(always)]
unsafe fn one<D: Dot, const MAIN: usize, const EXTRA: usize, const GROUPS: usize, const AFFINE: bool>(
    mut y: float32x4_t,
    codes: *const u8,
    scales: *const u8,
    zero: i32,
    x: &Block,
) -> float32x4_t {
    // SAFETY: the caller's promise.
    unsafe {
        let dots = groups::<D, MAIN, EXTRA, GROUPS>(codes, x.codes);
        for (g, dots) in dots.into_iter().enumerate().take(GROUPS) {
            let sum = if zero == 0 { dots } else { vaddq_s32(dots, vdupq_n_s32(zero * x.total[g])) };
            let mut part = vmulq_f32(vcvtq_f32_s32(sum), half4(scales.add(8 * g)));
            if AFFINE {
                // Minima follow the scales of both blocks of the chunk.
                part = vaddq_f32(part, vmulq_n_f32(half4(scales.add(8 * (2 * GROUPS + g))), -convert(x.total[g])));
            }
            y = vfmaq_n_f32(y, part, x.scale);
        }
        y
    }
}

/// Integer sums of each group of a block.
#[inline(always)]
unsafe fn groups<D: Dot, const MAIN: usize, const EXTRA: usize, const GROUPS: usize>(
    p: *const u8,
    x: [int8x16_t; 2],
) -> [int32x4_t; 2] {
    // SAFETY: a block at `p` by the caller's promise.
    unsafe {
        if MAIN == 2 && EXTRA == 0 && GROUPS == 1 {
            return [fold::<D>(fields::<D>([D::zero(); 3], p, x)); 2];
        }
        let w = decode::block::<MAIN, EXTRA>(p);
        let low = carried::<D, MAIN, EXTRA>(D::zero(), [w[0], w[1], w[2], w[3]], x[0]);
        let start = if GROUPS == 1 { low } else { D::zero() };
        let high = carried::<D, MAIN, EXTRA>(start, [w[4], w[5], w[6], w[7]], x[1]);
        if GROUPS == 1 { [D::sum(high); 2] } else { [D::sum(low), D::sum(high)] }
    }
}

/// Four quads, carried as often as the width of the codes demands: 2¹⁵ over the largest product.
#[inline(always)]
unsafe fn carried<D: Dot, const MAIN: usize, const EXTRA: usize>(acc: D::Acc, w: [int8x16_t; 4], x: int8x16_t) -> D::Acc {
    // SAFETY: the caller's promise.
    unsafe {
        match MAIN + EXTRA {
            8 => quads::<D, 2>(acc, w, x),
            6 => quads::<D, 4>(acc, w, x),
            _ => quads::<D, 8>(acc, w, x),
        }
    }
}

/// Half precision: `f32` products and sums of `T` tokens of `cols` values, two sums a row.
pub(super) unsafe fn half<const T: usize>(x: [*const f32; T], cols: usize, tiles: [*const u8; 2]) -> [[float32x4_t; 2]; T] {
    // SAFETY: a tile holds eight bytes for every column.
    unsafe {
        let mut y = [[[vdupq_n_f32(0.0); 2]; 2]; T];
        let steps = cols / 4;
        for s in 0..steps {
            let x = x.map(|x| vld1q_f32(x.add(4 * s)));
            for (i, tile) in tiles.into_iter().enumerate() {
                let w: [float32x4_t; 4] = std::array::from_fn(|k| half4(tile.add((4 * s + k) * 8)));
                for (y, x) in y.iter_mut().zip(x) {
                    y[i][0] = vfmaq_laneq_f32::<0>(y[i][0], w[0], x);
                    y[i][1] = vfmaq_laneq_f32::<1>(y[i][1], w[1], x);
                    y[i][0] = vfmaq_laneq_f32::<2>(y[i][0], w[2], x);
                    y[i][1] = vfmaq_laneq_f32::<3>(y[i][1], w[3], x);
                }
            }
        }
        for k in 4 * steps..cols {
            for (i, tile) in tiles.into_iter().enumerate() {
                for (y, x) in y.iter_mut().zip(x) {
                    y[i][0] = vfmaq_n_f32(y[i][0], half4(tile.add(k * 8)), *x.add(k));
                }
            }
        }
        y.map(|y| y.map(|y| vaddq_f32(y[0], y[1])))
    }
}
