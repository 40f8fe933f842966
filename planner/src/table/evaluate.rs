//! What an assignment costs and which limits it breaks, from the table alone.
//!
//! The definition that every search method must agree with; fast paths are tested against it.

use super::{Assignment, Bill, Chain, Choice, Cost, Hop, Message, Service, Table};

/// Relative slack given to every limit, so that a limit met exactly is met.
pub const TOLERANCE: f64 = 1e-9;

/// The four objectives of an assignment, what is booked, and what is broken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Mean power of the whole fleet, watts: sleeping devices, awake devices, network.
    pub power_w: f64,
    /// Share-weighted mean of `total_s / total_ref_s` (mean over a service's replicas).
    pub latency: f64,
    /// Request-weighted mean of `1 - accuracy`.
    pub inaccuracy: f64,
    /// Sum over awake devices of the share of time not booked (mean over the device's processors), over all devices.
    pub underuse: f64,
    /// Weighted sum of the four and of the bills, plus skip costs.
    pub objective: f64,
    /// By bill of the table.
    pub bills: Vec<f64>,
    /// Mode of each device, `None` asleep.
    pub modes: Vec<Option<u32>>,
    /// Mean dynamic power by device, watts.
    pub dynamic_w: Vec<f64>,
    /// Resident bytes by pool.
    pub pool_bytes: Vec<f64>,
    /// Booked share by place.
    pub booked: Vec<f64>,
    /// Booked bytes per second by segment.
    pub segment_bytes_s: Vec<f64>,
    /// By service and replica: `ttft_s`, `tpot_s`, `total_s` filled, rest zero.
    pub chains: Vec<Vec<Cost>>,
    /// Network power, watts.
    pub network_w: f64,
    /// Every limit that is broken; empty: feasible.
    pub violations: Vec<Violation>,
}

/// A broken limit: `by` is the excess relative to the limit.
#[derive(Clone, Debug, PartialEq)]
pub enum Violation {
    Ttft {
        service: u32,
        by: f64,
    },
    Tpot {
        service: u32,
        by: f64,
    },
    Total {
        service: u32,
        by: f64,
    },
    Memory {
        pool: u32,
        by: f64,
    },
    Time {
        place: u32,
        by: f64,
    },
    Dynamic {
        device: u32,
        by: f64,
    },
    Link {
        segment: u32,
        by: f64,
    },
    Unreachable {
        service: u32,
    },
    /// Two modes asked of one device, a place where the option cannot run, a malformed chain, a missed pin …
    Shape {
        service: u32,
        what: &'static str,
    },
    FleetPower {
        by: f64,
    },
    FleetLatency {
        by: f64,
    },
    FleetAccuracy {
        by: f64,
    },
    FleetUnderuse {
        by: f64,
    },
    Bill {
        bill: u32,
        by: f64,
    },
}

impl Violation {
    /// Relative excess over the limit; infinite where the deployment itself is malformed or unreachable.
    #[must_use]
    pub fn excess(&self) -> f64 {
        match *self {
            Self::Ttft { by, .. }
            | Self::Tpot { by, .. }
            | Self::Total { by, .. }
            | Self::Memory { by, .. }
            | Self::Time { by, .. }
            | Self::Dynamic { by, .. }
            | Self::Link { by, .. }
            | Self::FleetPower { by }
            | Self::FleetLatency { by }
            | Self::FleetAccuracy { by }
            | Self::FleetUnderuse { by }
            | Self::Bill { by, .. } => by,
            Self::Unreachable { .. } | Self::Shape { .. } => f64::INFINITY,
        }
    }
}

impl Evaluation {
    /// True when no limit is broken.
    #[must_use]
    pub fn feasible(&self) -> bool {
        self.violations.is_empty()
    }
}

/// Costs an assignment. Never panics on an assignment whose indices exist; all else is a violation.
#[must_use]
pub fn evaluate(table: &Table, assignment: &Assignment) -> Evaluation {
    let mut e = Evaluation {
        modes: vec![None; table.devices.len()],
        dynamic_w: vec![0.0; table.devices.len()],
        pool_bytes: vec![0.0; table.pools.len()],
        booked: vec![0.0; table.places.len()],
        segment_bytes_s: vec![0.0; table.segments.len()],
        ..Evaluation::default()
    };
    for (s, (service, deployment)) in table.services.iter().zip(&assignment.services).enumerate() {
        let s = s as u32;
        let Some(d) = deployment else {
            e.objective += service.skip_cost;
            e.chains.push(Vec::new());
            continue;
        };
        let option = &service.options[d.option as usize];
        e.inaccuracy += service.answer_share * (1.0 - option.accuracy);
        let mut costs = Vec::new();
        for chain in &d.chains {
            let cost = book(table, service, s, option, chain, &mut e);
            e.latency += service.share * cost.total_s / service.total_ref_s / d.chains.len() as f64;
            costs.push(cost);
        }
        e.chains.push(costs);
        shape(table, service, s, option, d, &mut e);
    }
    apart(table, assignment, &mut e);
    wake(table, &mut e);
    e.power_w = e.network_w + device_power(table, &e);
    e.bills = table.bills.iter().map(|b| bill(table, b, &e)).collect();
    let w = &table.weights;
    e.objective += w.power * e.power_w + w.latency * e.latency + w.inaccuracy * e.inaccuracy;
    e.objective += table.bills.iter().zip(&e.bills).map(|(b, v)| b.weight * v).sum::<f64>();
    limits(table, &mut e);
    e
}

/// Books one chain and returns its latencies.
fn book(table: &Table, service: &Service, s: u32, option: &Choice, chain: &Chain, e: &mut Evaluation) -> Cost {
    let rate = service.rate_hz / f64::from(option.replicas);
    let mut cost = Cost::default();
    for stage in &chain.stages {
        let place = &table.places[stage.place as usize];
        let Some(at) = &option.at[stage.place as usize] else {
            e.violations.push(Violation::Shape { service: s, what: "the option cannot run at this place" });
            continue;
        };
        let c = at.stage(stage.start, stage.end);
        cost.ttft_s += c.ttft_s;
        cost.tpot_s += c.tpot_s;
        cost.total_s += c.total_s;
        e.booked[place.slot as usize] += rate * c.busy_s;
        e.dynamic_w[place.device as usize] += rate * c.dynamic_j;
        e.pool_bytes[place.pool as usize] += c.bytes;
        match e.modes[place.device as usize] {
            Some(m) if m != place.mode => e.violations.push(Violation::Shape { service: s, what: "two modes of one device" }),
            _ => e.modes[place.device as usize] = Some(place.mode),
        }
    }
    let device = |i: usize| table.places[chain.stages[i].place as usize].device;
    for m in option.messages(|i| chain.stages[i].start, chain.stages.len()) {
        message(table.hop(device(m.from), device(m.to)), &m, option.passes, rate, &mut cost, e);
    }
    let last = chain.stages.len() - 1;
    for (transfers, at) in [(&option.enter, device(0)), (&option.leave, device(last))] {
        if let Some(t) = transfers.get(at as usize) {
            cost.ttft_s += t.ttft_s;
            cost.total_s += t.total_s;
            e.network_w += rate * t.energy_j;
            for &g in &t.segments {
                e.segment_bytes_s[g as usize] += rate * t.bytes;
            }
        }
    }
    if !cost.total_s.is_finite() {
        e.violations.push(Violation::Unreachable { service: s });
    }
    for (value, cap, make) in [
        (cost.ttft_s, service.ttft_cap_s, (|service, by| Violation::Ttft { service, by }) as fn(u32, f64) -> Violation),
        (cost.tpot_s, service.tpot_cap_s, |service, by| Violation::Tpot { service, by }),
        (cost.total_s, service.total_cap_s, |service, by| Violation::Total { service, by }),
    ] {
        if over(value, cap) {
            e.violations.push(make(s, value / cap - 1.0));
        }
    }
    cost
}

/// One hop of one request: a prefill message and `passes` decode messages.
fn message(hop: &Hop, m: &Message, passes: f64, rate: f64, cost: &mut Cost, e: &mut Evaluation) {
    let [first, each] = m.seconds(hop);
    cost.ttft_s += first;
    cost.total_s += first;
    if m.decode.is_some() {
        cost.tpot_s += each;
        cost.total_s += passes * each;
    }
    let bytes = m.mean_bytes(passes);
    e.network_w += rate * bytes * hop.j_per_byte;
    for &g in &hop.segments {
        e.segment_bytes_s[g as usize] += rate * bytes;
    }
}

/// Checks what makes a deployment well-formed.
fn shape(table: &Table, service: &Service, s: u32, option: &Choice, d: &super::Deployment, e: &mut Evaluation) {
    let mut bad = |what| e.violations.push(Violation::Shape { service: s, what });
    if d.chains.len() != option.replicas as usize {
        bad("replica count");
    }
    let mut used: Vec<u32> = Vec::new();
    for chain in &d.chains {
        if chain.stages.is_empty() || chain.stages.len() > option.max_stages as usize {
            bad("stage count");
            continue;
        }
        let mut next = 0;
        let mut places: Vec<u32> = Vec::new();
        let mut devices: Vec<u32> = Vec::new();
        for stage in &chain.stages {
            if stage.start != next || stage.end <= stage.start {
                bad("stages do not follow each other");
            }
            next = stage.end;
            let slot = table.places[stage.place as usize].slot;
            if places.contains(&slot) {
                bad("a processor twice in a chain");
            }
            places.push(slot);
            devices.push(table.places[stage.place as usize].device);
        }
        if next != option.blocks {
            bad("stages do not cover the model");
        }
        if !service.first.is_empty() && !service.first.contains(&devices[0]) {
            bad("first block off its private devices");
        }
        if service.pins.iter().any(|pin| !pin.iter().any(|d| devices.contains(d))) {
            bad("a pin is not met");
        }
        devices.sort_unstable();
        devices.dedup();
        if devices.iter().any(|d| used.contains(d)) {
            bad("replicas share a device");
        }
        used.extend(devices);
    }
}

/// Services that must be apart share no device.
fn apart(table: &Table, a: &Assignment, e: &mut Evaluation) {
    let devices = |s: usize| -> Vec<u32> {
        a.services[s]
            .iter()
            .flat_map(|d| &d.chains)
            .flat_map(|c| &c.stages)
            .map(|st| table.places[st.place as usize].device)
            .collect()
    };
    for (s, service) in table.services.iter().enumerate() {
        let mine = devices(s);
        // A pair is named by either service or by both; it is counted once.
        for &o in &service.apart {
            let named_before = (o as usize) < s && table.services[o as usize].apart.contains(&(s as u32));
            if !named_before && devices(o as usize).iter().any(|d| mine.contains(d)) {
                e.violations.push(Violation::Shape { service: s as u32, what: "two services that must be apart share a device" });
            }
        }
    }
}

/// Wakes what must be awake: devices that may not sleep and hosts of devices in use, in their cheapest idle mode.
fn wake(table: &Table, e: &mut Evaluation) {
    let mut due: Vec<u32> = (0..table.devices.len() as u32)
        .filter(|&d| e.modes[d as usize].is_some() || !table.devices[d as usize].may_sleep)
        .collect();
    while let Some(d) = due.pop() {
        let device = &table.devices[d as usize];
        if e.modes[d as usize].is_none() {
            e.modes[d as usize] = device
                .modes
                .clone()
                .min_by(|&a, &b| table.modes[a as usize].power_w(0.0).total_cmp(&table.modes[b as usize].power_w(0.0)));
        }
        if let Some(host) = device.needs
            && e.modes[host as usize].is_none()
        {
            due.push(host);
        }
    }
}

impl super::Mode {
    /// Mean power of the awake device at a mean dynamic power.
    #[must_use]
    pub fn power_w(&self, dynamic_w: f64) -> f64 {
        self.curve.iter().map(|l| l.base_w + l.slope * dynamic_w).fold(f64::NEG_INFINITY, f64::max)
    }
}

impl super::BlockCosts {
    /// Cost of a stage that runs blocks `start..end`.
    #[must_use]
    pub fn stage(&self, start: u32, end: u32) -> Cost {
        let f = self.begin(start);
        if let [_, each] = &self.sum[..] {
            let n = f64::from(end) - f64::from(start);
            return Cost {
                ttft_s: n * each.ttft_s + f.ttft_s,
                tpot_s: n * each.tpot_s + f.tpot_s,
                total_s: n * each.total_s + f.total_s,
                busy_s: n * each.busy_s + f.busy_s,
                dynamic_j: n * each.dynamic_j + f.dynamic_j,
                bytes: n * each.bytes + f.bytes,
            };
        }
        let (a, b) = (&self.sum[start as usize], &self.sum[end as usize]);
        Cost {
            ttft_s: b.ttft_s - a.ttft_s + f.ttft_s,
            tpot_s: b.tpot_s - a.tpot_s + f.tpot_s,
            total_s: b.total_s - a.total_s + f.total_s,
            busy_s: b.busy_s - a.busy_s + f.busy_s,
            dynamic_j: b.dynamic_j - a.dynamic_j + f.dynamic_j,
            bytes: b.bytes - a.bytes + f.bytes,
        }
    }

    /// What the beginning of a stage costs beside its blocks.
    #[must_use]
    pub fn begin(&self, start: u32) -> &Cost {
        self.begins.get(start as usize).unwrap_or(&self.per_stage)
    }

    /// Blocks that cost alike.
    #[must_use]
    pub fn alike(each: Cost, per_stage: Cost) -> Self {
        super::BlockCosts { sum: vec![Cost::default(), each], per_stage, begins: Vec::new() }
    }

    /// Cost of the first `end` blocks without that of a stage.
    #[must_use]
    pub fn prefix(&self, end: u32) -> Cost {
        let [_, c] = &self.sum[..] else { return self.sum[end as usize] };
        let n = f64::from(end);
        Cost {
            ttft_s: n * c.ttft_s,
            tpot_s: n * c.tpot_s,
            total_s: n * c.total_s,
            busy_s: n * c.busy_s,
            dynamic_j: n * c.dynamic_j,
            bytes: n * c.bytes,
        }
    }
}

/// Power of one device.
fn watts(table: &Table, e: &Evaluation, d: usize) -> f64 {
    e.modes[d].map_or(table.devices[d].sleep_w, |m| table.modes[m as usize].power_w(e.dynamic_w[d]))
}

/// Power of all devices.
fn device_power(table: &Table, e: &Evaluation) -> f64 {
    (0..table.devices.len()).map(|d| watts(table, e, d)).sum()
}

/// What stands on a bill.
fn bill(table: &Table, b: &Bill, e: &Evaluation) -> f64 {
    let of = |d: usize| b.per_w[d] * watts(table, e, d) + if e.modes[d].is_some() { b.awake[d] } else { 0.0 };
    (0..table.devices.len()).map(of).sum::<f64>() + b.network_per_w * e.network_w
}

fn limits(table: &Table, e: &mut Evaluation) {
    let n = table.devices.len() as f64;
    for (d, mode) in e.modes.iter().enumerate() {
        let Some(m) = mode else { continue };
        let mode = &table.modes[*m as usize];
        let mean = table.slots(mode).map(|p| e.booked[p as usize]).sum::<f64>() / table.processors(mode);
        e.underuse += (1.0 - mean) / n;
        for p in table.slots(mode) {
            if over(e.booked[p as usize], mode.booked_cap) {
                e.violations.push(Violation::Time { place: p, by: e.booked[p as usize] / mode.booked_cap - 1.0 });
            }
        }
        if over(e.dynamic_w[d], mode.dynamic_cap_w) {
            e.violations.push(Violation::Dynamic { device: d as u32, by: e.dynamic_w[d] / mode.dynamic_cap_w - 1.0 });
        }
    }
    e.objective += table.weights.underuse * e.underuse;
    for (i, pool) in table.pools.iter().enumerate() {
        if over(e.pool_bytes[i], pool.capacity_bytes) {
            e.violations.push(Violation::Memory { pool: i as u32, by: e.pool_bytes[i] / pool.capacity_bytes - 1.0 });
        }
    }
    for (i, g) in table.segments.iter().enumerate() {
        if over(e.segment_bytes_s[i], g.capacity_bytes_s) {
            e.violations.push(Violation::Link { segment: i as u32, by: e.segment_bytes_s[i] / g.capacity_bytes_s - 1.0 });
        }
    }
    for (i, (b, &value)) in table.bills.iter().zip(&e.bills).enumerate() {
        if over(value, b.cap) {
            e.violations.push(Violation::Bill { bill: i as u32, by: value / b.cap - 1.0 });
        }
    }
    if over(e.power_w, table.power_cap_w) {
        e.violations.push(Violation::FleetPower { by: e.power_w / table.power_cap_w - 1.0 });
    }
    if over(e.latency, table.latency_cap) {
        e.violations.push(Violation::FleetLatency { by: e.latency / table.latency_cap - 1.0 });
    }
    if over(e.inaccuracy, table.inaccuracy_cap) {
        e.violations.push(Violation::FleetAccuracy { by: e.inaccuracy / table.inaccuracy_cap - 1.0 });
    }
    if over(e.underuse, table.underuse_cap) {
        e.violations.push(Violation::FleetUnderuse { by: e.underuse / table.underuse_cap - 1.0 });
    }
}

/// True when a value breaks its cap by more than the [`TOLERANCE`].
pub(crate) fn over(value: f64, cap: f64) -> bool {
    value > eased(cap)
}

/// A cap with the slack that it is given.
pub(crate) fn eased(cap: f64) -> f64 {
    cap + TOLERANCE * cap.abs().max(1e-30)
}
