//! A value over the last minutes, a line for each thing that has it.

use super::{Scale, at, fit};
use crate::format;
use maud::{Markup, html};

/// One line: how long ago (seconds), and the value then.
pub(crate) struct Series<'a> {
    pub(crate) name: &'a str,
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 840.0;
const BOTTOM: f64 = 220.0;
/// Least distance between two names.
const NAME: f64 = 16.0;

/// Lines from zero up, now at the right. Dashes tell lines apart where colour does not.
#[must_use]
pub(crate) fn history(series: &[Series<'_>], unit: &str) -> Markup {
    let most = |of: fn(&(f64, f64)) -> f64| series.iter().flat_map(|s| &s.points).map(of).fold(0.0, f64::max);
    let x = Scale::from_zero(most(|p| p.0), RIGHT, LEFT);
    let y = Scale::from_zero(most(|p| p.1) * 1.1, BOTTOM, 10.0);
    let last = |s: &Series<'_>| s.points.iter().min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0.0, |p| p.1);
    // Names stand at the lines' ends, pushed apart where they would touch.
    let mut ends: Vec<(usize, f64)> = series.iter().enumerate().map(|(i, s)| (i, y.at(last(s)) + 4.0)).collect();
    ends.sort_by(|a, b| a.1.total_cmp(&b.1));
    for i in 1..ends.len() {
        ends[i].1 = ends[i].1.max(ends[i - 1].1 + NAME);
    }
    let height = ends.last().map_or(BOTTOM, |e| e.1).max(BOTTOM) + 26.0;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", at(height))) role="img" aria-label=(format!("{} lines over the last {}", series.len(), format::seconds(x.ends().1))) {
            @for tick in y.ticks(4) {
                line.grid x1=(at(LEFT)) x2=(at(RIGHT)) y1=(at(y.at(tick))) y2=(at(y.at(tick))) {}
                text.tick x=(at(LEFT - 8.0)) y=(at(y.at(tick) + 4.0)) text-anchor="end" { (format::si(tick, unit)) }
            }
            @for tick in x.ticks(6) {
                text.tick x=(at(x.at(tick))) y=(at(BOTTOM + 18.0)) text-anchor="middle" { @if tick > 0.0 { (format::seconds(tick)) " ago" } @else { "now" } }
            }
            @for (i, s) in series.iter().enumerate() {
                polyline class=(format!("flow l{} dash{}", i % 6, i % 6)) fill="none"
                    points=(s.points.iter().map(|p| format!("{},{}", at(x.at(p.0)), at(y.at(p.1)))).collect::<Vec<_>>().join(" ")) {}
            }
            @for (i, height) in &ends {
                line class=(format!("flow l{} dash{}", i % 6, i % 6)) x1=(at(RIGHT + 8.0)) x2=(at(RIGHT + 32.0)) y1=(at(height - 4.0)) y2=(at(height - 4.0)) {}
                text.label x=(at(RIGHT + 38.0)) y=(at(*height)) { (fit(series[*i].name, WIDTH - RIGHT - 40.0)) }
            }
        }
    }
}
