//! YAML text to a tree of nodes that know their place. Knows nothing of scenarios.

mod node;
mod parse;

pub(crate) use node::{Node, Value};
pub(crate) use parse::parse;
