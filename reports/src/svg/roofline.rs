//! Attained operations per second over operational intensity, both logarithmic, under the processor's ceilings
//! (Williams, Waterman and Patterson, Roofline, CACM 2009).

use super::{Scale, at};
use crate::format;
use crate::report::{Ceiling, CeilingKind, Roofline};
use maud::{Markup, html};

const WIDTH: f64 = 460.0;
const HEIGHT: f64 = 290.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 350.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 240.0;

/// Operating points are numbered as in the list that stands under the chart.
#[must_use]
pub(crate) fn roofline(r: &Roofline) -> Markup {
    let of = |kind| r.ceilings.iter().filter(move |c| c.kind == kind && c.rate > 0.0);
    let slope = of(CeilingKind::Bandwidth).map(|c| c.rate).fold(0.0, f64::max);
    let peak = of(CeilingKind::Peak).map(|c| c.rate).fold(0.0, f64::max);
    let ridges = of(CeilingKind::Peak).map(|c| c.rate / slope).filter(|x| x.is_finite());
    let across = Scale::log(r.points.iter().map(|p| p.intensity_ops_per_byte).chain(ridges), 6.0, LEFT, RIGHT);
    let up =
        Scale::log(r.points.iter().map(|p| p.attained_ops_per_s).chain(of(CeilingKind::Peak).map(|c| c.rate)), 3.0, BOTTOM, TOP);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!(
            "Roofline of {}/{}: {} ceilings, {} operating points", r.device, r.processor, r.ceilings.len(), r.points.len()
        )) {
            @for tick in across.ticks(5) {
                line.grid x1=(at(across.at(tick))) x2=(at(across.at(tick))) y1=(at(TOP)) y2=(at(BOTTOM)) {}
                text.tick x=(at(across.at(tick))) y=(at(BOTTOM + 17.0)) text-anchor="middle" { (plain(tick)) }
            }
            @for tick in up.ticks(5) {
                line.grid x1=(at(LEFT)) x2=(at(RIGHT)) y1=(at(up.at(tick))) y2=(at(up.at(tick))) {}
                text.tick x=(at(LEFT - 7.0)) y=(at(up.at(tick) + 4.0)) text-anchor="end" { (short_ops(tick)) }
            }
            text.axis x=(at((LEFT + RIGHT) / 2.0)) y=(at(BOTTOM + 38.0)) text-anchor="middle" { "Operations per byte of memory traffic" }
            text.axis transform=(format!("translate(14 {}) rotate(-90)", at((TOP + BOTTOM) / 2.0))) text-anchor="middle" { "Operations per second" }
            @for ceiling in of(CeilingKind::Bandwidth) {
                path.roof d=(slope_path(ceiling.rate, peak, &across, &up)) data-tip=(tip(ceiling)) {}
            }
            @for (ceiling, y) in spaced(of(CeilingKind::Peak).collect(), &up) {
                @let ridge = across.at(if slope > 0.0 { ceiling.rate / slope } else { 0.0 });
                path.roof d=(format!("M{} {}H{}", at(ridge), at(up.at(ceiling.rate)), at(RIGHT))) data-tip=(tip(ceiling)) {}
                path.leader d=(format!("M{} {}L{} {}", at(RIGHT), at(up.at(ceiling.rate)), at(RIGHT + 10.0), at(y))) {}
                text.tick x=(at(RIGHT + 13.0)) y=(at(y + 4.0)) { (ceiling.label) " " (format::si(ceiling.rate, "op/s")) }
            }
            @for (i, point) in r.points.iter().enumerate() {
                @let (x, y) = (across.at(point.intensity_ops_per_byte), up.at(point.attained_ops_per_s));
                g data-tip=(format!("{}: {} operations per byte, {}", point.label, format::number(point.intensity_ops_per_byte), format::si(point.attained_ops_per_s, "op/s"))) {
                    circle.point cx=(at(x)) cy=(at(y)) r="9" {}
                    text.number x=(at(x)) y=(at(y + 4.0)) text-anchor="middle" { (i + 1) }
                }
            }
        }
    }
}

fn tip(c: &Ceiling) -> String {
    let unit = if c.kind == CeilingKind::Bandwidth { "B/s" } else { "op/s" };
    format!("{}: {} ({})", c.label, format::si(c.rate, unit), c.quality.word())
}

/// A bandwidth ceiling from the chart's left or lower edge up to the highest peak.
fn slope_path(bandwidth: f64, peak: f64, across: &Scale, up: &Scale) -> String {
    let ((left, right), (low, high)) = (across.ends(), up.ends());
    let from = left.max(low / bandwidth);
    let to = right.min(if peak > 0.0 { peak } else { high } / bandwidth);
    if to <= from {
        return String::new();
    }
    format!("M{} {}L{} {}", at(across.at(from)), at(up.at(from * bandwidth)), at(across.at(to)), at(up.at(to * bandwidth)))
}

/// Peaks, lowest first, each with the height of its label: beside its line, and clear of the label below.
fn spaced<'a>(mut peaks: Vec<&'a Ceiling>, up: &Scale) -> Vec<(&'a Ceiling, f64)> {
    peaks.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    let mut last = f64::INFINITY;
    peaks
        .into_iter()
        .map(|c| {
            last = up.at(c.rate).min(last - 14.0);
            (c, last)
        })
        .collect()
}

/// A round number without trailing zeros: ticks are 1, 2 or 5 times a power of ten.
fn plain(x: f64) -> String {
    let text = format::number(x);
    if text.contains('.') && !text.contains('e') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn short_ops(x: f64) -> String {
    let text = format::si(x, "");
    let (number, prefix) = text.split_once(' ').unwrap_or((&text, ""));
    let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    format!("{number} {prefix}")
}
