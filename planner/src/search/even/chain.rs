//! Ruin and recreate under cooling: services that share devices leave together and come back one after
//! the other, each where it is cheapest then (Schrimpf et al. 2000; after slack induction by string
//! removals, Christiaens and Vanden Berghe 2020).

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::advice::Advice;
use super::fleet::{Fleet, Goal, Post};
use super::insert::{Inserter, Without};
use super::staircase::Staircase;
use super::view::{Even, LIMITS};

/// Most services that leave at once.
const MOST: usize = 10;
/// Chance that waking seems cheaper than it is, and that it seems free for one class.
const DISCOUNT: f64 = 0.3;
const FAVOUR: f64 = 0.15;
/// Devices in use that an insertion looks at, about, in a large fleet.
const LOOK: f64 = 128.0;
/// Most services without a place that a step tries to place.
const FEW: u32 = 3;
/// Chance that a device in use is overlooked by an insertion.
const BLINK: f64 = 0.02;
/// Chance of uneven splits, and their share of seats then: other limits may want them than a single service's own.
const RAGGED: (f64, f64) = (0.2, 0.4);
/// Chance that services go back to where they were, up to so many layers shifted.
const NUDGE: f64 = 0.15;
const SHIFT: u16 = 4;
/// Chance that nobody may be woken on the way back.
const CALM: f64 = 0.2;
/// Chance that places are chosen by what their capacities are worth in the relaxation.
const PRICED: f64 = 0.25;
/// Chance that who comes back takes what the relaxed plan has it take.
const GUIDED: f64 = 0.3;
/// Chance that room is made for who is out, and that who has been out for longest comes first.
const HARD: f64 = 0.5;
/// Chance that room is made for the whole of a service at once, and the load that a device without any seems to have.
const WHOLE: f64 = 0.5;
const LITTLE: f64 = 0.1;
/// Devices drawn until one could hold a stage.
const PICKS: u32 = 8;
/// Restarts of the greedy construction with those first that found no room.
const TRIES: u32 = 20;

/// A walk.
#[derive(Debug)]
pub(super) struct Walk<'e> {
    pub fleet: Fleet<'e>,
    pub goal: Goal,
    pub advice: Advice,
    pub best: Vec<Post>,
    pub best_cost: f64,
    pub moves: u64,
    pub accepted: u64,
    inserter: Inserter,
    rng: Xoshiro256PlusPlus,
    out: Vec<(u16, Post)>,
    order: Vec<u16>,
    /// How much of the fleet a service's lightest way takes.
    need: Vec<f64>,
    /// By service: steps that ended with it out.
    missed: Vec<u64>,
    /// Devices that could be cleared, with what speaks against it.
    rooms: Vec<(f64, u16)>,
}

impl<'e> Walk<'e> {
    /// A walk that starts from a greedy construction and heeds the advice.
    pub(super) fn new(even: &'e Even, goal: Goal, advice: Advice, seed: u64) -> Self {
        let mut walk = Walk::empty(even, goal, advice, seed);
        walk.construct();
        walk
    }

    /// A walk that starts from given posts.
    pub(super) fn at(even: &'e Even, goal: Goal, advice: Advice, seed: u64, posts: &[Post]) -> Self {
        let mut walk = Walk::empty(even, goal, advice, seed);
        walk.restart(posts);
        walk
    }

    fn empty(even: &'e Even, goal: Goal, advice: Advice, seed: u64) -> Self {
        Walk {
            fleet: Fleet::new(even),
            goal,
            advice,
            best: vec![Post::NONE; even.streams.len()],
            best_cost: f64::INFINITY,
            moves: 0,
            accepted: 0,
            inserter: Inserter::default(),
            rng: Xoshiro256PlusPlus::seed_from_u64(seed),
            out: Vec::new(),
            order: Vec::new(),
            need: needs(even),
            missed: vec![0; even.streams.len()],
            rooms: Vec::new(),
        }
    }

    pub(super) fn work(&self) -> u64 {
        self.inserter.work
    }

    pub(super) fn cost(&self) -> f64 {
        self.goal.of(self.fleet.sums())
    }

    /// Changes what is minimised; the best starts anew from here.
    pub(super) fn aim(&mut self, goal: Goal) {
        self.goal = goal;
        self.best_cost = self.cost();
        self.best.copy_from_slice(&self.fleet.posts);
    }

    /// Goes back to given posts.
    pub(super) fn restart(&mut self, posts: &[Post]) {
        self.fleet.load(posts);
        self.aim(self.goal);
    }

    /// Neediest first; those that find no room go first and all start again.
    fn construct(&mut self) {
        let mut order: Vec<u16> = (0..self.need.len() as u16).collect();
        order.sort_by(|&a, &b| self.need[usize::from(b)].total_cmp(&self.need[usize::from(a)]).then(a.cmp(&b)));
        let empty = vec![Post::NONE; order.len()];
        let without = Without { priced: self.advice.prices.is_some(), guided: true, ..Without::default() };
        for _ in 0..TRIES {
            self.fleet.load(&empty);
            let failed: Vec<u16> = order.iter().copied().filter(|&j| !self.insert(j, &without)).collect();
            let cost = self.cost();
            if cost < self.best_cost {
                (self.best_cost, self.best) = (cost, self.fleet.posts.clone());
            }
            if failed.is_empty() {
                break;
            }
            let rest: Vec<u16> = order.iter().copied().filter(|j| !failed.contains(j)).collect();
            order = [failed, rest].concat();
        }
        let best = std::mem::take(&mut self.best);
        self.fleet.load(&best);
        self.best = best;
        self.best_cost = self.cost();
    }

    fn insert(&mut self, j: u16, without: &Without) -> bool {
        let found = self.inserter.best(&self.fleet, usize::from(j), &self.goal, &self.advice, without, &mut self.rng);
        if let Some((_, post)) = found {
            self.fleet.put(usize::from(j), &post);
        }
        found.is_some()
    }

    /// One ruin and recreate at a temperature in units of the goal. `archive` hears of every plan met
    /// that it does not cover, accepted or not.
    pub(super) fn step(&mut self, temperature: f64, archive: Option<&mut Staircase>) {
        self.moves += 1;
        if self.fleet.sums().absent > 0 {
            return self.seek(temperature, archive);
        }
        let before = self.cost();
        let limit = before - temperature * (1.0 - self.rng.random::<f64>()).ln();
        let mut without = self.ruin();
        if self.rng.random_bool(RAGGED.0) {
            without.ragged = RAGGED.1;
        }
        self.sort();
        let nudging = self.rng.random_bool(NUDGE);
        for i in 0..self.order.len() {
            if !(nudging && self.nudge(self.order[i])) {
                self.insert(self.order[i], &without);
            }
            // All sums only grow from here, but for those who have no place yet.
            let waiting = self.goal.absence * (self.order.len() - i - 1) as f64;
            let sums = self.fleet.sums();
            if self.cost() - waiting > limit && archive.as_ref().is_none_or(|a| a.covers(sums.power_w, sums.latency)) {
                return self.restore();
            }
        }
        let (cost, sums) = (self.cost(), self.fleet.sums());
        if let Some(archive) = archive.filter(|_| sums.absent == 0) {
            archive.offer(sums.power_w, sums.latency, &self.fleet.posts);
        }
        if cost > limit {
            return self.restore();
        }
        self.accepted += 1;
        if cost < self.best_cost - 1e-9 {
            self.best_cost = cost;
            self.best.copy_from_slice(&self.fleet.posts);
        }
    }

    /// A step while someone is out. Who has been out for long counts for more: the hard service gets its place
    /// and easy ones look for theirs (after the fleet minimisation of Christiaens and Vanden Berghe 2020).
    fn seek(&mut self, temperature: f64, archive: Option<&mut Staircase>) {
        let owed = self.owed();
        let before = self.present();
        let limit = before - temperature * (1.0 - self.rng.random::<f64>()).ln();
        let hard = self.rng.random_bool(HARD);
        let without = if hard { self.make_room() } else { self.ruin() };
        self.sort();
        if hard {
            let missed = &self.missed;
            self.order.sort_by(|&a, &b| missed[usize::from(b)].cmp(&missed[usize::from(a)]));
        }
        // Those who are out and take no part; then whom the way back leaves out.
        let mut out = self.owed() - self.order.iter().map(|&j| self.missed[usize::from(j)]).sum::<u64>();
        for i in 0..self.order.len() {
            let j = self.order[i];
            if !self.insert(j, &without) {
                out += self.missed[usize::from(j)];
            }
            if out > owed {
                break;
            }
        }
        if out > owed || out == owed && self.present() > limit {
            self.restore();
        } else {
            self.accepted += 1;
            let (cost, sums) = (self.cost(), self.fleet.sums());
            if let Some(archive) = archive.filter(|_| sums.absent == 0) {
                archive.offer(sums.power_w, sums.latency, &self.fleet.posts);
            }
            if cost < self.best_cost - 1e-9 {
                self.best_cost = cost;
                self.best.copy_from_slice(&self.fleet.posts);
            }
        }
        for (missed, post) in self.missed.iter_mut().zip(&self.fleet.posts) {
            *missed += u64::from(!post.served());
        }
    }

    /// Takes out services on devices that could hold who is out, as many devices as its stages may need.
    fn make_room(&mut self) -> Without {
        self.out.clear();
        let n = self.fleet.posts.len();
        let from = self.rng.random_range(0..n as u32) as usize;
        let Some(j) = (from..n).chain(0..from).find(|&j| !self.fleet.posts[j].served()) else { return self.ruin() };
        self.remove(j);
        let even = self.fleet.even;
        let ways = even.streams[j].ways.clone();
        let way = ways.start + self.rng.random_range(0..ways.len() as u32) as usize;
        if self.rng.random_bool(WHOLE) {
            self.clear_for(way);
        } else {
            let devices = self.rng.random_range(1..=even.ways[way].stages);
            for _ in 0..devices {
                for _ in 0..PICKS {
                    let d = self.pick_awake_or(0);
                    if even.cell(way, self.fleet.class(d)).fit > 0 {
                        self.clear(d, MOST);
                        break;
                    }
                }
            }
        }
        let (priced, guided) = (self.advice.prices.is_some() && self.rng.random_bool(PRICED), self.guided());
        Without { priced, guided, ..Without::default() }
    }

    fn guided(&mut self) -> bool {
        !self.advice.takes.is_empty() && self.rng.random_bool(GUIDED)
    }

    /// Takes out what stands on as many devices as all layers of a way need: large ones with little on them, by lot.
    fn clear_for(&mut self, way: usize) {
        let (even, fleet, rng) = (self.fleet.even, &self.fleet, &mut self.rng);
        self.rooms.clear();
        for &d in &fleet.awake {
            let fit = even.cell(way, fleet.class(d)).fit;
            if fit > 0 {
                let load = fleet.loads[usize::from(d)][..LIMITS].iter().fold(0.0, |a: f64, b| a.max(*b));
                self.rooms.push(((LITTLE + load) * (0.5 + rng.random::<f64>()) / f64::from(fit), d));
            }
        }
        self.rooms.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let (mut layers, mut stages) = (even.ways[way].layers, even.ways[way].stages);
        for i in 0..self.rooms.len() {
            if layers == 0 || stages == 0 {
                break;
            }
            let d = self.rooms[i].1;
            layers = layers.saturating_sub(even.cell(way, self.fleet.class(d)).fit);
            stages -= 1;
            self.clear(d, MOST);
        }
    }

    /// What those who are out have missed.
    fn owed(&self) -> u64 {
        self.missed.iter().zip(&self.fleet.posts).filter(|(_, p)| !p.served()).map(|(m, _)| m).sum()
    }

    /// The cost of those who are served.
    fn present(&self) -> f64 {
        self.cost() - self.goal.absence * f64::from(self.fleet.sums().absent)
    }

    /// Puts a service that is out back where it was, some layers shifted between two of its stages.
    fn nudge(&mut self, j: u16) -> bool {
        let Some(&(_, mut post)) = self.out.iter().find(|(o, _)| *o == j) else { return false };
        if post.len < 2 {
            return false;
        }
        let pick = |rng: &mut Xoshiro256PlusPlus| rng.random_range(0..u32::from(post.len)) as usize;
        let (a, b) = (pick(&mut self.rng), pick(&mut self.rng));
        let n = self.rng.random_range(1..=SHIFT);
        if a == b || post.stages[a].1 <= n {
            return false;
        }
        post.stages[a].1 -= n;
        post.stages[b].1 += n;
        let even = self.fleet.even;
        let (way, cap_s) = (post.way as usize, even.streams[usize::from(j)].cap_s);
        let mut seconds = 0.0;
        for &(d, n) in post.stages() {
            let cell = even.cell(way, self.fleet.class(d));
            seconds += f64::from(n) * cell.layer_s + cell.stage_s;
            if self.fleet.room(way, d, cap_s, u32::from(n)) < u32::from(n) {
                return false;
            }
        }
        if seconds > cap_s {
            return false;
        }
        self.fleet.put(usize::from(j), &post);
        true
    }

    /// Puts back what the last ruin took out.
    fn restore(&mut self) {
        for i in 0..self.out.len() {
            self.fleet.take(usize::from(self.out[i].0));
        }
        for i in 0..self.out.len() {
            let (j, post) = self.out[i];
            self.fleet.put(usize::from(j), &post);
        }
    }

    /// Takes services out and says what their way back leaves out.
    fn ruin(&mut self) -> Without {
        self.out.clear();
        let awake = self.fleet.awake.len().max(1) as f64;
        let mut without = Without { blink: BLINK.max(1.0 - LOOK / awake), ..Without::default() };
        let n = self.fleet.posts.len();
        // Of those who have no place yet, a few take part always.
        for _ in 0..self.fleet.sums().absent.min(FEW) {
            let from = self.rng.random_range(0..n as u32) as usize;
            let next = (from..n).chain(0..from).find(|&j| !self.fleet.posts[j].served());
            next.into_iter().for_each(|j| self.remove(j));
        }
        without.priced = self.advice.prices.is_some() && self.rng.random_bool(PRICED);
        without.guided = self.guided();
        without.calm = self.rng.random_bool(CALM);
        if self.rng.random_bool(DISCOUNT) {
            without.discount = self.rng.random();
        }
        if self.rng.random_bool(FAVOUR) {
            without.favoured = Some(self.rng.random_range(0..self.fleet.asleep.len() as u32) as usize);
        }
        let kind = self.rng.random::<f64>();
        if kind < 0.6 && !self.fleet.awake.is_empty() {
            let d = self.pick_awake();
            self.clear(d, MOST);
            if self.rng.random_bool(0.5) {
                without.closed[0] = Some(d);
                without.resting = Some(self.fleet.class(d));
            }
            if self.rng.random_bool(0.5) {
                let e = self.pick_awake_or(d);
                let few = self.rng.random_range(1..=4);
                self.clear(e, few);
                if self.rng.random_bool(0.2) {
                    without.closed[1] = Some(e);
                }
            }
        } else {
            let few = self.rng.random_range(1..=6usize);
            let j = self.rng.random_range(0..n as u32) as usize;
            self.remove(j);
            for _ in 0..few {
                // A neighbour of one that is out already, or anyone.
                let (_, post) = self.out[self.rng.random_range(0..self.out.len() as u32) as usize];
                let stages = post.stages();
                let mut next = self.rng.random_range(0..n as u32) as usize;
                if !stages.is_empty() && self.rng.random_bool(0.6) {
                    let (d, _) = stages[self.rng.random_range(0..stages.len() as u32) as usize];
                    let on = &self.fleet.on[usize::from(d)];
                    if !on.is_empty() {
                        next = usize::from(on[self.rng.random_range(0..on.len() as u32) as usize]);
                    }
                }
                self.remove(next);
            }
        }
        without
    }

    fn pick_awake(&mut self) -> u16 {
        let list = &self.fleet.awake;
        list[self.rng.random_range(0..list.len() as u32) as usize]
    }

    fn pick_awake_or(&mut self, d: u16) -> u16 {
        if self.fleet.awake.is_empty() { d } else { self.pick_awake() }
    }

    fn remove(&mut self, j: usize) {
        if self.fleet.posts[j].served() && self.out.len() < MOST {
            let post = self.fleet.take(j);
            self.out.push((j as u16, post));
        } else if !self.fleet.posts[j].served() && self.out.iter().all(|(o, _)| usize::from(*o) != j) {
            self.out.push((j as u16, Post::NONE));
        }
    }

    /// Takes out up to `most` of the services on a device.
    fn clear(&mut self, d: u16, most: usize) {
        for _ in 0..most {
            let on = &self.fleet.on[usize::from(d)];
            if on.is_empty() || self.out.len() >= MOST {
                break;
            }
            let j = on[self.rng.random_range(0..on.len() as u32) as usize];
            self.remove(usize::from(j));
        }
    }

    /// The order in which they come back.
    fn sort(&mut self) {
        self.order.clear();
        self.order.extend(self.out.iter().map(|(j, _)| *j));
        self.order.shuffle(&mut self.rng);
        let need = &self.need;
        match self.rng.random_range(0..4u32) {
            0 | 1 => {}
            2 => self.order.sort_by(|&a, &b| need[usize::from(b)].total_cmp(&need[usize::from(a)])),
            _ => self.order.sort_by(|&a, &b| need[usize::from(a)].total_cmp(&need[usize::from(b)])),
        }
    }
}

/// By service: the largest share of any capacity that its lightest way takes of its best devices.
fn needs(even: &Even) -> Vec<f64> {
    let share = |way: usize| {
        let layers = f64::from(even.ways[way].layers);
        (0..even.classes.len())
            .map(|c| even.cell(way, c))
            .filter(|c| c.fit > 0)
            .map(|c| (0..LIMITS).map(|i| layers * c.layer[i] + c.stage[i]).fold(0.0, f64::max))
            .fold(f64::INFINITY, f64::min)
    };
    even.streams.iter().map(|s| s.ways.clone().map(share).fold(f64::INFINITY, f64::min)).collect()
}
