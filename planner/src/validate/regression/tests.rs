//! Properties of fits on a law that is its own first head: what a Gaussian process with those terms must do.

use super::*;
use proptest::prelude::*;

/// `log y` is the first head.
#[derive(Clone, Copy, Debug)]
struct Head;

impl Law for Head {
    fn predict(&self, heads: &[f64; HEADS]) -> (f64, [f64; HEADS]) {
        let mut slope = [0.0; HEADS];
        slope[0] = 1.0;
        (heads[0], slope)
    }
}

/// Two heads that overlap as a launch and a reading do: `log(exp(h0) + exp(h1))`.
#[derive(Clone, Copy, Debug)]
struct Sum;

impl Law for Sum {
    fn predict(&self, heads: &[f64; HEADS]) -> (f64, [f64; HEADS]) {
        let (a, b) = (heads[0].exp(), heads[1].exp());
        let mut slope = [0.0; HEADS];
        (slope[0], slope[1]) = (a / (a + b), b / (a + b));
        ((a + b).ln(), slope)
    }
}

/// Rows of groups: all share a level, each group has one of its own, and a slope with a feature.
fn problem<L: Copy>(law: L, rows: &[(usize, f64, f64)]) -> Problem<L> {
    let mut problem = Problem { terms: Terms::default(), rows: Vec::new(), noise: 0.05, lean: 0.0 };
    for &(group, feature, y) in rows {
        let mut w = Writer { terms: &mut problem.terms, heads: [0.0; HEADS], out: Vec::new() };
        w.add(0, "all", 0.3, 1.0);
        w.add(0, &format!("group {group}"), 0.2, 1.0);
        w.add(0, "slope", 0.1, feature);
        w.add(1, &format!("other {group}"), 1.0, 1.0);
        let (heads, terms) = (w.heads, w.out);
        problem.rows.push(Observation { y, law, heads, terms });
    }
    problem
}

fn rows() -> impl Strategy<Value = Vec<(usize, f64, f64)>> {
    prop::collection::vec((0..4usize, -2.0..2.0f64, -1.5..1.5f64), 5..24)
}

fn all<L>(of: &Problem<L>) -> Vec<usize> {
    (0..of.rows.len()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_fit_never_loses_to_its_priors_on_its_own_rows(rows in rows()) {
        let (linear, bent) = (problem(Head, &rows), problem(Sum, &rows));
        let (seen, prior) = (all(&linear), linear.prior());
        prop_assert!(linear.loss(&seen, &linear.fit(&seen, &prior, 16)) <= linear.loss(&seen, &prior));
        prop_assert!(bent.loss(&seen, &bent.fit(&seen, &bent.prior(), 16)) <= bent.loss(&seen, &bent.prior()));
    }

    #[test]
    fn more_steps_never_lose(rows in rows(), steps in 1..8usize) {
        let bent = problem(Sum, &rows);
        let seen = all(&bent);
        let of = |n| bent.loss(&seen, &bent.fit(&seen, &bent.prior(), n));
        prop_assert!(of(steps + 1) <= of(steps) * (1.0 + 1e-12));
    }

    #[test]
    fn seen_rows_leave_less_variance_and_never_less_than_the_noise(rows in rows(), split in 1..4usize) {
        let linear = problem(Head, &rows);
        let (seen, prior) = (all(&linear), linear.prior());
        let before = linear.variances(&seen, &[], &prior);
        let few = linear.variances(&seen, &seen[..split], &prior);
        for (b, f) in before.iter().zip(&few) {
            prop_assert!(f <= &(b + 1e-9) && *f >= linear.noise * linear.noise - 1e-12, "{b} {f}");
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter(rows in rows(), seed: u64) {
        let linear = problem(Head, &rows);
        let seen = all(&linear);
        let mut other = seen.clone();
        let turn = (seed % seen.len() as u64) as usize;
        other.rotate_left(turn);
        other.reverse();
        let (a, b) = (linear.fit(&seen, &linear.prior(), 16), linear.fit(&other, &linear.prior(), 16));
        for &row in &seen {
            prop_assert!((linear.predict(row, &a) - linear.predict(row, &b)).abs() < 1e-7);
        }
    }

    #[test]
    fn a_choice_is_small_its_own_and_blind_to_outcomes(rows in rows(), count in 0..12usize, shift in -1.0..1.0f64) {
        let linear = problem(Head, &rows);
        let candidates = all(&linear);
        let chosen = linear.choose(&candidates, &[], &linear.prior(), count);
        prop_assert_eq!(chosen.len(), count.min(candidates.len()));
        let distinct: std::collections::BTreeSet<usize> = chosen.iter().copied().collect();
        prop_assert_eq!(distinct.len(), chosen.len());
        let moved: Vec<_> = rows.iter().enumerate().map(|(i, r)| (r.0, r.1, r.2 + shift * i as f64)).collect();
        let moved = problem(Head, &moved);
        prop_assert_eq!(moved.choose(&candidates, &[], &moved.prior(), count), chosen);
    }

    #[test]
    fn the_first_choice_leaves_the_least_deviations(rows in rows()) {
        let mut linear = problem(Head, &rows);
        let candidates = all(&linear);
        let chosen = linear.choose(&candidates, &[], &linear.prior(), 1);
        // The same by conditioning on each candidate in turn; outcomes as predicted, so that none weighs as an outlier.
        linear.noise *= DOUBT;
        for row in &mut linear.rows {
            row.y = 0.0;
        }
        let left = |j: usize| linear.variances(&candidates, &[j], &linear.prior()).iter().map(|v| v.sqrt()).sum::<f64>();
        let best = candidates.iter().map(|&j| left(j)).fold(f64::INFINITY, f64::min);
        prop_assert!(left(chosen[0]) <= best + 1e-9, "{} {best}", left(chosen[0]));
    }
}

#[test]
fn known_weights_are_found_again() {
    // A level of 0.4 for all, -0.3 for group 1, a slope of 0.2: no noise in the rows, much of it assumed.
    let truth = |g: usize, x: f64| 0.4 - if g == 1 { 0.3 } else { 0.0 } + 0.2 * x;
    let rows: Vec<_> = (0..60).map(|i| (i % 3, (i % 7) as f64 - 3.0, 0.0)).map(|(g, x, _)| (g, x, truth(g, x))).collect();
    let linear = problem(Head, &rows);
    let seen: Vec<usize> = (0..50).collect();
    let fit = linear.fit(&seen, &linear.prior(), 16);
    for row in 50..60 {
        assert!((linear.predict(row, &fit) - linear.rows[row].y).abs() < 0.01, "row {row}");
    }
}
