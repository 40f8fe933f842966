//! Values that are one of a few words.

use profiles::WeightFormat;

use super::shape::{Read, shorten};
use super::words::scalar;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::suggest;
use crate::yaml::Node;

macro_rules! choice {
    ($(#[doc = $doc:literal])+ $name:ident($inner:ty), $noun:literal, $code:ident {
        $($(#[doc = $help:literal])+ $word:literal => $value:expr,)+
    }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name(pub $inner);

        impl $name {
            /// Every choice with its word.
            pub const ALL: &'static [(&'static str, $inner)] = &[$(($word, $value)),+];

            /// The word of this choice.
            #[must_use]
            pub fn word(self) -> &'static str {
                Self::ALL.iter().find(|(_, v)| *v == self.0).map_or("", |(w, _)| w)
            }
        }

        impl Read for $name {
            fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
                let words = || Self::ALL.iter().map(|(w, _)| *w);
                let word = scalar(node, &format!("one of {}", suggest::list(&words().collect::<Vec<_>>())), sink)?;
                if let Some((_, value)) = Self::ALL.iter().find(|(w, _)| *w == word) {
                    return Some(Self(*value));
                }
                let message = format!("`{}` is not {}", shorten(word), $noun);
                let help = match synonym(word).filter(|meant| words().any(|w| w == *meant)) {
                    Some(meant) => format!("did you mean `{meant}`? choices: {}", suggest::list(&words().collect::<Vec<_>>())),
                    None => suggest::help(word, "choices", words()),
                };
                sink.report(Code::$code, node.span, message, help);
                None
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.word())
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> { stringify!($name).into() }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "description": concat!($($doc, "\n"),+).trim(),
                    "oneOf": [$({ "const": $word, "description": concat!($($help, "\n"),+).trim() }),+],
                })
            }
        }
    };
}

use crate::scenario::{Arrivals, Goal, Method, SleepPolicy, Tier};

/// What other tools call it.
fn synonym(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    match word.as_str() {
        "energy" => return Some("energy-per-request"),
        "speed" | "fast" | "time" => return Some("latency"),
        "watts" | "watt" => return Some("power"),
        "money" | "price" => return Some("cost"),
        "co2" | "emissions" => return Some("carbon"),
        "quality" => return Some("accuracy"),
        "vote" | "voting" | "self-consistency" | "maj" => return Some("majority"),
        "bon" | "best_of_n" => return Some("best-of-n"),
        "constant" | "fixed" | "regular" => return Some("periodic"),
        "random" | "exponential" => return Some("poisson"),
        "yes" | "true" => return Some("allowed"),
        "no" | "false" => return Some("never"),
        "awq" | "gptq" | "nf4" => return Some("w4"),
        "half" => return Some("w16"),
        _ => {}
    }
    // q4_k_m, int8, fp16, Q8_0: the first number tells the bits.
    let known = ["q", "iq", "int", "fp", "f", "bf", "float", "w", "i"];
    let (kind, rest) = word.split_at(word.find(|c: char| c.is_ascii_digit())?);
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let formats = [("16", "w16"), ("8", "w8"), ("6", "w6"), ("5", "w5"), ("4", "w4"), ("3", "w3"), ("2", "w2"), ("1", "ternary")];
    let format = formats.iter().find(|(bits, _)| *bits == digits)?;
    known.contains(&kind).then_some(format.1)
}

choice! {
    /// How requests arrive.
    Arriving(Arrivals), "a way of arriving", UnknownWord {
        /// Independent users: waiting grows with booked time.
        "poisson" => Arrivals::Poisson,
        /// A control loop or a camera: requests do not collide.
        "periodic" => Arrivals::Periodic,
    }
}

choice! {
    /// What is minimised.
    Objective(Goal), "an objective", UnknownWord {
        /// Least mean power of the whole fleet, sleeping devices included.
        "power" => Goal::Power,
        /// Least energy for one request.
        "energy-per-request" => Goal::EnergyPerRequest,
        /// Least mean of latency over deadline.
        "latency" => Goal::Latency,
        /// Greatest mean accuracy.
        "accuracy" => Goal::Accuracy,
        /// Most right answers per joule.
        "answers-per-joule" => Goal::AnswersPerJoule,
        /// Least cost of a day: electricity at each site's price, rent of what is awake.
        "cost" => Goal::Cost,
        /// Least carbon dioxide of a day.
        "carbon" => Goal::Carbon,
    }
}

choice! {
    /// How several samples become one answer.
    Technique(Method), "a method of test-time scaling", UnknownWord {
        /// One sample.
        "single" => Method::Single,
        /// The most frequent answer of several samples.
        "majority" => Method::Majority,
        /// The sample that a checker accepts.
        "best-of-n" => Method::BestOfN,
    }
}

choice! {
    /// When a device may sleep.
    SleepRule(SleepPolicy), "a sleep rule", UnknownWord {
        /// The planner may put it to sleep while it has no work.
        "allowed" => SleepPolicy::Allowed,
        /// It stays awake.
        "never" => SleepPolicy::Never,
        /// It may also sleep between requests, its memory kept; each request then wakes it and waits for that.
        "between-requests" => SleepPolicy::BetweenRequests,
    }
}

choice! {
    /// How near a device is to who asks.
    Tiered(Tier), "a tier", UnknownWord {
        /// What asks, or stands beside it.
        "device" => Tier::Device,
        /// On the premises.
        "edge" => Tier::Edge,
        /// In a data centre.
        "cloud" => Tier::Cloud,
    }
}

choice! {
    /// Format of weights.
    Weights(WeightFormat), "a weight format", UnknownPrecision {
        /// 16 bits.
        "w16" => WeightFormat::W16,
        /// 8 bits.
        "w8" => WeightFormat::W8,
        /// 6 bits.
        "w6" => WeightFormat::W6,
        /// 5 bits.
        "w5" => WeightFormat::W5,
        /// 4 bits.
        "w4" => WeightFormat::W4,
        /// 3 bits.
        "w3" => WeightFormat::W3,
        /// 2 bits.
        "w2" => WeightFormat::W2,
        /// Three values, 1.58 bits of information.
        "ternary" => WeightFormat::Ternary,
        /// Three values, one of four zero: 1.25 bits of information.
        "sherry" => WeightFormat::Sherry,
    }
}

choice! {
    /// Bits of one element of the KV cache or of the activations that cross a link.
    Bits(u8), "a width", UnknownPrecision {
        /// Half precision.
        "16 bit" => 16,
        /// One byte.
        "8 bit" => 8,
        /// Half a byte; KV cache only.
        "4 bit" => 4,
    }
}
