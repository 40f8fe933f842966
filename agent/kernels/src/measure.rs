//! Which kernel is fastest here: measured once, remembered.

use crate::limits;
use crate::{Format, Kernel, Matrix, Pool, Scratch, Trial, Wait, matmul};
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

/// Rounds over all kernels; each one's fastest counts, because neighbours only ever take away.
const ROUNDS: usize = 8;
/// A wider kernel that decodes slower by no more than this share is taken: of many tokens it is the faster, by up to twice.
const NEARLY: f64 = 0.1;

fn fastest(format: Format) -> Kernel {
    // The specification is never faster than a vector kernel.
    let vector: Vec<Kernel> = Kernel::available().into_iter().filter(|k| *k != Kernel::Scalar).collect();
    if let [one] = vector[..] {
        return one;
    }
    let pool = Pool::new(1, Wait::Park);
    let pack = |kernel: Kernel| {
        Some((kernel, Matrix::pack(&Trial { format, rows: ROWS, cols: COLS }, format, kernel, &pool).ok()?, Duration::MAX))
    };
    let mut trials: Vec<(Kernel, Matrix, Duration)> = vector.into_iter().filter_map(pack).collect();
    let x: Vec<f32> = (0..COLS).map(|i| (i % 17) as f32 - 8.0).collect();
    let (mut y, mut scratch) = (vec![0.0; ROWS], Scratch::new());
    for _ in 0..ROUNDS {
        for (_, matrix, least) in &mut trials {
            let mut times = |times: usize| {
                limits::time(&pool, || {
                    for _ in 0..times {
                        matmul(&pool, &x, 1, &[&*matrix], &mut [&mut y], &mut scratch);
                    }
                })
            };
            times(1);
            *least = (*least).min(times(4));
        }
    }
    let times: Vec<(Kernel, f64)> = trials.into_iter().map(|(kernel, _, least)| (kernel, least.as_secs_f64())).collect();
    widest_of_the_fast(&times)
}

/// The last of the kernels, slowest first, that is nearly as fast as the fastest.
fn widest_of_the_fast(times: &[(Kernel, f64)]) -> Kernel {
    let least = times.iter().map(|(_, s)| *s).fold(f64::INFINITY, f64::min);
    times.iter().rev().find(|(_, s)| *s <= least * (1.0 + NEARLY)).map_or(Kernel::Scalar, |(kernel, _)| *kernel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_kernel_yields_to_a_clearly_faster_one_alone() {
        let of = |wide: f64| widest_of_the_fast(&[(Kernel::Avx2, 3.0), (Kernel::AvxVnni, 1.0), (Kernel::Avx512Vnni, wide)]);
        assert_eq!((of(0.5), of(1.09)), (Kernel::Avx512Vnni, Kernel::Avx512Vnni));
        assert_eq!(of(1.2), Kernel::AvxVnni);
        assert_eq!(widest_of_the_fast(&[]), Kernel::Scalar);
    }

    #[test]
    fn what_is_chosen_runs_here() {
        for format in Format::ALL {
            assert!(Kernel::best_for(format).is_available(), "{format}");
        }
    }
}
