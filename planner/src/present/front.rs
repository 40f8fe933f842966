//! The Pareto front as points, each a whole plan in short.

use super::{Material, services};
use crate::compose::compose;
use protocol::{Certificate, Plan};

pub(super) fn all(m: &Material<'_>) -> Vec<reports::FrontPoint> {
    let chosen = m.solution.best.as_ref().map(|(a, _)| a);
    let mut points = Vec::new();
    for (i, (assignment, e)) in m.solution.front.iter().enumerate() {
        let certificate = Certificate { value: e.power_w, ..m.plan.certificate.clone() };
        let plan = compose(m.scenario, m.model, assignment, certificate, m.plan.seed);
        points.push(point(i, &plan, Some(assignment) == chosen));
    }
    points
}

fn point(i: usize, plan: &Plan, chosen: bool) -> reports::FrontPoint {
    let t = &plan.totals;
    let of = |s: &protocol::PlannedService| reports::FrontService {
        service: s.name.clone(),
        model: s.model.clone(),
        precision: services::weights(s.precision.weights),
        scaling: [services::scaling(&s.scaling), services::gate(s), services::adapters(s), services::experts(s)].concat(),
        placement: services::placement(s),
        total_s: s.replicas.iter().map(|r| r.total_s).fold(0.0, f64::max),
        energy_per_request_j: s.expected.energy_j,
        accuracy: s.expected.accuracy,
    };
    let rows: Vec<_> = plan.services.iter().map(of).collect();
    let description =
        rows.iter().map(|r| format!("{} {} on {}", r.service, r.precision, r.placement)).collect::<Vec<_>>().join(", ");
    reports::FrontPoint {
        id: format!("P{i}"),
        power_w: t.power_w,
        energy_per_request_j: t.energy_per_request_j,
        ipw: t.ipw_fleet,
        mean_latency_s: t.mean_latency_s,
        latency_score: t.latency_score,
        accuracy: t.accuracy,
        underuse: t.underutilisation,
        chosen,
        description,
        services: rows,
        quality: reports::Quality::Modelled,
    }
}
