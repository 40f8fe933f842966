//! Places one service where it adds least.

use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::better;
use super::chains::Chains;
use crate::search::state::{Change, Row, Score, State};

/// Buffers and disturbance for [`serve`].
#[derive(Debug)]
pub struct Placer {
    chains: Chains,
    change: Change,
    /// Relative disturbance of prices; 0: none.
    noise: f64,
    rng: Xoshiro256PlusPlus,
    /// A device that is not to be used.
    pub closed: Option<u32>,
    /// Chance that a device is looked at; 1: all are.
    pub look: f64,
}

impl Placer {
    #[must_use]
    pub fn new(noise: f64, rng: Xoshiro256PlusPlus) -> Self {
        Placer { chains: Chains::default(), change: Change::default(), noise, rng, closed: None, look: 1.0 }
    }
}

/// Deploys an unserved service at the least added objective that breaks no limit, else where it
/// breaks the least. True: no further limit is broken and, if it must be, the service is served.
pub fn serve(state: &mut State<'_>, s: u32, placer: &mut Placer) -> bool {
    let table = state.table;
    let service = &table.services[s as usize];
    let before = state.score();
    // What is broken besides this service's absence.
    let floor = (before.violation - state.row(s).absence()).max(0.0);
    let mut best: Option<(Score, Row)> = None;
    if service.skip_cost.is_finite() {
        best = Some((before, Row::skipped()));
    }
    state.set_partial(true);
    for (o, option) in service.options.iter().enumerate() {
        let mut row = Row::skipped();
        row.option = o as u32;
        for _ in 0..option.replicas {
            let Some(next) = best_chain(state, s, &row, placer) else {
                row.option = crate::search::state::NONE;
                break;
            };
            row = next;
            put(state, s, &row, &mut placer.change);
        }
        if row.option != crate::search::state::NONE {
            let score = disturbed(state.score(), before.objective, placer);
            if best.as_ref().is_none_or(|(b, _)| better(&score, b)) {
                best = Some((score, row));
            }
        }
        put(state, s, &Row::skipped(), &mut placer.change);
    }
    state.set_partial(false);
    let Some((_, row)) = best else { return false };
    put(state, s, &row, &mut placer.change);
    state.score().violation <= floor + 1e-9
}

fn put(state: &mut State<'_>, s: u32, row: &Row, change: &mut Change) -> bool {
    change.clear();
    change.blank(s).clone_from(row);
    state.apply(change)
}

/// The row with one more chain, the best of all that the generator offers.
fn best_chain(state: &mut State<'_>, s: u32, row: &Row, placer: &mut Placer) -> Option<Row> {
    let base = state.score().objective;
    let option = &state.table.services[s as usize].options[row.option as usize];
    let mut chains = std::mem::take(&mut placer.chains);
    let (closed, look, rng) = (placer.closed, placer.look, &mut placer.rng);
    chains.collect(state, s, option, |d| Some(d) != closed && (look >= 1.0 || rng.random_bool(look)));
    let mut best: Option<(Score, usize, usize)> = None;
    let mut from = 0;
    for &end in &chains.ends {
        placer.change.clear();
        let next = placer.change.blank(s);
        next.clone_from(row);
        next.push_chain(&chains.stages[from..end]);
        if state.apply(&mut placer.change) {
            let score = disturbed(state.score(), base, placer);
            state.undo(&mut placer.change);
            if best.as_ref().is_none_or(|(b, ..)| better(&score, b)) {
                best = Some((score, from, end));
            }
        }
        from = end;
    }
    let found = best.map(|(_, from, end)| {
        let mut next = row.clone();
        next.push_chain(&chains.stages[from..end]);
        next
    });
    placer.chains = chains;
    found
}

fn disturbed(mut score: Score, base: f64, placer: &mut Placer) -> Score {
    if placer.noise > 0.0 {
        let factor = 1.0 + placer.rng.random_range(-placer.noise..placer.noise);
        score.objective = base + (score.objective - base) * factor;
    }
    score
}
