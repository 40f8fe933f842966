//! Small random scenarios, solved by trying everything: the planner's optimum is the optimum, its bound is a
//! bound, and no annealed plan beats it.

use planner::physics;
use planner::search::{self, Effort, Silent, Status, anneal, brute};
use planner::testing::{rich_scenario, scenario_of};
use rayon::prelude::*;

/// Scenarios compared.
const WANTED: usize = 200;
/// Deployments that may be tried for one scenario.
const MOST: usize = 30_000;

/// One comparison: `None` when the scenario is too large to try everything.
fn compare(seed: u64) -> Option<bool> {
    compared(seed, &physics::build(&scenario_of(seed, 1 + seed as usize % 3, 1 + seed as usize % 2)))
}

/// The same for one in which stages may differ in format, devices nap, and days have prices.
fn compare_rich(seed: u64) -> Option<bool> {
    compared(seed, &physics::build(&rich_scenario(seed)))
}

fn compared(seed: u64, model: &physics::Model) -> Option<bool> {
    let table = &model.table;
    let truth = brute::solve(table, MOST).ok()?;
    let effort = Effort { seed, front: 0, ..Effort::for_seconds(5.0) };
    let found = search::solve(table, &effort, &Silent);
    let annealed = anneal::run(table, &Effort { moves: 2_000, ..effort }, 0, &[], &Silent).best;
    let Some((_, best)) = truth else {
        assert_eq!(found.status, Status::Infeasible, "seed {seed}");
        assert!(annealed.is_none(), "seed {seed}: annealing found what does not exist");
        return Some(false);
    };
    let room = 1e-7 * (1.0 + best.objective.abs());
    let plan = found.best.unwrap_or_else(|| panic!("seed {seed}: no plan, the optimum is {}", best.objective)).1;
    assert_eq!(found.status, Status::Optimal, "seed {seed}: {} bound {}", plan.objective, found.bound);
    assert!((plan.objective - best.objective).abs() <= 10.0 * room, "seed {seed}: {} for {}", plan.objective, best.objective);
    assert!(found.bound <= best.objective + room, "seed {seed}: bound {} above {}", found.bound, best.objective);
    if let Some((_, e)) = annealed {
        assert!(e.feasible() && e.objective >= found.bound - room, "seed {seed}: {} beats {}", e.objective, found.bound);
    }
    Some(true)
}

#[test]
fn two_hundred_scenarios_agree_with_trying_everything() {
    let (mut solved, mut impossible, mut next) = (0, 0, 0);
    while solved < WANTED && next < 2_000 {
        let outcomes: Vec<Option<bool>> = (next..next + 50).into_par_iter().map(compare).collect();
        solved += outcomes.iter().filter(|o| **o == Some(true)).count();
        impossible += outcomes.iter().filter(|o| **o == Some(false)).count();
        next += 50;
    }
    println!("{solved} with a plan, {impossible} without one, of {next} scenarios");
    assert!(solved >= WANTED, "only {solved} of {next} are small enough");
}

#[test]
fn formats_naps_and_prices_agree_with_trying_everything() {
    let (mut solved, mut next) = (0, 0);
    while solved < 60 && next < 2_000 {
        let outcomes: Vec<Option<bool>> = (next..next + 50).into_par_iter().map(compare_rich).collect();
        solved += outcomes.iter().filter(|o| **o == Some(true)).count();
        next += 50;
    }
    println!("{solved} with a plan, of {next} scenarios");
    assert!(solved >= 60, "only {solved} of {next} are small enough");
}
