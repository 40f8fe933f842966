//! The search over sets of pairs.

use std::borrow::Cow;

use scenarios::{Goal, Pair, Scenario};

use super::excess::{Excess, excess};
use super::joint::plain;
use super::stage::halves;
use crate::physics::{Model, build_joined, power, thermal::Body};
use crate::search::{self, Effort, Solution, Status, Watch};
use crate::survive;
use crate::table::{Assignment, Evaluation, evaluate};

/// How often a table is tightened and searched again.
const TIGHTENINGS: u32 = 5;

/// What was found for one set of pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub model: Model,
    pub solution: Solution,
    /// Of a goal that is a ratio: its value and a bound on it.
    pub ratio: Option<(f64, f64)>,
    /// What is minimised, of the best assignment, in the table's unit or the ratio's; infinite without one. The power of
    /// devices that share is worked out device by device.
    pub value: f64,
    pub bound: f64,
}

/// All sets together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Index of the set with the best plan; the first, without pairs, where none has one.
    pub best: usize,
    /// No plan of any set is below this.
    pub bound: f64,
    pub status: Status,
}

/// Every set's model, the one without pairs first.
#[must_use]
pub fn models(scenario: &Scenario) -> Vec<Model> {
    let base = survive::build(scenario);
    let joined: Vec<Model> = sets(scenario).iter().skip(1).map(|set| build_joined(scenario, set, &base)).collect();
    std::iter::once(base).chain(joined).collect()
}

/// Every set of the pairs, the empty one first, then by number of pairs in the file's order.
fn sets(scenario: &Scenario) -> Vec<Vec<Pair>> {
    let pairs: &[Pair] = if scenario.services.iter().any(|s| s.survives_loss) { &[] } else { &scenario.pairs };
    let mut sets: Vec<Vec<Pair>> = (0..1u32 << pairs.len().min(scenarios::MAX_PAIRS))
        .map(|bits| pairs.iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, p)| *p).collect())
        .collect();
    sets.sort_by_key(Vec::len);
    sets
}

/// Which of some models is the one in which just those pairs share that do in a plan.
#[must_use]
pub fn set_of<'m>(scenario: &Scenario, mut models: impl Iterator<Item = &'m Model>, plan: &protocol::Plan) -> Option<usize> {
    let stages = plan.services.iter().flat_map(|s| &s.replicas).flat_map(|r| &r.stages);
    let sharing: Vec<(&str, &str)> =
        stages.filter_map(|st| Some((st.device.as_str(), st.partner.as_ref()?.device.as_str()))).collect();
    let name = |d: usize| scenario.devices[d].name.as_str();
    let fits = |m: &Model| {
        let own: Vec<(&str, &str)> = m.joined.iter().map(|j| (name(j.lead), name(j.partner))).collect();
        own.iter().all(|p| sharing.contains(p)) && sharing.iter().all(|p| own.contains(p))
    };
    models.position(fits)
}

/// Searches every set with an equal part of the effort, from starts of its own.
pub fn each(scenario: &Scenario, effort: &Effort, watch: &dyn Watch, starts: &dyn Fn(&Model) -> Vec<Assignment>) -> Vec<Found> {
    let models = models(scenario);
    let effort = if models.len() == 1 { effort.clone() } else { effort.share(models.len() as u64) };
    models.into_iter().map(|model| one(scenario, model, &effort, watch, starts)).collect()
}

/// The best of all sets: the least value, among equals the fewest pairs.
#[must_use]
pub fn best(all: &[Found]) -> Outcome {
    let least = (0..all.len()).fold(0, |best, i| if all[i].value < all[best].value * (1.0 - 1e-9) { i } else { best });
    let bound = all.iter().map(|f| f.bound).fold(f64::INFINITY, f64::min);
    let value = all.get(least).map_or(f64::INFINITY, |f| f.value);
    let status = if all.len() == 1 {
        all[0].solution.status
    } else if value.is_finite() {
        if value - bound <= 1e-6 * value.abs() { Status::Optimal } else { Status::Gap }
    } else if all.iter().all(|f| f.solution.status == Status::Infeasible) {
        Status::Infeasible
    } else {
        Status::Unknown
    };
    Outcome { best: least, bound, status }
}

fn one(
    scenario: &Scenario,
    model: Model,
    effort: &Effort,
    watch: &dyn Watch,
    starts: &dyn Fn(&Model) -> Vec<Assignment>,
) -> Found {
    let starts = starts(&model);
    let mut found = searched(scenario, &model, &starts, effort, watch);
    // The table's own, before it is tightened: what holds for sums holds for each.
    let bound = found.bound;
    let mut tight = model.clone();
    for _ in 0..TIGHTENINGS {
        let Some((assignment, _)) = &found.solution.best else { break };
        let broken = excess(scenario, &model, assignment);
        if broken.is_empty() {
            break;
        }
        broken.iter().for_each(|e| tighten(&mut tight, e));
        found = searched(scenario, &tight, &starts, effort, watch);
    }
    let apart = |(a, e): &mut (Assignment, Evaluation)| {
        if let Cow::Owned(own) = plain(&model, a) {
            (*e, *a) = (evaluate(&model.table, &own), own);
        }
    };
    found.solution.best.iter_mut().chain(&mut found.solution.front).for_each(apart);
    let kept = |a: &Assignment| excess(scenario, &model, a).is_empty();
    found.solution.front.retain(|(a, _)| kept(a));
    if found.solution.best.as_ref().is_some_and(|(a, _)| !kept(a)) {
        found.solution.best = None;
    }
    if !model.joined.is_empty() && bound.is_finite() && found.solution.best.is_none() {
        found.solution.status = Status::Unknown;
    }
    let value = match (&found.solution.best, found.ratio) {
        (None, _) => f64::INFINITY,
        (Some((a, e)), None) => exactly(scenario, &model, a, e),
        (Some((a, e)), Some((value, _))) => value * (1.0 + uncounted_w(scenario, &model, a, e).1 / e.power_w.max(1e-12)),
    };
    let mut solution = found.solution;
    if found.ratio.is_none() {
        solution.bound = bound;
    }
    Found { model, solution, ratio: found.ratio.map(|_| (value, bound)), value, bound }
}

/// What one search of a table says.
struct Searched {
    solution: Solution,
    ratio: Option<(f64, f64)>,
    bound: f64,
}

/// One search of a table.
fn searched(scenario: &Scenario, model: &Model, starts: &[Assignment], effort: &Effort, watch: &dyn Watch) -> Searched {
    let (solution, ratio) = if scenario.objective.goal == Goal::AnswersPerJoule {
        let found = search::ratio::solve(&model.table, effort, watch);
        (found.solution, Some((found.value, found.bound)))
    } else {
        (search::improve(&model.table, starts, effort, watch), None)
    };
    let bound = ratio.map_or(solution.bound, |r| r.1);
    Searched { solution, ratio, bound }
}

/// Makes a joined device's sums smaller by what one of the two passes.
fn tighten(model: &mut Model, e: &Excess) {
    let lead = model.joined[e.pair].lead as u32;
    // A hair more, so that the same plan is not met again.
    let factor = |over: f64| if over > 1.0 { (1.0 - 1e-6) / over } else { 1.0 };
    let (memory, heat) = (factor(e.memory), factor(e.heat));
    model.table.pools.iter_mut().filter(|p| p.device == lead).for_each(|p| p.capacity_bytes *= memory);
    model.table.modes.iter_mut().filter(|m| m.device == lead).for_each(|m| m.dynamic_cap_w *= heat);
}

/// The objective with the power of devices that share worked out one by one.
pub(crate) fn exactly(scenario: &Scenario, model: &Model, assignment: &Assignment, e: &Evaluation) -> f64 {
    e.objective + uncounted_w(scenario, model, assignment, e).0
}

/// What a joined table's lines leave out of the objective, and of the fleet's power.
fn uncounted_w(scenario: &Scenario, model: &Model, assignment: &Assignment, e: &Evaluation) -> (f64, f64) {
    let (mut objective, mut watts) = (0.0, 0.0);
    for (joined, load) in model.joined.iter().zip(halves(scenario, model, assignment)) {
        let Some(m) = e.modes[joined.lead] else { continue };
        let label = &model.modes[m as usize];
        let Some(partner) = label.partner else { continue };
        let mut exact = 0.0;
        for (i, (d, mode)) in [(joined.lead, label.mode), (joined.partner, partner.mode)].into_iter().enumerate() {
            let device = &scenario.devices[d];
            let Some(mode) = device.profile.modes.get(mode) else { continue };
            let body = Body::of(&device.profile.thermal, device.ambient);
            let idle_w = mode.idle.value.get();
            let t = body.steady_c(idle_w, load.dynamic_w[i]).unwrap_or_else(|| body.limit_c());
            exact += power::total_w(idle_w, load.dynamic_w[i], body.leakage.watts(t));
        }
        let table = model.table.modes[m as usize].power_w(e.dynamic_w[joined.lead]);
        let network: f64 = model.table.bills.iter().map(|b| b.weight * b.network_per_w).sum();
        objective += model.table.watt(joined.lead) * (exact - table) + (model.table.weights.power + network) * load.sent_w;
        watts += exact - table + load.sent_w;
    }
    (objective, watts)
}
