use super::*;
use crate::physics::{build, thermal::Body};
use crate::table::{Chain, Deployment, Stage, Table};
use crate::testing::{one_board, small_scenario, two_boards_and_a_card};
use profiles::Quality;
use profiles::units::{Seconds, Watts};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use scenarios::{At, Said};

fn certificate() -> Certificate {
    Certificate { objective: "fleet power".into(), unit: "W".into(), value: 1.0, bound: 1.0, gap: 0.0, status: "optimal".into() }
}

fn one_stage(table: &Table, place: u32) -> Assignment {
    let services = table.services.iter().map(|s| {
        let stages = vec![Stage { place, start: 0, end: s.options[0].blocks }];
        Some(Deployment { option: 0, chains: vec![Chain { stages }] })
    });
    Assignment { services: services.collect() }
}

/// Some assignment, limits not considered: each device in one mode, each chain cut at random.
fn some_assignment(table: &Table, seed: u64) -> Assignment {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let modes: Vec<u32> = table.devices.iter().map(|d| rng.random_range(d.modes.clone())).collect();
    let places: Vec<u32> = modes.iter().flat_map(|&m| table.modes[m as usize].places.clone()).collect();
    let services = table.services.iter().map(|s| {
        let option = rng.random_range(0..s.options.len().max(1));
        let o = s.options.get(option)?;
        let mut free: Vec<u32> = places.iter().copied().filter(|&p| o.at[p as usize].is_some()).collect();
        let mut chains = Vec::new();
        for _ in 0..o.replicas {
            let most = o.max_stages.min(o.blocks).min(free.len() as u32);
            let count = if most == 0 { return None } else { rng.random_range(1..=most) };
            let mut cuts: Vec<u32> = (0..count - 1).map(|_| rng.random_range(1..o.blocks)).collect();
            cuts.extend([0, o.blocks]);
            cuts.sort_unstable();
            cuts.dedup();
            let stages = cuts.windows(2).map(|w| {
                let place = free.swap_remove(rng.random_range(0..free.len()));
                Stage { place, start: w[0], end: w[1] }
            });
            chains.push(Chain { stages: stages.collect() });
        }
        Some(Deployment { option: option as u32, chains })
    });
    Assignment { services: services.collect() }
}

#[test]
fn one_board_by_hand() {
    let s = one_board();
    let m = build(&s);
    let plan = compose(&s, &m, &one_stage(&m.table, 2), certificate(), 7);
    assert_eq!(plan.schema, SCHEMA);
    assert_eq!((plan.fleet.as_str(), plan.generation, plan.seed), ("one-board", 1, 7));
    let d = &plan.devices[0];
    let mode = d.mode.as_ref().unwrap();
    assert_eq!((mode.id.as_str(), mode.throttled), ("default", false));
    assert!((mode.booked_cap - 0.7).abs() < 1e-12);
    // T = 25 + 4 P, P = 3 + dynamic + 0.3 exp((T - 25) / 30).
    let e = &d.expected;
    assert!((e.temperature_c - (25.0 + 4.0 * e.power_w)).abs() < 1e-6);
    assert!((e.power_w - (3.0 + e.dynamic_w + 0.3 * ((e.temperature_c - 25.0) / 30.0).exp())).abs() < 1e-9);
    assert!((e.phi - (3.0 + e.dynamic_w) / e.power_w).abs() < 1e-12);
    let service = &plan.services[0];
    let stage = &service.replicas[0].stages[0];
    assert_eq!((stage.device.as_str(), stage.processor.as_str(), stage.start, stage.end), ("pi", "cpu", 0, 6));
    assert!((e.dynamic_w - 0.02 * stage.dynamic_j).abs() < 1e-12);
    assert!((e.processors[0].booked - 0.02 * stage.busy_s).abs() < 1e-12);
    assert!((e.pools[0].resident_bytes - stage.memory_bytes).abs() < 1e-6);
    assert!(stage.dasi > 0.0 && stage.memory_saturation > stage.dasi, "decode waits for memory");
    let x = &service.expected;
    assert!((x.service_s - stage.busy_s).abs() < 1e-12);
    assert!((x.energy_j - (stage.dynamic_j + (3.0 + e.leakage_w) * stage.busy_s)).abs() < 1e-9);
    assert_eq!((x.accuracy, x.benchmark.as_deref()), (Some(0.55), Some("gsm8k")));
    let t = &plan.totals;
    assert!((t.power_w - e.power_w).abs() < 1e-12);
    assert!((t.energy_per_request_j - t.power_w / 0.02).abs() < 1e-9);
    assert!((t.answering_power_w - x.energy_j / x.service_s).abs() < 1e-9);
    assert!((t.ipw.unwrap() - 0.55 / t.answering_power_w).abs() < 1e-12);
    assert!((t.answers_per_kj.unwrap() - 1000.0 * 0.02 * 0.55 / t.power_w).abs() < 1e-9);
    let names: Vec<&str> = service.targets.iter().map(|t| t.what.as_str()).collect();
    assert_eq!(names, ["total p90", "accuracy gsm8k"]);
    assert_eq!(service.targets[1].line, 15);
    assert!(service.targets.iter().all(|t| t.margin > 0.0));
    assert_eq!(plan.sources.worst, Quality::Assumed);
    assert!(plan.sources.measured > 5 && plan.sources.assumed > 3, "{:?}", plan.sources);
    assert!(plan.sources.assumptions[0].starts_with("test-board: "), "{:?}", plan.sources.assumptions);
}

#[test]
fn a_plan_is_named_by_its_bytes_and_knows_its_parent() {
    let s = two_boards_and_a_card();
    let m = build(&s);
    let a = compose(&s, &m, &one_stage(&m.table, 0), certificate(), 1);
    let b = compose(&s, &m, &one_stage(&m.table, 1), certificate(), 1);
    assert_eq!(a.id.len(), 64);
    assert_ne!(a.id, b.id);
    assert_eq!(seal(a.clone()).id, a.id);
    let next = succeed(b.clone(), &a);
    assert_eq!((next.parent.as_deref(), next.generation), (Some(a.id.as_str()), 2));
    assert_ne!(next.id, b.id);
    let asleep = a.devices.iter().filter(|d| !d.awake).count();
    assert_eq!(asleep, 2);
    let read: Plan = serde_json::from_slice(&canonical::bytes(&a).unwrap()).unwrap();
    assert_eq!(read, a);
}

#[test]
fn missed_demands_show() {
    let mut s = one_board();
    let at = At { line: 42, column: 1 };
    s.services[0].deadline.total = Some(Said { value: Seconds(1e-6), at });
    s.limits.power = Some(Said { value: Watts(0.1), at });
    let m = build(&s);
    let plan = compose(&s, &m, &one_stage(&m.table, 0), certificate(), 1);
    assert!(plan.services[0].targets[0].margin < -1.0);
    assert!(plan.totals.targets[0].what == "power" && plan.totals.targets[0].margin < -1.0 && plan.totals.targets[0].line == 42);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn numbers_agree_with_the_table_and_add_up(seed in 0u64..1_000_000) {
        let s = small_scenario(seed);
        let m = build(&s);
        let a = some_assignment(&m.table, seed);
        let e = evaluate(&m.table, &a);
        let plan = compose(&s, &m, &a, certificate(), seed);
        // Stages worked out again are the table's.
        for (i, d) in a.services.iter().enumerate() {
            let Some(d) = d else { continue };
            let name = &s.services[i].name;
            let planned = plan.services.iter().find(|p| &p.name == name).unwrap();
            let option = &m.table.services[i].options[d.option as usize];
            for (chain, replica) in d.chains.iter().zip(&planned.replicas) {
                for (st, got) in chain.stages.iter().zip(&replica.stages) {
                    let cost = option.at[st.place as usize].as_ref().unwrap().stage(st.start, st.end);
                    prop_assert!((cost.busy_s - got.busy_s).abs() <= 1e-9 * cost.busy_s, "{} {}", cost.busy_s, got.busy_s);
                    prop_assert!((cost.dynamic_j - got.dynamic_j).abs() <= 1e-9 * cost.dynamic_j.max(1e-12));
                    prop_assert!((0.0..=1.0).contains(&got.dasi) && (0.0..=1.0).contains(&got.memory_saturation));
                }
            }
        }
        // Energy over any window: every device's standing power once, what requests spend, what links spend.
        let standing: f64 = plan.devices.iter().map(|d| d.expected.power_w - d.expected.dynamic_w).sum();
        let spent: f64 = plan.services.iter().flat_map(|p| p.replicas.iter().map(move |r| (p, r)))
            .map(|(p, r)| p.rate_hz * r.share * r.stages.iter().map(|st| st.dynamic_j).sum::<f64>()).sum();
        let total = standing + spent + e.network_w;
        prop_assert!((total - plan.totals.power_w).abs() <= 1e-9 * total, "{total} {}", plan.totals.power_w);
        // The table's power is below the true power, and near it, where devices keep their thermal limits.
        let cool = plan.devices.iter().zip(&s.devices).zip(&e.modes).all(|((d, wanted), mode)| {
            mode.is_none_or(|mode| d.expected.dynamic_w <= m.table.modes[mode as usize].dynamic_cap_w
                && Body::of(&wanted.profile.thermal, wanted.ambient).steady_c(0.0, 0.0).is_some())
        });
        if cool {
            prop_assert!(e.power_w <= plan.totals.power_w * (1.0 + 1e-9));
            prop_assert!(e.power_w >= plan.totals.power_w * (1.0 - 3e-3), "{} {}", e.power_w, plan.totals.power_w);
            for d in plan.devices.iter().filter(|d| d.awake) {
                prop_assert!(d.expected.temperature_c <= d.expected.throttle_c + 1e-6);
                prop_assert!(d.expected.phi > 0.0 && d.expected.phi <= 1.0);
            }
        }
        prop_assert_eq!(seal(plan.clone()).id, plan.id);
    }
}
