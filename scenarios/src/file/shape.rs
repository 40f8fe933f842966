//! What a map of the file looks like: its keys, which are required, and the type of each value.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::suggest;
use crate::yaml::{Node, Value};

/// A value of the file with its place. Two are equal if they say the same, wherever they stand.
#[derive(Clone, Debug, Default)]
pub struct Marked<T> {
    pub value: T,
    pub span: Span,
}

impl<T: PartialEq> PartialEq for Marked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T> From<T> for Marked<T> {
    fn from(value: T) -> Self {
        Marked { value, span: Span::default() }
    }
}

impl<T: Serialize> Serialize for Marked<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Marked<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

/// Reads one value; what is wrong is reported and yields `None`, and reading goes on elsewhere.
pub(crate) trait Read: Sized {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self>;
}

impl<T: Read> Read for Marked<T> {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        T::read(node, sink).map(|value| Marked { value, span: node.span })
    }
}

/// A list; entries that cannot be read are left out after reporting.
impl<T: Read> Read for Vec<T> {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        match &node.value {
            Value::List(nodes) if nodes.is_empty() => {
                sink.report(Code::EmptyList, node.span, "an empty list", "name at least one, or delete the key");
                None
            }
            Value::List(nodes) => {
                Some(nodes.iter().filter_map(|n| if sink.is_full() { None } else { T::read(n, sink) }).collect())
            }
            Value::Scalar(word) => {
                sink.report(Code::WrongType, node.span, "a list belongs here", format!("write `[{word}]`"));
                None
            }
            Value::Map(_) | Value::Null => {
                sink.report(
                    Code::WrongType,
                    node.span,
                    format!("a list belongs here, not {}", node.kind()),
                    "begin each entry with `- `",
                );
                None
            }
        }
    }
}

/// One key of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
}

/// A map of the file.
pub(crate) trait Shape: Read + JsonSchema {
    /// What a message calls it: `a device`.
    const NOUN: &'static str;
    /// Its keys: the only list of them, for reader, hints and schema.
    const KEYS: &'static [Key];
}

/// Stands in `unread` for a key that is nothing like any of the map.
const SOME_KEY: &str = "";

/// The entries of one map, checked against a shape's keys.
pub(super) struct Entries<'n> {
    found: Vec<(&'static str, &'n Node, Span)>,
    unread: Vec<&'static str>,
}

impl<'n> Entries<'n> {
    pub(super) fn of<S: Shape>(node: &'n Node, sink: &mut Sink) -> Option<Self> {
        let names = || S::KEYS.iter().map(|k| k.name);
        let Value::Map(entries) = &node.value else {
            let required: Vec<&str> = S::KEYS.iter().filter(|k| k.required).map(|k| k.name).collect();
            let keys = if required.is_empty() { names().collect() } else { required };
            let message = format!("{} belongs here: a map of keys, not {}", S::NOUN, node.kind());
            sink.report(Code::WrongType, node.span, message, format!("write keys such as {}", suggest::list(&keys)));
            return None;
        };
        let mut found: Vec<(&'static str, &Node, Span)> = Vec::new();
        // Keys that a misspelt key or a merge key may have meant.
        let mut unread: Vec<&'static str> = Vec::new();
        for (key, value) in entries {
            if sink.is_full() {
                break;
            }
            let Value::Scalar(word) = &key.value else {
                sink.report(Code::WrongType, key.span, format!("a key is one word, not {}", key.kind()), "write `key: value`");
                continue;
            };
            if word == "<<" {
                sink.report(Code::MergeKey, key.span, "merge keys (`<<`) are refused", "write the keys out, or use `count:`");
                unread.extend(names());
                continue;
            }
            let Some(name) = names().find(|name| name == word) else {
                let message = format!("{} has no key `{}`", S::NOUN, shorten(word));
                sink.report(Code::UnknownKey, key.span, message, suggest::help(word, "keys", names()));
                unread.push(suggest::nearest(word, names()).unwrap_or(SOME_KEY));
                continue;
            };
            if let Some(first) = found.iter().find(|f| f.0 == name) {
                let message = format!("`{name}` is said twice");
                sink.report(Code::DuplicateKey, key.span, message, format!("first said on line {}; delete one", first.2.line));
                continue;
            }
            found.push((name, value, key.span));
        }
        // An empty map has no key to point at; a missing key is reported at the first one.
        let at = entries.first().map_or(node.span, |(key, _)| key.span);
        let missing: Vec<&str> =
            S::KEYS.iter().filter(|k| k.required && !found.iter().any(|f| f.0 == k.name)).map(|k| k.name).collect();
        let missing: Vec<&str> = missing.into_iter().filter(|name| !unread.contains(name)).collect();
        if !missing.is_empty() {
            let example = missing.iter().map(|name| format!("`{name}: …`")).collect::<Vec<_>>().join(" and ");
            let message = format!("{} needs {}", S::NOUN, suggest::list(&missing));
            sink.report(Code::MissingKey, at, message, format!("add {example}"));
        }
        Some(Self { found, unread })
    }

    /// The value of a key, if it is there and readable.
    pub(super) fn get<T: Read>(&mut self, name: &str, sink: &mut Sink) -> Option<Marked<T>> {
        let &(name, node, key) = self.found.iter().find(|f| f.0 == name)?;
        let value = if node.value == Value::Null {
            sink.report(Code::NoValue, key, format!("`{name}` has no value"), "write one behind the colon, or delete the key");
            None
        } else {
            Marked::read(node, sink)
        };
        if value.is_none() {
            self.unread.push(name);
        }
        value
    }

    pub(super) fn unread(self) -> Vec<&'static str> {
        self.unread
    }
}

/// A word for a message: a long one is cut.
pub(crate) fn shorten(word: &str) -> String {
    let clean: String = word.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if word.chars().count() > 60 { format!("{clean}…") } else { clean }
}

/// A key's schema with its text; a list that is there has an entry.
pub(super) fn described(mut inner: serde_json::Value, about: &str) -> serde_json::Value {
    if inner["type"] == "array" {
        inner["minItems"] = 1.into();
    }
    serde_json::json!({ "description": about, "allOf": [inner] })
}

/// Declares a map of the file: a struct with an optional marked value for each key.
macro_rules! shape {
    (@required required) => { true };
    (@required optional) => { false };
    ($(#[doc = $doc:literal])+ $name:ident, $noun:literal {
        $($(#[doc = $help:literal])+ $need:ident $key:literal $field:ident: $kind:ty,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name {
            $($(#[doc = $help])+ pub $field: Option<Marked<$kind>>,)+
            /// Keys that are there and could not be read, or that a misspelt one may have meant: absent
            /// here, but not left out by the user.
            #[doc(hidden)]
            pub unread: Vec<&'static str>,
        }

        impl Shape for $name {
            const NOUN: &'static str = $noun;
            const KEYS: &'static [Key] = &[$(Key { name: $key, required: shape!(@required $need) }),+];
        }

        impl Read for $name {
            fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
                let mut entries = Entries::of::<Self>(node, sink)?;
                Some(Self { $($field: entries.get($key, sink),)+ unread: entries.unread() })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                $(if let Some(value) = &self.$field { map.serialize_entry($key, value)?; })+
                map.end()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> { stringify!($name).into() }
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut properties = serde_json::Map::new();
                $({
                    let inner = generator.subschema_for::<$kind>();
                    let about = concat!($($help, "\n"),+).trim();
                    properties.insert($key.into(), $crate::file::shape::described(inner.into(), about));
                })+
                let required: Vec<&str> = Self::KEYS.iter().filter(|k| k.required).map(|k| k.name).collect();
                schemars::json_schema!({
                    "type": "object",
                    "description": concat!($($doc, "\n"),+).trim(),
                    "properties": properties,
                    "required": required,
                    "additionalProperties": false,
                })
            }
        }
    };
}
pub(super) use shape;
