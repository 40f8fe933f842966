//! The report for a terminal.

use super::report::{Errors, Report, Skipped};
use std::collections::BTreeMap;
use std::fmt;

/// Rows that are named behind a reason before the rest is only counted.
const NAMED: usize = 6;

fn cell(e: &Errors) -> String {
    let percent = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{:.1} %", 100.0 * v));
    let rank = e.rank_correlation.map_or_else(|| "-".to_owned(), |r| format!("{r:.3}"));
    format!("{:>6}  {:>9}  {:>9}  {:>6}", e.n, percent(e.median), percent(e.p90), rank)
}

/// Rows by reason, the first few named.
fn reasons(f: &mut fmt::Formatter<'_>, title: &str, all: &[Skipped]) -> fmt::Result {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for s in all {
        reasons.entry(&s.reason).or_default().push(&s.row_id);
    }
    if !reasons.is_empty() {
        writeln!(f, "\n{title}")?;
    }
    for (reason, rows) in reasons {
        let more = if rows.len() > NAMED { format!(" and {} more", rows.len() - NAMED) } else { String::new() };
        writeln!(f, "  {:>5}  {reason}: {}{more}", rows.len(), rows[..rows.len().min(NAMED)].join(", "))?;
    }
    Ok(())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} rows, {} marked calibratable, {} scored ({:.1} % of those marked)\n",
            self.rows,
            self.calibratable,
            self.scored,
            100.0 * self.scored as f64 / self.calibratable.max(1) as f64
        )?;
        writeln!(f, "{:<24} {:<10} {:>6}  {:>9}  {:>9}  {:>6}", "relative error", "profile", "n", "median", "p90", "rank")?;
        for (quantity, kinds) in &self.groups {
            let of = [
                ("zero-shot", &kinds.zero_shot),
                ("few-shot", &kinds.few_shot),
                ("fitted", &kinds.fitted),
                ("profile", &kinds.profile),
            ];
            for (kind, errors) in of {
                writeln!(f, "{quantity:<24} {kind:<10} {}", cell(errors))?;
            }
        }
        reasons(f, "skipped", &self.skipped)?;
        reasons(f, "scored, but not by the catalogue's profiles", &self.unprofiled)?;
        if !self.worst.is_empty() {
            writeln!(f, "\nworst, zero-shot")?;
        }
        for m in &self.worst {
            writeln!(
                f,
                "  {:<8} line {:<5} {:<24} {:<28} {:<16} measured {:.3}, predicted {:.3}",
                m.row_id, m.line, m.device, m.model, m.quantity, m.measured, m.predicted
            )?;
        }
        Ok(())
    }
}
