//! Whether to plan anew, why, and whether what was planned is worth a move.

use crate::cli::solve::Solved;
use crate::compose::compose;
use crate::{explain, whatif};
use fleet::Rules;
use protocol::Plan;
use scenarios::{Goal, Scenario};
use std::collections::BTreeSet;

/// Why to plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The plan is of another scenario, or there is none.
    Other,
    /// It uses these, which are lost.
    Lost(BTreeSet<String>),
    /// It was made without these, which are back.
    Back(BTreeSet<String>),
    /// These are others than it counts with, as they serve.
    Drift(BTreeSet<String>),
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
        match self {
            Self::Other => write!(f, "the plan of this scenario"),
            Self::Lost(names) => write!(f, "without {}", list(names)),
            Self::Back(names) => write!(f, "with {} again", list(names)),
            Self::Drift(names) => write!(f, "with {} as measured", list(names)),
        }
    }
}

/// Devices that a plan gives something to do.
pub(super) fn used(plan: &Plan) -> BTreeSet<&str> {
    plan.services.iter().flat_map(|s| &s.replicas).flat_map(|r| &r.stages).flat_map(protocol::PlannedStage::devices).collect()
}

/// The scenario without some devices; all errors as one text.
pub(super) fn without(scenario: &Scenario, gone: &BTreeSet<String>) -> Result<Scenario, String> {
    if gone.is_empty() {
        return Ok(scenario.clone());
    }
    let gone: Vec<String> = gone.iter().cloned().collect();
    whatif::apply(scenario, &[], &gone, &[]).map_err(|e| e.to_string())
}

/// What a plan was made without.
pub(super) fn missing(scenario: &Scenario, plan: &Plan) -> BTreeSet<String> {
    let has = |name: &str| plan.devices.iter().any(|d| d.name == name);
    scenario.devices.iter().filter(|d| !has(&d.name)).map(|d| d.name.clone()).collect()
}

/// Whether a plan is of this scenario, or of what is left of it.
pub(super) fn is_ours(scenario: &Scenario, plan: &Plan) -> bool {
    without(scenario, &missing(scenario, plan)).is_ok_and(|s| s.digest == plan.scenario)
}

/// What a look has found.
pub(super) struct Found<'f> {
    pub(super) lost: &'f BTreeSet<String>,
    /// Whether a device has been heard without a gap for long enough.
    pub(super) steady: &'f dyn Fn(&str) -> bool,
    /// Devices of which telemetry says something new.
    pub(super) drifted: BTreeSet<String>,
}

/// Whether to plan, and why.
pub(super) fn why(scenario: &Scenario, plan: Option<&Plan>, found: &Found<'_>) -> Option<Why> {
    let Some(plan) = plan.filter(|p| is_ours(scenario, p)) else { return Some(Why::Other) };
    let out = missing(scenario, plan);
    let used = used(plan);
    let hurt: BTreeSet<String> = found.lost.iter().filter(|n| used.contains(n.as_str())).cloned().collect();
    if !hurt.is_empty() {
        return Some(Why::Lost(hurt));
    }
    let back: BTreeSet<String> = out.into_iter().filter(|n| !found.lost.contains(n) && (found.steady)(n)).collect();
    if !back.is_empty() {
        return Some(Why::Back(back));
    }
    (!found.drifted.is_empty()).then(|| Why::Drift(found.drifted.clone()))
}

/// Whether a plan with a returned device is worth a move: its objective is lower by that share.
pub(super) fn is_worth(old: &Plan, new: &Plan, gain: f64) -> bool {
    let (was, is) = (&old.certificate, &new.certificate);
    was.objective != is.objective || was.value - is.value >= gain * was.value.abs()
}

/// Whether a plan that counts with what telemetry said is worth its place: something moves by it that gains as much, the
/// running plan keeps its demands no longer, or it promises what its agents would give it up for.
pub(super) fn pays(scenario: &Scenario, solved: &Solved, old: &Plan, new: &Plan, gain: f64) -> bool {
    let Some(replan) = &solved.replan else { return true };
    if is_broken(old, new) {
        return true;
    }
    if replan.moves.is_empty() || scenario.objective.goal != Goal::AnswersPerJoule {
        // Of a sum only what gains was moved.
        return !replan.moves.is_empty();
    }
    let stays = explain::running_of(scenario, &solved.model, old);
    let stays = compose(scenario, &solved.model, &stays, new.certificate.clone(), new.seed).totals.answers_per_kj;
    !replan.running.is_finite() || stays.zip(new.totals.answers_per_kj).is_none_or(|(was, is)| is * (1.0 - gain) >= was)
}

/// Whether a pipeline is now known to be so much slower than a plan promises that its agents count it as failing.
fn is_broken(old: &Plan, new: &Plan) -> bool {
    let least = Rules::default().rate_share;
    let now = |name: &str| new.services.iter().find(|s| s.name == name).map(|s| &s.replicas);
    old.services.iter().any(|service| {
        let pairs = now(&service.name).into_iter().flat_map(|now| service.replicas.iter().zip(now));
        pairs.into_iter().any(|(was, is)| was.tpot_s > 0.0 && was.tpot_s < least * is.tpot_s)
    })
}
