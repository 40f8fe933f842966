//! A pole on a cart, pushed left or right.
//!
//! Barto, Sutton and Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems", IEEE
//! SMC-13 (1983): equations and constants; Euler steps of 0.02 s, bounds of 12° and 2.4 m, and 500 steps as in the
//! benchmark `CartPole-v1`. The learner sees each of the four numbers in bins, as Barto's boxes did.

use super::{End, Environment, Step};
use crate::random::Random;

const GRAVITY: f64 = 9.8;
const CART_KG: f64 = 1.0;
const POLE_KG: f64 = 0.1;
/// Half of the pole, m.
const HALF_M: f64 = 0.5;
const FORCE_N: f64 = 10.0;
const TAU_S: f64 = 0.02;
const EDGE_M: f64 = 2.4;
const EDGE_RAD: f64 = 12.0 * std::f64::consts::PI / 180.0;
/// Steps of an episode, each worth one: the best return.
pub(super) const STEPS: u32 = 500;
/// Upper edges of the bins, of one sign; the other mirrors them. Finer near balance, where the push is decided.
const BINS: [&[f64]; 4] = [&[0.4, 1.2, 2.0], &[0.25, 0.75, 1.5], &[0.01, 0.03, 0.06, 0.1, 0.15], &[0.1, 0.3, 0.6, 1.0, 1.6]];

/// Cart-pole; action 0 pushes left, 1 right.
#[derive(Clone, Debug, Default)]
pub struct CartPole {
    /// Position m, velocity m/s, angle rad, angular velocity rad/s.
    state: [f64; 4],
    steps: u32,
}

impl CartPole {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The state unbinned.
    #[cfg(test)]
    pub(super) fn exact(&self) -> [f64; 4] {
        self.state
    }

    /// Signed number of a value's bin, 0 in the middle.
    fn bin(&self, i: usize) -> i32 {
        let v = self.state[i];
        let outer = BINS[i].iter().filter(|edge| v.abs() >= **edge).count() as i32;
        if v < 0.0 { -outer } else { outer }
    }
}

impl Environment for CartPole {
    fn actions(&self) -> usize {
        2
    }

    fn reset(&mut self, random: &mut Random) {
        *self = Self { state: std::array::from_fn(|_| random.between(-0.05, 0.05)), steps: 0 };
    }

    fn step(&mut self, action: usize, _: &mut Random) -> Step {
        let [x, v, angle, spin] = self.state;
        let force = if action == 0 { -FORCE_N } else { FORCE_N };
        let (sin, cos) = angle.sin_cos();
        let total = CART_KG + POLE_KG;
        let push = (force + POLE_KG * HALF_M * spin * spin * sin) / total;
        let turn = (GRAVITY * sin - cos * push) / (HALF_M * (4.0 / 3.0 - POLE_KG * cos * cos / total));
        let drive = push - POLE_KG * HALF_M * turn * cos / total;
        self.state = [x + TAU_S * v, v + TAU_S * drive, angle + TAU_S * spin, spin + TAU_S * turn];
        self.steps += 1;
        let fell = self.state[0].abs() > EDGE_M || self.state[2].abs() > EDGE_RAD;
        let end = if fell {
            End::Terminal
        } else if self.steps >= STEPS {
            End::Cut
        } else {
            End::Open
        };
        Step { reward: 1.0, end }
    }

    fn text(&self) -> String {
        // A letter a number, in the order of the alphabet: `n` is the middle.
        let letter = |i: usize| char::from((i32::from(b'n') + self.bin(i)) as u8);
        format!("cart {} moves {} pole {} turns {}", letter(0), letter(1), letter(2), letter(3))
    }

    fn numbers(&self) -> Vec<f32> {
        (0..4).map(|i| self.bin(i) as f32).collect()
    }
}
