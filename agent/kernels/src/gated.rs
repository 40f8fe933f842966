//! Gate and up of an MLP as one product.

use crate::elementwise::{gelu_mul, silu_mul};
use crate::matmul::product;
use crate::{Kernel, Matrix, Pool, Scratch, matmul};

/// Nonlinearity of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// See [`silu_mul`].
    Silu,
    /// See [`gelu_mul`].
    Gelu,
}

impl Gate {
    /// `gate[i] = f(gate[i]) · up[i]`.
    ///
    /// # Panics
    ///
    /// If the lengths differ.
    pub fn apply(self, gate: &mut [f32], up: &[f32]) {
        match self {
            Self::Silu => silu_mul(gate, up),
            Self::Gelu => gelu_mul(gate, up),
        }
    }
}

/// `out[t][r] = f(gate[r] · x[t]) · (up[r] · x[t])` for `n` tokens.
///
/// `x` is `n × cols`, `out` is `n × rows`, row-major. The numbers are those of [`matmul`] and
/// [`Gate::apply`]; with several tokens neither product is written to memory, which costs a prefill more than
/// the nonlinearity.
///
/// # Panics
///
/// If lengths or shapes do not agree. Never on values.
pub fn matmul_gated(pool: &Pool, x: &[f32], n: usize, [gate, up]: [&Matrix; 2], f: Gate, out: &mut [f32], scratch: &mut Scratch) {
    assert!(gate.rows() == up.rows() && gate.cols() == up.cols(), "gate and up have one shape");
    let tiled = matches!(gate.kernel, Kernel::Avx2 | Kernel::AvxVnni | Kernel::Avx512Vnni);
    let alike = gate.kernel == up.kernel && gate.format == up.format && gate.layout == up.layout;
    // A correction has to be added before the nonlinearity.
    let plain = gate.correction.is_none() && up.correction.is_none();
    if n > 1 && tiled && alike && plain && !scratch.is_apart() {
        return product(pool, x, n, &[gate], Some((up, f)), &mut [out], scratch);
    }
    let mut ups = std::mem::take(&mut scratch.up);
    ups.resize(ups.len().max(out.len()), 0.0);
    let other = &mut ups[..out.len()];
    matmul(pool, x, n, &[gate, up], &mut [&mut *out, &mut *other], scratch);
    f.apply(out, other);
    scratch.up = ups;
}
