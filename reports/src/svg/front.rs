//! The front as a scatter of two objectives.

use super::{Scale, at};
use crate::format;
use crate::report::FrontPoint;
use maud::{Markup, html};

/// What an axis of the front can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    Energy,
    Latency,
    Accuracy,
    Ipw,
    Power,
}

impl Axis {
    pub(crate) const ALL: [Self; 5] = [Self::Energy, Self::Latency, Self::Accuracy, Self::Ipw, Self::Power];

    /// Name in the page's data.
    #[must_use]
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Energy => "energy_per_request_j",
            Self::Latency => "mean_latency_s",
            Self::Accuracy => "accuracy",
            Self::Ipw => "ipw",
            Self::Power => "power_w",
        }
    }

    #[must_use]
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Energy => "Energy per request",
            Self::Latency => "Mean latency",
            Self::Accuracy => "Accuracy",
            Self::Ipw => "Intelligence per watt",
            Self::Power => "Fleet power",
        }
    }

    #[must_use]
    pub(crate) fn better(self) -> &'static str {
        match self {
            Self::Energy | Self::Latency | Self::Power => "lower is better",
            Self::Accuracy | Self::Ipw => "higher is better",
        }
    }

    #[must_use]
    pub(crate) fn of(self, point: &FrontPoint) -> Option<f64> {
        match self {
            Self::Energy => Some(point.energy_per_request_j),
            Self::Latency => Some(point.mean_latency_s),
            Self::Accuracy => point.accuracy,
            Self::Ipw => point.ipw,
            Self::Power => Some(point.power_w),
        }
        .filter(|v| v.is_finite())
    }

    #[must_use]
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Energy => format::si(value, "J"),
            Self::Latency => format::seconds(value),
            Self::Accuracy => format::percent(value),
            Self::Ipw => format!("{} /W", format::number(value)),
            Self::Power => format::si(value, "W"),
        }
    }
}

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 330.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 504.0;
const TOP: f64 = 18.0;
const BOTTOM: f64 = 276.0;

/// The points that have both values; the chosen plan as a labelled diamond.
#[must_use]
pub(crate) fn scatter(points: &[FrontPoint], x: Axis, y: Axis) -> Markup {
    let shown: Vec<(f64, f64, &FrontPoint)> = points.iter().filter_map(|p| Some((x.of(p)?, y.of(p)?, p))).collect();
    let across = Scale::linear(shown.iter().map(|p| p.0), LEFT, RIGHT);
    let up = Scale::linear(shown.iter().map(|p| p.1), BOTTOM, TOP);
    // Zero-length strokes with round caps are dots: a thousand of them take little space.
    let dots: String =
        shown.iter().filter(|p| !p.2.chosen).map(|p| format!("M{} {}h0", at(across.at(p.0)), at(up.at(p.1)))).collect();
    let chosen = shown.iter().find(|p| p.2.chosen);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!(
            "{} of {} plans: {} against {}", shown.len(), points.len(), y.label().to_lowercase(), x.label().to_lowercase()
        )) {
            @for tick in across.ticks(5) {
                line.grid x1=(at(across.at(tick))) x2=(at(across.at(tick))) y1=(at(TOP)) y2=(at(BOTTOM)) {}
                text.tick x=(at(across.at(tick))) y=(at(BOTTOM + 18.0)) text-anchor="middle" { (x.text(tick)) }
            }
            @for tick in up.ticks(5) {
                line.grid x1=(at(LEFT)) x2=(at(RIGHT)) y1=(at(up.at(tick))) y2=(at(up.at(tick))) {}
                text.tick x=(at(LEFT - 8.0)) y=(at(up.at(tick) + 4.0)) text-anchor="end" { (y.text(tick)) }
            }
            text.axis x=(at((LEFT + RIGHT) / 2.0)) y=(at(BOTTOM + 42.0)) text-anchor="middle" {
                (x.label()) " (" (x.better()) ")"
            }
            text.axis transform=(format!("translate(15 {}) rotate(-90)", at((TOP + BOTTOM) / 2.0))) text-anchor="middle" {
                (y.label()) " (" (y.better()) ")"
            }
            path.dots d=(dots) {}
            @if let Some(p) = chosen {
                (diamond(across.at(p.0), up.at(p.1)))
            }
        }
    }
}

/// The mark of this report's plan, with its words on the side that has room.
fn diamond(x: f64, y: f64) -> Markup {
    let (anchor, dx) = if x > (LEFT + RIGHT) / 2.0 { ("end", -12.0) } else { ("start", 12.0) };
    let dy = if y < TOP + 20.0 { 16.0 } else { -8.0 };
    html! {
        path.chosen d=(format!("M{} {}l8 8l-8 8l-8 -8z", at(x), at(y - 8.0))) {}
        text.mark x=(at(x + dx)) y=(at(y + dy)) text-anchor=(anchor) { "this plan" }
    }
}
