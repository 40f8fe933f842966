//! Prices: a number, a currency, and what it is for.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::shape::{Read, shorten};
use super::words::scalar;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::scenario::Money;
use crate::yaml::Node;

/// Dearest price that is believed.
const MOST: f64 = 1e9;

/// Reads `0.30 EUR/kWh` where `per` is `/kWh`.
fn money(node: &Node, per: &'static str, example: &'static str, sink: &mut Sink) -> Option<Money> {
    let word = scalar(node, &format!("a price such as `{example}`"), sink)?;
    let text = word.trim();
    let split =
        text.find(|c: char| c.is_ascii_alphabetic() || c.is_whitespace() || c == '/' || !c.is_ascii()).unwrap_or(text.len());
    let (number, unit) = (text[..split].trim(), text[split..].trim());
    let Ok(amount) = number.parse::<f64>() else {
        let message = format!("`{}` is not a price", shorten(word));
        sink.report(Code::NotANumber, node.span, message, format!("write a number, a currency and `{per}`: `{example}`"));
        return None;
    };
    if !(0.0..=MOST).contains(&amount) {
        let message = format!("`{}` is out of range for a price", shorten(word));
        sink.report(Code::OutOfRange, node.span, message, "write a number from 0 to 1e9");
        return None;
    }
    if unit.is_empty() {
        let message = format!("`{}` has no unit", shorten(word));
        sink.report(Code::NoUnit, node.span, message, format!("write the currency and what it is for: `{example}`"));
        return None;
    }
    let currency = unit.strip_suffix(per).map(str::trim).filter(|c| c.len() == 3 && c.chars().all(|l| l.is_ascii_uppercase()));
    let Some(currency) = currency else {
        let message = format!("`{}` is not a price here", shorten(word));
        let help = format!("write three letters of a currency and `{per}`: `{example}`");
        sink.report(Code::UnknownUnit, node.span, message, help);
        return None;
    };
    Some(Money { amount, currency: currency.to_owned() })
}

macro_rules! price {
    ($(#[doc = $doc:literal])+ $name:ident, $per:literal, $example:literal) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name(pub Money);

        impl Read for $name {
            fn read(node: &Node, sink: &mut Sink) -> Option<Self> {
                money(node, $per, $example, sink).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&format!(concat!("{} {}", $per), self.0.amount, self.0.currency))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": concat!("price with its currency, for example `", $example, "`"),
                    "pattern": concat!("^[0-9.]+ *[A-Z]{3}", $per, "$"),
                    "examples": [$example],
                })
            }
        }
    };
}

price! {
    /// Price of electricity.
    EnergyPrice, "/kWh", "0.30 EUR/kWh"
}
price! {
    /// Price of an hour.
    HourPrice, "/h", "1.20 EUR/h"
}
price! {
    /// Spending of a day.
    DayPrice, "/day", "2 EUR/day"
}
