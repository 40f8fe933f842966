//! The page of a running fleet. Its script fetches the changing part again and again, from the address that the page
//! itself came from, and nothing else from anywhere.

use super::{Live, Standing, grids};
use crate::format;
use crate::html::parts::{numbers, section};
use crate::svg;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = concat!(include_str!("../../assets/report.css"), include_str!("../../assets/live.css"));
const SCRIPT: &str = concat!(include_str!("../../assets/common.js"), include_str!("../../assets/live.js"));

/// Most rows of a table, and what is said where that is not all.
const ROWS: usize = 200;
const REST: &str = "All are in state.json.";

/// The policy of the page, to be sent as a header: it may ask the server that it came from, and may not be framed.
pub const LIVE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The whole page. Without JavaScript it loads itself anew every few seconds.
#[must_use]
pub fn live(state: &Live) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(state.tool);
                noscript { meta http-equiv="refresh" content="5"; }
                link rel="icon" href="data:,";
                title { (title(state)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the fleet" }
                header.top {
                    div.bar {
                        p.brand { "Wattline" span { "live" } }
                        div.tools hidden {
                            button #pause type="button" aria-pressed="false" { "Pause" }
                            " "
                            button #theme type="button" aria-label="Switch between light, dark and the system's colours" { "Colours: system" }
                        }
                    }
                    p #stale role="alert" hidden {}
                }
                (live_markup(state))
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// The part that changes.
#[must_use]
pub fn live_main(state: &Live) -> String {
    live_markup(state).into_string()
}

fn title(state: &Live) -> String {
    let mark = match state.standing {
        Standing::Fine | Standing::Neutral => "✓",
        Standing::Odd => "!",
        Standing::Bad => "✗",
    };
    format!("{mark} {} · Wattline live", state.fleet)
}

fn live_markup(state: &Live) -> Markup {
    let sections = sections(state);
    html! {
        div #live data-title=(title(state)) {
            header.top {
                h1 { (state.fleet) }
                p.summary { span class=(format!("badge {}", grids::badge(state.standing))) { (mark(state.standing)) } " " (state.summary) }
                p.fine {
                    "As of " time { (state.at) } " UTC, through agent " (state.through) "; the planner is " (state.doing_words()) "."
                }
                // Read out when it changes; the rest would be too much.
                p.fine role="status" { @if let Some(e) = state.events.first() { "Last: " (e.at) " " (e.what) " " (e.subject) } @else { "Nothing has happened yet." } }
                (tiles(state))
                nav aria-label="Sections" { ul { @for (id, title, _) in &sections { li { a href=(format!("#{id}")) { (title) } } } } }
            }
            main id="main" tabindex="-1" {
                @for (.., markup) in &sections { (markup) }
            }
            footer {
                h2 { "Made from" }
                dl.facts {
                    div { dt { "Scenario" } dd { (state.scenario_file) } }
                    div { dt { "Made by" } dd { (state.tool) } }
                }
                p { "This page asks only the server that it came from. Predictions are the plan's; what is seen comes from the agents, each value with how it is known. The same as JSON: " a href="state.json" { "state.json" } "." }
            }
        }
    }
}

fn mark(standing: Standing) -> &'static str {
    match standing {
        Standing::Fine => "✓ as planned",
        Standing::Odd => "! not as planned",
        Standing::Bad => "✗ broken",
        Standing::Neutral => "no plan",
    }
}

impl Live {
    fn doing_words(&self) -> &str {
        if self.doing.is_empty() { "watching" } else { &self.doing }
    }
}

fn tiles(state: &Live) -> Markup {
    let tile = |label: &str, value: String, under: String| {
        html! { div.tile { dt { (label) } dd { strong { (value) } span { (under) } } } }
    };
    let planned = |w: Option<f64>| w.map_or_else(String::new, |w| format!("; predicted {}", format::si(w, "W")));
    html! {
        dl.tiles {
            (tile("Fleet power", state.power.value.map_or_else(|| format::NONE.to_owned(), |w| format::si(w, "W")),
                format!("{}{}", grids::about(&state.power), planned(state.planned_power_w))))
            @if let Some(p) = &state.plan {
                (tile("Plan", format!("generation {}", p.generation), format::hash(&p.id)))
                (tile(&format!("Predicted {}", p.objective), format::with_unit(p.value, &p.unit), format!("no plan is below {}", format::with_unit(p.bound, &p.unit))))
            }
            (tile("Planner", state.doing.clone(), format!("through {}", state.through)))
        }
    }
}

/// Id, title and content.
fn sections(state: &Live) -> Vec<(&'static str, &'static str, Markup)> {
    vec![
        (
            "devices",
            "Devices",
            section(
                "devices",
                "Devices",
                "",
                html! {
                    (grids::devices(state).html(ROWS, REST))
                    (grids::measured(state).html(ROWS, REST))
                },
            ),
        ),
        (
            "services",
            "Services",
            section(
                "services",
                "Services",
                "What the plan predicts beside what the users of each service saw.",
                html! {
                    @if state.services.is_empty() { p.more { "No plan is served, so there is nothing to compare." } }
                    @else { (grids::services(state).html(ROWS, REST)) }
                },
            ),
        ),
        (
            "events",
            "Events",
            section(
                "events",
                "Events",
                "",
                html! {
                    @if state.events.is_empty() { p.more { "Nothing has happened since the planner began to watch." } }
                    @else { (grids::events(state).html(ROWS, REST)) }
                },
            ),
        ),
        (
            "power",
            "Power",
            section(
                "power",
                "Power",
                "What each device has drawn over the last minutes, as far as a sensor measures it.",
                power(state),
            ),
        ),
        ("plan", "Plan", section("plan", "Plan", "", plan(state))),
    ]
}

fn power(state: &Live) -> Markup {
    let series: Vec<svg::Series<'_>> = state
        .devices
        .iter()
        .filter(|d| d.history.len() > 1)
        .map(|d| svg::Series { name: &d.name, points: d.history.iter().map(|m| (m.ago_s, m.value)).collect() })
        .collect();
    html! {
        @if series.is_empty() { p.more { "No device has measured its power twice yet. The table above says why where a sensor is missing." } }
        @else {
            figure.chart { div.plot { (svg::history(&series, "W")) } }
            (numbers("Numbers of this chart", grids::history(state).html(ROWS, REST)))
        }
    }
}

fn plan(state: &Live) -> Markup {
    html! {
        @if let Some(p) = &state.plan {
            dl.facts {
                div { dt { "Plan" } dd { (p.id) } }
                @if let Some(parent) = &p.parent_id { div { dt { "Replaces" } dd { (parent) } } }
                div { dt { "Proved" } dd {
                    "the " (p.objective) " of no plan is below " (format::with_unit(p.bound, &p.unit)) "; this one's is "
                    (format::with_unit(p.value, &p.unit)) " (gap " (format::percent(p.gap)) ", " (p.status) ")"
                } }
            }
            (grids::stages(state).html(ROWS, REST))
        } @else { p.more { "The fleet has no plan yet." } }
        @if !state.notes.is_empty() {
            h3 { "Notes of agent " (state.through) }
            ul.notes { @for note in state.notes.iter().take(20) { li { (note) } } }
        }
    }
}
