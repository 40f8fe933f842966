//! Bytes to nodes, refusing what a scenario has no use for: aliases, merge keys, tags, several
//! documents, depth and length beyond reason.

use serde_yaml::budget::BudgetBreach;
use serde_yaml::{DuplicateKeyPolicy, Error, MergeKeyPolicy, NonFiniteFloatPolicy};

use super::node::{Node, Value, span};
use crate::code::Code;
use crate::diagnostic::{Sink, Span};

/// Longest file that is read, 1 MiB.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Deepest nesting; a scenario needs five levels.
const MAX_DEPTH: usize = 16;
/// Most keys and values; a thousand devices written out need about twenty thousand.
const MAX_NODES: usize = 50_000;

/// The file's root, or `None` after reporting why there is none.
pub(crate) fn parse<'t>(bytes: &'t [u8], sink: &mut Sink) -> Option<(Node, &'t str)> {
    if bytes.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; a scenario may have {MAX_BYTES}", bytes.len());
        sink.report(Code::TooLong, Span::START, message, "use `count:` for equal devices, and one file for each fleet");
        return None;
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned();
            let message = format!("byte {} is not UTF-8", error.valid_up_to());
            sink.report(Code::NotUtf8, end_of(&before), message, "save the file as UTF-8 without a byte order mark");
            return None;
        }
    };
    if let Some((start, c)) = text.char_indices().find(|&(_, c)| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        let message = format!("control character U+{:04X}", u32::from(c));
        sink.report(Code::ControlCharacter, end_of(&text[..start]), message, "delete it; it is invisible in most editors");
        return None;
    }
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_aliases: 0,
            max_anchors: 0,
            max_depth: MAX_DEPTH,
            max_documents: 1,
            max_nodes: MAX_NODES,
            flow_nesting_limit: MAX_DEPTH,
        },
        // Duplicates and merge keys come through: the typed reader names them, all at once.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        strict_booleans: true,
        reject_unsupported_tags: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    match serde_yaml::from_str_with_options::<Node>(text, options) {
        Ok(Node { value: Value::Null, .. }) => {
            let help = "the smallest scenario has `name`, `sites`, `devices` and `services`; copy scenarios/home.yaml";
            sink.report(Code::Empty, Span::START, "the file says nothing", help);
            None
        }
        Ok(mut root) => {
            root.restore_words(text);
            Some((root, text))
        }
        Err(error) => {
            report_syntax(&error, text, sink);
            None
        }
    }
}

/// Place just behind `text`.
fn end_of(text: &str) -> Span {
    let line = text.matches('\n').count() + 1;
    let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Span { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX), length: 1 }
}

fn report_syntax(error: &Error, text: &str, sink: &mut Sink) {
    let mut at = error.location().map_or(Span::START, span);
    let full = error.to_string();
    let message = full.rfind(" at line ").map_or(full.as_str(), |end| &full[..end]);
    if matches!(error, Error::Budget { breach: BudgetBreach::Anchors { .. }, .. } | Error::UnsupportedTag { .. }) {
        at = back_to_mark(text, at);
    }
    match error {
        Error::Budget { breach: BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. }, .. }
        | Error::UnknownAnchor { .. } => sink.report(
            Code::Alias,
            at,
            "anchors and aliases (`&x`, `*x`) are refused",
            "write the value out, or use `count:` for equal devices",
        ),
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. } | Error::MultipleDocuments { .. } => {
            sink.report(
                Code::Documents,
                at,
                "a second document begins here",
                "one file holds one scenario: delete `---` and what follows",
            );
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => too_deep(at, sink),
        Error::Budget { .. } => {
            let message = format!("the file holds more than {MAX_NODES} keys and values");
            sink.report(Code::TooDeep, at, message, "use `count:` for equal devices");
        }
        Error::UnsupportedTag { .. }
        | Error::TaggedScalarCannotDeserializeIntoString { .. }
        | Error::InvalidBinaryBase64 { .. } => {
            sink.report(Code::Tag, at, "YAML tags (`!…`) are refused", "delete the tag; quote the value if it must be text");
        }
        _ if message.contains("recursion limit") => too_deep(at, sink),
        _ if message.contains("tab") && leading_tab(text, at) => {
            sink.report(Code::Tab, at, "a tab in the indentation", "indent with spaces, two for each level");
        }
        _ => sink.report(Code::Syntax, at, format!("not YAML: {message}"), syntax_help(message)),
    }
}

fn too_deep(at: Span, sink: &mut Sink) {
    sink.report(Code::TooDeep, at, format!("nested deeper than {MAX_DEPTH} levels"), "a scenario needs at most five levels");
}

/// An anchor or a tag is placed at the value behind it: back to its mark, if that is on the line.
fn back_to_mark(text: &str, at: Span) -> Span {
    let line = text.lines().nth(at.line.saturating_sub(1) as usize).unwrap_or_default();
    let before = line.chars().take(at.column.saturating_sub(1) as usize).collect::<Vec<char>>();
    match before.iter().rposition(|c| matches!(c, '&' | '!')) {
        Some(mark) => {
            let word = before[mark..].iter().take_while(|c| !c.is_whitespace()).count();
            let narrow = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
            Span { line: at.line, column: narrow(mark + 1), length: narrow(word) }
        }
        None => at,
    }
}

fn leading_tab(text: &str, at: Span) -> bool {
    let line = text.lines().nth(at.line.saturating_sub(1) as usize).unwrap_or_default();
    line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t')
}

fn syntax_help(message: &str) -> &'static str {
    if message.contains("mapping values are not allowed") {
        "a value that holds `: ` needs quotes; otherwise this line is indented further than its neighbours"
    } else if message.contains("unclosed quote") || message.contains("quoted scalar") {
        "close the quote on the same line, and put nothing but a comment behind it"
    } else if message.contains("flow")
        || message.contains("bracket")
        || message.contains("','")
        || message.contains("':' indicator")
    {
        "close `[` with `]` and `{` with `}`, with one comma between entries"
    } else if message.contains("unexpected character") || message.contains("unknown anchor") {
        "put quotes around a value that begins with one of @ ` % & * ! | > { ["
    } else {
        "look for a missing colon, an unclosed quote or bracket, or uneven indentation on this line and the one above"
    }
}
