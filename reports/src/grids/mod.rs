//! The tables of a report.

mod charts;
mod fleet;
mod front;
mod services;

pub(crate) use charts::{energy, latency, rooflines, timeline};
pub(crate) use fleet::{devices, links, memory, power, traffic};
pub(crate) use front::{baselines, front};
pub(crate) use services::{requests, services, stages, standing, targets};

use crate::format;
use crate::grid::{Cell, Grid, Row, figure, text};
use crate::report::{Quality, Report};

/// A badge with the word of a quality.
fn quality(q: Quality) -> Cell {
    Cell::badge(
        match q {
            Quality::Assumed => "assumed",
            _ => "quality",
        },
        q.word(),
    )
}

/// The fleet's totals as rows, each with its scope.
#[must_use]
pub(crate) fn totals(r: &Report) -> Grid {
    let t = &r.totals;
    let mut rows = Vec::new();
    let mut row = |what: &str, scope: &str, value: Option<f64>, unit: &str, words: String| {
        if value.is_some() {
            rows.push(Row {
                class: "",
                cells: vec![
                    Cell::words(what),
                    Cell { text: words, exact: value, ..Cell::default() },
                    Cell::words(unit),
                    Cell::words(scope),
                    quality(t.quality),
                ],
            });
        }
    };
    let say = |value: Option<f64>, words: fn(f64) -> String| value.map_or_else(String::new, words);
    row("Fleet power", "mean, sleeping devices and network included", Some(t.power_w), "W", format::si(t.power_w, "W"));
    row(
        "Energy per request",
        "fleet power over all requests",
        Some(t.energy_per_request_j),
        "J",
        format::si(t.energy_per_request_j, "J"),
    );
    row("Mean latency", "weighted by rate, waiting not included", Some(t.mean_latency_s), "s", format::seconds(t.mean_latency_s));
    row(
        "Accuracy",
        "right answers over answers, services with a benchmark",
        t.accuracy,
        "fraction",
        say(t.accuracy, format::percent),
    );
    row(
        "Power while answering",
        "energy of answers over time spent answering",
        t.answering_power_w,
        "W",
        say(t.answering_power_w, |x| format::si(x, "W")),
    );
    row("Intelligence per watt", "accuracy over power while answering", t.ipw, "1/W", say(t.ipw, format::number));
    row("Intelligence per watt, fleet", "accuracy over fleet power", t.ipw_fleet, "1/W", say(t.ipw_fleet, format::number));
    row("Right answers per kilojoule", "of fleet energy", t.answers_per_kj, "1/kJ", say(t.answers_per_kj, format::number));
    row("Latency score", "latency over its reference", Some(t.latency_score), "fraction", format::number(t.latency_score));
    row(
        "Underuse",
        "time of awake devices that nothing is booked for",
        Some(t.underuse),
        "fraction",
        format::percent(t.underuse),
    );
    row("Requests", "all services", Some(t.requests_per_s), "1/s", format!("{} /s", format::number(t.requests_per_s)));
    Grid {
        id: "totals",
        caption: "The fleet under this plan".to_owned(),
        columns: vec![
            text("what", "What"),
            figure("value", "Value"),
            text("unit", "Unit of the exact value"),
            text("scope", "Scope"),
            text("quality", "Quality"),
        ],
        rows,
    }
}

/// Best improvements with what they save.
#[must_use]
pub(crate) fn improvements(r: &Report) -> Grid {
    let rows = r.improvements.iter().map(|i| Row {
        class: "",
        cells: vec![
            Cell::words(&i.text),
            Cell::words(&i.saving),
            Cell::maybe(i.power_change_w, |x| format::change(x, "W")),
            Cell::maybe(i.energy_change_j, |x| format::change(x, "J")),
            Cell::maybe(i.latency_change_s, |x| format::change(x, "s")),
            Cell::maybe(i.accuracy_change, |x| format::change(x, "1")),
            quality(i.quality),
        ],
    });
    Grid {
        id: "improvements",
        caption: "Changes that would help, each found by planning again".to_owned(),
        columns: vec![
            text("change", "Change"),
            text("saving", "What it brings"),
            figure("power_change_w", "Fleet power"),
            figure("energy_change_j", "Energy per request"),
            figure("latency_change_s", "Mean latency"),
            figure("accuracy_change", "Accuracy"),
            text("quality", "Quality"),
        ],
        rows: rows.collect(),
    }
}

/// Counts of the numbers that the plan rests on.
#[must_use]
pub(crate) fn sources(r: &Report) -> Grid {
    let s = &r.sources;
    let row = |q: Quality, n: u32, what: &str| Row {
        class: "",
        cells: vec![Cell::words(q.word()), Cell::number(f64::from(n), format::count(u64::from(n))), Cell::words(what)],
    };
    Grid {
        id: "sources",
        caption: "Where the numbers that went in come from".to_owned(),
        columns: vec![text("quality", "Quality"), figure("numbers", "Numbers used"), text("meaning", "Meaning")],
        rows: vec![
            row(Quality::Measured, s.measured, "on this device or model"),
            row(Quality::Fitted, s.fitted, "to measured rows"),
            row(Quality::Datasheet, s.datasheet, "printed by the maker"),
            row(Quality::Assumed, s.assumed, "nobody measured it here; the notes name them"),
        ],
    }
}
