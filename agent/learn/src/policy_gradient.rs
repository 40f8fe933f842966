//! The clipped policy gradient, with a value and an entropy term.
//!
//! Schulman and others, "Proximal policy optimization algorithms" (2017): `-min(ρA, clip(ρ, 1±ε)A)`, with ρ the ratio
//! of the action's probability to that when it was taken; half the squared error of the value; less the entropy. In
//! the first pass over a batch ρ is 1 and this is the plain policy gradient with a baseline.
//!
//! Visits of one state share its forward and backward pass: slopes at the outputs are summed first, which is the same
//! gradient for a fraction of the work.

use crate::adam::Adam;
use crate::features::Features;
use crate::head::{Head, Pass};
use std::collections::BTreeMap;

/// A state acted in, and what came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    /// Number of the state's features.
    pub(crate) state: usize,
    pub(crate) action: usize,
    /// Logarithm of the probability that it was taken with.
    pub(crate) log_p: f32,
    pub(crate) advantage: f32,
    /// What the value should have been.
    pub(crate) target: f32,
}

/// Weights of the terms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) clip: f32,
    pub(crate) value: f32,
    pub(crate) entropy: f32,
}

/// Largest length of a gradient: longer ones are shortened to it.
const LONGEST: f32 = 0.5;

/// A batch, grouped by state in the order of first visits, which no cache can change.
#[derive(Debug)]
pub(crate) struct Batch<'b> {
    visits: &'b [Visit],
    states: Vec<usize>,
    /// Of each visit its place in `states`.
    places: Vec<usize>,
}

impl<'b> Batch<'b> {
    pub(crate) fn new(visits: &'b [Visit]) -> Self {
        let (mut states, mut seen) = (Vec::new(), BTreeMap::new());
        let places = visits
            .iter()
            .map(|v| {
                *seen.entry(v.state).or_insert_with(|| {
                    states.push(v.state);
                    states.len() - 1
                })
            })
            .collect();
        Self { visits, states, places }
    }

    /// Writes the mean gradient; gives the mean loss and the mean entropy over the visits.
    pub(crate) fn gradient(&self, head: &Head, features: &Features, terms: Terms, gradient: &mut [f32]) -> (f32, f32) {
        let outs = head.actions() + 1;
        let passes: Vec<Pass> = self
            .states
            .iter()
            .map(|s| {
                let mut pass = Pass::default();
                head.forward(features.row(*s), &mut pass);
                pass
            })
            .collect();
        let policies: Vec<Vec<f32>> = passes.iter().map(|p| head.policy(p)).collect();
        let share = 1.0 / self.visits.len().max(1) as f32;
        let mut slopes = vec![0.0f32; outs * self.states.len()];
        let (mut loss, mut mean_entropy) = (0.0, 0.0);
        for (visit, place) in self.visits.iter().zip(&self.places) {
            let (p, slope) = (&policies[*place], &mut slopes[place * outs..(place + 1) * outs]);
            let logs: Vec<f32> = p.iter().map(|p| p.max(f32::MIN_POSITIVE).ln()).collect();
            let ratio = (logs[visit.action] - visit.log_p).exp();
            let a = visit.advantage;
            let bounded = ratio.clamp(1.0 - terms.clip, 1.0 + terms.clip);
            let open = ratio * a <= bounded * a;
            let entropy: f32 = -p.iter().zip(&logs).map(|(p, l)| p * l).sum::<f32>();
            let off = passes[*place].out[outs - 1] - visit.target;
            loss += share * (-(ratio * a).min(bounded * a) + 0.5 * terms.value * off * off - terms.entropy * entropy);
            mean_entropy += share * entropy;
            let by_log = if open { -a * ratio } else { 0.0 };
            for (j, (p, log)) in p.iter().zip(&logs).enumerate() {
                let taken = if j == visit.action { 1.0 } else { 0.0 };
                slope[j] += share * (by_log * (taken - p) + terms.entropy * p * (log + entropy));
            }
            slope[outs - 1] += share * terms.value * off;
        }
        gradient.fill(0.0);
        for ((state, pass), slope) in self.states.iter().zip(&passes).zip(slopes.chunks_exact(outs)) {
            head.backward(features.row(*state), pass, slope, gradient);
        }
        (loss, mean_entropy)
    }

    /// Several steps of the optimiser over the batch; gives the entropy before the first.
    pub(crate) fn learn(
        &self,
        head: &mut Head,
        adam: &mut Adam,
        features: &Features,
        terms: Terms,
        epochs: u32,
        rate: f32,
    ) -> f32 {
        let mut gradient = vec![0.0; head.weights.len()];
        let mut first = None;
        for _ in 0..epochs {
            let (_, entropy) = self.gradient(head, features, terms, &mut gradient);
            first.get_or_insert(entropy);
            let length = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
            if length > LONGEST {
                gradient.iter_mut().for_each(|g| *g *= LONGEST / length);
            }
            adam.step(&mut head.weights, &gradient, rate);
        }
        first.unwrap_or_default()
    }

    /// Different states.
    pub(crate) fn states(&self) -> usize {
        self.states.len()
    }
}

#[cfg(test)]
mod tests;
