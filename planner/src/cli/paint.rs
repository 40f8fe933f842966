//! Colour on a terminal that shows it, unless it is not wanted (`--color`, `NO_COLOR`, `TERM=dumb`).
//!
//! Every meaning is in the words; colour only helps to find them. JSON is never painted.

use anstream::ColorChoice;
use clap::ValueEnum;
use std::io::Write as _;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
}

impl When {
    /// As it is typed among these words. Help and errors of the command line itself are coloured before it is parsed.
    pub(crate) fn among(args: impl Iterator<Item = String>) -> Self {
        let mut found = Self::Auto;
        let mut args = args.take_while(|a| a != "--");
        while let Some(word) = args.next() {
            let value = if word == "--color" { args.next() } else { word.strip_prefix("--color=").map(str::to_owned) };
            found = value.and_then(|v| Self::from_str(&v, false).ok()).unwrap_or(found);
        }
        found
    }

    /// From now on.
    pub(crate) fn choose(self) -> clap::ColorChoice {
        let (ours, claps) = match self {
            Self::Auto => (ColorChoice::Auto, clap::ColorChoice::Auto),
            Self::Always => (ColorChoice::Always, clap::ColorChoice::Always),
            Self::Never => (ColorChoice::Never, clap::ColorChoice::Never),
        };
        ours.write_global();
        claps
    }
}

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const GREEN: &str = "\u{1b}[32m";
const CYAN: &str = "\u{1b}[36m";
const RESET: &str = "\u{1b}[0m";

/// First words of a line that say what it is.
const LABELS: [(&str, &str); 6] =
    [("error", RED), ("warning", YELLOW), ("help", CYAN), ("undo", CYAN), ("next", CYAN), ("nothing was sent", YELLOW)];
/// Last words of a line that judge it.
const VERDICTS: [(&str, &str); 7] = [
    ("✓ ok", GREEN),
    ("! tight", YELLOW),
    ("✗ missed", RED),
    ("(better)", GREEN),
    ("(worse)", RED),
    ("passed", GREEN),
    ("FAILED", RED),
];
/// First marks of a line.
const MARKS: [(&str, &str); 2] = [("✓ ", GREEN), ("✗ ", RED)];

/// Text for people on stdout; a reader that has gone away (`| head`) is no error.
pub(crate) fn say(text: &str) {
    let _ = anstream::stdout().lock().write_all(painted(text).as_bytes());
}

/// Text for people on stderr, with the line's end.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", painted(text.trim_end()));
}

fn painted(text: &str) -> String {
    text.split_inclusive('\n').map(line).collect()
}

fn line(whole: &str) -> String {
    let body = whole.trim_end();
    let rest = &whole[body.len()..];
    let start = body.trim_start_matches([' ', '=']);
    let indent = &body[..body.len() - start.len()];
    for (word, colour) in LABELS {
        // `error:`, `error[EDGE-0007]:`
        let Some(after) = start.strip_prefix(word) else { continue };
        let code = after.find(']').filter(|_| after.starts_with('[')).map_or(0, |end| end + 1);
        if after[code..].starts_with(':') {
            let (label, after) = start.split_at(word.len() + code);
            return format!("{indent}{colour}{label}{RESET}{after}{rest}");
        }
    }
    for (words, colour) in VERDICTS {
        if let Some(before) = body.strip_suffix(words) {
            return format!("{before}{colour}{words}{RESET}{rest}");
        }
    }
    for (mark, colour) in MARKS {
        if body.starts_with(mark) {
            return format!("{colour}{body}{RESET}{rest}");
        }
    }
    // Carets under a word of a file.
    if let Some((gutter, carets)) =
        body.split_once("| ").filter(|(_, c)| c.contains('^') && c.chars().all(|c| c == ' ' || c == '^'))
    {
        return format!("{gutter}| {RED}{carets}{RESET}{rest}");
    }
    whole.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_verdicts_and_carets_are_painted() {
        let text = "error[EDGE-0023]: no unit\n 3 |   power: 15\n   |          ^^\n   = help: write `15 W`\n";
        let expected = format!(
            "{RED}error[EDGE-0023]{RESET}: no unit\n 3 |   power: 15\n   | {RED}         ^^{RESET}\n   = {CYAN}help{RESET}: write `15 W`\n"
        );
        assert_eq!(painted(text), expected);
        assert_eq!(painted("  chat  62 %  ✓ ok\n"), format!("  chat  62 %  {GREEN}✓ ok{RESET}\n"));
        assert_eq!(
            painted("  power 3 W -> 2 W  -22 % (better)\n\n"),
            format!("  power 3 W -> 2 W  -22 % {GREEN}(better){RESET}\n\n")
        );
    }

    #[test]
    fn nothing_else_is() {
        for text in ["errors of predictions: 3\n", "a | b ^ c\n", "helpful: no\n", "  pi  ok\n", "", "\n\n", "no end"] {
            assert_eq!(painted(text), text);
        }
        let plain = anstream::adapter::strip_str(&painted("error: x\n✗ 1 of 2 targets missed.\n")).to_string();
        assert_eq!(plain, "error: x\n✗ 1 of 2 targets missed.\n", "the words are the same without");
    }

    #[test]
    fn it_is_found_before_the_command_line_is_parsed() {
        let of = |line: &str| When::among(line.split(' ').map(str::to_owned));
        assert_eq!(of("planner --color=never check"), When::Never);
        assert_eq!(of("planner check --color always"), When::Always);
        assert_eq!(of("planner check -- --color always"), When::Auto);
        assert_eq!(of("planner --color green"), When::Auto, "which the parser refuses");
    }
}
