//! What if: changes to a scenario said in a few words, and the improvements that would help most.
//!
//! ```text
//! --set orin-a.power_cap=25W   --set chat.deadline.ttft=1200ms   --drop pi5-1   --add orin-nano-8gb-super:spare
//! ```
//!
//! [`apply`] checks and applies all changes in the order set, drop, add and reports every mistake at
//! once. The scenario that comes out is as valid as the one that went in; its digest says that it is
//! no file's.

mod error;
mod fleet;
mod improve;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use fleet::{drop_service, remove_device};

pub(crate) use error::nearest;
pub use error::{ChangeError, ChangeErrors};
pub use improve::{Improvement, improvements};

use scenarios::Scenario;

/// Applies `--set`, `--drop` and `--add` arguments to a copy of a scenario.
///
/// # Errors
/// Every change that could not be applied, with the nearest valid name.
pub fn apply(scenario: &Scenario, set: &[String], drop: &[String], add: &[String]) -> Result<Scenario, ChangeErrors> {
    let mut changed = scenario.clone();
    let mut errors = Vec::new();
    errors.extend(set.iter().filter_map(|text| set::set(&mut changed, text).err()));
    errors.extend(drop.iter().filter_map(|name| fleet::drop(&mut changed, name).err()));
    errors.extend(add.iter().filter_map(|text| fleet::add(&mut changed, text).err()));
    if !errors.is_empty() {
        return Err(ChangeErrors(errors));
    }
    let said = [set.join("\n"), drop.join("\n"), add.join("\n")].join("\n\n");
    changed.digest = protocol::canonical::digest(format!("{}\n{said}", scenario.digest).as_bytes());
    Ok(changed)
}
