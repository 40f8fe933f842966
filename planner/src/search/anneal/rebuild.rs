//! Ruin and recreate: all services on one device, or a few services, leave together and are placed
//! anew one after the other as the greedy construction does, often with that device closed. It makes
//! in one step what single moves reach over high hills only (Schrimpf et al. 2000).

use rand::Rng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::search::greedy::{Placer, serve};
use crate::search::state::{Change, Row, State};

/// Most services torn out at once.
const MOST: usize = 5;
/// Devices looked at for one service, on average.
const LOOK: f64 = 20.0;
/// Share of rebuildings that close the device.
const CLOSE: f64 = 0.6;
/// Disturbance of prices while placing.
const NOISE: f64 = 0.1;

/// Buffers of a rebuilding, and what it replaced.
#[derive(Debug)]
pub(super) struct Rebuild {
    placer: Placer,
    change: Change,
    pub services: Vec<u32>,
    old: Vec<Row>,
}

impl Rebuild {
    pub(super) fn new(seed: u64) -> Self {
        use rand::SeedableRng;
        let placer = Placer::new(NOISE, Xoshiro256PlusPlus::seed_from_u64(seed));
        Rebuild { placer, change: Change::default(), services: Vec::new(), old: Vec::new() }
    }

    /// Tears out and places anew. False: nothing to tear out.
    pub(super) fn apply(&mut self, state: &mut State<'_>, rng: &mut Xoshiro256PlusPlus) -> bool {
        let s = rng.random_range(0..state.services());
        let stages = &state.row(s).stages;
        self.services.clear();
        self.services.push(s);
        self.placer.closed = None;
        if !stages.is_empty() {
            let place = stages[rng.random_range(0..stages.len() as u32) as usize].place;
            let device = state.table.places[place as usize].device;
            for &o in state.on(device) {
                if !self.services.contains(&o) && self.services.len() < MOST {
                    self.services.push(o);
                }
            }
            if rng.random_bool(CLOSE) {
                self.placer.closed = Some(device);
            }
        }
        if self.services.len() < 2 && state.services() > 1 {
            let other = rng.random_range(0..state.services());
            if other != s {
                self.services.push(other);
            }
        }
        self.services.shuffle(rng);
        self.placer.look = (LOOK / state.table.devices.len() as f64).min(1.0);
        self.change.clear();
        self.old.resize(self.services.len(), Row::default());
        for (row, &s) in self.old.iter_mut().zip(&self.services) {
            row.clone_from(state.row(s));
            self.change.blank(s);
        }
        if !state.apply(&mut self.change) {
            return false;
        }
        for &s in &self.services {
            serve(state, s, &mut self.placer);
        }
        true
    }

    /// Puts back what the last rebuilding replaced.
    pub(super) fn undo(&mut self, state: &mut State<'_>) {
        self.change.clear();
        for (row, &s) in self.old.iter().zip(&self.services) {
            self.change.blank(s).clone_from(row);
        }
        let back = state.apply(&mut self.change);
        debug_assert!(back, "what was there fits");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::greedy;
    use crate::search::state::Context;
    use crate::table::{Violation, evaluate};
    use crate::testing::{Size, random_table};
    use rand::SeedableRng;

    #[test]
    fn well_formed_and_undone() {
        for seed in 0..30 {
            let table = random_table(seed, Size::MEDIUM);
            let context = Context::new(&table);
            let (mut state, _) = State::load(&table, &context, &greedy::construct(&table, 0, 0));
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let mut rebuild = Rebuild::new(seed);
            for _ in 0..20 {
                let (before, score) = (state.assignment(), state.score());
                assert!(rebuild.apply(&mut state, &mut rng));
                let e = evaluate(&table, &state.assignment());
                assert!(!e.violations.iter().any(|v| matches!(v, Violation::Shape { .. } | Violation::Unreachable { .. })));
                if rng.random_bool(0.5) {
                    rebuild.undo(&mut state);
                    assert_eq!(state.assignment(), before);
                    assert!((state.score().objective - score.objective).abs() <= 1e-9 * score.objective);
                }
            }
        }
    }
}
