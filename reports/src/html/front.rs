//! Sections about other plans.

use super::data;
use super::parts::section;
use crate::format;
use crate::grids;
use crate::report::Report;
use crate::svg::{Axis, scatter};
use maud::{Markup, html};

pub(crate) fn front(r: &Report, rows: usize) -> Markup {
    let any_accuracy = r.front.iter().any(|p| p.accuracy.is_some());
    let second = if any_accuracy { (Axis::Energy, Axis::Accuracy) } else { (Axis::Energy, Axis::Power) };
    section(
        "tradeoffs",
        "Trade-offs",
        "Each dot is a plan that no other plan beats in everything. The diamond is this plan.",
        html! {
            form.controls hidden aria-label="Limits on the plans shown" {
                (slider("deadline", "Deadline: mean latency at most"))
                (slider("budget", "Budget: energy per request at most"))
                @if any_accuracy { (slider("floor", "Accuracy at least")) }
                label.pick { "Best means" select #best {
                    @for axis in Axis::ALL { option value=(axis.key()) { (format!("{} {}", match axis.better() { "lower is better" => "least", _ => "most" }, axis.label().to_lowercase())) } }
                } }
                button #reset type="button" { "Reset" }
            }
            p #verdict.verdict role="status" aria-live="polite" hidden {}
            div.pair {
                @for (i, (x, y)) in [(Axis::Latency, Axis::Energy), second].into_iter().enumerate() {
                    figure.chart data-front=(i) data-x=(x.key()) data-y=(y.key()) {
                        div.axes hidden {
                            (axis_choice(i, "y", y)) " against " (axis_choice(i, "x", x))
                        }
                        div.plot { (scatter(&r.front, x, y)) }
                        figcaption { (y.label()) " against " (x.label().to_lowercase()) ", " (format::count(r.front.len() as u64)) " plans, modelled" }
                    }
                }
            }
            div #front-holder { (grids::front(r).html(rows, "All are in front.csv and front.parquet.")) }
            button #front-more type="button" hidden { "Show more plans" }
            div #front-detail aria-live="polite" {}
            @if !data::with_details(r) {
                p.more { "What each of these plans does with each service is in front.csv and report.json." }
            }
        },
    )
}

/// A slider; the script fills in its range.
fn slider(id: &str, words: &str) -> Markup {
    html! {
        label.slider for=(id) { span { (words) " " output id=(format!("{id}-value")) for=(id) { "any" } }
            input id=(id) type="range" min="0" max="100" step="1" value="100";
        }
    }
}

fn axis_choice(i: usize, name: &str, chosen: Axis) -> Markup {
    html! {
        select data-axis=(name) aria-label=(format!("Chart {}: {} axis", i + 1, if name == "x" { "horizontal" } else { "vertical" })) {
            @for axis in Axis::ALL { option value=(axis.key()) selected[axis == chosen] { (axis.label()) } }
        }
    }
}

pub(crate) fn baselines(r: &Report, rows: usize) -> Markup {
    section(
        "baselines",
        "Against simpler ways of planning",
        "The same scenario and the same physics; only the way of planning differs.",
        html! {
            (grids::baselines(r).html(rows, "All are in report.json."))
            dl.why { @for b in r.baselines.iter().take(rows) {
                div { dt { (b.name) } dd { (b.description) @if !b.violations.is_empty() { ". Breaks: " (b.violations) } } }
            } }
        },
    )
}
