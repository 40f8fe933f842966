//! One piece: scores, exponentials, weighted values. Written once over [`Lanes`].

#![expect(
    clippy::needless_range_loop,
    reason = "arrays of registers: an iterator's closure would not inherit the instruction set"
)]

use super::partial::Partial;
use super::{Buffers, Piece};
use crate::Kernel;
use crate::activations::{Grain, Token, quantize};
use crate::elementwise::{exp_sum_of, max_of, soft_cap};
use crate::kv::{Bits, POSITIONS};
use crate::lanes::Lanes;
use crate::matrix::half_at;
use crate::plain::Plain;
use std::ops::Range;

/// Dimensions of a scale in the cache.
const BLOCK: usize = 32;

/// Calls for as many rows at once as registers hold, then for what is left.
macro_rules! by_rows {
    ($lanes:ident, $piece:ident, |$rows:ident, $r:ident| $call:expr) => {{
        let mut $r = 0;
        while $r < $piece.rows.len() {
            let left = $piece.rows.len() - $r;
            if const { $lanes::QUERIES >= 8 } && left >= 8 {
                const $rows: usize = 8;
                $call;
                $r += $rows;
            } else if left >= 4 {
                const $rows: usize = 4;
                $call;
                $r += $rows;
            } else if left == 3 {
                const $rows: usize = 3;
                $call;
                $r += $rows;
            } else if left == 2 {
                const $rows: usize = 2;
                $call;
                $r += $rows;
            } else {
                const $rows: usize = 1;
                $call;
                $r += $rows;
            }
        }
    }};
}

/// Adds a piece to `part`, which holds nothing.
pub(super) fn run(kernel: Kernel, piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial) {
    let blocks = (piece.start + piece.len).div_ceil(POSITIONS) - piece.start / POSITIONS;
    buffers.scores.resize(piece.rows.len() * blocks * POSITIONS, 0.0);
    if piece.layer.bits != Bits::Sixteen {
        quantize_queries(piece, buffers);
    }
    match kernel {
        // SAFETY: `attention_with` has checked the kernel and the shapes.
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512Vnni => unsafe { crate::avx512::attend(piece, buffers, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::AvxVnni => unsafe { crate::avx2::vnni::attend(piece, buffers, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx2 => unsafe { crate::avx2::plain::attend(piece, buffers, part) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Kernel::Neon | Kernel::NeonDotprod | Kernel::NeonI8mm => unsafe { crate::neon::attend(kernel, piece, buffers, part) },
        // SAFETY: plain Rust runs everywhere; the shapes as above.
        _ => unsafe { piece_with::<Plain>(piece, buffers, part) },
    }
}

/// Scores, exponentials, weighted values.
///
/// # Safety
///
/// The machine has the instructions of `L`, the piece lies in its cache, `buffers` are as [`run`] made them.
#[inline(always)]
pub(crate) unsafe fn piece_with<L: Lanes>(piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial) {
    // SAFETY: the caller's.
    unsafe {
        by_rows!(L, piece, |ROWS, r| scores::<L, ROWS>(piece, buffers, r));
        softmax(piece, buffers, part);
        if piece.layer.bits != Bits::Sixteen {
            value_scales::<L>(piece, buffers);
        }
        by_rows!(L, piece, |ROWS, r| values::<L, ROWS>(piece, buffers, part, r));
    }
}

/// Exponentials of what each row sees; its maximum and sum.
#[inline(always)]
unsafe fn softmax(piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial) {
    let skip = piece.start % POSITIONS;
    let stride = buffers.scores.len() / piece.rows.len();
    for (r, seen) in buffers.visible.iter().enumerate() {
        if seen.is_empty() {
            continue;
        }
        let scores = &mut buffers.scores[r * stride + skip..][seen.clone()];
        if let Some(cap) = piece.softcap {
            soft_cap(scores, cap);
        }
        let top = max_of(scores);
        // Only NaN: keep it. Only −∞ cannot be, scores of finite keys are finite.
        let top = if top == f32::NEG_INFINITY { 0.0 } else { top };
        part.max[r] = top;
        part.sum[r] = exp_sum_of(scores, top);
    }
}

/// Queries in eight bits, a scale for 32 dimensions.
fn quantize_queries(piece: &Piece<'_>, buffers: &mut Buffers) {
    let (dim, head_dim) = (piece.layer.dim, piece.layer.head_dim);
    let groups = dim / BLOCK;
    buffers.codes.clear();
    buffers.codes.resize(piece.rows.end * dim, 0);
    buffers.scales.resize(piece.rows.end * groups, 0.0);
    buffers.sums.resize(piece.rows.end * groups * 2, 0);
    for h in piece.rows.clone() {
        let token = Token {
            codes: &mut buffers.codes[h * dim..][..dim],
            scales: &mut buffers.scales[h * groups..][..groups],
            sums: &mut buffers.sums[h * groups * 2..][..groups * 2],
        };
        quantize(&buffers.queries[h * head_dim..][..head_dim], Grain::Block, token);
    }
}

/// Scores of `H` rows from `r` of the piece on, for all its key blocks.
#[inline(always)]
unsafe fn scores<L: Lanes, const H: usize>(piece: &Piece<'_>, buffers: &mut Buffers, r: usize) {
    let layer = piece.layer;
    let size = layer.key_block();
    let first = piece.start / POSITIONS;
    let stride = buffers.scores.len() / piece.rows.len();
    let keys = layer.keys(piece.kv_head)[first * size..][..stride / POSITIONS * size].as_ptr();
    let out = buffers.scores[r * stride..][..H * stride].as_mut_ptr();
    let h = piece.rows.start + r;
    let q = buffers.queries[h * layer.head_dim..][..H * layer.head_dim].as_ptr();
    // Registers of positions, of which a key block holds `per`.
    let (per, registers) = (POSITIONS / L::ROWS, stride / L::ROWS);
    let mut u = 0;
    // SAFETY: every register lies in a whole block of the piece, and its scores in `H` rows of `stride`.
    unsafe {
        if layer.bits == Bits::Sixteen {
            // Several registers at once: a query's number serves all of them, and chains of multiply-adds overlap.
            if H <= 2 {
                while u + 4 <= registers {
                    scores16::<L, H, 4>(keys, u, q, piece, out.add(u * L::ROWS), stride);
                    u += 4;
                }
            }
            while u + 2 <= registers {
                scores16::<L, H, 2>(keys, u, q, piece, out.add(u * L::ROWS), stride);
                u += 2;
            }
        }
        while u < registers {
            let (block, sub) = (keys.add(u / per * size), u % per * L::ROWS);
            let got = match layer.bits {
                Bits::Sixteen => {
                    scores16::<L, H, 1>(keys, u, q, piece, out.add(u * L::ROWS), stride);
                    u += 1;
                    continue;
                }
                Bits::Eight => scores8::<L, H>(block, sub, layer.dim, buffers, h),
                Bits::Four => scores4::<L, H>(block, sub, layer.dim, buffers, h),
            };
            for i in 0..H {
                L::store_f32(out.add(i * stride + u * L::ROWS), got[i]);
            }
            u += 1;
        }
    }
}

/// `S` registers of positions, from register `u` of the key blocks on, times `H` rows.
#[inline(always)]
unsafe fn scores16<L: Lanes, const H: usize, const S: usize>(
    blocks: *const u8,
    u: usize,
    q: *const f32,
    piece: &Piece<'_>,
    out: *mut f32,
    stride: usize,
) {
    let (width, per, size) = (POSITIONS * 2, POSITIONS / L::ROWS, piece.layer.key_block());
    let dim = piece.layer.head_dim;
    // SAFETY: keys are [dim][16] halves, queries [H][dim] floats.
    unsafe {
        let mut keys = [blocks; S];
        for s in 0..S {
            keys[s] = blocks.add((u + s) / per * size + (u + s) % per * L::ROWS * 2);
        }
        let mut acc = [[L::splat_f32(0.0); S]; H];
        for d in 0..dim {
            let mut k = [L::splat_f32(0.0); S];
            for s in 0..S {
                let at = keys[s].add(d * width);
                k[s] = L::load_f16(at);
                if d % 2 == 0 && (s % per == 0 || s == 0) {
                    L::prefetch(at);
                }
            }
            for i in 0..H {
                let q = L::splat_f32(*q.add(i * dim + d));
                for s in 0..S {
                    acc[i][s] = L::mul_add(k[s], q, acc[i][s]);
                }
            }
        }
        for i in 0..H {
            for s in 0..S {
                L::store_f32(out.add(i * stride + s * L::ROWS), acc[i][s]);
            }
        }
    }
}

#[inline(always)]
unsafe fn scores8<L: Lanes, const H: usize>(block: *const u8, sub: usize, dim: usize, buffers: &Buffers, h: usize) -> [L::F; H] {
    let groups = dim / BLOCK;
    // SAFETY: keys are [dim/4][16] quads and [groups][16] scales; queries as `quantize_queries` made them.
    unsafe {
        let mut acc = [L::splat_f32(0.0); H];
        for g in 0..groups {
            let mut sums = [L::splat(0); H];
            for i in 0..H {
                let at = 2 * ((h + i) * groups + g);
                // Codes hold key + 128, sums hold −Σ q.
                sums[i] = L::splat((128 - L::DOT8_ZERO) * (buffers.sums[at] + buffers.sums[at + 1]));
            }
            for quad in 0..BLOCK / 4 {
                let at = block.add(((g * BLOCK / 4 + quad) * POSITIONS + sub) * 4);
                L::prefetch(at);
                let k = L::load(at);
                for i in 0..H {
                    let q = L::quad(buffers.codes.as_ptr().add((h + i) * dim + g * BLOCK + quad * 4));
                    sums[i] = L::dot8(sums[i], k, q);
                }
            }
            let scale = L::load_f16(block.add(dim * POSITIONS + (g * POSITIONS + sub) * 2));
            for i in 0..H {
                let scale = L::mul(scale, L::splat_f32(buffers.scales[(h + i) * groups + g]));
                acc[i] = L::mul_add(L::to_f32(sums[i]), scale, acc[i]);
            }
        }
        acc
    }
}

#[inline(always)]
unsafe fn scores4<L: Lanes, const H: usize>(block: *const u8, sub: usize, dim: usize, buffers: &Buffers, h: usize) -> [L::F; H] {
    let groups = dim / BLOCK;
    // SAFETY: keys are [groups][4][16] quads of nibbles, then scales and minima [groups][16].
    unsafe {
        let mask = L::splat(0x0f0f_0f0f);
        let scales = block.add(dim / 2 * POSITIONS);
        let mut acc = [L::splat_f32(0.0); H];
        for g in 0..groups {
            let mut sums = [L::splat(0); H];
            for vector in 0..4 {
                let at = block.add(((g * 4 + vector) * POSITIONS + sub) * 4);
                L::prefetch(at);
                let k = L::load(at);
                let (low, high) = (L::and(k, mask), L::and(L::shr::<4>(k), mask));
                for i in 0..H {
                    let q = buffers.codes.as_ptr().add((h + i) * dim + g * BLOCK + vector * 4);
                    sums[i] = L::dot(L::dot(sums[i], low, L::quad(q)), high, L::quad(q.add(16)));
                }
            }
            let scale = L::load_f16(scales.add((g * POSITIONS + sub) * 2));
            let min = L::load_f16(scales.add(((groups + g) * POSITIONS + sub) * 2));
            for i in 0..H {
                let at = (h + i) * groups + g;
                let a = buffers.scales[at];
                let total = -(buffers.sums[2 * at] + buffers.sums[2 * at + 1]) as f32 * a;
                acc[i] = L::mul_add(L::to_f32(sums[i]), L::mul(scale, L::splat_f32(a)), acc[i]);
                acc[i] = L::mul_add(min, L::splat_f32(total), acc[i]);
            }
        }
        acc
    }
}

/// Weighted values of `H` rows from `r` of the piece on.
#[inline(always)]
unsafe fn values<L: Lanes, const H: usize>(piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial, r: usize) {
    let seen: [Range<usize>; H] = std::array::from_fn(|i| buffers.visible[r + i].clone());
    let (mut start, mut end) = (0, piece.len);
    for seen in &seen {
        (start, end) = (start.max(seen.start), end.min(seen.end));
    }
    // SAFETY: the caller's; every range is visible to its rows.
    unsafe {
        if H == 1 {
            return weigh::<L, H>(piece, buffers, part, r, start..end);
        }
        // What all see together, then the ragged ends row by row.
        let common = if start < end { start..end } else { 0..0 };
        weigh::<L, H>(piece, buffers, part, r, common.clone());
        for (i, seen) in seen.into_iter().enumerate() {
            if common.is_empty() {
                weigh::<L, 1>(piece, buffers, part, r + i, seen);
            } else {
                weigh::<L, 1>(piece, buffers, part, r + i, seen.start..common.start);
                weigh::<L, 1>(piece, buffers, part, r + i, common.end..seen.end);
            }
        }
    }
}

/// Adds the weighted values of `positions` of the piece to `H` rows.
#[inline(always)]
unsafe fn weigh<L: Lanes, const H: usize>(
    piece: &Piece<'_>,
    buffers: &mut Buffers,
    part: &mut Partial,
    r: usize,
    positions: Range<usize>,
) {
    if positions.is_empty() {
        return;
    }
    let layer = piece.layer;
    let stride = buffers.scores.len() / piece.rows.len();
    let (size, len, dim) = (layer.value_row(), positions.len(), layer.dim);
    let rows = &layer.values(piece.kv_head)[(piece.start + positions.start) * size..][..len * size];
    let skip = piece.start % POSITIONS + positions.start;
    let scores: [*const f32; H] = std::array::from_fn(|i| buffers.scores[(r + i) * stride + skip..][..len].as_ptr());
    let out = part.values[r * dim..][..H * dim].as_mut_ptr();
    // SAFETY: rows hold `len` values of `dim` dimensions; scores `len` weights; out H × dim floats.
    unsafe {
        if layer.bits == Bits::Sixteen {
            let mut d = 0;
            // Sums of this many registers of dimensions stay in registers.
            if H <= L::QUERIES / 2 {
                while d + 4 * L::ROWS <= dim {
                    sum_values::<L, H, 4, HALF>(rows, size, &scores, 2 * d, out.add(d), dim);
                    d += 4 * L::ROWS;
                }
            }
            while d + 2 * L::ROWS <= dim {
                sum_values::<L, H, 2, HALF>(rows, size, &scores, 2 * d, out.add(d), dim);
                d += 2 * L::ROWS;
            }
            while d + L::ROWS <= dim {
                sum_values::<L, H, 1, HALF>(rows, size, &scores, 2 * d, out.add(d), dim);
                d += L::ROWS;
            }
            for d in d..dim {
                for (i, weights) in scores.iter().enumerate() {
                    *out.add(i * dim + d) += (0..len).map(|p| *weights.add(p) * half_at(rows, p * size + 2 * d)).sum::<f32>();
                }
            }
            return;
        }
        let padded = piece.len.next_multiple_of(POSITIONS);
        let of_group = |list: &[f32], g: usize| list[g * padded + positions.start..][..len].as_ptr();
        buffers.weights.resize(buffers.weights.len().max(H * len), 0.0);
        for g in 0..dim / BLOCK {
            let scales = std::slice::from_raw_parts(of_group(&buffers.value_scales, g), len);
            for i in 0..H {
                let scores = std::slice::from_raw_parts(scores[i], len);
                for ((weight, score), scale) in buffers.weights[i * len..][..len].iter_mut().zip(scores).zip(scales) {
                    *weight = score * scale;
                }
            }
            let weights: [*const f32; H] = std::array::from_fn(|i| buffers.weights[i * len..][..len].as_ptr());
            let out = out.add(g * BLOCK);
            if layer.bits == Bits::Eight {
                for d in (0..BLOCK).step_by(2 * L::ROWS) {
                    sum_values::<L, H, 2, BYTE>(rows, size, &weights, g * BLOCK + d, out.add(d), dim);
                }
                continue;
            }
            for d in (0..BLOCK / 2).step_by(L::ROWS) {
                sum_values::<L, H, 2, NIBBLE>(rows, size, &weights, g * BLOCK / 2 + d, out.add(d), dim);
            }
            let minima = std::slice::from_raw_parts(of_group(&buffers.value_minima, g), len);
            for i in 0..H {
                let offset = L::splat_f32(dot(std::slice::from_raw_parts(scores[i], len), minima));
                for d in (0..BLOCK).step_by(L::ROWS) {
                    let out = out.add(i * dim + d);
                    L::store_f32(out, L::add_f32(L::load_f32(out), offset));
                }
            }
        }
    }
}

/// Scales (and minima) of the piece's values as floats, group by group: half-precision numbers between the codes are
/// converted once for all rows, sixteen positions at a time.
#[inline(always)]
unsafe fn value_scales<L: Lanes>(piece: &Piece<'_>, buffers: &mut Buffers) {
    let layer = piece.layer;
    let (size, groups) = (layer.value_row(), layer.dim / BLOCK);
    let rows = &layer.values(piece.kv_head)[piece.start * size..][..piece.len * size];
    let padded = piece.len.next_multiple_of(POSITIONS);
    let first = if layer.bits == Bits::Eight { layer.dim } else { layer.dim / 2 };
    let four = layer.bits == Bits::Four;
    for (list, at) in [(&mut buffers.value_scales, first), (&mut buffers.value_minima, first + 2 * groups)] {
        if at > first && !four {
            continue;
        }
        list.resize(list.len().max(groups * padded), 0.0);
        for (b, rows) in rows.chunks(POSITIONS * size).enumerate() {
            if at == first {
                for line in 0..(POSITIONS * size).div_ceil(64) {
                    // SAFETY: a hint never faults. These are the first reads of the piece's values.
                    unsafe { L::prefetch(rows.as_ptr().wrapping_add(64 * line)) };
                }
            }
            for g in 0..groups {
                let mut halves = [0_u8; 2 * POSITIONS];
                for (half, row) in halves.chunks_exact_mut(2).zip(rows.chunks_exact(size)) {
                    half.copy_from_slice(&row[at + 2 * g..][..2]);
                }
                let out = &mut list[g * padded + b * POSITIONS..][..POSITIONS];
                for p in (0..POSITIONS).step_by(L::ROWS) {
                    // SAFETY: sixteen halves become sixteen floats.
                    unsafe { L::store_f32(out.as_mut_ptr().add(p), L::load_f16(halves.as_ptr().add(2 * p))) };
                }
            }
        }
    }
}

/// Σ a b, in sixteen partial sums.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut parts = [0.0; 16];
    let (a, b) = (a.chunks(16), b.chunks(16));
    for (a, b) in a.zip(b) {
        if a.len() == 16 {
            for i in 0..16 {
                parts[i] += a[i] * b[i];
            }
        } else {
            parts.iter_mut().zip(a.iter().zip(b)).for_each(|(part, (a, b))| *part += a * b);
        }
    }
    parts.iter().sum()
}

const HALF: u8 = 0;
const BYTE: u8 = 1;
/// Two registers of the same bytes: low nibbles, and high ones for the dimensions sixteen further on.
const NIBBLE: u8 = 2;

/// `out[i · dim + j · step ..] += Σ_p weights[i][p] · value(row p, byte at, register j)` for `D` registers of dimensions, `step` apart.
#[inline(always)]
unsafe fn sum_values<L: Lanes, const H: usize, const D: usize, const KIND: u8>(
    rows: &[u8],
    size: usize,
    weights: &[*const f32; H],
    at: usize,
    out: *mut f32,
    dim: usize,
) {
    let step = if KIND == NIBBLE { BLOCK / 2 } else { L::ROWS };
    // SAFETY: the caller's: rows of `size` bytes, a weight for each, H × dim floats.
    unsafe {
        let mut acc = [[L::splat_f32(0.0); D]; H];
        for i in 0..H {
            for j in 0..D {
                acc[i][j] = L::load_f32(out.add(i * dim + j * step));
            }
        }
        for p in 0..rows.len() / size {
            let row = rows.as_ptr().add(p * size + at);
            let mut v = [L::splat_f32(0.0); D];
            for j in 0..D {
                v[j] = match KIND {
                    HALF => L::load_f16(row.add(2 * j * L::ROWS)),
                    BYTE => L::load_i8(row.add(j * L::ROWS)),
                    _ if j == 0 => L::load_u4::<false>(row),
                    _ => L::load_u4::<true>(row),
                };
            }
            if KIND == HALF {
                for line in 0..(2 * D * L::ROWS).div_ceil(64) {
                    L::prefetch(row.wrapping_add(64 * line));
                }
            }
            for i in 0..H {
                let weight = L::splat_f32(*weights[i].add(p));
                for j in 0..D {
                    acc[i][j] = L::mul_add(v[j], weight, acc[i][j]);
                }
            }
        }
        for i in 0..H {
            for j in 0..D {
                L::store_f32(out.add(i * dim + j * step), acc[i][j]);
            }
        }
    }
}
