//! Small scenarios, every plan of which is tried.

use crate::physics::{self, Label};
use crate::search::{Effort, Silent, brute, solve};
use scenarios::Scenario;

/// Plans of a scenario that are tried at most; with more it is left out.
const MOST: usize = 60_000;

/// The search's plan is the best of all, and no bound is above it; how the best plan serves the first service. `None`: there
/// are too many plans, or none is feasible and the search found none either.
pub(super) fn tried(seed: u64, s: &Scenario) -> Option<Label> {
    let model = physics::build(s);
    let truth = brute::solve(&model.table, MOST).ok()?;
    let effort = Effort { front: 0, seed, ..Effort::for_seconds(2.0) };
    let found = solve(&model.table, &effort, &Silent);
    let Some((a, e)) = truth else {
        assert!(found.best.is_none(), "seed {seed}");
        return None;
    };
    let best = found.best.unwrap_or_else(|| panic!("seed {seed}: none found, {} is there", e.objective)).1.objective;
    assert!((best - e.objective).abs() <= 1e-6 * (1.0 + e.objective.abs()), "seed {seed}: {best} {}", e.objective);
    let most = e.objective + 1e-9 * (1.0 + e.objective.abs());
    assert!(found.bound <= most, "seed {seed}: {} {}", found.bound, e.objective);
    let d = a.services[0].as_ref()?;
    Some(model.labels[model.table.services[0].options[d.option as usize].label as usize].clone())
}
