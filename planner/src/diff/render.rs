//! The text of a difference.

use std::fmt::Write as _;

use profiles::units::significant;

use super::{DeviceDiff, Kind, MetricDiff, PlanDiff, ServiceDiff};

impl PlanDiff {
    /// Plain text, one change a line; empty differences say so.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        let follows = if self.follows { " (its successor)" } else { "" };
        let _ = writeln!(out, "plan {} -> {}{follows}", short(&self.id.old), short(&self.id.new));
        if self.is_empty() {
            out.push_str("no difference\n");
            return out;
        }
        if let Some(o) = &self.objective {
            let _ = writeln!(out, "\nobjective {} -> {}", o.old, o.new);
        }
        if !self.services.is_empty() {
            out.push_str("\nservices\n");
            self.services.iter().for_each(|s| service(s, &mut out));
        }
        if !self.devices.is_empty() {
            out.push_str("\ndevices\n");
            self.devices.iter().for_each(|d| device(d, &mut out));
        }
        if !self.metrics.is_empty() {
            out.push_str("\nmetrics\n");
            self.metrics.iter().for_each(|m| metric(m, "  ", &mut out));
        }
        out
    }
}

impl std::fmt::Display for PlanDiff {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.render())
    }
}

/// First twelve digits of a hash.
fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}

fn mark(kind: Kind) -> char {
    match kind {
        Kind::Added => '+',
        Kind::Removed => '-',
        Kind::Changed => '*',
    }
}

fn service(s: &ServiceDiff, out: &mut String) {
    let _ = writeln!(out, "  {} {}", mark(s.kind), s.name);
    for (what, change) in [("model", &s.model), ("precision", &s.precision), ("scaling", &s.scaling)] {
        if let Some(c) = change {
            let _ = writeln!(out, "      * {what} {} -> {}", c.old, c.new);
        }
    }
    if let Some(c) = &s.rate_hz {
        let _ = writeln!(out, "      * rate {} /s -> {} /s", significant(c.old), significant(c.new));
    }
    for stage in &s.removed_stages {
        let _ = writeln!(out, "      - {stage}");
    }
    for stage in &s.added_stages {
        let _ = writeln!(out, "      + {stage}");
    }
    if s.kind == Kind::Changed {
        s.metrics.iter().for_each(|m| metric(m, "        ", out));
    }
}

fn device(d: &DeviceDiff, out: &mut String) {
    let _ = write!(out, "  {} {}", mark(d.kind), d.name);
    if let Some(a) = &d.awake {
        let word = |awake| if awake { "awake" } else { "asleep" };
        let _ = write!(out, "  {} -> {}", word(a.old), word(a.new));
    }
    if let Some(m) = &d.mode {
        let _ = write!(out, "  mode {} -> {}", m.old, m.new);
    }
    out.push('\n');
    if d.kind == Kind::Changed {
        d.metrics.iter().for_each(|m| metric(m, "        ", out));
    }
}

fn metric(m: &MetricDiff, indent: &str, out: &mut String) {
    let show = |v: Option<f64>| match v {
        Some(v) if m.unit.is_empty() => significant(v),
        Some(v) => format!("{} {}", significant(v), m.unit),
        None => "none".into(),
    };
    let _ = write!(out, "{indent}{:<34}{} -> {}", m.name, show(m.old), show(m.new));
    if let Some(r) = m.relative {
        let better = if (r < 0.0) == m.less_is_better { "better" } else { "worse" };
        let _ = write!(out, "  {}{} % ({better})", if r > 0.0 { "+" } else { "" }, significant(r * 100.0));
    }
    out.push('\n');
}
