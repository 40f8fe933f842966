//! Plans with a stage on two processors of one device: the linter's own numbers, and plans that were spoiled.

use protocol::{Certificate, Plan, PlannedStage};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use scenarios::Scenario;

use super::spoiled::{Edit, codes, each_is_refused, partner, stage};
use super::table::random_assignment;
use crate::compose::compose;
use crate::lint::lint;
use crate::pairs::tests::{found, plan};
use crate::physics;
use crate::table::{Violation, evaluate};
use crate::testing::team_scenario;
use profiles::WeightFormat;
use profiles::units::{BytesPerSecond, Seconds};

fn shared(p: &Plan) -> impl Iterator<Item = &PlannedStage> {
    let stages = p.services.iter().flat_map(|v| &v.replicas).flat_map(|r| &r.stages);
    stages.filter(|st| st.partner.as_ref().is_some_and(|p| p.device == st.device))
}

/// Codes of numbers that the linter worked out otherwise; a broken limit is none of them.
const DIFFERS: &[&str] = &[
    "busy",
    "dynamic-energy",
    "memory",
    "dasi",
    "memory-saturation",
    "ttft",
    "tpot",
    "total",
    "resident",
    "booked",
    "dynamic-power",
    "energy",
    "underutilisation",
    "target-value",
    "target-missing",
    "target-unknown",
    "together",
    "pair-heads",
    "throttled",
    "stage-processor",
];

#[test]
fn the_linter_finds_every_number_of_random_assignments_again() {
    let (mut plans, mut stages) = (0, 0);
    for seed in 0..600u64 {
        let s = team_scenario(seed);
        let model = physics::build(&s);
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let Some(a) = random_assignment(&model, &mut rng) else { continue };
        let e = evaluate(&model.table, &a);
        if e.violations.iter().any(|v| matches!(v, Violation::Shape { .. } | Violation::Dynamic { .. })) {
            continue;
        }
        let certificate = Certificate {
            objective: "fleet power".into(),
            unit: "W".into(),
            value: e.power_w,
            bound: 0.0,
            gap: 1.0,
            status: "gap".into(),
        };
        let plan = compose(&s, &model, &a, certificate, 1);
        let verdict = lint(&s, &plan);
        let differ: Vec<_> = verdict.notes.iter().filter(|n| DIFFERS.contains(&n.code)).collect();
        assert!(differ.is_empty(), "seed {seed}\n{verdict}");
        plans += 1;
        stages += shared(&plan).count();
    }
    println!("{plans} plans, {stages} stages on two processors");
    assert!(plans > 200 && stages > 50, "{plans} plans, {stages} shared stages");
}

/// A plan whose first service is one stage on both processors.
fn good() -> (Scenario, Plan) {
    let shared = |seed: u64| {
        let s = team_scenario(seed);
        let (all, outcome) = found(&s, seed);
        all[outcome.best].solution.best.as_ref()?;
        let plan = plan(&s, &all[outcome.best], outcome.bound);
        let first = shared(&plan).next().is_some_and(|st| std::ptr::eq(st, &plan.services[0].replicas[0].stages[0]));
        first.then_some((s, plan))
    };
    (0..60).find_map(shared).expect("some plan shares")
}

const EDITS: &[Edit] = &[
    ("pair-heads", |p| partner(p).kv_heads = 0),
    ("pair-heads", |p| partner(p).kv_heads = 4),
    ("pair-heads", |p| partner(p).kv_heads = 400),
    ("dynamic-energy", |p| partner(p).kv_heads = if partner(p).kv_heads == 1 { 2 } else { 1 }),
    ("stage-device", |p| partner(p).device = "nobody".into()),
    ("stage-processor", |p| partner(p).processor = "npu".into()),
    ("together", |p| {
        let other = partner(p).processor.clone();
        let own = std::mem::replace(&mut stage(p).processor, other);
        partner(p).processor = own;
    }),
    ("processor-twice", |p| {
        let own = stage(p).processor.clone();
        partner(p).processor = own;
    }),
    ("pair-format", |p| p.services[0].precision.weights = WeightFormat::Ternary),
    ("pair-format", |p| stage(p).resident_share = 0.5),
    ("busy", |p| partner(p).busy_s *= 1.01),
    ("busy", |p| stage(p).busy_s *= 0.99),
    ("dynamic-energy", |p| partner(p).dynamic_j *= 0.99),
    ("memory", |p| partner(p).memory_bytes = 1e8),
    ("memory", |p| stage(p).memory_bytes *= 0.9),
    ("dasi", |p| partner(p).dasi *= 1.1),
    ("memory-saturation", |p| partner(p).memory_saturation *= 0.9),
    ("ttft", |p| p.services[0].replicas[0].ttft_s *= 0.98),
    ("energy", |p| p.services[0].expected.energy_j *= 0.98),
    ("total-power", |p| p.totals.power_w *= 0.99),
    ("naps", |p| p.devices[0].mode.as_mut().unwrap().naps = true),
    ("power", |p| p.devices[0].expected.power_w *= 1.01),
    ("booked", |p| p.devices[0].expected.processors[1].booked = 0.0),
    ("busy", |p| stage(p).partner = None),
];

#[test]
fn a_good_plan_passes_and_every_spoiled_one_is_refused() {
    let (s, plan) = good();
    each_is_refused(&s, &plan, EDITS);
}

#[test]
fn what_the_owner_says_counts() {
    let (s, plan) = good();
    let with = |edit: &dyn Fn(&mut scenarios::Together)| {
        let mut s = s.clone();
        s.devices.iter_mut().filter_map(|d| d.together.as_mut()).for_each(edit);
        codes(&s, &plan)
    };
    assert!(with(&|t| t.handshake = Seconds(t.handshake.get() + 1e-3)).contains(&"ttft"));
    assert!(with(&|t| t.memory_rate = Some(BytesPerSecond(1e9))).contains(&"memory-saturation"));
    assert!(with(&|t| t.processors = (1, 0)).contains(&"together"));
    let mut nobody = s.clone();
    nobody.devices.iter_mut().for_each(|d| d.together = None);
    assert!(codes(&nobody, &plan).contains(&"together"));
}
