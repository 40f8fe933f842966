//! Multiple choice by likelihood: which continuation of the question does the model find likeliest?
//!
//! The question is computed once; all choices stand on its cache and go through the model as one batch.

use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::model::{Chunk, Input, Sequence, Stage, Want, Workspace};
use crate::sample::log_softmax_at;
use crate::tokenizer::{Token, Tokenizer};

/// The prompt of a question, as in lm-evaluation-harness' ARC tasks; a choice follows it after a space.
#[must_use]
pub fn question_prompt(question: &str) -> String {
    format!("Question: {question}\nAnswer:")
}

/// One question with its choices.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'a> {
    pub prompt: &'a str,
    /// Continuations, each with its leading space.
    pub choices: &'a [String],
}

/// What the model prefers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picked {
    /// Log-likelihood of each choice, nats.
    pub logprobs: Vec<f64>,
    /// Choice of the highest log-likelihood (`acc`).
    pub likeliest: usize,
    /// Choice of the highest log-likelihood per byte of its text (`acc_norm`).
    pub likeliest_per_byte: usize,
}

/// Scores the choices.
///
/// # Errors
/// No choices, an empty one, or more tokens than the context.
pub fn pick(stage: &Stage, tokenizer: &Tokenizer, asked: &Choices<'_>, kv_bits: u8) -> Result<Picked, EngineError> {
    if asked.choices.is_empty() || asked.choices.iter().any(|c| c.trim().is_empty()) {
        return Err(EngineError::Input("every question needs choices, and none may be empty".into()));
    }
    let mut work = Workspace::new();
    let prompt = tokenizer.encode_prompt(asked.prompt)?;
    // Tokens of prompt and choice together, since a merge may cross their border; what they do not
    // share with the prompt is scored.
    let whole: Vec<Vec<Token>> =
        asked.choices.iter().map(|c| tokenizer.encode_prompt(&format!("{}{c}", asked.prompt))).collect::<Result<_, _>>()?;
    let common = |tokens: &Vec<Token>| prompt.iter().zip(tokens).take_while(|(a, b)| a == b).count();
    let shared = whole.iter().map(common).min().unwrap_or(0);
    if shared == 0 {
        return Err(EngineError::Input("a question needs a prompt that its choices follow".into()));
    }
    let mut sequence = stage.sequence(kv_bits)?;
    let first = stage.prefill(&mut sequence, &prompt[..shared], &mut work)?;
    let prefix = sequence.share()?;
    let blank = stage.sequence(kv_bits)?;
    let mut sequences: Vec<Sequence> = whole.iter().map(|_| blank.on(&prefix)).collect::<Result<_, _>>()?;
    let mut chunks: Vec<Chunk<'_>> = sequences
        .iter_mut()
        .zip(&whole)
        .map(|(sequence, tokens)| Chunk { sequence, input: Input::Tokens(&tokens[shared..tokens.len() - 1]), want: Want::All })
        .collect();
    let logits = stage.forward(&mut chunks, &mut work)?;
    let mut rows = logits.chunks_exact(stage.config().vocab);
    let mut logprobs = Vec::new();
    for tokens in &whole {
        let scored = &tokens[shared..];
        let rows = std::iter::once(&first[..]).chain(rows.by_ref().take(scored.len() - 1));
        logprobs.push(rows.zip(scored).map(|(row, t)| f64::from(log_softmax_at(row, *t))).sum());
    }
    let best = |score: &dyn Fn(usize) -> f64| (0..logprobs.len()).fold(0, |b, i| if score(i) > score(b) { i } else { b });
    let likeliest = best(&|i| logprobs[i]);
    let likeliest_per_byte = best(&|i| logprobs[i] / asked.choices[i].trim_start().len() as f64);
    Ok(Picked { logprobs, likeliest, likeliest_per_byte })
}
