//! From a running plan to the next, where devices may begin or cease to share stages.
//!
//! Mixes of two plans, service by service, are of one set of pairs. Between the set of the running plan and another all of
//! the other's plan is taken or nothing, and what differs is priced by what each device has of each layer.

use protocol::Plan;
use scenarios::Scenario;

use super::{Replan, Terms, awake, awake_under, cost, every, price, replan, woken};
use crate::explain;
use crate::pairs::{Found, exactly, set_of};
use crate::table::{Assignment, evaluate};

/// Which set to run, and what moves; `None`: nothing of the running plan fits, all is planned anew.
#[must_use]
pub fn among(scenario: &Scenario, all: &[Found], best: usize, plan: &Plan, terms: &Terms) -> (usize, Option<Replan>) {
    let own = set_of(scenario, all.iter().map(|f| &f.model), plan).unwrap_or(0);
    let running = explain::running_of(scenario, &all[own].model, plan);
    if running.services.iter().all(Option::is_none) {
        return (best, None);
    }
    let ratio = all[own].ratio.is_some();
    let within = all[own].solution.best.as_ref().map(|(wanted, _)| {
        // A ratio is no sum of the services': there the plan found is taken as it is, its moves priced.
        match ratio {
            false => replan(scenario, &all[own].model, &running, wanted, terms),
            true => every(scenario, &all[own].model, &running, wanted),
        }
    });
    if own == best {
        return (own, within);
    }
    let Some(other) = across(scenario, (&all[own], &running), &all[best]) else { return (own, within) };
    let Some(within) = within.filter(|_| !ratio) else { return (best, Some(other)) };
    let priced = |found: &Found, r: &Replan| {
        let value = exactly(scenario, &found.model, &r.assignment, &r.evaluation);
        let table = &found.model.table;
        let billed: f64 = table.bills.iter().map(|b| b.weight * b.network_per_w).sum();
        let sent: f64 = r.moves.iter().map(|m| (table.weights.power + billed) * m.joules).sum();
        let waking: f64 = r.woken.iter().map(|w| table.watt(found.model.stands_for(w.device)) * w.joules).sum();
        value + (sent + waking) / terms.horizon_s.max(1.0)
    };
    let (stay, gone) = (priced(&all[own], &within), priced(&all[best], &other));
    let flutter = other.running.is_finite() && other.running - gone < terms.hysteresis * other.running.abs();
    if gone < stay && !flutter { (best, Some(other)) } else { (own, Some(within)) }
}

/// All of another set's plan, with what differs from the running one priced.
fn across(scenario: &Scenario, (own, running): (&Found, &Assignment), other: &Found) -> Option<Replan> {
    let (assignment, evaluation) = other.solution.best.clone()?;
    let priced = (0..scenario.services.len()).map(|s| price(scenario, (&own.model, running), (&other.model, &assignment), s));
    let woken = woken(scenario, &awake(scenario, &own.model, running), &awake_under(scenario, &other.model, &evaluation));
    // What stays where it is moves no byte and wakes nobody.
    let moves = priced.filter(|m| m.bytes > 0.0 || m.seconds > 0.0).collect();
    let before = evaluate(&own.model.table, running);
    let running = if cost(&before).is_finite() { exactly(scenario, &own.model, running, &before) } else { f64::INFINITY };
    Some(Replan { assignment, evaluation, moves, woken, running })
}
