//! The search of even tables against the table's own definition, exhaustive enumeration and the general search.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::advice::Advice;
use super::chain::Walk;
use super::fleet::{Fleet, Post};
use super::view::Even;
use super::{goal, solve};
use crate::search::{Effort, Silent, Status, brute, driver};
use crate::table::{Table, evaluate};
use crate::testing::{Size, random_instance, random_table};
use crate::yardstick::problem;

pub(super) fn table(seed: u64, devices: usize, services: usize, layers: u32) -> Table {
    problem(&random_instance(seed, devices, services, layers)).expect("a table").table
}

/// So many as a variable says, else so many.
fn count(variable: &str, few: usize) -> usize {
    std::env::var(variable).ok().and_then(|v| v.parse().ok()).unwrap_or(few)
}

pub(super) fn effort(seats: u64) -> Effort {
    Effort { seats, pivots: 20_000, front: 0, ..Effort::for_seconds(0.1) }
}

#[test]
fn tables_of_scenarios_are_not_even_and_instances_are() {
    assert!((0..40).all(|seed| Even::of(&random_table(seed, Size::SMALL)).is_none()));
    let even = table(1, 6, 4, 12);
    assert!(Even::of(&even).is_some());
    let mut pinned = even.clone();
    pinned.services[0].pins = vec![vec![1]];
    let mut capped = even.clone();
    capped.power_cap_w = 100.0;
    let mut far = even.clone();
    far.hops[1].latency_s = 0.1;
    let mut uneven = even.clone();
    uneven.services[0].options[0].cuts.last_mut().unwrap().prefill_bytes += 1.0;
    for other in [pinned, capped, far] {
        assert!(Even::of(&other).is_none());
    }
    assert_eq!(Even::of(&uneven).is_none(), even.services[0].options[0].blocks > 2);
}

/// What is updated move by move is what the table says, and nothing is ever broken: by default over 100,000
/// moves, `WATTLINE_MOVES=1000000` for a million.
#[test]
fn incremental_sums_equal_full_evaluation() {
    let moves = count("WATTLINE_MOVES", 100_000) as u64;
    let table = table(3, 9, 7, 16);
    let even = Even::of(&table).expect("even");
    let mut walk = Walk::new(&even, goal(&even), Advice::default(), 5);
    let (mut accepted, mut largest) = (0, 0.0f64);
    for _ in 0..moves {
        walk.step(2.0, None);
        let e = evaluate(&table, &even.assignment(&walk.fleet.posts));
        let sums = walk.fleet.sums();
        assert_eq!(sums.absent > 0, e.objective.is_infinite());
        assert!(e.feasible(), "{:?}", e.violations);
        let off =
            (sums.power_w - e.power_w).abs().max((sums.latency - e.latency).abs()).max((sums.inaccuracy - e.inaccuracy).abs());
        largest = largest.max(off);
        accepted += 1;
    }
    assert!(largest <= 1e-9, "{largest}");
    assert!(walk.accepted > moves / 20, "{} of {accepted}", walk.accepted);
}

/// By default 200, `WATTLINE_SMALL=2000` for 2,000.
#[test]
fn small_instances_equal_exhaustive_enumeration() {
    let (mut solved, mut impossible, mut seed) = (0, 0, 0u64);
    let wanted = count("WATTLINE_SMALL", 200);
    while solved < wanted {
        seed += 1;
        let table = table(seed, 2 + seed as usize % 2, 2, 2);
        let Ok(truth) = brute::solve(&table, 3_000) else { continue };
        let found = solve(&table, &[], &effort(20_000), &Silent).expect("even");
        let Some((_, e)) = truth else {
            assert!(found.best.is_none(), "seed {seed}");
            impossible += 1;
            continue;
        };
        let best = found.best.as_ref().unwrap_or_else(|| panic!("seed {seed}: no plan")).1.objective;
        assert!((best - e.objective).abs() <= 1e-9 * e.objective, "seed {seed}: {best} for {}", e.objective);
        assert!(found.bound <= e.objective * (1.0 + 1e-12), "seed {seed}: bound {} above {}", found.bound, e.objective);
        solved += 1;
    }
    assert!(impossible < solved, "{impossible}");
    println!("{solved} equal enumeration, {impossible} have no plan");
}

/// The general search, which does not know of evenness, proves the same optimum.
#[test]
fn the_general_search_agrees() {
    let mut proved = 0;
    for seed in 0..6 {
        let table = table(seed, 3, 2, 6);
        let here = solve(&table, &[], &effort(50_000), &Silent).expect("even");
        let there = driver::general(&table, &[], &Effort { front: 0, ..Effort::for_seconds(0.3) }, &Silent);
        if there.status == Status::Infeasible {
            assert!(here.best.is_none());
            continue;
        }
        let (a, b) = (here.best.expect("a plan").1.objective, there.best.expect("a plan").1.objective);
        assert!(a <= b + 1e-9 * b && here.bound <= b * (1.0 + 1e-12) && there.bound <= a * (1.0 + 1e-9), "seed {seed}: {a} {b}");
        proved += u32::from(there.status == Status::Optimal);
    }
    assert!(proved >= 2, "{proved}");
}

/// Devices in another order: the same objective. By default 50 orders, `WATTLINE_SHUFFLES=500` for 500.
#[test]
fn order_of_devices_does_not_matter() {
    let instance = random_instance(11, 10, 8, 20);
    let solved = |i: &crate::yardstick::Instance| solve(&problem(i).unwrap().table, &[], &effort(30_000), &Silent).unwrap();
    let first = solved(&instance).best.unwrap().1.objective;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    for _ in 0..count("WATTLINE_SHUFFLES", 50) {
        let mut shuffled = instance.clone();
        shuffled.devices.shuffle(&mut rng);
        let other = solved(&shuffled).best.unwrap().1.objective;
        assert!((other - first).abs() <= 1e-9 * first, "{other} {first}");
    }
}

/// One device more: never a worse plan, where both are solved to the end.
#[test]
fn another_device_never_hurts() {
    for seed in 0..40 {
        let larger = random_instance(seed, 5, 4, 10);
        let mut smaller = larger.clone();
        smaller.devices.pop();
        let power = |i: &crate::yardstick::Instance, standby: f64| {
            let found = solve(&problem(i).unwrap().table, &[], &effort(100_000), &Silent).unwrap();
            found.best.map_or(f64::INFINITY, |b| b.1.objective - standby)
        };
        let standby = larger.devices[4].standby_w;
        // The sleeping device itself draws its standby power, which no plan can avoid.
        let (with, without) = (power(&larger, standby), power(&smaller, 0.0));
        assert!(with <= without + 1e-9, "seed {seed}: {with} {without}");
    }
}

#[test]
fn one_thread_and_two_give_the_same_front() {
    let table = table(21, 8, 6, 20);
    let effort = Effort { seats: 200_000, front: 20, ..Effort::for_seconds(0.1) };
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| solve(&table, &[], &effort, &Silent).expect("even"))
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert!(one.front.len() > 3 && one.front.iter().all(|(a, e)| e.feasible() && *e == evaluate(&table, a)));
    assert!(one.front.windows(2).all(|w| w[0].1.power_w < w[1].1.power_w && w[0].1.latency > w[1].1.latency));
}

/// A service that no device can run, as where all that could are lost.
#[test]
fn a_service_without_options_has_no_plan() {
    let mut table = table(5, 6, 5, 10);
    table.services[2].options.clear();
    for effort in [effort(20_000), Effort { front: 4, ..effort(20_000) }] {
        let found = solve(&table, &[], &effort, &Silent).expect("even");
        assert!(found.best.is_none() && found.status == Status::Infeasible);
    }
}

/// Posts put in any order and taken again leave nothing behind.
#[test]
fn taking_all_leaves_an_empty_fleet() {
    let table = table(5, 6, 5, 10);
    let even = Even::of(&table).expect("even");
    let walk = Walk::new(&even, goal(&even), Advice::default(), 1);
    let mut fleet = Fleet::new(&even);
    let empty = *fleet.sums();
    let mut order: Vec<usize> = (0..walk.best.len()).collect();
    order.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(2));
    order.iter().for_each(|&j| fleet.put(j, &walk.best[j]));
    let taken: Vec<Post> = (0..walk.best.len()).map(|j| fleet.take(j)).collect();
    assert_eq!(taken, walk.best);
    assert!(fleet.awake.is_empty() && fleet.loads.iter().flatten().all(|x| *x == 0.0));
    assert!((fleet.sums().power_w - empty.power_w).abs() < 1e-9 && fleet.sums().absent == empty.absent);
}
