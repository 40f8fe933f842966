//! A table seen through its evenness: which tables qualify, and their numbers packed by device class.

use std::cmp::Ordering;
use std::ops::Range;

use crate::table::{Choice, Hop, Service, TOLERANCE, Table, Weights, eased};

/// Most stages of a deployment here.
pub(super) const STAGES: usize = 8;

/// Where the shares of a [`Cell`] stand: memory, time, dynamic power; then watts, which have no limit.
pub(super) const LIMITS: usize = 3;
pub(super) const WATTS: usize = 3;

/// What a stage costs on a device of one class: shares of its memory, time and dynamic power, fleet
/// watts, and seconds of the request; for each layer, and for the stage itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    pub layer: [f64; 4],
    pub stage: [f64; 4],
    pub layer_s: f64,
    pub stage_s: f64,
    /// Most layers that such a device holds when it does nothing else; 0: it cannot run this.
    pub fit: u32,
}

impl Cell {
    pub(super) const NEVER: Cell = Cell { layer: [0.0; 4], stage: [0.0; 4], layer_s: 0.0, stage_s: 0.0, fit: 0 };

    fn order(&self, other: &Cell) -> Ordering {
        let numbers = |c: &Cell| [c.layer, c.stage].concat().into_iter().chain([c.layer_s, c.stage_s]).collect::<Vec<f64>>();
        self.fit.cmp(&other.fit).then_with(|| {
            numbers(self).iter().zip(numbers(other)).map(|(a, b)| a.total_cmp(&b)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
        })
    }
}

/// An option of a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Way {
    /// Number of the option within its service.
    pub option: u32,
    pub layers: u32,
    /// Most stages.
    pub stages: u32,
    pub inaccuracy: f64,
    /// No deployment draws less or answers faster, waking not counted.
    pub least_w: f64,
    pub least_s: f64,
}

/// A service.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stream {
    /// Its options in [`Even::ways`].
    pub ways: Range<usize>,
    pub cap_s: f64,
    /// Latency score of one second.
    pub per_s: f64,
}

/// Interchangeable devices.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Class {
    /// Watts that waking adds.
    pub wake_w: f64,
    /// Its devices, numbered here in class order.
    pub members: Range<usize>,
    /// By capacity: what so many of them hold is below each of these lines.
    pub lines: [Vec<Line>; LIMITS],
}

/// An upper end of what the devices awake hold of a capacity, in wholes of the class's first: `slope` for each and `offset`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Line {
    pub slope: f64,
    pub offset: f64,
}

impl Class {
    /// Of devices that hold as much, each.
    pub(super) fn alike(wake_w: f64, members: Range<usize>) -> Class {
        Class { wake_w, members, lines: std::array::from_fn(|_| vec![Line { slope: 1.0, offset: 0.0 }]) }
    }
}

/// An even table's numbers.
#[derive(Clone, Debug)]
pub(super) struct Even {
    /// By device here: its number in the table, its place, its class.
    pub device: Vec<u32>,
    pub place: Vec<u32>,
    pub class: Vec<u32>,
    pub classes: Vec<Class>,
    pub streams: Vec<Stream>,
    pub ways: Vec<Way>,
    /// Way-major, by class.
    pub(super) cells: Vec<Cell>,
    /// Watts of the fleet when nothing runs.
    pub standing_w: f64,
    pub weights: Weights,
}

impl Even {
    /// The view of a table, or `None` when it is not even: every device has one mode with one place of
    /// its own and one line of power; no device needs another; a service has one chain and no pins; the
    /// blocks of an option cost alike, and a message costs by its receiver alone, the first as any other.
    /// Then the order of stages does not matter, only how many layers each device holds.
    pub(super) fn of(table: &Table) -> Option<Even> {
        let w = &table.weights;
        let caps = [table.power_cap_w, table.latency_cap, table.inaccuracy_cap, table.underuse_cap];
        let plain = caps.iter().all(|c| *c == f64::INFINITY)
            && w.underuse == 0.0
            && [w.power, w.latency, w.inaccuracy].iter().all(|w| *w >= 0.0 && w.is_finite());
        if !plain
            || !table.bills.is_empty()
            || table.devices.len() > usize::from(u16::MAX)
            || table.services.len() > usize::from(u16::MAX)
        {
            return None;
        }
        let places = places(table)?;
        let hops = receivers(table)?;
        let mut even = Even {
            device: Vec::new(),
            place: Vec::new(),
            class: Vec::new(),
            classes: Vec::new(),
            streams: Vec::new(),
            ways: Vec::new(),
            cells: Vec::new(),
            standing_w: 0.0,
            weights: *w,
        };
        let mut cells: Vec<Vec<Cell>> = vec![Vec::new(); table.devices.len()];
        for service in &table.services {
            even.stream(table, service, &places, &hops, &mut cells)?;
        }
        even.group(table, &places, &cells);
        // From device-major to way-major, one device for its class.
        let kinds: Vec<&[Cell]> = even.classes.iter().map(|c| &cells[even.device[c.members.start] as usize][..]).collect();
        even.cells = (0..even.ways.len()).flat_map(|way| kinds.iter().map(move |kind| kind[way])).collect();
        for way in 0..even.ways.len() {
            let layers = f64::from(even.ways[way].layers);
            let row = &even.cells[way * even.classes.len()..(way + 1) * even.classes.len()];
            let least = |of: &dyn Fn(&Cell) -> f64| row.iter().filter(|c| c.fit > 0).map(of).fold(f64::INFINITY, f64::min);
            even.ways[way].least_w = least(&|c| layers * c.layer[WATTS]) + least(&|c| c.stage[WATTS]);
            even.ways[way].least_s = least(&|c| layers * c.layer_s) + least(&|c| c.stage_s);
        }
        Some(even)
    }

    pub(super) fn cell(&self, way: usize, class: usize) -> &Cell {
        &self.cells[way * self.classes.len() + class]
    }

    /// The same where devices hold less together by a share.
    pub(super) fn tightened(&self, share: f64) -> Even {
        let mut even = self.clone();
        for line in even.classes.iter_mut().flat_map(|c| c.lines.iter_mut().flatten()) {
            *line = Line { slope: line.slope * (1.0 - share), offset: line.offset * (1.0 - share) };
        }
        even
    }

    /// So many devices of each class, each a class of its own; ways that are not kept on a class never run there.
    pub(super) fn single(&self, most: &[u32], kept: impl Fn(usize, usize) -> bool) -> Even {
        let members: Vec<(usize, usize)> = self
            .classes
            .iter()
            .zip(most)
            .enumerate()
            .flat_map(|(c, (class, &most))| class.members.clone().take(most as usize).map(move |d| (d, c)))
            .collect();
        let cell = |way: usize, class: usize| if kept(way, class) { *self.cell(way, class) } else { Cell::NEVER };
        Even {
            device: members.iter().map(|m| self.device[m.0]).collect(),
            place: members.iter().map(|m| self.place[m.0]).collect(),
            class: (0..members.len() as u32).collect(),
            classes: members.iter().enumerate().map(|(i, m)| Class::alike(self.classes[m.1].wake_w, i..i + 1)).collect(),
            streams: self.streams.clone(),
            ways: self.ways.clone(),
            cells: (0..self.ways.len())
                .flat_map(|way| members.iter().map(move |m| (way, m.1)))
                .map(|(w, c)| cell(w, c))
                .collect(),
            standing_w: self.standing_w,
            weights: self.weights,
        }
    }

    /// Adds a service, its options, and what they cost on every device.
    fn stream(&mut self, table: &Table, service: &Service, places: &[u32], hops: &[Hop], cells: &mut [Vec<Cell>]) -> Option<()> {
        let alone = service.pins.is_empty() && service.first.is_empty() && service.apart.is_empty();
        let limits = service.ttft_cap_s == f64::INFINITY && service.tpot_cap_s == f64::INFINITY;
        if !alone || !limits || service.skip_cost != f64::INFINITY || service.total_ref_s <= 0.0 {
            return None;
        }
        let from = self.ways.len();
        for (o, option) in service.options.iter().enumerate() {
            let entries = entries(option, hops)?;
            if option.replicas != 1 || option.passes != 0.0 || option.max_stages as usize > STAGES || option.blocks > 60_000 {
                return None;
            }
            for (d, list) in cells.iter_mut().enumerate() {
                list.push(cell(table, service, option, places[d] as usize, entries[d])?);
            }
            self.ways.push(Way {
                option: o as u32,
                layers: option.blocks,
                stages: option.max_stages.min(option.blocks),
                inaccuracy: service.answer_share * (1.0 - option.accuracy),
                least_w: 0.0,
                least_s: 0.0,
            });
        }
        let cap_s = eased(service.total_cap_s);
        self.streams.push(Stream { ways: from..self.ways.len(), cap_s, per_s: service.share / service.total_ref_s });
        Some(())
    }

    /// Sorts the devices by all their numbers, so that the order in the table does not matter, and groups equal ones.
    fn group(&mut self, table: &Table, places: &[u32], cells: &[Vec<Cell>]) {
        let key = |d: usize| {
            let device = &table.devices[d];
            let line = table.modes[device.modes.start as usize].curve[0];
            let awake = if device.may_sleep { line.base_w - device.sleep_w } else { 0.0 };
            [awake, if device.may_sleep { device.sleep_w } else { line.base_w }]
        };
        let order = |a: usize, b: usize| {
            let numbers = key(a).iter().zip(key(b)).map(|(x, y)| x.total_cmp(&y)).find(|o| o.is_ne());
            numbers.unwrap_or_else(|| {
                cells[a].iter().zip(&cells[b]).map(|(x, y)| x.order(y)).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
            })
        };
        let mut sorted: Vec<usize> = (0..table.devices.len()).collect();
        sorted.sort_by(|&a, &b| order(a, b));
        for (i, &d) in sorted.iter().enumerate() {
            match self.classes.last_mut() {
                Some(class) if order(sorted[class.members.start], d).is_eq() => class.members.end = i + 1,
                _ => self.classes.push(Class::alike(key(d)[0], i..i + 1)),
            }
            self.standing_w += key(d)[1];
            self.device.push(d as u32);
            self.place.push(places[d]);
            self.class.push(self.classes.len() as u32 - 1);
        }
    }
}

/// The only place of every device.
fn places(table: &Table) -> Option<Vec<u32>> {
    let mut pools = vec![false; table.pools.len()];
    let mut list = Vec::with_capacity(table.devices.len());
    for device in &table.devices {
        let mode = table.modes.get(device.modes.start as usize)?;
        let place = table.places.get(mode.places.start as usize)?;
        let one = device.modes.len() == 1 && mode.places.len() == 1 && mode.curve.len() == 1 && device.needs.is_none();
        if !one || std::mem::replace(pools.get_mut(place.pool as usize)?, true) {
            return None;
        }
        list.push(mode.places.start);
    }
    Some(list)
}

/// What a message to each device costs, when the sender does not matter.
fn receivers(table: &Table) -> Option<Vec<Hop>> {
    let n = table.devices.len() as u32;
    let same = |a: &Hop, b: &Hop| {
        [(a.latency_s, b.latency_s), (a.s_per_byte, b.s_per_byte), (a.j_per_byte, b.j_per_byte)]
            .iter()
            .all(|(a, b)| a.total_cmp(b).is_eq())
    };
    (0..n)
        .map(|to| {
            let mut others = (0..n).filter(|&from| from != to).map(|from| table.hop(from, to));
            let Some(first) = others.next() else {
                return Some(Hop { latency_s: 0.0, s_per_byte: 0.0, j_per_byte: 0.0, segments: Vec::new() });
            };
            let ok = first.segments.is_empty() && others.all(|h| h.segments.is_empty() && same(h, first));
            ok.then(|| first.clone())
        })
        .collect()
}

/// By device: seconds and joules of the message that starts a stage there.
fn entries(option: &Choice, hops: &[Hop]) -> Option<Vec<[f64; 2]>> {
    let bytes = option.cuts.get(1).map(|c| c.prefill_bytes);
    if option.cuts.iter().skip(1).any(|c| Some(c.prefill_bytes) != bytes || c.share < 1.0)
        || option.loop_start > 0
        || option.leave.iter().any(|t| t.total_s != 0.0 || t.energy_j != 0.0 || !t.segments.is_empty())
    {
        return None;
    }
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs().max(b.abs());
    hops.iter()
        .enumerate()
        .map(|(d, hop)| {
            let first = match option.enter.get(d) {
                Some(t) if !t.segments.is_empty() => return None,
                Some(t) => [t.total_s, t.energy_j],
                None => [0.0; 2],
            };
            let later = bytes.map_or(first, |b| [hop.latency_s + b * hop.s_per_byte, b * hop.j_per_byte]);
            let several = option.max_stages > 1 && hops.len() > 1;
            (!several || near(first[0], later[0]) && near(first[1], later[1])).then_some(first)
        })
        .collect()
}

/// What a stage of an option costs at a place; `None` when its blocks are not alike.
fn cell(table: &Table, service: &Service, option: &Choice, place: usize, entry: [f64; 2]) -> Option<Cell> {
    let Some(at) = option.at.get(place).and_then(Option::as_ref) else { return Some(Cell::NEVER) };
    if at.sum.len() != 2 || !at.begins.is_empty() {
        return None;
    }
    let (p, each, stage) = (&table.places[place], &at.sum[1], &at.per_stage);
    let mode = &table.modes[p.mode as usize];
    let line = mode.curve[0];
    let caps = [table.pools[p.pool as usize].capacity_bytes, mode.booked_cap, mode.dynamic_cap_w];
    let share = |used: f64, cap: f64| if used == 0.0 || cap == f64::INFINITY { 0.0 } else { used / cap };
    let rate = service.rate_hz;
    let shares = |c: &crate::table::Cost| {
        let used = [c.bytes, rate * c.busy_s, rate * c.dynamic_j];
        [share(used[0], caps[0]), share(used[1], caps[1]), share(used[2], caps[2]), line.slope * used[2]]
    };
    let mut cell =
        Cell { layer: shares(each), stage: shares(stage), layer_s: each.total_s, stage_s: stage.total_s + entry[0], fit: 0 };
    cell.stage[WATTS] += rate * entry[1];
    let all = cell.layer.iter().chain(&cell.stage).chain([&cell.layer_s, &cell.stage_s]);
    if all.clone().any(|v| !v.is_finite()) {
        return Some(Cell::NEVER);
    }
    if all.clone().any(|v| *v < 0.0) {
        return None;
    }
    let cap_s = eased(service.total_cap_s);
    let mut fit = f64::from(option.blocks).min(room(cap_s - cell.stage_s, cell.layer_s));
    for i in 0..LIMITS {
        fit = fit.min(room(1.0 + TOLERANCE - cell.stage[i], cell.layer[i]));
    }
    cell.fit = if fit >= 1.0 { fit as u32 } else { 0 };
    Some(if cell.fit > 0 { cell } else { Cell::NEVER })
}

/// How often `each` goes into `free`.
fn room(free: f64, each: f64) -> f64 {
    match (free < 0.0, each > 0.0) {
        (true, _) => 0.0,
        (false, true) => (free / each).floor(),
        (false, false) => f64::INFINITY,
    }
}
