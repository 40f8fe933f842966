//! Norms, rotary positions, activations, softmax: plain Rust, compiled once for each instruction set.
//!
//! Reductions run over 16 partial sums in a fixed order and nothing is fused, so the result is the same
//! bytes on every instruction set.

/// Compiles one body for the baseline and for what the machine may have.
macro_rules! versions {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx2,fma,f16c")]
                fn avx512($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                #[target_feature(enable = "avx2,fma,f16c")]
                fn avx2($($arg: $ty),*) $(-> $ret)? { body($($arg),*) }
                if $crate::Kernel::Avx512Vnni.is_available() {
                    // SAFETY: the features were just detected.
                    return unsafe { avx512($($arg),*) };
                }
                if $crate::Kernel::Avx2.is_available() {
                    // SAFETY: the features were just detected.
                    return unsafe { avx2($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}

pub(crate) use versions;

const WIDE: usize = 16;

/// Sum of 16 partial sums, halves first.
#[inline(always)]
fn sum(mut parts: [f32; WIDE]) -> f32 {
    let mut n = WIDE / 2;
    while n > 0 {
        for i in 0..n {
            parts[i] += parts[i + n];
        }
        n /= 2;
    }
    parts[0]
}

/// e^x within 2 ulp: Cody and Waite's reduction and a polynomial of degree 6; 0 below −86.6, infinite above 88.8.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // 1.5 · 2²³: adding it rounds to an integer, which then stands in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-86.6, 88.8);
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let mut p = 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    // Two factors, so that n = 128 does not overflow before the multiplication.
    let half = f32::from_bits((shifted.to_bits() << 23).wrapping_add(126 << 23));
    let e = p * half * 2.0;
    if x < -86.6 { 0.0 } else { e }
}

versions! {
/// `out[r][i] = x[r][i] · weight[i] / sqrt(mean(x[r]²) + eps)` for each row of `weight.len()` values (RMSNorm,
/// arXiv 1910.07467). Rows are tokens, or heads where the norm is over heads.
///
/// # Panics
///
/// If the lengths do not fit.
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    assert!(x.len() == out.len() && (weight.is_empty() || x.len().is_multiple_of(weight.len())), "rows of {} values", weight.len());
    if weight.is_empty() {
        return;
    }
    for (x, out) in x.chunks_exact(weight.len()).zip(out.chunks_exact_mut(weight.len())) {
        let scale = 1.0 / (mean_square(x) + eps).sqrt();
        for ((o, v), w) in out.iter_mut().zip(x).zip(weight) {
            *o = v * scale * w;
        }
    }
}
}

#[inline(always)]
fn mean_square(x: &[f32]) -> f32 {
    let mut parts = [0.0; WIDE];
    let chunks = x.chunks_exact(WIDE);
    for (p, v) in parts.iter_mut().zip(chunks.remainder()) {
        *p = v * v;
    }
    for chunk in chunks {
        for (p, v) in parts.iter_mut().zip(chunk) {
            *p += v * v;
        }
    }
    sum(parts) / x.len() as f32
}

versions! {
/// The same in place.
///
/// # Panics
///
/// If the rows do not fit.
pub fn rms_norm_in_place(x: &mut [f32], weight: &[f32], eps: f32) {
    assert!(weight.is_empty() || x.len().is_multiple_of(weight.len()), "rows of {} values", weight.len());
    if weight.is_empty() {
        return;
    }
    for x in x.chunks_exact_mut(weight.len()) {
        let scale = 1.0 / (mean_square(x) + eps).sqrt();
        for (v, w) in x.iter_mut().zip(weight) {
            *v = *v * scale * w;
        }
    }
}
}

/// Which dimensions a rotary position turns together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RopeLayout {
    /// `(2i, 2i + 1)`: GGUF's "norm", as Llama files are stored.
    Interleaved,
    /// `(i, i + d/2)`: GPT-NeoX's halves, as Qwen and Gemma files are stored.
    HalfSplit,
}

/// Cosines and sines of one position: made once a token, used by every head of every layer.
#[derive(Clone, Debug, Default)]
pub struct Rotation {
    cos: Vec<f32>,
    sin: Vec<f32>,
}

impl Rotation {
    /// Angles `position · frequencies[i]`; as many frequencies as turned pairs (at most half a head).
    pub fn new(position: usize, frequencies: &[f32]) -> Self {
        let angle = |f: &f32| position as f64 * f64::from(*f);
        Self {
            cos: frequencies.iter().map(|f| angle(f).cos() as f32).collect(),
            sin: frequencies.iter().map(|f| angle(f).sin() as f32).collect(),
        }
    }
}

/// The usual frequencies: `base^(−2i/dims)` for `dims / 2` pairs (RoFormer, arXiv 2104.09864).
pub fn rope_frequencies(base: f32, dims: usize) -> Vec<f32> {
    (0..dims / 2).map(|i| f64::from(base).powf(-2.0 * i as f64 / dims as f64) as f32).collect()
}

versions! {
/// Turns every head of `head_dim` values in `x`; dimensions beyond the rotation's pairs stay.
///
/// # Panics
///
/// If heads do not divide `x` or the rotation has more pairs than a head.
pub fn rope(x: &mut [f32], head_dim: usize, layout: RopeLayout, rotation: &Rotation) {
    let pairs = rotation.cos.len();
    assert!(head_dim > 0 && x.len().is_multiple_of(head_dim) && 2 * pairs <= head_dim, "{pairs} pairs in heads of {head_dim}");
    let (cos, sin) = (&rotation.cos[..pairs], &rotation.sin[..pairs]);
    for head in x.chunks_exact_mut(head_dim) {
        match layout {
            RopeLayout::Interleaved => {
                for ((pair, c), s) in head.chunks_exact_mut(2).zip(cos).zip(sin) {
                    let (a, b) = (pair[0], pair[1]);
                    pair[0] = a * c - b * s;
                    pair[1] = a * s + b * c;
                }
            }
            RopeLayout::HalfSplit => {
                let (low, high) = head[..2 * pairs].split_at_mut(pairs);
                for (((a, b), c), s) in low.iter_mut().zip(high).zip(cos).zip(sin) {
                    let (x, y) = (*a, *b);
                    *a = x * c - y * s;
                    *b = x * s + y * c;
                }
            }
        }
    }
}
}

/// `x / (1 + e^−x)`.
#[inline(always)]
pub(crate) fn silu(x: f32) -> f32 {
    x / (1.0 + exp(-x))
}

/// GELU in its tanh form: 0.5 (1 + tanh z) = 1 / (1 + e^−2z); z = √(2/π) (x + 0.044715 x³).
#[inline(always)]
pub(crate) fn gelu(x: f32) -> f32 {
    let z = 0.797_884_6 * (x + 0.044_715 * x * x * x);
    x / (1.0 + exp(-2.0 * z))
}

versions! {
/// `gate[i] = gate[i] / (1 + e^−gate[i]) · up[i]`: SiLU, gated (SwiGLU, arXiv 2002.05202).
///
/// # Panics
///
/// If the lengths differ.
pub fn silu_mul(gate: &mut [f32], up: &[f32]) {
    assert_eq!(gate.len(), up.len(), "gate and up");
    for (g, u) in gate.iter_mut().zip(up) {
        *g = silu(*g) * u;
    }
}
}

versions! {
/// `gate[i] = gelu(gate[i]) · up[i]` with the tanh form of GELU (arXiv 1606.08415).
///
/// # Panics
///
/// If the lengths differ.
pub fn gelu_mul(gate: &mut [f32], up: &[f32]) {
    assert_eq!(gate.len(), up.len(), "gate and up");
    for (g, u) in gate.iter_mut().zip(up) {
        *g = gelu(*g) * u;
    }
}
}

versions! {
/// `x[i] += y[i]`.
///
/// # Panics
///
/// If the lengths differ.
pub fn add(x: &mut [f32], y: &[f32]) {
    assert_eq!(x.len(), y.len(), "both sides of a sum");
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}
}

versions! {
/// `x[i] *= factor`.
pub fn scale(x: &mut [f32], factor: f32) {
    for x in x {
        *x *= factor;
    }
}
}

versions! {
/// `x[i] = cap · tanh(x[i] / cap)` (Gemma 2, arXiv 2408.00118).
pub fn soft_cap(x: &mut [f32], cap: f32) {
    let inverse = 1.0 / cap;
    for x in x {
        let e = exp(-2.0 * (*x * inverse).abs());
        let tanh = (1.0 - e) / (1.0 + e);
        *x = cap * tanh.copysign(*x);
    }
}
}

/// Largest value; −∞ for none. NaN is passed over.
#[inline(always)]
pub(crate) fn max_of(x: &[f32]) -> f32 {
    let mut parts = [f32::NEG_INFINITY; WIDE];
    let chunks = x.chunks_exact(WIDE);
    for (p, v) in parts.iter_mut().zip(chunks.remainder()) {
        *p = p.max(*v);
    }
    for chunk in chunks {
        for (p, v) in parts.iter_mut().zip(chunk) {
            *p = if *v > *p { *v } else { *p };
        }
    }
    parts.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// `x[i] = e^(x[i] − shift)`; their sum.
#[inline(always)]
pub(crate) fn exp_sum_of(x: &mut [f32], shift: f32) -> f32 {
    let mut parts = [0.0; WIDE];
    let mut chunks = x.chunks_exact_mut(WIDE);
    for chunk in &mut chunks {
        for (p, v) in parts.iter_mut().zip(chunk) {
            *v = exp(*v - shift);
            *p += *v;
        }
    }
    for (p, v) in parts.iter_mut().zip(chunks.into_remainder()) {
        *v = exp(*v - shift);
        *p += *v;
    }
    sum(parts)
}

versions! {
fn exp_sum(x: &mut [f32], shift: f32) -> f32 {
    exp_sum_of(x, shift)
}
}

/// Softmax in place; a single pass each for maximum, exponentials and division. Nothing for an empty slice.
pub fn softmax(x: &mut [f32]) {
    if x.is_empty() {
        return;
    }
    let top = max_of(x);
    let total = exp_sum(x, top);
    scale(x, 1.0 / total);
}

#[cfg(test)]
mod tests;
