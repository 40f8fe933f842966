use super::{construct, hardness};
use crate::search::state::{Context, State};
use crate::table::{Violation, evaluate};
use crate::testing::{Size, random_table};

#[test]
fn well_formed_and_the_same_each_time() {
    for seed in 0..60 {
        let table = random_table(seed, Size::SMALL);
        for variant in 0..5 {
            let a = construct(&table, variant, seed);
            assert_eq!(a, construct(&table, variant, seed));
            let e = evaluate(&table, &a);
            let shapes = e.violations.iter().filter(|v| matches!(v, Violation::Shape { .. } | Violation::Unreachable { .. }));
            assert_eq!(shapes.count(), 0, "seed {seed}: {:?}", e.violations);
            let context = Context::new(&table);
            assert_eq!(State::load(&table, &context, &a).1, 0);
        }
    }
}

/// Not a proof of anything but of work done: random tables are loose enough for most.
#[test]
fn mostly_feasible() {
    let feasible = |seed: u64| {
        let table = random_table(seed, Size::MEDIUM);
        (0..6).any(|variant| {
            let a = construct(&table, variant, 1);
            a.services.iter().all(Option::is_some) && evaluate(&table, &a).feasible()
        })
    };
    let n = (0..40).filter(|&seed| feasible(seed)).count();
    assert!(n >= 20, "{n} of 40");
}

#[test]
fn what_needs_more_memory_is_harder() {
    let mut table = random_table(2, Size::MEDIUM);
    let heavy = &mut table.services[3];
    heavy.pins.clear();
    for at in heavy.options.iter_mut().flat_map(|o| o.at.iter_mut().flatten()) {
        at.sum.iter_mut().for_each(|c| c.bytes *= 100.0);
    }
    let keys = hardness::keys(&table, 0);
    let hardest = (0..keys.len()).max_by(|&a, &b| keys[a].total_cmp(&keys[b]));
    assert_eq!(hardest, Some(3));
}

/// A service that may be skipped is skipped when serving it costs more.
#[test]
fn skips_what_does_not_pay() {
    let mut table = random_table(5, Size::SMALL);
    table.power_cap_w = f64::INFINITY;
    for service in &mut table.services {
        service.skip_cost = 0.0;
    }
    assert!(construct(&table, 0, 0).services.iter().all(Option::is_none));
}
