//! Which pairs of devices share their stages: every set of a scenario's pairs is a table of its own, and the best of their
//! plans is the plan.
//!
//! A table has no word for a stage on two devices, so a pair that shares is one device there
//! ([`build_joined`](crate::physics::build_joined)): it runs shared stages only, and what stands on one of the two alone
//! belongs to a set without the pair. Such a table looks at both memories, and at both devices' heat, as sums. Its bound
//! holds for that reason; whether each device keeps to its own is looked at in the plan found ([`Excess`]), and where one
//! does not, the table is tightened by as much and searched again. The bound of all is the lowest over the sets.
//!
//! Two processors of one device that share a stage are another thing: one more place of that device, in the one table
//! ([`joint`]).
//!
//! Pairs are not used where a service survives a loss: the copy of a shared stage would need four devices.

mod excess;
mod joint;
mod solve;
mod stage;
#[cfg(test)]
pub(crate) mod tests;

pub use excess::{Excess, excess};
pub use joint::{Joint, is_joint, joint, plain};
pub(crate) use solve::exactly;
pub use solve::{Found, Outcome, best, each, models, set_of};
pub use stage::{Halves, Shared, halves, shared, sustained_w};
