//! Sections that are mostly a chart, each with its numbers as a table.

use super::parts::{component_class, legend, numbers, section};
use crate::format;
use crate::grids;
use crate::report::{Bar, EnergyPart, Report};
use crate::svg::{self, MOST_NODES, Stack, stacked};
use maud::{Markup, html};

/// Bars in one chart of shares.
const BARS: usize = 40;
/// Timelines and rooflines drawn, for so many rows of a table.
fn panels(rows: usize) -> usize {
    rows.div_ceil(10)
}

const REST: &str = "All are in report.json.";

pub(crate) fn map(r: &Report, rows: usize) -> Markup {
    let drawn = r.map.nodes.len() <= MOST_NODES;
    let senders: Vec<&str> = svg::flows(&r.map);
    section(
        "map",
        "Fleet map",
        "Devices with their stages. Grey lines are links, arrows are what services send over them.",
        html! {
            @if drawn {
                figure.chart.map {
                    div.axes hidden { span { "Zoom " }
                        button type="button" data-zoom="1.4" aria-label="Zoom in" { "+" }
                        button type="button" data-zoom="0.7" aria-label="Zoom out" { "−" }
                        button type="button" data-zoom="0" { "Whole map" }
                    }
                    div.plot { (svg::map(&r.map)) }
                    @if !senders.is_empty() {
                        ul.legend { @for (i, s) in senders.iter().enumerate() {
                            li { svg viewBox="0 0 30 10" width="30" height="10" aria-hidden="true" {
                                path class=(format!("flow l{} dash{}", i % 6, i % 6)) d="M1 5H29" {}
                            } (s) }
                        } }
                    }
                    figcaption { "Placement and traffic under the plan (modelled)" }
                }
            } @else {
                p { "The fleet has " (format::count(r.map.nodes.len() as u64)) " nodes: too many to draw. The tables below hold the links and flows." }
            }
            (numbers("Links as a table", grids::links(r).html(rows, REST)))
            (numbers("Traffic as a table", grids::traffic(r).html(rows, REST)))
        },
    )
}

/// Bars by device, in the order of the parts, pieces of one component of one device as they come.
pub(crate) fn energy(r: &Report, rows: usize) -> Markup {
    let mut devices: Vec<&str> = Vec::new();
    let mut components: Vec<&str> = Vec::new();
    for e in &r.energy {
        if !devices.contains(&e.device.as_str()) {
            devices.push(&e.device);
        }
        if !components.contains(&e.component.as_str()) {
            components.push(&e.component);
        }
    }
    let name = |e: &EnergyPart| e.service.as_ref().map_or_else(|| e.component.clone(), |s| format!("{} {}", s, e.component));
    let stacks: Vec<Stack> = devices
        .iter()
        .take(BARS.min(rows))
        .map(|d| Stack {
            label: (*d).to_owned(),
            total: total(r, d),
            parts: r
                .energy
                .iter()
                .filter(|e| e.device == *d)
                .take(rows)
                .map(|e| {
                    let words = format!(
                        "{}, {} a request, {} of the fleet",
                        format::si(e.power_w, "W"),
                        format::si(e.energy_per_request_j, "J"),
                        format::percent(e.share)
                    );
                    (name(e), component_class(&e.component), e.power_w, words)
                })
                .collect(),
        })
        .collect();
    let swatches: Vec<(&str, &str)> = components.iter().map(|c| (component_class(c), *c)).collect();
    section(
        "energy",
        "Where each joule goes",
        "Mean power of each device by what it is spent on. A request pays its share of all of it.",
        html! {
            figure.chart {
                (legend(&swatches))
                div.plot.wide { (stacked(&stacks, true, "Mean power by device and component")) }
                figcaption { "Mean power by device, watts (modelled)" @if devices.len() > BARS.min(rows) { "; the first " (BARS.min(rows)) " of " (devices.len()) } }
            }
            (numbers("Joules as a table", grids::energy(r).html(rows, REST)))
        },
    )
}

/// Power of a device; of what is no device, of its only part.
fn total(r: &Report, name: &str) -> String {
    let mut parts = r.energy.iter().filter(|e| e.device == name);
    let only = parts.next().filter(|_| parts.next().is_none()).map(|e| e.power_w);
    let device = r.devices.iter().find(|d| d.name == name).map(|d| d.power_w);
    device.or(only).map_or_else(String::new, |w| format::si(w, "W"))
}

pub(crate) fn latency(r: &Report, rows: usize) -> Markup {
    let stacks: Vec<Stack> = r
        .latency
        .iter()
        .take(BARS.min(rows))
        .map(|l| Stack {
            label: l.service.clone(),
            total: format::seconds(l.total_s),
            parts: [
                ("prefill", "f0", l.prefill_s),
                ("decode", "f1", l.decode_s),
                ("links", "f2", l.hops_s),
                ("waiting", "f5", l.waiting_s),
            ]
            .into_iter()
            .map(|(name, class, s)| (name.to_owned(), class, s, format::seconds(s)))
            .collect(),
        })
        .collect();
    section(
        "latency",
        "Where each millisecond goes",
        "One request of each service. Each bar fills the width: read shares along it, the whole time at its end.",
        html! {
            figure.chart {
                (legend(&[("f0", "prefill"), ("f1", "decode"), ("f2", "links"), ("f5", "waiting")]))
                div.plot.wide { (stacked(&stacks, false, "Shares of a request's time by service")) }
                figcaption { "Shares of a request's time, at the service's percentile (modelled)" }
            }
            (numbers("Milliseconds as a table", grids::latency(r).html(rows, REST)))
        },
    )
}

pub(crate) fn timeline(r: &Report, rows: usize) -> Markup {
    let mut services: Vec<&str> = Vec::new();
    for b in &r.timeline {
        if !services.contains(&b.service.as_str()) {
            services.push(&b.service);
        }
    }
    section(
        "pipeline",
        "Pipeline of one request",
        "From arrival to the last token. Each service has its own time axis.",
        html! {
            (legend(&[("f0", "prefill"), ("f1", "decode"), ("f2", "transfer"), ("f5", "waiting")]))
            @for service in services.iter().take(panels(rows)) {
                @let bars: Vec<&Bar> = r.timeline.iter().filter(|b| b.service == *service).collect();
                figure.chart {
                    figcaption.above { (service) }
                    div.plot.wide { (svg::timeline(service, &bars, rows)) }
                    @if bars.len() > rows { figcaption { "The first " (rows) " of " (bars.len()) " steps" } }
                }
            }
            @if services.len() > panels(rows) { p.more { "The first " (panels(rows)) " of " (services.len()) " services. " (REST) } }
            (numbers("Pipeline as a table", grids::timeline(r).html(rows, REST)))
        },
    )
}

pub(crate) fn rooflines(r: &Report, rows: usize) -> Markup {
    section(
        "rooflines",
        "Rooflines",
        "How fast a stage can be at its ratio of arithmetic to memory traffic, and how fast it is. Left of the ridge memory is the limit, right of it arithmetic.",
        html! {
            div.pair {
                @for f in r.rooflines.iter().take(panels(rows)) {
                    figure.chart {
                        figcaption.above { (f.device) "/" (f.processor) }
                        div.plot { (svg::roofline(f)) }
                        ol.points { @for p in &f.points {
                            li { (p.label) ": " (format::number(p.intensity_ops_per_byte)) " op/B, " (format::si(p.attained_ops_per_s, "op/s")) " (" (p.quality.word()) ")" }
                        } }
                    }
                }
            }
            @if r.rooflines.len() > panels(rows) { p.more { "The first " (panels(rows)) " of " (r.rooflines.len()) " processors. " (REST) } }
            (numbers("Rooflines as a table", grids::rooflines(r).html(rows, REST)))
        },
    )
}
