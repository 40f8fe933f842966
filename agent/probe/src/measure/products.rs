//! Products of the engine's own kernels, format by format: one token with weights in cache (arithmetic decides),
//! one token with weights in memory (reading decides, in part), many tokens (prefill).

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
    /// B/s of weights of a product with one token, weights in memory; absent where the set was not made.
    pub resident: Option<Rate>,
    /// Bytes of weights of that.
    pub resident_bytes: usize,
    /// Operations a second of a product with [`TOKENS`] tokens.
    pub matrix: Rate,
}

/// Measures one format round by round.
pub struct Trials {
    format: Format,
    kernel: Kernel,
    pool: Arc<Pool>,
    small: Matrix,
    large: Matrix,
    set: Vec<Matrix>,
    x: Vec<f32>,
    y: Vec<f32>,
    scratch: Scratch,
    /// s of one small and one large call, in pairs.
    calls: Vec<(f64, f64)>,
    resident: Vec<f64>,
    matrix: Vec<f64>,
}

impl std::fmt::Debug for Trials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trials({} on {})", self.format, self.kernel)
    }
}

impl Trials {
    /// With a set of weights in memory of at most `bytes` bytes and `weights` weights; 0 for none.
    ///
    /// `None` where the machine has no kernel for the format.
    #[must_use]
    pub fn new(format: Format, pool: Arc<Pool>, bytes: usize, weights: usize) -> Option<Self> {
        let kernel = Kernel::best_for(format);
        let pack = |rows: usize| Trial::pack(format, (rows, COLS), kernel, &pool).ok();
        let (small, large) = (pack(SMALL)?, pack(LARGE)?);
        let count = (bytes / large.bytes().max(1)).min(weights / (LARGE * COLS));
        let set = (0..count).map_while(|_| pack(LARGE)).collect();
        let x = (0..TOKENS * COLS).map(|i| (i % 17) as f32 - 8.0).collect();
        let y = vec![0.0; TOKENS * LARGE];
        let scratch = Scratch::new();
        Some(Self {
            format,
            kernel,
            pool,
            small,
            large,
            set,
            x,
            y,
            scratch,
            calls: Vec::new(),
            resident: Vec::new(),
            matrix: Vec::new(),
        })
    }

    /// s of `times` products of `tokens` tokens with the matrices, one after the other.
    fn seconds(&mut self, which: Which, tokens: usize, times: usize) -> f64 {
        let Self { pool, small, large, set, x, y, scratch, .. } = self;
        let list: Vec<&Matrix> = match which {
            Which::Small => vec![&*small],
            Which::Large => vec![&*large],
            Which::Set => set.iter().collect(),
        };
        let x = &x[..tokens * COLS];
        let took = limits::time(pool, || {
            for _ in 0..times {
                for m in &list {
                    matmul(pool, x, tokens, &[*m], &mut [&mut y[..tokens * m.rows()]], scratch);
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
        if !self.set.is_empty() {
            let bytes: usize = self.set.iter().map(Matrix::bytes).sum();
            // Round and round, as a model reads its weights token by token: what a cache keeps of them counts.
            self.seconds(Which::Set, 1, 1);
            for _ in 0..2 {
                let seconds = self.seconds(Which::Set, 1, 1);
                self.resident.push(bytes as f64 / seconds);
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
        Some(Product {
            format: self.format.name().into(),
            kernel: self.kernel.name().into(),
            bits_per_weight: self.large.bits_per_weight(),
            vector,
            call_s,
            resident: Rate::of(&self.resident),
            resident_bytes: self.set.iter().map(Matrix::bytes).sum(),
            matrix: Rate::of(&self.matrix)?,
        })
    }
}

#[derive(Clone, Copy)]
enum Which {
    Small,
    Large,
    Set,
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::Wait;

    #[test]
    fn a_format_has_its_rates() {
        let pool = Arc::new(Pool::new(1, Wait::Park));
        let mut trials = Trials::new(Format::W4, pool, 4 << 20, 8 << 20).expect("every machine runs it");
        trials.round();
        trials.round();
        let p = trials.done().expect("two rounds");
        assert!((p.bits_per_weight - 4.5).abs() < 0.6, "{p:?}");
        assert!(p.vector.fast > 1e7 && p.matrix.fast > 1e7 && p.call_s < 0.1, "{p:?}");
        assert!(p.resident_bytes > 2 << 20 && p.resident_bytes <= 4 << 20, "{p:?}");
        assert!(p.resident.is_some_and(|r| r.fast > 1e6), "{p:?}");
    }

    #[test]
    fn without_memory_there_is_no_set() {
        let mut trials = Trials::new(Format::Sherry, Arc::new(Pool::new(1, Wait::Park)), 0, 1 << 30).expect("runs");
        assert_eq!(trials.set.len(), 0);
        trials.round();
        assert_eq!(trials.done().expect("a round").resident, None);
    }
}
