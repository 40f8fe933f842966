//! Log-probabilities from logits, summed in double precision.

use crate::tokenizer::Token;

/// `ln Σ exp(x)`, without overflow. NaN where a logit is NaN, minus infinity without logits.
#[must_use]
pub fn log_sum_exp(logits: &[f32]) -> f64 {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if top == f32::NEG_INFINITY {
        return f64::NEG_INFINITY;
    }
    // A row is summed in runs, whose sums stay exact enough in single precision, for speed.
    let sum: f64 = logits.chunks(64).map(|run| f64::from(run.iter().map(|x| (x - top).exp()).sum::<f32>())).sum();
    f64::from(top) + sum.ln()
}

/// Natural log of the probability that softmax gives `token`; minus infinity beyond the vocabulary.
#[must_use]
pub fn log_softmax_at(logits: &[f32], token: Token) -> f32 {
    logits.get(token as usize).map_or(f32::NEG_INFINITY, |x| (f64::from(*x) - log_sum_exp(logits)) as f32)
}
