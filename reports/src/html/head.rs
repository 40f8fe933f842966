//! The top and the foot of the page.

use crate::format;
use crate::report::Report;
use maud::{Markup, PreEscaped, html};

/// Patterns and arrowheads that the charts share. Patterns tell parts apart where colour does not.
pub(crate) fn definitions() -> Markup {
    html! {
        svg.definitions width="0" height="0" aria-hidden="true" {
            defs {
                (PreEscaped(concat!(
                    r#"<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">"#,
                    r#"<rect class="pb3" width="6" height="6"/><rect class="pi" width="2" height="6"/></pattern>"#,
                    r#"<pattern id="dots" width="6" height="6" patternUnits="userSpaceOnUse">"#,
                    r#"<rect class="pb2" width="6" height="6"/><circle class="pi" cx="3" cy="3" r="1.1"/></pattern>"#,
                    r#"<pattern id="bars" width="5" height="5" patternUnits="userSpaceOnUse">"#,
                    r#"<rect class="pb5" width="5" height="5"/><rect class="pi" width="5" height="1.3"/></pattern>"#,
                    r#"<marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="11" markerHeight="11" orient="auto-start-reverse">"#,
                    r#"<path class="arrowhead" d="M0 0L8 4L0 8z"/></marker>"#,
                )))
            }
        }
    }
}

/// Title, verdict, key figures, and the way to each section.
pub(crate) fn top(r: &Report, sections: &[(&str, &str)]) -> Markup {
    let h = &r.header;
    let missed = r.targets.iter().filter(|t| t.missed).count();
    let tight = r.targets.iter().filter(|t| t.tight && !t.missed).count();
    html! {
        header.top {
            div.bar {
                p.brand { "Wattline" span { "plan report" } }
                div.tools hidden {
                    button #theme type="button" aria-label="Switch between light, dark and the system's colours" { "Colours: system" }
                }
            }
            h1 { (h.title) }
            @if !h.summary.is_empty() { p.summary { (h.summary) } }
            p.verdict {
                @if h.plan_id.is_none() { span.badge.missed { "✗ no plan" } " " (h.status) }
                @else if missed > 0 { span.badge.missed { "✗ " (missed) " of " (r.targets.len()) " targets missed" } }
                @else if r.targets.is_empty() { span.badge.ok { "no targets asked" } }
                @else { span.badge.ok { "✓ all " (r.targets.len()) " targets met" } }
                @if tight > 0 { " " span.badge.tight { "! " (tight) " tight" } }
                @if r.totals.throttled_devices > 0 { " " span.badge.tight { "! " (r.totals.throttled_devices) " throttled" } }
                @if h.plan_id.is_some() { " " (certificate(r)) }
            }
            @if h.plan_id.is_some() { (figures(r)) }
            nav aria-label="Sections" { ul { @for (id, title) in sections { li { a href=(format!("#{id}")) { (title) } } } } }
        }
    }
}

/// What is proved, in one sentence.
fn certificate(r: &Report) -> Markup {
    let h = &r.header;
    html! {
        span.proof {
            @if let (Some(value), Some(bound)) = (h.value, h.bound) {
                "Proved: the " (h.objective) " of no plan is below " strong { (format::with_unit(bound, &h.unit)) }
                "; this one's is " strong { (format::with_unit(value, &h.unit)) }
                @if let Some(gap) = h.gap { " (gap " (format::percent(gap)) ", " (h.status) ")" } @else { " (" (h.status) ")" }
                "."
            } @else { (h.status) }
        }
    }
}

fn figures(r: &Report) -> Markup {
    let t = &r.totals;
    let word = t.quality.word();
    let tile = |label: &str, value: String, under: String| {
        html! { div.tile { dt { (label) } dd { strong { (value) } span { (under) } } } }
    };
    html! {
        dl.tiles {
            (tile("Energy per request", format::si(t.energy_per_request_j, "J"), format!("whole fleet, {word}")))
            (tile("Fleet power", format::si(t.power_w, "W"), format!("{} of {} devices awake", t.awake_devices, t.devices)))
            (tile("Mean latency", format::seconds(t.mean_latency_s), format!("a request, {word}")))
            @if let Some(a) = t.accuracy { (tile("Accuracy", format::percent(a), "right answers over answers".to_owned())) }
            @if let Some(ipw) = t.ipw {
                (tile("Intelligence per watt", format!("{} /W", format::number(ipw)),
                    t.ipw_fleet.map_or_else(String::new, |f| format!("while answering; {} /W fleet", format::number(f)))))
            }
            @if let Some(a) = t.answers_per_kj { (tile("Right answers", format!("{} /kJ", format::number(a)), "of fleet energy".to_owned())) }
        }
    }
}

/// Where the page comes from: enough to make it again.
pub(crate) fn foot(r: &Report, license: &str) -> Markup {
    let h = &r.header;
    html! {
        footer {
            h2 { "Made from" }
            dl.facts {
                (fact("Scenario", &h.scenario_file))
                (fact("SHA-256 of the scenario", &h.scenario_sha256))
                @if let Some(id) = &h.plan_id { (fact("Plan", id)) }
                @if let Some(id) = &h.parent_id { (fact("Replaces plan", id)) }
                (fact("Generation", &h.generation.to_string()))
                (fact("Seed", &h.seed.to_string()))
                (fact("Made by", &h.tool))
                @if let Some(m) = &h.machine { (fact("On", m)) }
            }
            p { "The same scenario, seed and version give the same page. This file asks the network for nothing. "
                "These are not MLPerf results." }
            details { summary { "Licences of what this page carries" } pre { (license) } }
        }
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}
