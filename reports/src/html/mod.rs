//! The page: one file, no network, readable without JavaScript.

mod charts;
mod data;
mod front;
mod head;
pub(crate) mod parts;
mod plan;

use crate::report::Report;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("../../assets/report.css");
const SCRIPT: &str = concat!(include_str!("../../assets/common.js"), include_str!("../../assets/report.js"));
const D3: &str = include_str!("../../assets/d3.min.js");
const D3_LICENSE: &str = include_str!("../../assets/d3.LICENSE");

/// Nothing may be loaded, sent or framed; the page's own script and style are inline.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";

/// Most rows of one table on the page, tried in turn until the page is small enough: what is left out of a
/// large fleet is in the files beside the page, and the page says so.
const ROWS: [usize; 5] = [120, 60, 30, 15, 8];

/// Largest page that is wanted, bytes.
const WANTED_BYTES: usize = 480 * 1024;

/// The report as one self-contained HTML file, under 500 KiB for fronts of up to some 2,000 plans.
#[must_use]
pub fn html(r: &Report) -> String {
    let mut text = String::new();
    for rows in ROWS {
        text = page(r, rows);
        if text.len() <= WANTED_BYTES {
            break;
        }
    }
    text
}

fn page(r: &Report, rows: usize) -> String {
    let sections = sections(r, rows);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(r.header.tool);
                title { (r.header.title) " · Wattline report" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#main" { "Skip to the report" }
                (head::definitions())
                (head::top(r, &sections.iter().map(|s| (s.0, s.1)).collect::<Vec<_>>()))
                main id="main" {
                    @for (.., markup) in &sections { (markup) }
                }
                (head::foot(r, D3_LICENSE))
                script type="application/json" id="report-data" { (PreEscaped(data::embed(r))) }
                script { (PreEscaped(D3)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// Id, short title and content of each section that has something to show.
fn sections(r: &Report, rows: usize) -> Vec<(&'static str, &'static str, Markup)> {
    let mut all = Vec::new();
    let mut add = |id, title, any: bool, content: &dyn Fn() -> Markup| {
        if any {
            all.push((id, title, content()));
        }
    };
    add("targets", "Targets", !r.targets.is_empty(), &|| plan::targets(r, rows));
    add("improve", "Improvements", !r.improvements.is_empty(), &|| plan::improvements(r, rows));
    add("tradeoffs", "Trade-offs", !r.front.is_empty(), &|| front::front(r, rows));
    add("baselines", "Baselines", !r.baselines.is_empty(), &|| front::baselines(r, rows));
    add("services", "Services", !r.services.is_empty(), &|| plan::services(r, rows));
    add("devices", "Devices", !r.devices.is_empty(), &|| plan::devices(r, rows));
    add("map", "Map", !r.map.nodes.is_empty(), &|| charts::map(r, rows));
    add("energy", "Joules", !r.energy.is_empty(), &|| charts::energy(r, rows));
    add("latency", "Milliseconds", !r.latency.is_empty(), &|| charts::latency(r, rows));
    add("pipeline", "Pipeline", !r.timeline.is_empty(), &|| charts::timeline(r, rows));
    add("rooflines", "Rooflines", !r.rooflines.is_empty(), &|| charts::rooflines(r, rows));
    add("notes", "Sources", true, &|| plan::notes(r, rows));
    all
}
