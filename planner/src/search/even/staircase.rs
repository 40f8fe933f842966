//! Non-dominated plans of two objectives, power and latency, bounded by what each adds to the area.

use super::fleet::Post;

/// A plan on the staircase.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub power_w: f64,
    pub latency: f64,
    pub posts: Vec<Post>,
}

/// Steps by rising power and falling latency.
#[derive(Clone, Debug)]
pub(super) struct Staircase {
    steps: Vec<Step>,
    most: usize,
}

/// A newcomer between two others adds at least this share of the staircase's extent.
const GRAIN: f64 = 1e-7;

impl Staircase {
    pub(super) fn new(most: usize) -> Self {
        Staircase { steps: Vec::new(), most: most.max(2) }
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// True when a plan on the staircase is as good in both.
    pub(super) fn covers(&self, power_w: f64, latency: f64) -> bool {
        let at = self.steps.partition_point(|s| s.power_w <= power_w);
        at > 0 && self.steps[at - 1].latency <= latency
    }

    /// Takes in a plan that no other covers. Of too many, the one that adds least goes.
    pub(super) fn offer(&mut self, power_w: f64, latency: f64, posts: &[Post]) {
        if self.covers(power_w, latency) {
            return;
        }
        let at = self.steps.partition_point(|s| s.power_w <= power_w);
        let covered = self.steps[at..].iter().take_while(|s| s.latency >= latency).count();
        let from = if at > 0 && self.steps[at - 1].power_w >= power_w { at - 1 } else { at };
        if from == at && covered == 0 && at > 0 && at < self.steps.len() {
            let (left, right) = (&self.steps[at - 1], &self.steps[at]);
            let (first, last) = (&self.steps[0], &self.steps[self.steps.len() - 1]);
            let extent = (last.power_w - first.power_w) * (first.latency - last.latency);
            if (right.power_w - power_w) * (left.latency - latency) < GRAIN * extent {
                return;
            }
        }
        // Buffers of those that go are used again.
        let mut step = match self.steps.drain(from..at + covered).next() {
            Some(old) => old,
            None => Step { power_w, latency, posts: Vec::new() },
        };
        (step.power_w, step.latency) = (power_w, latency);
        step.posts.clear();
        step.posts.extend_from_slice(posts);
        self.steps.insert(from, step);
        if self.steps.len() > self.most {
            let adds = |i: usize| {
                let (a, b, c) = (&self.steps[i - 1], &self.steps[i], &self.steps[i + 1]);
                (c.power_w - b.power_w) * (a.latency - b.latency)
            };
            if let Some(least) = (1..self.steps.len() - 1).min_by(|&a, &b| adds(a).total_cmp(&adds(b))) {
                self.steps.remove(least);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    #[test]
    fn keeps_what_nothing_covers_and_the_ends() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        let mut stairs = Staircase::new(40);
        let mut all: Vec<(f64, f64)> = Vec::new();
        for _ in 0..5_000 {
            let (p, l) = (rng.random_range(10.0..20.0), rng.random_range(0.1..0.9));
            stairs.offer(p, l, &[Post::NONE]);
            all.push((p, l));
            let s = stairs.steps();
            assert!(s.len() <= 40 && s.windows(2).all(|w| w[0].power_w < w[1].power_w && w[0].latency > w[1].latency));
        }
        let (low, fast) =
            (all.iter().map(|x| x.0).fold(f64::INFINITY, f64::min), all.iter().map(|x| x.1).fold(f64::INFINITY, f64::min));
        let s = stairs.steps();
        assert!(s[0].power_w <= low && s[s.len() - 1].latency <= fast);
        // Nobody was dropped for a worse one: every offered point is covered, or nearly.
        let missed = all.iter().filter(|(p, l)| !s.iter().any(|s| s.power_w <= p + 0.5 && s.latency <= l + 0.05)).count();
        assert_eq!(missed, 0);
    }
}
