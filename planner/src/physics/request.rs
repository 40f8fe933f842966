//! A service request as passes.
//!
//! - Language model: one prefill pass over the prompt, which yields the first token, and a decode pass
//!   for each further token at the mean context `prompt + answer/2`. `TTFT` is the prefill pass, `TPOT` the
//!   mean decode pass, `total = TTFT + (answer - 1) TPOT`.
//! - Feed-forward model: one pass per item, `total = TTFT`, no `TPOT`.
//! - Transducer: one pass of the encoder, `TTFT`, then a decoder pass per token:
//!   `total = TTFT + answer TPOT`. The first token is out one `TPOT` after `TTFT`.
//!
//! `k` samples share the prefill and decode as a batch of `k`: weights are read once, caches `k` times.

use profiles::ModelKind;

use super::work::Pass;

/// Bytes of one token's number on a link.
pub const TOKEN_BYTES: f64 = 4.0;

/// What one request makes a chain do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    pub prefill: Pass,
    /// Prefill passes: items of a feed-forward model, else 1.
    pub items: f64,
    pub decode: Pass,
    /// Decode passes.
    pub passes: f64,
    /// Samples that decode together.
    pub samples: f64,
    /// Most tokens that one sequence holds in its cache.
    pub held_tokens: f64,
}

impl Request {
    /// `prompt` are prompt tokens (items, frames), `answer` answer tokens of one sample.
    #[must_use]
    pub fn new(kind: ModelKind, prompt: u32, answer: u32, samples: u32) -> Self {
        let (n, a, k) = (f64::from(prompt.max(1)), f64::from(answer), f64::from(samples.max(1)));
        let one = Pass { tokens: 1.0, context: 0.0, batch: 1.0 };
        let decode = Pass { tokens: 1.0, context: n + a / 2.0, batch: k };
        match kind {
            ModelKind::Llm => Self {
                prefill: Pass { tokens: n, ..one },
                items: 1.0,
                decode,
                passes: (a - 1.0).max(0.0),
                samples: k,
                held_tokens: n + a,
            },
            ModelKind::Feedforward => Self { prefill: one, items: n, decode: one, passes: 0.0, samples: 1.0, held_tokens: 0.0 },
            ModelKind::Transducer => {
                Self { prefill: Pass { tokens: n, ..one }, items: 1.0, decode, passes: a, samples: k, held_tokens: n + a }
            }
        }
    }

    /// Most rows of activations that exist at once.
    #[must_use]
    pub fn rows(&self) -> f64 {
        self.prefill.tokens.max(self.samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_model_gives_its_first_token_in_prefill() {
        let r = Request::new(ModelKind::Llm, 100, 20, 4);
        assert_eq!(r.prefill, Pass { tokens: 100.0, context: 0.0, batch: 1.0 });
        assert_eq!(r.decode, Pass { tokens: 1.0, context: 110.0, batch: 4.0 });
        assert!((r.passes - 19.0).abs() < 1e-12 && (r.held_tokens - 120.0).abs() < 1e-12);
        assert!(Request::new(ModelKind::Llm, 100, 0, 1).passes.abs() < 1e-12);
    }

    #[test]
    fn items_and_frames() {
        let r = Request::new(ModelKind::Feedforward, 3, 0, 1);
        assert!((r.items - 3.0).abs() < 1e-12 && r.passes.abs() < 1e-12 && (r.prefill.tokens - 1.0).abs() < 1e-12);
        let r = Request::new(ModelKind::Transducer, 1500, 40, 1);
        assert!((r.prefill.tokens - 1500.0).abs() < 1e-12 && (r.passes - 40.0).abs() < 1e-12);
    }
}
