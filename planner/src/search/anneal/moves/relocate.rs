//! A whole chain onto one place, or cut anew over two.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, NONE, State};
use crate::table::Stage;

pub(super) struct RelocateChain;

/// Share of relocations onto two places.
const TWO: f64 = 0.25;

impl Move for RelocateChain {
    fn name(&self) -> &'static str {
        "relocate chain"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let service = pick::service(state, s);
        let row = change.edit(state, s);
        if row.option == NONE {
            if service.options.is_empty() {
                return false;
            }
            row.option = rng.random_range(0..service.options.len() as u32);
            return (0..service.options[row.option as usize].replicas).all(|_| pick::add_chain(state, s, row, rng));
        }
        let option = &service.options[row.option as usize];
        let Some((c, _)) = pick::stage(row, rng) else { return false };
        let Some(place) = pick::place(state, s, option, rng) else { return false };
        row.single(c, Stage { place, start: 0, end: option.blocks });
        if option.max_stages > 1 && option.blocks > 1 && rng.random_bool(TWO) {
            let Some(second) = pick::place(state, s, option, rng) else { return false };
            let cut = rng.random_range(1..option.blocks);
            let at = row.chain(c).start;
            row.stages[at].end = cut;
            row.insert(c, at + 1, Stage { place: second, start: cut, end: option.blocks });
        }
        true
    }
}
