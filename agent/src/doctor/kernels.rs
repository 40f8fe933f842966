//! The kernel of each format with its speed on this machine.

use crate::clock::Watch;
use crate::print::{percent, short};
use crate::spread::Spread;
use ::kernels::{Format, Kernel, Matrix, Pool, Scratch, Trial, matmul};
use serde::Serialize;

/// A format or tensor class, and what multiplies it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Row {
    /// Tensor class; none where a format as such was measured.
    pub(super) class: Option<&'static str>,
    pub(super) format: &'static str,
    pub(super) kernel: &'static str,
    pub(super) bits_per_weight: f64,
    pub(super) bytes: usize,
    /// B/s of weights in a product with one token, median.
    pub(super) bytes_per_second: f64,
    /// Weights a second.
    pub(super) weights_per_second: f64,
}

/// Rows and columns of the trial matrix: 16.8 million weights, 2.6 MB (Sherry) to 34 MB (16 bits).
const ROWS: usize = 4096;
const COLS: usize = 4096;

/// Every format with the fastest kernel here, or a forced one.
pub(super) fn rows(pool: &Pool, forced: Option<Kernel>) -> Vec<Row> {
    let one = |format: Format| {
        let kernel = forced.unwrap_or_else(|| Kernel::best_for(format));
        let matrix = Matrix::pack(&Trial { format, rows: ROWS, cols: COLS }, format, kernel, pool).ok()?;
        Some(measure(None, &[&matrix], pool))
    };
    Format::ALL.into_iter().filter_map(one).collect()
}

/// Products of one token with matrices of one kind, one after the other.
pub(super) fn measure(class: Option<&'static str>, matrices: &[&Matrix], pool: &Pool) -> Row {
    let (mut weights, mut bytes, mut widest, mut longest) = (0, 0, 0, 0);
    for m in matrices {
        weights += m.rows() * m.cols();
        bytes += m.bytes();
        widest = widest.max(m.cols());
        longest = longest.max(m.rows());
    }
    let x: Vec<f32> = (0..widest).map(|i| (i % 17) as f32 - 8.0).collect();
    let mut y = vec![0.0; longest];
    let mut scratch = Scratch::new();
    let mut once = || {
        let watch = Watch::start();
        for m in matrices {
            matmul(pool, &x[..m.cols()], 1, &[*m], &mut [&mut y[..m.rows()]], &mut scratch);
        }
        watch.wall()
    };
    once();
    let seconds = Spread::of((0..7).map(|_| once())).map_or(f64::INFINITY, |s| s.median.max(1e-9));
    let first = matrices.first();
    Row {
        class,
        format: first.map_or("", |m| m.format().name()),
        kernel: first.map_or("", |m| m.kernel().name()),
        bits_per_weight: if weights > 0 { bytes as f64 * 8.0 / weights as f64 } else { 0.0 },
        bytes,
        bytes_per_second: bytes as f64 / seconds,
        weights_per_second: weights as f64 / seconds,
    }
}

pub(super) fn table(rows: &[Row], read: Option<f64>, threads: usize, model: Option<&str>) -> String {
    let of = model.map_or_else(|| format!("{ROWS} x {COLS} weights of each format"), |m| format!("tensor classes of {m}"));
    let bandwidth = read.map_or_else(|| "unknown".into(), |r| format!("{} GB/s", short(r * 1e-9)));
    let mut text = format!(
        "speed of {of} times one token, {threads} thread{}; read bandwidth {bandwidth} (what fits a cache may exceed it)\n",
        if threads == 1 { "" } else { "s" }
    );
    text += &format!(
        "  {:<22} {:<12} {:>6} {:>8} {:>8} {:>8} {:>11}\n",
        "", "kernel", "bits", "MB", "GB/s", "of read", "G weights/s"
    );
    for r in rows {
        let name = r.class.map_or_else(|| r.format.to_owned(), |c| format!("{c} {}", r.format));
        // Matrices that a cache holds may be read faster than memory.
        let share = read.filter(|x| *x > 0.0).map_or_else(|| "–".into(), |read| percent(r.bytes_per_second / read));
        text += &format!(
            "  {name:<22} {:<12} {:>6.2} {:>8} {:>8} {share:>8} {:>11}\n",
            r.kernel,
            r.bits_per_weight,
            short(r.bytes as f64 * 1e-6),
            short(r.bytes_per_second * 1e-9),
            short(r.weights_per_second * 1e-9)
        );
    }
    text
}
