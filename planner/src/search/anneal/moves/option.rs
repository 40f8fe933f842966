//! Another option for a service; places are kept where the new option runs.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Move, pick};
use crate::search::state::{Change, NONE, Row, State};
use crate::table::Choice;

pub(super) struct ChangeOption;

/// How often a service that may be skipped is.
const SKIP: f64 = 0.1;

impl Move for ChangeOption {
    fn name(&self) -> &'static str {
        "change option"
    }

    fn propose(&self, state: &State<'_>, s: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool {
        let service = pick::service(state, s);
        let old = state.row(s).option;
        let n = service.options.len() as u32;
        if old != NONE && service.skip_cost.is_finite() && rng.random_bool(SKIP) {
            change.blank(s);
            return true;
        }
        if n == 0 || (n == 1 && old == 0) {
            return false;
        }
        let mut new = rng.random_range(0..n);
        if new == old {
            new = (new + 1) % n;
        }
        let option = &service.options[new as usize];
        let row = change.edit(state, s);
        row.option = new;
        if old != NONE {
            let blocks = service.options[old as usize].blocks;
            while row.chains() > option.replicas as usize {
                row.remove_chain(rng.random_range(0..row.chains() as u32) as usize);
            }
            if !(0..row.chains()).all(|c| fit(state, s, row, c, blocks, option, rng)) {
                return false;
            }
        }
        while row.chains() < option.replicas as usize {
            if !pick::add_chain(state, s, row, rng) {
                return false;
            }
        }
        true
    }
}

/// Scales a chain's boundaries to the option's blocks and replaces places where it cannot run.
fn fit(state: &State<'_>, s: u32, row: &mut Row, c: usize, blocks: u32, option: &Choice, rng: &mut Xoshiro256PlusPlus) -> bool {
    for i in row.chain(c) {
        let stage = &mut row.stages[i];
        let scale = |b: u32| ((u64::from(b) * u64::from(option.blocks) + u64::from(blocks) / 2) / u64::from(blocks)) as u32;
        (stage.start, stage.end) = (scale(stage.start), scale(stage.end));
        if option.at[stage.place as usize].is_none() {
            let device = pick::device_of(state, stage.place);
            let other = pick::place_on(state, option, device, rng).or_else(|| pick::place(state, s, option, rng));
            let Some(place) = other else { return false };
            stage.place = place;
        }
    }
    let mut i = row.chain(c).start;
    while i < row.chain(c).end {
        if row.stages[i].start == row.stages[i].end && row.chain(c).len() > 1 {
            row.remove(c, i);
        } else {
            i += 1;
        }
    }
    while row.chain(c).len() > option.max_stages.max(1) as usize {
        let last = row.chain(c).end - 1;
        row.stages[last - 1].end = row.stages[last].end;
        row.remove(c, last);
    }
    row.join(c);
    true
}
