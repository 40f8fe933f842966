//! Sentences that the page, the Markdown and the terminal share.

use crate::format;
use crate::report::Report;

/// How the plan stands: `✓ all 9 targets met, 2 tight.`
pub(crate) fn verdict(r: &Report) -> String {
    if r.header.plan_id.is_none() {
        return format!("✗ no plan: {}.", r.header.status.trim_end_matches('.'));
    }
    let missed = r.targets.iter().filter(|t| t.missed).count();
    let tight = r.targets.iter().filter(|t| t.tight && !t.missed).count();
    let mut out = match (r.targets.len(), missed) {
        (0, _) => "✓ no targets asked".to_owned(),
        (all, 0) => format!("✓ all {all} targets met"),
        (all, missed) => format!("✗ {missed} of {all} targets missed"),
    };
    if tight > 0 {
        out += &format!(", {tight} tight");
    }
    match r.totals.throttled_devices {
        0 => {}
        1 => out += ", 1 device throttled",
        n => out += &format!(", {n} devices throttled"),
    }
    out + "."
}

/// What is proved, in one sentence; empty without a plan.
pub(crate) fn certificate(r: &Report) -> String {
    let h = &r.header;
    if h.plan_id.is_none() {
        return String::new();
    }
    match (h.value, h.bound) {
        (Some(value), Some(bound)) => format!(
            "Proved: the {} of no plan is below {}; this one's is {} ({}{}).",
            h.objective,
            format::with_unit(bound, &h.unit),
            format::with_unit(value, &h.unit),
            h.gap.map_or_else(String::new, |g| format!("gap {}, ", format::percent(g))),
            h.status
        ),
        _ => format!("{}.", h.status),
    }
}
