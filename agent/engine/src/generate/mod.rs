//! Answers: one or many samples from one prefill, within a budget of tokens.
//!
//! The prompt is computed once; every sample stands on its cache and all running samples decode as one
//! batch, so that the weights are read once for all of them. A sample's tokens do not depend on which
//! others run beside it, but for the rounding of sums.

mod run;
mod vote;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use run::{Event, generate};
pub use vote::{Effort, Pace, Tally, Voted, best_of, replay, vote};

use crate::sample::Sampling;
use crate::tokenizer::Token;
use crate::usage::{Energy, Usage};

/// How many tokens an answer may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub tokens: usize,
    /// What is said when they are used up; without it the answer just ends.
    pub close: Option<Close>,
}

impl Budget {
    /// So many tokens, then the end.
    #[must_use]
    pub const fn of(tokens: usize) -> Self {
        Self { tokens, close: None }
    }
}

/// A forced close: the model is made to say `text` and may then add `tokens` more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Tokens that are put into its mouth, such as those of "\nThe answer is".
    pub text: Vec<Token>,
    pub tokens: usize,
}

/// What is asked.
pub struct Request<'a> {
    pub prompt: &'a [Token],
    /// Answers that are drawn.
    pub samples: usize,
    /// How many of them decode at the same time.
    pub parallel: usize,
    pub sampling: Sampling,
    pub budget: Budget,
    /// Bits of the KV cache: 16, 8 or 4.
    pub kv_bits: u8,
    /// Texts that end an answer; they are cut off it.
    pub stop: &'a [String],
    pub energy: Option<&'a Energy<'a>>,
}

impl<'a> Request<'a> {
    /// One greedy answer of at most `tokens`, KV cache at 16 bits.
    #[must_use]
    pub fn greedy(prompt: &'a [Token], tokens: usize) -> Self {
        Self {
            prompt,
            samples: 1,
            parallel: 1,
            sampling: Sampling::greedy(),
            budget: Budget::of(tokens),
            kv_bits: 16,
            stop: &[],
            energy: None,
        }
    }
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("prompt", &self.prompt.len()).field("samples", &self.samples).finish_non_exhaustive()
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model said so.
    End,
    /// One of the request's texts.
    Stop,
    /// The budget, or the context, was used up.
    Budget,
    /// Nobody needed it any more.
    Cancelled,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Which sample, from 0.
    pub sample: usize,
    pub text: String,
    /// All tokens, a forced close's too, without the one that ended it.
    pub tokens: Vec<Token>,
    /// Natural log-probability of each drawn token under the model; the token that ended the answer
    /// counts, those of a forced close do not.
    pub logprobs: Vec<f32>,
    pub finish: Finish,
    /// True where the close was forced.
    pub closed: bool,
}

impl Answer {
    /// Mean log-probability of a drawn token; minus infinity without any.
    #[must_use]
    pub fn mean_logprob(&self) -> f64 {
        if self.logprobs.is_empty() {
            return f64::NEG_INFINITY;
        }
        self.logprobs.iter().map(|x| f64::from(*x)).sum::<f64>() / self.logprobs.len() as f64
    }
}

/// All samples of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Generation {
    /// By sample; those that were never begun are not there.
    pub answers: Vec<Answer>,
    pub usage: Usage,
    /// Bytes of the shared prompt's cache and, at the end, of the samples' own.
    pub cache_bytes: usize,
}
