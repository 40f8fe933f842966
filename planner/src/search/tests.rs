//! The whole exact side against exhaustive enumeration.

use super::bound::{Limits, artificial, root};
use super::columns::{Pool, Pricing};
use super::exact::close;
use super::program::Rows;
use super::{Effort, Silent, Stats, brute};
use crate::table::Table;
use crate::testing::{Size, random_table};

/// A little more than [`Size::TINY`]: replicas, two processors, three modes.
const RICH: Size = Size { processors: (1, 2), replicas: 2, services: (1, 2), options: (1, 2), ..Size::TINY };

fn all_options(table: &Table) -> Vec<Vec<u32>> {
    table.services.iter().map(|s| (0..s.options.len() as u32).collect()).collect()
}

#[test]
fn integer_program_equals_brute_force_and_every_bound_holds() {
    let effort = Effort { gap: 0.0, columns: 20_000, nodes: 100_000, ..Effort::default() };
    let (mut solved, mut infeasible) = (0, 0);
    for seed in 0..200 {
        let table = random_table(seed, if seed % 2 == 0 { Size::TINY } else { RICH });
        let Ok(truth) = brute::solve(&table, 30_000) else { continue };
        let pricing = Pricing::new(&table, &all_options(&table));
        let mut pool = Pool::default();
        let mut bounds = Vec::new();
        let root =
            root(&table, &pricing, Rows::new(&table, artificial(&table, f64::INFINITY)), &mut pool, f64::INFINITY, 0.0, Limits::default(), &Silent, &mut |b| bounds.push(b))
                .expect("HiGHS solves it");
        let closed = close(&table, &pricing, &root, None, &effort, &mut Stats::default()).expect("few columns");
        match truth {
            Some((_, e)) => {
                let optimum = e.objective;
                for b in &bounds {
                    assert!(*b <= optimum + 1e-9, "seed {seed}: bound {b} above {optimum}");
                }
                let found = closed.best.unwrap_or_else(|| panic!("seed {seed}: no plan, optimum {optimum}")).1;
                assert!(found.feasible());
                assert!((found.objective - optimum).abs() <= 1e-7 * (1.0 + optimum), "seed {seed}: {} {optimum}", found.objective);
                assert!(closed.bound <= optimum + 1e-9 && closed.bound >= optimum - 1e-6 * (1.0 + optimum), "seed {seed}");
                solved += 1;
            }
            None => {
                assert!(closed.best.is_none() && closed.bound == f64::INFINITY, "seed {seed}: {:?}", closed.bound);
                infeasible += 1;
            }
        }
    }
    println!("solved {solved}, infeasible {infeasible}");
    assert!(solved >= 100 && infeasible >= 5, "{solved} solved, {infeasible} infeasible");
}

#[test]
#[ignore = "a measurement, not a check"]
fn medium_trees() {
    use super::branch::{Shared, Tree};
    for seed in std::env::var("SEEDS").unwrap_or("4 7".into()).split(' ').map(|s| s.parse().unwrap()) {
        let table = random_table(seed, Size::MEDIUM);
        let t = std::time::Instant::now();
        let pricing = Pricing::new(&table, &all_options(&table));
        let mut pool = Pool::default();
        let rows = Rows::new(&table, artificial(&table, f64::INFINITY));
        let root = root(&table, &pricing, rows, &mut pool, f64::INFINITY, 0.0, Limits::default(), &Silent, &mut |_| ()).expect("");
        let mut stats = Stats::default();
        let effort = Effort { columns: 5000, nodes: 500, gap: 0.0, ..Effort::default() };
        let shared = Shared { table: &table, pricing: &pricing, effort: &effort, watch: &Silent };
        let mut tree = Tree::new(root.clone());
        let mut best = None;
        for round in 0..6 {
            best = tree.grow(&shared, &root, &mut pool, best, if round == 0 {1} else {10}, &mut stats);
            println!("seed {seed} {round}: {:?} bound {} done {} {:?} pool {} {stats:?}", best.as_ref().map(|b: &super::exact::Incumbent| b.1.objective), tree.bound(), tree.done(), t.elapsed(), pool.columns().len());
            if tree.done() { break; }
        }
    }
}
