//! Learning curves as SVG: the mean over the seeds, one line a backbone.

use learn::Point;
use std::fmt::Write as _;

const SIZE: (f64, f64) = (640.0, 360.0);
const LEFT: f64 = 56.0;
const TOP: f64 = 32.0;
const RIGHT: f64 = 180.0;
const BOTTOM: f64 = 44.0;
/// Points of a line.
const BINS: usize = 40;
/// Distinct for the colour-blind (Okabe and Ito).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#999999", "#000000"];

/// Mean return of all seeds' batches that end in each of equal spans of steps; empty spans are left out.
fn binned(curves: &[Vec<Point>], steps: u64) -> Vec<(f64, f64)> {
    let mut sums = [(0.0, 0u32); BINS];
    for p in curves.iter().flatten() {
        let bin = ((p.steps as f64 / steps as f64 * BINS as f64) as usize).min(BINS - 1);
        sums[bin] = (sums[bin].0 + p.mean_return, sums[bin].1 + 1);
    }
    let middle = |i: usize| (i as f64 + 0.5) / BINS as f64;
    sums.iter().enumerate().filter(|(_, s)| s.1 > 0).map(|(i, s)| (middle(i), s.0 / f64::from(s.1))).collect()
}

/// The plot of a task; returns run from `low` (or the lowest) to `best`, which is drawn as a dashed line.
pub(crate) fn curves(title: &str, steps: u64, low: f64, best: f64, lines: &[(&str, Vec<Vec<Point>>)]) -> String {
    let lines: Vec<(&str, Vec<(f64, f64)>)> = lines.iter().map(|(name, curves)| (*name, binned(curves, steps))).collect();
    let low = lines.iter().flat_map(|l| &l.1).fold(low, |low, p| low.min(p.1));
    let (right, bottom) = (SIZE.0 - RIGHT, SIZE.1 - BOTTOM);
    let x = |share: f64| LEFT + share * (right - LEFT);
    let y = |v: f64| bottom - (v - low) / (best - low) * (bottom - TOP);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"14\">{title}: return while learning, mean of the seeds</text>\n",
        SIZE.0, SIZE.1
    );
    for i in 0..=4 {
        let share = f64::from(i) / 4.0;
        let (v, at) = (low + share * (best - low), y(low + share * (best - low)));
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{v:.1}</text>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.0}</text>",
            LEFT - 6.0,
            at + 4.0,
            x(share),
            bottom + 16.0,
            share * steps as f64
        );
    }
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {TOP}H{right}\" stroke=\"#000\" stroke-dasharray=\"4 4\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">steps</text>",
        x(0.5),
        SIZE.1 - 8.0
    );
    for (i, ((name, points), colour)) in lines.iter().zip(COLOURS).enumerate() {
        let line: Vec<String> = points.iter().map(|p| format!("{:.1},{:.1}", x(p.0), y(p.1))).collect();
        let at = TOP + 16.0 * (i as f64 + 1.0);
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n\
             <text x=\"{:.1}\" y=\"{at:.1}\" fill=\"{colour}\">{name}</text>",
            line.join(" "),
            right + 10.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}
