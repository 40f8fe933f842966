//! Shifts blocks from one stage to its neighbour.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, State};

pub(super) struct ShiftBoundary;

/// Share of shifts by one block.
const BY_ONE: f64 = 0.5;

impl Move for ShiftBoundary {
    fn name(&self) -> &'static str {
        "shift boundary"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let Some((_, i)) = pick::stage(state.row(s), rng) else { return false };
        // The first stage of a chain has no boundary before it.
        if state.row(s).stages[i].start == 0 {
            return false;
        }
        let row = change.edit(state, s);
        let (before, after) = (row.stages[i - 1], row.stages[i]);
        let grow = rng.random_bool(0.5);
        let most = if grow { after.end - after.start - 1 } else { before.end - before.start - 1 };
        if most == 0 {
            return false;
        }
        let by = if rng.random_bool(BY_ONE) { 1 } else { rng.random_range(1..=most) };
        let cut = if grow { after.start + by } else { after.start - by };
        row.stages[i - 1].end = cut;
        row.stages[i].start = cut;
        true
    }
}
