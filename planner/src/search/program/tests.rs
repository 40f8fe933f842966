use super::{Goal, Rows};
use crate::search::brute;
use crate::search::columns::Column;
use crate::search::split::{Lattice, Prices, Tariff};
use crate::testing::{Size, random_table, with_shares};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Reduced cost as pricing sees a chain: its path through the lattice.
fn priced(table: &crate::table::Table, l: &Lattice, p: &Prices, c: &Column) -> f64 {
    let t = Tariff::prices(table, l, p);
    let local = |place: u32| l.places.iter().position(|&q| q == place).expect("a column's place is in its lattice");
    let stages: Vec<(usize, usize, usize)> =
        c.chain.stages.iter().map(|s| (local(s.place), s.start as usize, s.end as usize)).collect();
    let device = |i: usize| l.device_of[stages[i].0];
    let last = stages.len() - 1;
    let mut sum = t.enter[device(0)] + t.leave[device(last)];
    let mut seen: Vec<usize> = Vec::new();
    for (i, &(p, start, end)) in stages.iter().enumerate() {
        sum += t.stage(l, p, start, end);
        if i > 0 {
            sum += t.hop(l, device(i - 1), device(i), start);
        }
        if !seen.contains(&device(i)) {
            sum += t.touch[p];
            seen.push(device(i));
        }
    }
    let again = stages.iter().rposition(|s| s.1 <= l.loop_start).unwrap_or(0);
    if again < last { sum + t.back[device(last) * l.devices.len() + device(again)] } else { sum }
}

#[test]
fn prices_of_any_duals_are_reduced_costs() {
    for seed in 0..30 {
        let mut table = random_table(seed, Size { processors: (1, 2), replicas: 2, ..Size::TINY });
        if seed % 2 == 1 {
            table = with_shares(table, seed);
        }
        (table.power_cap_w, table.latency_cap, table.inaccuracy_cap, table.underuse_cap) = (90.0, 2.0, 0.7, 1.0);
        let rows = Rows::new(&table, Goal::of(&table), 10.0);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let raw: Vec<f64> = rows.lower.iter().map(|_| rng.random_range(-2.0..2.0)).collect();
        let duals = rows.clean(&table, &raw);
        let prices = rows.prices(&table, &duals);
        for s in 0..table.services.len() {
            for o in 0..table.services[s].options.len() {
                let Some(l) = Lattice::new(&table, s as u32, o as u32) else { continue };
                for chain in brute::chains(&table, s, o) {
                    let Some(c) = Column::new(&table, s as u32, o as u32, &chain) else { continue };
                    let entries = rows.entries(&table, &c);
                    let reduced = rows.cost(&table, &c) - entries.iter().map(|&(r, a)| a * duals[r as usize]).sum::<f64>();
                    let seen = priced(&table, &l, &prices, &c);
                    assert!((reduced - seen).abs() < 1e-8 * (1.0 + reduced.abs()), "seed {seed}: {reduced} {seen}");
                }
            }
        }
    }
}

#[test]
fn the_bound_of_any_duals_is_below_the_optimum() {
    let mut checked = 0;
    for seed in 0..30 {
        let table = random_table(seed, Size::TINY);
        let Ok(Some((_, e))) = brute::solve(&table, 20_000) else { continue };
        let rows = Rows::new(&table, Goal::of(&table), 10.0);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        for _ in 0..5 {
            let raw: Vec<f64> = rows.lower.iter().map(|_| rng.random_range(-3.0..3.0)).collect();
            let duals = rows.clean(&table, &raw);
            let mut least = vec![0.0; table.services.len()];
            for (s, low) in least.iter_mut().enumerate() {
                for (o, option) in table.services[s].options.iter().enumerate() {
                    for chain in brute::chains(&table, s, o) {
                        let Some(c) = Column::new(&table, s as u32, o as u32, &chain) else { continue };
                        let a = rows.entries(&table, &c);
                        let reduced = rows.cost(&table, &c) - a.iter().map(|&(r, a)| a * duals[r as usize]).sum::<f64>();
                        *low = f64::min(*low, f64::from(option.replicas) * reduced);
                    }
                }
            }
            assert!(rows.bound(&duals, &least) <= e.objective + 1e-9, "seed {seed}");
            checked += 1;
        }
    }
    assert!(checked > 50);
}
