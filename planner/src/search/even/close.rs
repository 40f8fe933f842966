//! The end of a proof: exact programs over single devices, small because the bound's prices rule most of them out.
//!
//! A part of the plans has Lagrange's bound `L = constant + sum v_j + sum of devices' ends`. A plan of the part that
//! serves `j` by way `w` with a stage on class `c` costs at least `L - v_j + v_j(w, c)`, the least deployment of that
//! kind taken; one that wakes `n` devices of a class costs `L` and what moves its end to `n`. What is not below the
//! best plan known cannot be in a better one (reduced-cost fixing). What is left is stated device by device and
//! solved by HiGHS, with the best plan as a cutoff: no solution means that it is the best. Unlike the bounds before it
//! such a proof rests on HiGHS's tolerances, set to 1e-9.

use highs::{HighsModelStatus, RowProblem, Sense};

use super::decompose::Decomposition;
use super::fleet::{Goal, Post};
use super::program::{Detail, Program};
use super::unpack;
use super::view::Even;
use crate::search::Watch;
use crate::search::program::quiet;

/// Relative distance below the best plan at which a better one is looked for: half of what counts as optimal.
const BELOW: f64 = 5e-7;
/// Most ways on single devices that a program is stated for.
const SEATS: usize = 4_000;
/// Pivots that a node is believed to take: HiGHS counts its pivots only when it is done, its nodes have a limit.
const PIVOTS: u64 = 10;
/// Nodes of a program at least.
const NODES: u64 = 50;

/// What closing came to.
pub(super) struct Closed {
    /// No plan costs less.
    pub bound: f64,
    /// Better plans than the one known, in numbers of the table.
    pub found: Vec<crate::table::Assignment>,
}

/// Works on all parts whose bound is below `value`, the least first, until `work` is done.
pub(super) fn close(
    even: &Even,
    goal: &Goal,
    decomposition: &mut Decomposition<'_>,
    value: f64,
    work: u64,
    watch: &dyn Watch,
    check: &dyn Fn(&crate::table::Assignment) -> Option<f64>,
) -> Closed {
    let mut parts = decomposition.below(value);
    parts.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    let (mut value, mut bound, mut spent) = (value, decomposition.rest(value), 0u64);
    let mut found = Vec::new();
    let mut known: Vec<(Vec<u64>, f64)> = Vec::new();
    for part in &parts {
        let cutoff = value - BELOW * value.abs();
        if part.bound >= cutoff {
            bound = bound.min(cutoff.max(part.bound));
            continue;
        }
        if spent >= work || watch.stop() {
            bound = bound.min(part.bound);
            continue;
        }
        let Some(fixing) = decomposition.fixed(part, cutoff) else {
            bound = bound.min(part.bound);
            continue;
        };
        // Classes that differ only in what is ruled out make the same program.
        let face = face(even, &fixing);
        if let Some((_, proved)) = known.iter().find(|(other, _)| *other == face) {
            bound = bound.min(proved.max(part.bound));
            continue;
        }
        let Some(answer) = solve(even, goal, &fixing, cutoff, work - spent) else {
            bound = bound.min(part.bound);
            continue;
        };
        known.push((face, answer.bound));
        spent += answer.work;
        bound = bound.min(answer.bound.max(part.bound));
        if let Some(plan) = answer.plan
            && let Some(cost) = check(&plan).filter(|c| *c < value)
        {
            value = cost;
            found.push(plan);
        }
    }
    Closed { bound: bound.min(value), found }
}

/// What may still be in a better plan.
#[derive(Clone, Debug)]
pub(super) struct Fixing {
    /// Devices awake at least and at most, by class.
    pub least: Vec<u32>,
    pub most: Vec<u32>,
    /// Way-major, by class.
    pub seats: Vec<bool>,
}

/// All numbers of the program that a fixing leaves, device by device in order of these.
fn face(even: &Even, fixing: &Fixing) -> Vec<u64> {
    let classes = even.classes.len();
    let of = |c: usize| -> Vec<u64> {
        let cells = (0..even.ways.len()).flat_map(|way| {
            let kept = fixing.seats[way * classes + c];
            let cell = even.cell(way, c);
            let numbers = cell.layer.into_iter().chain(cell.stage).chain([cell.layer_s, cell.stage_s, f64::from(cell.fit)]);
            std::iter::once(u64::from(kept)).chain(numbers.filter(move |_| kept).map(f64::to_bits))
        });
        let counts = [u64::from(fixing.least[c]), u64::from(fixing.most[c]), even.classes[c].wake_w.to_bits()];
        counts.into_iter().chain(cells).collect()
    };
    let mut all: Vec<Vec<u64>> = (0..classes).filter(|&c| fixing.most[c] > 0).map(of).collect();
    all.sort_unstable();
    all.concat()
}

struct Answer {
    bound: f64,
    plan: Option<crate::table::Assignment>,
    work: u64,
}

/// The exact program over the devices left, for about so much work; `None` where it is too large or HiGHS fails.
fn solve(even: &Even, goal: &Goal, fixing: &Fixing, cutoff: f64, left: u64) -> Option<Answer> {
    let classes = even.classes.len();
    let each = |c: usize| fixing.seats.iter().skip(c).step_by(classes).filter(|s| **s).count();
    let seats: usize = (0..classes).map(|c| each(c) * fixing.most[c] as usize).sum();
    if seats > SEATS {
        return None;
    }
    let single = even.single(&fixing.most, |way, class| fixing.seats[way * classes + class]);
    let program = Program::new(&single, goal, Detail::Stages);
    let mut p = RowProblem::new();
    let mut whole = vec![false; program.variables()];
    program.whole.iter().chain(&program.layers).for_each(|&v| whole[v] = true);
    // The devices awake come first, class by class.
    let mut lower = vec![0.0; program.variables()];
    let mut first = 0;
    for c in 0..classes {
        (first..first + fixing.least[c] as usize).for_each(|d| lower[program.whole[d]] = 1.0);
        first += fixing.most[c] as usize;
    }
    let columns: Vec<highs::Col> = (0..program.variables())
        .map(|v| {
            let upper = program.upper(v);
            let range = lower[v]..=if whole[v] { (upper + 1e-9).floor() } else { upper };
            if whole[v] { p.add_integer_column(program.cost(v), range) } else { p.add_column(program.cost(v), range) }
        })
        .collect();
    let mut rows = 0u64;
    for (range, terms) in program.stated() {
        rows += 1;
        p.add_row(range.0..=range.1, terms.iter().map(|&(v, a)| (columns[v], a)).collect::<Vec<_>>());
    }
    // Equal devices wake in order.
    let mut first = 0;
    for &most in &fixing.most {
        for d in first + 1..first + most as usize {
            p.add_row(0.0.., [(columns[program.whole[d - 1]], 1.0), (columns[program.whole[d]], -1.0)]);
        }
        first += most as usize;
    }
    let costs = (0..program.variables()).filter(|&v| program.cost(v) != 0.0).map(|v| (columns[v], program.cost(v)));
    p.add_row(..=cutoff - program.constant(), costs.collect::<Vec<_>>());
    let mut model = p.try_optimise(Sense::Minimise).ok()?;
    quiet(&mut model).ok()?;
    model.try_set_option("mip_rel_gap", 0.0).ok()?;
    model.try_set_option("mip_abs_gap", 1e-9).ok()?;
    model.try_set_option("mip_feasibility_tolerance", 1e-9).ok()?;
    let nodes = (left / (PIVOTS * rows.max(1))).max(NODES);
    model.try_set_option("mip_max_nodes", i32::try_from(nodes).unwrap_or(i32::MAX)).ok()?;
    let solved = model.try_solve().ok()?;
    let count = |name: &std::ffi::CStr| solved.int_info_value(name).ok().and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    let work = (PIVOTS + count(c"simplex_iteration_count")) * rows;
    if matches!(solved.status(), HighsModelStatus::Infeasible | HighsModelStatus::UnboundedOrInfeasible) {
        return Some(Answer { bound: cutoff, plan: None, work });
    }
    let dual = solved.double_info_value(c"mip_dual_bound").unwrap_or(f64::NEG_INFINITY) + program.constant();
    let feasible = solved.primal_solution_status() == highs::HighsSolutionStatus::Feasible;
    let plan = feasible.then(|| unpack::posts(&single, &program, solved.get_solution().columns())).flatten();
    Some(Answer { bound: dual - 1e-9 * dual.abs(), plan: plan.map(|posts: Vec<Post>| single.assignment(&posts)), work })
}
