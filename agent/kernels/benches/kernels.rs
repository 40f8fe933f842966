//! Speed of every format and kernel beside the machine's limits, measured in the same run.
//!
//! `cargo bench -p kernels -- [threads=1] [mib=256] [kernel=avx512-vnni] [format=w4] [tokens=512] [rounds=9]`
//!
//! Decode: one token times a matrix larger than the cache, as GB/s, share of the read rate taken right
//! before and after it, and weights per second; the fastest quarter of the runs, beside the median. Prefill: `tokens` tokens times 4096 × 2048, as operations per second
//! and share of the kernel's int8 peak.

#![expect(clippy::print_stdout, clippy::expect_used, reason = "a benchmark prints its table")]

use kernels::{Format, Kernel, KvLayer, Matrix, Pool, Query, Scratch, Span, Wait, attention_with, limits, matmul};
use std::time::Duration;

fn option(name: &str) -> Option<String> {
    std::env::args().find_map(|a| a.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
}

fn number(name: &str, usual: usize) -> usize {
    option(name).and_then(|v| v.parse().ok()).unwrap_or(usual)
}

/// Median and fastest quarter of `rounds` runs after one that warms up. One thread: its time on the CPU.
fn time(pool: &Pool, rounds: usize, mut f: impl FnMut(usize)) -> (Duration, Duration) {
    f(0);
    let mut times: Vec<Duration> = (0..rounds).map(|i| limits::time(pool, || f(i))).collect();
    times.sort();
    (times[rounds / 2], times[rounds / 4])
}

fn main() {
    let threads = number("threads", 1);
    let (mib, tokens, rounds) = (number("mib", 256), number("tokens", 512), number("rounds", 5).max(1));
    let pool = Pool::new(threads, Wait::default());
    let peaks: Vec<(Kernel, f64)> =
        Kernel::available().into_iter().filter_map(|k| Some((k, limits::int8_peak(&pool, k)?))).collect();
    println!("{threads} threads, {mib} MiB of matrices, {rounds} rounds");
    for (kernel, peak) in &peaks {
        println!("int8 peak {kernel}: {:.0} Gop/s", peak / 1e9);
    }
    println!(
        "| format | kernel | bits | decode GB/s | median | read GB/s | share | Gweights/s | prefill Gop/s | share of peak |"
    );
    println!("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for format in Format::ALL.into_iter().filter(|f| option("format").is_none_or(|n| n.split(',').any(|n| n == f.name()))) {
        for (kernel, peak) in peaks.iter().filter(|(k, _)| option("kernel").map_or(*k != Kernel::Scalar, |n| n == k.name())) {
            line(&pool, format, *kernel, *peak, mib << 20, tokens, rounds);
        }
    }
    println!("| attention, 32 heads over 8 of 128, 4096 positions | kernel | ms | GB/s of the cache |");
    println!("| --- | --- | ---: | ---: |");
    for bits in [16, 8, 4] {
        for (kernel, _) in peaks.iter().filter(|(k, _)| option("kernel").map_or(*k != Kernel::Scalar, |n| n == k.name())) {
            attend(&pool, *kernel, bits, rounds);
        }
    }
}

/// One token's attention in one layer of an 8B shape.
fn attend(pool: &Pool, kernel: Kernel, bits: u8, rounds: usize) {
    let (heads, kv_heads, dim, len) = (32, 8, 128, 4096);
    let values: Vec<f32> = (0..len * kv_heads * dim).map(|i| (i as f32 * 0.37).sin()).collect();
    let mut layer = KvLayer::new(kv_heads, dim, bits);
    layer.append(&values, &values, len);
    let spans = [Span { layer: &layer, start: 0, len }];
    let q = &values[..heads * dim];
    let mut out = vec![0.0; heads * dim];
    let (_, best) =
        time(pool, 4 * rounds, |_| attention_with(kernel, pool, &[Query { q, spans: &spans }], heads, 0.088, None, &mut out));
    println!(
        "| {bits} bits | {kernel} | {:.2} | {:.1} |",
        best.as_secs_f64() * 1e3,
        layer.bytes() as f64 / best.as_secs_f64() / 1e9
    );
}

fn line(pool: &Pool, format: Format, kernel: Kernel, peak: f64, bytes: usize, tokens: usize, rounds: usize) {
    // Matrices of 32 MiB that together exceed the cache: short runs find quiet moments on a shared machine.
    let cols = 4096;
    let mut scratch = Scratch::new();
    let small = Matrix::random(128, cols, format, kernel, 1, pool).expect("an available kernel");
    let rows = ((32 << 20) as f64 / small.bits_per_weight() * 8.0 / cols as f64) as usize / 64 * 64;
    let several: Vec<Matrix> = (0..(bytes >> 25).max(1))
        .map(|i| Matrix::random(rows, cols, format, kernel, i as u64, pool).expect("an available kernel"))
        .collect();
    let x: Vec<f32> = (0..cols).map(|i| (i as f32 * 0.37).sin()).collect();
    let mut y = vec![0.0; rows];
    let before = limits::read_bandwidth_of(pool, bytes, 2).unwrap_or(f64::NAN);
    let (middle, best) =
        time(pool, rounds * several.len(), |i| matmul(pool, &x, 1, &[&several[i % several.len()]], &mut [&mut y], &mut scratch));
    let after = limits::read_bandwidth_of(pool, bytes, 2).unwrap_or(f64::NAN);
    let read = before.max(after);
    let rate = |t: Duration| several[0].bytes() as f64 / t.as_secs_f64();
    let weights = (rows * cols) as f64 / best.as_secs_f64();
    let bits = several[0].bits_per_weight();
    let (fast, slow) = (rate(best), rate(middle));
    drop(several);

    // Prefill, where it is asked for.
    let tokens = tokens.max(1);
    let (rows, cols) = (number("rows", 4096), number("cols", 2048));
    let m = Matrix::random(rows, cols, format, kernel, 2, pool).expect("an available kernel");
    let x: Vec<f32> = (0..tokens * cols).map(|i| (i as f32 * 0.37).sin()).collect();
    let mut y = vec![0.0; tokens * rows];
    let (_, best) = time(pool, rounds, |_| matmul(pool, &x, tokens, &[&m], &mut [&mut y], &mut scratch));
    let operations = 2.0 * (rows * cols * tokens) as f64 / best.as_secs_f64();
    println!(
        "| {format} | {kernel} | {bits:.2} | {:.1} | {:.1} | {:.1} | {:.0} % | {:.1} | {:.0} | {:.0} % |",
        fast / 1e9,
        slow / 1e9,
        read / 1e9,
        100.0 * fast / read,
        weights / 1e9,
        operations / 1e9,
        100.0 * operations / peak
    );
}
