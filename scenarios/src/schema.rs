//! The file format for editors: JSON Schema, from the types that read the file.

use crate::file::File;

/// JSON Schema (2020-12) of a scenario file; `scenarios/scenario.schema.json` is the same, for modelines.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(File);
    schema.insert("title".into(), "Wattline scenario".into());
    schema.to_value()
}

#[cfg(test)]
mod tests;
