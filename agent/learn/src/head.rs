//! Policy and value on features: one hidden layer of tanh, then logits of the actions and one value.
//!
//! ```text
//! h = tanh(x W1 + b1)        [logits, value] = h W2 + b2
//! ```
//!
//! Weights are kept by input, so that both directions run along rows of outputs.

use crate::error::LearnError;
use crate::random::{Purpose, Random};
use serde::{Deserialize, Serialize};

/// The trained part of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    inputs: usize,
    hidden: usize,
    actions: usize,
    /// `W1` (inputs × hidden), `b1`, `W2` (hidden × (actions + 1)), `b2`.
    pub(crate) weights: Vec<f32>,
}

/// Results of a forward pass, which the backward pass takes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pass {
    pub(crate) hidden: Vec<f32>,
    /// Logits of the actions, then the value.
    pub(crate) out: Vec<f32>,
}

impl Head {
    /// A head with random weights: almost the uniform policy.
    #[must_use]
    pub fn new(inputs: usize, hidden: usize, actions: usize, seed: u64) -> Self {
        let mut random = Random::stream(seed, Purpose::Weights, 0);
        let outs = actions + 1;
        let mut weights = vec![0.0f32; inputs * hidden + hidden + hidden * outs + outs];
        let (first, rest) = weights.split_at_mut(inputs * hidden);
        // Unit variance of the sums for standardised inputs: uniform in ±√3/√n.
        let bound = (3.0 / inputs.max(1) as f64).sqrt();
        first.iter_mut().for_each(|w| *w = random.between(-bound, bound) as f32);
        // A hundredth of that for the outputs: no action is preferred before something was learned.
        let bound = 0.01 * (3.0 / hidden.max(1) as f64).sqrt();
        rest[hidden..hidden + hidden * outs].iter_mut().for_each(|w| *w = random.between(-bound, bound) as f32);
        Self { inputs, hidden, actions, weights }
    }

    #[must_use]
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// Bytes of its weights.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        size_of_val(self.weights.as_slice()) as u64
    }

    /// Checks a head that was read from somewhere.
    pub(crate) fn check(&self, inputs: usize, hidden: usize, actions: usize) -> Result<(), LearnError> {
        let wanted = inputs * hidden + hidden + hidden * (actions + 1) + actions + 1;
        let fits = (self.inputs, self.hidden, self.actions, self.weights.len()) == (inputs, hidden, actions, wanted);
        if fits && self.weights.iter().all(|w| w.is_finite()) {
            return Ok(());
        }
        let found = format!("{} to {} with {} weights", self.inputs, self.actions, self.weights.len());
        Err(LearnError::OtherRun { what: "head".into(), found, wanted: format!("{inputs} to {actions} with {wanted} weights") })
    }

    fn parts(&self) -> (&[f32], &[f32], &[f32], &[f32]) {
        let (w1, rest) = self.weights.split_at(self.inputs * self.hidden);
        let (b1, rest) = rest.split_at(self.hidden);
        let (w2, b2) = rest.split_at(self.hidden * (self.actions + 1));
        (w1, b1, w2, b2)
    }

    /// Logits and value of features (inputs).
    pub(crate) fn forward(&self, x: &[f32], pass: &mut Pass) {
        let (w1, b1, w2, b2) = self.parts();
        pass.hidden.clear();
        pass.hidden.extend_from_slice(b1);
        for (x, row) in x.iter().zip(w1.chunks_exact(self.hidden)) {
            pass.hidden.iter_mut().zip(row).for_each(|(h, w)| *h += x * w);
        }
        pass.hidden.iter_mut().for_each(|h| *h = h.tanh());
        pass.out.clear();
        pass.out.extend_from_slice(b2);
        for (h, row) in pass.hidden.iter().zip(w2.chunks_exact(self.actions + 1)) {
            pass.out.iter_mut().zip(row).for_each(|(o, w)| *o += h * w);
        }
    }

    /// Adds to `gradient` (as the weights) what a loss with these slopes by logits and value contributes.
    pub(crate) fn backward(&self, x: &[f32], pass: &Pass, slopes: &[f32], gradient: &mut [f32]) {
        let (_, _, w2, _) = self.parts();
        let outs = self.actions + 1;
        let (g1, rest) = gradient.split_at_mut(self.inputs * self.hidden);
        let (gb1, rest) = rest.split_at_mut(self.hidden);
        let (g2, gb2) = rest.split_at_mut(self.hidden * outs);
        gb2.iter_mut().zip(slopes).for_each(|(g, s)| *g += s);
        let mut back = vec![0.0f32; self.hidden];
        for (j, (h, row)) in pass.hidden.iter().zip(w2.chunks_exact(outs)).enumerate() {
            g2[j * outs..(j + 1) * outs].iter_mut().zip(slopes).for_each(|(g, s)| *g += h * s);
            let sum: f32 = row.iter().zip(slopes).map(|(w, s)| w * s).sum();
            back[j] = sum * (1.0 - h * h);
        }
        gb1.iter_mut().zip(&back).for_each(|(g, b)| *g += b);
        for (x, row) in x.iter().zip(g1.chunks_exact_mut(self.hidden)) {
            row.iter_mut().zip(&back).for_each(|(g, b)| *g += x * b);
        }
    }

    /// Probabilities of the actions.
    pub(crate) fn policy(&self, pass: &Pass) -> Vec<f32> {
        softmax(&pass.out[..self.actions])
    }

    /// The likeliest action, the first of equals.
    pub(crate) fn best(&self, pass: &Pass) -> usize {
        let logits = &pass.out[..self.actions];
        (1..logits.len()).fold(0, |best, i| if logits[i] > logits[best] { i } else { best })
    }
}

fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut p: Vec<f32> = logits.iter().map(|z| (z - most).exp()).collect();
    let sum: f32 = p.iter().sum();
    p.iter_mut().for_each(|p| *p /= sum);
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_with_the_uniform_policy_and_no_value() {
        let head = Head::new(8, 16, 3, 1);
        let mut pass = Pass::default();
        head.forward(&[1.0, -1.0, 2.0, 0.0, 0.5, 1.0, -2.0, 1.0], &mut pass);
        assert!(head.policy(&pass).iter().all(|p| (p - 1.0 / 3.0).abs() < 0.02) && pass.out[3].abs() < 0.05);
        assert!(pass.hidden.iter().any(|h| h.abs() > 0.3), "the hidden layer is in use");
        assert_eq!(head.bytes(), 4 * (8 * 16 + 16 + 16 * 4 + 4));
        assert_ne!(head, Head::new(8, 16, 3, 2));
    }

    #[test]
    fn the_first_of_equals_is_best() {
        let head = Head::new(1, 1, 3, 1);
        let pass = Pass { hidden: vec![0.0], out: vec![1.0, 2.0, 2.0, 9.0] };
        assert_eq!(head.best(&pass), 1);
        let p = softmax(&[1000.0, 1000.0]);
        assert!(p.iter().all(|p| (p - 0.5).abs() < 1e-6), "{p:?}");
    }
}
