//! `--format jsonl`: what happens, as one JSON object a line, at once.
//!
//! Every line has `schema` and `event`; fields are only ever added under one number of the schema.

use serde_json::Value;

/// Of every line.
const SCHEMA: &str = "wattline.event/1";

/// Prints an event with its fields; a value that is no object is left out.
pub(crate) fn print(event: &str, fields: Value) {
    let mut line = serde_json::Map::new();
    line.insert("schema".into(), SCHEMA.into());
    line.insert("event".into(), event.into());
    if let Value::Object(fields) = fields {
        line.extend(fields);
    }
    super::files::print(&format!("{}\n", Value::Object(line)));
}

/// A number that JSON has: none where it is infinite.
pub(crate) fn finite(x: f64) -> Option<f64> {
    x.is_finite().then_some(x)
}
