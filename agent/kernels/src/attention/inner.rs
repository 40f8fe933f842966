//! One piece: scores, exponentials, weighted values. Written once over [`Lanes`].

#![expect(
    clippy::needless_range_loop,
    reason = "arrays of registers: an iterator's closure would not inherit the instruction set"
)]

use super::{Buffers, Partial, Piece};
use crate::Kernel;
use crate::activations::{Grain, Token, quantize};
use crate::elementwise::{exp_sum, max, scale, soft_cap};
use crate::kv::{Bits, POSITIONS};
use crate::lanes::Lanes;
use crate::matrix::half_at;
use crate::plain::Plain;

/// Dimensions of a scale in the cache.
const BLOCK: usize = 32;

/// Computes `part` from nothing.
pub(super) fn run(kernel: Kernel, piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial) {
    let first = piece.start / POSITIONS;
    let blocks = (piece.start + piece.len).div_ceil(POSITIONS) - first;
    let stride = blocks * POSITIONS;
    buffers.scores.clear();
    buffers.scores.resize(piece.group * stride, 0.0);
    if piece.layer.bits != Bits::Sixteen {
        quantize_queries(piece, buffers);
    }
    let mut h = 0;
    while h < piece.group {
        // Heads of a group, four at a time: what the registers of every instruction set hold.
        let heads = (piece.group - h).min(4);
        dispatch(kernel, Step::Scores, piece, buffers, part, h, heads);
        h += heads;
    }
    let skip = piece.start - first * POSITIONS;
    for h in 0..piece.group {
        let scores = &mut buffers.scores[h * stride + skip..][..piece.len];
        scale(scores, piece.scale);
        if let Some(cap) = piece.softcap {
            soft_cap(scores, cap);
        }
        let top = max(scores);
        // Only NaN: keep it. Only −∞ cannot be, scores of finite keys are finite.
        let top = if top == f32::NEG_INFINITY { 0.0 } else { top };
        part.max[h] = top;
        part.sum[h] = exp_sum(scores, top);
    }
    let mut h = 0;
    while h < piece.group {
        let heads = (piece.group - h).min(4);
        dispatch(kernel, Step::Values, piece, buffers, part, h, heads);
        h += heads;
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Step {
    Scores,
    Values,
}

fn dispatch(kernel: Kernel, step: Step, piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial, h: usize, heads: usize) {
    match kernel {
        // SAFETY: `attention_with` has checked the kernel and the shapes.
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512Vnni => unsafe { crate::avx512::attend(step, piece, buffers, part, h, heads) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::AvxVnni => unsafe { crate::avx2::vnni::attend(step, piece, buffers, part, h, heads) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx2 => unsafe { crate::avx2::plain::attend(step, piece, buffers, part, h, heads) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Kernel::Neon | Kernel::NeonDotprod | Kernel::NeonI8mm => unsafe {
            crate::neon::attend(kernel, step, piece, buffers, part, h, heads);
        },
        // SAFETY: plain Rust runs everywhere; the shapes as above.
        _ => unsafe { by_heads::<Plain>(step, piece, buffers, part, h, heads) },
    }
}

/// # Safety
///
/// The machine has the instructions of `L`, the piece lies in its cache, `buffers` are as `run` made them.
#[inline(always)]
pub(crate) unsafe fn by_heads<L: Lanes>(
    step: Step,
    piece: &Piece<'_>,
    buffers: &mut Buffers,
    part: &mut Partial,
    h: usize,
    heads: usize,
) {
    // SAFETY: the caller's.
    unsafe {
        match (step, heads) {
            (Step::Scores, 1) => scores::<L, 1>(piece, buffers, h),
            (Step::Scores, 2) => scores::<L, 2>(piece, buffers, h),
            (Step::Scores, 3) => scores::<L, 3>(piece, buffers, h),
            (Step::Scores, _) => scores::<L, 4>(piece, buffers, h),
            (Step::Values, 1) => values::<L, 1>(piece, buffers, part, h),
            (Step::Values, 2) => values::<L, 2>(piece, buffers, part, h),
            (Step::Values, 3) => values::<L, 3>(piece, buffers, part, h),
            (Step::Values, _) => values::<L, 4>(piece, buffers, part, h),
        }
    }
}

/// Queries in eight bits, a scale for 32 dimensions.
fn quantize_queries(piece: &Piece<'_>, buffers: &mut Buffers) {
    let (dim, head_dim) = (piece.layer.dim, piece.layer.head_dim);
    let groups = dim / BLOCK;
    buffers.codes.clear();
    buffers.codes.resize(piece.group * dim, 0);
    buffers.scales.resize(piece.group * groups, 0.0);
    buffers.sums.resize(piece.group * groups * 2, 0);
    for h in 0..piece.group {
        let token = Token {
            codes: &mut buffers.codes[h * dim..][..dim],
            scales: &mut buffers.scales[h * groups..][..groups],
            sums: &mut buffers.sums[h * groups * 2..][..groups * 2],
        };
        quantize(&piece.q[h * head_dim..][..head_dim], Grain::Block, token);
    }
}

/// Unscaled scores of `H` heads from `h` on, for all blocks of the piece.
#[inline(always)]
unsafe fn scores<L: Lanes, const H: usize>(piece: &Piece<'_>, buffers: &mut Buffers, h: usize) {
    let layer = piece.layer;
    let size = layer.key_block();
    let first = piece.start / POSITIONS;
    let blocks = (piece.start + piece.len).div_ceil(POSITIONS) - first;
    let keys = &layer.heads[piece.kv_head].keys[first * size..][..blocks * size];
    for (b, block) in keys.chunks_exact(size).enumerate() {
        for sub in (0..POSITIONS).step_by(L::ROWS) {
            // SAFETY: `sub + ROWS <= POSITIONS`, and the block is whole.
            unsafe {
                let got = match layer.bits {
                    Bits::Sixteen => scores16::<L, H>(block.as_ptr(), sub, piece, h),
                    Bits::Eight => scores8::<L, H>(block.as_ptr(), sub, layer.dim, buffers, h),
                    Bits::Four => scores4::<L, H>(block.as_ptr(), sub, layer.dim, buffers, h),
                };
                for (i, v) in got.into_iter().enumerate() {
                    let at = (h + i) * blocks * POSITIONS + b * POSITIONS + sub;
                    L::store_f32(buffers.scores[at..][..L::ROWS].as_mut_ptr(), v);
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn scores16<L: Lanes, const H: usize>(block: *const u8, sub: usize, piece: &Piece<'_>, h: usize) -> [L::F; H] {
    let dim = piece.layer.head_dim;
    let q = piece.q[h * dim..][..H * dim].as_ptr();
    // SAFETY: keys are [dim][16] halves, queries [H][dim] floats.
    unsafe {
        // Two chains a head: a chain of multiply-adds is four cycles a step.
        let mut acc = [[L::splat_f32(0.0); H]; 2];
        for d in 0..dim {
            let k = L::load_f16(block.add((d * POSITIONS + sub) * 2));
            let acc = &mut acc[d % 2];
            for i in 0..H {
                acc[i] = L::mul_add(k, L::splat_f32(*q.add(i * dim + d)), acc[i]);
            }
        }
        let mut out = acc[0];
        for i in 0..H {
            out[i] = L::add_f32(acc[0][i], acc[1][i]);
        }
        out
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
                let k = L::load(block.add(((g * BLOCK / 4 + quad) * POSITIONS + sub) * 4));
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
                let k = L::load(block.add(((g * 4 + vector) * POSITIONS + sub) * 4));
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

/// Weighted values of `H` heads from `h` on.
#[inline(always)]
unsafe fn values<L: Lanes, const H: usize>(piece: &Piece<'_>, buffers: &mut Buffers, part: &mut Partial, h: usize) {
    let layer = piece.layer;
    let first = piece.start / POSITIONS;
    let stride = ((piece.start + piece.len).div_ceil(POSITIONS) - first) * POSITIONS;
    let skip = piece.start - first * POSITIONS;
    let size = layer.value_row();
    let rows = &layer.heads[piece.kv_head].values[piece.start * size..][..piece.len * size];
    let dim = layer.dim;
    let scores: [*const f32; H] = std::array::from_fn(|i| buffers.scores[(h + i) * stride + skip..][..piece.len].as_ptr());
    let out = part.values[h * dim..][..H * dim].as_mut_ptr();
    // SAFETY: rows hold `len` values of `dim` dimensions; scores `len` weights; out H × dim floats.
    unsafe {
        if layer.bits == Bits::Sixteen {
            let mut d = 0;
            while d + 4 * L::ROWS <= dim {
                sum_values::<L, H, 4, HALF>(rows, size, &scores, 2 * d, out.add(d), dim);
                d += 4 * L::ROWS;
            }
            while d + L::ROWS <= dim {
                sum_values::<L, H, 1, HALF>(rows, size, &scores, 2 * d, out.add(d), dim);
                d += L::ROWS;
            }
            for d in d..dim {
                for (i, weights) in scores.iter().enumerate() {
                    *out.add(i * dim + d) = (0..piece.len).map(|p| *weights.add(p) * half_at(rows, p * size + 2 * d)).sum();
                }
            }
            return;
        }
        let groups = dim / BLOCK;
        let (scales, minima) = if layer.bits == Bits::Eight { (dim, 0) } else { (dim / 2, dim / 2 + 2 * groups) };
        buffers.weights.resize(H * piece.len, 0.0);
        for g in 0..groups {
            let mut offset = [0.0; H];
            for p in 0..piece.len {
                let scale = half_at(rows, p * size + scales + 2 * g);
                let min = if layer.bits == Bits::Four { half_at(rows, p * size + minima + 2 * g) } else { 0.0 };
                for i in 0..H {
                    let weight = *scores[i].add(p);
                    buffers.weights[i * piece.len + p] = weight * scale;
                    offset[i] += weight * min;
                }
            }
            let weights: [*const f32; H] = std::array::from_fn(|i| buffers.weights[i * piece.len..][..piece.len].as_ptr());
            for d in (0..BLOCK).step_by(L::ROWS) {
                let at = g * BLOCK + d;
                if layer.bits == Bits::Eight {
                    sum_values::<L, H, 1, BYTE>(rows, size, &weights, at, out.add(at), dim);
                } else if d < 16 {
                    sum_values::<L, H, 1, LOW>(rows, size, &weights, g * 16 + d, out.add(at), dim);
                } else {
                    sum_values::<L, H, 1, HIGH>(rows, size, &weights, g * 16 + d - 16, out.add(at), dim);
                }
            }
            for (i, offset) in offset.into_iter().enumerate() {
                for d in 0..BLOCK {
                    *out.add(i * dim + g * BLOCK + d) += offset;
                }
            }
        }
    }
}

const HALF: u8 = 0;
const BYTE: u8 = 1;
const LOW: u8 = 2;
const HIGH: u8 = 3;

/// `out[i · dim + j · ROWS ..] = Σ_p weights[i][p] · value(row p, byte at, register j)` for `D` registers of dimensions.
#[inline(always)]
unsafe fn sum_values<L: Lanes, const H: usize, const D: usize, const KIND: u8>(
    rows: &[u8],
    size: usize,
    weights: &[*const f32; H],
    at: usize,
    out: *mut f32,
    dim: usize,
) {
    // SAFETY: the caller's: rows of `size` bytes, a weight for each, H × dim floats.
    unsafe {
        let mut acc = [[L::splat_f32(0.0); D]; H];
        for p in 0..rows.len() / size {
            let row = rows.as_ptr().add(p * size + at);
            for j in 0..D {
                let v = match KIND {
                    HALF => L::load_f16(row.add(2 * j * L::ROWS)),
                    BYTE => L::load_i8(row.add(j * L::ROWS)),
                    LOW => L::load_u4::<false>(row.add(j * L::ROWS)),
                    _ => L::load_u4::<true>(row.add(j * L::ROWS)),
                };
                for i in 0..H {
                    acc[i][j] = L::mul_add(v, L::splat_f32(*weights[i].add(p)), acc[i][j]);
                }
            }
        }
        for i in 0..H {
            for j in 0..D {
                L::store_f32(out.add(i * dim + j * L::ROWS), acc[i][j]);
            }
        }
    }
}
