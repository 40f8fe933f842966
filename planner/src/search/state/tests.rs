//! The state against `table::evaluate`, over random changes.

use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Change, Context, Row, State, limit};
use crate::table::{Stage, Table, evaluate};
use crate::testing::{Size, random_table, rich_table};

/// Chains of random stages on random places; often malformed.
fn scramble(table: &Table, s: u32, row: &mut Row, rng: &mut Xoshiro256PlusPlus) {
    let service = &table.services[s as usize];
    if rng.random_bool(0.05) {
        *row = Row::skipped();
        return;
    }
    row.option = rng.random_range(0..service.options.len() as u32);
    row.stages.clear();
    row.ends.clear();
    let option = &service.options[row.option as usize];
    for _ in 0..option.replicas {
        let (mut stages, mut start) = (Vec::new(), 0);
        while start < option.blocks {
            let end = if rng.random_bool(0.5) { option.blocks } else { rng.random_range(start + 1..=option.blocks) };
            stages.push(Stage { place: rng.random_range(0..table.places.len() as u32), start, end });
            start = end;
        }
        row.push_chain(&stages);
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

/// The state's sums are those of `table::evaluate`.
fn agrees(state: &State<'_>) -> Result<(), TestCaseError> {
    let assignment = state.assignment();
    let e = evaluate(state.table, &assignment);
    let score = state.score();
    for (mine, theirs) in score.values.iter().zip([e.power_w, e.latency, e.inaccuracy, e.underuse]) {
        prop_assert!(close(*mine, theirs), "{mine} against {theirs}");
    }
    let unserved = assignment.services.iter().filter(|d| d.is_none()).count() as f64;
    if unserved == 0.0 {
        prop_assert!(close(score.objective, e.objective), "{} against {}", score.objective, e.objective);
        prop_assert_eq!(score.feasible(), e.feasible());
    }
    let violation = limit::amount(&e) + unserved * limit::Excess::UNSERVED.amount;
    prop_assert!(close(score.violation, violation), "{} against {violation}", score.violation);
    for d in 0..state.table.devices.len() as u32 {
        prop_assert_eq!(state.awake(d), e.modes[d as usize].is_some());
        prop_assert!(close(state.dynamic_w(d), e.dynamic_w[d as usize]));
        prop_assert_eq!(state.uses(d) as usize, state.on(d).len());
        prop_assert_eq!(state.uses(d) > 0, state.used().contains(&d));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Applied, refused and undone changes leave what `table::evaluate` says of the assignment.
    #[test]
    fn equals_the_definition(seed in 0u64..10_000) {
        let table = if seed.is_multiple_of(2) { random_table(seed, Size::SMALL) } else { rich_table(seed, Size::SMALL) };
        let context = Context::new(&table);
        let mut state = State::empty(&table, &context);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut change = Change::default();
        let mut applied = 0;
        for _ in 0..150 {
            let (before, rows) = (state.score(), state.assignment());
            change.clear();
            for s in 0..state.services() {
                if rng.random_bool(0.4) {
                    scramble(&table, s, change.edit(&state, s), &mut rng);
                }
            }
            let ok = state.apply(&mut change);
            if ok && rng.random_bool(0.5) {
                applied += 1;
                agrees(&state)?;
                continue;
            }
            if ok {
                state.undo(&mut change);
            }
            // Bit for bit, not merely close.
            prop_assert_eq!(before, state.score());
            prop_assert_eq!(rows, state.assignment());
        }
        agrees(&state)?;
        prop_assert!(applied > 0 || table.services.len() > 1);
    }

    /// What the state accepts, the definition calls well-formed; what it refuses, malformed.
    #[test]
    fn refuses_what_is_malformed(seed in 0u64..10_000) {
        let table = random_table(seed, Size::SMALL);
        let context = Context::new(&table);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut change = Change::default();
        for _ in 0..100 {
            let mut state = State::empty(&table, &context);
            change.clear();
            let mut assignment = state.assignment();
            for s in 0..state.services() {
                let row = change.blank(s);
                scramble(&table, s, row, &mut rng);
                assignment.services[s as usize] = row.write();
            }
            let malformed = evaluate(&table, &assignment).violations.iter().any(|v| {
                matches!(v, crate::table::Violation::Shape { .. } | crate::table::Violation::Unreachable { .. })
            });
            prop_assert_eq!(state.apply(&mut change), !malformed);
        }
    }
}

/// Thousands of accepted moves later the sums are still right.
#[test]
fn rounding_does_not_pile_up() {
    let table = random_table(7, Size::MEDIUM);
    let context = Context::new(&table);
    let mut state = State::empty(&table, &context);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut change = Change::default();
    let mut applied = 0;
    for _ in 0..200_000 {
        change.clear();
        let s = rng.random_range(0..state.services());
        scramble(&table, s, change.edit(&state, s), &mut rng);
        applied += u32::from(state.apply(&mut change));
    }
    assert!(applied > super::RESUM, "{applied} moves applied");
    agrees(&state).unwrap();
}
