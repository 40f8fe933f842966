//! The rows as a chart: the last sweep along it, a line for each setting of the others.

use super::{Row, Sweep};
use scenarios::Scenario;

pub(super) fn svg(wanted: &Scenario, sweeps: &[Sweep], rows: &[Row]) -> String {
    let Some((along, others)) = sweeps.split_last() else { return String::new() };
    let lines = rows.chunks(along.values.len().max(1)).map(|chunk| {
        let settings = others.iter().zip(&chunk[0].at).map(|(s, v)| format!("{}={v}", s.path));
        reports::SweepLine { name: settings.collect::<Vec<_>>().join(", "), points: chunk.iter().map(point).collect() }
    });
    reports::sweep(&reports::Sweep {
        title: format!("{} over {}", wanted.name, along.path),
        path: along.path.clone(),
        values: along.values.clone(),
        lines: lines.collect(),
    })
}

fn point(row: &Row) -> Option<reports::SweepPoint> {
    row.plan.as_ref().map(|plan| reports::SweepPoint {
        power_w: plan.totals.power_w,
        energy_per_request_j: plan.totals.energy_per_request_j,
        mean_latency_s: plan.totals.mean_latency_s,
        accuracy: plan.totals.accuracy,
    })
}
