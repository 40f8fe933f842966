//! What the linter says.

use serde::Serialize;
use std::fmt;

/// How bad a note is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The plan must not be carried out, or says something that is not so.
    Fatal,
    /// Worth a look; the plan keeps what was asked.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    pub severity: Severity,
    /// Stable name of the rule in kebab case.
    pub code: &'static str,
    /// What it is about: `chat replica 1 stage 2`, `orin-a`, `totals`.
    pub subject: String,
    pub message: String,
}

/// Findings, worst first within each subject's order, and the totals as the linter works them out.
#[must_use]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    pub notes: Vec<Note>,
    /// `None` where the plan is too broken to have totals.
    pub totals: Option<Recomputed>,
}

/// Totals worked out from the scenario and the plan's decisions alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Recomputed {
    /// Mean power of the whole fleet, watts.
    pub power_w: f64,
    /// Of that, the network's.
    pub network_w: f64,
    pub energy_per_request_j: f64,
    pub mean_latency_s: f64,
    pub accuracy: Option<f64>,
    pub latency_score: f64,
    pub underutilisation: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_per_day: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carbon_g_per_day: Option<f64>,
}

impl Verdict {
    /// True when the plan must not be carried out.
    #[must_use]
    pub fn fatal(&self) -> bool {
        self.notes.iter().any(|n| n.severity == Severity::Fatal)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.severity == Severity::Fatal { "fatal" } else { "warning" };
        write!(f, "{word}[{}]: {}: {}", self.code, self.subject, self.message)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        let fatal = self.notes.iter().filter(|n| n.severity == Severity::Fatal).count();
        match (fatal, self.notes.len() - fatal) {
            (0, 0) => writeln!(f, "the plan keeps every demand and every number was found again"),
            (0, w) => writeln!(f, "the plan keeps every demand; {w} warnings"),
            (n, w) => writeln!(f, "the plan is not sound: {n} fatal, {w} warnings"),
        }
    }
}

/// Collects notes.
#[derive(Debug, Default)]
pub(super) struct Notes(pub(super) Vec<Note>);

impl Notes {
    pub(super) fn fatal(&mut self, code: &'static str, subject: impl Into<String>, message: impl Into<String>) {
        self.0.push(Note { severity: Severity::Fatal, code, subject: subject.into(), message: message.into() });
    }

    pub(super) fn warn(&mut self, code: &'static str, subject: impl Into<String>, message: impl Into<String>) {
        self.0.push(Note { severity: Severity::Warning, code, subject: subject.into(), message: message.into() });
    }

    /// Fatal unless it holds.
    pub(super) fn check(&mut self, holds: bool, code: &'static str, subject: &str, message: impl FnOnce() -> String) {
        if !holds {
            self.fatal(code, subject, message());
        }
    }

    /// Fatal unless a number of the plan is what was worked out, within [`TOLERANCE`].
    pub(super) fn same(&mut self, code: &'static str, subject: &str, what: &str, plan: f64, own: f64) {
        if !near(plan, own, TOLERANCE) {
            self.fatal(code, subject, format!("{what} is given as {plan}, but works out as {own}"));
        }
    }

    /// Fatal where a number passes a limit. Limits are met when they are met exactly.
    pub(super) fn at_most(&mut self, code: &'static str, subject: &str, what: &str, value: f64, limit: f64) {
        if value.is_nan() || value > limit + SLACK * limit.abs().max(1e-12) {
            self.fatal(code, subject, format!("{what} is {value}, but at most {limit} is allowed"));
        }
    }
}

/// Relative difference at which a number of the plan is called wrong: the table's power lines are
/// within one part in a thousand of the true curve, everything else is far closer.
pub(super) const TOLERANCE: f64 = 1e-3;

/// Relative slack of limits: rounding only.
pub(super) const SLACK: f64 = 1e-6;

/// Whether two numbers differ by at most a share of the larger.
pub(super) fn near(a: f64, b: f64, tolerance: f64) -> bool {
    a.to_bits() == b.to_bits() || (a - b).abs() <= tolerance * a.abs().max(b.abs()) + 1e-12
}
