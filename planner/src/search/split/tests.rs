//! The exact split against all chains of small tables, under random prices.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Keep, Lattice, Prices, Tariff, ToGo, Walk, fastest};
use crate::search::brute;
use crate::search::columns::Column;
use crate::table::Table;
use crate::testing::{Size, random_table, with_shares};

/// Long chains on few places, so that devices are left and entered again.
const LONG: Size = Size { max_stages: 4, processors: (1, 2), blocks: (3, 4), replicas: 2, ..Size::TINY };

fn random_prices(table: &Table, rng: &mut Xoshiro256PlusPlus) -> Prices {
    let mut p = Prices::free(table);
    let mut fill = |v: &mut Vec<f64>, low: f64, high: f64| v.iter_mut().for_each(|x| *x += rng.random_range(low..high));
    fill(&mut p.booked, -0.5, 2.0);
    fill(&mut p.dynamic_w, 0.0, 1.0);
    fill(&mut p.bytes, 0.0, 1e-9);
    fill(&mut p.segment, 0.0, 1e-7);
    // Touching may earn, as it does where a decision asks for it.
    fill(&mut p.touch, -0.5, 3.0);
    fill(&mut p.reward, 0.0, 5.0);
    p
}

/// Reduced cost of a column from its loads alone.
fn cost(table: &Table, p: &Prices, c: &Column) -> f64 {
    let mut sum = p.network_w * c.network_w + p.latency * c.latency + p.inaccuracy * c.inaccuracy;
    for l in &c.loads {
        let i = l.place as usize;
        sum += p.booked[i] * l.booked + p.dynamic_w[i] * l.dynamic_w + p.bytes[i] * l.bytes;
    }
    sum += c.segments.iter().map(|&(g, b)| p.segment[g as usize] * b).sum::<f64>();
    sum += c.modes.iter().map(|&m| p.touch[c.service as usize * table.modes.len() + m as usize]).sum::<f64>();
    sum - p.reward[c.service as usize] / f64::from(c.replicas)
}

fn each_option(check: impl Fn(u64, &Table, u32, u32, &[Column])) {
    for seed in 0..90 {
        let mut table = random_table(seed, [Size::TINY, LONG][seed as usize % 2]);
        if seed % 3 == 2 {
            table = with_shares(table, seed);
        }
        // Up to four pins, one more than bounds know of.
        let n = table.devices.len() as u64;
        for k in 0..seed % 5 {
            table.services[0].pins.push(vec![((seed + k) % n) as u32, ((seed + 2 * k) % n) as u32]);
        }
        for (s, service) in table.services.iter().enumerate() {
            for o in 0..service.options.len() {
                let chains = brute::chains(&table, s, o);
                let (s, o) = (s as u32, o as u32);
                let all: Vec<Column> = chains.iter().filter_map(|c| Column::new(&table, s, o, c)).collect();
                check(seed, &table, s, o, &all);
            }
        }
    }
}

#[test]
fn the_walk_finds_every_chain_within_a_limit_and_the_bound_holds() {
    each_option(|seed, table, s, o, all| {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let Some(l) = Lattice::new(table, s, o) else {
            assert!(all.is_empty(), "seed {seed}: a lattice was given up that has chains");
            return;
        };
        let p = random_prices(table, &mut rng);
        let mut costs: Vec<f64> = all.iter().map(|c| cost(table, &p, c)).collect();
        costs.sort_by(f64::total_cmp);
        let least = costs.first().copied().unwrap_or(f64::INFINITY);
        let tariff = Tariff::prices(table, &l, &p);
        let any = ToGo::new(&l, &tariff, None);
        assert!(any.least(&l, &tariff) <= least + 1e-9, "seed {seed}: {} {least}", any.least(&l, &tariff));
        for limit in [f64::INFINITY, costs.get(costs.len() / 2).copied().unwrap_or(0.0) + 1e-9] {
            let mut keep = Keep::all(limit, usize::MAX);
            for device in 0..l.devices.len() {
                let togo = ToGo::new(&l, &tariff, Some(device));
                let mut steps = u64::MAX;
                let mut walk = Walk { table, lattice: &l, tariff: &tariff, togo: &togo, late: [0.0; 3], steps: &mut steps };
                assert!(walk.from_device(device, &mut keep));
            }
            let wanted: Vec<f64> = costs.iter().copied().filter(|c| *c <= limit).collect();
            assert_eq!(keep.found.len(), wanted.len(), "seed {seed} service {s} option {o}");
            for ((found, column), wanted) in keep.found.iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-9 && (found - cost(table, &p, column)).abs() < 1e-9);
            }
        }
    });
}

#[test]
fn the_graph_agrees_on_the_fastest_chain() {
    each_option(|seed, table, s, o, all| {
        let Some(l) = Lattice::new(table, s, o) else { return };
        let (time, chain) = fastest(table, &l).expect("a lattice has a chain");
        let least = all.iter().map(|c| c.total_s).fold(f64::INFINITY, f64::min);
        assert!(time <= least + 1e-9, "seed {seed}");
        // One stage sends nothing back and repeats no place, so nothing is relaxed.
        if let Some(c) = Column::new(table, s, o, &chain).filter(|c| c.loads.len() == 1) {
            assert!((c.total_s - time).abs() < 1e-9 && (c.total_s - least).abs() < 1e-9);
        }
    });
}
