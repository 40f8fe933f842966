//! Lengths of prompts and answers, counts and ranges.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use std::fmt;

use super::shape::{Read, shorten};
use super::words::scalar;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::yaml::Node;

/// What a length counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthUnit {
    /// Language models.
    Tokens,
    /// Images and other whole inputs.
    Items,
    /// Encoder positions of a speech model.
    Frames,
}

/// Encoder positions of one second of sound: Whisper's encoder halves 100 mel frames a second
/// (Radford et al. 2022, section 2.2).
const FRAMES_PER_SECOND: f64 = 50.0;
/// Longest prompt or answer.
const MAX_LENGTH: f64 = 1e7;

/// `512 tokens`, `1 item`, `1500 frames` or `30 s of audio`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    pub count: u32,
    pub unit: LengthUnit,
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            LengthUnit::Tokens => "tokens",
            LengthUnit::Items => "items",
            LengthUnit::Frames => "frames",
        };
        write!(f, "{} {unit}", self.count)
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Read for Length {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        let word = scalar(node, "a length such as `512 tokens`", sink)?.trim();
        let split = word.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(word.len());
        let (digits, unit) = (&word[..split], word[split..].trim());
        let Ok(number) = digits.parse::<f64>() else {
            let message = format!("`{}` is not a length", shorten(word));
            sink.report(Code::NotANumber, node.span, message, "write for example `512 tokens`");
            return None;
        };
        let (factor, unit) = match unit {
            "tokens" | "token" => (1.0, LengthUnit::Tokens),
            "items" | "item" => (1.0, LengthUnit::Items),
            "frames" | "frame" => (1.0, LengthUnit::Frames),
            "s of audio" => (FRAMES_PER_SECOND, LengthUnit::Frames),
            "" => {
                let message = format!("`{}` has no unit", shorten(word));
                let help = format!("write `{word} tokens`, or `items`, `frames`, `s of audio` for models that count in those");
                sink.report(Code::NoUnit, node.span, message, help);
                return None;
            }
            other => {
                let message = format!("`{}` is not a unit of length", shorten(other));
                let meant = if other.starts_with('t') {
                    "did you mean `tokens`? "
                } else if other.starts_with('s') {
                    "did you mean `s of audio`? "
                } else {
                    ""
                };
                let help = format!("{meant}units: `tokens`, `items`, `frames`, `s of audio`");
                sink.report(Code::UnknownUnit, node.span, message, help);
                return None;
            }
        };
        let count = number * factor;
        if !(1.0..=MAX_LENGTH).contains(&count) || count.fract() != 0.0 {
            let message = format!("`{}` is out of range for a length", shorten(word));
            sink.report(Code::OutOfRange, node.span, message, "a length is a whole number from 1 to 10 million");
            return None;
        }
        Some(Length { count: count as u32, unit })
    }
}

impl JsonSchema for Length {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Length".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "length with its unit: tokens, items, frames or seconds of audio (50 frames each)",
            "pattern": "^[0-9.]+ ?(tokens?|items?|frames?|s of audio)$",
            "examples": ["512 tokens", "1 item", "30 s of audio"],
        })
    }
}

/// Whole numbers from 0; each place checks its own range.
impl Read for u32 {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        let word = scalar(node, "a whole number", sink)?;
        if let Ok(count) = word.parse::<u32>() {
            return Some(count);
        }
        let (code, message) = match word.parse::<f64>() {
            Ok(_) => (Code::BadCount, format!("`{}` is not a count", shorten(word))),
            Err(_) => (Code::NotANumber, format!("`{}` is not a number", shorten(word))),
        };
        sink.report(code, node.span, message, "write a whole number without a unit, for example `4`");
        None
    }
}

/// Numbers of replicas to consider, inclusive: `1..2`, or `2` for exactly two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replicas(pub u32, pub u32);

impl Serialize for Replicas {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}..{}", self.0, self.1))
    }
}

impl Read for Replicas {
    fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
        let word = scalar(node, "a range such as `1..2`", sink)?;
        let (low, high) = word.split_once("..").unwrap_or((word, word));
        let (Ok(low), Ok(high)) = (low.trim().parse::<u32>(), high.trim().trim_start_matches('=').parse::<u32>()) else {
            let message = format!("`{}` is not a range of counts", shorten(word));
            sink.report(Code::BadRange, node.span, message, "write least and greatest, for example `1..2`");
            return None;
        };
        if low == 0 {
            sink.report(Code::BadRange, node.span, "a service needs at least one replica", format!("write `1..{}`", high.max(1)));
            return None;
        }
        if low > high {
            let message = format!("`{low}..{high}` runs backwards");
            sink.report(Code::BadRange, node.span, message, format!("write `{high}..{low}`"));
            return None;
        }
        Some(Replicas(low, high))
    }
}

impl JsonSchema for Replicas {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Replicas".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "least and greatest number of replicas, or the exact number",
            "anyOf": [{ "type": "string", "pattern": "^[0-9]+ ?\\.\\. ?=?[0-9]+$" }, { "type": "integer", "minimum": 1 }],
            "examples": ["1..2"],
        })
    }
}
