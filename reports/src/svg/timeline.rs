//! One request through its pipeline: a row for each place, a bar for each step.

use super::{Scale, at, fit, whole};
use crate::format;
use crate::html::parts::kind_class;
use crate::report::Bar;
use maud::{Markup, html};

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 985.0;
const ROW: f64 = 32.0;

/// The first `most` bars of one service; the time axis is its own.
#[must_use]
pub(crate) fn timeline(service: &str, bars: &[&Bar], most: usize) -> Markup {
    let bars = &bars[..bars.len().min(most)];
    let mut tracks: Vec<&str> = Vec::new();
    for bar in bars {
        if !tracks.contains(&bar.track.as_str()) {
            tracks.push(&bar.track);
        }
    }
    let end = bars.iter().map(|b| b.end_s).fold(0.0, f64::max);
    let scale = Scale::from_zero(end, LEFT, RIGHT);
    let bottom = ROW * tracks.len() as f64;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", at(bottom + 24.0))) role="img"
            aria-label=(format!("One request of {service}: {} steps on {} places, {}", bars.len(), tracks.len(), format::seconds(end))) {
            @for (i, track) in tracks.iter().enumerate() {
                @let y = ROW * i as f64;
                line.grid x1=(at(LEFT)) x2=(at(RIGHT)) y1=(at(y + ROW)) y2=(at(y + ROW)) {}
                text.label x=(at(LEFT - 10.0)) y=(at(y + 20.0)) text-anchor="end" { (fit(track, LEFT - 14.0)) title { (track) } }
            }
            @for tick in scale.ticks(8) {
                line.grid x1=(at(scale.at(tick))) x2=(at(scale.at(tick))) y1="0" y2=(at(bottom)) {}
                text.tick x=(at(scale.at(tick))) y=(at(bottom + 17.0)) text-anchor="middle" { (format::seconds(tick)) }
            }
            @for bar in bars {
                @let y = ROW * tracks.iter().position(|t| *t == bar.track).unwrap_or(0) as f64;
                @let (from, to) = (scale.at(bar.start_s), scale.at(bar.end_s));
                @let words = format!("{} {}", bar.kind.word(), bar.label);
                g data-tip=(format!("{} · {}: {} to {}", bar.track, words, format::seconds(bar.start_s), format::seconds(bar.end_s))) {
                    rect class=(kind_class(bar.kind)) x=(at(from)) y=(at(y + 4.0)) width=(at((to - from).max(1.5))) height="24" rx="2" {}
                    text.inbar x=(at(from + 6.0)) y=(at(y + 20.0)) {
                        (whole(&[&words, bar.kind.word()], to - from - 10.0))
                    }
                }
            }
        }
    }
}
