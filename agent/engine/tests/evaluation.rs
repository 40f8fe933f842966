//! Quality of the fetched model, where file and text are there.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use engine::chat::{Message, Template};
use engine::eval::{Choices, perplexity, pick, question_prompt, wilson};
use engine::generate::{Event, Finish};
use engine::{Options, Precision, Request, Stage, Tokenizer, generate};
use kernels::{Format, Pool, Wait};

use crate::models::{SMOLLM2, open};

/// WikiText-2's raw test split, where `WATTLINE_EVAL` says.
fn wikitext() -> Option<String> {
    let name = "wikitext-2-raw-test.txt";
    let folder = std::env::var_os("WATTLINE_EVAL").map(PathBuf::from);
    let text = folder.and_then(|f| std::fs::read_to_string(f.join(name)).ok());
    if text.is_none() {
        println!("SKIPPED: {name} is not in the folder WATTLINE_EVAL");
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

#[derive(serde::Deserialize)]
struct Question {
    question: String,
    choices: Vec<String>,
    answer: String,
}

/// SmolLM2's makers publish 0.44 to 0.58 for ARC-Easy, by prompt; guessing gives 0.25. The first 40 questions.
#[test]
fn smollm2_picks_answers_better_than_chance() {
    let folder = std::env::var_os("WATTLINE_EVAL").map(PathBuf::from);
    let text = folder.and_then(|f| std::fs::read_to_string(f.join("arc-easy-test-500.jsonl")).ok());
    let Some(text) = text else {
        println!("SKIPPED: arc-easy-test-500.jsonl is not in the folder WATTLINE_EVAL");
        return;
    };
    let Some(file) = open(SMOLLM2) else { return };
    let tokenizer = Tokenizer::new(&file).expect("read");
    let stage = Stage::load(&file, &Options::default(), Arc::new(Pool::new(1, Wait::default()))).expect("loaded");
    let (mut plain, mut per_byte, mut n) = (0, 0, 0);
    for line in text.lines().take(40) {
        let q: Question = serde_json::from_str(line).expect("a question");
        let choices: Vec<String> = q.choices.iter().map(|c| format!(" {c}")).collect();
        let asked = Choices { prompt: &question_prompt(&q.question), choices: &choices };
        let picked = pick(&stage, &tokenizer, &asked, 16).expect("scored");
        let right = usize::from(q.answer.as_bytes()[0] - b'A');
        plain += usize::from(picked.likeliest == right);
        per_byte += usize::from(picked.likeliest_per_byte == right);
        n += 1;
    }
    println!("ARC-Easy, {n} questions: acc {:?}, acc_norm {:?}", wilson(plain, n), wilson(per_byte, n));
    assert!(plain > 12 && per_byte > 12, "{plain} and {per_byte} of {n}");
}

/// The beginning of llama.cpp's greedy answer on the same file; after it two words are nearly as likely.
#[test]
fn smollm2_chats() {
    let Some(file) = open(SMOLLM2) else { return };
    let tokenizer = Tokenizer::new(&file).expect("read");
    let stage = Stage::load(&file, &Options::default(), Arc::new(Pool::new(1, Wait::default()))).expect("loaded");
    let template = Template::new(&file, &tokenizer).expect("Jinja").expect("tuned to chat");
    let text = template.render(&[Message::new("user", "Write one sentence about the sea.")], true).expect("rendered");
    let prompt = tokenizer.encode_control(&text).expect("short");
    let mut heard = String::new();
    let g = generate(&stage, &tokenizer, &Request::greedy(&prompt, 40), &mut |event| {
        if let Event::Text { text, .. } = event {
            heard.push_str(text);
        }
        ControlFlow::Continue(())
    });
    let g = g.expect("answers");
    println!("{heard:?}, {:?}", g.usage);
    assert!(heard.starts_with("The sea is a vast and mysterious realm"), "{heard}");
    assert_eq!((g.answers[0].finish, &g.answers[0].text), (Finish::End, &heard));
}
