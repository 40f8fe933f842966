//! Names, free text and yes-or-no.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::shape::{Read, shorten};
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::yaml::{Node, Value};

/// Longest free text, in characters.
const MAX_TEXT: usize = 4000;
/// Longest name, in characters.
const MAX_NAME: usize = 64;

/// The single value of a node; anything else is reported with what belongs there.
pub(super) fn scalar<'n>(node: &'n Node, expected: &str, sink: &mut Sink) -> Option<&'n str> {
    match &node.value {
        Value::Scalar(word) => Some(word),
        Value::Null => {
            sink.report(Code::NoValue, node.span, "an entry without a value", format!("write {expected}, or delete the entry"));
            None
        }
        Value::List(_) | Value::Map(_) => {
            let message = format!("one value belongs here, not {}", node.kind());
            sink.report(Code::WrongType, node.span, message, format!("write {expected}"));
            None
        }
    }
}

/// Free text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Text(pub String);

impl Read for Text {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        let word = scalar(node, "a text", sink)?;
        let length = word.chars().count();
        if length > MAX_TEXT {
            let message = format!("a text of {length} characters; {MAX_TEXT} are allowed");
            sink.report(Code::OutOfRange, node.span, message, "shorten it; comments may be longer");
            return None;
        }
        Some(Text(word.trim_end().to_owned()))
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "maxLength": MAX_TEXT })
    }
}

/// A name given in the file, or a reference to one, or an id of the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Name(pub String);

impl Read for Name {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        let word = scalar(node, "a name such as `kitchen-pi`", sink)?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let wrong = word.chars().find(|&c| !fits(c));
        let reason = if word.is_empty() {
            "an empty name".to_owned()
        } else if let Some(c) = wrong {
            let culprit = if c == ' ' { "a blank".to_owned() } else { format!("`{}`", c.escape_debug()) };
            format!("`{}` is not a name: {culprit} may not stand in one", shorten(word))
        } else if !word.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            format!("`{}` is not a name: it must begin with a letter or a digit", shorten(word))
        } else if word.len() > MAX_NAME {
            format!("a name of {} characters; {MAX_NAME} are allowed", word.len())
        } else {
            return Some(Name(word.to_owned()));
        };
        let mended: String = word.chars().map(|c| if fits(c) { c } else { '-' }).take(MAX_NAME).collect();
        let mended = mended.trim_matches(['-', '_', '.']);
        let example = if mended.is_empty() { "kitchen-pi" } else { mended };
        sink.report(Code::BadName, node.span, reason, format!("use letters, digits, `-`, `_` and `.`, for example `{example}`"));
        None
    }
}

impl JsonSchema for Name {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$", "maxLength": MAX_NAME })
    }
}

/// `true` or `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Read for Flag {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        let word = scalar(node, "`true` or `false`", sink)?;
        let guess = match word.to_ascii_lowercase().as_str() {
            "true" if word == "true" => return Some(Flag(true)),
            "false" if word == "false" => return Some(Flag(false)),
            "true" | "yes" | "on" | "y" | "1" | "allowed" => "did you mean `true`?",
            "false" | "no" | "off" | "n" | "0" | "never" => "did you mean `false`?",
            _ => "write `true` or `false`",
        };
        sink.report(Code::UnknownWord, node.span, format!("`{}` is neither `true` nor `false`", shorten(word)), guess);
        None
    }
}

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(self.0)
    }
}

impl JsonSchema for Flag {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Flag".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "boolean" })
    }
}
