//! Sections about the plan itself.

use super::parts::{numbers, section};
use crate::grids;
use crate::report::Report;
use maud::{Markup, html};

const REST: &str = "All are in report.json.";

pub(crate) fn targets(r: &Report, rows: usize) -> Markup {
    section(
        "targets",
        "Targets and margins",
        "What was asked for, what the plan reaches, and how much room is left. Tight means less than a tenth; the mark on each bar is the limit.",
        html! {
            (grids::targets(r).html(rows, REST))
            (numbers("Totals of the fleet as a table", grids::totals(r).html(rows, REST)))
        },
    )
}

pub(crate) fn improvements(r: &Report, rows: usize) -> Markup {
    section(
        "improve",
        "Best improvements",
        "What would make this plan better, with what each change brings.",
        html! {
            ol.cards {
                @for i in r.improvements.iter().take(3) {
                    li { p.what { (i.text) } p.saving { (i.saving) } p.fine { (i.quality.word()) } }
                }
            }
            (numbers("Improvements as a table", grids::improvements(r).html(rows, REST)))
        },
    )
}

pub(crate) fn services(r: &Report, rows: usize) -> Markup {
    section(
        "services",
        "Services",
        "Model, precision and placement of each service, and what a request costs in time and energy.",
        html! {
            (grids::services(r).html(rows, "All are in services.csv and services.parquet."))
            (grids::requests(r).html(rows, "All are in services.csv and services.parquet."))
            (numbers("Stages: where each block runs", grids::stages(r).html(rows, REST)))
        },
    )
}

pub(crate) fn devices(r: &Report, rows: usize) -> Markup {
    section(
        "devices",
        "Devices",
        "Power, temperature and duty of each device; sleeping ones last.",
        html! {
            (grids::devices(r).html(rows, "All are in devices.csv."))
            (grids::power(r).html(rows, "All are in devices.csv."))
            (numbers("Memory and processor time", grids::memory(r).html(rows, REST)))
        },
    )
}

pub(crate) fn notes(r: &Report, rows: usize) -> Markup {
    let mut kinds: Vec<&str> = Vec::new();
    for n in &r.notes {
        if !kinds.contains(&n.kind.as_str()) {
            kinds.push(&n.kind);
        }
    }
    let lead = format!(
        "The worst source among the numbers used is “{}”. What the page calls modelled was computed from these by the physics.",
        r.sources.worst.word()
    );
    section(
        "notes",
        "Sources and notes",
        &lead,
        html! {
            (grids::sources(r).html(rows, REST))
            @for kind in kinds {
                h3 { (capital(kind)) }
                ul.notes { @for n in r.notes.iter().filter(|n| n.kind == kind).take(rows) {
                    li { @if !n.subject.is_empty() { strong { (n.subject) } ": " } (n.text) }
                } }
                @let left = r.notes.iter().filter(|n| n.kind == kind).count().saturating_sub(rows);
                @if left > 0 { p.more { "And " (left) " more. " (REST) } }
            }
        },
    )
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(|| "Notes".to_owned(), |c| c.to_uppercase().chain(chars).collect())
}
