//! A summary in Markdown, for a pull request or a note.

use crate::format;
use crate::grid::Grid;
use crate::grids;
use crate::report::Report;
use crate::words;
use std::fmt::Write as _;

/// Rows of one table.
const ROWS: usize = 50;

/// Verdict, targets, totals, improvements, baselines, services and devices, and where they come from.
#[must_use]
pub fn markdown(r: &Report) -> String {
    let h = &r.header;
    let mut out = format!("# {}\n\n", plain(&h.title));
    if !h.summary.is_empty() {
        let _ = writeln!(out, "{}\n", plain(&h.summary));
    }
    let _ = writeln!(out, "**{}** {}\n", words::verdict(r), plain(&words::certificate(r)));
    let mut part = |title: &str, grid: &Grid| {
        if !grid.rows.is_empty() {
            let _ = writeln!(out, "## {title}\n\n{}", grid.markdown(ROWS));
        }
    };
    part("Targets", &grids::targets(r));
    if h.plan_id.is_some() {
        part("Totals", &grids::totals(r));
    }
    part("Best improvements", &grids::improvements(r));
    part("Against simpler ways of planning", &grids::baselines(r));
    part("Services", &grids::services(r));
    part("Requests", &grids::requests(r));
    part("Devices", &grids::devices(r));
    part("Power and temperature", &grids::power(r));
    let s = &r.sources;
    let _ = writeln!(
        out,
        "Numbers used: {} measured, {} fitted, {} from datasheets, {} assumed; the worst is {}. \
         Scenario `{}` (SHA-256 `{}`), seed {}, {}.",
        s.measured,
        s.fitted,
        s.datasheet,
        s.assumed,
        s.worst.word(),
        plain(&h.scenario_file),
        format::hash(&h.scenario_sha256),
        h.seed,
        plain(&h.tool)
    );
    out
}

/// Text that cannot start markup: a scenario's words are not ours.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '\n' | '\r' => out.push(' '),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;

    #[test]
    fn the_summary_says_the_main_things() {
        let text = markdown(&sample());
        assert!(text.starts_with("# workshop robot\n\nThree services on three"), "{text}");
        assert!(
            text.contains(
                "**✓ all 10 targets met, 5 tight, 1 device throttled.** Proved: the fleet power of no plan is below 16.3 W;"
            ),
            "{text}"
        );
        assert!(text.contains("| chat | first token p90 | ≤ 900 ms | 640 ms | 28.9 % | ✓ ok | line 41 | modelled |"), "{text}");
        assert!(text.contains("Scenario `scenarios/fleet.yaml` (SHA-256 `9f2c41d05b7a`), seed 7, planner 0.1.0."), "{text}");
    }

    #[test]
    fn titles_are_no_markup() {
        let mut report = sample();
        report.header.title = "a <b> *c*\n# d".to_owned();
        assert!(markdown(&report).starts_with("# a &lt;b> \\*c\\* \\# d\n"));
    }
}
