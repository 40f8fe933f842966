//! A calibration for a terminal.

use super::report::Calibration;
use profiles::units::significant;
use std::fmt;

fn percent(of: Option<f64>) -> String {
    of.map_or_else(|| "-".into(), |v| format!("{:.1} %", 100.0 * v))
}

fn rank(of: Option<f64>) -> String {
    of.map_or_else(|| "-".into(), |v| format!("{v:.3}"))
}

/// A number of three digits, small ones with a power of ten.
fn short(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 { format!("{value:.2e}") } else { significant(value) }
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {} rows used\n", self.device, self.rows)?;
        writeln!(f, "{:<44} {:>10} {:>10} {:<6} {:>8}", "coefficient", "before", "fitted", "unit", "+-")?;
        for c in &self.coefficients {
            let spread = percent(Some(c.spread));
            writeln!(f, "{:<44} {:>10} {:>10} {:<6} {:>8}", c.path, short(c.before), short(c.after), c.unit, spread)?;
        }
        writeln!(
            f,
            "\n{:<10} {:<8} {:>4} {:>9} {:>9}   {:>9} {:>9} {:>8} {:>8}",
            "", "", "n", "fit", "p90", "left out", "p90", "Kendall", "Spearman"
        )?;
        for g in &self.groups {
            writeln!(
                f,
                "{:<10} {:<8} {:>4} {:>9} {:>9}   {:>9} {:>9} {:>8} {:>8}",
                g.processor,
                g.quantity,
                g.fit.n,
                percent(g.fit.median),
                percent(g.fit.p90),
                percent(g.leave_one_out.median),
                percent(g.leave_one_out.p90),
                rank(g.kendall),
                rank(g.leave_one_out.rank_correlation)
            )?;
        }
        writeln!(f)?;
        for (processor, range) in self.groups.iter().filter_map(|g| Some((&g.processor, g.range.as_ref()?))) {
            writeln!(f, "seen of {processor}: {range}")?;
        }
        writeln!(f, "beyond these ranges a prediction is an extrapolation: `planner validate --profile` marks it\n")?;
        writeln!(f, "{:<12} {:<8} {:>10} {:>10} {:>10} {:>8}", "row", "", "measured", "fitted", "left out", "error")?;
        for r in &self.residuals {
            let error = format!("{:+.1} %", 100.0 * (r.fitted / r.measured - 1.0));
            let row = [short(r.measured), short(r.fitted), short(r.left_out)];
            writeln!(f, "{:<12} {:<8} {:>10} {:>10} {:>10} {:>8}", r.row_id, r.quantity, row[0], row[1], row[2], error)?;
        }
        if !self.skipped.is_empty() {
            writeln!(f, "\nskipped")?;
        }
        for s in &self.skipped {
            writeln!(f, "  {:<10} {}", s.row_id, s.reason)?;
        }
        for note in &self.notes {
            writeln!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}
