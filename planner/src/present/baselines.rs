//! Baselines beside the plan.

use crate::baselines::Baseline;
use protocol::Plan;

pub(super) fn all(plan: &Plan, baselines: &[Baseline]) -> Vec<reports::Baseline> {
    baselines.iter().map(|b| one(plan, b)).collect()
}

fn one(plan: &Plan, b: &Baseline) -> reports::Baseline {
    let (p, t) = (&plan.totals, b.plan.as_ref().map(|p| &p.totals));
    let of = |get: fn(&protocol::Totals) -> f64| t.map(get).filter(|v| v.is_finite());
    let ratio = |get: fn(&protocol::Totals) -> f64| of(get).map(|v| v / get(p)).filter(|v| v.is_finite());
    reports::Baseline {
        name: b.name.into(),
        description: b.rule.into(),
        feasible: b.plan.is_some() && b.broken.is_empty(),
        violations: b.broken.join("; "),
        power_w: of(|t| t.power_w),
        energy_per_request_j: of(|t| t.energy_per_request_j),
        mean_latency_s: of(|t| t.mean_latency_s),
        accuracy: t.and_then(|t| t.accuracy),
        ipw: t.and_then(|t| t.ipw_fleet),
        power_ratio: ratio(|t| t.power_w),
        energy_ratio: ratio(|t| t.energy_per_request_j),
        latency_ratio: ratio(|t| t.mean_latency_s),
        ipw_ratio: t.and_then(|t| t.ipw_fleet).zip(p.ipw_fleet).map(|(b, p)| p / b).filter(|v| v.is_finite()),
        quality: reports::Quality::Modelled,
    }
}
