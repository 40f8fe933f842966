//! Every move, on random tables: what the state says it gains is what `table::evaluate` says.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::MOVES;
use crate::search::greedy;
use crate::search::state::{Change, Context, State};
use crate::table::{Violation, evaluate};
use crate::testing::{Size, random_table};

#[test]
fn gains_equal_full_evaluation() {
    let mut applied = vec![0u32; MOVES.len()];
    for seed in 0..60 {
        let table = random_table(seed, if seed % 3 == 0 { Size::MEDIUM } else { Size::SMALL });
        let context = Context::new(&table);
        let (mut state, _) = State::load(&table, &context, &greedy::construct(&table, 0, 0));
        if state.assignment().services.iter().any(Option::is_none) {
            continue;
        }
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut change = Change::default();
        for _ in 0..600 {
            let kind = rng.random_range(0..MOVES.len());
            let s = rng.random_range(0..state.services());
            let before = (state.score(), evaluate(&table, &state.assignment()));
            change.clear();
            if !MOVES[kind].propose(&state, s, &mut rng, &mut change) || !state.apply(&mut change) {
                assert_eq!(state.score(), before.0);
                continue;
            }
            applied[kind] += 1;
            let after = evaluate(&table, &state.assignment());
            let gain = before.0.objective - state.score().objective;
            let full = before.1.objective - after.objective;
            assert!(
                (gain - full).abs() <= 1e-9 * after.objective.abs().max(1.0),
                "{}: {gain} against {full}",
                MOVES[kind].name()
            );
            assert!(!after.violations.iter().any(|v| matches!(v, Violation::Shape { .. } | Violation::Unreachable { .. })));
            assert_eq!(after.feasible(), state.score().feasible());
            if rng.random_bool(0.5) {
                state.undo(&mut change);
                assert_eq!(state.score(), before.0);
            }
        }
    }
    for (kind, n) in applied.iter().enumerate() {
        assert!(*n > 20, "{} applied {n} times", MOVES[kind].name());
    }
}

/// Unserved services are served by moves alone.
#[test]
fn moves_serve_the_unserved() {
    let table = random_table(11, Size::MEDIUM);
    let context = Context::new(&table);
    let mut state = State::empty(&table, &context);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let mut change = Change::default();
    for _ in 0..20_000 {
        let before = state.score().violation;
        change.clear();
        let (kind, s) = (rng.random_range(0..MOVES.len()), rng.random_range(0..state.services()));
        if MOVES[kind].propose(&state, s, &mut rng, &mut change) && state.apply(&mut change) && state.score().violation > before {
            state.undo(&mut change);
        }
    }
    assert!(state.assignment().services.iter().all(Option::is_some));
}
