//! Tables of the live page.

use super::{Compared, Live, Seen, Standing};
use crate::format;
use crate::grid::{Cell, Grid, Row, figure, text};

pub(super) fn badge(standing: Standing) -> &'static str {
    match standing {
        Standing::Fine => "ok",
        Standing::Odd => "tight",
        Standing::Bad => "missed",
        Standing::Neutral => "quality",
    }
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Odd => "tight",
        Standing::Bad => "missed",
        Standing::Fine | Standing::Neutral => "",
    }
}

/// What stands under a value: its quality, its age, what it covers; without a value, why there is none.
pub(super) fn about(seen: &Seen) -> String {
    if seen.value.is_none() {
        return format!("missing: {}", seen.why);
    }
    let mut words = seen.quality.word().to_owned();
    if !seen.why.is_empty() {
        words += &format!(", {}", seen.why);
    }
    if let Some(age) = seen.old_s {
        words += &format!(", {}", ago(age));
    }
    words
}

fn seen(seen: &Seen, words: impl Fn(f64) -> String) -> Cell {
    Cell::maybe(seen.value, words).with_note(about(seen))
}

/// An age; fractions of a second mean nothing to a reader.
fn ago(seconds: f64) -> String {
    if seconds < 1.0 { "now".into() } else { format!("{} ago", format::seconds(seconds.round())) }
}

fn celsius(t: f64) -> String {
    format!("{} °C", format::number(t))
}

fn times(factor: f64) -> String {
    format!("{} ×", format::number(factor))
}

/// How each device stands with the plan.
pub(super) fn devices(live: &Live) -> Grid {
    let rows = live.devices.iter().map(|d| Row {
        class: class(d.standing),
        cells: vec![
            Cell::words(&d.name),
            Cell::badge(badge(d.standing), &d.state),
            Cell::words(d.phase.as_deref().unwrap_or(format::NONE)),
            Cell::maybe(d.generation.map(|g| g as f64), |g| format!("{g:.0}")),
            Cell::maybe(d.share, format::percent),
            Cell::maybe(d.heard_s, ago),
            Cell::words(&d.throttled),
            Cell::words(if d.note.is_empty() { format::NONE } else { &d.note }),
        ],
    });
    Grid {
        id: "devices-table",
        caption: "How each device stands with the plan".to_owned(),
        columns: vec![
            text("device", "Device"),
            text("state", "State"),
            text("phase", "Phase"),
            figure("generation", "Serves generation"),
            figure("share", "Share of its load"),
            figure("heard_s", "Heard"),
            text("throttled", "Throttled"),
            text("note", "It says"),
        ],
        rows: rows.collect(),
    }
}

/// What each device measures beside what was planned.
pub(super) fn measured(live: &Live) -> Grid {
    let rows = live.devices.iter().map(|d| Row {
        class: class(d.standing),
        cells: vec![
            Cell::words(&d.name),
            Cell::maybe(d.planned_power_w, |w| format::si(w, "W")),
            seen(&d.power, |w| format::si(w, "W")),
            Cell::maybe(d.planned_temperature_c, celsius),
            seen(&d.temperature, celsius),
            Cell::maybe(d.throttle_c, celsius),
            seen(&d.pressure, format::percent),
            seen(&d.memory, format::bytes),
            seen(&d.time_factor, times),
            seen(&d.power_factor, times),
        ],
    });
    Grid {
        id: "measured-table",
        caption: "What each device measures, beside what was predicted; every value says how it is known".to_owned(),
        columns: vec![
            text("device", "Device"),
            figure("planned_power_w", "Power, predicted"),
            figure("power_w", "Power, seen"),
            figure("planned_temperature_c", "Temperature, predicted"),
            figure("temperature_c", "Temperature, seen"),
            figure("throttle_c", "Throttles at"),
            figure("memory_pressure", "Waits for memory"),
            figure("memory_bytes", "Models in memory"),
            figure("time_factor", "Time, of its profile's"),
            figure("power_factor", "Power, of its profile's"),
        ],
        rows: rows.collect(),
    }
}

fn compared(c: &Compared, words: fn(f64) -> String) -> [Cell; 3] {
    let median = c.median.map_or_else(String::new, |m| format!(", median {}", words(m)));
    [
        Cell::maybe(c.predicted, words).with_note(c.of.clone()),
        Cell::maybe(c.seen.value, words).with_note(about(&c.seen) + &median),
        Cell::maybe(c.off, |x| if x > 0.0 { format!("+{}", format::percent(x)) } else { format::percent(x) }),
    ]
}

/// Predictions of each service beside what its users saw.
pub(super) fn services(live: &Live) -> Grid {
    let rows = live.services.iter().map(|s| {
        let count = |n: Option<u64>| Cell::maybe(n.map(|n| n as f64), |_| format::count(n.unwrap_or(0)));
        let window = s.window_s.map_or_else(|| s.why.clone(), |w| format!("in the last {}", format::seconds(w)));
        let mut cells = vec![
            Cell::words(&s.name).with_note(format!("{} {}, pipeline {}", s.model, s.precision, s.replica)),
            Cell::words(&s.devices),
            count(s.requests).with_note(window),
            count(s.failed),
        ];
        cells.extend(compared(&s.ttft, format::seconds));
        cells.extend(compared(&s.tpot, format::seconds));
        cells.extend(compared(&s.energy, |j| format::si(j, "J")));
        Row { class: if s.failed.is_some_and(|n| n > 0) { "tight" } else { "" }, cells }
    });
    Grid {
        id: "services-live",
        caption: "Predicted beside seen: time to the first token, time per token, energy of an answer".to_owned(),
        columns: vec![
            text("service", "Service"),
            text("devices", "Runs on"),
            figure("requests", "Answers"),
            figure("failed", "Failed"),
            figure("ttft_predicted_s", "TTFT, predicted"),
            figure("ttft_s", "TTFT, seen"),
            figure("ttft_off", "Off"),
            figure("tpot_predicted_s", "TPOT, predicted"),
            figure("tpot_s", "TPOT, seen"),
            figure("tpot_off", "Off"),
            figure("energy_predicted_j", "Energy, predicted"),
            figure("energy_j", "Energy, seen"),
            figure("energy_off", "Off"),
        ],
        rows: rows.collect(),
    }
}

pub(super) fn events(live: &Live) -> Grid {
    let rows = live.events.iter().map(|e| Row {
        class: "",
        cells: vec![Cell::words(&e.at), Cell::badge(badge(e.standing), &e.what), Cell::words(&e.subject), Cell::words(&e.text)],
    });
    Grid {
        id: "events-table",
        caption: "What happened, newest first; times are UTC".to_owned(),
        columns: vec![text("at", "When"), text("what", "What"), text("subject", "Who"), text("text", "More")],
        rows: rows.collect(),
    }
}

pub(super) fn stages(live: &Live) -> Grid {
    let rows = live.plan.iter().flat_map(|p| &p.stages).map(|s| Row {
        class: "",
        cells: vec![
            Cell::words(&s.service),
            Cell::number(f64::from(s.replica), s.replica.to_string()),
            Cell::words(&s.device),
            Cell::words(&s.model),
            Cell::words(format!("{}..{}", s.start, s.end)),
            Cell::words(&s.weights),
            Cell::number(s.memory_bytes, format::bytes(s.memory_bytes)),
        ],
    });
    Grid {
        id: "stages-live",
        caption: "Which blocks of which model run where".to_owned(),
        columns: vec![
            text("service", "Service"),
            figure("replica", "Pipeline"),
            text("device", "Device"),
            text("model", "Model"),
            text("blocks", "Blocks"),
            text("weights", "Weights"),
            figure("memory_bytes", "Memory"),
        ],
        rows: rows.collect(),
    }
}

pub(super) fn history(live: &Live) -> Grid {
    let of = |d: &super::LiveDevice| -> Vec<Row> {
        let cells = |m: &super::Moment| {
            vec![Cell::words(&d.name), Cell::number(m.ago_s, ago(m.ago_s)), Cell::number(m.value, format::si(m.value, "W"))]
        };
        d.history.iter().map(|m| Row { class: "", cells: cells(m) }).collect()
    };
    Grid {
        id: "history-table",
        caption: "Power of the last minutes".to_owned(),
        columns: vec![text("device", "Device"), figure("ago_s", "When"), figure("power_w", "Power")],
        rows: live.devices.iter().flat_map(of).collect(),
    }
}
