//! The cheapest place for one service beside all that is placed already.
//!
//! For each way, devices with room are sorted by what a layer costs on them. In a cheapest deployment on
//! a given set of devices all but the dearest are full, unless the deadline says otherwise; so a walk
//! over sets in that order, cut where even the cheapest rest is no gain, finds it. Where a set is late,
//! layers move from slow to fast devices at the least price a second.

use std::ops::Range;

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::advice::{Advice, Take};
use super::fleet::{Fleet, Goal, Post};
use super::view::{LIMITS, STAGES, WATTS};

/// Sets of devices looked at for one way.
const NODES: u32 = 400;
/// Layer movements against lateness.
const SHIFTS: u32 = 16;

/// A device that could hold a stage.
#[derive(Clone, Copy, Debug)]
struct Seat {
    device: u16,
    room: u32,
    /// Cost of a layer, and of the stage itself with waking.
    each: f64,
    once: f64,
    each_s: f64,
    once_s: f64,
}

/// Buffers of the walk, and the count of its work.
#[derive(Debug, Default)]
pub(super) struct Inserter {
    devices: Vec<u16>,
    seats: Vec<Seat>,
    /// By seat: the least `once` and the most room from there on.
    ahead: Vec<(f64, u32)>,
    picked: [(usize, u32); STAGES],
    cap_s: f64,
    /// Price of a second in the last set that the deadline shaped; by way what it was in the end.
    second: f64,
    seconds: Vec<f64>,
    most: usize,
    nodes: u32,
    best: f64,
    found: Option<Post>,
    way: u32,
    /// Seats costed and sets looked at so far.
    pub work: u64,
}

/// What an insertion leaves out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Without {
    /// Devices that are not to be used.
    pub closed: [Option<u16>; 2],
    /// Class whose sleeping devices stay asleep: closing a device means little while its twin may wake.
    pub resting: Option<usize>,
    /// All sleeping devices stay asleep.
    pub calm: bool,
    /// Share of the watts of waking that choices do not see: who wakes a device pays for all who follow.
    pub discount: f64,
    /// Class whose devices seem to wake for nothing.
    pub favoured: Option<usize>,
    /// Chance that a device in use is overlooked.
    pub blink: f64,
    /// Capacities cost what they are worth in the relaxation, and waking nothing: their worth pays for it.
    pub priced: bool,
    /// Chance that a seat takes fewer layers than it could: splits that no weights ask for.
    pub ragged: f64,
    /// What the relaxation has a service take comes first, by lot in proportion to its share.
    pub guided: bool,
}

impl Inserter {
    /// The cheapest post of a service by the goal, and what it adds; `None` when it fits nowhere.
    pub(super) fn best(
        &mut self,
        fleet: &Fleet<'_>,
        j: usize,
        goal: &Goal,
        advice: &Advice,
        without: &Without,
        rng: &mut Xoshiro256PlusPlus,
    ) -> Option<(f64, Post)> {
        let takes = advice.takes.get(j).filter(|takes| without.guided && !takes.is_empty());
        let guided = takes.and_then(|takes| {
            let take = drawn(takes, rng);
            self.within(fleet, j, goal, advice, without, (take.way..take.way + 1, take.classes), rng)
        });
        let stream = &fleet.even.streams[j];
        let ways = stream.ways.start as u32..stream.ways.end as u32;
        guided.or_else(|| self.within(fleet, j, goal, advice, without, (ways, u64::MAX), rng))
    }

    /// The same by some ways and classes alone.
    #[allow(clippy::too_many_arguments, reason = "what is asked, and within what")]
    fn within(
        &mut self,
        fleet: &Fleet<'_>,
        j: usize,
        goal: &Goal,
        advice: &Advice,
        without: &Without,
        (ways, classes): (Range<u32>, u64),
        rng: &mut Xoshiro256PlusPlus,
    ) -> Option<(f64, Post)> {
        let even = fleet.even;
        let allowed = |class: usize| classes == u64::MAX || classes >> class & 1 == 1;
        let stream = &even.streams[j];
        self.cap_s = stream.cap_s;
        let second = goal.latency * stream.per_s;
        let prices = advice.prices.as_deref().filter(|_| without.priced);
        self.devices.clear();
        for &d in &fleet.awake {
            let overlooked = without.closed.contains(&Some(d)) || without.blink > 0.0 && rng.random_bool(without.blink);
            if !overlooked && allowed(fleet.class(d)) {
                self.devices.push(d);
            }
        }
        (self.best, self.found) = (f64::INFINITY, None);
        // Never nothing: a service that fits nowhere must not keep a walk going for ever.
        self.work += 1;
        self.seconds.resize(even.ways.len(), 0.0);
        for way in ways.start as usize..ways.end as usize {
            let w = &even.ways[way];
            let fixed = goal.inaccuracy * w.inaccuracy;
            if fixed + goal.power * w.least_w + second * w.least_s >= self.best {
                continue;
            }
            self.seats.clear();
            self.work += self.devices.len() as u64;
            let mut capacity = 0;
            for i in 0..self.devices.len() {
                let d = self.devices[i];
                let room = fleet.room(way, d, stream.cap_s, w.layers);
                if room > 0 {
                    capacity += room;
                    self.seat(fleet, way, d, room, 0.0, goal.power, second, prices);
                }
            }
            for (c, asleep) in fleet.asleep.iter().enumerate() {
                let cell = even.cell(way, c);
                if cell.fit == 0 || without.calm || without.resting == Some(c) || !allowed(c) {
                    continue;
                }
                self.work += 1;
                let seen = if without.favoured == Some(c) || prices.is_some() { 0.0 } else { 1.0 - without.discount };
                let awake = even.classes[c].members.len() - asleep.len();
                let copies = (w.layers.div_ceil(cell.fit).min(w.stages) as usize).min(advice.more(c, awake));
                for &d in asleep.iter().rev().filter(|&&d| !without.closed.contains(&Some(d))).take(copies) {
                    capacity += cell.fit;
                    self.seat(fleet, way, d, cell.fit, seen * even.classes[c].wake_w, goal.power, second, prices);
                }
            }
            if capacity < w.layers {
                continue;
            }
            if without.ragged > 0.0 {
                for seat in self.seats.iter_mut().filter(|s| s.room > 1) {
                    if rng.random_bool(without.ragged) {
                        seat.room = rng.random_range(1..=seat.room);
                    }
                }
            }
            self.seats
                .sort_unstable_by(|a, b| a.each.total_cmp(&b.each).then(a.once.total_cmp(&b.once)).then(a.device.cmp(&b.device)));
            self.look_ahead();
            (self.most, self.nodes, self.way) = (w.stages as usize, NODES, way as u32);
            self.second = self.seconds[way];
            self.dive(0, 0, w.layers, fixed, 0.0);
            self.seconds[way] = self.second;
            self.work += u64::from(NODES - self.nodes) / 4;
        }
        self.found.map(|post| (self.best, post))
    }

    #[allow(clippy::too_many_arguments, reason = "a seat is these numbers")]
    fn seat(
        &mut self,
        fleet: &Fleet<'_>,
        way: usize,
        device: u16,
        room: u32,
        wake_w: f64,
        watt: f64,
        second: f64,
        prices: Option<&[[f64; LIMITS]]>,
    ) {
        let class = fleet.class(device);
        let cell = fleet.even.cell(way, class);
        let worth = |shares: &[f64; 4]| prices.map_or(0.0, |p| (0..LIMITS).map(|i| p[class][i] * shares[i]).sum());
        self.seats.push(Seat {
            device,
            room,
            each: watt * cell.layer[WATTS] + second * cell.layer_s + worth(&cell.layer),
            once: watt * (cell.stage[WATTS] + wake_w) + second * cell.stage_s + worth(&cell.stage),
            each_s: cell.layer_s,
            once_s: cell.stage_s,
        });
    }

    fn look_ahead(&mut self) {
        self.ahead.clear();
        self.ahead.resize(self.seats.len(), (f64::INFINITY, 0));
        let mut rest = (f64::INFINITY, 0);
        for (seat, ahead) in self.seats.iter().zip(&mut self.ahead).rev() {
            rest = (rest.0.min(seat.once), rest.1.max(seat.room));
            *ahead = rest;
        }
    }

    /// Extends the picked set by seats from `from` on; `left` layers are without a seat.
    fn dive(&mut self, depth: usize, from: usize, left: u32, cost: f64, seconds: f64) {
        let (rest, more) = (f64::from(left), self.most.saturating_sub(depth + 1) as u32);
        for i in from..self.seats.len() {
            let seat = &self.seats[i];
            // Seats rise in the price of a layer, and what is ahead in that of a stage.
            if cost + self.ahead[i].0 + rest * seat.each >= self.best {
                break;
            }
            if self.nodes == 0 {
                return;
            }
            self.nodes -= 1;
            let n = seat.room.min(left);
            let with = cost + seat.once + f64::from(n) * seat.each;
            if with >= self.best {
                continue;
            }
            let n_s = seconds + seat.once_s + f64::from(n) * seat.each_s;
            if n == left {
                self.picked[depth] = (i, n);
                self.settle(depth + 1, with, n_s);
                continue;
            }
            // The others hold the rest, at the next seat's price or more.
            let others = self.ahead.get(i + 1).filter(|ahead| ahead.1.saturating_mul(more) >= left - n);
            if others.is_some_and(|ahead| with + ahead.0 + f64::from(left - n) * self.seats[i + 1].each < self.best) {
                self.picked[depth] = (i, n);
                self.dive(depth + 1, i + 1, left - n, with, n_s);
            }
        }
    }

    /// Whether no filling of the picked set is both in time and news: even the fastest layers first are late, or the dual
    /// at the last price of a second, which no filling in time undercuts, is not below the best.
    fn hopeless(&self, len: usize, cost: f64, seconds: f64) -> bool {
        if seconds + self.refilled(len, |s| s.each_s) > self.cap_s {
            return true;
        }
        let second = self.second;
        let dual = || cost + second * (seconds - self.cap_s) + self.refilled(len, |s| s.each + second * s.each_s);
        second > 0.0 && dual() >= self.best
    }

    /// What filling the picked set anew, the least first, changes of a sum over its layers.
    fn refilled(&self, len: usize, each: impl Fn(&Seat) -> f64) -> f64 {
        let (mut keys, mut rooms, mut left, mut change) = ([0.0; STAGES], [0; STAGES], 0, 0.0);
        for (i, &(seat, n)) in self.picked[..len].iter().enumerate() {
            let seat = &self.seats[seat];
            let key = each(seat);
            change -= f64::from(n) * key;
            left += n;
            let mut at = i;
            while at > 0 && key < keys[at - 1] {
                (keys[at], rooms[at]) = (keys[at - 1], rooms[at - 1]);
                at -= 1;
            }
            (keys[at], rooms[at]) = (key, seat.room);
        }
        for (key, room) in keys.iter().zip(&rooms).take(len) {
            let n = left.min(*room);
            change += f64::from(n) * key;
            left -= n;
        }
        change
    }

    /// Takes the picked set if it is, or can be made, fast enough and cheaper than the best.
    fn settle(&mut self, len: usize, mut cost: f64, mut seconds: f64) {
        if seconds > self.cap_s && self.hopeless(len, cost, seconds) {
            return;
        }
        let mut picked = self.picked;
        for _ in 0..SHIFTS {
            if seconds <= self.cap_s {
                break;
            }
            // From whom to whom, and at what price a second.
            let mut shift: Option<(f64, usize, usize)> = None;
            for a in 0..len {
                for b in 0..len {
                    let (slow, fast) = (&self.seats[picked[a].0], &self.seats[picked[b].0]);
                    let gain = slow.each_s - fast.each_s;
                    if gain <= 0.0 || picked[a].1 < 2 || picked[b].1 >= fast.room {
                        continue;
                    }
                    let price = (fast.each - slow.each) / gain;
                    if shift.is_none_or(|(p, ..)| price < p) {
                        shift = Some((price, a, b));
                    }
                }
            }
            let Some((price, a, b)) = shift else { return };
            self.second = price;
            let (slow, fast) = (&self.seats[picked[a].0], &self.seats[picked[b].0]);
            let gain = slow.each_s - fast.each_s;
            // Rounded up; never less than one.
            let due = (seconds - self.cap_s) / gain;
            let most = (picked[a].1 - 1).min(fast.room - picked[b].1);
            let whole = due as u32;
            let n = whole.saturating_add(u32::from(f64::from(whole) < due)).clamp(1, most);
            (picked[a].1, picked[b].1) = (picked[a].1 - n, picked[b].1 + n);
            seconds -= f64::from(n) * gain;
            cost += f64::from(n) * (fast.each - slow.each);
            if cost >= self.best {
                return;
            }
        }
        if seconds > self.cap_s || cost >= self.best {
            return;
        }
        self.best = cost;
        let mut post = Post { way: self.way, len: len as u8, ..Post::NONE };
        for (stage, &(i, n)) in post.stages.iter_mut().zip(&picked[..len]) {
            *stage = (self.seats[i].device, n as u16);
        }
        self.found = Some(post);
    }
}

/// One of what a service takes, in proportion to shares.
fn drawn<'t>(takes: &'t [Take], rng: &mut Xoshiro256PlusPlus) -> &'t Take {
    let mut left = rng.random::<f64>() * takes.iter().map(|t| t.share).sum::<f64>();
    let taken = takes.iter().find(|take| {
        left -= take.share;
        left < 0.0
    });
    taken.unwrap_or(&takes[0])
}
