//! Puts a device to sleep: each of its stages finds another device, all the same or each its own.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, State};

pub(super) struct SleepDevice;

/// Share of evacuations to one device.
const TOGETHER: f64 = 0.5;

impl Move for SleepDevice {
    fn name(&self) -> &'static str {
        "sleep device"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let Some(from) = pick::own_device(state, s, rng) else { return false };
        let together = rng.random_bool(TOGETHER);
        let mut to = None;
        for &o in state.on(from) {
            if !together || to.is_none() {
                to = pick::one(state.used(), rng).filter(|&d| d != from);
            }
            let Some(mode) = to.and_then(|d| state.mode(d)) else { return false };
            if !pick::transplant(state, o, change.edit(state, o), from, mode, rng) {
                return false;
            }
        }
        true
    }
}
