//! Random cost tables that use every feature of [`Table`]: modes, two processors, shared pools,
//! segments, unreachable pairs, replicas, pins, first devices, services apart, hosts, fleet caps.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::table::{
    BlockCosts, Choice, Cost, Cut, Device, Hop, Line, Mode, Place, Pool, Segment, Service, Table, Transfer, Weights,
};

/// How large a random table is; every bound is inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub devices: (u32, u32),
    pub services: (u32, u32),
    /// Options of a service.
    pub options: (u32, u32),
    /// Blocks of an option.
    pub blocks: (u32, u32),
    /// Modes of a device.
    pub modes: (u32, u32),
    /// Processors of a device.
    pub processors: (u32, u32),
    /// Most stages of a chain.
    pub max_stages: u32,
    /// Most replicas of an option.
    pub replicas: u32,
}

impl Size {
    /// Small enough to enumerate every assignment.
    pub const TINY: Size = Size {
        devices: (2, 3),
        services: (1, 2),
        options: (1, 2),
        blocks: (2, 3),
        modes: (1, 2),
        processors: (1, 1),
        max_stages: 2,
        replicas: 1,
    };
    /// Every feature, in reach of exact methods.
    pub const SMALL: Size = Size {
        devices: (2, 6),
        services: (1, 4),
        options: (1, 4),
        blocks: (3, 8),
        modes: (1, 3),
        processors: (1, 2),
        max_stages: 3,
        replicas: 2,
    };
    /// Ten devices and six services, as an edge fleet has.
    pub const MEDIUM: Size = Size {
        devices: (10, 10),
        services: (6, 6),
        options: (4, 8),
        blocks: (6, 12),
        modes: (2, 3),
        processors: (1, 2),
        max_stages: 4,
        replicas: 2,
    };
}

/// A table that depends on the seed and the size alone. Most, not all, have a feasible assignment.
#[must_use]
pub fn random_table(seed: u64, size: Size) -> Table {
    let mut maker = Maker { rng: Xoshiro256PlusPlus::seed_from_u64(seed), size, table: blank() };
    maker.devices();
    maker.network();
    let services = maker.count(size.services);
    for s in 0..services {
        let service = maker.service(s, services);
        maker.table.services.push(service);
    }
    maker.apart();
    maker.shares();
    maker.caps();
    maker.table
}

fn blank() -> Table {
    Table {
        bills: Vec::new(),
        devices: Vec::new(),
        modes: Vec::new(),
        places: Vec::new(),
        pools: Vec::new(),
        segments: Vec::new(),
        hops: Vec::new(),
        services: Vec::new(),
        power_cap_w: f64::INFINITY,
        latency_cap: f64::INFINITY,
        inaccuracy_cap: f64::INFINITY,
        underuse_cap: f64::INFINITY,
        weights: Weights { power: 1.0, latency: 1.0, inaccuracy: 5.0, underuse: 0.1 },
    }
}

struct Maker {
    rng: Xoshiro256PlusPlus,
    size: Size,
    table: Table,
}

impl Maker {
    fn count(&mut self, (low, high): (u32, u32)) -> u32 {
        self.rng.random_range(low..=high)
    }

    fn real(&mut self, low: f64, high: f64) -> f64 {
        self.rng.random_range(low..high)
    }

    fn chance(&mut self, p: f64) -> bool {
        self.rng.random_bool(p)
    }

    fn devices(&mut self) {
        let devices = self.count(self.size.devices);
        for d in 0..devices {
            let processors = self.count(self.size.processors);
            let first_pool = self.table.pools.len() as u32;
            let pools = if processors > 1 && self.chance(0.5) { 2 } else { 1 };
            for p in 0..pools {
                let capacity_bytes = self.real(3e9, 12e9);
                self.table.pools.push(Pool { device: d, name: format!("pool{p}"), capacity_bytes });
            }
            let idle_w = self.real(1.0, 8.0);
            let first_mode = self.table.modes.len() as u32;
            for m in 0..self.count(self.size.modes) {
                self.mode(d, m, processors, first_pool, pools, idle_w);
            }
            let may_sleep = self.chance(0.85);
            let needs = (d > 0 && self.chance(0.15)).then(|| self.rng.random_range(0..d));
            self.table.devices.push(Device {
                name: format!("device{d}"),
                sleep_w: self.rng.random_range(0.0..0.5),
                may_sleep,
                needs,
                modes: first_mode..self.table.modes.len() as u32,
                class: d,
            });
        }
    }

    /// A faster mode idles higher.
    fn mode(&mut self, device: u32, m: u32, processors: u32, first_pool: u32, pools: u32, idle_w: f64) {
        let first = self.table.places.len() as u32;
        let mode = self.table.modes.len() as u32;
        for processor in 0..processors {
            let pool = first_pool + processor.min(pools - 1);
            let slot = self.table.places.len() as u32;
            self.table.places.push(Place { mode, device, processor, pool, slot, format: 0 });
        }
        let base_w = idle_w * (1.0 + 0.3 * f64::from(m));
        let slope = self.real(1.0, 1.2);
        let mut curve = vec![Line { base_w, slope }];
        if self.chance(0.5) {
            curve.push(Line { base_w: base_w - self.real(0.5, 2.0), slope: slope + self.real(0.1, 0.5) });
        }
        let cap = self.real(0.6, 0.95);
        let dynamic_cap_w = self.real(5.0, 25.0);
        self.table.modes.push(Mode {
            device,
            name: format!("mode{m}"),
            throttled: false,
            booked_cap: cap,
            dynamic_cap_w,
            curve,
            places: first..first + processors,
        });
    }

    fn network(&mut self) {
        let n = self.table.devices.len();
        let segments = self.count((1, 3));
        for g in 0..segments {
            let capacity_bytes_s = self.real(2e6, 2e7);
            self.table.segments.push(Segment { name: format!("segment{g}"), capacity_bytes_s });
        }
        for from in 0..n {
            for to in 0..n {
                let reachable = from == to || self.chance(0.93);
                let segments = if from == to { Vec::new() } else { vec![self.rng.random_range(0..segments)] };
                let hop = Hop {
                    latency_s: if reachable { self.real(1e-4, 8e-3) } else { f64::INFINITY },
                    s_per_byte: self.real(1e-9, 1e-7),
                    j_per_byte: if from == to { 0.0 } else { self.real(1e-9, 1e-7) },
                    segments,
                };
                self.table.hops.push(hop);
            }
        }
    }

    fn service(&mut self, s: u32, services: u32) -> Service {
        let n = self.table.devices.len() as u32;
        let rate_hz = self.real(0.02, 0.3);
        let options: Vec<Choice> = (0..self.count(self.size.options)).map(|label| self.option(label)).collect();
        let some_devices = |maker: &mut Maker| {
            let mut list: Vec<u32> = (0..n).filter(|_| maker.rng.random_bool(0.6)).collect();
            if list.is_empty() {
                list.push(maker.rng.random_range(0..n));
            }
            list
        };
        let pins = if self.chance(0.15) { vec![some_devices(self)] } else { Vec::new() };
        let first = if self.chance(0.15) { some_devices(self) } else { Vec::new() };
        let capped = self.chance(0.6);
        let cap = |maker: &mut Maker, low: f64, high: f64| if capped { maker.real(low, high) } else { f64::INFINITY };
        Service {
            name: format!("service{s}"),
            rate_hz,
            ttft_cap_s: cap(self, 0.5, 3.0),
            tpot_cap_s: cap(self, 0.05, 0.3),
            total_cap_s: cap(self, 2.0, 15.0),
            total_ref_s: self.real(2.0, 10.0),
            share: 1.0 / f64::from(services),
            answer_share: 1.0 / f64::from(services),
            pins,
            first,
            apart: Vec::new(),
            skip_cost: f64::INFINITY,
            options,
        }
    }

    fn option(&mut self, label: u32) -> Choice {
        let n = self.table.devices.len();
        let blocks = self.count(self.size.blocks);
        let (replicas, max_stages) =
            (if self.chance(0.25) { self.count((1, self.size.replicas)) } else { 1 }, self.count((1, self.size.max_stages)));
        let passes = if self.chance(0.8) { self.real(5.0, 60.0) } else { 0.0 };
        let bytes = self.real(2e8, 8e9) / f64::from(blocks);
        let work_s = self.real(0.2, 3.0) / f64::from(blocks);
        let mut at: Vec<Option<BlockCosts>> = Vec::new();
        for place in 0..self.table.places.len() {
            let costs = self.block_costs(blocks, bytes, work_s, passes, place);
            let runs = self.chance(0.9);
            at.push(runs.then_some(costs));
        }
        let (enter, leave) = if self.chance(0.6) { (self.transfers(n), self.transfers(n)) } else { (Vec::new(), Vec::new()) };
        let cut = Cut {
            prefill_bytes: self.real(1e4, 1e6),
            decode_bytes: if passes > 0.0 { self.real(1e3, 1e4) } else { 0.0 },
            share: 1.0,
        };
        let cuts = (0..blocks).map(|_| Cut { prefill_bytes: cut.prefill_bytes * self.real(0.5, 1.5), ..cut }).collect();
        Choice {
            label,
            blocks,
            replicas: replicas.min(n as u32),
            accuracy: self.real(0.4, 0.95),
            max_stages,
            at,
            enter,
            leave,
            cuts,
            loop_start: 0,
            return_bytes: self.real(4.0, 400.0),
            passes,
        }
    }

    fn block_costs(&mut self, blocks: u32, bytes: f64, work_s: f64, passes: f64, place: usize) -> BlockCosts {
        let mode = self.table.places[place].mode;
        let nth = f64::from(mode - self.table.devices[self.table.places[place].device as usize].modes.start);
        let speed = self.real(0.5, 2.0) * (1.0 + 0.4 * nth);
        let power_w = self.real(2.0, 12.0) * (1.0 + 0.3 * nth);
        let mut sum = vec![Cost::default()];
        let mut at = Cost::default();
        for _ in 0..blocks {
            let each = work_s / speed * self.real(0.7, 1.3);
            at.ttft_s += 0.2 * each;
            at.tpot_s += if passes > 0.0 { 0.8 * each / passes } else { 0.0 };
            at.total_s += each;
            at.busy_s += 0.9 * each;
            at.dynamic_j += power_w * 0.9 * each;
            at.bytes += bytes;
            sum.push(at);
        }
        let per_stage = Cost {
            ttft_s: self.real(1e-3, 2e-2),
            tpot_s: if passes > 0.0 { 1e-4 } else { 0.0 },
            total_s: self.real(2e-2, 5e-2),
            busy_s: self.real(1e-3, 1e-2),
            dynamic_j: self.real(1e-2, 1e-1),
            bytes: self.real(5e7, 3e8),
        };
        BlockCosts { sum, per_stage, begins: Vec::new() }
    }

    fn transfers(&mut self, n: usize) -> Vec<Transfer> {
        let segments = self.table.segments.len() as u32;
        (0..n)
            .map(|_| {
                let seconds = if self.chance(0.95) { self.real(1e-3, 5e-2) } else { f64::INFINITY };
                Transfer {
                    ttft_s: seconds,
                    total_s: seconds,
                    energy_j: self.real(1e-3, 1e-1),
                    bytes: self.real(1e3, 1e6),
                    segments: if self.chance(0.5) { vec![self.rng.random_range(0..segments)] } else { Vec::new() },
                }
            })
            .collect()
    }

    fn apart(&mut self) {
        let n = self.table.services.len();
        for a in 0..n {
            for b in a + 1..n {
                if self.chance(0.1) {
                    self.table.services[a].apart.push(b as u32);
                    self.table.services[b].apart.push(a as u32);
                }
            }
        }
    }

    /// Unequal shares that add to one.
    fn shares(&mut self) {
        let total: f64 = self.table.services.iter().map(|s| s.rate_hz).sum();
        for service in &mut self.table.services {
            service.share = service.rate_hz / total;
            service.answer_share = service.rate_hz / total;
        }
    }

    /// A fifth of the tables have a cap on some objective.
    fn caps(&mut self) {
        let devices = self.table.devices.len() as f64;
        if self.chance(0.05) {
            self.table.power_cap_w = devices * self.real(6.0, 15.0);
        }
        if self.chance(0.05) {
            self.table.latency_cap = self.real(0.3, 1.5);
        }
        if self.chance(0.05) {
            self.table.inaccuracy_cap = self.real(0.3, 0.6);
        }
        if self.chance(0.05) {
            self.table.underuse_cap = self.real(0.5, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_the_table() {
        assert_eq!(random_table(3, Size::SMALL), random_table(3, Size::SMALL));
        assert_ne!(random_table(3, Size::SMALL), random_table(4, Size::SMALL));
    }

    #[test]
    fn indices_and_shares_are_sound() {
        for seed in 0..200 {
            let t = random_table(seed, Size::SMALL);
            for (p, place) in t.places.iter().enumerate() {
                let mode = &t.modes[place.mode as usize];
                assert!(mode.places.contains(&(p as u32)) && mode.device == place.device);
                assert!(t.devices[place.device as usize].modes.contains(&place.mode));
                assert_eq!(t.pools[place.pool as usize].device, place.device);
            }
            assert_eq!(t.hops.len(), t.devices.len() * t.devices.len());
            assert!((t.services.iter().map(|s| s.share).sum::<f64>() - 1.0).abs() < 1e-12);
            for option in t.services.iter().flat_map(|s| &s.options) {
                assert_eq!(option.at.len(), t.places.len());
                assert!(option.at.iter().flatten().all(|b| b.sum.len() == option.blocks as usize + 1));
            }
        }
    }
}
