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
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// How long `f` runs on this pool. With one thread this is the thread's own time on the CPU, so that busy
/// neighbours do not count; with several it is the time on the wall.
pub fn time(pool: &Pool, f: impl FnOnce()) -> Duration {
    if pool.threads() == 1
        && let Some(before) = thread_time()
    {
        f();
        return thread_time().map_or(Duration::ZERO, |after| after.saturating_sub(before));
    }
    let began = now();
    f();
    began.elapsed()
}

#[cfg(unix)]
fn thread_time() -> Option<Duration> {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock writes one timespec.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut t) } == 0;
    (done && t.tv_sec >= 0).then(|| Duration::new(t.tv_sec as u64, t.tv_nsec as u32))
}

#[cfg(not(unix))]
fn thread_time() -> Option<Duration> {
    None
}

/// The duration that `part / whole` of the others do not exceed; zero for none.
fn quantile(mut times: Vec<Duration>, part: usize, whole: usize) -> Duration {
    times.sort();
    times.get(times.len() * part / whole).copied().unwrap_or_default()
}

/// Bytes per second that all threads of the pool read together from [`READ_BYTES`] of memory on huge
/// pages, with the widest loads of this machine and the kernels' prefetch. None when the memory cannot be had.
///
/// The memory is read twice in windows of 32 MiB; the rate is the fastest quarter's, because neighbours only
/// ever take away.
pub fn read_bandwidth(pool: &Pool) -> Option<f64> {
    read_bandwidth_of(pool, READ_BYTES, 2)
}

/// The same over `bytes` and `passes`.
pub fn read_bandwidth_of(pool: &Pool, bytes: usize, passes: usize) -> Option<f64> {
    const PART: usize = 64 << 10;
    let window = bytes.min(32 << 20) / PART * PART;
    if window == 0 {
        return None;
    }
    let windows = bytes / window;
    let mut buffer = Buffer::apart(windows * window)?;
    // Touch every page: a page never written is the shared page of zeros.
    for page in buffer.bytes_mut().chunks_mut(4096) {
        page[0] = 1;
    }
    let start = Start(buffer.as_ptr());
    let kernel = Kernel::available().last().copied().unwrap_or(Kernel::Scalar);
    let times = (0..passes.max(1) * windows).map(|i| {
        let base = i % windows * window;
        let parts = |_, range: Range<usize>| read(kernel, start, base + range.start * PART..base + range.end * PART);
        time(pool, || pool.split(window / PART, 16, &parts))
    });
    let time = quantile(times.collect(), 1, 4);
    (time > Duration::ZERO).then(|| window as f64 / time.as_secs_f64())
}

/// Memory that is read again and again, for rates by working set: every page is touched once, when it is made.
#[derive(Debug)]
pub struct Sheet(Buffer);

/// What one sample of [`Sheet::rates`] reads at least, bytes: some milliseconds of memory, more of a cache.
const SAMPLE: usize = 32 << 20;
/// Passes over a working set that are compared with as many before them, and the share that they must save to go on.
const SETTLING: (usize, f64) = (8, 0.02);
/// Most passes, and most bytes, that settling takes.
const SETTLED: (usize, usize) = (32, 4 << 30);

/// Runs `pass` over a working set of `bytes` until it gets no faster. A last-level cache that adapts its replacement takes
/// many passes to keep what is read round and round: 4 to 6 of a set that fits it, 20 and more of one that is
/// little larger (measured, `docs/probe.md`). A model reads its weights that often in seconds.
pub fn settle(bytes: usize, mut pass: impl FnMut() -> Duration) {
    let most = SETTLED.0.min(SETTLED.1 / bytes.max(1)).max(1);
    let (group, saves) = SETTLING;
    let mut before = Duration::MAX;
    for first in (0..most).step_by(group) {
        let best = (first..most.min(first + group)).map(|_| pass()).min().unwrap_or_default();
        if best.as_secs_f64() > before.as_secs_f64() * (1.0 - saves) {
            return;
        }
        before = best;
    }
}

/// What [`read`] takes at once with the widest registers.
const GRAIN: usize = 512;

impl Sheet {
    /// `None` when the memory cannot be had.
    pub fn new(bytes: usize) -> Option<Self> {
        let mut buffer = Buffer::zeroed(bytes.next_multiple_of(GRAIN))?;
        for page in buffer.bytes_mut().chunks_mut(4096) {
            page[0] = 1;
        }
        Some(Self(buffer))
    }

    /// Bytes of it.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }

    /// Bytes per second, sample by sample, that the pool's threads together read from the first `set` bytes, each
    /// from its own part, round and round once that gets no faster ([`settle`]). Nothing for a set that is larger than
    /// the sheet, or too small to share.
    pub fn rates(&self, pool: &Pool, set: usize, samples: usize) -> Vec<f64> {
        let part = set / pool.threads() / GRAIN * GRAIN;
        if part == 0 || set > self.0.len() {
            return Vec::new();
        }
        let start = Start(self.0.as_ptr());
        let kernel = Kernel::available().last().copied().unwrap_or(Kernel::Scalar);
        // A large set is read window by window, a small one several times over.
        let window = part.min(SAMPLE / pool.threads() / GRAIN * GRAIN);
        let (windows, loops) = (part / window, (SAMPLE / pool.threads()).div_ceil(window));
        let once = |w: usize, loops: usize| {
            time(pool, || {
                pool.run(&|thread| {
                    let from = thread * part + w * window;
                    (0..loops).for_each(|_| read(kernel, start, from..from + window));
                });
            })
        };
        settle(set, || (0..windows).map(|w| once(w, 1)).sum());
        let rate = |i: usize| {
            let took = once(i % windows, loops).as_secs_f64();
            (took > 0.0).then(|| (window * loops * pool.threads()) as f64 / took)
        };
        (0..samples).filter_map(rate).collect()
    }
}

#[derive(Clone, Copy)]
struct Start(*const u8);
// SAFETY: the buffer behind it is only read.
unsafe impl Send for Start {}
// SAFETY: as above.
unsafe impl Sync for Start {}

fn read(kernel: Kernel, start: Start, range: Range<usize>) {
    let p = start.0.wrapping_add(range.start);
    match kernel {
        // SAFETY: the kernel is available, and the range is whole parts of the buffer.
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512Vnni => unsafe { crate::avx512::read(p, range.len()) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::AvxVnni => unsafe { crate::avx2::vnni::read(p, range.len()) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx2 => unsafe { crate::avx2::plain::read(p, range.len()) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Kernel::Neon | Kernel::NeonDotprod | Kernel::NeonI8mm => unsafe { crate::neon::read(p, range.len()) },
        // SAFETY: plain Rust runs everywhere; the range as above.
        _ => unsafe { read_with::<Plain>(p, range.len()) },
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
                L::prefetch(p.wrapping_add(at + 64 * line));
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

/// Operations per second (a multiply-add is two) of `kernel`'s int8 dot product on all threads, from registers:
/// the limit of a matrix product. The fastest quarter of 8 runs of a few milliseconds. `None` if this machine cannot run it.
pub fn int8_peak(pool: &Pool, kernel: Kernel) -> Option<f64> {
    const ROUNDS: usize = 50_000;
    if !kernel.is_available() {
        return None;
    }
    let once = || time(pool, || pool.run(&|_| peak(kernel, ROUNDS)));
    once();
    let time = quantile((0..8).map(|_| once()).collect(), 1, 4);
    let lanes = if kernel == Kernel::Scalar { Plain::ROWS } else { kernel.lanes() };
    // `smmla` sums eight products a lane, every other instruction four.
    let products = if kernel == Kernel::NeonI8mm { 8 } else { 4 };
    let operations = 2 * products * lanes * CHAINS * ROUNDS * pool.threads();
    (time > Duration::ZERO).then(|| operations as f64 / time.as_secs_f64())
}

/// Independent accumulators: more than latency times throughput of any dot product (5 cycles, 2 a cycle).
pub(crate) const CHAINS: usize = 12;

fn peak(kernel: Kernel, rounds: usize) {
    match kernel {
        // SAFETY: `int8_peak` has asked whether the kernel is available.
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512Vnni => unsafe { crate::avx512::peak(rounds) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::AvxVnni => unsafe { crate::avx2::vnni::peak(rounds) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Kernel::Avx2 => unsafe { crate::avx2::plain::peak(rounds) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        Kernel::Neon | Kernel::NeonDotprod | Kernel::NeonI8mm => unsafe { crate::neon::peak(kernel, rounds) },
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
        if L::FULL_DOT {
            // One instruction: operands may stay in registers.
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
            return;
        }
        // Several: loaded anew in every round, no pair twice, so that none can be shared; eight chains, so that all fit
        // 16 registers. The count is made up by rounds.
        let (weights, activations) = (black_box([3_u8; 256]), black_box([2_i8; 64]));
        let mut acc = [L::splat(0); 8];
        for round in 0..rounds * CHAINS / 8 {
            let (w, a) = (weights.as_ptr().add(round % 2 * 64), activations.as_ptr().add(round % 8 * 4));
            let w = [L::load(w), L::load(w.add(64))];
            for (i, acc) in acc.iter_mut().enumerate() {
                *acc = L::dot(*acc, w[i % 2], L::quad(a.add(i / 2 * 4)));
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
    fn sheets_are_read_by_set() {
        let sheet = Sheet::new(1 << 20).unwrap();
        for threads in [1, 2] {
            let pool = Pool::new(threads, crate::Wait::Park);
            for set in [16 << 10, 1 << 20] {
                let rates = sheet.rates(&pool, set, 3);
                assert!(rates.len() == 3 && rates.iter().all(|r| *r > 1e7 && *r < 1e14), "{rates:?}");
            }
            assert!(sheet.rates(&pool, (1 << 20) + 512, 1).is_empty(), "more than there is");
            assert!(sheet.rates(&pool, 511, 1).is_empty(), "less than a grain");
        }
    }

    #[test]
    fn settling_ends_when_passes_get_no_faster() {
        let mut passes = 0_u32;
        settle(1 << 20, || {
            passes += 1;
            // Faster by a tenth every eight passes, to pass 16: the third eight see it, the fourth see no more.
            Duration::from_millis(1000 - 100 * u64::from((passes - 1) / 8).min(2))
        });
        assert_eq!(passes, 32);
        let mut passes = 0;
        settle(1 << 20, || {
            passes += 1;
            Duration::from_millis(5)
        });
        assert_eq!(passes, 16, "as fast in the second eight");
        let mut passes = 0;
        settle(2 << 30, || {
            passes += 1;
            Duration::from_millis(5)
        });
        assert_eq!(passes, 2, "no more than four gibibytes");
    }

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
