//! Drops a stage: a neighbour takes over its blocks.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, State};

pub(super) struct DropStage;

impl Move for DropStage {
    fn name(&self) -> &'static str {
        "drop stage"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let Some((c, i)) = pick::stage(state.row(s), rng) else { return false };
        let range = state.row(s).chain(c);
        if range.len() < 2 {
            return false;
        }
        let row = change.edit(state, s);
        let gone = row.stages[i];
        let left = i > range.start && (i + 1 == range.end || rng.random_bool(0.5));
        if left {
            row.stages[i - 1].end = gone.end;
        } else {
            row.stages[i + 1].start = gone.start;
        }
        row.remove(c, i);
        row.join(c);
        true
    }
}
