//! JSON Schemas, generated from the types that read and write the files.

use super::args::{Document, Schema};
use super::exit::{Exit, Failure, Outcome};

pub(crate) fn run(args: &Schema) -> Outcome {
    let schema = match args.of {
        Document::Scenario => scenarios::schema(),
        Document::Plan => schemars::schema_for!(protocol::Plan).to_value(),
        Document::Device => schemars::schema_for!(profiles::DeviceProfile).to_value(),
        Document::Model => schemars::schema_for!(profiles::ModelProfile).to_value(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(Failure::bug)?;
    super::files::print(&format!("{text}\n"));
    Ok(Exit::Done)
}
