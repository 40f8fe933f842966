//! Log-probabilities against llama.cpp's, on the same files.
//!
//! Both sides round activations to 8 bits a block, at other places and in another order, so that
//! numbers differ. Tolerances: the mean difference of log-probabilities along llama.cpp's own greedy
//! text, and the share of its tokens that are also this engine's likeliest.

use std::sync::Arc;

use engine::model::{Chunk, Input, Want};
use engine::sample::log_softmax_at;
use engine::{Options, Stage, Workspace};
use kernels::{Pool, Wait};

use crate::models::{PEERS, open, peer};

/// Mean absolute difference of log-probabilities, and the largest share of other choices.
const MEAN: f64 = 0.05;
const OTHERS: f64 = 0.05;

/// Output of the script on any file: `WATTLINE_PEER=peer.json WATTLINE_PEER_MODEL=model.gguf`.
#[test]
fn a_peers_output_is_compared() {
    let [Some(json), Some(model)] = ["WATTLINE_PEER", "WATTLINE_PEER_MODEL"].map(std::env::var_os) else {
        println!("SKIPPED: WATTLINE_PEER and WATTLINE_PEER_MODEL name no output of benches/peers/llama_cpp.py and no model");
        return;
    };
    let json = std::fs::read_to_string(json).expect("the script's output");
    if json.starts_with("SKIPPED") {
        println!("{}", json.trim());
        return;
    }
    let file = engine::File::open(std::path::Path::new(&model)).expect("a model");
    compare("the model", &file, &json);
}

#[test]
fn greedy_texts_have_llama_cpps_log_probabilities() {
    for (name, json) in PEERS {
        if let Some(file) = open(name) {
            compare(name, &file, json);
        }
    }
}

fn compare(name: &str, file: &engine::File, json: &str) {
    let pool = Arc::new(Pool::new(1, Wait::default()));
    let stage = Stage::load(file, &Options::default(), pool).expect("loaded");
    let vocab = stage.config().vocab;
    let mut work = Workspace::new();
    let (mut sum, mut worst, mut others, mut count) = (0.0, 0.0f64, 0, 0);
    for g in &peer(json).greedy {
        let mut sequence = stage.sequence(16).expect("bits");
        let mut logits = stage.prefill(&mut sequence, &g.prompt_tokens, &mut work).expect("fits");
        let forced = &g.tokens[..g.tokens.len() - 1];
        let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(forced), want: Want::All };
        logits.extend(stage.forward(&mut [chunk], &mut work).expect("fits"));
        for ((row, token), theirs) in logits.chunks_exact(vocab).zip(&g.tokens).zip(&g.logprobs) {
            let ours = f64::from(log_softmax_at(row, *token));
            sum += (ours - theirs).abs();
            worst = worst.max((ours - theirs).abs());
            others += usize::from(row.iter().any(|x| *x > row[*token as usize]));
            count += 1;
        }
    }
    let mean = sum / f64::from(count);
    println!("{name}: {count} tokens, mean difference {mean:.4}, largest {worst:.3}, other choices {others}");
    assert!(mean < MEAN, "{name}: mean {mean}");
    assert!((others as f64) < OTHERS * f64::from(count), "{name}: {others} of {count} tokens are others");
}
