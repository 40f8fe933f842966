//! Pricing: the chains that earn most under given duals, and how little any other can earn.

use rayon::prelude::*;

use super::Column;
use crate::search::split::{Keep, Lattice, Prices, Tariff, ToGo, Walk};
use crate::table::Table;

/// The lattices of all options worth pricing, by service.
#[derive(Clone, Debug)]
pub struct Pricing {
    pub lattices: Vec<Vec<Lattice>>,
}

impl Pricing {
    /// Builds the lattices of the options kept by presolve; those without any chain in time drop out.
    #[must_use]
    pub fn new(table: &Table, kept: &[Vec<u32>]) -> Pricing {
        let pairs: Vec<(usize, u32)> =
            kept.iter().enumerate().flat_map(|(s, options)| options.iter().map(move |&o| (s, o))).collect();
        let built: Vec<Option<Lattice>> = pairs.par_iter().map(|&(s, o)| Lattice::new(table, s as u32, o)).collect();
        let mut lattices: Vec<Vec<Lattice>> = vec![Vec::new(); kept.len()];
        for ((s, _), lattice) in pairs.into_iter().zip(built) {
            lattices[s].extend(lattice);
        }
        Pricing { lattices }
    }
}

/// What pricing one service found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Columns of negative reduced cost, least first; the cost is replicas times reduced cost.
    pub columns: Vec<(f64, Column)>,
    /// No column's replicas times reduced cost is below this; at most zero.
    pub least: f64,
    /// False when the walk ran out of steps somewhere and the bound of the backward pass stands in.
    pub exact: bool,
    /// Cells of backward passes and steps of walks: what pricing costs, counted.
    pub work: u64,
}

/// How thoroughly to price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// Until one option of the service gives columns; the others' backward passes bound the rest.
    Partial,
    /// Every option that may give columns.
    Full,
}

/// Prices every service: at most `most` columns each, at most `steps` steps of the walk each.
#[must_use]
pub fn price(table: &Table, pricing: &Pricing, prices: &Prices, most: usize, steps: u64, care: Care) -> Vec<Found> {
    pricing.lattices.par_iter().map(|l| service(table, l, prices, most, steps, care)).collect()
}

fn service(table: &Table, lattices: &[Lattice], prices: &Prices, most: usize, mut steps: u64, care: Care) -> Found {
    let Some(first) = lattices.first() else { return Found { exact: true, ..Found::default() } };
    let reward = prices.reward[first.service as usize];
    let mut limit = -1e-10 * (1.0 + reward.abs());
    let mut found = Found { columns: Vec::new(), least: limit, exact: true, work: 0 };
    let mut order: Vec<(f64, usize, Tariff, ToGo)> = lattices
        .par_iter()
        .enumerate()
        .map(|(i, l)| {
            let tariff = Tariff::prices(table, l, prices);
            let togo = ToGo::new(l, &tariff, None);
            (replicas(table, l) * togo.least(l, &tariff), i, tariff, togo)
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    found.work = lattices.iter().map(Lattice::cells).sum();
    for (bound, i, tariff, togo) in &order {
        if *bound >= limit {
            break;
        }
        if care == Care::Partial && !found.columns.is_empty() {
            // The options are in order of their bounds: this one bounds all that are left out.
            found.least = found.least.min(*bound);
            found.exact = false;
            break;
        }
        let l = &lattices[*i];
        found.work += l.cells() * (l.devices.len() as u64 + BEND);
        let r = replicas(table, l);
        let (keep, left) = explore(table, l, tariff, togo, &Keep::cheapest(limit / r, most), &mut steps);
        if left < f64::INFINITY {
            found.exact = false;
            found.least = found.least.min(r * left);
        }
        for (cost, column) in keep.found {
            let at = found.columns.partition_point(|(c, _)| *c <= r * cost);
            found.columns.insert(at, (r * cost, column));
        }
        found.columns.truncate(most);
        if found.columns.len() == most {
            limit = limit.min(found.columns[most - 1].0);
        }
    }
    if let Some((best, _)) = found.columns.first() {
        found.least = found.least.min(*best);
    }
    // Sums of reduced costs round.
    found.least -= 1e-12 * (1.0 + reward.abs());
    found
}

/// All columns that a solution better than the incumbent may use, or `None` when there are more than `most`.
///
/// With Lagrangian bound `L` whose part of this service is `least`, a solution that uses a column costs
/// at least `L - least` plus its service's reduced costs; so only columns for which that stays within
/// `slack = incumbent - L` matter (route enumeration, Baldacci et al. 2008).
#[must_use]
pub fn enumerate(
    table: &Table,
    lattices: &[Lattice],
    prices: &Prices,
    least: f64,
    slack: f64,
    most: usize,
    mut steps: u64,
) -> Option<Vec<Column>> {
    let room = slack + least;
    let mut all: Vec<Column> = Vec::new();
    for l in lattices {
        let tariff = Tariff::prices(table, l, prices);
        let togo = ToGo::new(l, &tariff, None);
        let r = replicas(table, l);
        let cheapest = togo.least(l, &tariff);
        if r * cheapest > room {
            continue;
        }
        let keep = Keep::all(room - (r - 1.0) * cheapest, most - all.len());
        let (keep, left) = explore(table, l, &tariff, &togo, &keep, &mut steps);
        if left < f64::INFINITY {
            return None;
        }
        all.extend(keep.found.into_iter().map(|(_, c)| c));
    }
    Some(all)
}

/// Backward passes that pricing lateness may take, counted as if it always did.
const BEND: u64 = 24;

/// Steps of a walk before lateness gets a price.
const FIRST: u64 = 2_000;

/// Walks one option: what it keeps, and a lower bound on what it did not get to, infinite when it got to all.
fn explore(table: &Table, l: &Lattice, tariff: &Tariff, togo: &ToGo, keep: &Keep, steps: &mut u64) -> (Keep, f64) {
    let mut first = keep.clone();
    let mut few = FIRST.min(*steps);
    *steps -= few;
    let left = tour(table, l, tariff, togo, [0.0; 3], &mut first, &mut few);
    *steps += few;
    if left == f64::INFINITY || first.overflow {
        return (first, left);
    }
    // Cheap chains that are late hide behind the bound: price their lateness and start again.
    let (bent, rates) = bend(table, l, tariff, togo.least(l, tariff));
    let mut second = keep.clone();
    let bound = ToGo::new(l, &bent, None);
    let left = tour(table, l, &bent, &bound, rates, &mut second, steps);
    (second, left)
}

/// Walks from every first device, nearest first. Returns as [`explore`] does.
fn tour(table: &Table, l: &Lattice, tariff: &Tariff, togo: &ToGo, late: [f64; 3], keep: &mut Keep, steps: &mut u64) -> f64 {
    let mut left = f64::INFINITY;
    for (start, device) in starts(l, tariff, togo) {
        if start > keep.limit() {
            break;
        }
        let exact = ToGo::new(l, tariff, Some(device));
        let mut walk = Walk { table, lattice: l, tariff, togo: &exact, late, steps };
        if !walk.from_device(device, keep) {
            left = left.min(exact.least(l, tariff));
            if keep.overflow {
                break;
            }
        }
    }
    left
}

/// Adds a price on lateness, `rate * (time - cap)` for each of the three times, such that the least cost
/// is as high as a few tries make it (Lagrangian relaxation of the deadlines: chains in time only get
/// cheaper, so every bound still holds for them).
fn bend(table: &Table, l: &Lattice, tariff: &Tariff, least: f64) -> (Tariff, [f64; 3]) {
    let s = &table.services[l.service as usize];
    let mut rates = [0.0; 3];
    let mut best = (least, tariff.clone());
    for (x, cap) in [(2, s.total_cap_s), (1, s.tpot_cap_s), (0, s.ttft_cap_s)] {
        if !cap.is_finite() || cap <= 0.0 || !best.0.is_finite() {
            continue;
        }
        let from = best.clone();
        for power in -2..=5 {
            let rate = least.abs().max(1e-9) / cap * f64::powi(2.0, power);
            let mut tried = from.1.clone();
            tried.add_late(l, x, rate, cap);
            let value = ToGo::new(l, &tried, None).least(l, &tried);
            if value > best.0 {
                best = (value, tried);
                rates[x] = rate;
            }
        }
    }
    (best.1, rates)
}

fn replicas(table: &Table, l: &Lattice) -> f64 {
    f64::from(table.services[l.service as usize].options[l.option as usize].replicas)
}

/// Local devices by the least cost of a chain that starts there.
fn starts(l: &Lattice, tariff: &Tariff, togo: &ToGo) -> Vec<(f64, usize)> {
    let mut least = vec![f64::INFINITY; l.devices.len()];
    for p in 0..l.places.len() {
        let d = l.device_of[p];
        least[d] = least[d].min(togo.start(l, tariff, p));
    }
    let mut order: Vec<(f64, usize)> = least.into_iter().zip(0..).filter(|(v, _)| *v < f64::INFINITY).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    order
}
