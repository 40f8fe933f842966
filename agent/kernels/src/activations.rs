//! Activations in eight bits.

use crate::elementwise::versions;
use crate::layout::BLOCK;

/// Columns that one activation scale covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    /// Blocks of 32, for block-scaled weights.
    Block,
    /// The whole token, for row-scaled weights.
    Token,
}

/// `n` tokens of `cols` values as int8 codes in [−127, 127], padded with zeros.
///
/// A block with a NaN or an infinity has the scale NaN and codes 0, so that every output that
/// reads it is NaN. A block below the smallest normal scale is zero.
#[derive(Debug, Default)]
pub(crate) struct Activations {
    /// Codes of a token, then zeros, at `t · stride`.
    pub(crate) codes: Vec<i8>,
    pub(crate) stride: usize,
    /// `blocks` scales a token (one when the grain is the token).
    pub(crate) scales: Vec<f32>,
    /// Minus the sum of codes over 16 columns: `2 · blocks` a token (one, over the token, when the grain is the token).
    pub(crate) sums: Vec<i32>,
    pub(crate) blocks: usize,
}

/// The same, borrowed: of all tokens, or of one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) codes: &'a [i8],
    pub(crate) stride: usize,
    pub(crate) scales: &'a [f32],
    pub(crate) sums: &'a [i32],
    pub(crate) blocks: usize,
}

impl<'a> View<'a> {
    /// Of token `t` of `n`.
    pub(crate) fn token(self, t: usize, n: usize) -> Self {
        let part = |len: usize| t * (len / n)..(t + 1) * (len / n);
        let codes = &self.codes[part(self.codes.len())];
        Self { codes, scales: &self.scales[part(self.scales.len())], sums: &self.sums[part(self.sums.len())], ..self }
    }
}

/// Zero codes after the last column: whole chunks of every layout (at most 128 columns) may be read.
const PAD: usize = 128;

impl Activations {
    pub(crate) fn view(&self) -> View<'_> {
        let Self { codes, stride, scales, sums, blocks } = self;
        View { codes, stride: *stride, scales, sums, blocks: *blocks }
    }

    /// Makes room for `n` tokens of `cols` values; codes beyond `cols` are zero.
    pub(crate) fn reset(&mut self, n: usize, cols: usize, grain: Grain) {
        // An odd number of cache lines, so that tokens of one column do not share a cache set.
        self.stride = ((cols + PAD).div_ceil(64) | 1) * 64;
        self.blocks = match grain {
            Grain::Block => cols.next_multiple_of(2 * BLOCK) / BLOCK,
            Grain::Token => 1,
        };
        self.codes.clear();
        self.codes.resize(n * self.stride, 0);
        self.scales.clear();
        self.scales.resize(n * self.blocks, 0.0);
        self.sums.clear();
        self.sums.resize(n * self.blocks * if grain == Grain::Block { 2 } else { 1 }, 0);
    }
}

impl Activations {
    /// Takes over `from` with the codes of every 16 columns place by place: column `4j + p` at `4p + j`, the order
    /// of `SherryTable`.
    pub(crate) fn turn(&mut self, from: &Self) {
        self.codes.resize(from.codes.len(), 0);
        turn(&from.codes, &mut self.codes);
        self.scales.clone_from(&from.scales);
        self.sums.clone_from(&from.sums);
        (self.stride, self.blocks) = (from.stride, from.blocks);
    }
}

versions! {
fn turn(from: &[i8], to: &mut [i8]) {
    for (x, y) in from.chunks_exact(16).zip(to.chunks_exact_mut(16)) {
        y.copy_from_slice(&[
            x[0], x[4], x[8], x[12], x[1], x[5], x[9], x[13], x[2], x[6], x[10], x[14], x[3], x[7], x[11], x[15],
        ]);
    }
}
}

/// Where the codes of one token go.
pub(crate) struct Token<'a> {
    pub(crate) codes: &'a mut [i8],
    pub(crate) scales: &'a mut [f32],
    pub(crate) sums: &'a mut [i32],
}

/// Quantises one token: `x.len()` codes, the rest of `out.codes` is zero already.
pub(crate) fn quantize(x: &[f32], grain: Grain, out: Token<'_>) {
    match grain {
        Grain::Block => quantize_blocks(x, out.codes, out.scales, out.sums),
        Grain::Token => {
            out.scales[0] = quantize_token(x, out.codes);
            out.sums[0] = -sum(&out.codes[..x.len()]);
        }
    }
}

versions! {
fn quantize_blocks(x: &[f32], codes: &mut [i8], scales: &mut [f32], sums: &mut [i32]) {
    let blocks = x.chunks_exact(BLOCK);
    let (whole, rest) = (blocks.len(), blocks.remainder());
    for ((block, codes), (scale, sums)) in
        blocks.zip(codes.chunks_exact_mut(BLOCK)).zip(scales.iter_mut().zip(sums.chunks_exact_mut(2)))
    {
        *scale = codes_of(block, codes);
        sums[0] = -codes[..16].iter().map(|&c| i32::from(c)).sum::<i32>();
        sums[1] = -codes[16..].iter().map(|&c| i32::from(c)).sum::<i32>();
    }
    if !rest.is_empty() {
        let codes = &mut codes[whole * BLOCK..][..BLOCK];
        scales[whole] = codes_of(rest, codes);
        sums[2 * whole] = -sum(&codes[..16]);
        sums[2 * whole + 1] = -sum(&codes[16..]);
    }
}
}

versions! {
fn quantize_token(x: &[f32], codes: &mut [i8]) -> f32 {
    codes_of(x, codes)
}
}

versions! {
fn sum(codes: &[i8]) -> i32 {
    codes.iter().map(|&c| i32::from(c)).sum()
}
}

/// Codes of values that share a scale; the scale.
#[inline(always)]
fn codes_of(x: &[f32], codes: &mut [i8]) -> f32 {
    // Bits of |x| order like the values, and NaN above infinity: one integer maximum sees them all.
    let top = x.iter().fold(0, |top: u32, v| top.max(v.to_bits() & 0x7fff_ffff));
    let max = f32::from_bits(top);
    if !max.is_finite() {
        codes[..x.len()].fill(0);
        return f32::NAN;
    }
    let scale = max / 127.0;
    if scale < f32::MIN_POSITIVE {
        codes[..x.len()].fill(0);
        return 0.0;
    }
    let inverse = 127.0 / max;
    for (code, v) in codes.iter_mut().zip(x) {
        // |v · inverse| ≤ 127 within rounding. Adding 1.5 · 2²³ rounds to even and leaves the integer in the low byte.
        *code = (v * inverse + 12_582_912.0).to_bits() as i8;
    }
    scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(x: &[f32], grain: Grain) -> Activations {
        let mut a = Activations::default();
        a.reset(1, x.len(), grain);
        quantize(x, grain, Token { codes: &mut a.codes, scales: &mut a.scales, sums: &mut a.sums });
        a
    }

    #[test]
    fn error_is_half_a_step() {
        let x: Vec<f32> = (0..100).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.3).collect();
        for grain in [Grain::Block, Grain::Token] {
            let a = one(&x, grain);
            for (i, v) in x.iter().enumerate() {
                let scale = a.scales[if grain == Grain::Block { i / BLOCK } else { 0 }];
                assert!((f32::from(a.codes[i]) * scale - v).abs() <= scale * 0.5001, "{i}");
            }
            let sum: i32 = a.codes.iter().map(|&c| i32::from(c)).sum();
            assert_eq!(a.sums.iter().sum::<i32>(), -sum);
        }
    }

    #[test]
    fn what_is_not_a_number_poisons_its_block_alone() {
        let mut x = vec![1.0; 96];
        x[40] = f32::NAN;
        let a = one(&x, Grain::Block);
        assert!(a.scales[0] > 0.0 && a.scales[1].is_nan() && a.scales[2] > 0.0);
        x[40] = f32::NEG_INFINITY;
        assert!(one(&x, Grain::Token).scales[0].is_nan());
    }

    #[test]
    fn subnormals_are_zero() {
        let a = one(&[f32::MIN_POSITIVE * 0.5, -f32::MIN_POSITIVE * 100.0], Grain::Block);
        assert_eq!((a.scales[0].to_bits(), a.codes[0], a.codes[1]), (0, 0, 0));
    }
}
