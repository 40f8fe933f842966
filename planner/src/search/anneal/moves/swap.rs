//! Two stages, of two services or of one, exchange their devices.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, State};
use crate::table::PlaceId;

pub(super) struct SwapPlaces;

impl Move for SwapPlaces {
    fn name(&self) -> &'static str {
        "swap places"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let o = rng.random_range(0..state.services());
        let (Some((_, i)), Some((_, k))) = (pick::stage(state.row(s), rng), pick::stage(state.row(o), rng)) else {
            return false;
        };
        let (a, b) = (state.row(s).stages[i].place, state.row(o).stages[k].place);
        if a == b {
            return false;
        }
        let (Some(mine), Some(theirs)) = (there(state, s, b, rng), there(state, o, a, rng)) else { return false };
        change.edit(state, s).stages[i].place = mine;
        change.edit(state, o).stages[k].place = theirs;
        for service in [s, o] {
            let row = change.edit(state, service);
            (0..row.chains()).for_each(|c| row.join(c));
        }
        true
    }
}

/// `place`, or another of its mode if the service's option does not run there.
fn there(state: &State<'_>, s: u32, place: PlaceId, rng: &mut Xoshiro256PlusPlus) -> Option<PlaceId> {
    let option = &pick::service(state, s).options[state.row(s).option as usize];
    if option.at[place as usize].is_some() {
        return Some(place);
    }
    pick::place_in(state, option, state.table.places[place as usize].mode, rng)
}
