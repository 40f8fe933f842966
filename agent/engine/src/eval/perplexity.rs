//! Perplexity with the windows and the scoring rule of llama.cpp's `perplexity` tool.
//!
//! The whole text is tokenised once (with the token that begins a text, where the model wants one) and
//! cut into windows of `context` tokens that do not overlap. Where the model wants a beginning, each
//! window's first token is replaced by it. Every window is computed on its own; the first `context / 2`
//! positions only give context, then each token up to the window's last is scored: of 512 tokens 255.
//! The result is `exp` of the mean negative log-likelihood; its error is one standard error of that mean.

use serde::{Deserialize, Serialize};

use super::super::sample::log_softmax_at;
use crate::error::EngineError;
use crate::model::{Chunk, Input, Stage, Want, Workspace};
use crate::tokenizer::{Token, Tokenizer};

/// Scored tokens whose logits are in memory together.
const ROWS: usize = 64;

/// What a text's tokens surprised the model by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Perplexity {
    pub perplexity: f64,
    /// One standard error of it.
    pub error: f64,
    /// Mean negative log-likelihood, nats.
    pub mean_nll: f64,
    pub scored: usize,
    /// Scored tokens that the model held for the likeliest; the first of equals counts.
    pub right: usize,
    pub windows: usize,
    /// Tokens of a window.
    pub context: usize,
    /// Running perplexity after each window.
    pub after_window: Vec<f64>,
}

/// Perplexity of the first `windows` windows of a text; `None`: of all.
///
/// # Errors
/// The text is shorter than two windows (the tool refuses that, too), the windows are too short or
/// longer than the model's context, or the KV cache has other bits than 16, 8, 4.
pub fn perplexity(
    stage: &Stage,
    tokenizer: &Tokenizer,
    text: &str,
    context: usize,
    windows: Option<usize>,
    kv_bits: u8,
) -> Result<Perplexity, EngineError> {
    let tokens = tokenizer.encode_prompt(text)?;
    if context < 4 || tokens.len() < 2 * context {
        let why = format!("a text of {} tokens is too short for windows of {context}; two windows are needed", tokens.len());
        return Err(EngineError::Input(why));
    }
    let windows = windows.unwrap_or(usize::MAX).min(tokens.len() / context);
    let begin = tokenizer.bos().filter(|_| tokenizer.adds_bos());
    let (mut sum, mut squares, mut scored, mut right) = (0.0, 0.0, 0usize, 0usize);
    let mut after_window = Vec::new();
    let mut work = Workspace::new();
    for window in tokens.chunks_exact(context).take(windows) {
        let mut window = window.to_vec();
        if let Some(begin) = begin {
            window[0] = begin;
        }
        score(stage, &window, kv_bits, &mut work, &mut |nll, likeliest| {
            sum += nll;
            squares += nll * nll;
            scored += 1;
            right += usize::from(likeliest);
        })?;
        after_window.push((sum / scored as f64).exp());
    }
    let n = scored as f64;
    let mean = sum / n;
    let variance = (squares / n - mean * mean).max(0.0);
    let error = (variance / (n - 1.0).max(1.0)).sqrt() * mean.exp();
    Ok(Perplexity { perplexity: mean.exp(), error, mean_nll: mean, scored, right, windows, context, after_window })
}

/// Negative log-likelihoods of the second half of one window, each with whether the token was the likeliest.
fn score(
    stage: &Stage,
    window: &[Token],
    kv_bits: u8,
    work: &mut Workspace,
    each: &mut dyn FnMut(f64, bool),
) -> Result<(), EngineError> {
    let first = window.len() / 2;
    let mut sequence = stage.sequence(kv_bits)?;
    stage.forward(&mut [Chunk { sequence: &mut sequence, input: Input::Tokens(&window[..first]), want: Want::Nothing }], work)?;
    let inputs = window[first..window.len() - 1].chunks(ROWS);
    for (input, targets) in inputs.zip(window[first + 1..].chunks(ROWS)) {
        let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(input), want: Want::All };
        let logits = stage.forward(&mut [chunk], work)?;
        for (row, target) in logits.chunks_exact(stage.config().vocab).zip(targets) {
            each(-f64::from(log_softmax_at(row, *target)), likeliest(row) == Some(*target as usize));
        }
    }
    Ok(())
}

/// Place of the largest logit, the first of equals.
fn likeliest(row: &[f32]) -> Option<usize> {
    let best = row.iter().enumerate().reduce(|best, x| if x.1 > best.1 { x } else { best });
    best.map(|(i, _)| i)
}
