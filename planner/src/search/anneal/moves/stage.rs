//! Moves one stage to another place.

use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, State};

pub(super) struct MoveStage;

impl Move for MoveStage {
    fn name(&self) -> &'static str {
        "move stage"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let Some((c, i)) = pick::stage(state.row(s), rng) else { return false };
        let option = &pick::service(state, s).options[state.row(s).option as usize];
        let Some(place) = pick::place(state, s, option, rng) else { return false };
        if place == state.row(s).stages[i].place {
            return false;
        }
        let row = change.edit(state, s);
        row.stages[i].place = place;
        row.join(c);
        true
    }
}
