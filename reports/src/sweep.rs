//! A sweep as a picture of its own: a panel for each figure, all over the same values.

use crate::format;
use crate::svg::Scale;
use maud::{Markup, PreEscaped, html};

/// A scenario solved at several values of a setting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sweep {
    pub title: String,
    /// What is varied along the panels, and its values.
    pub path: String,
    pub values: Vec<String>,
    pub lines: Vec<SweepLine>,
}

/// One line in every panel: the settings of other sweeps. Its name is empty where there is no other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SweepLine {
    pub name: String,
    /// A point a value; `None` where no plan keeps all limits.
    pub points: Vec<Option<SweepPoint>>,
}

/// A plan's figures, all modelled.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SweepPoint {
    pub power_w: f64,
    pub energy_per_request_j: f64,
    pub mean_latency_s: f64,
    /// Share of right answers, 0..1.
    pub accuracy: Option<f64>,
}

/// What a panel shows: its title, its unit, the figure.
type Panel = (&'static str, &'static str, fn(&SweepPoint) -> Option<f64>);

const PANELS: [Panel; 4] = [
    ("fleet power", "W", |p| Some(p.power_w)),
    ("energy of a request", "J", |p| Some(p.energy_per_request_j)),
    ("mean latency", "s", |p| Some(p.mean_latency_s)),
    ("right answers", "%", |p| p.accuracy.map(|a| 100.0 * a)),
];

const WIDTH: f64 = 720.0;
const PANEL: f64 = 150.0;
const TOP: f64 = 56.0;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 690.0;
/// Distinct in grey and for the colour-blind (Okabe and Ito); dashes tell lines apart where colour does not.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#a0508c"];
const DASHES: [&str; 3] = ["none", "7 3", "2 3"];

fn pixel(x: f64) -> String {
    format!("{x:.1}")
}

impl Sweep {
    /// Where along the panels a value stands.
    fn x(&self, i: usize) -> f64 {
        let last = self.values.len().saturating_sub(1).max(1);
        LEFT + (RIGHT - LEFT) * i as f64 / last as f64
    }

    fn panel(&self, top: f64, (title, unit, figure): Panel) -> Markup {
        let bottom = top + PANEL - 48.0;
        let known = self.lines.iter().flat_map(|l| &l.points).flatten().filter_map(figure);
        let y = Scale::from_zero(known.fold(0.0, f64::max) * 1.08, bottom, top);
        html! {
            text x=(pixel(LEFT)) y=(pixel(top - 8.0)) font-weight="600" { (title) ", modelled" }
            @for tick in y.ticks(4) {
                line x1=(pixel(LEFT)) x2=(pixel(RIGHT)) y1=(pixel(y.at(tick))) y2=(pixel(y.at(tick))) stroke="#ddd" {}
                text x=(pixel(LEFT - 6.0)) y=(pixel(y.at(tick) + 4.0)) text-anchor="end" { (format::number(tick)) " " (unit) }
            }
            @for (i, line) in self.lines.iter().enumerate() {
                (self.line(i, line, bottom, |p| figure(p).map(|v| y.at(v))))
            }
        }
    }

    /// A line breaks where there is no plan; a cross on the axis says so.
    fn line(&self, i: usize, line: &SweepLine, bottom: f64, y: impl Fn(&SweepPoint) -> Option<f64>) -> Markup {
        let at: Vec<Option<f64>> = line.points.iter().map(|p| p.as_ref().and_then(&y)).collect();
        let mut path = String::new();
        for (n, height) in at.iter().enumerate() {
            let Some(height) = height else { continue };
            let goes_on = n > 0 && at[n - 1].is_some();
            path += &format!("{}{} {}", if goes_on { 'L' } else { 'M' }, pixel(self.x(n)), pixel(*height));
        }
        let (colour, dash) = (COLOURS[i % COLOURS.len()], DASHES[i / COLOURS.len() % DASHES.len()]);
        html! {
            path d=(path) fill="none" stroke=(colour) stroke-width="2" stroke-dasharray=(dash) {}
            @for (n, height) in at.iter().enumerate() {
                @match height {
                    Some(height) => circle cx=(pixel(self.x(n))) cy=(pixel(*height)) r="3.5" fill=(colour) {},
                    None if line.points[n].is_none() => text x=(pixel(self.x(n))) y=(pixel(bottom + 4.0)) text-anchor="middle" fill=(colour) { "×" },
                    None => {},
                }
            }
        }
    }

    fn legend(&self, top: f64) -> Markup {
        html! {
            @for (i, line) in self.lines.iter().enumerate().filter(|(_, l)| !l.name.is_empty()) {
                @let y = top + 18.0 * i as f64;
                line x1=(pixel(LEFT)) x2=(pixel(LEFT + 28.0)) y1=(pixel(y)) y2=(pixel(y)) stroke-width="2"
                    stroke=(COLOURS[i % COLOURS.len()]) stroke-dasharray=(DASHES[i / COLOURS.len() % DASHES.len()]) {}
                text x=(pixel(LEFT + 36.0)) y=(pixel(y + 4.0)) { (line.name) }
            }
        }
    }
}

/// The sweep as an SVG document that needs nothing else. A panel whose figure no plan has is left out.
#[must_use]
pub fn sweep(sweep: &Sweep) -> String {
    let has = |(_, _, figure): &Panel| sweep.lines.iter().flat_map(|l| &l.points).flatten().any(|p| figure(p).is_some());
    let panels: Vec<Panel> = PANELS.into_iter().filter(has).collect();
    let bottom = TOP + PANEL * panels.len() as f64;
    let height = bottom + 18.0 * sweep.lines.len() as f64 + 8.0;
    // Every name where there is room, else some.
    let step = sweep.values.len().div_ceil(8).max(1);
    let label = format!("{}: figures over {}", sweep.title, sweep.path);
    let body = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label=(label)
            font-family="sans-serif" font-size="12" fill="#222" {
            rect width="100%" height="100%" fill="#fff" {}
            text x=(pixel(LEFT)) y="20" font-size="15" font-weight="600" { (sweep.title) }
            @for (i, panel) in panels.iter().enumerate() {
                @let top = TOP + PANEL * i as f64;
                (sweep.panel(top, *panel))
                @for (n, value) in sweep.values.iter().enumerate().step_by(step) {
                    text x=(pixel(sweep.x(n))) y=(pixel(top + PANEL - 32.0)) text-anchor="middle" { (value) }
                }
            }
            text x=(pixel(RIGHT)) y=(pixel(bottom - 10.0)) text-anchor="end" { (sweep.path) @if sweep.lines.iter().any(|l| l.points.contains(&None)) { "; ×: no plan keeps all limits" } }
            (sweep.legend(bottom + 4.0))
        }
    };
    let PreEscaped(text) = body;
    text + "\n"
}

#[cfg(test)]
mod tests;
