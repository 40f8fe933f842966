//! Products of the engine's own kernels, format by format: one token with weights in cache (arithmetic decides),
//! one token with weights in memory (reading decides, in part), many tokens (prefill).
//!
//! Weights in memory are measured twice, as matrices above and below 2 MiB: the larger ones lie on huge pages, the
//! smaller ones, all of a model of 135 million weights but its table, on pages of 4 KiB, and each begins anew where the
//! prefetch knows nothing. Both are read slower.

use super::trial::Trial;
use crate::runs::Rate;
use kernels::{Format, Kernel, Matrix, Pool, Scratch, limits, matmul};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Columns of the trial matrices, and rows of the small and the large one: 0.5 and 2.1 million weights, which the
/// second-level cache holds at 8 bits and fewer.
const COLS: usize = 2048;
const SMALL: usize = 256;
const LARGE: usize = 1024;
/// Rows and columns of a matrix of a small model.
const TINY: (usize, usize) = (640, 640);
/// From here on weights lie on huge pages, bytes.
pub const HUGE: usize = 2 << 20;
/// Tokens of a matrix product: what the engine's prefill takes at once.
pub const TOKENS: usize = engine::model::PREFILL;

/// One format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Product {
    pub format: String,
    pub kernel: String,
    /// Scales and padding included.
    pub bits_per_weight: f64,
    /// Operations a second (two a multiply-add) of a product with one token, weights in cache, per call cost taken off.
    pub vector: Rate,
    /// s of a call that does nothing but quantise its token and meet its threads.
    pub call_s: f64,
    /// One token, weights in memory, matrices of at least [`HUGE`] bytes; absent where the set was not made.
    pub large: Option<Resident>,
    /// The same of small matrices.
    pub small: Option<Resident>,
    /// Operations a second of a product with [`TOKENS`] tokens.
    pub matrix: Rate,
}

/// Products whose weights no second-level cache holds, read round and round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resident {
    /// B/s of weights.
    pub rate: Rate,
    /// Bytes of all of them: how much of it a last-level cache keeps is in the rate, and in that of reading as much.
    pub bytes: usize,
}

/// Measures one format round by round.
pub struct Trials {
    format: Format,
    kernel: Kernel,
    pool: Arc<Pool>,
    small: Matrix,
    large: Matrix,
    /// In memory: large matrices, small ones.
    sets: [Vec<Matrix>; 2],
    x: Vec<f32>,
    y: Vec<f32>,
    scratch: Scratch,
    /// s of one small and one large call, in pairs.
    calls: Vec<(f64, f64)>,
    resident: [Vec<f64>; 2],
    matrix: Vec<f64>,
}

impl std::fmt::Debug for Trials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trials({} on {})", self.format, self.kernel)
    }
}

impl Trials {
    /// With two sets of weights in memory, each of at most `bytes` bytes and `weights` weights; 0 for none.
    ///
    /// `None` where the machine has no kernel for the format.
    #[must_use]
    pub fn new(format: Format, pool: Arc<Pool>, bytes: usize, weights: usize) -> Option<Self> {
        let kernel = Kernel::best_for(format);
        let pack = |shape: (usize, usize)| Trial::pack(format, shape, kernel, &pool).ok();
        let (small, large) = (pack((SMALL, COLS))?, pack((LARGE, COLS))?);
        let row = (large.bytes() / LARGE).max(1);
        let wide = ((HUGE + HUGE / 8).div_ceil(row).next_multiple_of(SMALL), COLS);
        let sets = [wide, TINY].map(|shape| -> Vec<Matrix> {
            let each = (large.bytes() as f64 * (shape.0 * shape.1) as f64 / (LARGE * COLS) as f64) as usize;
            let count = (bytes / each.max(1)).min(weights / (shape.0 * shape.1));
            (0..count).map_while(|_| pack(shape)).collect()
        });
        let x = (0..TOKENS * COLS).map(|i| (i % 17) as f32 - 8.0).collect();
        let y = vec![0.0; TOKENS * LARGE];
        let scratch = Scratch::new();
        Some(Self {
            format,
            kernel,
            pool,
            small,
            large,
            sets,
            x,
            y,
            scratch,
            calls: Vec::new(),
            resident: Default::default(),
            matrix: Vec::new(),
        })
    }

    /// s of `times` products of `tokens` tokens with the matrices, one after the other.
    fn seconds(&mut self, which: Which, tokens: usize, times: usize) -> f64 {
        let Self { pool, small, large, sets, x, y, scratch, .. } = self;
        let list: Vec<&Matrix> = match which {
            Which::Small => vec![&*small],
            Which::Large => vec![&*large],
            Which::Set(i) => sets[i].iter().collect(),
        };
        let took = limits::time(pool, || {
            for _ in 0..times {
                for m in &list {
                    matmul(pool, &x[..tokens * m.cols()], tokens, &[*m], &mut [&mut y[..tokens * m.rows()]], scratch);
                }
            }
        });
        took.as_secs_f64()
    }

    pub fn round(&mut self) {
        // Some milliseconds each; the first of a kind warms up.
        self.seconds(Which::Large, 1, 2);
        for _ in 0..4 {
            let small = self.seconds(Which::Small, 1, 40) / 40.0;
            let large = self.seconds(Which::Large, 1, 20) / 20.0;
            self.calls.push((small, large));
        }
        for i in 0..self.sets.len() {
            let bytes: usize = self.sets[i].iter().map(Matrix::bytes).sum();
            if bytes > 0 {
                // Round and round, as a model reads its weights token by token: what a cache keeps of them counts.
                self.seconds(Which::Set(i), 1, 1);
                for _ in 0..2 {
                    let seconds = self.seconds(Which::Set(i), 1, 1);
                    self.resident[i].push(bytes as f64 / seconds);
                }
            }
        }
        self.seconds(Which::Small, TOKENS, 1);
        for _ in 0..2 {
            let seconds = self.seconds(Which::Large, TOKENS, 1);
            self.matrix.push(2.0 * (TOKENS * LARGE * COLS) as f64 / seconds);
        }
    }

    /// One product of a prompt, as a load: bytes of weights read, and operations.
    pub fn multiply(&mut self) -> (f64, f64) {
        self.seconds(Which::Large, TOKENS, 1);
        (self.large.bytes() as f64, 2.0 * (TOKENS * LARGE * COLS) as f64)
    }

    /// What the rounds say; `None` before the first.
    #[must_use]
    pub fn done(self) -> Option<Product> {
        let more = (LARGE - SMALL) as f64 * COLS as f64;
        let rates: Vec<f64> = self.calls.iter().map(|(s, l)| 2.0 * more / (l - s)).collect();
        let small: Vec<f64> = self.calls.iter().map(|(s, _)| 1.0 / s).collect();
        let vector = Rate::of(&rates)?;
        // The fastest calls of both sizes: a straight line through them, at no rows.
        let small = 1.0 / Rate::of(&small)?.fast;
        let call_s = (small - 2.0 * (SMALL * COLS) as f64 / vector.fast).max(0.0);
        let resident = |i: usize| {
            let bytes = self.sets[i].iter().map(Matrix::bytes).sum();
            Some(Resident { rate: Rate::of(&self.resident[i])?, bytes })
        };
        Some(Product {
            format: self.format.name().into(),
            kernel: self.kernel.name().into(),
            bits_per_weight: self.large.bits_per_weight(),
            vector,
            call_s,
            large: resident(0),
            small: resident(1),
            matrix: Rate::of(&self.matrix)?,
        })
    }
}

#[derive(Clone, Copy)]
enum Which {
    Small,
    Large,
    Set(usize),
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::Wait;

    #[test]
    fn a_format_has_its_rates() {
        let pool = Arc::new(Pool::new(1, Wait::Park));
        let mut trials = Trials::new(Format::W4, pool, 6 << 20, 12 << 20).expect("every machine runs it");
        trials.round();
        trials.round();
        let p = trials.done().expect("two rounds");
        assert!((p.bits_per_weight - 4.5).abs() < 0.6, "{p:?}");
        assert!(p.vector.fast > 1e7 && p.matrix.fast > 1e7 && p.call_s < 0.1, "{p:?}");
        for set in [p.large, p.small] {
            let set = set.expect("six mebibytes");
            assert!(set.bytes > 4 << 20 && set.bytes <= 6 << 20 && set.rate.fast > 1e6, "{set:?}");
        }
    }

    #[test]
    fn without_memory_there_is_no_set() {
        let mut trials = Trials::new(Format::Sherry, Arc::new(Pool::new(1, Wait::Park)), 0, 1 << 30).expect("runs");
        trials.round();
        let p = trials.done().expect("a round");
        assert_eq!((p.large, p.small), (None, None));
    }
}
