//! What each ingredient of the search brings: medians over 20 seeds, as tables in Markdown.
//!
//! `cargo run -p planner --example ablation`. First tables of `testing::random_table`, ten devices and six
//! services with every feature, for the search of any table; then fleets of `testing::fleet_instance`, 64
//! devices and 32 services, for that of even tables. Every table under twenty seeds of the search. Gap is to
//! the best value that any row found, in per cent; own gap is to the row's own bound. Counted work: the
//! numbers are the same on any machine.

use planner::search::{Effort, Parts, Silent, solve};
use planner::table::Table;
use planner::testing::{Size, fleet_instance, random_table};
use planner::yardstick::problem;
use rayon::prelude::*;

/// Seeds of the search, and of the tables.
const SEEDS: u64 = 20;
const TABLES: [u64; 4] = [3, 5, 8, 13];
const FLEETS: [u64; 2] = [1, 2];
/// Nominal seconds of one run.
const SECONDS: f64 = 0.25;

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    0.5 * (v[(v.len() - 1) / 2] + v[v.len() / 2])
}

/// Objective, bound and points of one run.
type Outcome = (f64, f64, usize);

fn runs(tables: &[Table], parts: Parts, front: u32) -> Vec<Outcome> {
    let pairs: Vec<(&Table, u64)> = tables.iter().flat_map(|t| (1..=SEEDS).map(move |seed| (t, seed))).collect();
    pairs
        .into_par_iter()
        .map(|(table, seed)| {
            let found = solve(table, &Effort { seed, parts, front, ..Effort::for_seconds(SECONDS) }, &Silent);
            let value = found.best.as_ref().map_or(f64::INFINITY, |(_, e)| e.objective);
            (value, found.bound, found.front.len())
        })
        .collect()
}

#[expect(clippy::print_stdout, reason = "prints a table")]
fn print(tables: &[Table], rows: &[(&str, Parts)], front: u32) {
    println!(
        "| | median gap to best, % | worst, % | without a plan | median front points | median own gap, % |\n|---|---|---|---|---|---|"
    );
    let results: Vec<Vec<Outcome>> = rows.iter().map(|(_, parts)| runs(tables, *parts, front)).collect();
    let each = SEEDS as usize;
    let best: Vec<f64> = (0..tables.len())
        .map(|t| results.iter().flat_map(|r| &r[t * each..(t + 1) * each]).map(|x| x.0).fold(f64::INFINITY, f64::min))
        .collect();
    for ((name, _), list) in rows.iter().zip(&results) {
        let gaps: Vec<f64> = list.iter().enumerate().map(|(i, x)| 100.0 * (x.0 / best[i / each] - 1.0)).collect();
        let worst = gaps.iter().copied().filter(|g| g.is_finite()).fold(0.0, f64::max);
        let none = gaps.iter().filter(|g| !g.is_finite()).count();
        let points = median(list.iter().map(|x| x.2 as f64).collect());
        let own = list.iter().map(|x| if x.1.is_finite() { 100.0 * (1.0 - x.1 / x.0) } else { 100.0 }).collect();
        println!("| {name} | {:.3} | {worst:.3} | {none} of {} | {points} | {:.2} |", median(gaps), list.len(), median(own));
    }
}

#[expect(clippy::print_stdout, clippy::expect_used, reason = "prints a table; fixtures are valid")]
fn main() {
    let all = Parts::ALL;
    let rows = [
        ("all", all),
        ("momentum off", Parts { momentum: false, ..all }),
        ("archive off", Parts { archive: false, ..all }),
        ("integer programs off", Parts { programs: false, ..all }),
        ("annealing off", Parts { annealing: false, ..all }),
    ];
    println!("Any table: ten devices, six services, every feature; {SECONDS} nominal seconds.\n");
    let tables: Vec<Table> = TABLES.iter().map(|&seed| random_table(seed, Size::MEDIUM)).collect();
    print(&tables, &rows, 8);
    println!("\nEven tables: 64 devices, 32 services; {SECONDS} nominal seconds. They know neither momentum nor archive.\n");
    let fleets: Vec<Table> =
        FLEETS.iter().map(|&seed| problem(&fleet_instance(seed, 64)).expect("valid by construction").table).collect();
    print(&fleets, &[rows[0], rows[3], rows[4]], 0);
}
