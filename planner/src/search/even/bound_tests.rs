//! Bounds of even tables against enumeration, walks and each other.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::advice::Advice;
use super::chain::Walk;
use super::close;
use super::decompose::Decomposition;
use super::fleet::{Goal, Post};
use super::merge::Merged;
use super::part::Part;
use super::priced::{Pricer, Prices, Rule};
use super::program::{Detail, Program};
use super::tests::{effort, table};
use super::tree::{Tree, Until};
use super::view::{Even, LIMITS, WATTS};
use super::{goal, solve};
use crate::search::{Silent, Status, brute};
use crate::table::evaluate;
use crate::testing::{fleet_instance, random_instance};
use crate::yardstick::problem;

/// The pricing problem's answer is below every deployment that a walk meets, at random prices, and is the cost of
/// the deployment that comes with it.
#[test]
fn no_deployment_is_cheaper_than_the_least() {
    let (mut near, mut ruled) = (0, 0);
    for seed in 0..12u64 {
        let table = table(seed, 7, 5, 14);
        let even = Even::of(&table).expect("even");
        let goal = Goal { latency: [0.0, 20.0][seed as usize % 2], ..goal(&even) };
        let mut walk = Walk::new(&even, goal, Advice::default(), seed);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (classes, streams) = (even.classes.len(), even.streams.len());
        let most: Vec<f64> = even.classes.iter().map(|c| c.members.len() as f64).collect();
        let mut pricer = Pricer::default();
        for _ in 0..60 {
            let lines = (0..classes * LIMITS).map(|_| rng.random_range(0.0..3.0)).collect();
            let touch = (0..streams * classes).map(|_| if rng.random_bool(0.2) { rng.random_range(0.0..2.0) } else { 0.0 });
            let prices = Prices::of(&even, lines, touch.collect());
            (0..20).for_each(|_| walk.step(5.0, None));
            for j in 0..streams {
                let rule =
                    if rng.random_bool(0.5) { rule(&mut rng, classes, even.streams[j].ways.len()) } else { Rule::default() };
                let (least, column) = pricer.least(&even, &goal, &prices, &most, (j, rule));
                let part = Part {
                    rules: (0..streams).map(|i| if i == j { rule } else { Rule::default() }).collect(),
                    ..Part::whole(&even)
                };
                assert!(column.as_ref().is_none_or(|c| part.allows(&even, c)), "seed {seed}: {rule:?} {column:?}");
                let priced =
                    |class: usize, shares: &[f64]| (0..LIMITS).map(|i| prices.capacity[class][i] * shares[i]).sum::<f64>();
                let own = column.map_or(f64::INFINITY, |c| {
                    c.cost + c.uses.iter().map(|u| priced(u.0, &u.2) + u.1 * prices.touch[j * classes + u.0]).sum::<f64>()
                });
                let none = least.is_infinite() && own.is_infinite();
                assert!(none || (least - own).abs() <= 1e-8 * own.abs(), "seed {seed}: {least} for {own}");
                let post = walk.fleet.posts[j];
                if !post.served() || !keeps(&walk, &post, even.streams[j].ways.start, rule) {
                    continue;
                }
                ruled += usize::from(rule != Rule::default());
                let cost: f64 = post
                    .stages()
                    .iter()
                    .map(|&(d, n)| {
                        let class = walk.fleet.class(d);
                        let cell = even.cell(post.way as usize, class);
                        let sums: [f64; 4] = std::array::from_fn(|i| f64::from(n) * cell.layer[i] + cell.stage[i]);
                        let seconds = f64::from(n) * cell.layer_s + cell.stage_s;
                        goal.power * sums[WATTS]
                            + goal.latency * even.streams[j].per_s * seconds
                            + priced(class, &sums)
                            + prices.touch[j * classes + class]
                    })
                    .sum();
                let cost = cost + goal.inaccuracy * even.ways[post.way as usize].inaccuracy;
                assert!(least <= cost * (1.0 + 1e-9), "seed {seed}: {least} above {cost}");
                near += usize::from(least >= 0.8 * cost);
            }
        }
    }
    assert!(near >= 50 && ruled >= 100, "{near} deployments are near the least, {ruled} kept a rule");
}

fn rule(rng: &mut Xoshiro256PlusPlus, classes: usize, ways: usize) -> Rule {
    let mut bits = |n: usize, chance: f64| (0..n).filter(|_| rng.random_bool(chance)).fold(0, |all, bit| all | 1 << bit);
    let (skip, never) = (bits(ways, 0.2), bits(classes, 0.2));
    Rule { skip, never, must: bits(classes, 0.15) & !never }
}

fn keeps(walk: &Walk<'_>, post: &Post, first: usize, rule: Rule) -> bool {
    let on = post.stages().iter().fold(0, |all, (d, _)| all | 1 << walk.fleet.class(*d));
    rule.never & on == 0 && rule.must & on == rule.must && rule.skip >> (post.way as usize - first) & 1 == 0
}

/// Classes that differ only in what they hold become one, whose lines are above what any of its devices hold together.
#[test]
fn merged_classes_hold_no_less() {
    let mut merged = 0;
    for seed in 0..8 {
        let even = Even::of(&problem(&fleet_instance(seed, 48)).expect("a table").table).expect("even");
        let m = Merged::of(&even);
        assert_eq!(m.even.device.len(), even.device.len());
        assert!(m.even.classes.iter().all(|c| c.lines.iter().flatten().all(|l| l.slope <= 1.0 && l.offset >= 0.0)));
        merged += even.classes.len() - m.even.classes.len();
        let mut walk = Walk::new(&even, goal(&even), Advice::default(), seed);
        (0..200).for_each(|_| walk.step(5.0, None));
        // By merged class: devices awake and what they are booked for, in wholes of its first.
        let number = |d: usize| m.even.device.iter().position(|&o| o == even.device[d]).expect("the same devices");
        let mut used = vec![(0.0, [0.0; LIMITS]); m.even.classes.len()];
        let mut watts = even.standing_w;
        for d in walk.fleet.awake.iter().map(|&d| usize::from(d)) {
            let c = m.even.class[number(d)] as usize;
            used[c].0 += 1.0;
            watts += m.even.classes[c].wake_w;
            for &j in &walk.fleet.on[d] {
                let post = walk.fleet.posts[usize::from(j)];
                let n = post.stages().iter().find(|s| usize::from(s.0) == d).map_or(0.0, |s| f64::from(s.1));
                let cell = m.even.cell(post.way as usize, c);
                (0..LIMITS).for_each(|i| used[c].1[i] += n * cell.layer[i] + cell.stage[i]);
                watts += n * cell.layer[WATTS] + cell.stage[WATTS];
            }
        }
        for (class, (awake, sums)) in m.even.classes.iter().zip(&used) {
            for (lines, sum) in class.lines.iter().zip(sums) {
                let least = lines.iter().map(|l| l.slope * awake + l.offset).fold(f64::INFINITY, f64::min);
                assert!(*sum <= least * (1.0 + 1e-6) + 1e-9, "seed {seed}: {sum} above {least}");
            }
        }
        let own = walk.fleet.sums().power_w;
        assert!((watts - own).abs() <= 1e-9 * own, "seed {seed}: {watts} for {own}");
    }
    assert!(merged >= 30, "{merged} classes fewer");
}

/// Over merged classes and split by what services take, the bound is never above the optimum that enumeration finds.
#[test]
fn bounds_of_merged_classes_are_below_the_optimum() {
    let (mut cases, mut merged) = (0, 0);
    for seed in 0..400u64 {
        let table = table(seed, 3 + seed as usize % 2, 2, 2);
        let Ok(Some((_, truth))) = brute::solve(&table, 20_000) else { continue };
        let even = Even::of(&table).expect("even");
        let m = Merged::of(&even);
        let goal = goal(&m.even);
        let mut d = Decomposition::new(&m.even, goal, vec![Part::whole(&m.even)], &vec![[0.0; LIMITS]; m.even.classes.len()]);
        d.grow(50_000, Until::Closed, &Silent);
        let plain = d.bound();
        d.deepen();
        d.grow(500_000, Until::Closed, &Silent);
        let optimum = truth.objective;
        assert!(d.bound() <= optimum * (1.0 + 1e-9), "seed {seed}: {} above {optimum}", d.bound());
        assert!(d.bound() >= plain - 1e-6 * plain.abs(), "seed {seed}: {} below {plain}", d.bound());
        let stages = Program::new(&m.even, &goal, Detail::Stages);
        let mut program = Tree::new(&stages);
        program.grow(200_000, Until::Closed, &Silent);
        assert!(program.bound() <= optimum * (1.0 + 1e-9), "seed {seed}: {} above {optimum}", program.bound());
        cases += 1;
        merged += u32::from(m.even.classes.len() < even.classes.len());
    }
    assert!(cases >= 300 && merged >= 150, "{cases} cases, {merged} merged");
}

/// The decomposed bound is above the plain program's on most fleets, higher where parts are split by what services take,
/// and never above a plan.
#[test]
fn the_decomposed_bound_is_sharper() {
    let (mut sharper, mut deeper, mut cases) = (0, 0, 0);
    for seed in 0..5 {
        let table = problem(&fleet_instance(seed, 32)).expect("a table").table;
        let even = Even::of(&table).expect("even");
        let goal = goal(&even);
        let program = Program::new(&even, &goal, Detail::Layers);
        let mut tree = Tree::new(&program);
        tree.grow(2_000_000, Until::Awake, &Silent);
        let Some(prices) = tree.leaf().map(|l| l.prices.clone()) else { continue };
        let mut d = Decomposition::new(&even, goal, tree.parts(), &prices);
        d.grow(5_000_000, Until::Closed, &Silent);
        let whole = d.bound();
        d.deepen();
        d.grow(d.work() + 5_000_000, Until::Closed, &Silent);
        assert!(d.bound() >= whole - 1e-9 * whole, "seed {seed}: {} below {whole}", d.bound());
        deeper += usize::from(d.bound() > whole + 1e-6 * whole);
        let bound = d.bound().min(tree.settled());
        let found = solve(&table, &[], &effort(100_000), &Silent).expect("even").best;
        let Some((_, e)) = found else { continue };
        assert!(bound <= e.objective * (1.0 + 1e-9), "seed {seed}: {bound} above {}", e.objective);
        sharper += usize::from(bound > tree.bound() + 1e-6);
        cases += 1;
    }
    assert!(cases >= 4 && sharper * 2 >= cases && deeper * 2 >= cases, "{sharper} sharper, {deeper} deeper of {cases}");
}

/// Services that fit one by one and not all together: the bound says that there is no plan.
#[test]
fn a_fleet_that_cannot_hold_all_is_infeasible() {
    let mut proved = 0;
    for seed in 0..30 {
        let mut instance = random_instance(seed, 3, 6, 8);
        instance.services.iter_mut().for_each(|s| s.rate = 1e-6);
        instance.devices.iter_mut().for_each(|d| d.mem_gb /= 3.0);
        let table = problem(&instance).expect("a table").table;
        let alone = |j: usize| {
            let mut one = instance.clone();
            one.services = vec![instance.services[j].clone()];
            solve(&problem(&one).expect("a table").table, &[], &effort(5_000), &Silent).expect("even").best.is_some()
        };
        let found = solve(&table, &[], &effort(20_000), &Silent).expect("even");
        if found.status == Status::Infeasible {
            assert!(found.best.is_none());
            proved += u32::from((0..6).all(alone));
        }
    }
    assert!(proved >= 3, "{proved}");
}

/// From a plan that is up to a tenth too dear, exact programs find the optimum and prove it.
#[test]
fn the_end_of_a_proof_is_the_optimum() {
    let (mut closed, mut found) = (0, 0);
    for seed in 0..120u64 {
        let table = table(seed, 2 + seed as usize % 3, 2, 2);
        let Ok(Some((_, truth))) = brute::solve(&table, 20_000) else { continue };
        let even = Even::of(&table).expect("even");
        let goal = goal(&even);
        let mut d = Decomposition::new(&even, goal, vec![Part::whole(&even)], &vec![[0.0; LIMITS]; even.classes.len()]);
        d.grow(100_000, Until::Closed, &Silent);
        let value = truth.objective * (1.0 + 0.01 * (seed % 10) as f64) + 1e-9;
        let check = |a: &crate::table::Assignment| {
            let e = evaluate(&table, a);
            e.feasible().then_some(e.objective)
        };
        let end = close::close(&even, &goal, &mut d, value, 100_000_000, &Silent, &check);
        let optimum = truth.objective;
        assert!(end.bound <= optimum * (1.0 + 1e-9), "seed {seed}: {} above {optimum}", end.bound);
        assert!(end.bound >= optimum * (1.0 - 1e-6), "seed {seed}: {} for {optimum}", end.bound);
        let best = end.found.iter().filter_map(check).fold(value, f64::min);
        assert!(best <= optimum * (1.0 + 1e-6) + 1e-9, "seed {seed}: {best} for {optimum}");
        found += u32::from(best <= optimum * (1.0 + 1e-6) && !end.found.is_empty());
        closed += 1;
    }
    assert!(closed >= 60 && found >= 30, "{closed} closed, {found} plans found");
}
