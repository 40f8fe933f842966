//! Rows and column-independent variables of the program.
//!
//! Variables besides columns: `y` per mode (the device is awake in it), `w` per mode whose power curve
//! has several lines (its power), `skip` per service. Every capacity is multiplied by the `y` of its
//! mode, and every service that touches a mode is at most its `y`: published formulations without
//! these ties have root gaps of thousands of per cent.

use super::super::split::{Prices, Window};
use crate::table::{Bill, Table, Weights, eased};

/// No such row.
pub(super) const NONE: u32 = u32::MAX;

/// A variable that every program has, whatever its columns.
#[derive(Clone, Debug)]
pub struct Fixed {
    pub cost: f64,
    pub lower: f64,
    pub upper: f64,
    pub integer: bool,
    /// `(row, coefficient)`.
    pub entries: Vec<(u32, f64)>,
    /// Stands in for a service that must be served, so that the relaxation always has a solution.
    pub artificial: bool,
}

/// What a program minimises and caps: the table's own, or another's for points of the front.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Goal {
    pub weights: Weights,
    /// Factor on the weights of the table's bills.
    pub bills: f64,
    pub power_cap_w: f64,
    pub latency_cap: f64,
    pub inaccuracy_cap: f64,
    pub underuse_cap: f64,
}

impl Goal {
    /// The table's goal.
    #[must_use]
    pub fn of(table: &Table) -> Goal {
        Goal {
            weights: table.weights,
            bills: 1.0,
            power_cap_w: table.power_cap_w,
            latency_cap: table.latency_cap,
            inaccuracy_cap: table.inaccuracy_cap,
            underuse_cap: table.underuse_cap,
        }
    }
}

/// The program but for its columns.
#[derive(Clone, Debug)]
pub struct Rows {
    pub lower: Vec<f64>,
    pub upper: Vec<f64>,
    pub fixed: Vec<Fixed>,
    /// Power of sleeping devices times its weight: part of every objective.
    pub constant: f64,
    pub(super) goal: Goal,
    pub(super) artificial: f64,
    pub(super) service: Vec<u32>,
    pub(super) time: Vec<u32>,
    /// By place: row of its pool in its mode.
    pub(super) memory: Vec<u32>,
    pub(super) dynamic: Vec<u32>,
    /// By mode: rows and slopes of its power lines when it has several.
    pub(super) lines: Vec<Vec<(u32, f64)>>,
    /// By mode: slope of its only power line, zero when it has several.
    pub(super) slope: Vec<f64>,
    /// By service and mode, service-major.
    pub(super) touch: Vec<u32>,
    /// By service and mode, rows of pairs that must be apart.
    pub(super) apart: Vec<Vec<u32>>,
    pub(super) segment: Vec<u32>,
    pub(super) power: u32,
    /// By bill of the table: its cap's row.
    pub(super) bills: Vec<u32>,
    /// Objective of a watt of each device, and of messages.
    pub(super) watt: Vec<f64>,
    pub(super) network_watt: f64,
    /// Processors of each mode.
    pub(super) processors: Vec<f64>,
    pub(super) latency: u32,
    pub(super) inaccuracy: u32,
    pub(super) underuse: u32,
    /// By device: the row that allows it one mode.
    pub(super) device: Vec<u32>,
    /// By service and mode: a decision keeps the service off the mode.
    pub(super) closed: Vec<bool>,
    /// Options and stage ranges that decisions leave.
    pub(super) shut: Vec<(u32, u32)>,
    pub(super) windows: Vec<Window>,
    /// Index of each mode's `w` (none: `usize::MAX`) and of each service's `skip` in `fixed`.
    pub(super) power_of: Vec<usize>,
    pub(super) skip_of: Vec<usize>,
}

impl Rows {
    /// States the program. `artificial` is the cost of not serving what must be served: it steers the
    /// relaxation only, no bound and no plan uses it.
    #[must_use]
    pub fn new(table: &Table, goal: Goal, artificial: f64) -> Rows {
        let (modes, services) = (table.modes.len(), table.services.len());
        let billed = |of: &dyn Fn(&Bill) -> f64| goal.bills * table.bills.iter().map(|b| b.weight * of(b)).sum::<f64>();
        let watt: Vec<f64> = (0..table.devices.len()).map(|d| goal.weights.power + billed(&|b| b.per_w[d])).collect();
        let mut r = Rows {
            lower: Vec::new(),
            upper: Vec::new(),
            fixed: Vec::new(),
            goal,
            constant: table.devices.iter().zip(&watt).map(|(d, watt)| watt * d.sleep_w).sum::<f64>(),
            artificial,
            service: Vec::new(),
            time: Vec::new(),
            memory: vec![NONE; table.places.len()],
            dynamic: Vec::new(),
            lines: vec![Vec::new(); modes],
            slope: vec![0.0; modes],
            touch: vec![NONE; services * modes],
            apart: vec![Vec::new(); services * modes],
            segment: Vec::new(),
            power: NONE,
            bills: Vec::new(),
            watt,
            network_watt: goal.weights.power + billed(&|b| b.network_per_w),
            processors: table.modes.iter().map(|m| table.processors(m)).collect(),
            latency: NONE,
            inaccuracy: NONE,
            underuse: NONE,
            device: Vec::new(),
            closed: vec![false; services * modes],
            shut: Vec::new(),
            windows: Vec::new(),
            power_of: vec![usize::MAX; modes],
            skip_of: Vec::new(),
        };
        r.caps(table);
        r.modes(table);
        r.powers(table);
        r.capacities(table);
        r.awake(table);
        r.services(table);
        // Busy columns are all that can keep underuse low.
        r.stand_in(r.underuse, -1.0);
        r
    }

    fn row(&mut self, lower: f64, upper: f64) -> u32 {
        self.lower.push(lower);
        self.upper.push(upper);
        (self.lower.len() - 1) as u32
    }

    /// A row `<= cap`, with the slack that every limit has; none when the cap is infinite.
    fn cap(&mut self, cap: f64, constant: f64) -> u32 {
        if cap == f64::INFINITY { NONE } else { self.row(f64::NEG_INFINITY, eased(cap) - constant) }
    }

    fn tie(&mut self, variable: usize, row: u32, coefficient: f64) {
        if row != NONE && coefficient != 0.0 {
            self.fixed[variable].entries.push((row, coefficient));
        }
    }

    /// An artificial variable that can meet a row in place of columns yet to come.
    pub(super) fn stand_in(&mut self, row: u32, coefficient: f64) {
        if row != NONE {
            self.fixed.push(Fixed {
                cost: self.artificial,
                lower: 0.0,
                upper: 1.0,
                integer: false,
                entries: vec![(row, coefficient)],
                artificial: true,
            });
        }
    }

    fn caps(&mut self, table: &Table) {
        self.power = self.cap(self.goal.power_cap_w, table.devices.iter().map(|d| d.sleep_w).sum());
        for bill in &table.bills {
            let asleep = table.devices.iter().zip(&bill.per_w).map(|(d, per_w)| per_w * d.sleep_w).sum();
            let row = self.cap(bill.cap, asleep);
            self.bills.push(row);
        }
        self.latency = self.cap(self.goal.latency_cap, 0.0);
        self.inaccuracy = self.cap(self.goal.inaccuracy_cap, 0.0);
        self.underuse = self.cap(self.goal.underuse_cap, 0.0);
        self.segment = table.segments.iter().map(|g| self.cap(g.capacity_bytes_s, 0.0)).collect();
    }

    /// One `y` per mode, at most one mode a device, exactly one when it may not sleep.
    fn modes(&mut self, table: &Table) {
        let n = table.devices.len() as f64;
        for mode in &table.modes {
            let d = mode.device as usize;
            let sleep_w = table.devices[d].sleep_w;
            let rent: f64 = self.goal.bills * table.bills.iter().map(|b| b.weight * b.awake[d]).sum::<f64>();
            let base = if let [line] = mode.curve[..] { line.base_w } else { 0.0 };
            let i = self.fixed.len();
            self.fixed.push(Fixed {
                cost: self.watt[d] * (base - sleep_w) + rent + self.goal.weights.underuse / n,
                lower: 0.0,
                upper: if mode.curve.is_empty() { 0.0 } else { 1.0 },
                integer: true,
                entries: Vec::new(),
                artificial: false,
            });
            self.tie(i, self.power, base - sleep_w);
            for (b, bill) in table.bills.iter().enumerate() {
                self.tie(i, self.bills[b], bill.per_w[d] * (base - sleep_w) + bill.awake[d]);
            }
            self.tie(i, self.underuse, 1.0 / n);
        }
        for (device, due) in table.devices.iter().zip(must_wake(table)) {
            if device.modes.is_empty() {
                self.device.push(NONE);
                continue;
            }
            let row = self.row(if due { 1.0 } else { f64::NEG_INFINITY }, 1.0);
            self.device.push(row);
            for m in device.modes.clone() {
                self.tie(m as usize, row, 1.0);
            }
        }
    }

    /// `w >= base y + slope dynamic` for every line of a curve of several.
    fn powers(&mut self, table: &Table) {
        for (m, mode) in table.modes.iter().enumerate() {
            if let [line] = mode.curve[..] {
                self.slope[m] = line.slope;
            }
            if mode.curve.len() < 2 {
                continue;
            }
            let w = self.fixed.len();
            self.power_of[m] = w;
            self.fixed.push(Fixed {
                cost: self.watt[mode.device as usize],
                lower: f64::NEG_INFINITY,
                upper: f64::INFINITY,
                integer: false,
                entries: Vec::new(),
                artificial: false,
            });
            self.tie(w, self.power, 1.0);
            for (b, bill) in table.bills.iter().enumerate() {
                self.tie(w, self.bills[b], bill.per_w[mode.device as usize]);
            }
            for line in &mode.curve {
                let row = self.row(0.0, f64::INFINITY);
                self.tie(w, row, 1.0);
                self.tie(m, row, -line.base_w);
                self.lines[m].push((row, line.slope));
            }
        }
    }

    /// Memory by pool and mode, time by place, dynamic power by mode: shares of the capacity, at most `y`.
    fn capacities(&mut self, table: &Table) {
        for (m, mode) in table.modes.iter().enumerate() {
            let dynamic = self.share(m, mode.dynamic_cap_w);
            self.dynamic.push(dynamic);
            let mut pools: Vec<(u32, u32)> = Vec::new();
            for p in mode.places.clone() {
                let pool = table.places[p as usize].pool;
                let known = pools.iter().find(|(q, _)| *q == pool).map(|(_, row)| *row);
                let row = known.unwrap_or_else(|| {
                    let row = self.share(m, table.pools[pool as usize].capacity_bytes);
                    pools.push((pool, row));
                    row
                });
                self.memory[p as usize] = row;
            }
        }
        for (p, place) in table.places.iter().enumerate() {
            // A processor's time is one row, whatever weight format runs there.
            let own = place.slot as usize == p;
            let row = if own {
                self.share(place.mode as usize, table.modes[place.mode as usize].booked_cap)
            } else {
                self.time[place.slot as usize]
            };
            self.time.push(row);
        }
    }

    /// A row `shares <= y`. None for an infinite capacity; nor for one of zero, which no column may touch.
    fn share(&mut self, mode: usize, capacity: f64) -> u32 {
        if capacity == f64::INFINITY || capacity <= 0.0 {
            return NONE;
        }
        let row = self.row(f64::NEG_INFINITY, 0.0);
        self.tie(mode, row, -1.0);
        row
    }

    /// A device that is awake keeps its hosts awake.
    fn awake(&mut self, table: &Table) {
        for d in 0..table.devices.len() {
            for host in hosts(table, d as u32) {
                let (mine, its) = (table.devices[d].modes.clone(), table.devices[host as usize].modes.clone());
                if mine.is_empty() || its.is_empty() {
                    continue;
                }
                let row = self.row(f64::NEG_INFINITY, 0.0);
                mine.for_each(|m| self.tie(m as usize, row, 1.0));
                its.for_each(|m| self.tie(m as usize, row, -1.0));
            }
        }
    }

    /// Each service once; what it touches is awake; pairs apart.
    fn services(&mut self, table: &Table) {
        let modes = table.modes.len();
        for (s, service) in table.services.iter().enumerate() {
            let row = self.row(1.0, 1.0);
            self.service.push(row);
            let skip = self.fixed.len();
            self.skip_of.push(skip);
            let must = service.skip_cost == f64::INFINITY;
            self.fixed.push(Fixed {
                cost: if must { self.artificial } else { service.skip_cost },
                lower: 0.0,
                upper: 1.0,
                integer: !must,
                entries: vec![(row, 1.0)],
                artificial: must,
            });
            for m in 0..modes {
                let places = table.modes[m].places.clone();
                if !places.clone().any(|p| service.options.iter().any(|o| o.at.get(p as usize).is_some_and(Option::is_some))) {
                    continue;
                }
                let row = self.row(f64::NEG_INFINITY, 0.0);
                self.tie(m, row, -1.0);
                self.touch[s * modes + m] = row;
            }
        }
        let names = |s: usize, o: usize| table.services[s].apart.contains(&(o as u32));
        for s in 0..table.services.len() {
            // Whoever of the two says it.
            for o in (s + 1..table.services.len()).filter(|&o| names(s, o) || names(o, s)) {
                for m in 0..modes {
                    let row = self.row(f64::NEG_INFINITY, 0.0);
                    self.tie(m, row, -1.0);
                    self.apart[s * modes + m].push(row);
                    self.apart[o * modes + m].push(row);
                }
            }
        }
    }

    /// What duals make everything cost, for pricing.
    #[must_use]
    pub fn prices(&self, table: &Table, duals: &[f64]) -> Prices {
        let u = |row: u32| if row == NONE { 0.0 } else { duals[row as usize] };
        let (n, modes) = (table.devices.len() as f64, table.modes.len());
        let mode_of = |p: usize| table.places[p].mode as usize;
        let idle = self.goal.weights.underuse - u(self.underuse);
        let share = |row: u32, capacity: f64| if row == NONE { 0.0 } else { -u(row) / eased(capacity) };
        Prices {
            booked: (0..table.places.len())
                .map(|p| {
                    let mode = &table.modes[mode_of(p)];
                    share(self.time[p], mode.booked_cap) - idle / (n * self.processors[mode_of(p)])
                })
                .collect(),
            dynamic_w: (0..table.places.len())
                .map(|p| {
                    let m = mode_of(p);
                    let lines: f64 = self.lines[m].iter().map(|&(row, slope)| u(row) * slope).sum();
                    self.priced_watt(table, duals, table.modes[m].device as usize) * self.slope[m]
                        + lines
                        + share(self.dynamic[m], table.modes[m].dynamic_cap_w)
                })
                .collect(),
            bytes: (0..table.places.len())
                .map(|p| share(self.memory[p], table.pools[table.places[p].pool as usize].capacity_bytes))
                .collect(),
            segment: self.segment.iter().map(|&row| -u(row)).collect(),
            network_w: self.network_watt
                - u(self.power)
                - table.bills.iter().zip(&self.bills).map(|(b, &row)| b.network_per_w * u(row)).sum::<f64>(),
            latency: self.goal.weights.latency - u(self.latency),
            inaccuracy: self.goal.weights.inaccuracy - u(self.inaccuracy),
            touch: (0..table.services.len() * modes)
                .map(|i| match self.closed[i] {
                    true => f64::INFINITY,
                    false => -u(self.touch[i]) - self.apart[i].iter().map(|&row| u(row)).sum::<f64>(),
                })
                .collect(),
            reward: self.service.iter().map(|&row| u(row)).collect(),
            shut: self.shut.clone(),
            windows: self.windows.clone(),
        }
    }

    /// Objective of a watt of a device under duals.
    fn priced_watt(&self, table: &Table, duals: &[f64], d: usize) -> f64 {
        let u = |row: u32| if row == NONE { 0.0 } else { duals[row as usize] };
        self.watt[d] - u(self.power) - table.bills.iter().zip(&self.bills).map(|(b, &row)| b.per_w[d] * u(row)).sum::<f64>()
    }

    /// Makes duals sign-correct and exact where a free variable asks for it, so that [`Rows::bound`] holds
    /// for them however they were found.
    #[must_use]
    pub fn clean(&self, table: &Table, raw: &[f64]) -> Vec<f64> {
        let mut duals: Vec<f64> = raw
            .iter()
            .enumerate()
            .map(|(i, &u)| match (self.lower[i].is_finite(), self.upper[i].is_finite()) {
                _ if !u.is_finite() => 0.0,
                (true, true) => u,
                (true, false) => u.max(0.0),
                (false, true) => u.min(0.0),
                (false, false) => 0.0,
            })
            .collect();
        for (lines, mode) in self.lines.iter().zip(&table.modes).filter(|(l, _)| !l.is_empty()) {
            let watt = self.priced_watt(table, &duals, mode.device as usize);
            // The power variable is free: its reduced cost must vanish, so the lines share one watt's price.
            let sum: f64 = lines.iter().map(|&(row, _)| duals[row as usize]).sum();
            if sum > 0.0 {
                lines.iter().for_each(|&(row, _)| duals[row as usize] *= watt / sum);
            } else {
                duals[lines[0].0 as usize] = watt;
            }
        }
        duals
    }

    /// The Lagrangian bound of clean duals: no feasible assignment's objective is below it.
    ///
    /// `least[s]` must not exceed the least of zero and, over all columns of service `s`, replicas times
    /// reduced cost. Each row's dual earns its tighter side; each variable takes its cheaper end.
    #[must_use]
    pub fn bound(&self, duals: &[f64], least: &[f64]) -> f64 {
        let mut sum = self.constant;
        let mut size = sum.abs();
        let mut add = |v: f64| {
            sum += v;
            size += v.abs();
        };
        for (i, &u) in duals.iter().enumerate() {
            if u != 0.0 {
                add(if u > 0.0 { u * self.lower[i] } else { u * self.upper[i] });
            }
        }
        for f in self.fixed.iter().filter(|f| !f.artificial) {
            if f.upper == f64::INFINITY {
                continue; // the power variables: zero reduced cost, see `clean`
            }
            let reduced = f.cost - f.entries.iter().map(|&(row, a)| a * duals[row as usize]).sum::<f64>();
            add((reduced * f.lower).min(reduced * f.upper));
        }
        least.iter().for_each(|&m| add(m.min(0.0)));
        // Rounding of the sum itself.
        sum - 1e-13 * size
    }
}

/// Devices that must be awake whenever `device` is, by any number of steps.
fn hosts(table: &Table, device: u32) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    let mut at = device;
    while let Some(host) = table.devices[at as usize].needs {
        if host == device || found.contains(&host) {
            break;
        }
        found.push(host);
        at = host;
    }
    found
}

/// Devices that are always awake: those that may not sleep, and their hosts.
fn must_wake(table: &Table) -> Vec<bool> {
    let mut due: Vec<bool> = table.devices.iter().map(|d| !d.may_sleep).collect();
    for d in 0..table.devices.len() {
        if !table.devices[d].may_sleep {
            hosts(table, d as u32).into_iter().for_each(|h| due[h as usize] = true);
        }
    }
    due
}
