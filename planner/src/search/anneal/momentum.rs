//! Which move to try next on which service: what paid lately, with a floor for all.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Weight of the newest gain in the exponential mean.
const RATE: f64 = 0.1;
/// Share of proposals drawn evenly, so that every pair stays possible.
const FLOOR: f64 = 0.4;

/// Exponential means of gain by (move kind, service), in a binary tree of sums: drawing in
/// proportion and updating take logarithmic time, and sums are of exact children, so nothing drifts.
#[derive(Clone, Debug)]
pub(super) struct Momentum {
    kinds: usize,
    services: usize,
    /// Leaves from `base` on; node `i` is the sum of `2i` and `2i + 1`.
    tree: Vec<f64>,
    base: usize,
}

impl Momentum {
    pub(super) fn new(kinds: usize, services: usize) -> Self {
        let base = (kinds * services).max(1).next_power_of_two();
        Momentum { kinds, services, tree: vec![0.0; 2 * base], base }
    }

    /// Draws a move kind and a service.
    pub(super) fn draw(&self, rng: &mut Xoshiro256PlusPlus) -> (usize, u32) {
        let total = self.tree[1];
        if total <= 1e-300 || rng.random_bool(FLOOR) {
            return (rng.random_range(0..self.kinds as u32) as usize, rng.random_range(0..self.services as u32));
        }
        let mut left = rng.random::<f64>() * total;
        let mut i = 1;
        while i < self.base {
            i *= 2;
            if left >= self.tree[i] && self.tree[i + 1] > 0.0 {
                left -= self.tree[i];
                i += 1;
            }
        }
        let leaf = (i - self.base).min(self.kinds * self.services - 1);
        (leaf / self.services, (leaf % self.services) as u32)
    }

    /// Learns what a proposal brought; a refused one brought nothing.
    pub(super) fn learn(&mut self, kind: usize, service: u32, gain: f64) {
        let mut i = self.base + kind * self.services + service as usize;
        let mean = self.tree[i] + RATE * (gain - self.tree[i]);
        self.tree[i] = if mean < 1e-30 { 0.0 } else { mean };
        while i > 1 {
            i /= 2;
            self.tree[i] = self.tree[2 * i] + self.tree[2 * i + 1];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn draws_in_proportion_above_a_floor() {
        let mut m = Momentum::new(3, 5);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        for _ in 0..200 {
            m.learn(1, 2, 3.0);
            m.learn(2, 4, 1.0);
        }
        let mut counts = [[0u32; 5]; 3];
        for _ in 0..60_000 {
            let (k, s) = m.draw(&mut rng);
            counts[k][s as usize] += 1;
        }
        // An even share of 40 % over 15 pairs is 1600 of 60,000; the rest goes 3 to 1.
        assert!((28_000..=29_300).contains(&counts[1][2]), "{counts:?}");
        assert!((10_000..=11_200).contains(&counts[2][4]), "{counts:?}");
        assert!(counts.iter().flatten().all(|&c| c > 1400), "{counts:?}");
    }

    #[test]
    fn forgets_what_stopped_paying() {
        let mut m = Momentum::new(1, 2);
        m.learn(0, 0, 1.0);
        for _ in 0..1000 {
            m.learn(0, 0, 0.0);
        }
        m.learn(0, 1, 1e-3);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
        let ones = (0..1000).filter(|_| m.draw(&mut rng).1 == 1).count();
        assert!(ones > 700, "{ones}");
    }
}
