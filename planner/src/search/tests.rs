//! The whole exact side against exhaustive enumeration.

use super::bound::{Limits, root, rows};
use super::branch::{Shared, Tree};
use super::columns::{Pool, Pricing};
use super::exact::close;
use super::{Effort, Feasibility, Silent, Stats, Status, brute, feasible, ratio, solve};
use crate::table::{Table, Weights};
use crate::testing::{Size, random_table, rich_table};

/// A little more than [`Size::TINY`]: replicas, two processors, three modes.
const RICH: Size = Size { processors: (1, 2), replicas: 2, services: (1, 2), options: (1, 2), ..Size::TINY };

/// Every third with weight formats and bills.
fn table_of(seed: u64) -> Table {
    let size = if seed.is_multiple_of(2) { Size::TINY } else { RICH };
    if seed % 3 == 2 { rich_table(seed, size) } else { random_table(seed, size) }
}

fn all_options(table: &Table) -> Vec<Vec<u32>> {
    table.services.iter().map(|s| (0..s.options.len() as u32).collect()).collect()
}

#[test]
fn integer_program_equals_brute_force_and_every_bound_holds() {
    let effort = Effort { gap: 0.0, columns: 20_000, nodes: 100_000, ..Effort::default() };
    let (mut solved, mut infeasible) = (0, 0);
    for seed in 0..200 {
        let mut table = table_of(seed);
        if seed % 4 == 1 && table.services.len() > 1 {
            // Said by the later of the two alone.
            table.services[0].apart.clear();
            table.services[1].apart = vec![0];
        }
        let Ok(truth) = brute::solve(&table, 30_000) else { continue };
        let pricing = Pricing::new(&table, &all_options(&table));
        let mut pool = Pool::default();
        let mut bounds = Vec::new();
        let root = root(
            &table,
            &pricing,
            rows(&table, f64::INFINITY),
            &mut pool,
            f64::INFINITY,
            0.0,
            Limits::default(),
            &Silent,
            &mut |b| bounds.push(b),
        )
        .expect("HiGHS solves it");
        let closed = close(&table, &pricing, &root, None, f64::INFINITY, &effort, &mut Stats::default()).expect("few columns");
        match truth {
            Some((_, e)) => {
                let optimum = e.objective;
                for b in &bounds {
                    assert!(*b <= optimum + 1e-9, "seed {seed}: bound {b} above {optimum}");
                }
                let found = closed.best.unwrap_or_else(|| panic!("seed {seed}: no plan, optimum {optimum}")).1;
                assert!(found.feasible());
                assert!(
                    (found.objective - optimum).abs() <= 1e-7 * (1.0 + optimum),
                    "seed {seed}: {} {optimum}",
                    found.objective
                );
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
fn driver_and_feasibility_agree_with_brute_force() {
    let effort = Effort { front: 4, ..Effort::for_seconds(2.0) };
    let (mut optimal, mut infeasible) = (0, 0);
    for seed in 1000..1060 {
        let table = table_of(seed);
        let Ok(truth) = brute::solve(&table, 30_000) else { continue };
        let found = solve(&table, &effort, &Silent);
        let possible = feasible(&table, &effort);
        match truth {
            Some((_, e)) => {
                assert!(matches!(possible, Feasibility::Yes(_)), "seed {seed}: {possible:?}");
                assert_eq!(found.status, Status::Optimal, "seed {seed}: {:?} {}", found.stats, found.bound);
                let best = found.best.expect("optimal").1;
                assert!((best.objective - e.objective).abs() <= 1e-6 * (1.0 + e.objective), "seed {seed}");
                assert!(found.bound <= e.objective + 1e-9, "seed {seed}");
                assert_eq!(found.front[0].1, best);
                assert!(found.front.iter().all(|(a, p)| p.feasible() && *p == crate::table::evaluate(&table, a)));
                optimal += 1;
            }
            None => {
                assert_eq!(possible, Feasibility::No, "seed {seed}");
                assert_eq!(found.status, Status::Infeasible, "seed {seed}");
                infeasible += 1;
            }
        }
    }
    assert!(optimal >= 30 && infeasible >= 3, "{optimal} optimal, {infeasible} infeasible");
}

#[test]
fn branching_alone_proves_the_optimum() {
    // No integer program may hold more than three columns, so only decisions can close the gap.
    let effort = Effort { gap: 0.0, columns: 3, nodes: 100, branches: 3000, ..Effort::default() };
    let mut proved = 0;
    for seed in 2000..2040 {
        let table = table_of(seed);
        let Ok(Some((_, truth))) = brute::solve(&table, 30_000) else { continue };
        let pricing = Pricing::new(&table, &all_options(&table));
        let mut pool = Pool::default();
        let program = rows(&table, f64::INFINITY);
        let root = root(&table, &pricing, program, &mut pool, f64::INFINITY, 0.0, Limits::default(), &Silent, &mut |_| ())
            .expect("HiGHS solves it");
        let shared = Shared { table: &table, pricing: &pricing, effort: &effort, watch: &Silent, aim: f64::INFINITY };
        let mut tree = Tree::new(root.clone());
        let best = tree.grow(&shared, &root, &mut pool, None, effort.branches, &mut Stats::default());
        assert!(tree.bound() <= truth.objective + 1e-9, "seed {seed}: {} above {}", tree.bound(), truth.objective);
        if tree.done() {
            let found = best.unwrap_or_else(|| panic!("seed {seed}: closed without a plan")).1.objective;
            assert!((found - truth.objective).abs() <= 1e-6 * (1.0 + found), "seed {seed}: {found} {}", truth.objective);
            proved += 1;
        }
    }
    assert!(proved >= 20, "{proved}");
}

#[test]
fn right_answers_per_joule_equal_brute_force() {
    let mut checked = 0;
    for seed in 3000..3020 {
        let mut table = random_table(seed, Size::TINY);
        let rate: f64 = table.services.iter().map(|s| s.rate_hz).sum();
        let found = ratio::solve(&table, &Effort { front: 0, ..Effort::for_seconds(1.0) }, &Silent);
        // At the best price, no plan has power less than price times right answers: a linear brute force decides.
        table.weights = Weights { power: 1.0, latency: 0.0, inaccuracy: found.value * rate, underuse: 0.0 };
        let Ok(truth) = (if found.value.is_finite() { brute::solve(&table, 30_000) } else { Ok(None) }) else { continue };
        assert!(found.bound <= found.value);
        if let Some((_, e)) = truth {
            let surplus = e.objective - found.value * rate;
            assert!(surplus.abs() <= 1e-6 * e.power_w, "seed {seed}: {surplus}");
            assert!(found.bound >= found.value * (1.0 - 1e-5), "seed {seed}: {} {}", found.bound, found.value);
            checked += 1;
        }
    }
    assert!(checked >= 8, "{checked}");
}

#[test]
fn one_thread_and_two_give_the_same_bytes() {
    let table = random_table(7, Size::SMALL);
    let effort = Effort::for_seconds(1.0);
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        format!("{:?}", pool.install(|| solve(&table, &effort, &Silent)))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(1));
}

#[test]
fn nothing_to_serve_sleeps_and_what_fits_nowhere_is_impossible() {
    let mut table = random_table(2, Size::TINY);
    (table.power_cap_w, table.underuse_cap) = (f64::INFINITY, f64::INFINITY);
    let mut idle = table.clone();
    idle.services.clear();
    let found = solve(&idle, &Effort::for_seconds(0.1), &Silent);
    assert_eq!(found.status, Status::Optimal, "{found:?}");
    let mut asleep = table.clone();
    asleep.services.truncate(1);
    asleep.services[0].skip_cost = 0.0;
    asleep.services[0].options.clear();
    let found = solve(&asleep, &Effort::for_seconds(0.1), &Silent);
    assert_eq!((found.status, found.best.map(|b| b.0.services)), (Status::Optimal, Some(vec![None])));
    table.services[0].total_cap_s = 1e-9;
    assert_eq!(feasible(&table, &Effort::for_seconds(0.1)), Feasibility::No);
    assert_eq!(solve(&table, &Effort::for_seconds(0.1), &Silent).status, Status::Infeasible);
}
