//! What the machine allows: the read rate and the integer rate that kernels are measured against.

use crate::lanes::Lanes;
use crate::memory::Buffer;
use crate::plain::Plain;
use crate::{Kernel, Pool};
use std::hint::black_box;
use std::ops::Range;
use std::time::Duration;

/// Bytes read by [`read_bandwidth`]: more than most last-level caches.
pub const READ_BYTES: usize = 512 << 20;

/// Now, for measurements: the one place that reads a clock.
#[expect(clippy::disallowed_methods, reason = "a rate is bytes over time")]
pub(crate) fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// Median of some durations; zero for none.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Bytes per second that all threads of the pool read together from [`READ_BYTES`] of memory on huge
/// pages, with the widest loads of this machine and the kernels' prefetch: median of 5 passes. None when
/// the memory cannot be had.
pub fn read_bandwidth(pool: &Pool) -> Option<f64> {
    read_bandwidth_of(pool, READ_BYTES, 5)
}

/// The same over `bytes` and `passes`.
pub fn read_bandwidth_of(pool: &Pool, bytes: usize, passes: usize) -> Option<f64> {
    const PART: usize = 256 << 10;
    let parts = bytes / PART;
    let mut buffer = Buffer::zeroed(parts * PART)?;
    // Touch every page: a page never written is the shared page of zeros.
    for page in buffer.bytes_mut().chunks_mut(4096) {
        page[0] = 1;
    }
    let start = Start(buffer.as_ptr());
    let kernel = Kernel::available().last().copied().unwrap_or(Kernel::Scalar);
    let once = || {
        let began = now();
        pool.split(parts, 1, &|_, range| read(kernel, start, range.start * PART..range.end * PART));
        began.elapsed()
    };
    once();
    let time = median((0..passes).map(|_| once()).collect());
    (time > Duration::ZERO).then(|| (parts * PART) as f64 / time.as_secs_f64())
}

#[derive(Clone, Copy)]
struct Start(*const u8);
// SAFETY: the buffer behind it is only read.
unsafe impl Send for Start {}
// SAFETY: as above.
unsafe impl Sync for Start {}

fn read(kernel: Kernel, start: Start, range: Range<usize>) {
    match kernel {
        // SAFETY: the range is whole parts of the buffer.
        _ => unsafe { read_with::<Plain>(start.0.add(range.start), range.len()) },
    }
}

/// Reads `len` bytes, a multiple of 512.
///
/// # Safety
///
/// `len` readable bytes from `p`; the machine has the instructions of `L`.
#[inline(always)]
pub(crate) unsafe fn read_with<L: Lanes>(p: *const u8, len: usize) {
    // SAFETY: the caller's.
    unsafe {
        let mut acc = [L::splat(0); 8];
        let width = 4 * L::ROWS;
        let mut at = 0;
        while at < len {
            for line in 0..8 * width / 64 {
                L::prefetch(p.wrapping_add(at + AHEAD + 64 * line));
            }
            for (i, acc) in acc.iter_mut().enumerate() {
                *acc = L::or(*acc, L::load(p.add(at + i * width)));
            }
            at += 8 * width;
        }
        for acc in acc {
            black_box(acc);
        }
    }
}

/// How far ahead kernels prefetch: past the page where hardware prefetchers stop (kernel-peers, section 4).
pub(crate) const AHEAD: usize = 4096 + 512;

/// Operations per second (a multiply-add is two) of `kernel`'s int8 dot product on all threads, from registers:
/// the limit of a matrix product. Median of 5 runs of about 20 ms. `None` if this machine cannot run it.
pub fn int8_peak(pool: &Pool, kernel: Kernel) -> Option<f64> {
    const ROUNDS: usize = 200_000;
    if !kernel.is_available() {
        return None;
    }
    let once = || {
        let began = now();
        pool.run(&|_| peak(kernel, ROUNDS));
        began.elapsed()
    };
    once();
    let time = median((0..5).map(|_| once()).collect());
    let lanes = if kernel == Kernel::Scalar { Plain::ROWS } else { kernel.lanes() };
    let operations = 2 * 4 * lanes * CHAINS * ROUNDS * pool.threads();
    (time > Duration::ZERO).then(|| operations as f64 / time.as_secs_f64())
}

/// Independent accumulators: more than latency times throughput of any dot product (5 cycles, 2 a cycle).
const CHAINS: usize = 12;

fn peak(kernel: Kernel, rounds: usize) {
    match kernel {
        // SAFETY: plain Rust runs everywhere.
        _ => unsafe { peak_with::<Plain>(rounds) },
    }
}

/// # Safety
///
/// The machine has the instructions of `L`.
#[inline(always)]
pub(crate) unsafe fn peak_with<L: Lanes>(rounds: usize) {
    // SAFETY: the caller's.
    unsafe {
        let (w, a) = (black_box(L::splat(0x0102_0304)), black_box(L::splat(0x0403_0201)));
        let mut acc = [L::splat(0); CHAINS];
        for _ in 0..rounds {
            for acc in &mut acc {
                *acc = L::dot(*acc, w, a);
            }
        }
        for acc in acc {
            black_box(acc);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_rates() {
        let pool = Pool::new(1, crate::Wait::Park);
        let read = read_bandwidth_of(&pool, 8 << 20, 3).unwrap();
        assert!(read > 1e8 && read < 1e13, "{read} B/s");
        for kernel in Kernel::available() {
            let peak = int8_peak(&pool, kernel).unwrap();
            assert!(peak > 1e8 && peak < 1e14, "{kernel}: {peak} op/s");
        }
    }
}
