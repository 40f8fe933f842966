//! Cooling with reheats, and what each cycle is after.

/// One cycle's part of a chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    pub cycle: u32,
    /// Temperature over the first cycle's start.
    pub heat: f64,
    /// First step of its cycle.
    pub first: bool,
}

/// Ratio of the last to the first temperature of a cycle.
const COLD: f64 = 1e-3;
/// Each reheat reaches this share of the one before.
const REHEAT: f64 = 0.5;

/// Steps over which a chain cools geometrically, several times, each time from lower.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Schedule {
    steps: u64,
    cycles: u64,
}

impl Schedule {
    /// `steps` temperatures in all; at least 24 a cycle, at most `cycles` cycles.
    pub(super) fn new(steps: u64, cycles: u64) -> Self {
        Schedule { steps: steps.max(1), cycles: (steps / 24).clamp(1, cycles) }
    }

    /// The step with this number.
    pub(super) fn at(&self, step: u64) -> Step {
        let length = self.steps.div_ceil(self.cycles);
        let (cycle, i) = ((step / length) as u32, step % length);
        let x = i as f64 / (length.max(2) - 1) as f64;
        Step { cycle, heat: REHEAT.powi(cycle as i32) * COLD.powf(x), first: i == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cools_and_reheats() {
        let s = Schedule::new(100, 4);
        let heats: Vec<f64> = (0..100).map(|i| s.at(i).heat).collect();
        assert!((heats[0] - 1.0).abs() < 1e-12 && (heats[24] - COLD).abs() < 1e-12);
        assert!((heats[25] - 0.5).abs() < 1e-12 && s.at(25).first && s.at(25).cycle == 1);
        assert!(heats[..25].windows(2).all(|w| w[1] < w[0]));
    }

    #[test]
    fn few_steps_make_one_cycle() {
        let s = Schedule::new(10, 4);
        assert_eq!(s.at(9).cycle, 0);
        assert!(Schedule::new(0, 4).at(0).first);
    }
}
