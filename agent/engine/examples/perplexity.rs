//! `cargo run --release -p engine --example perplexity -- MODEL.gguf TEXT [WINDOWS [PRECISION…]]`:
//! perplexity of a text's first windows of 512 tokens at each precision, by llama.cpp's rule.
#![expect(clippy::print_stdout, reason = "it is what the example is for")]

use std::path::Path;
use std::sync::Arc;

use engine::eval::perplexity;
use engine::{EngineError, File, Options, Precision, Stage, Tokenizer};
use kernels::{Format, Pool, Wait};

fn main() -> Result<(), EngineError> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wrong = || EngineError::Input("MODEL.gguf TEXT [WINDOWS [PRECISION…]]".into());
    let (model, text) = (args.first().ok_or_else(wrong)?, args.get(1).ok_or_else(wrong)?);
    let windows = args.get(2).map_or(Some(4), |n| n.parse().ok()).ok_or_else(wrong)?;
    let precisions: Vec<Precision> = match args.get(3..).unwrap_or_default() {
        [] => std::iter::once(Precision::Stored).chain(Format::ALL.map(Precision::Format)).collect(),
        names => names.iter().map(|n| Precision::named(n).ok_or_else(wrong)).collect::<Result<_, _>>()?,
    };
    let text = std::fs::read_to_string(text).map_err(|source| EngineError::File { path: text.into(), source })?;
    let file = File::open(Path::new(model))?;
    let tokenizer = Tokenizer::new(&file)?;
    let pool = Arc::new(Pool::new(1, Wait::default()));
    println!("precision   bits/weight  MB      perplexity  +-     scored");
    for precision in precisions {
        let stage = Stage::load(&file, &Options { precision, ..Options::default() }, Arc::clone(&pool))?;
        let size = stage.size();
        let p = perplexity(&stage, &tokenizer, &text, 512, Some(windows), 16)?;
        println!(
            "{:<11} {:<12.4} {:<7.1} {:<11.4} {:<6.2} {}",
            precision.name(),
            size.bits_per_weight,
            size.bytes as f64 / 1e6,
            p.perplexity,
            p.error,
            p.scored
        );
    }
    Ok(())
}
