//! The moves, one file each. A move proposes new rows for the services that it touches; the state
//! says whether they are well-formed and what they gain.

mod boundary;
mod eject;
mod merge;
mod mode;
mod option;
mod pick;
mod relocate;
mod replica;
mod sleep;
mod split;
mod stage;
mod swap;
mod wake;

#[cfg(test)]
mod tests;

use rand_xoshiro::Xoshiro256PlusPlus;

use crate::search::state::{Change, State};

/// A way to change an assignment.
pub(super) trait Move: Sync {
    /// What a failing test calls it.
    #[allow(dead_code, reason = "read by tests")]
    fn name(&self) -> &'static str;

    /// Writes a proposal that starts from a service into an empty change. False: the move does not
    /// apply there. A proposal may still be malformed; applying it decides.
    fn propose(&self, state: &State<'_>, service: u32, rng: &mut Xoshiro256PlusPlus, change: &mut Change) -> bool;
}

/// All moves.
pub(super) static MOVES: [&dyn Move; 12] = [
    &option::ChangeOption,
    &boundary::ShiftBoundary,
    &swap::SwapPlaces,
    &stage::MoveStage,
    &split::AddStage,
    &merge::DropStage,
    &relocate::RelocateChain,
    &replica::MoveReplica,
    &wake::WakeDevice,
    &sleep::SleepDevice,
    &mode::ChangeMode,
    &eject::EjectionChain,
];
