//! The walk: all chains within a price, or the cheapest few, by depth-first search under the bound to go.

use super::{Lattice, Tariff, ToGo};
use crate::search::columns::Column;
use crate::table::{Chain, Service, Stage, Table, eased, over};

/// What a walk keeps: the columns of least reduced cost, no dearer than a limit, at most `most`.
#[derive(Clone, Debug)]
pub struct Keep {
    /// Sorted by cost; equal costs in the order found.
    pub found: Vec<(f64, Column)>,
    limit: f64,
    most: usize,
    /// Whether a full shelf drops its dearest (the cheapest are wanted) or refuses (all are wanted).
    squeeze: bool,
    /// True when something within the limit did not fit.
    pub overflow: bool,
}

impl Keep {
    /// The `most` cheapest at or below `limit`.
    #[must_use]
    pub fn cheapest(limit: f64, most: usize) -> Keep {
        Keep { found: Vec::new(), limit, most, squeeze: true, overflow: false }
    }

    /// All at or below `limit`; [`Keep::overflow`] tells that there were more than `most`.
    #[must_use]
    pub fn all(limit: f64, most: usize) -> Keep {
        Keep { found: Vec::new(), limit, most, squeeze: false, overflow: false }
    }

    /// Highest cost of interest now.
    #[must_use]
    pub fn limit(&self) -> f64 {
        self.limit
    }

    fn full(&self) -> bool {
        self.found.len() >= self.most
    }

    fn put(&mut self, cost: f64, column: Column) {
        if self.full() && !self.squeeze {
            self.overflow = true;
            return;
        }
        let at = self.found.partition_point(|(c, _)| *c <= cost);
        self.found.insert(at, (cost, column));
        if self.squeeze && self.full() {
            self.found.truncate(self.most);
            self.limit = self.limit.min(self.found[self.most - 1].0);
        }
    }
}

/// One search over the chains of one option that start on one device.
#[derive(Debug)]
pub struct Walk<'a> {
    pub table: &'a Table,
    pub lattice: &'a Lattice,
    pub tariff: &'a Tariff,
    pub togo: &'a ToGo,
    /// Prices of lateness that the tariff contains, by kind of time; taken off again from what is kept.
    pub late: [f64; 3],
    /// Steps still allowed; a walk that runs out is not complete.
    pub steps: &'a mut u64,
}

/// A partial chain: everything before the stage now open.
#[derive(Clone, Copy, Debug)]
struct Head {
    cost: f64,
    times: [f64; 3],
    block: usize,
    place: usize,
}

impl Walk<'_> {
    /// Walks all chains that start at any place of local device `first`. False when it ran out of steps or room.
    pub fn from_device(&mut self, first: usize, keep: &mut Keep) -> bool {
        let l = self.lattice;
        let mut starts: Vec<(f64, usize)> =
            (0..l.places.len()).filter(|&p| l.device_of[p] == first).map(|p| (self.togo.start(l, self.tariff, p), p)).collect();
        starts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let service = &self.table.services[l.service as usize];
        let option = &service.options[l.option as usize];
        let enter = option.enter.get(l.devices[first] as usize);
        let times = enter.map_or([0.0; 3], |t| [t.ttft_s, 0.0, t.total_s]);
        for (bound, place) in starts {
            if bound > keep.limit() {
                break;
            }
            let cost = self.tariff.enter[first] + self.tariff.touch[place];
            let mut path = Vec::with_capacity(l.stages);
            if !self.step(service, Head { cost, times, block: 0, place }, &mut path, keep) {
                return false;
            }
        }
        true
    }

    /// Opens the stage at `head`, closes it at every end, goes on from there.
    fn step(&mut self, service: &Service, head: Head, path: &mut Vec<(usize, usize)>, keep: &mut Keep) -> bool {
        let l = self.lattice;
        let device = l.device_of[head.place];
        let reach = l.reach(head.block, head.place);
        path.push((head.place, head.block));
        let index = path.len();
        let mut ahead: Vec<(f64, Head)> = Vec::new();
        let window = &self.tariff.windows[head.place];
        for end in (head.block + 1..=reach).filter(|&e| window.admits(head.block as u32, e as u32)) {
            if *self.steps == 0 {
                return false;
            }
            *self.steps -= 1;
            let cost = head.cost + self.tariff.stage(l, head.place, head.block, end);
            if end == l.blocks {
                // The last stage that starts no later than decode passes do.
                let again = path.iter().rposition(|(_, start)| *start <= l.loop_start).unwrap_or(0);
                let back =
                    if again + 1 < index { self.tariff.back[device * l.devices.len() + l.device_of[path[again].0]] } else { 0.0 };
                let total = cost + self.tariff.leave[device] + back;
                if total <= keep.limit() {
                    self.finish(path, total, keep);
                    if keep.overflow {
                        return false;
                    }
                }
            } else if index < l.stages {
                let times = self.times(&head, end);
                self.branch(service, &Head { cost, times, block: end, place: head.place }, path, keep, &mut ahead);
            }
        }
        ahead.sort_by(|a, b| a.0.total_cmp(&b.0));
        for (bound, next) in ahead {
            if bound > keep.limit() {
                break;
            }
            if !self.step(service, next, path, keep) {
                return false;
            }
        }
        path.pop();
        true
    }

    /// Times so far when the stage at `head` closes at `end`.
    fn times(&self, head: &Head, end: usize) -> [f64; 3] {
        let l = self.lattice;
        let option = &self.table.services[l.service as usize].options[l.option as usize];
        let mut t = head.times;
        if let Some(at) = &option.at[l.places[head.place] as usize] {
            let c = at.stage(head.block as u32, end as u32);
            t[0] += c.ttft_s;
            t[1] += c.tpot_s;
            t[2] += c.total_s;
        }
        t
    }

    /// Lists the next stages after a stage that closed at `at.block` on `at.place`.
    fn branch(&mut self, service: &Service, at: &Head, path: &[(usize, usize)], keep: &Keep, ahead: &mut Vec<(f64, Head)>) {
        let l = self.lattice;
        let option = &service.options[l.option as usize];
        let from = l.device_of[at.place];
        let open = path.iter().fold(l.pins, |open, (p, _)| open & !l.meets[l.device_of[*p]]);
        let cut = option.cuts[at.block];
        let caps = [service.ttft_cap_s, service.tpot_cap_s, service.total_cap_s];
        let mut device = usize::MAX;
        let (mut hop, mut times, mut seen) = (0.0, [0.0; 3], None);
        for q in 0..l.places.len() {
            let to = l.device_of[q];
            if to != device {
                device = to;
                hop = self.tariff.hop(l, from, to, at.block);
                let h = self.table.hop(l.devices[from], l.devices[to]);
                let first = h.latency_s + cut.prefill_bytes * h.s_per_byte;
                let decodes = option.passes > 0.0 && at.block > l.loop_start;
                let each = if decodes { h.latency_s + cut.decode_bytes * h.s_per_byte } else { 0.0 };
                let total = first + option.passes.max(0.0) * each;
                times = [at.times[0] + first, at.times[1] + each, at.times[2] + total];
                seen = path.iter().find(|(p, _)| l.device_of[*p] == to).map(|(p, _)| l.mode_of[*p]);
            }
            if hop == f64::INFINITY
                || seen.is_some_and(|m| m != l.mode_of[q])
                || path.iter().any(|(p, _)| l.slot_of[*p] == l.slot_of[q])
            {
                continue;
            }
            let node = l.open_node(open, at.block, q);
            let cost = at.cost + hop + if seen.is_some() { 0.0 } else { self.tariff.touch[q] };
            let bound = cost + self.togo.get(path.len() + 1, from, node);
            let late = (0..3).any(|x| over(times[x] + l.rest(x, at.block, q), caps[x]));
            if bound <= keep.limit() && !late {
                ahead.push((bound, Head { cost, times, block: at.block, place: q }));
            }
        }
    }

    /// Turns a path into a column, if all limits of one chain hold.
    fn finish(&self, path: &[(usize, usize)], cost: f64, keep: &mut Keep) {
        let l = self.lattice;
        let stages = (0..path.len())
            .map(|i| Stage {
                place: l.places[path[i].0],
                start: path[i].1 as u32,
                end: path.get(i + 1).map_or(l.blocks, |n| n.1) as u32,
            })
            .collect();
        if let Some(column) = Column::new(self.table, l.service, l.option, &Chain { stages }) {
            let s = &self.table.services[l.service as usize];
            let times = [(column.ttft_s, s.ttft_cap_s), (column.tpot_s, s.tpot_cap_s), (column.total_s, s.total_cap_s)];
            let late = |((t, cap), rate): ((f64, f64), &f64)| if *rate > 0.0 { rate * (t - eased(cap)) } else { 0.0 };
            let cost = cost - times.into_iter().zip(&self.late).map(late).sum::<f64>();
            if cost <= keep.limit() {
                keep.put(cost, column);
            }
        }
    }
}
