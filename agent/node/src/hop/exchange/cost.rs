//! What sharing a stage costs and gains on one machine: a token of the whole model on one thread, of two halves on a
//! thread each with the loopback between them, and the exchanges of a token alone. The times are printed and not
//! judged; that the logits are those of the whole, but for rounding, is.
//!
//! `SHARED_TOKENS=64 cargo test -p node --features testing --lib sharing_costs -- --nocapture` takes SmolLM2 from the cache.

use super::tests::ends;
use crate::clock;
use engine::model::{Chunk, Config, Input, Part, Partner as _, Shard, Want};
use engine::testing::Tiny;
use engine::{File, Options, Precision, Stage, Token, Workspace};
use kernels::{Pool, Wait};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

const ROUNDS: usize = 5;

/// SmolLM2 where more than a few tokens are asked for and it is there.
fn model(tokens: Option<usize>) -> (File, &'static str) {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/wattline");
    let cache = std::env::var_os("WATTLINE_CACHE").map_or_else(home, PathBuf::from);
    let path = cache.join("models/SmolLM2-135M-Instruct.Q4_1.gguf");
    if tokens.is_some() && path.is_file() {
        return (File::open(&path).expect("a model"), "SmolLM2-135M");
    }
    (Tiny { layers: 4, context: 512, ..Tiny::new("llama") }.file().expect("a model"), "a tiny model")
}

/// Seconds a token, and the logits of the last.
fn alone(whole: &Stage, tokens: usize) -> (f64, Vec<f32>) {
    let (mut sequence, mut work, mut logits) = (whole.sequence(16).expect("a cache"), Workspace::new(), Vec::new());
    let begun = clock::seconds();
    for i in 0..tokens {
        let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&[token(i)]), want: Want::Last };
        logits = whole.forward(&mut [chunk], &mut work).expect("a token");
    }
    ((clock::seconds() - begun) / tokens as f64, logits)
}

fn token(i: usize) -> Token {
    (i % 200) as Token
}

fn shared([leader, partner]: &[Stage; 2], tokens: usize) -> (f64, Vec<f32>) {
    let [mut near, mut far] = ends(leader.config().hidden);
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut sequence, mut work) = (partner.sequence(16).expect("a cache"), Workspace::new());
            for _ in 0..tokens {
                let states = far.states().expect("states");
                let chunk = Chunk { sequence: &mut sequence, input: Input::Hidden(&states), want: Want::Nothing };
                partner.forward_shared(&mut [chunk], &mut work, &mut far).expect("a token");
            }
        });
        let (mut sequence, mut work, mut logits) = (leader.sequence(16).expect("a cache"), Workspace::new(), Vec::new());
        let begun = clock::seconds();
        for i in 0..tokens {
            let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&[token(i)]), want: Want::Last };
            logits = leader.forward_shared(&mut [chunk], &mut work, &mut near).expect("a token");
        }
        ((clock::seconds() - begun) / tokens as f64, logits)
    })
}

/// States and sums of a token, nothing computed.
fn exchanged(cols: usize, layers: usize, tokens: usize) -> f64 {
    let [mut near, mut far] = ends(cols);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut numbers = vec![0.25; cols];
            for _ in 0..tokens {
                far.states().expect("states");
                (0..2 * layers).for_each(|_| far.sum(&mut numbers).expect("a sum"));
                numbers.fill(0.25);
            }
        });
        let mut numbers = vec![0.5; cols];
        let begun = clock::seconds();
        for _ in 0..tokens {
            near.begin(&mut numbers).expect("sent");
            (0..2 * layers).for_each(|_| near.sum(&mut numbers).expect("a sum"));
            numbers.fill(0.5);
        }
        (clock::seconds() - begun) / tokens as f64
    })
}

#[test]
fn sharing_costs_a_token() {
    let asked: Option<usize> = std::env::var("SHARED_TOKENS").ok().and_then(|n| n.parse().ok());
    let tokens = asked.unwrap_or(4);
    let (file, name) = model(asked);
    let config = Config::new(&file).expect("sound");
    let pool = || Arc::new(Pool::new(1, Wait::Park));
    for precision in ["f16", "w4"] {
        let options =
            |part| Options { part: Some(part), precision: Precision::named(precision).expect("known"), ..Options::default() };
        let whole = Stage::load(&file, &options(Part::whole(&config)), pool()).expect("loads");
        let first = config.kv_heads.div_ceil(2);
        let shards = Shard::pair_of(&file, 0..config.layers, first).expect("divides");
        let half = |leads: bool| {
            let part = Part { embedding: leads, layers: 0..config.layers, head: leads };
            Stage::load_shard(&file, &options(part), &shards[usize::from(!leads)], pool()).expect("loads")
        };
        let halves = [half(true), half(false)];
        // In turns, so that what else the machine does meets all.
        let mut off = 0f32;
        let round = |_| {
            let ((alone, wanted), (shared, found)) = (alone(&whole, tokens), shared(&halves, tokens));
            let most = wanted.iter().fold(0f32, |m, x| m.max(x.abs()));
            off = wanted.iter().zip(&found).fold(off, |m, (a, b)| m.max((a - b).abs() / most));
            [alone, shared, exchanged(config.hidden, config.layers, tokens)]
        };
        let rounds: Vec<[f64; 3]> = (0..ROUNDS).map(round).collect();
        let middle = |i: usize| {
            let mut all: Vec<f64> = rounds.iter().map(|r| r[i] * 1e3).collect();
            all.sort_by(f64::total_cmp);
            all[ROUNDS / 2]
        };
        let [alone, shared, exchanged] = [middle(0), middle(1), middle(2)];
        println!(
            "{name} at {precision}, {first} of {} KV heads first: alone {alone:.3} ms a token, shared {shared:.3} ms, ratio {:.2}; \
             {} exchanges alone {exchanged:.3} ms, {:.2} of a token alone; the last logits differ by {:.3} % of the largest",
            config.kv_heads,
            shared / alone,
            2 * config.layers,
            exchanged / alone,
            100.0 * off,
        );
        // What the engine's own halves differ by (`engine`, `shards`), and a rounding of each sum.
        assert!(off < if precision == "f16" { 0.02 } else { 0.2 }, "{precision}: {off}");
    }
}
