//! Reports: one self-contained HTML page, and JSON, CSV, Parquet, Markdown and terminal tables, from values.
//!
//! A [`Report`] is filled by the planner or an agent. Nothing is computed here: every number shown is a
//! field of that value, drawn, sorted or formatted, never derived. The page asks the network for nothing.

mod report;

pub use report::*;
