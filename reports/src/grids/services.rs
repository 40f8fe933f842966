//! Tables of services and targets.

use super::quality;
use crate::format;
use crate::grid::{Cell, Grid, Row, figure, text};
use crate::report::{Report, Service, Target};

/// How a target stands: a class and a word.
#[must_use]
pub(crate) fn standing(t: &Target) -> (&'static str, &'static str) {
    if t.missed {
        ("missed", "✗ missed")
    } else if t.tight {
        ("tight", "! tight")
    } else {
        ("ok", "✓ ok")
    }
}

/// Demands against the plan.
#[must_use]
pub(crate) fn targets(r: &Report) -> Grid {
    let rows = r.targets.iter().map(|t| {
        let (class, word) = standing(t);
        let sign = if t.at_most { "≤" } else { "≥" };
        let most = t.value.max(t.limit) * 1.05;
        let value = Cell::number(t.value, format::with_unit(t.value, &t.unit));
        let value = if most > 0.0 && t.value >= 0.0 { value.with_bar(t.value / most, t.limit / most) } else { value };
        Row {
            class: if class == "ok" { "" } else { class },
            cells: vec![
                Cell::words(&t.subject),
                Cell::words(&t.what),
                Cell::number(t.limit, format!("{sign} {}", format::with_unit(t.limit, &t.unit))),
                value,
                Cell::number(t.margin, format::percent(t.margin)),
                Cell::badge(class, word),
                if t.line == 0 { Cell::words("default") } else { Cell::number(f64::from(t.line), format!("line {}", t.line)) },
                quality(t.quality),
            ],
        }
    });
    Grid {
        id: "targets-table",
        caption: "Targets, what the plan reaches, and the room left".to_owned(),
        columns: vec![
            text("subject", "For"),
            text("what", "Target"),
            figure("limit", "Limit"),
            figure("value", "Plan"),
            figure("margin", "Margin"),
            text("standing", "Standing"),
            text("line", "Asked in"),
            text("quality", "Quality"),
        ],
        rows: rows.collect(),
    }
}

/// How each service runs, and why so.
pub(crate) fn services(r: &Report) -> Grid {
    let rows = r.services.iter().map(|s| Row {
        class: "",
        cells: vec![
            Cell::words(&s.name),
            Cell::words(&s.model),
            Cell::words(&s.precision),
            Cell::number(s.bits_per_weight, format::number(s.bits_per_weight)),
            Cell::words(format!("{} bits", s.kv_bits)),
            Cell::words(&s.scaling),
            Cell::number(s.rate_hz, format!("{} /s", format::number(s.rate_hz))),
            Cell::number(f64::from(s.replicas), s.replicas.to_string()),
            Cell::words(places(s)),
            Cell::words(&s.why),
        ],
    });
    Grid {
        id: "services-table",
        caption: "How each service runs".to_owned(),
        columns: vec![
            text("service", "Service"),
            text("model", "Model"),
            text("precision", "Weights"),
            figure("bits_per_weight", "Bits per weight"),
            text("kv", "KV cache"),
            text("scaling", "Samples"),
            figure("rate_hz", "Requests"),
            figure("replicas", "Replicas"),
            text("places", "On"),
            text("why", "Why"),
        ],
        rows: rows.collect(),
    }
}

/// `orin-a/gpu 0–18 › orin-b/gpu 18–28`; replicas apart by a semicolon.
fn places(s: &Service) -> String {
    let mut out = String::new();
    let mut replica = None;
    for g in &s.stages {
        out += match replica {
            None => "",
            Some(n) if n == g.replica => " › ",
            Some(_) => "; ",
        };
        out += &format!("{}/{} {}–{}", g.device, g.processor, g.start, g.end);
        replica = Some(g.replica);
    }
    out
}

/// What a request of each service costs, and how often it is right.
pub(crate) fn requests(r: &Report) -> Grid {
    let rows = r.services.iter().map(|s| Row {
        class: "",
        cells: vec![
            Cell::words(&s.name),
            Cell::words(&s.percentile),
            Cell::number(s.ttft_s, format::seconds(s.ttft_s)),
            Cell::maybe(s.tpot_s, format::seconds),
            Cell::number(s.total_s, format::seconds(s.total_s)),
            Cell::number(s.energy_per_request_j, format::si(s.energy_per_request_j, "J")),
            Cell::maybe(s.energy_per_token_j, |x| format::si(x, "J")),
            quality(s.quality),
            Cell::maybe(s.accuracy, format::percent),
            Cell::words(s.benchmark.as_deref().unwrap_or(format::NONE)),
            s.accuracy_quality.map_or_else(|| Cell::words(format::NONE), quality),
        ],
    });
    Grid {
        id: "requests-table",
        caption: "What one request costs, and how often it is right".to_owned(),
        columns: vec![
            text("service", "Service"),
            text("percentile", "Latency at"),
            figure("ttft_s", "First token"),
            figure("tpot_s", "Per token"),
            figure("total_s", "Whole request"),
            figure("energy_per_request_j", "Energy per request"),
            figure("energy_per_token_j", "Energy per token"),
            text("quality", "Quality"),
            figure("accuracy", "Accuracy"),
            text("benchmark", "Benchmark"),
            text("accuracy_quality", "Quality of accuracy"),
        ],
        rows: rows.collect(),
    }
}

/// Where each block runs, and why.
#[must_use]
pub(crate) fn stages(r: &Report) -> Grid {
    let rows = r.services.iter().flat_map(|s| s.stages.iter().map(move |g| (s, g))).map(|(s, g)| Row {
        class: "",
        cells: vec![
            Cell::words(&s.name),
            Cell::number(f64::from(g.replica), format!("{} ({})", g.replica + 1, format::percent(g.share))),
            Cell::words(format!("{}/{}", g.device, g.processor)),
            Cell::words(format!("{}–{}", g.start, g.end)),
            Cell::number(g.memory_bytes, format::bytes(g.memory_bytes)),
            Cell::number(g.resident_share, format::percent(g.resident_share)),
            Cell::number(g.busy_s, format::seconds(g.busy_s)),
            Cell::number(g.dynamic_j, format::si(g.dynamic_j, "J")),
            Cell::number(g.dasi, format::number(g.dasi)),
            Cell::number(g.memory_saturation, format::number(g.memory_saturation)),
            quality(s.quality),
        ],
    });
    Grid {
        id: "stages",
        caption: "Where each block runs".to_owned(),
        columns: vec![
            text("service", "Service"),
            text("replica", "Replica (share)"),
            text("place", "Device/processor"),
            text("blocks", "Blocks"),
            figure("memory_bytes", "Memory"),
            figure("resident_share", "In memory"),
            figure("busy_s", "Busy per request"),
            figure("dynamic_j", "Dynamic energy"),
            figure("dasi", "DASI"),
            figure("memory_saturation", "Memory saturation"),
            text("quality", "Quality"),
        ],
        rows: rows.collect(),
    }
}
