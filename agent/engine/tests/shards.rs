//! A stage that two devices share, in one process: two threads, sums in single precision.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use engine::model::{Chunk, Config, Input, Part, Partner, Shard, Want};
use engine::testing::Tiny;
use engine::{EngineError, File, Options, Precision, Stage, Token, Tokenizer, Workspace};
use kernels::{Pool, Wait};

use crate::models::{self, SMOLLM2};

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(1, Wait::Park))
}

fn options(precision: &str, part: Option<Part>) -> Options {
    Options { precision: Precision::named(precision).expect("known"), part, ..Options::default() }
}

/// One end of a wire between two halves. The hub adds, and tells the sum.
struct Wire {
    hub: bool,
    to: Sender<Vec<f32>>,
    from: Receiver<Vec<f32>>,
}

fn lost<E>(_: E) -> EngineError {
    EngineError::Input("the partner is lost".into())
}

impl Partner for Wire {
    fn begin(&mut self, states: &mut [f32]) -> Result<(), EngineError> {
        if self.hub { self.to.send(states.to_vec()).map_err(lost) } else { Ok(()) }
    }

    fn sum(&mut self, partial: &mut [f32]) -> Result<(), EngineError> {
        if self.hub {
            let other = self.from.recv().map_err(lost)?;
            partial.iter_mut().zip(other).for_each(|(a, b)| *a += b);
            return self.to.send(partial.to_vec()).map_err(lost);
        }
        self.to.send(partial.to_vec()).map_err(lost)?;
        partial.copy_from_slice(&self.from.recv().map_err(lost)?);
        Ok(())
    }
}

fn wires() -> [Wire; 2] {
    let ((there, theirs), (back, ours)) = (channel(), channel());
    [Wire { hub: true, to: there, from: ours }, Wire { hub: false, to: back, from: theirs }]
}

/// What is asked of both halves: tokens, and how many of them at a time.
fn together(halves: &[Stage; 2], steps: &[Vec<Token>], want: Want) -> Vec<Vec<f32>> {
    let [hub, worker] = halves;
    let [mut near, mut far] = wires();
    std::thread::scope(|scope| {
        let count = steps.len();
        scope.spawn(move || {
            let mut sequence = worker.sequence(16).expect("bits");
            let mut work = Workspace::new();
            for _ in 0..count {
                let states = far.from.recv().expect("states");
                let chunk = Chunk { sequence: &mut sequence, input: Input::Hidden(&states), want: Want::Nothing };
                worker.forward_shared(&mut [chunk], &mut work, &mut far).expect("fits");
            }
        });
        let mut sequence = hub.sequence(16).expect("bits");
        let mut work = Workspace::new();
        let step = |tokens: &Vec<Token>| {
            let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(tokens), want };
            hub.forward_shared(&mut [chunk], &mut work, &mut near).expect("fits")
        };
        steps.iter().map(step).collect()
    })
}

fn halves(file: &File, precision: &str, wide: usize, first: usize) -> [Stage; 2] {
    let config = Config::new(file).expect("sound");
    let [hub, worker] = Shard::pair(&config, wide, first).expect("divides");
    assert_eq!(Shard::pair_of(file, 0..config.layers, first).expect("divides"), [hub.clone(), worker.clone()]);
    let part = |ends: bool| Part { embedding: ends, layers: 0..config.layers, head: ends };
    let load =
        |shard: &Shard, ends: bool| Stage::load_shard(file, &options(precision, Some(part(ends))), shard, pool()).expect("loads");
    [load(&hub, true), load(&worker, false)]
}

/// Largest difference, over the largest number.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let most = a.iter().fold(0f32, |m, x| m.max(x.abs()));
    a.iter().zip(b).fold(0f32, |m, (a, b)| m.max((a - b).abs())) / most
}

fn best(logits: &[f32]) -> Token {
    (0..logits.len()).reduce(|b, i| if logits[i] > logits[b] { i } else { b }).unwrap_or(0) as Token
}

#[test]
fn two_halves_give_the_numbers_of_the_whole() {
    let shapes = [
        Tiny { kind: 3, ..Tiny::new("llama") },
        Tiny { own_head: true, heads: 6, kv_heads: 3, hidden: 96, wide: 256, ..Tiny::new("llama") },
        Tiny { kind: 3, hidden: 256, heads: 8, kv_heads: 4, head_dim: 32, wide: 512, ..Tiny::new("qwen2") },
        Tiny::new("qwen2"),
        Tiny::new("gemma3"),
    ];
    for tiny in shapes {
        let file = tiny.file().expect("fits");
        for precision in ["stored", "f16", "w8", "w6", "w4"] {
            let whole = Stage::load(&file, &options(precision, None), pool()).expect("loads");
            for first in 1..tiny.kv_heads as usize {
                let halves = halves(&file, precision, tiny.wide as usize, first);
                let steps: Vec<Vec<Token>> = vec![(0..9).map(|i| i * 7 % 200).collect(), vec![5], vec![9], vec![11, 12]];
                let found = together(&halves, &steps, Want::All);
                let mut sequence = whole.sequence(16).expect("bits");
                let mut work = Workspace::new();
                for (tokens, found) in steps.iter().zip(found) {
                    let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(tokens), want: Want::All };
                    let wanted = whole.forward(&mut [chunk], &mut work).expect("fits");
                    let off = difference(&wanted, &found);
                    // Half precision's sums in another order; below that, an activation may fall to the next of 255 steps.
                    let most = if precision == "f16" { 2e-3 } else { 3e-2 };
                    assert!(off <= most, "{} {precision} {first} of {} heads: {off}", tiny.architecture, tiny.kv_heads);
                }
                let sizes = [&halves[0], &halves[1]].map(|s| s.size().multiplied);
                let table = u64::from(tiny.hidden) * whole.config().vocab as u64;
                assert_eq!(sizes[0] + sizes[1], whole.size().multiplied, "nothing twice, nothing missing; {table} once");
            }
        }
    }
}

/// 9 heads and 3 KV heads: 6 and 3, with 2 and 1.
#[test]
fn smollm2_in_two_halves_says_what_it_says() {
    let Some(path) = models::path(SMOLLM2) else { return };
    let file = File::open(&path).expect("sound");
    let tokenizer = Tokenizer::new(&file).expect("sound");
    let prompt = tokenizer.encode_prompt("The capital of France is Paris. The capital of Germany is").expect("encodes");
    for precision in ["stored", "f16", "w8"] {
        let whole = Stage::load(&file, &options(precision, None), pool()).expect("loads");
        let mut sequence = whole.sequence(16).expect("bits");
        let mut work = Workspace::new();
        let mut steps = vec![prompt.clone()];
        let mut wanted = Vec::new();
        for _ in 0..24 {
            let tokens = steps.last().expect("one");
            let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(tokens), want: Want::Last };
            let logits = whole.forward(&mut [chunk], &mut work).expect("fits");
            steps.push(vec![best(&logits)]);
            wanted.push(logits);
        }
        steps.pop();
        let found = together(&halves(&file, precision, 1536, 2), &steps, Want::Last);
        let off = wanted.iter().zip(&found).map(|(a, b)| difference(a, b)).fold(0f32, f32::max);
        let text = |all: &[Vec<f32>]| tokenizer.decode(&all.iter().map(|l| best(l)).collect::<Vec<_>>());
        let others = wanted.iter().zip(&found).filter(|(a, b)| best(a) != best(b)).count();
        println!("{precision}: {off} of the largest logit, {others} of 24 other first choices, {:?}", text(&found));
        assert!(off <= if precision == "f16" { 5e-3 } else { 8e-2 }, "{precision}: {off}");
        // Other steps of 8-bit activations can turn what is nearly a tie.
        for (a, b) in wanted.iter().zip(&found).filter(|(a, b)| best(a) != best(b)) {
            let most = a.iter().fold(0f32, |m, x| m.max(x.abs()));
            let behind = a[best(a) as usize] - a[best(b) as usize];
            assert!(precision != "f16" && behind <= 2.0 * off * most, "{precision}: {behind} behind");
        }
        assert!(others <= 2, "{precision}: {others}");
    }
}

#[test]
fn halves_that_cannot_be_are_refused() {
    let tiny = Tiny::new("llama");
    let file = tiny.file().expect("fits");
    let config = Config::new(&file).expect("sound");
    for first in [0, 2, 3] {
        assert!(Shard::pair(&config, 96, first).is_err(), "{first} of 2 KV heads");
    }
    assert!(Shard::pair(&config, 32, 1).is_err(), "one block has no halves");
    assert!(Shard::pair_of(&file, 0..0, 1).is_err() && Shard::pair_of(&file, 0..99, 1).is_err(), "layers that are not there");
    let load = |shard: Shard, precision: &str| Stage::load_shard(&file, &options(precision, None), &shard, pool());
    let [first, _] = Shard::pair(&config, 96, 1).expect("divides");
    for shard in [
        Shard { kv_heads: 0..3, ..first.clone() },
        Shard { kv_heads: 1..1, ..first.clone() },
        Shard { wide: 0..128, ..first.clone() },
        Shard { wide: 16..64, ..first.clone() },
    ] {
        let error = load(shard.clone(), "w8").expect_err("no part of it");
        assert!(matches!(error, EngineError::Input(_) | EngineError::Unsupported(_)), "{shard:?}: {error}");
    }
    assert!(load(first.clone(), "ternary+lr4").expect_err("corrected").to_string().contains("not divided"));
    // Alone it says nothing, and a partner that is lost leaves nothing behind.
    let stage = load(first, "w8").expect("loads");
    let mut sequence = stage.sequence(16).expect("bits");
    let mut work = Workspace::new();
    let mut chunk = [Chunk { sequence: &mut sequence, input: Input::Tokens(&[1, 2]), want: Want::Last }];
    assert!(stage.forward(&mut chunk, &mut work).expect_err("half").to_string().contains("forward_shared"));
    let [mut near, far] = wires();
    drop(far);
    assert!(stage.forward_shared(&mut chunk, &mut work, &mut near).is_err());
    assert_eq!(sequence.len(), 0);
}
