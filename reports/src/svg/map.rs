//! The fleet: devices as cards in two columns, the network between them, flows as arrows. Cards never overlap.

use super::{at, fit};
use crate::format;
use crate::report::{FleetMap, MapNode, NodeState};
use maud::{Markup, html};

/// Larger fleets are shown as a table only.
pub(crate) const MOST_NODES: usize = 48;

const WIDTH: f64 = 1000.0;
const CARD: f64 = 270.0;
const CARD_HEIGHT: f64 = 50.0;
const ROW: f64 = 62.0;
const SITE: f64 = 26.0;

/// A node's place: left edge, top, width.
struct Placed<'a> {
    node: &'a MapNode,
    x: f64,
    y: f64,
    width: f64,
    side: Side,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
    Middle,
}

/// Draws the map; nothing for an empty or too large one.
#[must_use]
pub(crate) fn map(m: &FleetMap) -> Markup {
    if m.nodes.is_empty() || m.nodes.len() > MOST_NODES {
        return html! {};
    }
    let (placed, sites, height) = place(m);
    let find = |name: &str| placed.iter().find(|p| p.node.name == name);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", at(height))) role="img"
            aria-label=(format!("{} devices and network nodes, {} links, {} flows", m.nodes.len(), m.links.len(), m.traffic.len())) {
            g.zoomable {
                @for (name, x, y) in &sites { text.site x=(at(*x)) y=(at(*y)) { (fit(name, CARD)) } }
                @for link in &m.links {
                    @if let (Some(a), Some(b)) = (find(&link.from), find(&link.to)) {
                        path.link d=(curve(a, b, 0.0)) data-tip=(format!(
                            "{} – {}: {}, {} one way, {} booked", link.from, link.to, format::si(link.rate_bytes_per_s, "B/s"),
                            format::seconds(link.latency_s), format::percent(link.booked)
                        )) {}
                    }
                }
                @for (i, flow) in m.traffic.iter().enumerate() {
                    @if let (Some(a), Some(b)) = (find(&flow.from), find(&flow.to)) {
                        path class=(format!("flow l{} dash{}", service_index(m, &flow.service) % 6, service_index(m, &flow.service) % 6))
                            d=(curve(a, b, 12.0 + 7.0 * (i % 5) as f64)) marker-end="url(#arrow)"
                            data-service=(flow.service)
                            data-tip=(format!("{}: {} to {}, {}", flow.service, flow.from, flow.to, format::si(flow.bytes_per_s, "B/s"))) {}
                    }
                }
                @for p in &placed { (card(p)) }
            }
        }
    }
}

/// Services that send something, in order of appearance: colour and dash of an arrow follow it.
#[must_use]
pub(crate) fn services(m: &FleetMap) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for flow in &m.traffic {
        if !all.contains(&flow.service.as_str()) {
            all.push(&flow.service);
        }
    }
    all
}

fn service_index(m: &FleetMap, name: &str) -> usize {
    services(m).iter().position(|s| *s == name).unwrap_or(0)
}

fn card(p: &Placed) -> Markup {
    let n = p.node;
    let class = format!("card {}", n.state.word());
    let stages = n.stages.join(", ");
    let state = format!("{} · {}", n.state.word(), format::si(n.power_w, "W"));
    let narrow = p.side == Side::Middle;
    html! {
        g class=(class) data-tip=(format!("{} ({}), {}: {}", n.name, n.site, state, if stages.is_empty() { "no stage" } else { &stages })) {
            rect x=(at(p.x)) y=(at(p.y)) width=(at(p.width)) height=(at(CARD_HEIGHT)) rx="8" {}
            text.name x=(at(p.x + 12.0)) y=(at(p.y + 20.0)) { (fit(&n.name, p.width - if narrow { 20.0 } else { 150.0 })) }
            @if !narrow { text.state x=(at(p.x + p.width - 12.0)) y=(at(p.y + 20.0)) text-anchor="end" { (state) } }
            text.stages x=(at(p.x + 12.0)) y=(at(p.y + 39.0)) {
                (if narrow { state.clone() } else if stages.is_empty() { "no stage".to_owned() } else { fit(&stages, p.width - 20.0) })
            }
        }
    }
}

/// Devices fill the left column, then the right; sites stay together. Network nodes stand between.
fn place(m: &FleetMap) -> (Vec<Placed<'_>>, Vec<(String, f64, f64)>, f64) {
    let mut order: Vec<&str> = Vec::new();
    for n in &m.nodes {
        if !order.contains(&n.site.as_str()) {
            order.push(&n.site);
        }
    }
    let devices: Vec<&MapNode> =
        order.iter().flat_map(|s| m.nodes.iter().filter(move |n| n.site == *s && n.state != NodeState::Network)).collect();
    let cut = middle(&devices);
    let (mut placed, mut sites) = (Vec::new(), Vec::new());
    let mut height: f64 = 0.0;
    for (side, x, column) in [(Side::Left, 4.0, &devices[..cut]), (Side::Right, WIDTH - CARD - 4.0, &devices[cut..])] {
        let mut y = 0.0;
        let mut site = None;
        for node in column {
            if site != Some(&node.site) {
                y += SITE;
                sites.push((node.site.clone(), x + 2.0, y - 8.0));
                site = Some(&node.site);
            }
            placed.push(Placed { node, x, y, width: CARD, side });
            y += ROW;
        }
        height = height.max(y);
    }
    let network: Vec<&MapNode> = m.nodes.iter().filter(|n| n.state == NodeState::Network).collect();
    height = height.max(network.len() as f64 * ROW + SITE);
    let width = 190.0;
    for (i, node) in network.iter().enumerate() {
        let y = (height - SITE) * (i as f64 + 0.5) / network.len() as f64 + SITE / 2.0 - CARD_HEIGHT / 2.0;
        placed.push(Placed { node, x: (WIDTH - width) / 2.0, y, width, side: Side::Middle });
    }
    (placed, sites, height + 4.0)
}

/// Where to cut the list of devices: near the middle, at a border between sites if one is close.
fn middle(devices: &[&MapNode]) -> usize {
    let half = devices.len().div_ceil(2);
    let reach = devices.len() / 4;
    (0..=reach)
        .flat_map(|d| [half.saturating_sub(d), half + d])
        .find(|i| *i > 0 && *i < devices.len() && devices[*i].site != devices[*i - 1].site)
        .unwrap_or(half)
}

/// From one card's inner edge to the other's; between cards of one column it swings towards the middle.
fn curve(a: &Placed, b: &Placed, lift: f64) -> String {
    let exit = |p: &Placed, other: &Placed| match p.side {
        Side::Left => p.x + p.width,
        Side::Right => p.x,
        Side::Middle if other.x < p.x => p.x,
        Side::Middle => p.x + p.width,
    };
    let (x1, x2) = (exit(a, b), exit(b, a));
    let shift = if lift > 0.0 { lift / 4.0 } else { 0.0 };
    let (y1, y2) = (a.y + CARD_HEIGHT / 2.0 + shift, b.y + CARD_HEIGHT / 2.0 + shift);
    let bend = |p: &Placed, x: f64, swing: f64| match p.side {
        Side::Left => x + swing,
        Side::Right => x - swing,
        Side::Middle => x,
    };
    let swing = if a.side == b.side { 60.0 + lift * 2.0 } else { (x2 - x1).abs() * 0.45 };
    let (c1, c2) = match (a.side, b.side) {
        (Side::Middle, Side::Middle) => (x1 + 50.0, x2 + 50.0),
        (Side::Middle, _) => (x1 + (x2 - x1) * 0.45, bend(b, x2, swing)),
        (_, Side::Middle) => (bend(a, x1, swing), x2 + (x1 - x2) * 0.45),
        _ => (bend(a, x1, swing), bend(b, x2, swing)),
    };
    format!("M{} {}C{} {} {} {} {} {}", at(x1), at(y1), at(c1), at(y1 + lift), at(c2), at(y2 + lift), at(x2), at(y2))
}
