//! What narrow hidden states cost: perplexity of SmolLM2 cut into two stages, at the bits between them.
//!
//! `WATTLINE_EVAL=FOLDER WINDOWS=8 cargo test -p node --lib what_narrow_states_cost -- --nocapture` takes WikiText-2's test
//! split from the folder; without, the text is what the small models of `training/` are validated on.

use super::states::{self, ADAPTIVE};
use engine::model::{Chunk, Input, Part, Want};
use engine::sample::log_softmax_at;
use engine::{File, Options, Stage, Token, Tokenizer, Workspace};
use kernels::{Pool, Wait};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CONTEXT: usize = 512;
const BATCH: usize = 64;

fn env(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn text() -> String {
    let folder = std::env::var_os("WATTLINE_EVAL").map(PathBuf::from);
    let given = folder.and_then(|f| std::fs::read_to_string(f.join("wikitext-2-raw-test.txt")).ok());
    given.unwrap_or_else(|| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../training/models/validation.txt");
        std::fs::read_to_string(path).expect("a text")
    })
}

struct Cut {
    front: Stage,
    back: Stage,
}

/// Mean negative log-likelihood of the windows' second halves, and bytes of a hidden state.
fn measure(cut: &Cut, windows: &[Vec<Token>], bits: Option<u8>) -> (f64, f64) {
    let (mut sum, mut scored, mut bytes, mut states) = (0.0, 0usize, 0usize, 0usize);
    let (mut work, cols) = (Workspace::new(), cut.front.config().hidden);
    for window in windows {
        let mut front = cut.front.sequence(16).expect("a cache");
        let mut back = cut.back.sequence(16).expect("a cache");
        for (start, tokens) in (0..).step_by(BATCH).zip(window.chunks(BATCH)) {
            let chunk = Chunk { sequence: &mut front, input: Input::Tokens(tokens), want: Want::All };
            let rows = cut.front.forward(&mut [chunk], &mut work).expect("rows").to_vec();
            let rows = bits.map_or(rows.clone(), |bits| {
                let (mut payload, mut back) = (Vec::new(), Vec::new());
                states::pack(&rows, cols, bits, &mut payload).expect("finite");
                bytes += payload.len();
                states += tokens.len();
                states::unpack(&payload, tokens.len(), cols, bits, &mut back).expect("what was packed");
                back
            });
            let want = if start < CONTEXT / 2 { Want::Nothing } else { Want::All };
            let chunk = Chunk { sequence: &mut back, input: Input::Hidden(&rows), want };
            let logits = cut.back.forward(&mut [chunk], &mut work).expect("logits");
            let targets = window.get(start + 1..).unwrap_or_default();
            for (row, target) in logits.chunks_exact(cut.back.config().vocab).zip(targets) {
                sum -= f64::from(log_softmax_at(row, *target));
                scored += 1;
            }
        }
    }
    (sum / scored as f64, bytes as f64 / states.max(1) as f64)
}

#[test]
fn what_narrow_states_cost() {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/wattline");
    let cache = std::env::var_os("WATTLINE_CACHE").map_or_else(home, PathBuf::from);
    let path = cache.join("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    if !path.is_file() {
        println!("SKIPPED: SmolLM2 is not in the model cache (cargo xtask fetch-model fetches it)");
        return;
    }
    let file = File::open(&path).expect("a model");
    let tokens = Tokenizer::new(&file).expect("a tokenizer").encode_prompt(&text()).expect("tokens");
    let windows: Vec<Vec<Token>> = tokens.chunks_exact(CONTEXT).take(env("WINDOWS", 1)).map(<[Token]>::to_vec).collect();
    let pool = Arc::new(Pool::new(1, Wait::default()));
    let layers = 30;
    let cuts = if std::env::var_os("WINDOWS").is_some() { vec![2, 9, 15, 21, 28] } else { vec![15] };
    for at in cuts {
        let stage = |part| {
            let options = Options { part: Some(part), ..Options::default() };
            Stage::load(&file, &options, Arc::clone(&pool)).expect("a stage")
        };
        let cut = Cut {
            front: stage(Part { embedding: true, layers: 0..at, head: false }),
            back: stage(Part { embedding: false, layers: at..layers, head: true }),
        };
        let (whole, _) = measure(&cut, &windows, None);
        let (half, half_bytes) = measure(&cut, &windows, Some(16));
        for bits in [16, 8, ADAPTIVE] {
            let (nll, bytes) = measure(&cut, &windows, Some(bits));
            let percent = 100.0 * ((nll - whole).exp() - 1.0);
            println!(
                "cut at {at}, {bits} bits: {bytes:.0} bytes a token, {:.2} x fewer than half precision, {:.2} bits a number, \
                 perplexity {:.3}, {percent:+.2} %",
                half_bytes / bytes,
                8.0 * bytes / cut.front.config().hidden as f64,
                nll.exp(),
            );
            if bits == ADAPTIVE {
                assert!(half_bytes >= 3.0 * bytes, "{bytes} of {half_bytes} bytes");
                // Of one window the perplexity itself is uncertain by a percent.
                let more = if windows.len() < 8 { 1.03f64 } else { 1.01 };
                assert!(nll - half < more.ln(), "perplexity {} after {}", nll.exp(), half.exp());
            }
        }
    }
}
