//! Ejection chain: a stage moves onto another service's device, whose stage moves on to a third.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, State};

pub(super) struct EjectionChain;

/// Most stages ejected one after the other.
const LONGEST: u32 = 3;

impl Move for EjectionChain {
    fn name(&self) -> &'static str {
        "ejection chain"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let Some(mut from) = pick::own_device(state, s, rng) else { return false };
        let mut mover = s;
        let links = rng.random_range(1..LONGEST);
        for _ in 0..links {
            let Some(to) = pick::one(state.used(), rng).filter(|&d| d != from) else { return false };
            let Some(mode) = state.mode(to) else { return false };
            if !pick::transplant(state, mover, change.edit(state, mover), from, mode, rng) {
                return false;
            }
            // Whoever is ejected must be someone else, not yet on the move.
            let Some(next) = pick::one(state.on(to), rng).filter(|o| !change.services().contains(o)) else { return false };
            (mover, from) = (next, to);
        }
        let Some(to) = pick::device(state, mover, rng).filter(|&d| d != from) else { return false };
        let Some(mode) = pick::mode(state, to, rng) else { return false };
        pick::transplant(state, mover, change.edit(state, mover), from, mode, rng)
    }
}
