//! From logits to the next token.
//!
//! The order is that of llama.cpp's default chain: repetition penalty, top-k, top-p, min-p,
//! temperature, draw. Cuts are therefore made on the model's own probabilities, before temperature.

mod probability;

#[cfg(test)]
mod tests;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

pub use probability::{log_softmax_at, log_sum_exp};

use crate::error::EngineError;
use crate::tokenizer::Token;

/// How tokens are drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// 0: always the likeliest token, and nothing below it matters.
    pub temperature: f32,
    /// Only so many of the likeliest; 0: all.
    pub top_k: usize,
    /// Only the likeliest that together have this probability; 1: all.
    pub top_p: f32,
    /// Only those with at least this share of the likeliest one's probability; 0: all.
    pub min_p: f32,
    /// Logits of recent tokens are divided by this (multiplied where negative); 1: not.
    pub repetition_penalty: f32,
    /// How many tokens are recent.
    pub repetition_window: usize,
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self::greedy()
    }
}

impl Sampling {
    /// The likeliest token, always.
    #[must_use]
    pub const fn greedy() -> Self {
        Self { temperature: 0.0, top_k: 0, top_p: 1.0, min_p: 0.0, repetition_penalty: 1.0, repetition_window: 64, seed: 0 }
    }

    /// Draws at this temperature with top-p 0.95, as the votes are taken.
    #[must_use]
    pub const fn at(temperature: f32, seed: u64) -> Self {
        Self { temperature, top_p: 0.95, seed, ..Self::greedy() }
    }

    /// The same with the seed of sample `i`: a different stream for each.
    #[must_use]
    pub fn for_sample(&self, i: usize) -> Self {
        // Not the increment of SplitMix64, which spreads the seed: streams would share words of their states.
        Self { seed: self.seed.wrapping_add((i as u64).wrapping_mul(0xd134_2543_de82_ef95)), ..self.clone() }
    }

    /// # Errors
    /// A number is out of its range.
    pub fn check(&self) -> Result<(), EngineError> {
        let ranges = [
            ("temperature", self.temperature, 0.0, 100.0),
            ("top-p", self.top_p, 0.0, 1.0),
            ("min-p", self.min_p, 0.0, 1.0),
            ("repetition penalty", self.repetition_penalty, 0.01, 100.0),
        ];
        match ranges.iter().find(|(_, x, low, high)| !(low..=high).contains(&x)) {
            None => Ok(()),
            Some((name, x, low, high)) => Err(EngineError::Input(format!("{name} must be {low} to {high}, is {x}"))),
        }
    }
}

/// A drawn token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    pub token: Token,
    /// Natural log of its probability under the model itself, before penalties, cuts and temperature.
    pub logprob: f32,
}

/// Draws tokens of one sample.
#[derive(Debug)]
pub struct Sampler {
    sampling: Sampling,
    random: Xoshiro256PlusPlus,
    candidates: Vec<(Token, f32)>,
}

impl Sampler {
    /// # Errors
    /// A number of `sampling` is out of its range.
    pub fn new(sampling: &Sampling) -> Result<Self, EngineError> {
        sampling.check()?;
        let random = Xoshiro256PlusPlus::seed_from_u64(sampling.seed);
        Ok(Self { sampling: sampling.clone(), random, candidates: Vec::new() })
    }

    /// The next token after `history`. Logits that are NaN are never drawn; equal ones go to the lower token.
    ///
    /// # Errors
    /// No logit is a finite number: the model or its file is broken.
    pub fn sample(&mut self, logits: &[f32], history: &[Token]) -> Result<Choice, EngineError> {
        self.candidates.clear();
        self.candidates.extend((0..).zip(logits.iter().copied()).filter(|(_, x)| x.is_finite()));
        if self.candidates.is_empty() {
            return Err(EngineError::Unsupported("the model gave no finite logit: its file or its precision is broken".into()));
        }
        self.penalise(history);
        let token = if self.sampling.temperature == 0.0 { self.likeliest() } else { self.draw() };
        Ok(Choice { token, logprob: log_softmax_at(logits, token) })
    }

    fn penalise(&mut self, history: &[Token]) {
        let penalty = self.sampling.repetition_penalty;
        if (penalty - 1.0).abs() < f32::EPSILON {
            return;
        }
        let mut recent = history[history.len().saturating_sub(self.sampling.repetition_window)..].to_vec();
        recent.sort_unstable();
        recent.dedup();
        for (token, x) in &mut self.candidates {
            if recent.binary_search(token).is_ok() {
                *x = if *x > 0.0 { *x / penalty } else { *x * penalty };
            }
        }
    }

    fn likeliest(&self) -> Token {
        let best = self.candidates.iter().reduce(|best, c| if c.1 > best.1 { c } else { best });
        best.map_or(0, |(token, _)| *token)
    }

    fn draw(&mut self) -> Token {
        let s = &self.sampling;
        let list = &mut self.candidates;
        if s.top_k > 0 && s.top_k < list.len() {
            list.select_nth_unstable_by(s.top_k, order);
            list.truncate(s.top_k);
        }
        list.sort_unstable_by(order);
        let top = list[0].1;
        // Relative to the likeliest: no overflow, and the sum is at least 1.
        let total: f64 = list.iter().map(|(_, x)| f64::from(x - top).exp()).sum();
        if s.top_p < 1.0 {
            let (mut sum, wanted) = (0.0, f64::from(s.top_p) * total);
            let kept = list.iter().position(|(_, x)| {
                sum += f64::from(x - top).exp();
                sum >= wanted
            });
            list.truncate(kept.map_or(list.len(), |i| i + 1));
        }
        if s.min_p > 0.0 {
            let kept = list.partition_point(|(_, x)| (x - top).exp() >= s.min_p);
            list.truncate(kept.max(1));
        }
        let weight = |x: f32| (f64::from(x - top) / f64::from(s.temperature)).exp();
        let total: f64 = list.iter().map(|(_, x)| weight(*x)).sum();
        // 53 random bits: a uniform number from 0 to 1, 1 excluded.
        let mut at = (self.random.next_u64() >> 11) as f64 / (1u64 << 53) as f64 * total;
        for (token, x) in list.iter() {
            at -= weight(*x);
            if at < 0.0 {
                return *token;
            }
        }
        list[list.len() - 1].0
    }
}

/// Likeliest first; of equal ones the lower token.
fn order(a: &(Token, f32), b: &(Token, f32)) -> std::cmp::Ordering {
    b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
}
