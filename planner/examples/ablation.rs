//! What each ingredient of the search brings: medians over 20 seeds, as a table in Markdown.
//!
//! `cargo run --release -p planner --example ablation`. Tables of `testing::random_table`, ten devices
//! and six services with every feature; one table, twenty seeds of the search. Gap is to the best value
//! that any row found, in per cent; bound is the row's own.

use planner::search::{Effort, Parts, Silent, solve};
use planner::testing::{Size, random_table};

/// Seeds of the search, and of the tables.
const SEEDS: u64 = 20;
const TABLES: [u64; 4] = [3, 5, 8, 13];
/// Nominal seconds of one run.
const SECONDS: f64 = 0.5;

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    0.5 * (v[(v.len() - 1) / 2] + v[v.len() / 2])
}

#[expect(clippy::print_stdout, reason = "prints a table")]
fn main() {
    let all = Parts::ALL;
    let rows = [
        ("all", all),
        ("momentum off", Parts { momentum: false, ..all }),
        ("archive off", Parts { archive: false, ..all }),
        ("integer programs off", Parts { programs: false, ..all }),
        ("annealing off", Parts { annealing: false, ..all }),
    ];
    println!(
        "| | median gap to best, % | worst, % | without a plan | median front points | median own gap, % |\n|---|---|---|---|---|---|"
    );
    let mut results: Vec<Vec<(f64, f64, usize)>> = Vec::new();
    for (_, parts) in rows {
        let mut list = Vec::new();
        for table_seed in TABLES {
            let table = random_table(table_seed, Size::MEDIUM);
            for seed in 1..=SEEDS {
                let effort = Effort { seed, parts, ..Effort::for_seconds(SECONDS) };
                let found = solve(&table, &effort, &Silent);
                let value = found.best.as_ref().map_or(f64::INFINITY, |(_, e)| e.objective);
                list.push((value, found.bound, found.front.len()));
            }
        }
        results.push(list);
    }
    let runs = SEEDS as usize;
    let best: Vec<f64> = (0..TABLES.len())
        .map(|t| results.iter().flat_map(|r| &r[t * runs..(t + 1) * runs]).map(|x| x.0).fold(f64::INFINITY, f64::min))
        .collect();
    for ((name, _), list) in rows.iter().zip(&results) {
        let gaps: Vec<f64> = list.iter().enumerate().map(|(i, x)| 100.0 * (x.0 / best[i / runs] - 1.0)).collect();
        let worst = gaps.iter().copied().filter(|g| g.is_finite()).fold(0.0, f64::max);
        let none = gaps.iter().filter(|g| !g.is_finite()).count();
        let points = median(list.iter().map(|x| x.2 as f64).collect());
        let own = median(list.iter().map(|x| if x.1.is_finite() { 100.0 * (1.0 - x.1 / x.0) } else { 100.0 }).collect());
        println!("| {name} | {:.3} | {worst:.3} | {none} of {} | {points} | {own:.2} |", median(gaps), list.len());
    }
}
