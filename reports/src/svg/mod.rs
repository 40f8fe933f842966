//! Charts as plain SVG: they show without JavaScript and in print. Colours come from the page's classes.

mod bars;
mod front;
mod history;
mod map;
mod roofline;
mod scale;
mod timeline;

pub(crate) use bars::{Stack, stacked};
pub(crate) use front::{Axis, scatter};
pub(crate) use history::{Series, history};
pub(crate) use map::{MOST_NODES, map, services as flows};
pub(crate) use roofline::roofline;
pub(crate) use timeline::timeline;

pub(crate) use scale::Scale;

/// A coordinate with one decimal; what is not finite goes to the corner.
fn at(x: f64) -> String {
    if !x.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{x:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// `text` cut to about `width` pixels of small type, with an ellipsis.
fn fit(text: &str, width: f64) -> String {
    const CHARACTER: f64 = 6.3;
    let most = (width / CHARACTER).max(0.0) as usize;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    if most < 3 {
        return String::new();
    }
    let mut cut: String = text.chars().take(most - 1).collect();
    cut.push('…');
    cut
}

/// The first of the words that fits whole, or nothing.
fn whole<'a>(words: &[&'a str], width: f64) -> &'a str {
    words.iter().copied().find(|w| fit(w, width) == **w).unwrap_or("")
}
