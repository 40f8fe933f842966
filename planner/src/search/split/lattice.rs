//! What of one option's layered graph does not depend on prices: nodes, reach, least times to go.

use super::togo::{Tariff, ToGo};
use crate::table::{BlockCosts, Choice, Service, Table, over};

/// Pins that bounds know of; each doubles their work. More pins still hold, but only chains know.
const PINS: usize = 3;

/// The nodes (block, place) of one option of one service, with local numbers for places and devices.
#[derive(Clone, Debug)]
pub struct Lattice {
    pub service: u32,
    pub option: u32,
    pub blocks: usize,
    /// Block with which decode passes begin.
    pub loop_start: usize,
    /// Most stages of a chain, at most the number of blocks and of places.
    pub stages: usize,
    /// Places that can run at least one block within their own capacities.
    pub places: Vec<u32>,
    /// Local device of each local place.
    pub device_of: Vec<usize>,
    /// Mode of each local place.
    pub mode_of: Vec<u32>,
    /// Slot of each local place: a chain has at most one stage on it.
    pub slot_of: Vec<u32>,
    /// Local places of each local place's mode.
    pub mode_run: Vec<std::ops::Range<usize>>,
    /// Devices with a place here.
    pub devices: Vec<u32>,
    /// By local device: pins that touching it meets, one bit each, of the first [`PINS`].
    pub meets: Vec<u32>,
    /// All those bits.
    pub pins: u32,
    /// Whether a local device may hold the first block.
    pub may_start: Vec<bool>,
    /// By local place and block: largest end of a stage that starts there; equal to the start when none fits.
    pub reach: Vec<u32>,
    /// Least ttft, tpot and total still to come from (block, place) on, any stage but the first, by `node`.
    rest: [Vec<f64>; 3],
    /// By ordered pair of local places of one mode that cannot both hold a whole model: see [`Lattice::joint`].
    joint: Vec<(usize, usize, Vec<u16>)>,
    /// The three times as tariffs.
    pub times: Vec<Tariff>,
}

impl Lattice {
    /// Size of one backward pass over it: what pricing is counted in.
    #[must_use]
    pub fn cells(&self) -> u64 {
        (self.places.len() * self.blocks * self.blocks * self.stages) as u64
    }

    /// Builds the lattice; `None` when no chain can keep the deadlines whatever else it costs.
    #[must_use]
    pub fn new(table: &Table, service: u32, option: u32) -> Option<Lattice> {
        let s = &table.services[service as usize];
        let o = &s.options[option as usize];
        let blocks = o.blocks as usize;
        let mut l = Lattice {
            service,
            option,
            blocks,
            loop_start: o.loop_start as usize,
            stages: 0,
            places: Vec::new(),
            device_of: Vec::new(),
            mode_of: Vec::new(),
            slot_of: Vec::new(),
            mode_run: Vec::new(),
            devices: Vec::new(),
            meets: Vec::new(),
            pins: 0,
            may_start: Vec::new(),
            reach: Vec::new(),
            rest: Default::default(),
            joint: Vec::new(),
            times: Vec::with_capacity(3),
        };
        for p in 0..table.places.len() {
            l.admit(table, s, o, p);
        }
        l.mode_run = (0..l.places.len())
            .map(|p| {
                let same = |q: &usize| l.mode_of[*q] == l.mode_of[p];
                let start = (0..=p).rev().take_while(same).last().unwrap_or(p);
                start..(p..l.places.len()).take_while(same).last().unwrap_or(p) + 1
            })
            .collect();
        l.stages = (o.max_stages as usize).min(blocks).min(l.places.len());
        l.pair(table, s, o);
        let pins = || s.pins.iter().take(PINS).enumerate();
        l.meets = l.devices.iter().map(|d| pins().filter(|(_, pin)| pin.contains(d)).map(|(i, _)| 1 << i).sum()).collect();
        l.pins = (1 << pins().count()) - 1;
        l.may_start = l.devices.iter().map(|d| s.first.is_empty() || s.first.contains(d)).collect();
        if l.stages == 0 || !l.may_start.contains(&true) {
            return None;
        }
        for (x, cap) in [s.ttft_cap_s, s.tpot_cap_s, s.total_cap_s].into_iter().enumerate() {
            let tariff = Tariff::time(table, &l, x);
            let togo = ToGo::new(&l, &tariff, None);
            let least = togo.least(&l, &tariff);
            if !least.is_finite() || over(least, cap) {
                return None;
            }
            l.rest[x] = togo.into_second();
            l.times.push(tariff);
        }
        Some(l)
    }

    /// Adds a place with its reach, unless not even one block fits.
    fn admit(&mut self, table: &Table, s: &Service, o: &Choice, p: usize) {
        let Some(at) = o.at.get(p).and_then(Option::as_ref) else { return };
        let place = &table.places[p];
        let mode = &table.modes[place.mode as usize];
        let capacity = table.pools[place.pool as usize].capacity_bytes;
        let rate = s.rate_hz / f64::from(o.replicas);
        let reach: Vec<u32> = (0..o.blocks)
            .map(|b| {
                (b + 1..=o.blocks)
                    .rev()
                    .find(|&e| {
                        let c = at.stage(b, e);
                        c.total_s.is_finite()
                            && !over(rate * c.busy_s, mode.booked_cap)
                            && !over(rate * c.dynamic_j, mode.dynamic_cap_w)
                            && !over(c.bytes, capacity)
                    })
                    .unwrap_or(b)
            })
            .collect();
        if mode.curve.is_empty() || reach.iter().enumerate().all(|(b, &e)| e as usize == b) {
            return;
        }
        let device = self.devices.iter().position(|&d| d == place.device).unwrap_or_else(|| {
            self.devices.push(place.device);
            self.devices.len() - 1
        });
        self.places.push(p as u32);
        self.device_of.push(device);
        self.mode_of.push(place.mode);
        self.slot_of.push(place.slot);
        self.reach.extend(reach);
    }

    /// Fills in how far two stages on places of one mode reach together.
    fn pair(&mut self, table: &Table, s: &Service, o: &Choice) {
        let rate = s.rate_hz / f64::from(o.replicas);
        let nb = self.blocks;
        for (p, q) in (0..self.places.len()).flat_map(|p| self.mode_run[p].clone().map(move |q| (p, q))) {
            let place = |i: usize| &table.places[self.places[i] as usize];
            let (Some(a), Some(b)) = (&o.at[self.places[p] as usize], &o.at[self.places[q] as usize]) else { continue };
            let watts = table.modes[place(p).mode as usize].dynamic_cap_w;
            let bytes =
                if place(p).pool == place(q).pool { table.pools[place(p).pool as usize].capacity_bytes } else { f64::INFINITY };
            let fits = |start: usize, cut: usize, end: usize| {
                let (first, second) = (a.stage(start as u32, cut as u32), b.stage(cut as u32, end as u32));
                !over(first.bytes + second.bytes, bytes) && !over(rate * (first.dynamic_j + second.dynamic_j), watts)
            };
            // Halving asks that longer stages need more.
            let grows = |at: &BlockCosts| at.sum.windows(2).all(|w| w[0].bytes <= w[1].bytes && w[0].dynamic_j <= w[1].dynamic_j);
            let loose = (1..nb).all(|cut| fits(0, cut, nb));
            if self.slot_of[p] == self.slot_of[q] || nb > usize::from(u16::MAX) || loose || !grows(a) || !grows(b) {
                continue;
            }
            let mut reach = vec![0; nb * (nb + 1)];
            for start in 0..nb {
                for cut in start + 1..nb {
                    let ends: Vec<usize> = (cut + 1..=nb).collect();
                    reach[start * (nb + 1) + cut] =
                        (cut + ends.partition_point(|&end| fits(start, cut, end))).min(self.reach(cut, q)) as u16;
                }
            }
            self.joint.push((p, q, reach));
        }
    }

    /// By start and cut (`start * (blocks + 1) + cut`): the largest end of a stage on `q` from the cut on that
    /// fits beside a stage on `p` up to it. `None`: any that fits alone.
    #[must_use]
    pub fn joint(&self, p: usize, q: usize) -> Option<&[u16]> {
        let at = self.joint.binary_search_by_key(&(p, q), |j| (j.0, j.1)).ok()?;
        Some(&self.joint[at].2)
    }

    /// Where the ends of a local place begin, with pins open after it.
    #[must_use]
    pub fn ends(&self, open: u32, place: usize) -> usize {
        (open as usize * self.places.len() + place) * (self.blocks + 1)
    }

    /// Number of the node (block, local place).
    #[must_use]
    pub fn node(&self, block: usize, place: usize) -> usize {
        block * self.places.len() + place
    }

    /// Number of the node with pins still to be met, `open`, its own place's included.
    #[must_use]
    pub fn open_node(&self, open: u32, block: usize, place: usize) -> usize {
        open as usize * self.blocks * self.places.len() + self.node(block, place)
    }

    /// Least time of kind `x` (0 ttft, 1 tpot, 2 total) still to come from a node.
    #[must_use]
    pub fn rest(&self, x: usize, block: usize, place: usize) -> f64 {
        self.rest[x][self.node(block, place)]
    }

    /// Largest end of a stage from (block, local place).
    #[must_use]
    pub fn reach(&self, block: usize, place: usize) -> usize {
        self.reach[place * self.blocks + block] as usize
    }
}
