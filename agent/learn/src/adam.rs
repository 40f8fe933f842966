//! Adam (Kingma and Ba, "Adam: a method for stochastic optimization", 2015), with its usual constants.

use serde::{Deserialize, Serialize};

const BETA: (f32, f32) = (0.9, 0.999);
const EPSILON: f32 = 1e-8;

/// Moments of each weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Adam {
    mean: Vec<f32>,
    square: Vec<f32>,
    steps: u32,
}

impl Adam {
    pub(crate) fn new(weights: usize) -> Self {
        Self { mean: vec![0.0; weights], square: vec![0.0; weights], steps: 0 }
    }

    pub(crate) fn bytes(&self) -> u64 {
        (size_of_val(self.mean.as_slice()) + size_of_val(self.square.as_slice())) as u64
    }

    pub(crate) fn fits(&self, weights: usize) -> bool {
        let sound = |list: &[f32]| list.len() == weights && list.iter().all(|x| x.is_finite());
        sound(&self.mean) && sound(&self.square) && self.square.iter().all(|s| *s >= 0.0)
    }

    /// Moves the weights against the gradient.
    pub(crate) fn step(&mut self, weights: &mut [f32], gradient: &[f32], rate: f32) {
        self.steps = self.steps.saturating_add(1);
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let unbiased = (1.0 / (1.0 - BETA.0.powi(steps)), 1.0 / (1.0 - BETA.1.powi(steps)));
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((w, g), (m, s)) in weights.iter_mut().zip(gradient).zip(moments) {
            *m = BETA.0 * *m + (1.0 - BETA.0) * g;
            *s = BETA.1 * *s + (1.0 - BETA.1) * g * g;
            *w -= rate * *m * unbiased.0 / ((*s * unbiased.1).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_bottom_of_a_bowl() {
        let mut weights = [3.0f32, -2.0];
        let mut adam = Adam::new(2);
        for _ in 0..2000 {
            let gradient = [2.0 * (weights[0] - 1.0), 20.0 * (weights[1] - 0.5)];
            adam.step(&mut weights, &gradient, 0.01);
        }
        assert!((weights[0] - 1.0).abs() < 1e-3 && (weights[1] - 0.5).abs() < 1e-3, "{weights:?}");
    }
}
