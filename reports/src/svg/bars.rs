//! Stacked horizontal bars.

use super::{Scale, at, fit, whole};
use maud::{Markup, html};

/// One bar: its label, its total in words, and its parts in order.
pub(crate) struct Stack {
    pub(crate) label: String,
    pub(crate) total: String,
    /// Name, class of its fill, value, value in words.
    pub(crate) parts: Vec<(String, &'static str, f64, String)>,
}

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 890.0;
const ROW: f64 = 34.0;

/// Bars under each other. `alike`: all on one scale; else each fills the width, for shares.
#[must_use]
pub(crate) fn stacked(stacks: &[Stack], alike: bool, what: &str) -> Markup {
    let sum = |s: &Stack| s.parts.iter().map(|p| p.2.max(0.0)).sum::<f64>();
    let most = stacks.iter().map(sum).fold(0.0, f64::max);
    let height = ROW * stacks.len().max(1) as f64 + 6.0;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", at(height))) role="img" aria-label=(what) {
            @for (i, stack) in stacks.iter().enumerate() {
                (bar(stack, ROW * i as f64 + 4.0, &Scale::from_zero(if alike { most } else { sum(stack) }, LEFT, RIGHT)))
            }
        }
    }
}

fn bar(stack: &Stack, y: f64, scale: &Scale) -> Markup {
    let mut sum = 0.0;
    let parts: Vec<_> = stack
        .parts
        .iter()
        .filter(|p| p.2 > 0.0)
        .map(|p| {
            let from = scale.at(sum);
            sum += p.2;
            (p, from, scale.at(sum))
        })
        .collect();
    let end = parts.last().map_or(LEFT, |p| p.2);
    html! {
        text.label x=(at(LEFT - 10.0)) y=(at(y + 19.0)) text-anchor="end" { (fit(&stack.label, LEFT - 14.0)) title { (stack.label) } }
        @for (part, from, to) in &parts {
            g data-tip=(format!("{} · {}: {}", stack.label, part.0, part.3)) {
                // A hairline between parts keeps neighbours apart without colour.
                rect class=(part.1) x=(at(*from)) y=(at(y)) width=(at((to - from - 1.0).max(0.8))) height="26" rx="2" {}
                @let words = whole(&[&part.0], to - from - 10.0);
                @if !words.is_empty() { text.inbar x=(at(from + 6.0)) y=(at(y + 17.5)) { (words) } }
            }
        }
        text.value x=(at(end + 8.0)) y=(at(y + 18.0)) { (stack.total) }
    }
}
