//! Random devices and places, never looking at all of them.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::search::state::{Row, State};
use crate::table::{Choice, PlaceId, Service, Stage};

/// Share of picks among devices in use: waking one rarely pays.
const IN_USE: f64 = 0.6;

pub(super) fn service<'t>(state: &State<'t>, s: u32) -> &'t Service {
    &state.table.services[s as usize]
}

pub(super) fn device_of(state: &State<'_>, place: PlaceId) -> u32 {
    state.table.places[place as usize].device
}

/// An element, all equally likely.
pub(super) fn one<T: Copy>(list: &[T], rng: &mut Xoshiro256PlusPlus) -> Option<T> {
    (!list.is_empty()).then(|| list[rng.random_range(0..list.len() as u32) as usize])
}

/// A device for a service: often one in use, else any where one of its options runs.
pub(super) fn device(state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus) -> Option<u32> {
    let list =
        if rng.random_bool(IN_USE) && !state.used().is_empty() { state.used() } else { &state.context.devices[s as usize] };
    one(list, rng)
}

/// A mode for a device: the one it is in, else any.
pub(super) fn mode(state: &State<'_>, device: u32, rng: &mut Xoshiro256PlusPlus) -> Option<u32> {
    let modes = &state.table.devices[device as usize].modes;
    state.mode(device).or_else(|| (!modes.is_empty()).then(|| rng.random_range(modes.clone())))
}

/// A place of a mode where the option runs.
pub(super) fn place_in(state: &State<'_>, option: &Choice, mode: u32, rng: &mut Xoshiro256PlusPlus) -> Option<PlaceId> {
    let places = state.table.modes[mode as usize].places.clone();
    if places.is_empty() {
        return None;
    }
    let n = places.len() as u32;
    let first = if n > 1 { rng.random_range(0..n) } else { 0 };
    (0..n).map(|i| places.start + (first + i) % n).find(|&p| option.at[p as usize].is_some())
}

/// The place on `mode` with the processor of `place` and if it can its weight format, else another of that mode.
pub(super) fn like(
    state: &State<'_>,
    option: &Choice,
    mode: u32,
    place: PlaceId,
    rng: &mut Xoshiro256PlusPlus,
) -> Option<PlaceId> {
    let old = &state.table.places[place as usize];
    let same = |&p: &PlaceId| state.table.places[p as usize].processor == old.processor && option.at[p as usize].is_some();
    let alike = |&p: &PlaceId| state.table.places[p as usize].format == old.format;
    let mut places = state.table.modes[mode as usize].places.clone().filter(same);
    let first = places.next();
    let found = first.filter(alike).or_else(|| places.find(alike)).or(first);
    found.or_else(|| place_in(state, option, mode, rng))
}

/// A place on a device, in the mode that it is in.
pub(super) fn place_on(state: &State<'_>, option: &Choice, device: u32, rng: &mut Xoshiro256PlusPlus) -> Option<PlaceId> {
    place_in(state, option, mode(state, device, rng)?, rng)
}

/// A place somewhere; a few tries.
pub(super) fn place(state: &State<'_>, s: u32, option: &Choice, rng: &mut Xoshiro256PlusPlus) -> Option<PlaceId> {
    (0..4).find_map(|_| place_on(state, option, device(state, s, rng)?, rng))
}

/// A random stage of a row, with its chain.
pub(super) fn stage(row: &Row, rng: &mut Xoshiro256PlusPlus) -> Option<(usize, usize)> {
    if row.stages.is_empty() {
        return None;
    }
    let i = rng.random_range(0..row.stages.len() as u32) as usize;
    Some((row.chain_of(i), i))
}

/// A device of a service's stages.
pub(super) fn own_device(state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus) -> Option<u32> {
    let (_, i) = stage(state.row(s), rng)?;
    Some(device_of(state, state.row(s).stages[i].place))
}

/// A chain of one stage on a random place.
pub(super) fn add_chain(state: &State<'_>, s: u32, row: &mut Row, rng: &mut Xoshiro256PlusPlus) -> bool {
    let option = &service(state, s).options[row.option as usize];
    let Some(place) = place(state, s, option, rng) else { return false };
    row.push_chain(&[Stage { place, start: 0, end: option.blocks }]);
    true
}

/// Moves every stage of a row from one device to a mode of another, keeping processors where it can.
pub(super) fn transplant(state: &State<'_>, s: u32, row: &mut Row, from: u32, mode: u32, rng: &mut Xoshiro256PlusPlus) -> bool {
    if row.stages.is_empty() {
        return false;
    }
    let option = &service(state, s).options[row.option as usize];
    for stage in &mut row.stages {
        if device_of(state, stage.place) == from {
            let Some(place) = like(state, option, mode, stage.place, rng) else { return false };
            stage.place = place;
        }
    }
    (0..row.chains()).for_each(|c| row.join(c));
    true
}
