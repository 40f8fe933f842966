//! Options of random tables that only a share of requests goes through whole: behind a pre-filter or an early exit.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::table::{BlockCosts, Choice, Cost, Table};

/// The table in which half of the options of several blocks pass on a share of requests, by the seed alone.
#[must_use]
pub fn with_shares(mut table: Table, seed: u64) -> Table {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x5a3e);
    for option in table.services.iter_mut().flat_map(|s| &mut s.options).filter(|o| o.blocks > 1) {
        if rng.random_bool(0.5) {
            pass_on(option, &mut rng);
        }
    }
    table
}

/// From a block on, a share of the requests. In front of it is another model, or the same one.
fn pass_on(option: &mut Choice, rng: &mut Xoshiro256PlusPlus) {
    let (from, share) = (rng.random_range(1..option.blocks), rng.random_range(0.05..0.9));
    let filter = rng.random_bool(0.5);
    if filter && option.passes > 0.0 {
        option.loop_start = from;
    }
    for cut in option.cuts.iter_mut().skip(from as usize) {
        cut.share = share;
    }
    let blocks = option.blocks;
    for at in option.at.iter_mut().flatten() {
        let part = |c: &Cost| Cost { busy_s: share * c.busy_s, dynamic_j: share * c.dynamic_j, ..*c };
        let (own, later) = (at.per_stage, part(&at.per_stage));
        let each: Vec<Cost> = (0..blocks as usize).map(|b| minus(&at.sum[b + 1], &at.sum[b])).collect();
        let mut sum = vec![Cost::default()];
        for (b, cost) in each.iter().enumerate() {
            let cost = if b as u32 >= from { part(cost) } else { *cost };
            let before = sum[b];
            // A stage with both models begins twice.
            let second = if filter && b as u32 == from { later } else { Cost::default() };
            sum.push(plus(&plus(&before, &cost), &second));
        }
        let begins = (0..blocks).map(|b| match (b < from, filter && b == from) {
            (true, _) => own,
            (false, true) => Cost::default(),
            (false, false) => later,
        });
        *at = BlockCosts { sum, per_stage: own, begins: begins.collect() };
    }
}

fn each(a: &Cost, b: &Cost, of: impl Fn(f64, f64) -> f64) -> Cost {
    Cost {
        ttft_s: of(a.ttft_s, b.ttft_s),
        tpot_s: of(a.tpot_s, b.tpot_s),
        total_s: of(a.total_s, b.total_s),
        busy_s: of(a.busy_s, b.busy_s),
        dynamic_j: of(a.dynamic_j, b.dynamic_j),
        bytes: of(a.bytes, b.bytes),
    }
}

fn plus(a: &Cost, b: &Cost) -> Cost {
    each(a, b, |a, b| a + b)
}

fn minus(a: &Cost, b: &Cost) -> Cost {
    each(a, b, |a, b| a - b)
}
