//! A plot of lines with logarithmic axes, as SVG.

use std::fmt::Write as _;

/// A line.
pub(super) struct Series {
    pub label: &'static str,
    /// Positive numbers.
    pub points: Vec<(f64, f64)>,
}

/// A plot.
pub(super) struct Plot {
    pub title: &'static str,
    pub x: &'static str,
    pub y: &'static str,
    pub series: Vec<Series>,
}

const SIZE: (f64, f64) = (576.0, 360.0);
const LEFT: f64 = 64.0;
const TOP: f64 = 36.0;
const RIGHT: f64 = 32.0;
const BOTTOM: f64 = 48.0;
/// Distinct in grey and for the colour-blind (Okabe and Ito).
const COLOURS: [&str; 3] = ["#0072b2", "#d55e00", "#009e73"];

/// The decades that hold all values.
fn decades(values: impl Iterator<Item = f64>) -> (i32, i32) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for v in values.filter(|v| *v > 0.0 && v.is_finite()) {
        (low, high) = (low.min(v.log10()), high.max(v.log10()));
    }
    if low > high {
        return (0, 1);
    }
    let (low, high) = (low.floor() as i32, high.ceil() as i32);
    (low, high.max(low + 1))
}

impl Plot {
    pub(super) fn svg(&self) -> String {
        let all = || self.series.iter().flat_map(|s| &s.points);
        let (x_range, y_range) = (decades(all().map(|p| p.0)), decades(all().map(|p| p.1)));
        let scale = |v: f64, (low, high): (i32, i32)| (v.log10() - f64::from(low)) / f64::from(high - low);
        let x = |v: f64| LEFT + scale(v, x_range) * (SIZE.0 - LEFT - RIGHT);
        let y = |v: f64| SIZE.1 - BOTTOM - scale(v, y_range) * (SIZE.1 - TOP - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"{LEFT}\" y=\"20\" font-size=\"14\">{}</text>\n",
            SIZE.0, SIZE.1, self.title
        );
        let (bottom, right) = (SIZE.1 - BOTTOM, SIZE.0 - RIGHT);
        for decade in x_range.0..=x_range.1 {
            let (v, at) = (10f64.powi(decade), x(10f64.powi(decade)));
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {TOP}V{bottom:.1}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{v}</text>",
                bottom + 16.0
            );
        }
        for decade in y_range.0..=y_range.1 {
            let (v, at) = (10f64.powi(decade), y(10f64.powi(decade)));
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {at:.1}H{right:.1}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{v}</text>",
                LEFT - 6.0,
                at + 4.0
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            0.5 * (LEFT + right),
            SIZE.1 - 10.0,
            self.x
        );
        let _ = writeln!(svg, "<text x=\"14\" y=\"{:.1}\">{}</text>", TOP + 4.0, self.y);
        for (s, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let points: Vec<(f64, f64)> = s.points.iter().filter(|p| p.0 > 0.0 && p.1 > 0.0).map(|p| (x(p.0), y(p.1))).collect();
            let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            let _ =
                writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>", line.join(" "));
            for (x, y) in &points {
                let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
            }
            if let Some((_, y)) = points.last().map(|p| (p.0, p.1 - 8.0)) {
                let x = points[points.len() - 1].0;
                let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"end\" fill=\"{colour}\">{}</text>", s.label);
            }
        }
        svg.push_str("</svg>\n");
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_hold_all_points() {
        assert_eq!(decades([3.0, 70.0, 900.0].into_iter()), (0, 3));
        assert_eq!(decades([0.0, f64::NAN].into_iter()), (0, 1));
        let plot = Plot {
            title: "t",
            x: "devices",
            y: "s",
            series: vec![Series { label: "a", points: vec![(10.0, 0.5), (1000.0, 20.0)] }],
        };
        let svg = plot.svg();
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n") && svg.matches("<circle").count() == 2);
        // Ten is the left edge, a thousand the right one.
        assert!(svg.contains("cx=\"64.0\"") && svg.contains("cx=\"544.0\""));
    }
}
