//! Tables that fall into parts: sites that no link joins, each with services that can run nowhere else.
//!
//! Such parts are solved apart and in parallel by [`super::sites`]; a cap on the power of the whole fleet is priced by
//! its dual there. Whatever else couples them (a cap on a mean over services, on a bill, on idling) keeps the table
//! whole. Found by looking at the numbers, as evenness is.

use super::order::Order;
use super::{Effort, Progress, Solution, Stats, Status, Watch, driver, sites};
use crate::table::{Assignment, Table, evaluate};

/// Marks parts that were joined.
struct Joined(Vec<usize>);

impl Joined {
    fn root(&mut self, mut i: usize) -> usize {
        while self.0[i] != i {
            self.0[i] = self.0[self.0[i]];
            i = self.0[i];
        }
        i
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The least number leads, so that parts come in the order of their first devices.
        self.0[a.max(b)] = a.min(b);
    }
}

/// The parts of a table, each as an order of its devices and services; `None` where it is in one piece, or coupled.
pub(super) fn of(table: &Table) -> Option<Vec<Order>> {
    let caps = [table.latency_cap, table.inaccuracy_cap, table.underuse_cap];
    let loose = caps.iter().all(|c| *c == f64::INFINITY) && table.weights.underuse == 0.0;
    if !loose || table.bills.iter().any(|b| b.cap < f64::INFINITY) || table.services.is_empty() {
        return None;
    }
    let (n, m) = (table.devices.len(), table.services.len());
    // Devices first, then services, then segments.
    let mut joined = Joined((0..n + m + table.segments.len()).collect());
    for (i, hop) in table.hops.iter().enumerate() {
        if hop.latency_s.is_finite() {
            joined.join(i / n, i % n);
            hop.segments.iter().for_each(|&g| joined.join(i / n, n + m + g as usize));
        }
    }
    for (d, device) in table.devices.iter().enumerate() {
        device.needs.into_iter().for_each(|h| joined.join(d, h as usize));
    }
    for (s, service) in table.services.iter().enumerate() {
        service.apart.iter().for_each(|&o| joined.join(n + s, n + o as usize));
        service.pins.iter().flatten().for_each(|&d| joined.join(n + s, d as usize));
        for o in &service.options {
            for (p, _) in o.at.iter().enumerate().filter(|(_, at)| at.is_some()) {
                let d = table.places[p].device as usize;
                // Who cannot be reached from the origin holds no first stage, and no other without a link to one.
                let reached = [&o.enter, &o.leave].iter().all(|t| t.get(d).is_none_or(|t| t.total_s.is_finite()));
                let first = service.first.is_empty() || service.first.contains(&(d as u32));
                if reached && first {
                    joined.join(n + s, d);
                    let used = [&o.enter, &o.leave].into_iter().filter_map(|t| t.get(d)).flat_map(|t| t.segments.clone());
                    used.for_each(|g| joined.join(d, n + m + g as usize));
                }
            }
        }
    }
    let leads: Vec<usize> = (0..n + m).map(|i| joined.root(i)).collect();
    let mut parts: Vec<(usize, Vec<u32>, Vec<u32>)> = Vec::new();
    for (i, &lead) in leads.iter().enumerate() {
        let at = parts.iter().position(|p| p.0 == lead).unwrap_or_else(|| {
            parts.push((lead, Vec::new(), Vec::new()));
            parts.len() - 1
        });
        let (list, number) = if i < n { (&mut parts[at].1, i) } else { (&mut parts[at].2, i - n) };
        list.push(number as u32);
    }
    // A service that reaches no device has no plan, which the search of the whole says better.
    if parts.iter().any(|p| p.1.is_empty()) || parts.iter().filter(|p| !p.2.is_empty()).count() < 2 {
        return None;
    }
    // Devices without a service are one more part.
    let (busy, idle): (Vec<_>, Vec<_>) = parts.into_iter().partition(|p| !p.2.is_empty());
    let rest: Vec<u32> = idle.into_iter().flat_map(|p| p.1).collect();
    let mut orders: Vec<Order> = busy.into_iter().map(|(_, d, s)| Order::part(table, d, s)).collect();
    if !rest.is_empty() {
        orders.push(Order::part(table, rest, Vec::new()));
    }
    Some(orders)
}

/// Solves the parts of a table; `None` where it has none, or some part no plan: then the whole is searched.
pub(super) fn solve(table: &Table, starts: &[Assignment], effort: &Effort, watch: &dyn Watch) -> Option<Solution> {
    let parts = of(table)?;
    let make = |i: usize| Table { power_cap_w: f64::INFINITY, ..parts[i].apply(table) };
    let found = sites::solve(parts.len(), &make, table.power_cap_w, &effort.share(parts.len() as u64), watch);
    let mut best = Assignment { services: vec![None; table.services.len()] };
    for (part, plan) in parts.iter().zip(found.plans?) {
        part.put_back(&plan.assignment, &mut best);
    }
    let costed = |a: &Assignment| (a.clone(), evaluate(table, a));
    let plans = std::iter::once(costed(&best)).chain(starts.iter().map(costed)).filter(|p| p.1.feasible());
    let best = plans.reduce(|a, b| if b.1.objective < a.1.objective { b } else { a })?;
    let bound = found.bound.max(driver::standing(table)).min(best.1.objective);
    let proved = best.1.objective - bound <= driver::OPTIMAL * best.1.objective.abs();
    watch.progress(Progress { phase: "done", best: best.1.objective, bound });
    Some(Solution {
        status: if proved { Status::Optimal } else { Status::Gap },
        front: vec![best.clone()],
        best: Some(best),
        bound,
        stopped: watch.stop(),
        stats: Stats::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::physics;
    use crate::search::{Silent, brute, solve as search};
    use crate::testing::{board, device_of, service_of, tiny_llm, two_boards_and_a_card};
    use scenarios::Scenario;

    /// Two sites without a link, a service at each, and a device without work.
    fn two_sites(seed: u64) -> Scenario {
        let mut s = two_boards_and_a_card();
        let mut other = s.sites[0].clone();
        other.name = "other".into();
        s.sites.push(other);
        s.devices[2].site = 1;
        s.devices.push(device_of("far", board(), 1));
        s.services =
            vec![service_of("here", tiny_llm("a", 2, 512)), service_of("there", tiny_llm("b", 2, 256 + 256 * (seed % 3)))];
        (s.services[0].origin, s.services[1].origin) = (Some(0), Some(3));
        s.services.iter_mut().for_each(|v| v.max_stages = 1 + (seed % 2) as u32);
        s
    }

    fn effort() -> Effort {
        Effort { front: 0, ..Effort::for_seconds(0.5) }
    }

    #[test]
    fn sites_without_a_link_are_solved_apart_and_to_the_optimum() {
        for seed in 0..6 {
            let table = physics::build(&two_sites(seed)).table;
            assert_eq!(of(&table).map(|p| p.len()), Some(2), "seed {seed}");
            let found = search(&table, &effort(), &Silent);
            let (_, truth) = brute::solve(&table, 100_000).expect("small").expect("a plan");
            let best = found.best.expect("a plan").1.objective;
            assert_eq!(found.status, Status::Optimal);
            assert!((best - truth.objective).abs() <= 1e-7 * truth.objective, "seed {seed}: {best} {}", truth.objective);
            assert!(found.bound <= truth.objective * (1.0 + 1e-9));
        }
    }

    /// Least latency under a cap on power that binds: priced, within the cap, never better than the whole's optimum.
    #[test]
    fn a_cap_on_the_fleet_is_priced() {
        let mut bound_by_cap = 0;
        for seed in 0..4 {
            let mut s = two_sites(seed);
            s.objective.goal = scenarios::Goal::Latency;
            let mut table = physics::build(&s).table;
            let free = search(&table, &effort(), &Silent).best.expect("a plan").1;
            table.power_cap_w = 0.9 * free.power_w;
            let truth = brute::solve(&table, 100_000).expect("small");
            let found = search(&table, &effort(), &Silent);
            let Some((_, truth)) = truth else { continue };
            let best = found.best.expect("a plan").1;
            assert!(best.feasible() && found.bound <= truth.objective * (1.0 + 1e-9), "seed {seed}");
            assert!(best.objective >= truth.objective * (1.0 - 1e-9));
            bound_by_cap += u32::from(truth.objective > free.objective * (1.0 + 1e-6));
        }
        assert!(bound_by_cap > 0);
    }

    #[test]
    fn what_couples_keeps_a_table_whole() {
        let s = two_sites(1);
        let table = physics::build(&s).table;
        let mut mean = table.clone();
        mean.latency_cap = 1.0;
        let mut anywhere = s.clone();
        anywhere.services[0].origin = None;
        let mut joined = s.clone();
        let rates = s.sites[0].link.clone();
        let between = (scenarios::End::Site(0), scenarios::End::Site(1));
        joined.links = vec![scenarios::Link { between, rates, at: scenarios::At::default() }];
        for other in [mean, physics::build(&anywhere).table, physics::build(&joined).table] {
            assert!(of(&other).is_none());
        }
        assert!(of(&table).is_some());
    }

    #[test]
    fn one_thread_and_two_give_the_same_bytes() {
        let table = physics::build(&two_sites(1)).table;
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            format!("{:?}", pool.install(|| search(&table, &effort(), &Silent)))
        };
        assert_eq!(with(1), with(2));
    }
}
