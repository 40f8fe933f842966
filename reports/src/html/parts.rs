//! Pieces that several sections use.

use crate::report::BarKind;
use maud::{Markup, html};

/// Class of the fill of a step.
#[must_use]
pub(crate) fn kind_class(kind: BarKind) -> &'static str {
    match kind {
        BarKind::Prefill => "f0",
        BarKind::Decode => "f1",
        BarKind::Transfer => "f2",
        BarKind::Waiting => "f5",
    }
}

/// Class of the fill of a piece of power.
#[must_use]
pub(crate) fn component_class(component: &str) -> &'static str {
    match component {
        "dynamic" => "f0",
        "leakage" => "f3",
        "network" => "f2",
        "idle" => "f4",
        "sleep" => "f5",
        _ => "f1",
    }
}

/// A section with its heading and a sentence that says what to see.
#[must_use]
pub(crate) fn section(id: &str, title: &str, lead: &str, body: Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby=(format!("{id}-h")) {
            h2 id=(format!("{id}-h")) { (title) }
            @if !lead.is_empty() { p.lead { (lead) } }
            (body)
        }
    }
}

/// Swatches with their words.
#[must_use]
pub(crate) fn legend(items: &[(&str, &str)]) -> Markup {
    html! {
        ul.legend {
            @for (class, words) in items {
                li { svg viewBox="0 0 16 12" width="16" height="12" aria-hidden="true" { rect class=(class) width="16" height="12" rx="2" {} } (words) }
            }
        }
    }
}

/// A table behind a summary, for charts whose numbers it holds.
#[must_use]
pub(crate) fn numbers(words: &str, table: Markup) -> Markup {
    html! { details { summary { (words) } (table) } }
}
