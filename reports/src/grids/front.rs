//! Tables of other plans.

use super::quality;
use crate::format;
use crate::grid::{Cell, Grid, Row, figure, text};
use crate::report::{FrontPoint, Report};

/// The front, least energy first.
#[must_use]
pub(crate) fn front(r: &Report) -> Grid {
    let mut points: Vec<&FrontPoint> = r.front.iter().collect();
    points.sort_by(|a, b| a.energy_per_request_j.total_cmp(&b.energy_per_request_j).then_with(|| a.id.cmp(&b.id)));
    let rows = points.into_iter().map(|p| Row {
        class: if p.chosen { "chosen" } else { "" },
        cells: vec![
            Cell::words(&p.id),
            if p.chosen { Cell::badge("ok", "this plan") } else { Cell::words("") },
            Cell::number(p.energy_per_request_j, format::si(p.energy_per_request_j, "J")),
            Cell::number(p.mean_latency_s, format::seconds(p.mean_latency_s)),
            Cell::maybe(p.accuracy, format::percent),
            Cell::maybe(p.ipw, format::number),
            Cell::number(p.power_w, format::si(p.power_w, "W")),
            Cell::number(p.underuse, format::percent(p.underuse)),
            Cell::words(&p.description),
            Cell::words(p.quality.word()),
        ],
    });
    Grid {
        id: "front-table",
        caption: "Plans that no other plan beats in everything".to_owned(),
        columns: vec![
            text("id", "Plan"),
            text("mark", "Mark"),
            figure("energy_per_request_j", "Energy per request"),
            figure("mean_latency_s", "Mean latency"),
            figure("accuracy", "Accuracy"),
            figure("ipw", "IPW, 1/W"),
            figure("power_w", "Fleet power"),
            figure("underuse", "Underuse"),
            text("description", "In short"),
            text("quality", "Quality"),
        ],
        rows: rows.collect(),
    }
}

/// What simpler ways of planning give.
#[must_use]
pub(crate) fn baselines(r: &Report) -> Grid {
    let plan = Row {
        class: "chosen",
        cells: vec![
            Cell::words("this plan"),
            Cell::badge("ok", "✓ kept"),
            Cell::number(r.totals.power_w, format::si(r.totals.power_w, "W")),
            Cell::words(""),
            Cell::number(r.totals.energy_per_request_j, format::si(r.totals.energy_per_request_j, "J")),
            Cell::words(""),
            Cell::number(r.totals.mean_latency_s, format::seconds(r.totals.mean_latency_s)),
            Cell::words(""),
            Cell::maybe(r.totals.accuracy, format::percent),
            Cell::maybe(r.totals.ipw_fleet, format::number),
            Cell::words(""),
            quality(r.totals.quality),
        ],
    };
    let rows = r.baselines.iter().map(|b| Row {
        class: "",
        cells: vec![
            Cell::words(&b.name),
            if b.feasible { Cell::badge("ok", "✓ kept") } else { Cell::badge("missed", "✗ broken") },
            Cell::maybe(b.power_w, |x| format::si(x, "W")),
            Cell::maybe(b.power_ratio, format::ratio),
            Cell::maybe(b.energy_per_request_j, |x| format::si(x, "J")),
            Cell::maybe(b.energy_ratio, format::ratio),
            Cell::maybe(b.mean_latency_s, format::seconds),
            Cell::maybe(b.latency_ratio, format::ratio),
            Cell::maybe(b.accuracy, format::percent),
            Cell::maybe(b.ipw, format::number),
            Cell::maybe(b.ipw_ratio, format::ratio),
            quality(b.quality),
        ],
    });
    Grid {
        id: "baselines-table",
        caption: "The same scenario, planned more simply; × is baseline over plan (for IPW plan over baseline), so above 1 the plan is better"
            .to_owned(),
        columns: vec![
            text("name", "Way"),
            text("feasible", "Limits"),
            figure("power_w", "Fleet power"),
            figure("power_ratio", "×"),
            figure("energy_per_request_j", "Energy/request"),
            figure("energy_ratio", "×"),
            figure("mean_latency_s", "Mean latency"),
            figure("latency_ratio", "×"),
            figure("accuracy", "Accuracy"),
            figure("ipw", "IPW, 1/W"),
            figure("ipw_ratio", "×"),
            text("quality", "Quality"),
        ],
        rows: if r.baselines.is_empty() { Vec::new() } else { std::iter::once(plan).chain(rows).collect() },
    }
}
