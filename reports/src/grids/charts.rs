//! The numbers behind the charts.

use super::quality;
use crate::format;
use crate::grid::{Cell, Grid, Row, figure, text};
use crate::report::{CeilingKind, Report};

/// Where the power goes.
#[must_use]
pub(crate) fn energy(r: &Report) -> Grid {
    let rows = r.energy.iter().map(|e| Row {
        class: "",
        cells: vec![
            Cell::words(&e.device),
            Cell::words(e.service.as_deref().unwrap_or("standing")),
            Cell::words(&e.component),
            Cell::number(e.power_w, format::si(e.power_w, "W")),
            Cell::number(e.energy_per_request_j, format::si(e.energy_per_request_j, "J")),
            Cell::number(e.share, format::percent(e.share)),
            quality(e.quality),
        ],
    });
    Grid {
        id: "energy-table",
        caption: "Where each joule goes".to_owned(),
        columns: vec![
            text("device", "Device"),
            text("service", "For"),
            text("component", "Component"),
            figure("power_w", "Mean power"),
            figure("energy_per_request_j", "Energy per request"),
            figure("share", "Share of the fleet"),
            text("quality", "Quality"),
        ],
        rows: rows.collect(),
    }
}

/// Where the time goes.
#[must_use]
pub(crate) fn latency(r: &Report) -> Grid {
    let rows = r.latency.iter().map(|l| {
        let mut cells = vec![Cell::words(&l.service)];
        cells.extend([l.prefill_s, l.decode_s, l.hops_s, l.waiting_s, l.total_s].map(|s| Cell::number(s, format::seconds(s))));
        cells.push(quality(l.quality));
        Row { class: "", cells }
    });
    Grid {
        id: "latency-table",
        caption: "Where each millisecond of a request goes".to_owned(),
        columns: vec![
            text("service", "Service"),
            figure("prefill_s", "Prefill"),
            figure("decode_s", "Decode"),
            figure("hops_s", "Links"),
            figure("waiting_s", "Waiting"),
            figure("total_s", "Whole request"),
            text("quality", "Quality"),
        ],
        rows: rows.collect(),
    }
}

/// The bars of the pipeline.
#[must_use]
pub(crate) fn timeline(r: &Report) -> Grid {
    let rows = r.timeline.iter().map(|b| Row {
        class: "",
        cells: vec![
            Cell::words(&b.service),
            Cell::words(&b.track),
            Cell::words(b.kind.word()),
            Cell::words(&b.label),
            Cell::number(b.start_s, format::seconds(b.start_s)),
            Cell::number(b.end_s, format::seconds(b.end_s)),
            quality(b.quality),
        ],
    });
    Grid {
        id: "timeline-table",
        caption: "One request of each service, step by step".to_owned(),
        columns: vec![
            text("service", "Service"),
            text("track", "Place"),
            text("kind", "Step"),
            text("label", "Part"),
            figure("start_s", "Starts"),
            figure("end_s", "Ends"),
            text("quality", "Quality"),
        ],
        rows: rows.collect(),
    }
}

/// Ceilings and operating points.
#[must_use]
pub(crate) fn rooflines(r: &Report) -> Grid {
    let mut rows = Vec::new();
    for f in &r.rooflines {
        let place = format!("{}/{}", f.device, f.processor);
        rows.extend(f.ceilings.iter().map(|c| {
            let bandwidth = c.kind == CeilingKind::Bandwidth;
            Row {
                class: "",
                cells: vec![
                    Cell::words(&place),
                    Cell::words(if bandwidth { "bandwidth" } else { "peak" }),
                    Cell::words(&c.label),
                    Cell::words(format::NONE),
                    Cell::number(c.rate, format::si(c.rate, if bandwidth { "B/s" } else { "op/s" })),
                    quality(c.quality),
                ],
            }
        }));
        rows.extend(f.points.iter().map(|p| Row {
            class: "",
            cells: vec![
                Cell::words(&place),
                Cell::words("operating point"),
                Cell::words(&p.label),
                Cell::number(p.intensity_ops_per_byte, format::number(p.intensity_ops_per_byte)),
                Cell::number(p.attained_ops_per_s, format::si(p.attained_ops_per_s, "op/s")),
                quality(p.quality),
            ],
        }));
    }
    Grid {
        id: "roofline-table",
        caption: "Ceilings of each processor and where the stages sit under them".to_owned(),
        columns: vec![
            text("place", "Device/processor"),
            text("kind", "Kind"),
            text("label", "What"),
            figure("intensity_ops_per_byte", "Operations per byte"),
            figure("rate", "Rate"),
            text("quality", "Quality"),
        ],
        rows,
    }
}
