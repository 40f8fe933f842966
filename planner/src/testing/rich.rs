//! Random tables and scenarios with what the plain ones lack: weight formats that stages of one copy may differ in,
//! devices that sleep between requests, requests of which a share is passed on, money and carbon. Plain ones stay as they are, seed by seed.

use profiles::units::{Bytes, GramsPerDay, GramsPerKilowattHour, Joules, Seconds};
use profiles::{ModelKind, Precision, WeightFormat};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use scenarios::{At, Goal, Money, Said, Scenario, Tier};

use super::{Size, random_table, small_scenario, with_shares};
use crate::table::{Bill, BlockCosts, Cost, Place, Table};

/// [`random_table`] with a second weight format in some options, some that pass on a share of requests, and up to two
/// bills, by the seed alone.
#[must_use]
pub fn rich_table(seed: u64, size: Size) -> Table {
    let mut table = random_table(seed, size);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x71c4);
    formats(&mut table, &mut rng);
    bills(&mut table, &mut rng);
    with_shares(table, seed)
}

/// Doubles the places of every mode; half of the options may run at the second ones too, at other costs.
fn formats(table: &mut Table, rng: &mut Xoshiro256PlusPlus) {
    let old = std::mem::take(&mut table.places);
    // The old place behind each new one.
    let mut from: Vec<usize> = Vec::new();
    for mode in &mut table.modes {
        let own = mode.places.clone();
        let first = table.places.len() as u32;
        for format in 0..2 {
            for p in own.clone() {
                let slot = first + (p - own.start);
                table.places.push(Place { slot, format, ..old[p as usize].clone() });
                from.push(p as usize);
            }
        }
        mode.places = first..table.places.len() as u32;
    }
    for option in table.services.iter_mut().flat_map(|s| &mut s.options) {
        let mixed = rng.random_bool(0.5);
        let at: Vec<Option<BlockCosts>> = table
            .places
            .iter()
            .zip(&from)
            .map(|(place, &p)| match place.format {
                0 => option.at[p].clone(),
                _ => option.at[p].as_ref().filter(|_| mixed).map(|costs| other(costs, rng)),
            })
            .collect();
        option.at = at;
    }
}

/// The same blocks in another format: less memory, more time, or the other way round.
fn other(costs: &BlockCosts, rng: &mut Xoshiro256PlusPlus) -> BlockCosts {
    let (bytes, time) = (rng.random_range(0.4..1.6), rng.random_range(0.6..1.5));
    let scale = |c: &Cost| Cost {
        ttft_s: time * c.ttft_s,
        tpot_s: time * c.tpot_s,
        total_s: time * c.total_s,
        busy_s: time * c.busy_s,
        dynamic_j: time * c.dynamic_j,
        bytes: bytes * c.bytes,
    };
    let all = |costs: &[Cost]| costs.iter().map(scale).collect();
    BlockCosts { sum: all(&costs.sum), per_stage: scale(&costs.per_stage), begins: all(&costs.begins) }
}

fn bills(table: &mut Table, rng: &mut Xoshiro256PlusPlus) {
    let n = table.devices.len();
    for name in ["cost", "carbon"] {
        if rng.random_bool(0.3) {
            continue;
        }
        table.bills.push(Bill {
            name: name.into(),
            per_w: (0..n).map(|_| rng.random_range(0.0..2.0)).collect(),
            awake: (0..n).map(|_| if rng.random_bool(0.5) { rng.random_range(0.0..5.0) } else { 0.0 }).collect(),
            network_per_w: rng.random_range(0.0..2.0),
            cap: if rng.random_bool(0.3) { n as f64 * rng.random_range(4.0..15.0) } else { f64::INFINITY },
            weight: if rng.random_bool(0.5) { rng.random_range(0.0..2.0) } else { 0.0 },
        });
    }
}

/// [`small_scenario`] in which stages may differ in weight format, devices may sleep between requests, sites have
/// prices and carbon, devices rents and tiers, by the seed alone.
#[must_use]
pub fn rich_scenario(seed: u64) -> Scenario {
    let mut s = small_scenario(seed);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0xb111);
    let money = |amount: f64| Some(Said { value: Money { amount, currency: "EUR".into() }, at: At { line: 70, column: 5 } });
    for site in &mut s.sites {
        site.electricity = rng.random_bool(0.7).then(|| rng.random_range(0.05..0.5)).and_then(money);
        let carbon = |value| Said { value: GramsPerKilowattHour(value), at: At { line: 71, column: 5 } };
        site.carbon = rng.random_bool(0.7).then(|| carbon(rng.random_range(20.0..800.0)));
    }
    for d in 0..s.devices.len() {
        let hosts = s.devices.iter().any(|g| g.host == Some(d));
        let device = &mut s.devices[d];
        device.rent = rng.random_bool(0.3).then(|| rng.random_range(0.0..0.1)).and_then(money);
        device.tier = [Tier::Device, Tier::Edge, Tier::Cloud][rng.random_range(0..3)];
        device.naps = device.may_sleep && !hosts && rng.random_bool(0.5);
        device.profile.sleep.wake_time.value = Seconds(rng.random_range(0.01..0.5));
        device.profile.sleep.wake_energy.value = Joules(rng.random_range(0.1..5.0));
    }
    for service in s.services.iter_mut().filter(|v| v.models.iter().all(|m| m.value.kind == ModelKind::Llm)) {
        if rng.random_bool(0.6) {
            let plain = |weights| Precision { weights, kv_bits: 16, activation_bits: 16 };
            service.precisions = [WeightFormat::W4, WeightFormat::W8, WeightFormat::W16].map(plain).to_vec();
            service.max_stages = service.max_stages.max(2);
            service.mixed = true;
        }
    }
    if s.services.iter().any(|v| v.mixed) && rng.random_bool(0.5) {
        narrow(&mut s, &mut rng);
    }
    if rng.random_bool(0.3) {
        s.objective.goal = if rng.random_bool(0.5) { Goal::Cost } else { Goal::Carbon };
    }
    if rng.random_bool(0.2) {
        s.limits.cost = money(rng.random_range(0.2..3.0));
    }
    if rng.random_bool(0.2) {
        s.limits.carbon = Some(Said { value: GramsPerDay(rng.random_range(50.0..3000.0)), at: At { line: 72, column: 5 } });
    }
    s
}

/// Devices with one kernel each, 8 bits or 4, and little memory: there a model may fit in two formats only.
fn narrow(s: &mut Scenario, rng: &mut Xoshiro256PlusPlus) {
    let bytes = |m: &profiles::ModelProfile| -> f64 {
        m.blocks.iter().map(|g| f64::from(g.count) * g.block.total_parameters() as f64 * 0.8).sum()
    };
    let largest = s.services.iter().flat_map(|v| &v.models).map(|m| bytes(&m.value)).fold(0.0, f64::max);
    for device in &mut s.devices {
        let keep = if rng.random_bool(0.5) { WeightFormat::W8 } else { WeightFormat::W4 };
        let profile = &mut device.profile;
        profile.id = format!("{}-{keep}", profile.id);
        profile.processors.iter_mut().for_each(|p| p.kernels.retain(|f, _| *f == keep));
        let size = Bytes((largest * rng.random_range(0.5..1.2) + 1.2e8) / 0.72);
        profile.memories.values_mut().for_each(|m| m.size.value = size);
    }
}
