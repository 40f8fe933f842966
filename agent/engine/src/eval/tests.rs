use std::sync::Arc;

use kernels::{Format, Pool, Wait};

use super::*;
use crate::chat::Template;
use crate::generate::Pace;
use crate::model::{Chunk, Input, Want, Workspace};
use crate::sample::log_softmax_at;
use crate::testing::Tiny;
use crate::{File, Options, Precision, Request, Sampling, Stage, Tokenizer};

struct Model {
    file: File,
    stage: Stage,
    tokenizer: Tokenizer,
}

fn model(architecture: &'static str) -> Model {
    let file = Tiny::new(architecture).file().expect("fits");
    let options = Options { precision: Precision::Format(Format::F16), ..Options::default() };
    let stage = Stage::load(&file, &options, Arc::new(Pool::new(1, Wait::Park))).expect("loads");
    let tokenizer = Tokenizer::new(&file).expect("sound");
    Model { file, stage, tokenizer }
}

/// Log-probability of each token after the first, in one piece.
fn logprobs(m: &Model, tokens: &[u32]) -> Vec<f64> {
    let mut sequence = m.stage.sequence(16).expect("bits");
    let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&tokens[..tokens.len() - 1]), want: Want::All };
    let logits = m.stage.forward(&mut [chunk], &mut Workspace::new()).expect("fits");
    let rows = logits.chunks_exact(m.stage.config().vocab);
    rows.zip(&tokens[1..]).map(|(row, t)| f64::from(log_softmax_at(row, *t))).collect()
}

/// Which tokens from the second on no other beats.
fn likeliest(m: &Model, tokens: &[u32]) -> Vec<bool> {
    let mut sequence = m.stage.sequence(16).expect("16 bits");
    let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&tokens[..tokens.len() - 1]), want: Want::All };
    let logits = m.stage.forward(&mut [chunk], &mut Workspace::new()).expect("fits");
    let rows = logits.chunks_exact(m.stage.config().vocab).zip(&tokens[1..]);
    rows.map(|(row, t)| row.iter().all(|x| *x <= row[*t as usize])).collect()
}

#[test]
fn perplexity_scores_the_second_half_of_each_window() {
    for a in ["llama", "gemma3"] {
        let m = model(a);
        let text = "the hello and a hell, ".repeat(20);
        let context = 32;
        let found = perplexity(&m.stage, &m.tokenizer, &text, context, Some(3), 16).expect("long enough");
        let tokens = m.tokenizer.encode_prompt(&text).expect("short");
        let (mut scored, mut right) = (Vec::new(), 0);
        for window in tokens.chunks_exact(context).take(3) {
            let mut window = window.to_vec();
            if a == "gemma3" {
                window[0] = 1;
            }
            // The token at place i is told by the row at i - 1; places 17 to 31 are scored.
            scored.extend_from_slice(&logprobs(&m, &window)[context / 2..]);
            right += likeliest(&m, &window)[context / 2..].iter().filter(|r| **r).count();
        }
        // Random weights, so a near tie may fall the other way in another batch.
        assert!(found.right.abs_diff(right) <= 1, "{} {right}", found.right);
        assert_eq!((found.scored, found.windows, scored.len()), (3 * 15, 3, 3 * 15));
        let mean = -scored.iter().sum::<f64>() / scored.len() as f64;
        assert!((found.mean_nll - mean).abs() < 1e-2 * mean, "{} {mean}", found.mean_nll);
        assert!((found.perplexity - found.mean_nll.exp()).abs() < 1e-9 && found.error > 0.0);
        assert_eq!(found.after_window.len(), 3);
        assert!(perplexity(&m.stage, &m.tokenizer, "too short", context, None, 16).is_err());
    }
}

#[test]
fn choices_are_scored_as_if_each_were_alone() {
    let m = model("qwen2");
    let prompt = question_prompt("the hello?");
    let choices: Vec<String> = [" hello", " a hell and the", " x"].map(Into::into).to_vec();
    let picked = pick(&m.stage, &m.tokenizer, &Choices { prompt: &prompt, choices: &choices }, 16).expect("scored");
    for (choice, found) in choices.iter().zip(&picked.logprobs) {
        let before = m.tokenizer.encode(&prompt).expect("short").len();
        let tokens = m.tokenizer.encode(&format!("{prompt}{choice}")).expect("short");
        let alone: f64 = logprobs(&m, &tokens)[before - 1..].iter().sum();
        assert!((alone - found).abs() < 1e-2 * alone.abs(), "{choice}: {found} {alone}");
    }
    let best = (0..3).max_by(|a, b| picked.logprobs[*a].total_cmp(&picked.logprobs[*b]));
    assert_eq!(Some(picked.likeliest), best);
    for wrong in [vec![], vec![String::from(" ")]] {
        assert!(pick(&m.stage, &m.tokenizer, &Choices { prompt: &prompt, choices: &wrong }, 16).is_err());
    }
    assert!(pick(&m.stage, &m.tokenizer, &Choices { prompt: "", choices: &choices }, 16).is_err());
}

#[test]
fn problems_are_put_in_words_and_answered_by_vote() {
    // Three worked examples need more context than the tiny model has by default.
    let file = Tiny { context: 2048, ..Tiny::new("llama") }.file().expect("fits");
    let stage = Stage::load(&file, &Options::default(), Arc::new(Pool::new(1, Wait::Park))).expect("loads");
    let m = Model { tokenizer: Tokenizer::new(&file).expect("sound"), file, stage };
    let template = Template::new(&m.file, &m.tokenizer).expect("Jinja");
    let (text, _) = problem_prompt(&m.tokenizer, template.as_ref(), Prompting::Chat, "1 + 1?").expect("rendered");
    assert!(text.starts_with("<|im_start|>user\n1 + 1?\n\nSolve") && text.ends_with("<|im_start|>assistant\n"));
    assert!(problem_prompt(&m.tokenizer, None, Prompting::Chat, "1 + 1?").is_err());
    let (text, prompt) = problem_prompt(&m.tokenizer, None, Prompting::Examples, "1 + 1?").expect("written");
    assert_eq!(text.matches("Question: ").count(), 4);
    assert!(text.ends_with("\n\nQuestion: 1 + 1?\nAnswer:"));
    let problem = Problem { question: "1 + 1?".into(), answer: "2".into() };
    let request = Request { samples: 3, parallel: 3, sampling: Sampling::at(1.0, 1), ..Request::greedy(&prompt, 12) };
    let all = solve(&m.stage, &m.tokenizer, &request, &problem, None).expect("solved");
    assert_eq!(all.answers.len(), 3);
    assert_eq!(all.right, all.answers.iter().filter(|a| a.as_deref() == Some("2")).count());
    for pace in [Pace::Together, Pace::AsNeeded] {
        let early = solve(&m.stage, &m.tokenizer, &request, &problem, Some(pace)).expect("solved");
        assert_eq!(early.majority, all.majority, "stopping early changes no winner");
    }
}

#[test]
fn the_worked_examples_are_right() {
    let m = model("llama");
    let (text, _) = problem_prompt(&m.tokenizer, None, Prompting::Examples, "?").expect("written");
    let answers: Vec<_> = text.split("\n\n").filter_map(|part| part.split_once("#### ")).map(|(_, n)| n).collect();
    assert_eq!(answers, ["6", "12", "28"]);
    // 12 + 24 - 30; (240 - 60) / 15; 2 * 8 + 3 * 4.
}

#[test]
fn the_marked_number_counts_else_the_last() {
    let f = |t: &str| final_number(t);
    assert_eq!(f("3 + 4 = 7\n#### 7").as_deref(), Some("7"));
    assert_eq!(f("#### $1,234.50. That is 5% more").as_deref(), Some("1234.5"));
    assert_eq!(f("So she pays $18.").as_deref(), Some("18"));
    assert_eq!(f("It is -3 degrees").as_deref(), Some("-3"));
    assert_eq!(f("8-3 is").as_deref(), Some("3"));
    assert_eq!(f("#### none, but 12 before").as_deref(), Some("12"));
    assert_eq!(f("no number"), None);
    assert_eq!(f(""), None);
}

#[test]
fn numbers_have_one_spelling() {
    for (text, wanted) in
        [("007", "7"), ("1,000", "1000"), ("5.00", "5"), ("$0.50", "0.5"), ("-0", "0"), ("+3", "3"), (".5", "0.5")]
    {
        assert_eq!(normal_number(text).as_deref(), Some(wanted), "{text}");
    }
    for text in ["", "-", ".", "1e5", "x"] {
        assert_eq!(normal_number(text), None, "{text}");
    }
}

/// Values of R's `binom::binom.wilson`.
#[test]
fn intervals_are_wilsons() {
    for (right, n, low, high) in [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)]
    {
        let i = wilson(right, n);
        assert!((i.low - low).abs() < 5e-5 && (i.high - high).abs() < 5e-5, "{right} of {n}: {i:?}");
    }
    assert_eq!(wilson(0, 0), Interval { share: 0.0, low: 0.0, high: 1.0 });
}

#[test]
fn spread_over_questions_becomes_a_beta() {
    // Half of the questions always, half never: as far apart as can be.
    let b = beta_of_successes(&[8, 8, 8, 0, 0, 0], 8).expect("two kinds");
    assert!(b.a < 0.1 && (b.a - b.b).abs() < 1e-12, "{b:?}");
    // As even as chance: nearly one chance for all.
    let b = beta_of_successes(&[4, 4, 4, 4], 8).expect("defined");
    assert!(b.a > 100.0, "{b:?}");
    let mean = |b: Beta| b.a / (b.a + b.b);
    let b = beta_of_successes(&[1, 3, 0, 6, 2], 8).expect("defined");
    assert!((mean(b) - 12.0 / 40.0).abs() < 1e-12);
    assert_eq!(beta_of_successes(&[0, 0], 8), None);
    assert_eq!(beta_of_successes(&[1, 0], 1), None);
}
