//! Products of the engine's own kernels, format by format: one token with weights in cache (arithmetic decides),
//! one token with weights in memory (reading decides, in part), many tokens (prefill).
//!
//! One token is measured at working sets beyond the cores' own caches: [`NEAR`], which a shared cache may keep, and
//! with some formats the growing ones of [`BEYOND`], where a shared cache keeps less and less. Small models lie among them.

use super::trial::Trial;
use crate::runs::Rate;
use kernels::{Format, Kernel, Matrix, Pool, Scratch, limits, matmul};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Columns of the trial matrices, and rows of the small and the large one: 0.5 and 2.1 million weights, which the
/// second-level cache holds at 8 bits and fewer.
const COLS: usize = 2048;
const SMALL: usize = 256;
const LARGE: usize = 1024;
/// Rows and columns of a matrix of a small model, and of one so small that a prompt's time is not its arithmetic alone.
const MODEL: (usize, usize) = (640, 640);
const TINY: (usize, usize) = (384, 384);
/// Products of the tiny matrix that are timed together.
const TINIES: usize = 8;
/// The near working set, bytes.
pub const NEAR: usize = 16 << 20;
/// Passes over the near set in one sample: a millisecond or two.
const NEAR_PASSES: usize = 2;
/// Samples of each set, when it is measured.
const SAMPLES: usize = 2;
/// The far set is read in one round of so many, in as many more samples.
const SELDOM: usize = 4;
/// Bytes of a matrix of the far one.
const WIDE: usize = 2 << 20;
/// Sets beyond, bytes; each is the beginning of the next.
pub const BEYOND: [usize; 5] = [48 << 20, 96 << 20, 144 << 20, 192 << 20, 384 << 20];
/// Formats that are measured with them, where all of them wait for the same bytes: packing more takes longer than
/// a quick probe has.
const FAR: [Format; 3] = [Format::F16, Format::W8, Format::W4];
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
    /// One token, weights as large as [`BEYOND`], ascending; empty where they were not made.
    #[serde(default)]
    pub far: Vec<Resident>,
    /// The same with [`NEAR`] bytes of weights.
    pub near: Option<Resident>,
    /// Operations a second of a product with [`TOKENS`] tokens.
    pub matrix: Rate,
    /// s of a row or column of a matrix for one of so many tokens: what quantising its input and storing its output
    /// take beside `matrix`, which was measured of a matrix with many columns to a row.
    #[serde(default)]
    pub edge_s: f64,
}

/// Products whose weights no second-level cache holds, read round and round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resident {
    /// B/s of weights, calls taken off.
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
    tiny: Matrix,
    near: Vec<Matrix>,
    far: Vec<Matrix>,
    /// Matrices of the far set that a working set is made of.
    beyond: Vec<usize>,
    x: Vec<f32>,
    y: Vec<f32>,
    scratch: Scratch,
    /// s of one small and one large call, in pairs.
    calls: Vec<(f64, f64)>,
    /// s of a round over the near set, and over each beyond.
    near_s: Vec<f64>,
    far_s: Vec<Vec<f64>>,
    matrix: Vec<f64>,
    tinies: Vec<f64>,
    rounds: usize,
}

impl std::fmt::Debug for Trials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Trials({} on {})", self.format, self.kernel)
    }
}

impl Trials {
    /// With sets beyond of `bytes` bytes at most where the format is one of those, and a near one; 0 for none.
    ///
    /// `None` where the machine has no kernel for the format.
    #[must_use]
    pub fn new(format: Format, pool: Arc<Pool>, bytes: usize) -> Option<Self> {
        let kernel = Kernel::best_for(format);
        let pack = |shape: (usize, usize)| Trial::pack(format, shape, kernel, &pool).ok();
        let (small, large, tiny) = (pack((SMALL, COLS))?, pack((LARGE, COLS))?, pack(TINY)?);
        let row = (large.bytes() / LARGE).max(1);
        let wide = (WIDE.div_ceil(row).next_multiple_of(SMALL), COLS);
        let beyond = if FAR.contains(&format) { bytes } else { 0 };
        let [near, far] = [(MODEL, bytes.min(NEAR)), (wide, beyond)].map(|(shape, bytes)| -> Vec<Matrix> {
            let each = (large.bytes() as f64 * (shape.0 * shape.1) as f64 / (LARGE * COLS) as f64) as usize;
            (0..bytes / each.max(1)).map_while(|_| pack(shape)).collect()
        });
        let each = far.first().map_or(usize::MAX, Matrix::bytes);
        // What rounding to whole matrices takes away is no reason to leave the largest out.
        let mut beyond: Vec<usize> = BEYOND.iter().filter(|b| **b <= beyond).map(|b| (b / each).min(far.len())).collect();
        if beyond.is_empty() && !far.is_empty() {
            beyond.push(far.len());
        }
        let far_s = vec![Vec::new(); beyond.len()];
        let x = (0..TOKENS * COLS).map(|i| (i % 17) as f32 - 8.0).collect();
        let y = vec![0.0; TOKENS * LARGE];
        let scratch = Scratch::new();
        Some(Self {
            format,
            kernel,
            pool,
            small,
            large,
            tiny,
            near,
            far,
            beyond,
            x,
            y,
            scratch,
            calls: Vec::new(),
            near_s: Vec::new(),
            far_s,
            matrix: Vec::new(),
            tinies: Vec::new(),
            rounds: 0,
        })
    }

    /// s of `times` products of `tokens` tokens with the matrices, one after the other.
    fn seconds(&mut self, which: Which, tokens: usize, times: usize) -> f64 {
        let Self { pool, small, large, tiny, near, far, x, y, scratch, .. } = self;
        let list: Vec<&Matrix> = match which {
            Which::Small => vec![&*small],
            Which::Large => vec![&*large],
            Which::Tiny => vec![&*tiny],
            Which::Near => near.iter().collect(),
            Which::Far(count) => far[..count].iter().collect(),
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
        // Round and round, as a model reads its weights token by token: what a cache keeps of them counts.
        if !self.near.is_empty() {
            self.settle(Which::Near, bytes(&self.near));
            for _ in 0..SAMPLES {
                let seconds = self.seconds(Which::Near, 1, NEAR_PASSES) / NEAR_PASSES as f64;
                self.near_s.push(seconds);
            }
        }
        let seldom = self.rounds.is_multiple_of(SELDOM);
        for (i, count) in self.beyond.clone().into_iter().enumerate().filter(|_| seldom) {
            self.settle(Which::Far(count), bytes(&self.far[..count]));
            for _ in 0..SAMPLES * SELDOM {
                let seconds = self.seconds(Which::Far(count), 1, 1);
                self.far_s[i].push(seconds);
            }
        }
        self.seconds(Which::Small, TOKENS, 1);
        for _ in 0..2 {
            let seconds = self.seconds(Which::Large, TOKENS, 1);
            self.matrix.push(2.0 * (TOKENS * LARGE * COLS) as f64 / seconds);
            let seconds = self.seconds(Which::Tiny, TOKENS, TINIES);
            self.tinies.push(TINIES as f64 / seconds);
        }
        self.rounds += 1;
    }

    fn settle(&mut self, which: Which, bytes: usize) {
        limits::settle(bytes, || Duration::from_secs_f64(self.seconds(which, 1, 1)));
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
        let resident = |set: &[Matrix], took: &[f64]| {
            let bytes = bytes(set);
            // Calls are counted by themselves; they are never most of the time.
            let calls_s = call_s * set.len() as f64;
            let rates: Vec<f64> = took.iter().map(|s| bytes as f64 / (s - calls_s).max(0.5 * s)).collect();
            Some(Resident { rate: Rate::of(&rates)?, bytes })
        };
        let matrix = Rate::of(&self.matrix)?;
        let large_s = 2.0 * (TOKENS * LARGE * COLS) as f64 / matrix.median;
        let edge_s = edge(large_s, 1.0 / Rate::of(&self.tinies)?.median);
        // What is left of the large product's time is arithmetic.
        let edges_s = edge_s * (TOKENS * (LARGE + COLS)) as f64;
        Some(Product {
            format: self.format.name().into(),
            kernel: self.kernel.name().into(),
            bits_per_weight: self.large.bits_per_weight(),
            vector,
            call_s,
            far: self.beyond.iter().zip(&self.far_s).filter_map(|(n, took)| resident(&self.far[..*n], took)).collect(),
            near: resident(&self.near, &self.near_s),
            matrix: matrix.times(large_s / (large_s - edges_s)),
            edge_s,
        })
    }
}

/// s of a row or column and token, from what the large and the tiny matrix took: both are weights times one cost, and
/// edges times another. At most half of the large one's time.
fn edge(large_s: f64, tiny_s: f64) -> f64 {
    let (large_weights, tiny_weights) = ((LARGE * COLS) as f64, (TINY.0 * TINY.1) as f64);
    let (large_edges, tiny_edges) = ((TOKENS * (LARGE + COLS)) as f64, (TOKENS * (TINY.0 + TINY.1)) as f64);
    let share = tiny_weights / large_weights;
    ((tiny_s - share * large_s) / (tiny_edges - share * large_edges)).clamp(0.0, 0.5 * large_s / large_edges)
}

#[derive(Clone, Copy)]
enum Which {
    Small,
    Large,
    Tiny,
    Near,
    Far(usize),
}

fn bytes(set: &[Matrix]) -> usize {
    set.iter().map(Matrix::bytes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::Wait;

    #[test]
    fn a_format_has_its_rates() {
        let pool = Arc::new(Pool::new(1, Wait::Park));
        let mut trials = Trials::new(Format::W4, pool, 6 << 20).expect("every machine runs it");
        trials.round();
        trials.round();
        let p = trials.done().expect("two rounds");
        assert!((p.bits_per_weight - 4.5).abs() < 0.6, "{p:?}");
        assert!(p.vector.fast > 1e7 && p.matrix.fast > 1e7 && p.call_s < 0.1, "{p:?}");
        assert_eq!(p.far.len(), 1, "less than the smallest set beyond is taken whole");
        for set in [p.far[0], p.near.expect("six mebibytes")] {
            assert!(set.bytes > 3 << 20 && set.bytes <= 6 << 20 && set.rate.fast > 1e6, "{set:?}");
        }
    }

    #[test]
    fn edges_are_told_from_weights() {
        let took = |rows: usize, cols: usize| 1e-9 * (rows * cols) as f64 + 1e-9 * (TOKENS * (rows + cols)) as f64;
        assert!((edge(took(LARGE, COLS), took(TINY.0, TINY.1)) / 1e-9 - 1.0).abs() < 1e-9);
        assert!(edge(1.0, 1e-9).abs() < 1e-15, "never below nothing");
    }

    #[test]
    fn without_memory_there_is_no_set() {
        let mut trials = Trials::new(Format::Sherry, Arc::new(Pool::new(1, Wait::Park)), 0).expect("runs");
        trials.round();
        let p = trials.done().expect("a round");
        assert_eq!((p.far, p.near), (Vec::new(), None));
    }
}
