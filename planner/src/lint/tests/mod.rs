//! The linter objects to every spoiled plan, and to no good one.

mod adapters;
mod experts;
mod gates;
mod mutations;
mod pairs;
mod rich;
mod spoiled;
mod table;
mod together;
mod tried;
