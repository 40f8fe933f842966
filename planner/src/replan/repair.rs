//! The running plan with as little changed as greedy rules need to make it keep all limits.

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::search::greedy::{Placer, serve};
use crate::search::state::{Change, Context, State};
use crate::table::{Assignment, Table, evaluate};

/// Below this no limit is broken.
const KEPT: f64 = 1e-9;

/// Services that break limits leave, whose leaving mends most first; they and those without a place are put
/// where they add least. `None` where that finds no plan.
#[must_use]
pub fn repair(table: &Table, running: &Assignment) -> Option<Assignment> {
    let context = Context::new(table);
    let (mut state, _) = State::load(table, &context, running);
    let mut change = Change::default();
    while broken(&state) > KEPT {
        let mut worst: Option<(f64, u32)> = None;
        for s in 0..state.services() {
            if state.row(s).stages.is_empty() || !leave(&mut state, s, &mut change) {
                continue;
            }
            let left = broken(&state);
            state.undo(&mut change);
            if worst.is_none_or(|(w, _)| left < w) {
                worst = Some((left, s));
            }
        }
        let (_, s) = worst?;
        if !leave(&mut state, s, &mut change) {
            return None;
        }
    }
    // No disturbance is asked for, so the seed is never used.
    let mut placer = Placer::new(0.0, Xoshiro256PlusPlus::seed_from_u64(0));
    for s in 0..state.services() {
        if state.row(s).stages.is_empty() && !serve(&mut state, s, &mut placer) {
            return None;
        }
    }
    let assignment = state.assignment();
    let e = evaluate(table, &assignment);
    (e.feasible() && e.objective.is_finite()).then_some(assignment)
}

fn leave(state: &mut State<'_>, s: u32, change: &mut Change) -> bool {
    change.clear();
    change.blank(s);
    state.apply(change)
}

/// What is broken beside the absence of services.
fn broken(state: &State<'_>) -> f64 {
    let absent: f64 = (0..state.services()).map(|s| state.row(s).absence()).sum();
    state.score().violation - absent
}
