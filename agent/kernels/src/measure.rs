//! Which kernel is fastest here: measured once, remembered.

use crate::limits::{self, median};
use crate::{Affine, Format, Kernel, Matrix, Pool, Scratch, Source, Wait, matmul};
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

/// Rows and columns of the trial: a few hundred kilobytes to two megabytes, so that the second-level cache
/// holds it and the kernel, not the memory, decides.
const ROWS: usize = 256;
const COLS: usize = 2560;

impl Kernel {
    /// The fastest kernel of this machine for decoding with `format`: each available one multiplies a small
    /// matrix a few times, once in a process and format. Declared features do not decide, speed does.
    pub fn best_for(format: Format) -> Self {
        static CACHE: OnceLock<Mutex<BTreeMap<Format, Kernel>>> = OnceLock::new();
        let cache = CACHE.get_or_init(Mutex::default);
        let mut cache = cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *cache.entry(format).or_insert_with(|| fastest(format))
    }
}

fn fastest(format: Format) -> Kernel {
    let pool = Pool::new(1, Wait::Park);
    let timed = |kernel: &Kernel| time(format, *kernel, &pool).unwrap_or(Duration::MAX);
    // The specification is never faster than a vector kernel.
    let vector: Vec<Kernel> = Kernel::available().into_iter().filter(|k| *k != Kernel::Scalar).collect();
    if vector.len() == 1 { vector[0] } else { vector.into_iter().min_by_key(timed).unwrap_or(Kernel::Scalar) }
}

fn time(format: Format, kernel: Kernel, pool: &Pool) -> Option<Duration> {
    let matrix = Matrix::pack(&Trial(format), format, kernel, pool).ok()?;
    let x: Vec<f32> = (0..COLS).map(|i| (i % 17) as f32 - 8.0).collect();
    let mut y = vec![0.0; ROWS];
    let mut scratch = Scratch::new();
    let mut once = || {
        limits::time(pool, || {
            for _ in 0..4 {
                matmul(pool, &x, 1, &[&matrix], &mut [&mut y], &mut scratch);
            }
        })
    };
    once();
    Some(median((0..7).map(|_| once()).collect()))
}

/// Cheap weights: stored blocks, so that nothing is searched.
struct Trial(Format);

impl Source for Trial {
    fn rows(&self) -> usize {
        ROWS
    }
    fn cols(&self) -> usize {
        COLS
    }
    fn row(&self, row: usize, out: &mut [f32]) {
        for (i, w) in out.iter_mut().enumerate() {
            *w = [0.0, 1.0, -1.0, 1.0][(i + row) % 4];
        }
    }
    fn affine(&self) -> Option<Affine> {
        self.0.code_bits().map(|bits| Affine { bits, block: 32 })
    }
    fn affine_row(&self, row: usize, codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        let zero = 1_u32 << self.0.zero_log2();
        for (i, c) in codes.iter_mut().enumerate() {
            *c = ((i + row) as u32 % (2 * zero)) as u8;
        }
        scales.fill(1.0);
        mins.fill(-(zero as f32));
    }
}
