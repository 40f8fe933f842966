//! Fleets of sites that share no link and no service: one table a site, solved apart and in parallel.
//!
//! What couples them is a cap on the power of the whole fleet. Its dual prices it (Everett 1963; Held and
//! Karp 1970): under a price of a watt every site answers for itself, and `sum of the sites' bounds - price cap`
//! bounds the whole at any price. Plans met on the way are then combined by what a watt buys. A site's
//! table lives only while it is worked on, so memory grows with threads, not with sites.

use super::{Effort, Progress, Watch, improve};
use crate::table::{Assignment, Table};
use rayon::prelude::*;

/// Prices tried where the cap binds.
const PRICES: u32 = 8;
/// Factor between the first prices while none is high enough.
const STEEP: f64 = 4.0;

/// Makes the table of one site.
pub type Maker<'a> = dyn Fn(usize) -> Table + Sync + 'a;

/// One site's plan.
#[derive(Clone, Debug, PartialEq)]
pub struct SitePlan {
    pub assignment: Assignment,
    pub power_w: f64,
    /// By the site's own weights.
    pub objective: f64,
}

/// What was found for the whole fleet.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Fleet {
    /// A plan for every site, within the cap; `None`: some site has none, or the cap was not met.
    pub plans: Option<Vec<SitePlan>>,
    pub power_w: f64,
    pub objective: f64,
    /// No plans within the cap cost less in all.
    pub bound: f64,
    /// Price of a watt of the cap at the end, in units of the objective; 0: it does not bind.
    pub price: f64,
}

/// A site's progress is not the fleet's; the wish to stop is.
struct Quiet<'a>(&'a dyn Watch);
impl Watch for Quiet<'_> {
    fn progress(&self, _: Progress) {}
    fn stop(&self) -> bool {
        self.0.stop()
    }
}

/// One price's answer.
struct Answer {
    plans: Vec<Option<SitePlan>>,
    bound: f64,
}

impl Answer {
    fn power_w(&self) -> f64 {
        self.plans.iter().map(|p| p.as_ref().map_or(f64::INFINITY, |p| p.power_w)).sum()
    }
}

/// Plans `sites` sites; `effort` is that of one site under one price.
pub fn solve(sites: usize, table: &Maker<'_>, power_cap_w: f64, effort: &Effort, watch: &dyn Watch) -> Fleet {
    let ask = |price: f64| answer(sites, table, price, power_cap_w, effort, watch);
    let free = ask(0.0);
    let mut bound = free.bound;
    let within = |a: &Answer| a.power_w() <= power_cap_w;
    if within(&free) || free.plans.iter().any(Option::is_none) || power_cap_w <= 0.0 {
        return combine(vec![free], power_cap_w, bound, 0.0);
    }
    // What one more watt is worth at first: the whole objective over the whole power.
    let objective: f64 = free.plans.iter().flatten().map(|p| p.objective).sum();
    let mut high = (objective / free.power_w()).abs().max(1e-9);
    let mut low = 0.0;
    let mut met = vec![free];
    let mut closed = false;
    for _ in 0..PRICES {
        if watch.stop() {
            break;
        }
        let price = if closed { 0.5 * (low + high) } else { high };
        let a = ask(price);
        bound = bound.max(a.bound);
        match (within(&a), closed) {
            (true, _) => (closed, high) = (true, price),
            (false, true) => low = price,
            (false, false) => (low, high) = (price, price * STEEP),
        }
        met.push(a);
    }
    combine(met, power_cap_w, bound, high)
}

/// All sites under one price.
fn answer(sites: usize, table: &Maker<'_>, price: f64, cap_w: f64, effort: &Effort, watch: &dyn Watch) -> Answer {
    let each: Vec<(Option<SitePlan>, f64)> = (0..sites)
        .into_par_iter()
        .map(|site| {
            let mut table = table(site);
            table.weights.power += price;
            let effort = Effort { seed: effort.seed.wrapping_add(site as u64), front: 0, ..effort.clone() };
            let found = improve(&table, &[], &effort, &Quiet(watch));
            let plan = found.best.map(|(assignment, e)| SitePlan {
                assignment,
                power_w: e.power_w,
                objective: e.objective - price * e.power_w,
            });
            (plan, found.bound)
        })
        .collect();
    let toll = if price > 0.0 { price * cap_w } else { 0.0 };
    let bound = each.iter().map(|(_, b)| b).sum::<f64>() - toll;
    Answer { plans: each.into_iter().map(|(p, _)| p).collect(), bound }
}

/// Starts from the thriftiest plans and spends what the cap leaves where a watt buys most.
fn combine(met: Vec<Answer>, cap_w: f64, bound: f64, price: f64) -> Fleet {
    let sites = met.first().map_or(0, |a| a.plans.len());
    let mut options: Vec<Vec<SitePlan>> = vec![Vec::new(); sites];
    for answer in met {
        for (list, plan) in options.iter_mut().zip(answer.plans) {
            list.extend(plan);
        }
    }
    let thrifty = |list: &Vec<SitePlan>| {
        (0..list.len())
            .min_by(|&a, &b| list[a].power_w.total_cmp(&list[b].power_w).then(list[a].objective.total_cmp(&list[b].objective)))
    };
    let Some(mut chosen) = options.iter().map(thrifty).collect::<Option<Vec<usize>>>() else {
        return Fleet { plans: None, power_w: f64::INFINITY, objective: f64::INFINITY, bound, price };
    };
    let power = |chosen: &[usize]| chosen.iter().zip(&options).map(|(&i, list)| list[i].power_w).sum::<f64>();
    let mut power_w = power(&chosen);
    loop {
        let mut best: Option<(f64, usize, usize)> = None;
        for (site, list) in options.iter().enumerate() {
            let now = &list[chosen[site]];
            for (i, plan) in list.iter().enumerate() {
                let (gain, watts) = (now.objective - plan.objective, plan.power_w - now.power_w);
                if gain <= 1e-12 || power_w + watts > cap_w {
                    continue;
                }
                let worth = if watts > 0.0 { gain / watts } else { f64::INFINITY };
                if best.is_none_or(|(w, ..)| worth > w) {
                    best = Some((worth, site, i));
                }
            }
        }
        let Some((_, site, i)) = best else { break };
        chosen[site] = i;
        power_w = power(&chosen);
    }
    if power_w > cap_w {
        return Fleet { plans: None, power_w, objective: f64::INFINITY, bound, price };
    }
    let plans: Vec<SitePlan> = options.iter_mut().zip(&chosen).map(|(list, &i)| list.swap_remove(i)).collect();
    let objective: f64 = plans.iter().map(|p| p.objective).sum();
    Fleet { power_w, objective, bound: bound.min(objective), price, plans: Some(plans) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{Silent, brute};
    use crate::table::{Weights, evaluate};
    use crate::testing::random_instance;
    use crate::yardstick::problem;

    fn site(seed: u64) -> Table {
        let mut table = problem(&random_instance(seed, 3, 2, 2)).expect("a table").table;
        table.weights = Weights { power: 0.1, latency: 10.0, inaccuracy: 0.0, underuse: 0.0 };
        table
    }

    fn effort() -> Effort {
        Effort { seats: 20_000, pivots: 200_000, front: 0, ..Effort::for_seconds(0.1) }
    }

    /// All plans of a small site: power and objective.
    fn points(table: &Table) -> Vec<(f64, f64)> {
        let mut points = Vec::new();
        brute::each(table, 200_000, &mut |a| {
            let e = evaluate(table, &a);
            points.extend((e.feasible() && e.objective.is_finite()).then_some((e.power_w, e.objective)));
        })
        .expect("small");
        points
    }

    /// Two sites under caps from slack to tight: never better than the best pair, never over the cap, and the bound is one.
    #[test]
    fn coupled_sites_against_all_pairs() {
        let (mut bound_by_cap, mut exact, mut cases) = (0, 0, 0);
        for seed in 0..12u64 {
            let tables = [site(2 * seed), site(2 * seed + 1)];
            let [a, b] = [points(&tables[0]), points(&tables[1])];
            if a.is_empty() || b.is_empty() {
                continue;
            }
            let make = |i: usize| tables[i].clone();
            let free = solve(2, &make, f64::INFINITY, &effort(), &Silent);
            let least = |list: &[(f64, f64)]| list.iter().map(|p| p.0).fold(f64::INFINITY, f64::min);
            let thrifty = least(&a) + least(&b);
            for share in [1.0, 0.6, 0.3, 0.05] {
                let cap = thrifty + share * (free.power_w - thrifty) + 1e-6;
                let found = solve(2, &make, cap, &effort(), &Silent);
                let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (x.0 + y.0, x.1 + y.1)));
                let truth = pairs.filter(|p| p.0 <= cap + 1e-9).map(|p| p.1).fold(f64::INFINITY, f64::min);
                assert!(found.bound <= truth * (1.0 + 1e-9), "seed {seed}: bound {} above {truth}", found.bound);
                assert!(found.plans.is_some() && found.power_w <= cap, "seed {seed}");
                assert!(found.objective >= truth - 1e-9 * truth.abs(), "seed {seed}: {} beats {truth}", found.objective);
                bound_by_cap += u32::from(found.price > 0.0);
                exact += u32::from(found.objective <= truth * (1.0 + 1e-9));
                cases += 1;
            }
        }
        assert!(cases >= 12 && bound_by_cap >= 4, "{bound_by_cap} of {cases}");
        assert!(2 * exact >= cases, "{exact} of {cases} are the best pair");
    }

    #[test]
    fn one_thread_and_two_give_the_same_fleet() {
        let make = |i: usize| problem(&random_instance(40 + i as u64, 6, 4, 12)).expect("a table").table;
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| solve(4, &make, f64::INFINITY, &effort(), &Silent))
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert!(one.plans.is_some() && one.bound <= one.objective);
    }
}
