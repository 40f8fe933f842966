//! Devices, their modes, places and memories as table rows.
//!
//! Equal devices (profile, allowed modes, ambient, owner's cap, streaming) are worked out once.

use scenarios::{Arrivals, Device, Scenario};

use super::adapters::Adapters;
use super::alike;
use super::gate::Gate;
use super::joined;
use super::model::{Joined, ModeLabel, Unusable};
use super::nap::Nap;
use super::pass::{self, Rates, Spent};
use super::shared::Together;
use super::thermal::Body;
use super::together::Team;
use super::ways::Way;
use super::{curve, pressure, waiting, work};
use crate::table::{self, Line, Mode, Place, Pool};

/// Clock factors tried on top of a mode that would overheat or pass its cap at full load.
const CLOCKS: [f64; 2] = [0.85, 0.7];

/// Booked shares tried below the scenario's limit where waiting depends on them.
const LEVELS: [f64; 2] = [0.1, 0.3];

/// What one way costs on one processor in one mode, by block group.
#[derive(Clone, Debug)]
pub(super) struct Unit {
    /// One block in one prefill pass, and in one decode pass.
    pub groups: Vec<(Spent, Spent)>,
    pub pass_overhead_s: f64,
    /// All passes of the way's filter for one request, without their overheads.
    pub filter: Option<Spent>,
    /// Seconds and joules of a byte of storage, where a request may wait for its adapter.
    pub paging: Option<(f64, f64)>,
    /// Of two processors together: KV heads of the first.
    pub heads: Option<u32>,
}

impl Unit {
    /// Time and energy of a request that goes through all blocks on this processor, waiting not included.
    pub(super) fn request(&self, way: &Way<'_>) -> Spent {
        let r = &way.request;
        let blocks = way.profile.blocks.iter().zip(&self.groups);
        let mut sum = blocks.fold(Spent::default(), |sum, (g, (prefill, decode))| {
            sum + (prefill.times(r.items) + decode.times(r.passes)).times(f64::from(g.count))
        });
        sum.time_s += self.pass_overhead_s * (r.items + r.passes);
        if let (Some(spent), Some(filter)) = (self.filter, &way.gated.filter) {
            sum = sum + spent;
            sum.time_s += self.pass_overhead_s * filter.request.items;
        }
        if let (Some((s_per_byte, j_per_byte)), Some(adapters)) = (self.paging, &way.adapters) {
            sum.time_s += adapters.bytes * s_per_byte;
            sum.energy_j += adapters.bytes * j_per_byte;
        }
        sum
    }
}

/// A power mode at a clock, for one kind of device.
pub(super) struct KindMode {
    pub mode: usize,
    pub clock: f64,
    pub dynamic_cap_w: f64,
    pub curve: Vec<Line>,
    pub error: f64,
    /// The device sleeps between requests: what that costs. `None`: it stays awake.
    pub nap: Option<Nap>,
    /// Two processors may share stages and keep one queue, of both and of each.
    pub together: bool,
    /// By processor, then by way; `None` where it cannot run. Behind the processors the two together, where they may.
    pub units: Vec<Vec<Option<Unit>>>,
}

/// Devices that are alike in all that costs depend on.
pub(super) struct Kind {
    pub modes: Vec<KindMode>,
    pub unusable: Vec<(String, &'static str)>,
}

/// The fleet's rows of the table, and how they came to be.
pub(super) struct Fleet {
    pub kinds: Vec<Kind>,
    /// Kind of each device.
    pub kind_of: Vec<usize>,
    pub devices: Vec<table::Device>,
    pub modes: Vec<Mode>,
    pub labels: Vec<ModeLabel>,
    pub places: Vec<Place>,
    pub pools: Vec<Pool>,
    pub unusable: Vec<Unusable>,
    /// Index into [`Kind::modes`] by mode of the table.
    pub kind_mode: Vec<usize>,
    /// Pairs that are one device.
    pub joined: Vec<Joined>,
}

/// What one way costs on a processor at given rates, its filter at its own; `None` where it cannot run. The flag: the cap
/// lowered a clock.
pub(super) fn unit(way: &Way<'_>, rates: &Rates, of_filter: Option<&Rates>) -> Option<(Unit, bool)> {
    let miss = 1.0 - way.resident_share;
    let (filter, mut capped) = match (&way.gated.filter, of_filter) {
        (Some(filter), Some(rates)) => filter.run(rates).map(|(spent, capped)| (Some(spent), capped))?,
        _ => (None, false),
    };
    let paging = match way.adapters.filter(Adapters::pages) {
        Some(_) => Some(rates.storage.filter(|s| s.0 > 0.0).map(|(bandwidth, joules)| (1.0 / bandwidth, joules))?),
        None => None,
    };
    let mut groups = Vec::with_capacity(way.profile.blocks.len());
    for g in &way.profile.blocks {
        let mut one = |runs: bool, pass| {
            if !runs {
                return Some(Spent::default());
            }
            let mut work = work::of_block(&g.block, way.precision, pass, rates.cache_bytes);
            let missing = way.experts.map_or(miss, |(_, cache)| cache.miss(&g.block, pass)) * work.weight_bytes;
            if let Some(adapters) = &way.adapters {
                work = adapters.with(&g.block, pass, work);
            }
            let (spent, clock) = pass::run_missing(&work, rates, missing)?;
            capped |= clock < 1.0;
            Some(spent)
        };
        let prefill = one(work::in_prefill(&g.block), way.request.prefill)?;
        let decode = one(work::in_decode(&g.block) && way.request.passes > 0.0, way.request.decode)?;
        groups.push((prefill, decode));
    }
    Some((Unit { groups, pass_overhead_s: rates.pass_overhead_s, filter, paging, heads: None }, capped))
}

/// Whether a device may sleep between requests. A host may not: its guest would be without it.
pub(super) fn may_nap(scenario: &Scenario, d: usize) -> bool {
    let device = &scenario.devices[d];
    device.naps && device.may_sleep && scenario.devices.iter().all(|guest| guest.host != Some(d))
}

fn alike(a: &Device, b: &Device) -> bool {
    a.ambient == b.ambient
        && a.modes == b.modes
        && a.may_stream == b.may_stream
        && a.together.map(|t| t.terms()) == b.together.map(|t| t.terms())
        && a.power_cap.as_ref().map(|c| c.value) == b.power_cap.as_ref().map(|c| c.value)
        && a.profile == b.profile
}

/// Works out all rows; `formats` is how many weight formats the stages of one option may differ in.
pub(super) fn of(scenario: &Scenario, ways: &[Way<'_>], formats: u32, joined: &[Joined]) -> Fleet {
    let mut fleet = Fleet {
        kinds: Vec::new(),
        kind_of: Vec::new(),
        devices: Vec::new(),
        modes: Vec::new(),
        labels: Vec::new(),
        places: Vec::new(),
        pools: Vec::new(),
        unusable: Vec::new(),
        kind_mode: Vec::new(),
        joined: joined.to_vec(),
    };
    let levels = levels(scenario);
    let first = alike::first_of(ways);
    let mut first_of_kind: Vec<(usize, bool)> = Vec::new();
    for (d, device) in scenario.devices.iter().enumerate() {
        let naps = may_nap(scenario, d);
        let same = |&(f, other): &(usize, bool)| other == naps && alike(&scenario.devices[f], device);
        let kind = first_of_kind.iter().position(same).unwrap_or_else(|| {
            first_of_kind.push((d, naps));
            fleet.kinds.push(kind(device, scenario.limits.booked_time.value.get(), ways, &first, naps));
            fleet.kinds.len() - 1
        });
        fleet.kind_of.push(kind);
    }
    for (d, device) in scenario.devices.iter().enumerate() {
        match joined.iter().find(|j| j.lead == d || j.partner == d) {
            None => {
                let kind = fleet.kind_of[d];
                rows(&mut fleet, d, device, kind, &levels, formats);
            }
            Some(pair) if pair.lead == d => joined::rows(&mut fleet, scenario, pair, &levels, formats),
            Some(_) => joined::absent(&mut fleet, &device.name),
        }
    }
    fleet
}

/// Booked shares that modes are offered at: lower ones only where they shorten someone's waiting.
fn levels(scenario: &Scenario) -> Vec<f64> {
    let most = scenario.limits.booked_time.value.get().clamp(0.0, 1.0);
    let slow = |level: f64| -> Vec<f64> {
        let poisson = scenario.services.iter().filter(|s| s.arrivals == Arrivals::Poisson);
        poisson.map(|s| waiting::slowdown(s.arrivals, level, s.deadline.percentile.get())).collect()
    };
    let mut levels: Vec<f64> = LEVELS.into_iter().filter(|&l| l < most).collect();
    levels.push(most);
    let same = |a: f64, b: f64| slow(a).iter().zip(slow(b)).all(|(a, b)| (a - b).abs() < 1e-12);
    (0..levels.len()).filter(|&i| i + 1 == levels.len() || !same(levels[i], levels[i + 1])).map(|i| levels[i]).collect()
}

/// One kind of device: every allowed mode, with lowered clocks where full load would overheat or pass the cap.
fn kind(device: &Device, booked: f64, ways: &[Way<'_>], first: &[usize], naps: bool) -> Kind {
    let profile = &device.profile;
    let body = Body::of(&profile.thermal, device.ambient);
    let owner_w = device.power_cap.as_ref().map_or(f64::INFINITY, |c| c.value.get());
    let mut kind = Kind { modes: Vec::new(), unusable: Vec::new() };
    let allowed = |id: &String| device.modes.is_empty() || device.modes.contains(id);
    let ids: Vec<usize> = (0..profile.modes.len()).filter(|&m| allowed(&profile.modes[m].id)).collect();
    for &m in &ids {
        let mode = &profile.modes[m];
        let idle_w = mode.idle.value.get();
        let cap_w = mode.cap.as_ref().map_or(owner_w, |c| c.value.get().min(owner_w));
        let dynamic_cap_w = body.sustained_w(idle_w, cap_w);
        if dynamic_cap_w <= 0.0 {
            kind.unusable.push((mode.id.clone(), "idling alone passes its cap or its temperature limit"));
            continue;
        }
        let (curve, error) = curve::tangents(&body, idle_w, dynamic_cap_w);
        let make = |clock: f64| -> (KindMode, bool) {
            let (units, capped) = units(device, m, clock, ways, first);
            (KindMode { mode: m, clock, dynamic_cap_w, curve: curve.clone(), error, nap: None, together: false, units }, capped)
        };
        let (full, capped) = make(1.0);
        let hot = full_load_w(&full, ways) * booked > dynamic_cap_w;
        kind.modes.push(full);
        if capped || hot {
            kind.modes.extend(CLOCKS.into_iter().map(|c| make(c).0));
        }
        if naps {
            napping(&mut kind, device, m, &body, cap_w);
        }
    }
    teamed(&mut kind, device, ways);
    if kind.modes.is_empty() {
        // Nothing may run there, but it may have to stay awake: its first mode, without room for work.
        let m = ids.first().copied().unwrap_or(0);
        let idle_w = profile.modes.get(m).map_or(0.0, |mode| mode.idle.value.get());
        let (curve, error) = if body.steady_c(idle_w, 0.0).is_some() {
            curve::tangents(&body, idle_w, 0.0)
        } else {
            // No steady state at all: counted at its throttle temperature, where firmware would hold it.
            let base_w = idle_w + body.leakage.watts(body.throttle_c);
            (vec![Line { base_w, slope: 1.0 }; 2], 0.0)
        };
        let units = profile.processors.iter().map(|_| ways.iter().map(|_| None).collect()).collect();
        kind.modes.push(KindMode { mode: m, clock: 1.0, dynamic_cap_w: 0.0, curve, error, nap: None, together: false, units });
    }
    kind
}

/// Adds twins of a power mode's rows in which the device sleeps between requests.
fn napping(kind: &mut Kind, device: &Device, mode: usize, body: &Body, cap_w: f64) {
    let sleep_w = device.profile.sleep.power.value.get();
    let dynamic_cap_w = body.sustained_w(sleep_w, cap_w);
    let Some(nap) = Nap::of(&device.profile, mode).filter(|_| dynamic_cap_w > 0.0) else { return };
    let (curve, error) = curve::tangents(body, sleep_w, dynamic_cap_w);
    let twin =
        |m: &KindMode| KindMode { nap: Some(nap), dynamic_cap_w, curve: curve.clone(), error, units: m.units.clone(), ..*m };
    let twins: Vec<KindMode> = kind.modes.iter().filter(|m| m.mode == mode && m.nap.is_none()).map(twin).collect();
    kind.modes.extend(twins);
}

/// Adds twins of the rows of modes in which a device stays awake, in which two of its processors may share stages.
fn teamed(kind: &mut Kind, device: &Device, ways: &[Way<'_>]) {
    let twin = |m: &KindMode| {
        let team = Team::of(device, m.mode, m.clock)?;
        let row: Vec<Option<Unit>> = ways.iter().map(|way| joint(&team, way)).collect();
        let units = row.iter().any(Option::is_some).then(|| m.units.iter().cloned().chain([row.clone()]).collect())?;
        Some(KindMode { together: true, curve: m.curve.clone(), units, ..*m })
    };
    let twins: Vec<KindMode> = kind.modes.iter().filter(|m| m.nap.is_none()).filter_map(twin).collect();
    kind.modes.extend(twins);
}

/// What a way costs on two processors together; `None` where it cannot run there. Gates, adapters, parts of experts and
/// weights from storage are not divided.
fn joint(team: &Team<'_>, way: &Way<'_>) -> Option<Unit> {
    let plain = way.resident_share >= 1.0 && way.gated.gate == Gate::Open && way.adapters.is_none() && way.experts.is_none();
    if !plain || !way.precision.weights.divides() {
        return None;
    }
    let (first, groups) = team.split(way.profile, way.precision, &way.request)?;
    let spent = |t: &Together| Spent {
        time_s: t.time_s,
        alu_s: t.halves[0].alu_s.max(t.halves[1].alu_s),
        memory_s: t.halves[0].memory_s.max(t.halves[1].memory_s),
        energy_j: t.halves[0].energy_j + t.halves[1].energy_j,
    };
    let groups = groups.iter().map(|g| (spent(&g.prefill), spent(&g.decode))).collect();
    Some(Unit { groups, pass_overhead_s: team.overhead_s()?, filter: None, paging: None, heads: Some(first) })
}

/// Costs of every way on every processor; the flag: the cap lowered some clock. `first` is [`alike::first_of`] the ways.
fn units(device: &Device, mode: usize, clock: f64, ways: &[Way<'_>], first: &[usize]) -> (Vec<Vec<Option<Unit>>>, bool) {
    let profile = &device.profile;
    let mut any_capped = false;
    let by_processor = profile.processors.iter().map(|processor| {
        let mut cost = |way: &Way<'_>| {
            let reads = way.resident_share < 1.0 || way.experts.is_some() || way.adapters.is_some_and(|a| a.pages());
            if reads && !device.may_stream {
                return None;
            }
            let rates = |format| Rates::of(profile, profile.modes.get(mode)?, processor, format, clock);
            let of_filter = match &way.gated.filter {
                Some(filter) => Some(rates(filter.precision.weights)?),
                None => None,
            };
            let (unit, capped) = unit(way, &rates(way.precision.weights)?, of_filter.as_ref())?;
            any_capped |= capped;
            Some(unit)
        };
        let mut row: Vec<Option<Unit>> = Vec::with_capacity(ways.len());
        for (w, (way, &like)) in ways.iter().zip(first).enumerate() {
            row.push(if like < w { row[like].clone() } else { cost(way) });
        }
        row
    });
    (by_processor.collect(), any_capped)
}

/// Dynamic power when every processor runs its hungriest way without a pause.
fn full_load_w(mode: &KindMode, ways: &[Way<'_>]) -> f64 {
    let power = |(way, unit): (&Way<'_>, &Option<Unit>)| {
        let spent = unit.as_ref()?.request(way);
        (spent.time_s > 0.0).then(|| spent.energy_j / spent.time_s)
    };
    mode.units.iter().map(|row| ways.iter().zip(row).filter_map(power).fold(0.0, f64::max)).sum()
}

/// Adds one device's rows.
fn rows(fleet: &mut Fleet, d: usize, device: &Device, kind: usize, levels: &[f64], formats: u32) {
    let profile = &device.profile;
    let pool_names: Vec<&String> = profile.memories.keys().collect();
    let first_pool = fleet.pools.len();
    for (name, memory) in &profile.memories {
        let usable = memory.size.value.get() * memory.usable.value.get();
        let capacity_bytes = pressure::capacity_bytes(usable, device.memory_margin.value.get());
        fleet.pools.push(Pool { device: d as u32, name: name.clone(), capacity_bytes });
    }
    for (id, reason) in &fleet.kinds[kind].unusable {
        fleet.unusable.push(Unusable { device: d, mode: id.clone(), reason });
    }
    let first_mode = fleet.modes.len() as u32;
    for (k, mode) in fleet.kinds[kind].modes.iter().enumerate() {
        for &level in levels {
            let number = fleet.modes.len() as u32;
            let first_place = fleet.places.len() as u32;
            // By queue, which is a processor's own, or that of two that may share stages: its first place.
            let mut slots: Vec<Option<u32>> = vec![None; profile.processors.len()];
            let team = device.together.filter(|_| mode.together).map(|t| t.processors);
            for format in 0..formats {
                let alone = profile.processors.iter().enumerate();
                let both = team.map(|(first, _)| (profile.processors.len(), &profile.processors[first]));
                for (p, processor) in alone.chain(both) {
                    let Some(pool) = pool_names.iter().position(|n| **n == processor.memory) else { continue };
                    let queue = team.filter(|t| p == t.1 || p == profile.processors.len()).map_or(p, |t| t.0);
                    let own = fleet.places.len() as u32;
                    let slot = *slots[queue].get_or_insert(own);
                    let pool = (first_pool + pool) as u32;
                    fleet.places.push(Place { mode: number, device: d as u32, processor: p as u32, pool, slot, format });
                }
            }
            let mut name = profile.modes.get(mode.mode).map_or_else(String::new, |m| m.id.clone());
            if mode.clock < 1.0 {
                name.push_str(&format!("@{}", mode.clock));
            }
            if mode.nap.is_some() {
                name.push_str(", naps");
            }
            if mode.together {
                name.push_str(", together");
            }
            if levels.len() > 1 {
                name.push_str(&format!(" to {:.0} %", 100.0 * level));
            }
            fleet.modes.push(Mode {
                device: d as u32,
                name,
                throttled: mode.clock < 1.0,
                booked_cap: level,
                dynamic_cap_w: mode.dynamic_cap_w,
                curve: mode.curve.clone(),
                places: first_place..fleet.places.len() as u32,
            });
            fleet.labels.push(ModeLabel {
                device: d,
                mode: mode.mode,
                clock: mode.clock,
                level,
                naps: mode.nap.is_some(),
                together: mode.together,
                partner: None,
            });
            fleet.kind_mode.push(k);
        }
    }
    fleet.devices.push(table::Device {
        name: device.name.clone(),
        sleep_w: profile.sleep.power.value.get(),
        may_sleep: device.may_sleep,
        needs: device.host.map(|h| h as u32),
        modes: first_mode..fleet.modes.len() as u32,
        class: 0,
    });
}
