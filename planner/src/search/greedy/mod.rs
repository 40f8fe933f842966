//! First assignments: one service after the other, each where it adds least, knowing every limit.
//!
//! Hardest service first; services that found no room move to the front and all start again.
//! Measured on the yardstick, knowing the limits is worth more than any solver that starts without.

mod chains;
mod hardness;
mod serve;

#[cfg(test)]
mod tests;

pub use serve::{Placer, serve};

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::search::state::{Context, Score, State};
use crate::table::{Assignment, Table};

/// Most restarts after a service found no room.
const TRIES: u32 = 12;

/// Builds an assignment. `variant` 0, 1 and 2 differ in what makes a service hard (all it needs, its
/// time, its deadline) and use no randomness; later variants disturb order and prices by `seed`.
/// Services that fit nowhere are left unserved or break the fewest limits.
#[must_use]
pub fn construct(table: &Table, variant: u32, seed: u64) -> Assignment {
    construct_with(table, &Context::new(table), variant, seed)
}

/// [`construct`] with a context at hand.
#[must_use]
pub fn construct_with(table: &Table, context: &Context, variant: u32, seed: u64) -> Assignment {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ u64::from(variant).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut keys = hardness::keys(table, variant % 3);
    let noise = if variant >= 3 { 0.15 } else { 0.0 };
    if noise > 0.0 {
        keys.iter_mut().for_each(|k| *k *= rng.random_range(0.3..1.7));
    }
    let mut order: Vec<u32> = (0..table.services.len() as u32).collect();
    order.sort_by(|&a, &b| keys[b as usize].total_cmp(&keys[a as usize]));
    let mut placer = Placer::new(noise, rng);
    let mut best: Option<(Score, Assignment)> = None;
    let mut seen: Vec<Vec<u32>> = Vec::new();
    for _ in 0..TRIES {
        let mut state = State::empty(table, context);
        let failed: Vec<u32> = order.iter().copied().filter(|&s| !serve(&mut state, s, &mut placer)).collect();
        let score = state.score();
        if best.as_ref().is_none_or(|(b, _)| better(&score, b)) {
            best = Some((score, state.assignment()));
        }
        if failed.is_empty() || seen.contains(&order) {
            break;
        }
        seen.push(order.clone());
        let rest: Vec<u32> = order.iter().copied().filter(|s| !failed.contains(s)).collect();
        order = failed;
        order.extend(rest);
    }
    best.map_or_else(|| Assignment { services: vec![None; table.services.len()] }, |(_, a)| a)
}

/// Fewer broken limits first, then the objective.
#[must_use]
pub fn better(a: &Score, b: &Score) -> bool {
    if (a.violation - b.violation).abs() > 1e-9 { a.violation < b.violation } else { a.objective < b.objective }
}
