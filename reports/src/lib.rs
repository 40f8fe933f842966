//! Reports: one self-contained HTML page, and JSON, CSV, Parquet, Markdown and terminal tables, from values.
//!
//! A [`Report`] is filled by the planner or an agent. Nothing is computed here: every number shown is a
//! field of that value, drawn, sorted or formatted, never derived. The page asks the network for nothing.
//! A [`Live`] is a fleet at work, shown in the same manner; that page asks the server that it came from, and nobody else.

mod format;
mod grid;
mod grids;
mod html;
mod json;
mod live;
mod markdown;
mod report;
mod svg;
mod sweep;
mod tables;
mod terminal;
#[doc(hidden)]
pub mod testing;
mod trace;
mod words;

pub use html::html;
pub use json::json;
pub use live::*;
pub use markdown::markdown;
pub use report::*;
pub use sweep::*;
pub use tables::{File, TableError, csv, parquet};
pub use terminal::plan_table;
pub use trace::*;
