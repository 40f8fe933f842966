//! Adds a stage: gives a part of one to another place.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, State};
use crate::table::Stage;

pub(super) struct AddStage;

impl Move for AddStage {
    fn name(&self) -> &'static str {
        "add stage"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let Some((c, i)) = pick::stage(state.row(s), rng) else { return false };
        let old = state.row(s).stages[i];
        let option = &pick::service(state, s).options[state.row(s).option as usize];
        if old.end - old.start < 2 || state.row(s).chain(c).len() >= option.max_stages as usize {
            return false;
        }
        let Some(place) = pick::place(state, s, option, rng) else { return false };
        let cut = rng.random_range(old.start + 1..old.end);
        let row = change.edit(state, s);
        if rng.random_bool(0.5) {
            row.stages[i].end = cut;
            row.insert(c, i + 1, Stage { place, start: cut, end: old.end });
        } else {
            row.stages[i].start = cut;
            row.insert(c, i, Stage { place, start: old.start, end: cut });
        }
        true
    }
}
