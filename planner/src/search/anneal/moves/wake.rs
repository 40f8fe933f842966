//! Wakes a sleeping device: a stage, or all that one device does, moves there.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, State};

pub(super) struct WakeDevice;

/// Share of wakings that empty another device.
const WHOLE: f64 = 0.5;

impl Move for WakeDevice {
    fn name(&self) -> &'static str {
        "wake device"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let free = |d: &u32| state.uses(*d) == 0;
        let Some(to) = (0..4).find_map(|_| pick::one(&state.context.devices[s as usize], rng).filter(free)) else {
            return false;
        };
        let Some(from) = pick::own_device(state, s, rng) else { return false };
        let Some(mode) = pick::mode(state, to, rng) else { return false };
        if rng.random_bool(WHOLE) {
            return state.on(from).iter().all(|&o| pick::transplant(state, o, change.edit(state, o), from, mode, rng));
        }
        pick::transplant(state, s, change.edit(state, s), from, mode, rng)
    }
}
