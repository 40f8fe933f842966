//! When a proposal is accepted.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::search::archive::{Archive, Point, amount, dominates};
use crate::search::state::Score;

/// A weighted sum of objectives with a price on violation: what a scalar phase descends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Energy {
    pub weights: Point,
    /// Weight of skip costs.
    pub skip: f64,
    /// Price of one unit of violation.
    pub penalty: f64,
}

impl Energy {
    pub(super) fn of(&self, score: &Score) -> f64 {
        let sum: f64 = self.weights.iter().zip(&score.values).map(|(w, v)| w * v).sum();
        sum + self.skip * score.skip + self.penalty * score.violation
    }
}

/// Metropolis: downhill always, uphill by `delta` with probability `exp(-delta / temperature)`.
pub(super) fn metropolis(delta: f64, temperature: f64, rng: &mut Xoshiro256PlusPlus) -> bool {
    delta <= 0.0 || rng.random::<f64>() < (-delta / temperature).exp()
}

/// AMOSA's chance to accept a dominated proposal. Printed forms differ between multiplying and
/// dividing by the temperature; dividing accepts half when hot and nothing when cold.
pub(super) fn chance(amount: f64, temperature: f64) -> f64 {
    1.0 / (1.0 + (amount / temperature).exp())
}

/// A proposal against the current point and the archive.
pub(super) struct Verdict {
    /// Chance to accept it.
    pub chance: f64,
    /// What it gained, for the momentum: the amount by which it dominates the current point.
    pub gain: f64,
}

/// AMOSA's acceptance (Bandyopadhyay et al. 2008) under constraint domination (Deb et al. 2002):
/// less violation is better whatever the objectives; more of it is dominated by `penalty` times the
/// increase, so that the walk may cross infeasible ground while it is hot. AMOSA's jump back to an
/// archive member is left to the start of a cycle, where it costs a rebuild only once.
pub(super) fn judge<T>(new: &Score, current: &Score, archive: &Archive<T>, penalty: f64, temperature: f64) -> Verdict {
    let worse = new.violation - current.violation;
    if worse.abs() > 1e-12 {
        let by = penalty * worse.abs();
        return match worse > 0.0 {
            true => Verdict { chance: chance(by, temperature), gain: 0.0 },
            false => Verdict { chance: 1.0, gain: by.min(1.0) },
        };
    }
    let range = archive.range(&[&new.values, &current.values]);
    if !new.feasible() {
        // Both equally infeasible: the objectives decide, the archive does not matter.
        return match dominates(&current.values, &new.values) {
            true => Verdict { chance: chance(amount(&current.values, &new.values, &range), temperature), gain: 0.0 },
            false => Verdict { chance: 1.0, gain: 0.0 },
        };
    }
    let (mut sum, mut n, mut least) = (0.0, 0u32, f64::INFINITY);
    for member in archive.members() {
        if dominates(&member.point, &new.values) {
            let by = amount(&member.point, &new.values, &range);
            sum += by;
            n += 1;
            least = least.min(by);
        }
    }
    if dominates(&current.values, &new.values) {
        sum += amount(&current.values, &new.values, &range);
        return Verdict { chance: chance(sum / f64::from(n + 1), temperature), gain: 0.0 };
    }
    if dominates(&new.values, &current.values) {
        let gain = amount(&new.values, &current.values, &range);
        return Verdict { chance: 1.0, gain: if n == 0 { gain } else { gain.min(least) } };
    }
    match n {
        0 => Verdict { chance: 1.0, gain: 0.0 },
        n => Verdict { chance: chance(sum / f64::from(n), temperature), gain: 0.0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn score(values: Point, violation: f64) -> Score {
        Score { values, objective: values.iter().sum(), skip: 0.0, violation }
    }

    fn archive() -> Archive<()> {
        let mut a = Archive::new(8);
        a.offer([0.0, 10.0, 0.0, 0.0], 10.0, || ());
        a.offer([5.0, 5.0, 0.0, 0.0], 10.0, || ());
        a.offer([10.0, 0.0, 0.0, 0.0], 10.0, || ());
        a
    }

    /// Hot accepts about half of what is dominated, cold almost none.
    #[test]
    fn temperature_divides() {
        let (a, current) = (archive(), score([5.0, 5.0, 0.0, 0.0], 0.0));
        let dominated = score([7.0, 7.0, 0.0, 0.0], 0.0);
        let hot = judge(&dominated, &current, &a, 1.0, 100.0).chance;
        let cold = judge(&dominated, &current, &a, 1.0, 0.01).chance;
        assert!((0.49..0.5).contains(&hot) && cold < 1e-8, "{hot} {cold}");
        // Twice by (2/10 * 2/10)^(1/2) = 0.2: by the current point and by the member equal to it.
        let chance = judge(&dominated, &current, &a, 1.0, 0.2).chance;
        assert!((chance - 1.0 / (1.0 + 1f64.exp())).abs() < 1e-12);
    }

    #[test]
    fn more_dominated_is_less_likely() {
        let (a, current) = (archive(), score([5.0, 5.0, 0.0, 0.0], 0.0));
        let chance = |x: f64| judge(&score([x, x, 0.0, 0.0], 0.0), &current, &a, 1.0, 0.1).chance;
        assert!(chance(5.5) > chance(6.0) && chance(6.0) > chance(9.0));
        assert!((chance(4.0) - 1.0).abs() < 1e-12);
        // Neither dominates the other, and no member dominates it.
        assert!((judge(&score([4.0, 5.5, 0.0, 0.0], 0.0), &current, &a, 1.0, 0.1).chance - 1.0).abs() < 1e-12);
    }

    #[test]
    fn violation_comes_first() {
        let a = archive();
        let (good, bad) = (score([9.0, 9.0, 9.0, 9.0], 0.0), score([1.0, 1.0, 0.0, 0.0], 0.5));
        assert!((judge(&good, &bad, &a, 1.0, 0.01).chance - 1.0).abs() < 1e-12);
        assert!(judge(&bad, &good, &a, 1.0, 0.01).chance < 1e-12);
        assert!(judge(&bad, &good, &a, 1.0, 10.0).chance > 0.45);
    }

    #[test]
    fn metropolis_accepts_as_often_as_it_says() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(9);
        let n = (0..20_000).filter(|_| metropolis(1.0, 1.0, &mut rng)).count() as f64 / 20_000.0;
        assert!((n - (-1f64).exp()).abs() < 0.015, "{n}");
        assert!(metropolis(-1.0, 1e-9, &mut rng) && !metropolis(1.0, 1e-9, &mut rng));
    }
}
