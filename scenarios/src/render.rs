//! Findings as text: place, source line, caret, code and help. Plain characters, no colour.

use std::fmt::Write;
use std::path::Path;

use crate::diagnostic::{Diagnostic, Severity, Span};

/// Most findings that are printed; the rest is counted.
pub const MAX_SHOWN: usize = 20;
/// Widest piece of a source line that is shown, in characters.
const MAX_WIDTH: usize = 96;

/// Findings as a terminal shows them, in the given order, with a closing line of counts. `bytes` are the file's.
#[must_use]
pub fn render(findings: &[Diagnostic], path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> String {
    let path = path.as_ref();
    let text = String::from_utf8_lossy(bytes.as_ref());
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    for finding in findings.iter().take(MAX_SHOWN) {
        one(finding, path, &lines, &mut out);
        out.push('\n');
    }
    let count = |severity| findings.iter().filter(|d| d.severity() == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    if findings.len() > MAX_SHOWN {
        let _ = writeln!(out, "and {} more", findings.len() - MAX_SHOWN);
    }
    let summary: Vec<String> = [(errors, "error"), (warnings, "warning")]
        .into_iter()
        .filter(|&(n, _)| n > 0)
        .map(|(n, word)| format!("{n} {word}{}", if n == 1 { "" } else { "s" }))
        .collect();
    if !summary.is_empty() {
        let _ = writeln!(out, "{} in {}", summary.join(", "), path.display());
    }
    if let Some(first) = findings.first() {
        let _ = writeln!(out, "more about a code: planner explain {}", first.code);
    }
    out
}

fn one(finding: &Diagnostic, path: &Path, lines: &[&str], out: &mut String) {
    let Span { line, column, length } = finding.at;
    let gutter = line.to_string().len();
    let _ = writeln!(out, "{}[{}]: {}", finding.severity(), finding.code, finding.message);
    let _ = writeln!(out, "{:gutter$}--> {}:{line}:{column}", "", path.display());
    if let Some(source) = lines.get(line.saturating_sub(1) as usize) {
        let (shown, lead, width) = window(source, column.max(1) as usize - 1, length as usize);
        let _ = writeln!(out, "{:gutter$} |", "");
        let _ = writeln!(out, "{line} | {shown}");
        let _ = writeln!(out, "{:gutter$} | {:lead$}{}", "", "", "^".repeat(width));
    }
    if let Some(help) = &finding.help {
        let _ = writeln!(out, "{:gutter$} = help: {help}", "");
    }
}

/// The piece of the line around the caret, the caret's indent in cells and its width, at least one.
fn window(source: &str, column: usize, length: usize) -> (String, usize, usize) {
    // A tab, a control or a direction mark would move the caret or the terminal.
    let clean: Vec<char> = source
        .trim_end()
        .chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if c.is_control() || invisible(c) {
                '\u{FFFD}'
            } else {
                c
            }
        })
        .collect();
    let column = column.min(clean.len());
    let start = if column + length.min(24) <= MAX_WIDTH { 0 } else { column.saturating_sub(24) };
    let end = clean.len().min(start + MAX_WIDTH);
    let mut shown: String = clean[start..end].iter().collect();
    let mut lead: usize = clean[start..column].iter().map(|&c| cells(c)).sum();
    if start > 0 {
        shown.insert(0, '…');
        lead += 1;
    }
    if end < clean.len() {
        shown.push('…');
    }
    let marked: usize = clean[column..end.min(column + length)].iter().map(|&c| cells(c)).sum();
    (shown, lead, marked.max(1))
}

fn invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// Terminal cells of a character: two for the wide blocks of East Asian text and emoji, none for marks that combine.
fn cells(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036F | 0x20D0..=0x20FF | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F | 0x2E80..=0xA4CF | 0xAC00..=0xD7A3 | 0xF900..=0xFAFF | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 => 2,
        0xFFE0..=0xFFE6 | 0x1F300..=0x1FAFF | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_stands_under_the_word() {
        assert_eq!(window("power: 15", 7, 2), ("power: 15".into(), 7, 2));
        assert_eq!(window("", 0, 0), (String::new(), 0, 1));
        assert_eq!(window("a", 9, 9), ("a".into(), 1, 1));
        // Two cells for each of two characters.
        assert_eq!(window("名前: x", 4, 1), ("名前: x".into(), 6, 1));
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let line = format!("{}WRONG{}", "a".repeat(500), "b".repeat(500));
        let (shown, lead, width) = window(&line, 500, 5);
        assert_eq!(shown.chars().count(), MAX_WIDTH + 2);
        assert_eq!(shown.chars().skip(lead).take(width).collect::<String>(), "WRONG");
    }

    #[test]
    fn bidi_and_tabs_do_not_move_the_terminal() {
        let (shown, ..) = window("\ta\u{202E}b", 1, 1);
        assert_eq!(shown, " a\u{FFFD}b");
    }
}
