//! Quality of the fetched model, where file and text are there.

use std::path::PathBuf;
use std::sync::Arc;

use engine::eval::perplexity;
use engine::{Options, Precision, Stage, Tokenizer};
use kernels::{Format, Pool, Wait};

use crate::models::{SMOLLM2, open};

/// WikiText-2's raw test split, where `WATTLINE_EVAL_DATA` says.
fn wikitext() -> Option<String> {
    let name = "wikitext-2-raw-test.txt";
    let folder = std::env::var_os("WATTLINE_EVAL_DATA").map(PathBuf::from);
    let text = folder.and_then(|f| std::fs::read_to_string(f.join(name)).ok());
    if text.is_none() {
        println!("SKIPPED: {name} is not in the folder WATTLINE_EVAL_DATA");
    }
    text
}

/// llama.cpp, same file, text and windows: Q4_1 as stored 22.79, requantised to Q8_0 22.75.
#[test]
fn perplexity_of_smollm2_is_that_of_llama_cpp() {
    let (Some(file), Some(text)) = (open(SMOLLM2), wikitext()) else { return };
    let tokenizer = Tokenizer::new(&file).expect("read");
    let pool = Arc::new(Pool::new(1, Wait::default()));
    for (precision, wanted) in [(Precision::Stored, 22.79), (Precision::Format(Format::W8), 22.75)] {
        let options = Options { precision, ..Options::default() };
        let stage = Stage::load(&file, &options, Arc::clone(&pool)).expect("loaded");
        let found = perplexity(&stage, &tokenizer, &text, 512, Some(4), 16).expect("long enough");
        println!(
            "{}: {:.4} +- {:.2}, {} scored, {:.3} bits",
            precision.name(),
            found.perplexity,
            found.error,
            found.scored,
            stage.size().bits_per_weight
        );
        assert_eq!(found.scored, 4 * 255);
        assert!((found.perplexity / wanted - 1.0).abs() < 0.005, "{}: {}", precision.name(), found.perplexity);
    }
}
