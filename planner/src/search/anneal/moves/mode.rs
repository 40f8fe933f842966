//! Another mode for a device: all stages on it keep their processors.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, State};

pub(super) struct ChangeMode;

impl Move for ChangeMode {
    fn name(&self) -> &'static str {
        "change mode"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let Some(device) = pick::own_device(state, s, rng) else { return false };
        let modes = state.table.devices[device as usize].modes.clone();
        let n = modes.len() as u32;
        let Some(old) = state.mode(device) else { return false };
        if n < 2 {
            return false;
        }
        let mode = modes.start + (old - modes.start + rng.random_range(1..n)) % n;
        state.on(device).iter().all(|&o| pick::transplant(state, o, change.edit(state, o), device, mode, rng))
    }
}
