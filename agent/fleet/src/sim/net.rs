//! What happens to a message.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The network of a seed.
#[derive(Clone, Debug)]
pub(super) struct Net {
    loss: f64,
    duplicate: f64,
    /// Share of messages that take up to five seconds, and so overtake each other.
    late: f64,
    base_ms: u64,
    /// Who is on the other side; asymmetric: only messages from it are lost.
    cut: Option<(u64, bool)>,
}

impl Net {
    pub(super) fn draw(rng: &mut Xoshiro256PlusPlus) -> Self {
        Self {
            loss: if rng.random_bool(0.2) { 0.0 } else { rng.random_range(0.0..0.3) },
            duplicate: if rng.random_bool(0.5) { 0.0 } else { rng.random_range(0.0..0.5) },
            late: if rng.random_bool(0.5) { 0.0 } else { rng.random_range(0.0..0.1) },
            base_ms: rng.random_range(1..50),
            cut: None,
        }
    }

    /// No more faults.
    pub(super) fn calm(&mut self) {
        *self = Self { loss: 0.0, duplicate: 0.0, late: 0.0, base_ms: self.base_ms, cut: None };
    }

    /// Cuts the nodes into two sets, or joins them again.
    pub(super) fn partition(&mut self, nodes: usize, rng: &mut Xoshiro256PlusPlus) {
        self.cut = match self.cut {
            Some(_) => None,
            None => Some((rng.random_range(0..1u64 << nodes), rng.random_bool(0.3))),
        };
    }

    /// When the copies of a message arrive; none: lost.
    pub(super) fn send(&self, from: usize, to: usize, rng: &mut Xoshiro256PlusPlus) -> [Option<u64>; 2] {
        if let Some((side, one_way)) = self.cut {
            let (a, b) = (side >> from & 1, side >> to & 1);
            if a != b && (!one_way || a == 1) {
                return [None, None];
            }
        }
        let one = |rng: &mut Xoshiro256PlusPlus| {
            if self.loss > 0.0 && rng.random_bool(self.loss) {
                return None;
            }
            let late = if self.late > 0.0 && rng.random_bool(self.late) { rng.random_range(0..5_000) } else { 0 };
            Some(self.base_ms + rng.random_range(0..=self.base_ms) + late)
        };
        let first = one(rng);
        let second = if self.duplicate > 0.0 && rng.random_bool(self.duplicate) { one(rng) } else { None };
        [first, second]
    }
}
