//! A YAML tree with the place of every key and value.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{Location, Spanned};
use std::fmt;

use crate::diagnostic::Span;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
    /// Byte range of a scalar in the text.
    bytes: (usize, usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A key without a value, `null` or `~`.
    Null,
    /// A word, a number or a boolean, as written; quotes are off.
    Scalar(String),
    List(Vec<Node>),
    /// Entries as they come, duplicates included.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// What a message calls the value.
    #[must_use]
    pub(crate) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// YAML resolves plain `0x10` or `true` to a number or a boolean: the words of the file are put back.
    pub(super) fn restore_words(&mut self, text: &str) {
        match &mut self.value {
            Value::Null => {}
            Value::Scalar(word) => {
                if word.is_empty() {
                    let (start, length) = self.bytes;
                    *word = text.get(start..start.saturating_add(length)).unwrap_or_default().to_owned();
                    if word.starts_with(['"', '\'']) {
                        word.clear();
                    }
                }
            }
            Value::List(nodes) => nodes.iter_mut().for_each(|n| n.restore_words(text)),
            Value::Map(entries) => {
                for (key, value) in entries {
                    key.restore_words(text);
                    value.restore_words(text);
                }
            }
        }
    }
}

pub(in crate::yaml) fn span(location: Location) -> Span {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Span { line: narrow(location.line()), column: narrow(location.column()), length: narrow(location.span().len()) }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        let (at, location) = (spanned.referenced.span(), spanned.referenced);
        let offset = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
        Ok(Node { value: spanned.value, span: span(location), bytes: (offset(at.byte_offset()), offset(at.byte_len())) })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Value, E> {
        Ok(Value::Scalar(String::new()))
    }
    fn visit_i64<E>(self, _: i64) -> Result<Value, E> {
        Ok(Value::Scalar(String::new()))
    }
    fn visit_u64<E>(self, _: u64) -> Result<Value, E> {
        Ok(Value::Scalar(String::new()))
    }
    fn visit_f64<E>(self, _: f64) -> Result<Value, E> {
        Ok(Value::Scalar(String::new()))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Scalar(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Value::List(nodes))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            nodes.push(entry);
        }
        Ok(Value::Map(nodes))
    }
}
