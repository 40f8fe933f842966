//! One order for a table's devices, services, memories and links, whatever order they come in.
//!
//! A search breaks ties by number and walks in order, so the same fleet written down in another order could end in
//! another plan. Here everything gets a colour from its own numbers, refined by the colours of what it has to do with
//! (colour refinement; Weisfeiler and Leman 1968), and is sorted by it; the search then sees the same table. Things
//! that stay alike after that keep the order they came in: exchanging them changes nothing, or nearly nothing. Only
//! leading digits are looked at, as sums over a fleet in another order differ in the last.

use crate::table::{Assignment, BlockCosts, Chain, Choice, Cost, Deployment, Stage, Table, Transfer};

/// Rounds of refinement: after the second everybody knows of everybody, as all devices have hops to each other.
const ROUNDS: usize = 3;

/// Digits of a number that are not looked at, bits.
const LOOSE: u32 = 20;

/// FNV-1a over words: enough to tell numbers apart, and the same on every machine.
#[derive(Clone, Copy)]
struct Colour(u64);

impl Colour {
    fn new(kind: u64) -> Colour {
        Colour(0xcbf2_9ce4_8422_2325).word(kind)
    }

    fn word(self, word: u64) -> Colour {
        let mixed = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        // A word's high bits reach the low ones.
        Colour((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9))
    }

    fn real(self, value: f64) -> Colour {
        let value = if value == 0.0 { 0.0 } else { value };
        self.word(value.to_bits().wrapping_add(1 << (LOOSE - 1)) >> LOOSE)
    }

    fn reals(self, values: impl IntoIterator<Item = f64>) -> Colour {
        values.into_iter().fold(self, Colour::real)
    }

    /// Words in no order.
    fn bag(self, mut words: Vec<u64>) -> Colour {
        words.sort_unstable();
        words.into_iter().fold(self, Colour::word)
    }
}

/// An order of a table's things: the number in the table of each, in order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    devices: Vec<u32>,
    services: Vec<u32>,
    segments: Vec<u32>,
    /// Follow the devices.
    modes: Vec<u32>,
    places: Vec<u32>,
    pools: Vec<u32>,
}

/// Where each thing of the table stands in a list of such numbers; `u32::MAX` where they are not in it.
fn inverse(list: &[u32]) -> Vec<u32> {
    let size = list.iter().max().map_or(0, |&most| most as usize + 1);
    let mut at = vec![u32::MAX; size];
    for (new, &old) in list.iter().enumerate() {
        at[old as usize] = new as u32;
    }
    at
}

fn cost(c: &Cost) -> [f64; 6] {
    [c.ttft_s, c.tpot_s, c.total_s, c.busy_s, c.dynamic_j, c.bytes]
}

fn transfer(colour: Colour, t: Option<&Transfer>, segments: &[u64]) -> Colour {
    let Some(t) = t else { return colour.word(1) };
    colour.reals([t.ttft_s, t.total_s, t.energy_j, t.bytes]).bag(t.segments.iter().map(|&g| segments[g as usize]).collect())
}

impl Order {
    /// The order of a table.
    pub(super) fn of(table: &Table) -> Order {
        let (n, m) = (table.devices.len(), table.services.len());
        let mut segments: Vec<u64> = table.segments.iter().map(|g| Colour::new(3).real(g.capacity_bytes_s).0).collect();
        let mut devices: Vec<u64> = (0..n).map(|d| device(table, d)).collect();
        let mut services: Vec<u64> = (0..m).map(|s| service(table, s)).collect();
        let pairs: Vec<u64> = (0..m).flat_map(|s| (0..n).map(move |d| (s, d))).map(|(s, d)| pair(table, s, d)).collect();
        for _ in 0..ROUNDS {
            let hop = |from: usize, to: usize| {
                let h = table.hop(from as u32, to as u32);
                let on = h.segments.iter().map(|&g| segments[g as usize]).collect();
                Colour::new(4).reals([h.latency_s, h.s_per_byte, h.j_per_byte]).bag(on).0
            };
            let enter = |s: usize, d: usize| {
                let fold =
                    |colour: Colour, o: &Choice| transfer(transfer(colour, o.enter.get(d), &segments), o.leave.get(d), &segments);
                table.services[s].options.iter().fold(Colour::new(5), fold).0
            };
            let next: Vec<u64> = (0..n)
                .map(|d| {
                    let others = (0..n).filter(|&o| o != d);
                    let needs = |o: usize| {
                        u64::from(table.devices[d].needs == Some(o as u32))
                            + 2 * u64::from(table.devices[o].needs == Some(d as u32))
                    };
                    let met = others.map(|o| Colour::new(6).word(devices[o]).word(hop(d, o)).word(hop(o, d)).word(needs(o)).0);
                    let asked = (0..m).map(|s| Colour::new(7).word(services[s]).word(pairs[s * n + d]).word(enter(s, d)).0);
                    Colour::new(8).word(devices[d]).word(hop(d, d)).bag(met.collect()).bag(asked.collect()).0
                })
                .collect();
            let apart = |s: usize, o: usize| {
                table.services[s].apart.contains(&(o as u32)) || table.services[o].apart.contains(&(s as u32))
            };
            services = (0..m)
                .map(|s| {
                    let on = (0..n).map(|d| Colour::new(9).word(devices[d]).word(pairs[s * n + d]).word(enter(s, d)).0).collect();
                    let away = (0..m).filter(|&o| o != s && apart(s, o)).map(|o| services[o]).collect();
                    Colour::new(10).word(services[s]).bag(on).bag(away).0
                })
                .collect();
            let mut crossed: Vec<Vec<u64>> = vec![Vec::new(); segments.len()];
            for (i, h) in table.hops.iter().enumerate() {
                let ends = Colour::new(11).word(devices[i / n]).word(devices[i % n]).0;
                h.segments.iter().for_each(|&g| crossed[g as usize].push(ends));
            }
            segments = segments.iter().zip(crossed).map(|(g, by)| Colour::new(12).word(*g).bag(by).0).collect();
            devices = next;
        }
        let sorted = |colours: &[u64]| {
            let mut list: Vec<u32> = (0..colours.len() as u32).collect();
            list.sort_by_key(|&i| colours[i as usize]);
            list
        };
        let devices = sorted(&devices);
        Order { segments: sorted(&segments), ..Order::part(table, devices, sorted(&services)) }
    }

    /// Some devices with some services and all links: a part of a table that has nothing to do with the rest.
    pub(super) fn part(table: &Table, devices: Vec<u32>, services: Vec<u32>) -> Order {
        let modes: Vec<u32> = devices.iter().flat_map(|&d| table.devices[d as usize].modes.clone()).collect();
        let places = modes.iter().flat_map(|&m| table.modes[m as usize].places.clone()).collect();
        let of = |d: u32| (0..table.pools.len() as u32).filter(move |&p| table.pools[p as usize].device == d);
        let pools = devices.iter().flat_map(|&d| of(d)).collect();
        Order { segments: (0..table.segments.len() as u32).collect(), devices, services, modes, places, pools }
    }

    /// The table in this order.
    pub(super) fn apply(&self, table: &Table) -> Table {
        let (device, service, segment) = (inverse(&self.devices), inverse(&self.services), inverse(&self.segments));
        let (mode, place, pool) = (inverse(&self.modes), inverse(&self.places), inverse(&self.pools));
        let pick = |list: &[u32]| -> Vec<u32> { list.iter().map(|&g| segment[g as usize]).collect() };
        let mut t = table.clone();
        t.devices = self.devices.iter().map(|&d| table.devices[d as usize].clone()).collect();
        let mut next = 0;
        let mut classes: Vec<u32> = Vec::new();
        for d in &mut t.devices {
            let count = d.modes.end - d.modes.start;
            d.modes = next..next + count;
            next += count;
            d.needs = d.needs.map(|h| device[h as usize]);
            // Numbers by first appearance.
            let known = classes.iter().position(|&c| c == d.class);
            d.class = known.unwrap_or_else(|| {
                classes.push(d.class);
                classes.len() - 1
            }) as u32;
        }
        t.modes = self.modes.iter().map(|&m| table.modes[m as usize].clone()).collect();
        let mut next = 0;
        for m in &mut t.modes {
            let count = m.places.end - m.places.start;
            m.places = next..next + count;
            next += count;
            m.device = device[m.device as usize];
        }
        t.places = self.places.iter().map(|&p| table.places[p as usize].clone()).collect();
        for p in &mut t.places {
            p.mode = mode[p.mode as usize];
            p.device = device[p.device as usize];
            p.pool = pool[p.pool as usize];
            p.slot = place[p.slot as usize];
        }
        t.pools = self.pools.iter().map(|&p| table.pools[p as usize].clone()).collect();
        t.pools.iter_mut().for_each(|p| p.device = device[p.device as usize]);
        t.segments = self.segments.iter().map(|&g| table.segments[g as usize].clone()).collect();
        let pairs = self.devices.iter().flat_map(|&a| self.devices.iter().map(move |&b| (a, b)));
        t.hops = pairs.map(|(a, b)| table.hop(a, b).clone()).collect();
        t.hops.iter_mut().for_each(|h| h.segments = pick(&h.segments));
        for b in &mut t.bills {
            b.per_w = self.devices.iter().map(|&d| b.per_w[d as usize]).collect();
            b.awake = self.devices.iter().map(|&d| b.awake[d as usize]).collect();
        }
        let named = |list: &[u32], at: &[u32]| -> Vec<u32> {
            let here = |i: &u32| at.get(*i as usize).copied().filter(|&new| new != u32::MAX);
            let mut list: Vec<u32> = list.iter().filter_map(here).collect();
            list.sort_unstable();
            list
        };
        t.services = self.services.iter().map(|&s| table.services[s as usize].clone()).collect();
        for s in &mut t.services {
            s.pins.iter_mut().for_each(|pin| *pin = named(pin, &device));
            s.pins.sort();
            s.first = named(&s.first, &device);
            s.apart = named(&s.apart, &service);
            for o in &mut s.options {
                let at: Vec<Option<BlockCosts>> = self.places.iter().map(|&p| o.at[p as usize].take()).collect();
                o.at = at;
                for transfers in [&mut o.enter, &mut o.leave] {
                    if !transfers.is_empty() {
                        *transfers = self.devices.iter().map(|&d| transfers[d as usize].clone()).collect();
                        transfers.iter_mut().for_each(|t| t.segments = pick(&t.segments));
                    }
                }
            }
        }
        t
    }

    /// An assignment of the table as one of the ordered table.
    pub(super) fn there(&self, a: &Assignment) -> Assignment {
        let place = inverse(&self.places);
        let services = self.services.iter().map(|&s| a.services[s as usize].as_ref().map(|d| moved(d, &place)));
        Assignment { services: services.collect() }
    }

    /// An assignment of the ordered table as one of the table.
    pub(super) fn back(&self, a: &Assignment) -> Assignment {
        let mut whole = Assignment { services: vec![None; a.services.len()] };
        self.put_back(a, &mut whole);
        whole
    }

    /// The same, into an assignment of the table whose other services stay.
    pub(super) fn put_back(&self, a: &Assignment, whole: &mut Assignment) {
        for (new, &old) in self.services.iter().enumerate() {
            whole.services[old as usize] = a.services[new].as_ref().map(|d| moved(d, &self.places));
        }
    }
}

fn moved(d: &Deployment, place: &[u32]) -> Deployment {
    let stage = |s: &Stage| Stage { place: place[s.place as usize], ..*s };
    let chains = d.chains.iter().map(|c| Chain { stages: c.stages.iter().map(stage).collect() });
    Deployment { option: d.option, chains: chains.collect() }
}

/// A device by itself.
fn device(table: &Table, d: usize) -> u64 {
    let device = &table.devices[d];
    let mut colour = Colour::new(1).real(device.sleep_w).word(u64::from(device.may_sleep));
    let pools: Vec<&crate::table::Pool> = table.pools.iter().filter(|p| p.device as usize == d).collect();
    colour = colour.reals(pools.iter().map(|p| p.capacity_bytes));
    let first = table.pools.iter().position(|p| p.device as usize == d).unwrap_or(0);
    for mode in &table.modes[device.modes.start as usize..device.modes.end as usize] {
        colour = colour.reals([mode.booked_cap, mode.dynamic_cap_w]).reals(mode.curve.iter().flat_map(|l| [l.base_w, l.slope]));
        for p in mode.places.clone() {
            let place = &table.places[p as usize];
            colour = colour.word(u64::from(place.processor)).word(u64::from(place.format)).word(place.pool as u64 - first as u64);
        }
    }
    let billed = table.bills.iter().flat_map(|b| [b.per_w[d], b.awake[d]]);
    colour.reals(billed).0
}

/// A service by itself.
fn service(table: &Table, s: usize) -> u64 {
    let v = &table.services[s];
    let own = [v.rate_hz, v.ttft_cap_s, v.tpot_cap_s, v.total_cap_s, v.total_ref_s, v.share, v.answer_share, v.skip_cost];
    let option = |colour: Colour, o: &Choice| {
        let whole = colour
            .word(u64::from(o.blocks))
            .word(u64::from(o.replicas))
            .word(u64::from(o.max_stages))
            .reals([o.accuracy, o.return_bytes, o.passes])
            .reals(o.cuts.iter().skip(1).flat_map(|c| [c.prefill_bytes, c.decode_bytes]));
        // An option that all requests go through whole has the colour that it had before there were others.
        let some = o.loop_start > 0 || o.cuts.iter().any(|c| c.share < 1.0);
        if some { whole.word(u64::from(o.loop_start)).reals(o.cuts.iter().map(|c| c.share)) } else { whole }
    };
    v.options.iter().fold(Colour::new(2).reals(own), option).0
}

/// What a service has to do with a device: costs there, pins, first blocks.
fn pair(table: &Table, s: usize, d: usize) -> u64 {
    let v = &table.services[s];
    let id = d as u32;
    let pins = v.pins.iter().map(|pin| u64::from(pin.contains(&id)) * (1 + pin.len() as u64)).collect();
    let mut colour = Colour::new(13).bag(pins).word(u64::from(v.first.contains(&id)));
    let modes = table.devices[d].modes.clone();
    for o in &v.options {
        for p in modes.clone().flat_map(|m| table.modes[m as usize].places.clone()) {
            colour = match &o.at[p as usize] {
                None => colour.word(1),
                Some(at) => colour.reals(at.sum.iter().chain(&at.begins).flat_map(cost)).reals(cost(&at.per_stage)),
            };
        }
    }
    colour.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics;
    use crate::search::{Effort, Silent, Solution, driver};
    use crate::table::evaluate;
    use crate::testing::{Size, random_table, reordered, rich_scenario, rich_table, scenario_of};
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::seq::SliceRandom;
    use rand_xoshiro::Xoshiro256PlusPlus;

    fn shuffled(n: usize, rng: &mut Xoshiro256PlusPlus) -> Vec<u32> {
        let mut list: Vec<u32> = (0..n as u32).collect();
        list.shuffle(rng);
        list
    }

    /// Another order of the same table.
    fn other(table: &Table, rng: &mut Xoshiro256PlusPlus) -> Order {
        let devices = shuffled(table.devices.len(), rng);
        let (services, segments) = (shuffled(table.services.len(), rng), shuffled(table.segments.len(), rng));
        Order { segments, ..Order::part(table, devices, services) }
    }

    fn effort() -> Effort {
        Effort { front: 0, rounds: 1, moves: 300, branches: 2, ..Effort::for_seconds(0.1) }
    }

    fn outcome(s: &Solution) -> (f64, f64) {
        (s.best.as_ref().map_or(f64::INFINITY, |(_, e)| e.objective), s.bound)
    }

    fn near(a: f64, b: f64) -> bool {
        a.to_bits() == b.to_bits() || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        /// There and back is nothing, and costs are the same in any order.
        #[test]
        fn an_order_changes_no_number(seed in 0u64..100_000) {
            let table = rich_table(seed, Size::SMALL);
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let order = other(&table, &mut rng);
            let moved = order.apply(&table);
            let a = crate::search::greedy::construct(&moved, 3, seed);
            let back = order.back(&a);
            prop_assert_eq!(&order.there(&back), &a);
            let (e, f) = (evaluate(&moved, &a), evaluate(&table, &back));
            prop_assert!(near(e.objective, f.objective) && near(e.power_w, f.power_w) && near(e.latency, f.latency));
            prop_assert_eq!(e.violations.len(), f.violations.len());
        }

        /// The canonical table is the same whatever order it came in.
        #[test]
        fn the_order_of_a_table_forgets_where_it_came_from(seed in 0u64..100_000) {
            let table = if seed.is_multiple_of(2) { rich_table(seed, Size::SMALL) } else { random_table(seed, Size::SMALL) };
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let moved = other(&table, &mut rng).apply(&table);
            let plain = |mut t: Table| {
                // Names say where a thing came from.
                t.devices.iter_mut().for_each(|d| d.name.clear());
                t.segments.iter_mut().for_each(|g| g.name.clear());
                t.services.iter_mut().for_each(|s| s.name.clear());
                t
            };
            prop_assert_eq!(plain(Order::of(&table).apply(&table)), plain(Order::of(&moved).apply(&moved)));
        }
    }

    /// Small general scenarios with devices in another order: the same objective and the same bound.
    #[test]
    fn the_order_of_devices_in_a_scenario_does_not_matter() {
        let mut compared = 0;
        for seed in 0..40u64 {
            let s = if seed.is_multiple_of(2) { scenario_of(seed, 4, 3) } else { rich_scenario(seed) };
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let list: Vec<usize> = shuffled(s.devices.len(), &mut rng).into_iter().map(|d| d as usize).collect();
            let solved = |s: &scenarios::Scenario| outcome(&driver::solve(&physics::build(s).table, &effort(), &Silent));
            let (first, second) = (solved(&s), solved(&reordered(&s, &list)));
            assert!(near(first.0, second.0) && near(first.1, second.1), "seed {seed}: {first:?} {second:?}");
            compared += u32::from(first.0.is_finite());
        }
        assert!(compared >= 20, "{compared}");
    }
}
