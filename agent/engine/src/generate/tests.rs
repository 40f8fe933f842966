//! Tiny models answer: the same from the same seed, together as alone, and within their budget.

use std::ops::ControlFlow;
use std::sync::Arc;

use kernels::{Format, Pool, Wait};

use super::*;
use crate::testing::Tiny;
use crate::{EngineError, Options, Precision, Stage, Tokenizer};

struct Model {
    stage: Stage,
    tokenizer: Tokenizer,
}

fn model() -> Model {
    let file = Tiny::new("llama").file().expect("fits");
    let options = Options { precision: Precision::Format(Format::F16), ..Options::default() };
    let stage = Stage::load(&file, &options, Arc::new(Pool::new(1, Wait::Park))).expect("loads");
    Model { stage, tokenizer: Tokenizer::new(&file).expect("sound") }
}

fn run(m: &Model, request: &Request<'_>) -> Result<Generation, EngineError> {
    generate(&m.stage, &m.tokenizer, request, &mut |_| ControlFlow::Continue(()))
}

const PROMPT: &[Token] = &[1, 2, 3, 4, 5];

fn samples(n: usize, parallel: usize) -> Request<'static> {
    Request { samples: n, parallel, sampling: Sampling::at(1.0, 5), ..Request::greedy(PROMPT, 20) }
}

#[test]
fn a_seed_gives_the_same_answers_however_many_run_together() {
    let m = model();
    let together = run(&m, &samples(5, 5)).expect("answers");
    assert_eq!(together.answers.len(), 5);
    assert_eq!(together.answers.iter().map(|a| a.sample).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    for parallel in [1, 2] {
        let some = run(&m, &samples(5, parallel)).expect("answers");
        let tokens = |g: &Generation| g.answers.iter().map(|a| a.tokens.clone()).collect::<Vec<_>>();
        assert_eq!(tokens(&some), tokens(&together));
    }
    assert_ne!(together.answers[0].tokens, together.answers[1].tokens);
    // The first sample is the one that is drawn alone.
    assert_eq!(run(&m, &samples(1, 1)).expect("one").answers[0].tokens, together.answers[0].tokens);
}

#[test]
fn tokens_and_time_are_counted() {
    let m = model();
    let joules = std::cell::Cell::new(0.0);
    let read = || {
        joules.set(joules.get() + 2.0);
        Some(joules.get())
    };
    let g = run(&m, &Request { energy: Some(&read), ..samples(3, 3) }).expect("answers");
    assert_eq!(g.usage.prompt_tokens, 5);
    assert_eq!(g.usage.generated_tokens, g.answers.iter().map(|a| a.tokens.len()).sum::<usize>());
    assert!(g.usage.cpu_seconds > 0.0 && g.usage.prefill_seconds > 0.0 && g.usage.decode_seconds > 0.0);
    assert_eq!(g.usage.joules, Some(2.0));
    assert!(g.cache_bytes > 0);
    assert_eq!(run(&m, &samples(1, 1)).expect("answers").usage.joules, None);
}

#[test]
fn text_that_is_heard_is_the_answers_text() {
    let m = model();
    let mut heard = vec![String::new(); 3];
    let mut ends = 0;
    let g = generate(&m.stage, &m.tokenizer, &samples(3, 2), &mut |event| {
        match event {
            Event::Text { sample, text } => heard[sample].push_str(text),
            Event::Finished(_) => ends += 1,
        }
        ControlFlow::Continue(())
    });
    let g = g.expect("answers");
    assert_eq!(ends, 3);
    for a in &g.answers {
        assert_eq!(a.text, heard[a.sample]);
        assert_eq!(a.logprobs.len(), a.tokens.len() + usize::from(a.finish == Finish::End));
        assert!(a.mean_logprob() < 0.0);
    }
}

#[test]
fn a_budget_ends_an_answer_and_a_close_is_forced_before() {
    let m = model();
    let plain = run(&m, &Request::greedy(PROMPT, 6)).expect("answers").answers.remove(0);
    assert_eq!((plain.tokens.len(), plain.finish, plain.closed), (6, Finish::Budget, false));
    let close = Close { text: vec![7, 8, 9], tokens: 4 };
    let budget = Budget { tokens: 6, close: Some(close) };
    let a = run(&m, &Request { budget, ..Request::greedy(PROMPT, 6) }).expect("answers").answers.remove(0);
    assert_eq!((a.tokens.len(), a.finish, a.closed), (6 + 3 + 4, Finish::Budget, true));
    assert_eq!((&a.tokens[..6], &a.tokens[6..9]), (&plain.tokens[..], &[7, 8, 9][..]));
    assert_eq!(a.logprobs.len(), 10, "what is forced has no probability");
    // After the close comes what the model says to such a text.
    let prompt = [PROMPT, &a.tokens[..9]].concat();
    let next = run(&m, &Request::greedy(&prompt, 4)).expect("answers").answers.remove(0);
    assert_eq!(next.tokens, a.tokens[9..]);
}

#[test]
fn stop_texts_are_cut_off_and_never_heard() {
    let m = model();
    let text = run(&m, &Request::greedy(PROMPT, 30)).expect("answers").answers.remove(0).text;
    let at = text.char_indices().nth(text.chars().count() / 2).expect("some").0;
    let stop = [text[at..].chars().take(2).collect::<String>()];
    let first = text.find(&stop[0]).expect("inside");
    let mut heard = String::new();
    let g = generate(&m.stage, &m.tokenizer, &Request { stop: &stop, ..Request::greedy(PROMPT, 30) }, &mut |event| {
        if let Event::Text { text, .. } = event {
            heard.push_str(text);
        }
        ControlFlow::Continue(())
    });
    let a = g.expect("answers").answers.remove(0);
    assert_eq!((a.finish, &a.text[..], &heard[..]), (Finish::Stop, &text[..first], &text[..first]));
}

#[test]
fn the_context_ends_an_answer_too() {
    let m = model();
    let g = run(&m, &Request::greedy(PROMPT, 10_000)).expect("answers");
    let a = &g.answers[0];
    if a.finish == Finish::Budget {
        // The last token needs no place of its own.
        assert_eq!(PROMPT.len() + a.tokens.len(), 128 + 1);
    } else {
        assert!(PROMPT.len() + a.tokens.len() <= 128);
    }
}

#[test]
fn breaking_off_cancels_what_runs() {
    let m = model();
    let mut texts = 0;
    let g = generate(&m.stage, &m.tokenizer, &samples(6, 2), &mut |event| {
        if matches!(event, Event::Text { .. }) {
            texts += 1;
        }
        if texts >= 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let g = g.expect("answers");
    assert!(g.answers.len() < 6 && g.answers.iter().any(|a| a.finish == Finish::Cancelled));
}

#[test]
fn a_vote_stops_when_it_is_decided() {
    let m = model();
    // All agree: after 4 of 7 nothing can change.
    let request = samples(7, 1);
    let same = |_: &str| Some("x".to_owned());
    let v = voted(&m, &request, Pace::Together, &same);
    assert_eq!((v.winner.as_deref(), v.counted, v.generation.answers.len()), (Some("x"), 4, 4));
    // Nobody says anything: all are asked.
    for pace in [Pace::Together, Pace::AsNeeded] {
        let v = voted(&m, &request, pace, &|_| None);
        assert_eq!((v.winner, v.counted, v.tally.blank), (None, 7, 7));
    }
}

fn voted(m: &Model, request: &Request<'_>, pace: Pace, extract: &dyn Fn(&str) -> Option<String>) -> Voted {
    vote(&m.stage, &m.tokenizer, request, pace, extract, &mut |_| ControlFlow::Continue(())).expect("votes")
}

/// One of few answers, by the text's length: some votes are clear, some close, some blank.
fn by_length(few: usize) -> impl Fn(&str) -> Option<String> {
    move |text| (text.len() % few != few - 1).then(|| (text.len() % few).to_string())
}

#[test]
fn a_vote_begins_no_sample_that_it_can_do_without() {
    let m = model();
    let same = |_: &str| Some("x".to_owned());
    // All agree: four of seven are begun, though seven might run, and none is cancelled.
    let v = voted(&m, &samples(7, 7), Pace::AsNeeded, &same);
    assert_eq!((v.winner.as_deref(), v.counted, v.generation.answers.len()), (Some("x"), 4, 4));
    assert!(v.generation.answers.iter().all(|a| a.finish != Finish::Cancelled));
}

#[test]
fn every_pace_has_the_winner_of_all_samples_and_draws_what_a_replay_says() {
    let m = model();
    let mut fewer = 0;
    for (few, seed) in (2..5).flat_map(|few| (1..4).map(move |seed| (few, seed))) {
        let extract = by_length(few);
        for parallel in [3, 7] {
            let request = Request { sampling: Sampling::at(1.3, seed), ..samples(7, parallel) };
            let all = run(&m, &request).expect("answers");
            let mut tally = Tally::new(7);
            all.answers.iter().for_each(|a| tally.count(extract(&a.text)));
            let mut drawn = Vec::new();
            for pace in [Pace::Together, Pace::AsNeeded] {
                let v = voted(&m, &request, pace, &extract);
                assert_eq!(v.winner.as_deref(), tally.winner(), "{pace:?}, {few} answers, seed {seed}, {parallel} together");
                let tokens: usize = v.generation.answers.iter().map(|a| a.logprobs.len()).sum();
                let told = replay(&all.answers, parallel, pace, &extract);
                assert_eq!((told.tokens, told.samples), (tokens, v.generation.answers.len()), "{pace:?}");
                drawn.push(tokens);
            }
            fewer += usize::from(drawn[1] < drawn[0]);
        }
    }
    assert!(fewer > 5, "{fewer} votes took fewer tokens as needed");
}

#[test]
fn a_replay_counts_steps_and_tokens() {
    let answer = |sample, text: &str, tokens| Answer {
        sample,
        text: text.into(),
        tokens: vec![0; tokens],
        logprobs: vec![-1.0; tokens],
        finish: Finish::End,
        closed: false,
    };
    let last = |text: &str| Some(text.to_owned());
    let at = |answers: &[Answer], pace| {
        let e = replay(answers, answers.len(), pace, &last);
        (e.tokens, e.steps, e.samples)
    };
    // Two of three agree after 5 steps: of the long one's 100 tokens 5 are drawn, or it is begun after the 5.
    let answers = [answer(0, "4", 5), answer(1, "7", 100), answer(2, "4", 3)];
    assert_eq!(at(&answers, Pace::Together), (13, 5, 3));
    // The first two run; after 5 steps 4 leads, one more vote decides and one runs: nothing is begun until it ends.
    assert_eq!(at(&answers, Pace::AsNeeded), (108, 103, 3));
    let answers = [answer(0, "4", 5), answer(1, "4", 6), answer(2, "7", 100)];
    assert_eq!((at(&answers, Pace::Together), at(&answers, Pace::AsNeeded)), ((17, 6, 3), (11, 6, 2)));
    // No two agree: all run to their end.
    let answers = [answer(0, "1", 5), answer(1, "2", 9), answer(2, "3", 7)];
    assert_eq!((at(&answers, Pace::Together), at(&answers, Pace::AsNeeded)), ((21, 9, 3), (21, 16, 3)));
    assert_eq!(at(&[], Pace::Together), (0, 0, 0));
}

#[test]
fn as_many_are_needed_as_can_decide() {
    // Any votes of up to nine samples: the leader gets `needed` more and has won; with one fewer it has not.
    for n in 1..=9 {
        for state in 0..4_usize.pow(4) {
            let mut t = Tally::new(n);
            (0..4).map(|i| state / 4_usize.pow(i) % 4).take(n).for_each(|vote| t.count((vote > 0).then(|| vote.to_string())));
            let with = |more: usize| {
                let mut t = t.clone();
                let leader = t.winner().unwrap_or("new").to_owned();
                (0..more).for_each(|_| t.count(Some(leader.clone())));
                t.is_decided()
            };
            let needed = t.needed();
            assert!(with(needed) && (needed == 0 || !with(needed - 1)), "{t:?} needs {needed}");
        }
    }
}

#[test]
fn equal_votes_go_to_the_lowest_sample_whoever_ends_first() {
    let m = model();
    // Two samples that disagree, whichever is longer: the winner is the first sample's.
    for seed in 1..12 {
        let request = Request { sampling: Sampling::at(1.3, seed), ..samples(2, 2) };
        let all = run(&m, &request).expect("answers");
        let own = |text: &str| Some(text.to_owned());
        assert_eq!(voted(&m, &request, Pace::Together, &own).winner.as_deref(), Some(&all.answers[0].text[..]));
    }
}

#[test]
fn the_winner_is_that_of_all_votes() {
    let count = |votes: &[Option<&str>], n: usize| {
        let mut t = Tally::new(n);
        votes.iter().for_each(|v| t.count(v.map(Into::into)));
        t
    };
    let t = count(&[Some("a"), Some("b"), None, Some("b")], 7);
    assert_eq!((t.winner(), t.is_decided(), t.outstanding), (Some("b"), false, 3));
    assert!(count(&[Some("a"), Some("b"), None, Some("b"), Some("b"), Some("b")], 7).is_decided());
    // Equal: the one that was given first, and only when all have voted.
    let t = count(&[Some("b"), Some("a"), Some("a"), Some("b")], 4);
    assert_eq!((t.winner(), t.is_decided()), (Some("b"), true));
    assert_eq!(Tally::new(3).winner(), None);
    assert!(!Tally::new(3).is_decided());
}

#[test]
fn the_best_is_the_likeliest_whole_answer() {
    let answer = |sample, logprobs: &[f32], finish| Answer {
        sample,
        text: String::new(),
        tokens: Vec::new(),
        logprobs: logprobs.to_vec(),
        finish,
        closed: false,
    };
    let list = [
        answer(0, &[-1.0, -2.0], Finish::End),
        answer(1, &[-1.0], Finish::Budget),
        answer(2, &[-0.1], Finish::Cancelled),
        answer(3, &[], Finish::End),
        answer(4, &[-1.0], Finish::End),
    ];
    assert_eq!(best_of(&list).map(|a| a.sample), Some(1));
    assert_eq!(best_of(&[]), None);
}

#[test]
fn requests_that_cannot_be_are_errors() {
    let m = model();
    assert!(run(&m, &Request::greedy(&[], 5)).is_err());
    assert!(run(&m, &Request::greedy(PROMPT, 0)).is_err());
    assert!(run(&m, &Request { samples: 0, ..Request::greedy(PROMPT, 5) }).is_err());
    assert!(run(&m, &Request { parallel: 0, ..Request::greedy(PROMPT, 5) }).is_err());
    assert!(run(&m, &Request { kv_bits: 3, ..Request::greedy(PROMPT, 5) }).is_err());
    let budget = Budget { tokens: 5, close: Some(Close { text: vec![u32::MAX], tokens: 1 }) };
    assert!(run(&m, &Request { budget, ..Request::greedy(PROMPT, 5) }).is_err());
    assert!(matches!(run(&m, &Request::greedy(&[1; 129], 5)), Err(EngineError::Context { .. })));
}
