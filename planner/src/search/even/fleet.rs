//! Who holds how many layers of what, and what is booked: updated service by service.

use super::view::{Even, LIMITS, STAGES, WATTS};
use crate::table::{Assignment, Chain, Deployment, Stage};

/// Stands for a service that is not served.
pub(super) const ABSENT: u32 = u32::MAX;

/// A service's way and its stages, as device and layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Post {
    pub way: u32,
    pub len: u8,
    pub stages: [(u16, u16); STAGES],
}

impl Post {
    pub(super) const NONE: Post = Post { way: ABSENT, len: 0, stages: [(0, 0); STAGES] };

    pub(super) fn stages(&self) -> &[(u16, u16)] {
        &self.stages[..usize::from(self.len)]
    }

    pub(super) fn served(&self) -> bool {
        self.way != ABSENT
    }
}

/// What is minimised: weights, and the price of a service that is not served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Goal {
    pub power: f64,
    pub latency: f64,
    pub inaccuracy: f64,
    pub absence: f64,
}

/// The sums that a goal weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub power_w: f64,
    pub latency: f64,
    pub inaccuracy: f64,
    pub absent: u32,
}

impl Goal {
    pub(super) fn of(&self, s: &Sums) -> f64 {
        self.power * s.power_w + self.latency * s.latency + self.inaccuracy * s.inaccuracy + self.absence * f64::from(s.absent)
    }
}

/// A fleet under change. All limits of devices and deadlines hold at all times: only posts that fit are put.
#[derive(Clone, Debug)]
pub(super) struct Fleet<'e> {
    pub even: &'e Even,
    pub posts: Vec<Post>,
    pub loads: Vec<[f64; 4]>,
    /// By device: services with a stage on it.
    pub on: Vec<Vec<u16>>,
    /// Devices in use, and by class those asleep; where each device stands in its list.
    pub awake: Vec<u16>,
    pub asleep: Vec<Vec<u16>>,
    at: Vec<u16>,
    sums: Sums,
    changes: u32,
}

/// Changes after which all sums are made anew, so that rounding cannot pile up.
const RESUM: u32 = 4096;

impl<'e> Fleet<'e> {
    pub(super) fn new(even: &'e Even) -> Self {
        let n = even.device.len();
        let mut fleet = Fleet {
            even,
            posts: vec![Post::NONE; even.streams.len()],
            loads: vec![[0.0; 4]; n],
            on: vec![Vec::new(); n],
            awake: Vec::new(),
            asleep: even.classes.iter().map(|c| c.members.clone().map(|d| d as u16).collect()).collect(),
            at: vec![0; n],
            sums: Sums::default(),
            changes: 0,
        };
        for list in &fleet.asleep {
            for (i, &d) in list.iter().enumerate() {
                fleet.at[usize::from(d)] = i as u16;
            }
        }
        fleet.resum();
        fleet
    }

    pub(super) fn sums(&self) -> &Sums {
        &self.sums
    }

    pub(super) fn class(&self, device: u16) -> usize {
        self.even.class[usize::from(device)] as usize
    }

    /// Replaces all posts.
    pub(super) fn load(&mut self, posts: &[Post]) {
        for j in 0..posts.len() {
            self.take(j);
        }
        for (j, post) in posts.iter().enumerate() {
            self.put(j, post);
        }
        self.resum();
    }

    /// Serves an unserved service.
    pub(super) fn put(&mut self, j: usize, post: &Post) {
        debug_assert!(!self.posts[j].served(), "take it first");
        self.posts[j] = *post;
        if !post.served() {
            return;
        }
        let even = self.even;
        let (way, mut seconds) = (post.way as usize, 0.0);
        for &(d, n) in post.stages() {
            let cell = even.cell(way, self.class(d));
            let n = f64::from(n);
            let i = usize::from(d);
            if self.on[i].is_empty() {
                self.wake(d);
            }
            self.on[i].push(j as u16);
            for (x, (a, b)) in self.loads[i].iter_mut().zip(cell.layer.iter().zip(&cell.stage)) {
                *x += n * a + b;
            }
            self.sums.power_w += n * cell.layer[WATTS] + cell.stage[WATTS];
            seconds += n * cell.layer_s + cell.stage_s;
        }
        self.sums.latency += even.streams[j].per_s * seconds;
        self.sums.inaccuracy += even.ways[way].inaccuracy;
        self.sums.absent -= 1;
    }

    /// Stops serving a service; returns what it had.
    pub(super) fn take(&mut self, j: usize) -> Post {
        let post = std::mem::replace(&mut self.posts[j], Post::NONE);
        if !post.served() {
            return post;
        }
        self.changes += 1;
        if self.changes >= RESUM {
            self.posts[j] = post;
            self.resum();
            self.posts[j] = Post::NONE;
        }
        let even = self.even;
        let (way, mut seconds) = (post.way as usize, 0.0);
        for &(d, n) in post.stages() {
            let cell = even.cell(way, self.class(d));
            let n = f64::from(n);
            let i = usize::from(d);
            if let Some(k) = self.on[i].iter().position(|&o| usize::from(o) == j) {
                self.on[i].swap_remove(k);
            }
            if self.on[i].is_empty() {
                self.loads[i] = [0.0; 4];
                self.sleep(d);
            } else {
                for (x, (a, b)) in self.loads[i].iter_mut().zip(cell.layer.iter().zip(&cell.stage)) {
                    *x -= n * a + b;
                }
            }
            self.sums.power_w -= n * cell.layer[WATTS] + cell.stage[WATTS];
            seconds += n * cell.layer_s + cell.stage_s;
        }
        self.sums.latency -= even.streams[j].per_s * seconds;
        self.sums.inaccuracy -= even.ways[way].inaccuracy;
        self.sums.absent += 1;
        post
    }

    fn wake(&mut self, d: u16) {
        let c = self.class(d);
        let i = self.at[usize::from(d)];
        self.asleep[c].swap_remove(usize::from(i));
        if let Some(&moved) = self.asleep[c].get(usize::from(i)) {
            self.at[usize::from(moved)] = i;
        }
        self.at[usize::from(d)] = self.awake.len() as u16;
        self.awake.push(d);
        self.sums.power_w += self.even.classes[c].wake_w;
    }

    fn sleep(&mut self, d: u16) {
        let c = self.class(d);
        let i = self.at[usize::from(d)];
        self.awake.swap_remove(usize::from(i));
        if let Some(&moved) = self.awake.get(usize::from(i)) {
            self.at[usize::from(moved)] = i;
        }
        self.at[usize::from(d)] = self.asleep[c].len() as u16;
        self.asleep[c].push(d);
        self.sums.power_w -= self.even.classes[c].wake_w;
    }

    /// Makes every sum anew from the posts.
    pub(super) fn resum(&mut self) {
        let even = self.even;
        self.changes = 0;
        self.loads.fill([0.0; 4]);
        let mut sums = Sums { power_w: even.standing_w, ..Sums::default() };
        sums.power_w += self.awake.iter().map(|&d| even.classes[self.class(d)].wake_w).sum::<f64>();
        for (j, post) in self.posts.iter().enumerate() {
            if !post.served() {
                sums.absent += 1;
                continue;
            }
            let (way, mut seconds) = (post.way as usize, 0.0);
            for &(d, n) in post.stages() {
                let cell = even.cell(way, even.class[usize::from(d)] as usize);
                let n = f64::from(n);
                for (x, (a, b)) in self.loads[usize::from(d)].iter_mut().zip(cell.layer.iter().zip(&cell.stage)) {
                    *x += n * a + b;
                }
                sums.power_w += n * cell.layer[WATTS] + cell.stage[WATTS];
                seconds += n * cell.layer_s + cell.stage_s;
            }
            sums.latency += even.streams[j].per_s * seconds;
            sums.inaccuracy += even.ways[way].inaccuracy;
        }
        self.sums = sums;
    }

    /// Most layers of a way that a device takes beside what it does, at most `most`.
    pub(super) fn room(&self, way: usize, d: u16, cap_s: f64, most: u32) -> u32 {
        let cell = self.even.cell(way, self.class(d));
        let load = &self.loads[usize::from(d)];
        let mut room = f64::from(most.min(cell.fit));
        for ((used, stage), layer) in load.iter().zip(&cell.stage).zip(&cell.layer).take(LIMITS) {
            let free = 1.0 - used - stage;
            // The comparison without a division decides most cases.
            if room * layer > free {
                room = whole(free / layer + 1e-10);
            }
        }
        let free = cap_s - cell.stage_s;
        if room * cell.layer_s > free {
            room = whole(free / cell.layer_s + 1e-10);
        }
        if room >= 1.0 { room as u32 } else { 0 }
    }
}

/// Rounded towards zero: what counts are numbers of layers, and below one is none. A call of `floor` costs more.
fn whole(x: f64) -> f64 {
    f64::from(x as i32)
}

impl Even {
    /// In the terms of the table. Stages go in the order in which they stand: any order costs the same.
    pub(super) fn assignment(&self, posts: &[Post]) -> Assignment {
        let services = posts.iter().map(|post| {
            post.served().then(|| {
                let mut start = 0;
                let stages = post.stages().iter().map(|&(d, n)| {
                    let stage = Stage { place: self.place[usize::from(d)], start, end: start + u32::from(n) };
                    start = stage.end;
                    stage
                });
                Deployment { option: self.ways[post.way as usize].option, chains: vec![Chain { stages: stages.collect() }] }
            })
        });
        Assignment { services: services.collect() }
    }
    /// A feasible assignment of the table as posts.
    pub(super) fn posts(&self, assignment: &Assignment) -> Vec<Post> {
        let mut number = vec![0u16; self.place.len()];
        for (d, &place) in self.place.iter().enumerate() {
            number[place as usize] = d as u16;
        }
        let post = |(stream, deployment): (&super::view::Stream, &Option<Deployment>)| {
            let mut post = Post::NONE;
            let Some(d) = deployment else { return post };
            post.way = (stream.ways.start + d.option as usize) as u32;
            for (to, from) in post.stages.iter_mut().zip(d.chains.iter().flat_map(|c| &c.stages)) {
                *to = (number[from.place as usize], (from.end - from.start) as u16);
                post.len += 1;
            }
            post
        };
        self.streams.iter().zip(&assignment.services).map(post).collect()
    }
}
