//! Fixtures: hand-made profiles with round numbers, random valid scenarios made from them, and
//! random cost tables for the search, with no physics in them.
//!
//! For the tests of every layer above `profiles`. Public so that other crates' tests can reuse it,
//! hidden because it is no part of what the planner promises. Nothing here is a real device.

mod adapters;
mod device;
mod experts;
mod fleet;
mod gates;
mod model;
mod pair;
mod random;
mod rich;
mod scenario;
mod shares;
mod tables;
mod team;
mod yardstick;

pub use adapters::adapted_scenario;
pub use device::{board, card, sourced, workstation};
pub use experts::mixture_scenario;
pub use fleet::fleet_instance;
pub use gates::gated_scenario;
pub use model::{classifier, experts, looped, precision, speech, tiny_llm};
pub use pair::pair_scenario;
pub use random::{scenario_of, small_scenario};
pub use rich::{rich_scenario, rich_table};
pub use scenario::{device_of, link_rates, one_board, reordered, service_of, site_of, two_boards_and_a_card};
pub use shares::with_shares;
pub use tables::{Size, random_table};
pub use team::team_scenario;
pub use yardstick::{instance_json, random_instance};
