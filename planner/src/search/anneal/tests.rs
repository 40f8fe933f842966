use std::sync::atomic::{AtomicU32, Ordering};

use super::{Annealed, run};
use crate::search::archive::dominates;
use crate::search::{Effort, Parts, Progress, Silent, Watch};
use crate::table::{Assignment, Chain, Deployment, Stage, Table, evaluate};
use crate::testing::{Size, random_table};

fn effort(seed: u64, moves: u64, chains: u32, front: u32) -> Effort {
    Effort {
        seed,
        gap: 0.0,
        rounds: 1,
        moves,
        chains,
        columns: 500,
        nodes: 0,
        branches: 0,
        work: u64::MAX,
        seats: 0,
        pivots: 0,
        front,
        parts: Parts::ALL,
    }
}

/// Every chain of an option, replicas being one on tiny tables.
fn chains(table: &Table, s: usize, o: usize) -> Vec<Chain> {
    let option = &table.services[s].options[o];
    let places = 0..table.places.len() as u32;
    let mut list: Vec<Chain> =
        places.clone().map(|place| Chain { stages: vec![Stage { place, start: 0, end: option.blocks }] }).collect();
    for a in places.clone() {
        for b in places.clone() {
            for cut in 1..option.blocks {
                let stages = vec![Stage { place: a, start: 0, end: cut }, Stage { place: b, start: cut, end: option.blocks }];
                list.push(Chain { stages });
            }
        }
    }
    list
}

/// The least objective over every assignment of a tiny table; infinite when none is feasible.
fn least(table: &Table) -> f64 {
    let mut best = f64::INFINITY;
    let all: Vec<Vec<Deployment>> = (0..table.services.len())
        .map(|s| {
            let options = 0..table.services[s].options.len();
            options
                .flat_map(|o| chains(table, s, o).into_iter().map(move |c| Deployment { option: o as u32, chains: vec![c] }))
                .collect()
        })
        .collect();
    let mut at = vec![0; all.len()];
    loop {
        let a = Assignment { services: at.iter().zip(&all).map(|(&i, list)| Some(list[i].clone())).collect() };
        let e = evaluate(table, &a);
        if e.feasible() {
            best = best.min(e.objective);
        }
        let Some(k) = (0..at.len()).find(|&k| at[k] + 1 < all[k].len()) else { return best };
        at[k] += 1;
        at[..k].fill(0);
    }
}

#[test]
fn reaches_the_optimum_of_tiny_tables() {
    let (mut tables, mut reached) = (0, 0);
    for seed in 0..40 {
        let table = random_table(seed, Size::TINY);
        let optimum = least(&table);
        let found = run(&table, &effort(1, 6_000, 1, 0), 0, &[], &Silent);
        let mine = found.best.as_ref().map_or(f64::INFINITY, |(_, e)| e.objective);
        assert!(mine >= optimum - 1e-9 * optimum.abs() || optimum.is_infinite() && mine.is_infinite(), "seed {seed}");
        tables += 1;
        reached += u32::from(mine <= optimum + 1e-9 * optimum.abs() || optimum.is_infinite());
    }
    assert!(reached + 1 >= tables, "{reached} of {tables}");
}

#[test]
fn threads_do_not_matter() {
    let table = random_table(21, Size::MEDIUM);
    let with = |threads: usize| -> Annealed {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&table, &effort(5, 8_000, 4, 10), 0, &[], &Silent))
    };
    let one = with(1);
    assert!(one.best.is_some() && (32_000..=32_004).contains(&one.moves), "{} moves", one.moves);
    assert_eq!(one, with(2));
    assert_eq!(one, with(4));
    let other = run(&table, &effort(6, 8_000, 4, 10), 0, &[], &Silent);
    assert_ne!(one.columns, other.columns);
}

#[test]
fn findings_are_feasible_and_non_dominated() {
    for seed in 0..12 {
        let table = random_table(seed, Size::SMALL);
        let found = run(&table, &effort(2, 6_000, 2, 20), 0, &[], &Silent);
        let points: Vec<_> = found.archive.iter().map(|(_, e)| [e.power_w, e.latency, e.inaccuracy, e.underuse]).collect();
        for (i, (a, e)) in found.archive.iter().enumerate() {
            assert!(e.feasible() && *e == evaluate(&table, a));
            assert!(points.iter().all(|p| !dominates(p, &points[i])));
        }
        if let Some((_, best)) = &found.best {
            let first = &found.archive[0].1;
            assert!((first.objective - best.objective).abs() <= 1e-9 * best.objective.abs());
        }
        let mut columns = found.columns.clone();
        columns.sort();
        columns.dedup();
        assert_eq!(columns.len(), found.columns.len());
        for (s, o, chain) in &found.columns {
            let option = &table.services[*s as usize].options[*o as usize];
            assert_eq!(chain.stages.last().map(|stage| stage.end), Some(option.blocks));
        }
    }
}

#[test]
fn never_loses_its_start() {
    for seed in 0..10 {
        let table = random_table(seed, Size::MEDIUM);
        let first = run(&table, &effort(3, 20_000, 2, 0), 0, &[], &Silent);
        let Some((start, e)) = first.best else { continue };
        let next = run(&table, &effort(3, 512, 1, 0), 1, &[start], &Silent);
        let best = next.best.map_or(f64::INFINITY, |(_, e)| e.objective);
        assert!(best <= e.objective * (1.0 + 1e-12), "{best} after {}", e.objective);
    }
}

/// Asks to stop at the third question.
struct Impatient(AtomicU32);
impl Watch for Impatient {
    fn progress(&self, _: Progress) {}
    fn stop(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) >= 2
    }
}

#[test]
fn stops_when_asked() {
    let table = random_table(4, Size::MEDIUM);
    let found = run(&table, &effort(1, 1_000_000, 1, 0), 0, &[], &Impatient(AtomicU32::new(0)));
    assert!(found.moves <= 3 * super::pgsam::BATCH, "{}", found.moves);
}
