use super::*;
use engine::testing::Tiny;
use engine::{Options, Precision};
use kernels::{Format, Pool, Wait};
use std::sync::{Arc, Barrier};

fn stage() -> Stage {
    let file = Tiny { layers: 2, context: 40, ..Tiny::new("llama") }.file().expect("fits");
    let options = Options { precision: Precision::Format(Format::W4), ..Options::default() };
    Stage::load(&file, &options, Arc::new(Pool::new(1, Wait::Park))).expect("loads")
}

/// Prompt, then greedy tokens; how it ended.
fn answer(batch: &Batch, stage: &Stage, seed: Token, tokens: usize) -> (Vec<Token>, Option<EngineError>) {
    let mut sequence = Some(stage.sequence(16).expect("bits"));
    let prompt: Vec<Token> = (0..5 + seed % 7).map(|i| (i * 31 + seed * 17) % 250).collect();
    let (mut said, mut input) = (Vec::new(), prompt);
    let ended = loop {
        match batch.step(stage, &mut sequence, Input::Tokens(&input), Want::Last) {
            Ok(logits) => {
                assert_eq!(logits.len(), stage.config().vocab);
                let best = (0..logits.len()).reduce(|b, i| if logits[i] > logits[b] { i } else { b }).expect("some");
                said.push(best as Token);
                input = vec![best as Token];
            }
            Err(e) => break Some(e),
        }
        if said.len() == tokens {
            break None;
        }
    };
    batch.leave();
    (said, ended)
}

#[test]
fn many_at_once_say_what_each_says_alone() {
    let stage = stage();
    let alone: Vec<_> = (0..12).map(|seed| answer(&Batch::default(), &stage, seed, 20).0).collect();
    // On a busy core each may run its steps while nobody else is awake; not a hundred times.
    let went_together = (0..100).any(|_| {
        let (steps, rows) = all_at_once(&stage, &alone);
        assert_eq!(rows, 12 * 20);
        steps < rows
    });
    assert!(went_together, "a step for each row, a hundred times");
}

/// Twelve requests in one batch, each as it is alone; how many steps, of how many rows.
fn all_at_once(stage: &Stage, alone: &[Vec<Token>]) -> (u64, u64) {
    let batch = Batch::default();
    let barrier = Barrier::new(alone.len());
    std::thread::scope(|s| {
        let threads: Vec<_> = (0..)
            .zip(alone)
            .map(|(seed, alone)| {
                let (batch, barrier) = (&batch, &barrier);
                let thread = s.spawn(move || {
                    barrier.wait();
                    answer(batch, stage, seed, 20).0
                });
                (thread, alone)
            })
            .collect();
        for (thread, alone) in threads {
            assert_eq!(thread.join().expect("ends"), *alone);
        }
    });
    let state = lock(&batch.state);
    assert!(!state.led && state.queue.is_empty());
    drop(state);
    batch.counts()
}

/// A request that outgrows the context is told so; those that go with it are not.
#[test]
fn an_error_is_of_the_one_whose_it_is() {
    let stage = stage();
    let batch = Batch::default();
    let short = answer(&Batch::default(), &stage, 1, 12).0;
    std::thread::scope(|s| {
        let long = s.spawn(|| answer(&batch, &stage, 2, 100));
        let others: Vec<_> =
            (0..4).map(|_| s.spawn(|| (0..4).map(|_| answer(&batch, &stage, 1, 12)).collect::<Vec<_>>())).collect();
        let (said, error) = long.join().expect("ends");
        assert!(matches!(error, Some(EngineError::Context { limit: 40, .. })), "{error:?} after {} tokens", said.len());
        for other in others {
            for (said, error) in other.join().expect("ends") {
                assert!(error.is_none(), "{error:?}");
                assert_eq!(said, short);
            }
        }
    });
}
