//! What needs whole models: real files where they have been fetched, tiny ones made here otherwise.

mod evaluation;
mod fuzz;
mod memory;
mod models;
mod peer;
mod tokens;
