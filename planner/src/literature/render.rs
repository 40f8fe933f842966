//! The page and the terminal's table. Both show the same numbers; docs/literature.md is the page.

use std::fmt::{self, Write as _};

use super::report::{Coefficient, Compared, Errors, Report, SystemReport, TableReport};

/// Digits that published and predicted numbers are shown with.
const DIGITS: i32 = 4;

const TOP: &str = "\
# The literature's systems

What `planner literature --format md` prints: a test compares this page with it. Figures that others published, predicted with the physics and the catalogue that plans are made with. The figures with their sources are in `profiles/catalogue/literature.yaml`.

Rows marked *fitted to this* have a coefficient that was set so that this very figure comes out: they prove nothing and are not counted. All others are predictions, also the bad ones. Most papers' bodies could not be read, so hardware is known from abstracts, datasheets and what others wrote about them; what is recalled or assumed is called so in each profile. A check fails where an error leaves the bound that `within` in the file gives, which follows the errors as they are and claims no accuracy.
";

fn percent(v: Option<f64>) -> String {
    v.map_or_else(|| "-".into(), |v| format!("{:.1} %", 100.0 * v))
}

fn signed(v: f64) -> String {
    format!("{:+.1} %", 100.0 * v)
}

/// A number with four digits that matter, zeros behind the point left out.
fn number(v: f64) -> String {
    let first = if v == 0.0 { 0 } else { v.abs().log10().floor() as i32 };
    let behind = (DIGITS - 1 - first).clamp(0, 9) as usize;
    let text = format!("{v:.behind$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

fn errors(e: &Errors) -> String {
    format!("{} | {} | {} | {}", e.n, percent(e.median), percent(e.p90), percent(e.max))
}

/// The page.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut page = String::from(TOP);
    let _ = writeln!(
        page,
        "\n{} predicted figures: median error {}, 90th percentile {}, largest {}. {} figures are fitted to themselves.",
        report.predicted.n,
        percent(report.predicted.median),
        percent(report.predicted.p90),
        percent(report.predicted.max),
        report.fitted_to_this
    );
    for table in &report.tables {
        table_section(&mut page, table);
    }
    for system in &report.systems {
        system_section(&mut page, system);
    }
    page
}

fn system_section(page: &mut String, s: &SystemReport) {
    let _ = writeln!(page, "\n## {}\n\n{}\n", s.name, s.paper);
    let _ = writeln!(page, "| | published | predicted | error | standing |\n| --- | --- | --- | --- | --- |");
    for f in &s.figures {
        let _ = writeln!(
            page,
            "| {} | {}{} {}, {} | {} | {} | {} |",
            f.what,
            if f.at_least { "at least " } else { "" },
            number(f.published),
            f.unit,
            f.evidence,
            number(f.predicted),
            verdict(f),
            f.standing
        );
    }
    let _ = writeln!(page, "\n**Hardware.** {}\n\n**Assumed.** {}\n\n**What it says.** {}", s.hardware, s.assumes, s.finding);
    coefficients(page, &s.coefficients);
}

fn verdict(f: &Compared) -> String {
    match f.claim_met {
        Some(true) => "claim met".into(),
        Some(false) => format!("claim missed, {}", signed(f.error)),
        None => signed(f.error),
    }
}

fn coefficients(page: &mut String, all: &[Coefficient]) {
    if all.is_empty() {
        return;
    }
    let _ =
        writeln!(page, "\n<details><summary>Coefficients</summary>\n\n| | value | quality | source |\n| --- | --- | --- | --- |");
    for c in all {
        let _ = writeln!(page, "| {} | {} | {} | {} |", c.at, c.value, c.quality, c.source.replace('|', "/"));
    }
    let _ = writeln!(page, "\n</details>");
}

fn table_section(page: &mut String, t: &TableReport) {
    let _ = writeln!(page, "\n## {}\n\n{}, {} rows\n", t.name, t.paper, t.rows);
    let _ = writeln!(page, "| quantity | model | rows | median | 90th percentile | largest | leans | largest in |");
    let _ = writeln!(page, "| --- | --- | --- | --- | --- | --- | --- | --- |");
    for g in t.groups.iter().filter(|g| g.errors.n > 0) {
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} |",
            g.quantity,
            g.model,
            errors(&g.errors),
            g.bias.map_or_else(|| "-".into(), signed),
            g.worst
        );
    }
    let _ =
        writeln!(page, "\nEach model predicted by coefficients that were fitted to the other two, steady answers for energy:\n");
    let _ = writeln!(
        page,
        "| left out | memory share | launch | energy per byte | decode: median | largest | energy per token: median | largest |"
    );
    let _ = writeln!(page, "| --- | --- | --- | --- | --- | --- | --- | --- |");
    for c in t.crossed.iter().chain([&t.fitted]) {
        let _ = writeln!(
            page,
            "| {} | {:.2} % | {:.0} us | {:.1} pJ/B | {} | {} | {} | {} |",
            if c.left_out == "none" { "none: all rows, no prediction" } else { &c.left_out },
            100.0 * c.bandwidth_efficiency,
            1e6 * c.launch_s,
            1e12 * c.joules_per_byte,
            percent(c.decode.median),
            percent(c.decode.max),
            percent(c.energy_per_token.median),
            percent(c.energy_per_token.max)
        );
    }
    let _ = writeln!(page, "\n**Assumed.** {}\n\n**What it says.** {}", t.assumes, t.finding);
    coefficients(page, &t.coefficients);
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for s in &self.systems {
            writeln!(f, "{}", s.name)?;
            for c in &s.figures {
                let least = if c.at_least { ">= " } else { "" };
                let published = format!("{least}{} {}", number(c.published), c.unit);
                writeln!(
                    f,
                    "  {:<64} {:>16}  {:>10}  {:<22} {}",
                    c.what,
                    published,
                    number(c.predicted),
                    verdict(c),
                    c.standing
                )?;
            }
        }
        for t in &self.tables {
            writeln!(f, "{}", t.name)?;
            for g in t.groups.iter().filter(|g| g.model == "all") {
                writeln!(
                    f,
                    "  {:<40} {:>4} rows   median {:>7}   90th {:>8}   largest {:>8} ({})",
                    g.quantity,
                    g.errors.n,
                    percent(g.errors.median),
                    percent(g.errors.p90),
                    percent(g.errors.max),
                    g.worst
                )?;
            }
            for c in &t.crossed {
                writeln!(
                    f,
                    "  without {:<32} decode {:>7} (largest {:>7})   energy per token {:>7} (largest {:>7})",
                    c.left_out,
                    percent(c.decode.median),
                    percent(c.decode.max),
                    percent(c.energy_per_token.median),
                    percent(c.energy_per_token.max)
                )?;
            }
        }
        writeln!(
            f,
            "\n{} predicted figures: median error {}, 90th percentile {}, largest {}; {} fitted to themselves and not counted",
            self.predicted.n,
            percent(self.predicted.median),
            percent(self.predicted.p90),
            percent(self.predicted.max),
            self.fitted_to_this
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_show_four_digits() {
        let shown = [0.0, 0.065_97, 0.88, 2.588_2, 336.424, 28_672.0, 100.0].map(number);
        assert_eq!(shown, ["0", "0.06597", "0.88", "2.588", "336.4", "28672", "100"]);
        assert_eq!([percent(None), percent(Some(0.123_4)), signed(-0.1)], ["-", "12.3 %", "-10.0 %"]);
    }
}
