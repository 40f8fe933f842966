//! Values that have a short form and a long form.

use profiles::WeightFormat;
use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::choices::Weights;
use super::shape::{Marked, Read};
use super::shapes::{LinkDetail, PrecisionDetail};
use super::words::Name;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::yaml::{Node, Value};

/// Precisions of a service: a list, or the word `all`.
#[derive(Clone, Debug, PartialEq)]
pub enum Precisions {
    /// Every weight format, KV cache and activations at 16 bits.
    All,
    List(Vec<PrecisionEntry>),
}

/// `w4`, or `{weights: w4, kv: 8 bit, activations: 8 bit}`.
#[derive(Clone, Debug, PartialEq)]
pub enum PrecisionEntry {
    Short(Marked<Weights>),
    Long(Marked<PrecisionDetail>),
}

/// The word that stands for every weight format.
const ALL: &str = "all";

impl Read for Precisions {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        if node.value == Value::Scalar(ALL.into()) {
            return Some(Precisions::All);
        }
        Vec::read(node, sink).map(Precisions::List)
    }
}

impl Serialize for Precisions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Precisions::All => serializer.serialize_str(ALL),
            Precisions::List(entries) => entries.serialize(serializer),
        }
    }
}

impl JsonSchema for Precisions {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Precisions".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let entry = generator.subschema_for::<PrecisionEntry>();
        schemars::json_schema!({ "anyOf": [
            { "const": ALL, "description": "every weight format, KV cache and activations at 16 bits" },
            { "type": "array", "items": entry, "minItems": 1 },
        ] })
    }
}

impl Read for PrecisionEntry {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        match node.value {
            Value::Map(_) => Marked::read(node, sink).map(PrecisionEntry::Long),
            _ => Marked::read(node, sink).map(PrecisionEntry::Short),
        }
    }
}

impl Serialize for PrecisionEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            PrecisionEntry::Short(weights) => weights.serialize(serializer),
            PrecisionEntry::Long(detail) => detail.serialize(serializer),
        }
    }
}

impl JsonSchema for PrecisionEntry {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PrecisionEntry".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (short, long) = (generator.subschema_for::<Weights>(), generator.subschema_for::<PrecisionDetail>());
        schemars::json_schema!({ "anyOf": [short, long] })
    }
}

/// A site's link: a kind of the catalogue, or a kind with changes.
#[derive(Clone, Debug, PartialEq)]
pub enum SiteLink {
    Kind(Marked<Name>),
    Detail(Marked<LinkDetail>),
}

impl Read for SiteLink {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        match node.value {
            Value::Map(_) => Marked::read(node, sink).map(SiteLink::Detail),
            _ => Marked::read(node, sink).map(SiteLink::Kind),
        }
    }
}

impl Serialize for SiteLink {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            SiteLink::Kind(kind) => kind.serialize(serializer),
            SiteLink::Detail(detail) => detail.serialize(serializer),
        }
    }
}

impl JsonSchema for SiteLink {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SiteLink".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let (short, long) = (generator.subschema_for::<Name>(), generator.subschema_for::<LinkDetail>());
        schemars::json_schema!({ "anyOf": [short, long] })
    }
}

/// The two ends of a link.
#[derive(Clone, Debug, PartialEq)]
pub struct Ends(pub Marked<Name>, pub Marked<Name>);

impl Read for Ends {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        if let Value::List(nodes) = &node.value {
            if let [a, b] = nodes.as_slice() {
                let (a, b) = (Marked::read(a, sink), Marked::read(b, sink));
                return Some(Ends(a?, b?));
            }
            let message = format!("a link has two ends, here are {}", nodes.len());
            sink.report(Code::WrongType, node.span, message, "write `between: [one, other]`");
            return None;
        }
        let message = format!("two names belong here, not {}", node.kind());
        sink.report(Code::WrongType, node.span, message, "write `between: [one, other]`");
        None
    }
}

impl Serialize for Ends {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.0, &self.1).serialize(serializer)
    }
}

impl JsonSchema for Ends {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ends".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let name = generator.subschema_for::<Name>();
        schemars::json_schema!({ "type": "array", "items": name, "minItems": 2, "maxItems": 2 })
    }
}

/// Two devices.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair(pub Marked<Name>, pub Marked<Name>);

impl Read for Pair {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        let message = match &node.value {
            Value::List(nodes) => {
                if let [a, b] = nodes.as_slice() {
                    let (a, b) = (Marked::read(a, sink), Marked::read(b, sink));
                    return Some(Pair(a?, b?));
                }
                format!("a pair is two devices, here are {}", nodes.len())
            }
            _ => format!("two names belong here, not {}", node.kind()),
        };
        sink.report(Code::WrongType, node.span, message, "write `pairs: [[one, other]]`");
        None
    }
}

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.0, &self.1).serialize(serializer)
    }
}

impl JsonSchema for Pair {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pair".into()
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let name = generator.subschema_for::<Name>();
        schemars::json_schema!({ "type": "array", "items": name, "minItems": 2, "maxItems": 2 })
    }
}

/// Every weight format, most bits first.
pub(crate) const FORMATS: [WeightFormat; 9] = [
    WeightFormat::W16,
    WeightFormat::W8,
    WeightFormat::W6,
    WeightFormat::W5,
    WeightFormat::W4,
    WeightFormat::W3,
    WeightFormat::W2,
    WeightFormat::Ternary,
    WeightFormat::Sherry,
];
