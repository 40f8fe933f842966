//! Exhaustive enumeration of tiny tables: the truth that tests compare with.

use crate::table::{Assignment, Chain, Deployment, Evaluation, Stage, Table, Violation, evaluate};

/// Most chains and sets of chains of one option that are written down at once.
const HELD: usize = 200_000;

/// All well-formed chains of an option, feasible or not.
#[must_use]
pub fn chains(table: &Table, service: usize, option: usize) -> Vec<Chain> {
    some_chains(table, service, option, usize::MAX).unwrap_or_default()
}

/// The same, or how many there are at least when that is above `most`.
fn some_chains(table: &Table, service: usize, option: usize, most: usize) -> Result<Vec<Chain>, usize> {
    let o = &table.services[service].options[option];
    let mut done = Vec::new();
    let mut open: Vec<Vec<Stage>> = vec![Vec::new()];
    while let Some(stages) = open.pop() {
        if done.len() + open.len() > most {
            return Err(done.len() + open.len());
        }
        let start = stages.last().map_or(0, |s| s.end);
        if start == o.blocks {
            done.push(Chain { stages });
            continue;
        }
        if stages.len() == o.max_stages as usize {
            continue;
        }
        for place in 0..table.places.len() as u32 {
            if o.at[place as usize].is_none() || stages.iter().any(|s| s.place == place) {
                continue;
            }
            for end in start + 1..=o.blocks {
                let mut longer = stages.clone();
                longer.push(Stage { place, start, end });
                open.push(longer);
            }
        }
    }
    Ok(done)
}

/// The best feasible assignment of a table, or `None` when there is none. `most` bounds the product of
/// the services' deployments; an error tells that a table is too large for this.
pub fn solve(table: &Table, most: usize) -> Result<Option<(Assignment, Evaluation)>, usize> {
    let mut best: Option<(Assignment, Evaluation)> = None;
    each(table, most, &mut |a| {
        let e = evaluate(table, &a);
        if e.feasible() && best.as_ref().is_none_or(|(_, b)| e.objective < b.objective) {
            best = Some((a, e));
        }
    })?;
    Ok(best)
}

/// Hands over every assignment whose deployments keep their limits alone, feasible together or not.
/// `most` bounds their number, as in [`solve`].
pub fn each(table: &Table, most: usize, take: &mut dyn FnMut(Assignment)) -> Result<(), usize> {
    let sets: Vec<Vec<Option<Deployment>>> =
        (0..table.services.len()).map(|s| deployments(table, s)).collect::<Result<_, _>>()?;
    let product = sets.iter().map(Vec::len).fold(1, usize::saturating_mul);
    if product > most {
        return Err(product);
    }
    for number in 0..product {
        let mut rest = number;
        let services = sets
            .iter()
            .map(|set| {
                let d = set[rest % set.len()].clone();
                rest /= set.len();
                d
            })
            .collect();
        take(Assignment { services });
    }
    Ok(())
}

/// Deployments of one service that keep its limits when it is alone; loads only add up, so no other can be feasible.
fn deployments(table: &Table, s: usize) -> Result<Vec<Option<Deployment>>, usize> {
    let mut all = Vec::new();
    if table.services[s].skip_cost.is_finite() {
        all.push(None);
    }
    for (o, option) in table.services[s].options.iter().enumerate() {
        let chains = some_chains(table, s, o, HELD)?;
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        for _ in 0..option.replicas {
            let longer = sets.len().saturating_mul(chains.len());
            if longer > HELD {
                return Err(longer);
            }
            sets = sets
                .into_iter()
                .flat_map(|set| {
                    let from = set.last().map_or(0, |l| l + 1);
                    (from..chains.len()).map(move |i| [set.as_slice(), &[i]].concat())
                })
                .collect();
        }
        for set in sets {
            let d = Deployment { option: o as u32, chains: set.iter().map(|&i| chains[i].clone()).collect() };
            let mut alone = Assignment { services: vec![None; table.services.len()] };
            alone.services[s] = Some(d);
            let fleet = |v: &Violation| {
                matches!(
                    v,
                    Violation::FleetPower { .. }
                        | Violation::FleetLatency { .. }
                        | Violation::FleetAccuracy { .. }
                        | Violation::FleetUnderuse { .. }
                        | Violation::Bill { .. }
                )
            };
            if evaluate(table, &alone).violations.iter().all(fleet) {
                all.push(alone.services[s].take());
            }
        }
    }
    Ok(all)
}
