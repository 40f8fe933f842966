//! Moves one of several replicas: all its stages to other devices, boundaries kept, or cut as another
//! replica is.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, State};
use crate::table::Stage;

pub(super) struct MoveReplica;

impl Move for MoveReplica {
    fn name(&self) -> &'static str {
        "move replica"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let old = state.row(s);
        if old.chains() < 2 {
            return false;
        }
        let option = &pick::service(state, s).options[old.option as usize];
        let c = rng.random_range(0..old.chains() as u32) as usize;
        let pattern = rng.random_range(0..old.chains() as u32) as usize;
        let row = change.edit(state, s);
        row.remove_chain(c);
        let start = row.stages.len();
        for i in old.chain(pattern) {
            let Some(place) = pick::place(state, s, option, rng) else { return false };
            row.stages.push(Stage { place, ..old.stages[i] });
        }
        debug_assert!(row.stages.len() > start, "no chain is empty");
        row.ends.push(row.stages.len() as u32);
        row.join(row.chains() - 1);
        true
    }
}
