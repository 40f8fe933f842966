use super::*;
use crate::physics;
use crate::physics::work;
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
        let before = evaluate(&model.table, &running).modes;
        let new = (0..before.len()).filter(|&d| usual.evaluation.modes[d].is_some() && before[d].is_none());
        assert_eq!(usual.woken.iter().map(|w| w.device).collect::<Vec<_>>(), new.collect::<Vec<_>>());
        if !usual.moves.is_empty() {
            let joules: f64 = usual.moves.iter().map(|m| m.joules).sum();
            let waking: f64 = usual.woken.iter().map(|w| model.table.watt(w.device) * w.joules).sum::<f64>() / 86_400.0;
            let gain = usual.running - usual.evaluation.objective - model.table.weights.power * joules / 86_400.0 - waking;
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
            let whole = price(&s, (&model, &none), (&model, &wanted), i);
            assert_eq!(price(&s, (&model, &wanted), (&model, &wanted), i).bytes.to_bits(), 0f64.to_bits());
            let part = price(&s, (&model, &running), (&model, &wanted), i);
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

fn plan_of(s: &Scenario, model: &Model, a: &Assignment) -> protocol::Plan {
    let certificate =
        protocol::Certificate { objective: "x".into(), unit: "W".into(), value: 1.0, bound: 0.0, gap: 1.0, status: "gap".into() };
    crate::compose::compose(s, model, a, certificate, 1)
}

/// A device more: what runs is still a plan, and the next one costs no more but for the newcomer's sleep.
#[test]
fn a_device_more_never_hurts() {
    let (mut seen, mut better) = (0, 0);
    for seed in 0..120u64 {
        let mut larger = scenario_of(seed, 3 + seed as usize % 3, 1 + seed as usize % 3);
        larger.objective.goal = scenarios::Goal::Power;
        let last = larger.devices.len() - 1;
        let named = |v: &scenarios::Service| {
            let lists = [&v.pins, &v.forbidden, &v.private_to];
            v.origin == Some(last) || lists.iter().any(|l| l.iter().any(|d| d.value == last))
        };
        if !larger.devices[last].may_sleep || larger.services.iter().any(named) {
            continue;
        }
        let mut smaller = larger.clone();
        crate::whatif::remove_device(&mut smaller, last);
        let before = physics::build(&smaller);
        let Some((a, e)) = search::solve(&before.table, &effort(seed, 0.05), &Silent).best else { continue };
        let model = physics::build(&larger);
        let running = crate::explain::running_of(&larger, &model, &plan_of(&smaller, &before, &a));
        let Some((wanted, _)) = search::improve(&model.table, std::slice::from_ref(&running), &effort(seed, 0.05), &Silent).best
        else {
            panic!("seed {seed}: no plan with a device more")
        };
        let next = replan(&larger, &model, &running, &wanted, &Terms::default());
        let asleep_w = model.table.devices[last].sleep_w;
        let (with, without) = (next.evaluation.objective - asleep_w, e.objective);
        assert!(next.running.is_finite(), "seed {seed}: what runs is no plan any more");
        assert!(with <= without + 1e-9 * without, "seed {seed}: {with} for {without}");
        better += usize::from(with < without * 0.999);
        seen += 1;
    }
    assert!(seen >= 30 && better >= 3, "{better} of {seen} gain");
}

/// Devices in another order: the same services move, for the same price, to the same objective.
#[test]
fn the_order_of_devices_does_not_matter() {
    let (mut seen, mut moved) = (0, 0);
    for (s, model, running, wanted) in pairs() {
        let n = s.devices.len();
        let order: Vec<usize> = (0..n).map(|i| (i + 1) % n).collect();
        let other = crate::testing::reordered(&s, &order);
        let turned = physics::build(&other);
        let there = |a: &Assignment| crate::explain::assignment_of(&other, &turned, &plan_of(&s, &model, a)).expect("fits");
        let terms = Terms { horizon_s: 86_400.0, hysteresis: 0.001 };
        let here = replan(&s, &model, &running, &wanted, &terms);
        let again = replan(&other, &turned, &there(&running), &there(&wanted), &terms);
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
        assert!(near(here.evaluation.objective, again.evaluation.objective) && near(here.running, again.running));
        assert_eq!(here.moves.len(), again.moves.len());
        for (a, b) in here.moves.iter().zip(&again.moves) {
            assert!(a.service == b.service && near(a.bytes, b.bytes) && near(a.joules, b.joules) && near(a.seconds, b.seconds));
        }
        assert_eq!(there(&here.assignment), again.assignment);
        moved += usize::from(!here.moves.is_empty());
        seen += 1;
    }
    assert!(seen >= 30 && moved >= 5, "{moved} of {seen} move");
}

/// A lost device: who ran elsewhere stays, if nobody must make room.
#[test]
fn a_lost_device_moves_its_own_services_alone() {
    let (mut seen, mut only) = (0, 0);
    for (s, model, running, _) in pairs() {
        let on = |a: &Assignment, i: usize, d: usize| {
            let mut stages = a.services[i].iter().flat_map(|x| &x.chains).flat_map(|c| &c.stages);
            stages.any(|st| model.table.places[st.place as usize].device as usize == d)
        };
        let plan = plan_of(&s, &model, &running);
        for d in 0..s.devices.len() {
            let named = |v: &scenarios::Service| v.origin == Some(d) || v.pins.iter().chain(&v.private_to).any(|x| x.value == d);
            let idle = (0..s.services.len()).all(|i| !on(&running, i, d));
            if idle || s.services.iter().any(named) || s.devices.iter().any(|o| o.host == Some(d)) {
                continue;
            }
            let mut smaller = s.clone();
            crate::whatif::remove_device(&mut smaller, d);
            let left = physics::build(&smaller);
            let still = crate::explain::running_of(&smaller, &left, &plan);
            assert!((0..s.services.len()).all(|i| still.services[i].is_none() || !on(&running, i, d)));
            let Some(mended) = repair(&left.table, &still) else { continue };
            let e = evaluate(&left.table, &mended);
            assert!(e.feasible() && e.objective.is_finite());
            let next = replan(&smaller, &left, &still, &mended, &Terms::default());
            assert!(next.running.is_infinite() && next.evaluation.feasible() && next.evaluation.objective.is_finite());
            seen += 1;
            only += usize::from(next.moves.iter().all(|m| still.services[m.service].is_none()));
        }
    }
    assert!(seen >= 20 && only * 10 >= seen * 9, "{only} of {seen} move nothing else");
}

/// A change that saves less in a day than waking its device takes is not made; spread over longer it is.
#[test]
fn waking_must_pay() {
    let mut s = crate::testing::two_boards_and_a_card();
    s.services.truncate(1);
    let model = physics::build(&s);
    let place = |d: u32| {
        let modes = model.table.devices[d as usize].modes.clone();
        let level = |m: u32| model.table.modes[m as usize].booked_cap;
        let mode = modes.max_by(|&a, &b| level(a).total_cmp(&level(b))).unwrap();
        model.table.modes[mode as usize].places.start
    };
    let on = |d: u32| {
        let option = &model.table.services[0].options[0];
        let stage = crate::table::Stage { place: place(d), start: 0, end: option.blocks };
        let chain = crate::table::Chain { stages: vec![stage] };
        Assignment { services: vec![Some(Deployment { option: 0, chains: vec![chain] })] }
    };
    let (card, board) = (on(2), on(0));
    let gain_w = evaluate(&model.table, &card).objective - evaluate(&model.table, &board).objective;
    assert!(gain_w > 0.0, "the board is the thriftier");
    s.devices[0].profile.sleep.wake_energy.value = profiles::units::Joules(2.0 * gain_w * 3600.0);
    let hour = Terms { horizon_s: 3600.0, hysteresis: 0.0 };
    assert!(replan(&s, &model, &card, &board, &hour).moves.is_empty());
    let day = replan(&s, &model, &card, &board, &Terms { hysteresis: 0.0, ..Terms::default() });
    assert_eq!(day.woken, [Woken { device: 0, seconds: 5.0, joules: 2.0 * gain_w * 3600.0 }]);
    assert!(day.moves[0].seconds >= 5.0);
}
