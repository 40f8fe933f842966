use super::*;
use crate::physics;
use crate::search::{self, Effort, Silent};
use crate::testing::scenario_of;

fn effort(seed: u64, seconds: f64) -> Effort {
    Effort { seed, front: 0, ..Effort::for_seconds(seconds) }
}

/// Pairs of a scenario's plans, the first from greedy rules alone.
fn pairs() -> impl Iterator<Item = (Scenario, Model, Assignment, Assignment)> {
    (0..120u64).filter_map(|seed| {
        let s = scenario_of(seed, 3 + seed as usize % 3, 2 + seed as usize % 2);
        let model = physics::build(&s);
        let running = search::greedy::construct(&model.table, 0, seed);
        let running = evaluate(&model.table, &running).feasible().then_some(running)?;
        let (wanted, _) = search::improve(&model.table, std::slice::from_ref(&running), &effort(seed, 0.05), &Silent).best?;
        Some((s, model, running, wanted))
    })
}

/// Free and eager: the best mix is as good as the plan found. Dear: nothing moves. In between never worse than staying.
#[test]
fn moves_are_made_only_when_they_pay() {
    let (mut moved, mut cases) = (0, 0);
    for (s, model, running, wanted) in pairs() {
        let found = evaluate(&model.table, &wanted).objective;
        let eager = replan(&s, &model, &running, &wanted, &Terms { horizon_s: 1e15, hysteresis: 0.0 });
        assert!(eager.evaluation.feasible() && eager.evaluation.objective <= found + 1e-6 * found.abs());
        let dear = replan(&s, &model, &running, &wanted, &Terms { horizon_s: 1e15, hysteresis: 0.999 });
        assert!(dear.moves.is_empty() && dear.assignment == running);
        let usual = replan(&s, &model, &running, &wanted, &Terms::default());
        assert!(usual.evaluation.feasible() && usual.evaluation.objective <= usual.running + 1e-9 * usual.running.abs());
        let changed: Vec<usize> =
            (0..running.services.len()).filter(|&i| usual.assignment.services[i] != running.services[i]).collect();
        assert_eq!(changed, usual.moves.iter().map(|m| m.service).collect::<Vec<_>>());
        if !usual.moves.is_empty() {
            let joules: f64 = usual.moves.iter().map(|m| m.joules).sum();
            let gain = usual.running - usual.evaluation.objective - model.table.weights.power * joules / 86_400.0;
            assert!(gain >= 0.005 * usual.running.abs() - 1e-9, "{gain}");
            moved += 1;
        }
        cases += 1;
    }
    assert!(cases >= 30 && moved >= 5, "{moved} of {cases} move");
}

/// Replanning what was just replanned changes nothing.
#[test]
fn a_second_time_nothing_moves() {
    for (s, model, running, wanted) in pairs().take(30) {
        let first = replan(&s, &model, &running, &wanted, &Terms::default());
        let again = replan(&s, &model, &first.assignment, &wanted, &Terms::default());
        assert!(again.moves.is_empty() && again.assignment == first.assignment);
    }
}

/// A running plan that breaks limits is left, whatever the hysteresis.
#[test]
fn what_breaks_limits_moves() {
    let mut seen = 0;
    for (s, mut model, running, wanted) in pairs() {
        let on = |a: &Assignment, d: u32| {
            let mut stages = a.services.iter().flatten().flat_map(|x| &x.chains).flat_map(|c| &c.stages);
            stages.any(|st| model.table.places[st.place as usize].device == d)
        };
        let Some(d) = (0..model.table.devices.len() as u32).find(|&d| on(&running, d) && !on(&wanted, d)) else { continue };
        model.table.pools.iter_mut().filter(|p| p.device == d).for_each(|p| p.capacity_bytes = 0.0);
        let next = replan(&s, &model, &running, &wanted, &Terms { horizon_s: 1.0, hysteresis: 0.999 });
        assert!(next.running.is_infinite() && next.evaluation.feasible() && !next.moves.is_empty());
        seen += 1;
    }
    assert!(seen >= 3, "{seen}");
}

/// What a device holds already is not sent again; the rest is, once a device.
#[test]
fn bytes_are_the_weights_that_are_new() {
    let mut seen = 0;
    for (s, model, running, wanted) in pairs() {
        for i in 0..s.services.len() {
            let none = Assignment { services: vec![None; s.services.len()] };
            let whole = price(&s, &model, &none, &wanted, i);
            assert_eq!(price(&s, &model, &wanted, &wanted, i).bytes.to_bits(), 0f64.to_bits());
            let part = price(&s, &model, &running, &wanted, i);
            assert!(part.bytes <= whole.bytes && whole.bytes > 0.0);
            let next = wanted.services[i].as_ref().expect("served");
            let label = &model.labels[model.table.services[i].options[next.option as usize].label as usize];
            let blocks = s.services[i].models[label.model].value.chain();
            let own: f64 = blocks.map(|b| work::weight_bytes(b, label.precision) * label.resident_share).sum();
            let devices: std::collections::BTreeSet<u32> =
                next.chains.iter().flat_map(|c| &c.stages).map(|st| model.table.places[st.place as usize].device).collect();
            // Chains are on devices of their own; stages of one chain share no block.
            let copies = next.chains.len() as f64;
            assert!((whole.bytes - copies * own).abs() <= 1e-9 * own.max(1.0), "{devices:?}: {} for {own}", whole.bytes);
            seen += usize::from(part.bytes < whole.bytes);
        }
    }
    assert!(seen >= 5, "{seen}");
}
