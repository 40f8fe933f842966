//! The text of a conflict: plain sentences with file and line.

use std::fmt::Write as _;

use profiles::units::{PerSecond, Ratio, Seconds, Watts};

use super::relax::{Relaxation, Remedy};
use super::{Conflict, Demand, Stated};

/// Ways out that are printed; the rest is in the JSON.
const SHOWN: usize = 5;

impl Conflict {
    /// Plain text. `file` is the scenario's path as the user wrote it.
    #[must_use]
    pub fn render(&self, file: &str) -> String {
        let mut out = String::from("error: no plan keeps all demands; these cannot all hold:\n");
        for stated in &self.demands {
            let _ = writeln!(out, "  {}{}", place(file, stated.line), stated.text);
        }
        if self.minimal {
            out.push_str("each of them could be kept without the others\n");
        } else {
            out.push_str("a smaller set may be enough: that was not settled within the effort\n");
        }
        let (enough, partial): (Vec<_>, Vec<_>) = self.relaxations.iter().partition(|r| r.enough);
        if !enough.is_empty() {
            out.push_str("\nany one of these makes the scenario feasible:\n");
            enough.iter().take(SHOWN).for_each(|r| self.line(file, r, &mut out));
        } else if !partial.is_empty() {
            out.push_str("\nany one of these settles this conflict, but another remains:\n");
            partial.iter().take(SHOWN).for_each(|r| self.line(file, r, &mut out));
        }
        out
    }

    fn line(&self, file: &str, r: &Relaxation, out: &mut String) {
        let text = self.demands.iter().find(|s| s.demand == r.demand).map_or("", |s: &Stated| s.text.as_str());
        let _ = match &r.remedy {
            Remedy::Value { from, to, unit, relative } => writeln!(
                out,
                "  {}{} -> {} ({} %) so that {}",
                place(file, r.line),
                show(*from, unit),
                show(*to, unit),
                signed((to / from - 1.0).signum() * relative * 100.0),
                verb(&r.demand, text)
            ),
            Remedy::Drop => writeln!(out, "  {}no longer ask that {text}", place(file, r.line)),
        };
    }
}

/// What the relaxed number is about, without the old number.
fn verb(demand: &Demand, text: &str) -> String {
    match demand {
        Demand::Served(_) => "fewer requests have to be served".into(),
        Demand::Ttft(_) => "the first token may come later".into(),
        Demand::Tpot(_) => "each token may take longer".into(),
        Demand::Total(_) => "requests may take longer".into(),
        Demand::Accuracy(_) => "fewer answers have to be right".into(),
        Demand::PowerCap(_) | Demand::FleetPower => "more power may be drawn".into(),
        Demand::MemoryMargin(_) => "more memory may be used".into(),
        Demand::BookedTime => "processors may be booked for more of their time".into(),
        Demand::BookedLink => "links may be booked for more of their rate".into(),
        Demand::FleetLatency => "requests may take longer on average".into(),
        Demand::FleetUnderuse => "awake devices may idle more".into(),
        Demand::FleetAccuracy => "fewer answers have to be right on average".into(),
        _ => text.to_owned(),
    }
}

fn place(file: &str, line: u32) -> String {
    if line == 0 { format!("{file} (default): ") } else { format!("{file}:{line}: ") }
}

fn show(value: f64, unit: &str) -> String {
    match unit {
        "s" => Seconds(value).to_string(),
        "W" => Watts(value).to_string(),
        "/s" => PerSecond(value).to_string(),
        _ => Ratio(value).to_string(),
    }
}

fn signed(percent: f64) -> String {
    let text = profiles::units::significant(percent);
    if percent > 0.0 { format!("+{text}") } else { text }
}
