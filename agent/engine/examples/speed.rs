//! `cargo run --release -p engine --example speed -- MODEL.gguf|1b|3b PRECISION [THREADS [PROMPT [NEW [DEPTH]]]]`:
//! tokens a second of prompt and decoding, the median of five repetitions.
#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::path::Path;
use std::sync::Arc;

use engine::bench::{Plan, bench};
use engine::model::Shape;
use engine::{EngineError, File, Options, Precision, Stage};
use kernels::{Pool, Wait};

fn main() -> Result<(), EngineError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| args.get(i).and_then(|n| n.parse().ok()).unwrap_or(default);
    let wrong = || EngineError::Input("MODEL.gguf|1b|3b PRECISION [THREADS [PROMPT [NEW [DEPTH]]]]".into());
    let (model, precision) = (args.first().ok_or_else(wrong)?, args.get(1).ok_or_else(wrong)?);
    let precision = Precision::named(precision).ok_or_else(wrong)?;
    let options = Options { precision, ..Options::default() };
    let pool = Arc::new(Pool::new(number(2, 1), Wait::default()));
    let stage = match Shape::named(model) {
        Some(shape) => Stage::random(&shape, 1, &options, pool)?,
        None => Stage::load(&File::open(Path::new(model))?, &options, pool)?,
    };
    let plan = Plan { prompt: number(3, 512), new: number(4, 128), depth: number(5, 0), repetitions: 5, kv_bits: 16 };
    let speed = bench(&stage, plan)?;
    println!(
        "{model} {} t={} {:.3} bits, {:.1} MB/token: prompt {:.1} tok/s ({:.1} per cpu-s, {:.0} Gop/s), decode {:.1} tok/s ({:.1} per cpu-s, {:.2} GB/s)",
        precision.name(),
        stage.pool().threads(),
        speed.bits_per_weight,
        speed.bytes_per_token as f64 / 1e6,
        speed.prefill.tokens_per_second(),
        speed.prefill.tokens_per_cpu_second(),
        speed.prefill_operations_per_second() / 1e9,
        speed.decode.tokens_per_second(),
        speed.decode.tokens_per_cpu_second(),
        speed.decode_bytes_per_second() / 1e9,
    );
    Ok(())
}
