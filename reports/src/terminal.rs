//! The plan as text for a terminal: targets with their margins, then each device with its why.
//! No colour: marks and words carry the meaning. Widths count characters.

use crate::format;
use crate::grids::standing;
use crate::report::{Device, Report};
use crate::words;

/// Narrower terminals are treated as this wide.
const LEAST_WIDTH: usize = 60;

/// The plan in lines of at most `width` characters, ending with a newline.
#[must_use]
pub fn plan_table(r: &Report, width: usize) -> String {
    let width = width.max(LEAST_WIDTH);
    let mut out = String::new();
    for line in head(r) {
        wrapped(&mut out, "", &line, width);
    }
    if !r.targets.is_empty() {
        out.push('\n');
        aligned(&mut out, &targets(r), &[false, false, true, true, true, false], width);
    }
    let awake: Vec<&Device> = r.devices.iter().filter(|d| d.awake).collect();
    if !awake.is_empty() {
        out.push('\n');
        let lines: Vec<Vec<String>> = awake.iter().map(|d| device(d)).collect();
        let mut text = String::new();
        aligned(&mut text, &lines, &[false, false, false, true, true, true], width);
        for (line, d) in text.lines().zip(&awake) {
            out += line;
            out.push('\n');
            if !d.why.is_empty() {
                wrapped(&mut out, "    ", &format!("why: {}", d.why), width);
            }
        }
    }
    let asleep: Vec<&str> = r.devices.iter().filter(|d| !d.awake).map(|d| d.name.as_str()).collect();
    if !asleep.is_empty() {
        let most = 12;
        let more = if asleep.len() > most { format!(" and {} more", asleep.len() - most) } else { String::new() };
        wrapped(&mut out, "  ", &format!("asleep: {}{more}", asleep[..asleep.len().min(most)].join(", ")), width);
    }
    if r.header.plan_id.is_some() {
        out.push('\n');
        wrapped(&mut out, "  ", &totals(r), width);
    }
    out
}

fn head(r: &Report) -> Vec<String> {
    let h = &r.header;
    let mut lines = Vec::new();
    if let Some(id) = &h.plan_id {
        let parent = h.parent_id.as_ref().map_or_else(String::new, |p| format!(", replaces {}", format::hash(p)));
        lines.push(format!("plan {} of {} (generation {}{parent})", format::hash(id), h.title, h.generation));
    } else {
        lines.push(h.title.clone());
    }
    lines.push(words::verdict(r));
    lines.push(words::certificate(r));
    lines.retain(|l| !l.is_empty());
    lines
}

fn targets(r: &Report) -> Vec<Vec<String>> {
    let title = ["", "", "target", "plan", "margin", ""].map(str::to_owned).to_vec();
    let rows = r.targets.iter().map(|t| {
        let sign = if t.at_most { "≤" } else { "≥" };
        vec![
            t.subject.clone(),
            t.what.clone(),
            format!("{sign} {}", format::with_unit(t.limit, &t.unit)),
            format::with_unit(t.value, &t.unit),
            format::percent(t.margin),
            standing(t).1.to_owned(),
        ]
    });
    std::iter::once(title).chain(rows).collect()
}

fn device(d: &Device) -> Vec<String> {
    let mode = d.mode.clone().unwrap_or_default();
    let memory: Vec<String> =
        d.pools.iter().map(|p| format!("{}/{}", format::bytes(p.resident_bytes), format::bytes(p.limit_bytes))).collect();
    vec![
        d.name.clone(),
        if d.does.is_empty() { "nothing placed".to_owned() } else { d.does.clone() },
        if d.throttled { format!("{mode} throttled") } else { mode },
        format::si(d.power_w, "W"),
        memory.join(" "),
        d.temperature_c.map_or_else(String::new, |t| format!("{} °C", format::number(t))),
    ]
}

fn totals(r: &Report) -> String {
    let t = &r.totals;
    let mut parts = vec![
        format!("{} a request", format::si(t.energy_per_request_j, "J")),
        format::si(t.power_w, "W"),
        format!("{} mean latency", format::seconds(t.mean_latency_s)),
    ];
    parts.extend(t.accuracy.map(|a| format!("{} right", format::percent(a))));
    parts.extend(t.ipw.map(|x| format!("IPW {} /W", format::number(x))));
    parts.extend(t.answers_per_kj.map(|x| format!("{} right answers/kJ", format::number(x))));
    format!("fleet ({}): {}", t.quality.word(), parts.join(", "))
}

/// Columns under each other, two blanks apart; the widest text columns give way until a line fits.
fn aligned(out: &mut String, rows: &[Vec<String>], right: &[bool], width: usize) {
    const GAP: usize = 2;
    let mut widths: Vec<usize> =
        (0..right.len()).map(|c| rows.iter().map(|r| r.get(c).map_or(0, |t| length(t))).max().unwrap_or(0)).collect();
    let total = |w: &[usize]| w.iter().sum::<usize>() + GAP * w.len();
    while total(&widths) > width {
        let Some(widest) = (0..widths.len()).filter(|c| !right[*c] && widths[*c] > 8).max_by_key(|c| widths[*c]) else { break };
        widths[widest] -= 1;
    }
    for row in rows {
        let mut line = String::new();
        for (c, text) in row.iter().enumerate() {
            let text = cut(text, widths[c]);
            let pad = " ".repeat(widths[c] - length(&text));
            line += &" ".repeat(GAP);
            line += &if right[c] { format!("{pad}{text}") } else { format!("{text}{pad}") };
        }
        out.push_str(cut(&line, width).trim_end());
        out.push('\n');
    }
}

/// Words on lines of at most `width`, each behind `indent`; a word longer than a line is cut.
fn wrapped(out: &mut String, indent: &str, text: &str, width: usize) {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && length(indent) + length(&line) + 1 + length(word) > width {
            out.push_str(&format!("{indent}{line}\n"));
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += &cut(word, width - length(indent));
    }
    out.push_str(&format!("{indent}{line}\n"));
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, width: usize) -> String {
    if length(text) <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;

    #[test]
    fn no_line_is_too_long_at_any_width() {
        let report = sample();
        for width in [0, 60, 72, 80, 100, 120, 200] {
            for line in plan_table(&report, width).lines() {
                assert!(length(line) <= width.max(LEAST_WIDTH), "{width}: {line}");
            }
        }
    }

    #[test]
    fn without_a_plan_it_says_so() {
        let mut report = sample();
        report.header.plan_id = None;
        report.header.status = "no plan keeps all limits".to_owned();
        report.devices.clear();
        report.targets.clear();
        assert_eq!(plan_table(&report, 80), "workshop robot\n✗ no plan: no plan keeps all limits.\n");
    }
}
