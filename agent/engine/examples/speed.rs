//! `cargo run --release -p engine --example speed -- MODEL.gguf|1b|3b PRECISION [THREADS [PROMPT [NEW [DEPTH [profile]]]]]`:
//! tokens a second of prompt and decoding, the median of five repetitions, beside the machine's limits, and where the time goes.
#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::path::Path;
use std::sync::Arc;

use engine::bench::{Plan, Timing, bench, profile};
use engine::model::Shape;
use engine::{EngineError, File, Options, Precision, Stage};
use kernels::{Kernel, Pool, Wait, limits};

fn main() -> Result<(), EngineError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| args.get(i).and_then(|n| n.parse().ok()).unwrap_or(default);
    let wrong = || EngineError::Input("MODEL.gguf|1b|3b PRECISION [THREADS [PROMPT [NEW [DEPTH [profile]]]]]".into());
    let (model, precision) = (args.first().ok_or_else(wrong)?, args.get(1).ok_or_else(wrong)?);
    let precision = Precision::named(precision).ok_or_else(wrong)?;
    let options = Options { precision, ..Options::default() };
    let pool = Arc::new(Pool::new(number(2, 1), Wait::default()));
    let stage = match Shape::named(model) {
        Some(shape) => Stage::random(&shape, 1, &options, pool)?,
        None => Stage::load(&File::open(Path::new(model))?, &options, pool)?,
    };
    let plan = Plan { prompt: number(3, 512), new: number(4, 128), depth: number(5, 0), repetitions: 5, kv_bits: 16 };
    let kernel = stage.matrices().next().map_or(Kernel::Scalar, |(_, m)| m.kernel());
    let rates = || (limits::read_bandwidth(stage.pool()), limits::int8_peak(stage.pool(), kernel));
    let before = rates();
    let speed = bench(&stage, plan)?;
    let after = rates();
    let best = |a: Option<f64>, b: Option<f64>| a.unwrap_or(0.0).max(b.unwrap_or(0.0));
    let (read, peak) = (best(before.0, after.0), best(before.1, after.1));
    // By the clock of the limits: the processor time of one thread.
    let rate = |t: &Timing| if stage.pool().threads() == 1 { t.tokens_per_cpu_second() } else { t.tokens_per_second() };
    println!(
        "read {:.1} GB/s, {kernel} {:.0} Gop/s: prompt {:.1} % of the peak, decode {:.1} % of reading",
        read / 1e9,
        peak / 1e9,
        200.0 * rate(&speed.prefill) * speed.layer_multiplications as f64 / peak,
        100.0 * rate(&speed.decode) * speed.bytes_per_token as f64 / read
    );
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
    if args.iter().any(|a| a == "profile") {
        let profiles = profile(&stage, plan)?;
        for (what, lines) in [("prompt", &profiles.prefill), ("decode", &profiles.decode)] {
            for line in lines {
                println!(
                    "{what} {:<10} {:>10.1} us a token {:>6.1} % {:>7.2} GB/s",
                    line.op.name(),
                    line.seconds * 1e6,
                    line.share * 100.0,
                    if line.seconds > 0.0 { line.bytes as f64 / line.seconds / 1e9 } else { 0.0 }
                );
            }
        }
    }
    Ok(())
}
