//! Chains worth trying for one service and option: every single place, and short chains filled
//! place by place as far as the room there goes.

use crate::search::state::State;
use crate::table::{BlockCosts, Choice, PlaceId, Service, Stage};

/// Starts tried in each order of places.
const STARTS: usize = 6;
/// Places looked at from one start.
const LOOK: usize = 24;

/// What ranks a place for one option.
struct Ranked {
    place: PlaceId,
    device: u32,
    /// Watts that the whole model would add.
    cost_w: f64,
    seconds: f64,
    used: bool,
    /// Blocks that fit from the first on.
    room: u32,
}

/// Reused buffers.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// Stages of all chains, and one past the end of each.
    pub stages: Vec<Stage>,
    pub ends: Vec<usize>,
    seen: Vec<bool>,
}

impl Chains {
    /// Collects chains on devices that are `open`. Of unused devices of one class only the first is looked at.
    pub(super) fn collect(&mut self, state: &State<'_>, s: u32, option: &Choice, open: impl FnMut(u32) -> bool) {
        self.stages.clear();
        self.ends.clear();
        let service = &state.table.services[s as usize];
        let mut places = self.places(state, s, option, open);
        for p in &places {
            self.stages.push(Stage { place: p.place, start: 0, end: option.blocks });
            self.ends.push(self.stages.len());
        }
        if option.max_stages < 2 || option.blocks < 2 {
            return;
        }
        for kind in 0..4 {
            places.sort_by(|a, b| {
                let by = match kind {
                    0 => a.cost_w.total_cmp(&b.cost_w),
                    1 => a.seconds.total_cmp(&b.seconds),
                    2 => b.used.cmp(&a.used).then(a.seconds.total_cmp(&b.seconds)),
                    _ => b.room.cmp(&a.room),
                };
                by.then(a.place.cmp(&b.place))
            });
            for start in 0..STARTS.min(places.len()) {
                self.fill(state, service, option, &places, start);
            }
        }
    }

    fn places(&mut self, state: &State<'_>, s: u32, option: &Choice, mut open: impl FnMut(u32) -> bool) -> Vec<Ranked> {
        let table = state.table;
        let service = &table.services[s as usize];
        let rate = service.rate_hz / f64::from(option.replicas);
        self.seen.clear();
        let mut list = Vec::new();
        for &d in &state.context.devices[s as usize] {
            let device = &table.devices[d as usize];
            let used = state.uses(d) > 0;
            if !open(d) {
                continue;
            }
            if !used && service.pins.is_empty() && service.first.is_empty() {
                let key = 2 * device.class as usize + usize::from(state.awake(d));
                if self.seen.len() <= key {
                    self.seen.resize(key + 1, false);
                }
                if std::mem::replace(&mut self.seen[key], true) {
                    continue;
                }
            }
            let modes = state.mode(d).map_or(device.modes.clone(), |m| m..m + 1);
            for mode in modes {
                for place in table.modes[mode as usize].places.clone() {
                    let Some(at) = &option.at[place as usize] else { continue };
                    let cost = at.stage(0, option.blocks);
                    let dynamic_w = state.dynamic_w(d);
                    let before = if used { table.modes[mode as usize].power_w(dynamic_w) } else { device.sleep_w };
                    let cost_w = table.modes[mode as usize].power_w(dynamic_w + rate * cost.dynamic_j) - before;
                    let room = room(state, at, rate, place, 0, option.blocks);
                    list.push(Ranked { place, device: d, cost_w, seconds: cost.total_s, used, room });
                }
            }
        }
        list
    }

    /// One chain along an order of places, from the `start`-th on. Places that a pin or the first
    /// block asks for come first and get one block at least.
    fn fill(&mut self, state: &State<'_>, service: &Service, option: &Choice, order: &[Ranked], start: usize) {
        let from = self.stages.len();
        let turned = || order[start..].iter().chain(&order[..start]);
        let mut must: Vec<&Ranked> = Vec::new();
        if !service.first.is_empty() {
            must.extend(turned().find(|p| service.first.contains(&p.device)));
        }
        for pin in &service.pins {
            if !must.iter().any(|p| pin.contains(&p.device)) {
                must.extend(turned().find(|p| pin.contains(&p.device)));
            }
        }
        let rate = service.rate_hz / f64::from(option.replicas);
        let mut taken: Vec<&Ranked> = Vec::new();
        let mut next = 0;
        let rest = order[start..].iter().take(LOOK);
        for (i, place) in must.iter().copied().chain(rest).enumerate() {
            let mode = state.table.places[place.place as usize].mode;
            let clash = |p: &&Ranked| {
                let (other, own) = (&state.table.places[p.place as usize], &state.table.places[place.place as usize]);
                p.device == place.device && (other.slot == own.slot || other.mode != mode)
            };
            let Some(at) = &option.at[place.place as usize] else { continue };
            if taken.iter().any(clash) {
                continue;
            }
            let waiting = must.len().saturating_sub(i + 1) as u32;
            let mut end = room(state, at, rate, place.place, next, option.blocks);
            if i < must.len() {
                end = end.clamp(next + 1, option.blocks.saturating_sub(waiting).max(next + 1));
            }
            let last = taken.len() + 1 == option.max_stages as usize;
            if end == next || (last && end < option.blocks && i >= must.len()) {
                continue;
            }
            self.stages.push(Stage { place: place.place, start: next, end });
            taken.push(place);
            next = end;
            if next >= option.blocks {
                break;
            }
        }
        // Nothing had room for the rest: overbook the last, should all else fail too.
        if next < option.blocks && from < self.stages.len() && !must.is_empty() {
            let at = self.stages.len() - 1;
            self.stages[at].end = option.blocks;
            next = option.blocks;
        }
        if next == option.blocks && self.stages.len() - from > 1 {
            self.ends.push(self.stages.len());
        } else {
            self.stages.truncate(from);
        }
    }
}

/// The largest end such that blocks `start..end` fit beside what is booked; `start` when none do.
/// Costs grow with the number of blocks, so halving finds it.
fn room(state: &State<'_>, at: &BlockCosts, rate: f64, place: PlaceId, start: u32, blocks: u32) -> u32 {
    let table = state.table;
    let p = &table.places[place as usize];
    let mode = &table.modes[p.mode as usize];
    let bytes = table.pools[p.pool as usize].capacity_bytes - state.pool_bytes(p.pool);
    let share = mode.booked_cap - state.booked(place);
    let dynamic_w = mode.dynamic_cap_w - state.dynamic_w(p.device);
    let fits = |end: u32| {
        let cost = at.stage(start, end);
        cost.bytes <= bytes && rate * cost.busy_s <= share && rate * cost.dynamic_j <= dynamic_w
    };
    let (mut low, mut high) = (start, blocks);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if fits(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}
