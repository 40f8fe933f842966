//! Plans with a stage on two devices, spoiled.

use protocol::Plan;
use scenarios::Scenario;

use super::spoiled::{Edit, codes, each_is_refused, partner, stage};
use crate::pairs::{best, each, tests::plan};
use crate::search::{Effort, Silent};
use crate::testing::pair_scenario;
use profiles::WeightFormat;
use profiles::units::Seconds;

/// A plan whose first service is one stage on both boards.
fn good() -> (Scenario, Plan) {
    let shared = |seed: u64| {
        let s = pair_scenario(seed);
        let all = each(&s, &Effort { front: 0, ..Effort::for_seconds(2.0) }, &Silent, &|_| Vec::new());
        let outcome = best(&all);
        if outcome.best == 0 {
            return None;
        }
        let plan = plan(&s, &all[outcome.best], outcome.bound);
        let first = plan.services[0].replicas[0].stages[0].partner.is_some();
        first.then_some((s, plan))
    };
    (0..60).find_map(shared).expect("some plan shares")
}

const EDITS: &[Edit] = &[
    ("pair-heads", |p| partner(p).kv_heads = 0),
    ("pair-heads", |p| partner(p).kv_heads = 4),
    ("pair-heads", |p| partner(p).kv_heads = 400),
    ("memory", |p| partner(p).kv_heads = if partner(p).kv_heads == 1 { 2 } else { 1 }),
    ("stage-device", |p| partner(p).device = "nobody".into()),
    ("stage-processor", |p| partner(p).processor = "npu".into()),
    ("pair", |p| {
        let other = partner(p).device.clone();
        let own = std::mem::replace(&mut stage(p).device, other);
        partner(p).device = own;
    }),
    ("together", |p| {
        let own = stage(p).device.clone();
        partner(p).device = own;
    }),
    ("pair-format", |p| p.services[0].precision.weights = WeightFormat::Ternary),
    ("pair-format", |p| stage(p).resident_share = 0.5),
    ("busy", |p| partner(p).busy_s *= 1.01),
    ("busy", |p| stage(p).busy_s *= 0.99),
    ("dynamic-energy", |p| partner(p).dynamic_j *= 0.99),
    ("memory", |p| partner(p).memory_bytes *= 0.99),
    ("dasi", |p| partner(p).dasi *= 1.1),
    ("memory-saturation", |p| partner(p).memory_saturation *= 0.9),
    ("tpot", |p| p.services[0].replicas[0].tpot_s *= 0.98),
    ("energy", |p| p.services[0].expected.energy_j *= 0.98),
    ("total-power", |p| p.totals.power_w *= 0.99),
    ("asleep-used", |p| (p.devices[1].awake, p.devices[1].mode) = (false, None)),
    ("booked-cap", |p| p.devices[1].mode.as_mut().unwrap().booked_cap = 0.2),
    ("naps", |p| p.devices[1].mode.as_mut().unwrap().naps = true),
    ("power", |p| p.devices[1].expected.power_w *= 1.01),
    ("resident", |p| p.devices[1].expected.pools[0].resident_bytes *= 0.9),
    ("booked", |p| p.devices[1].expected.processors[0].booked = 0.0),
    ("memory", |p| stage(p).partner = None),
];

#[test]
fn a_good_plan_passes_and_every_spoiled_one_is_refused() {
    let (s, plan) = good();
    each_is_refused(&s, &plan, EDITS);
}

#[test]
fn another_link_another_latency() {
    let (mut s, plan) = good();
    let rates = &mut s.links[0].rates;
    rates.latency = Seconds(rates.latency.get() + 1e-3);
    let codes = codes(&s, &plan);
    assert!(["ttft", "tpot", "total", "busy"].iter().all(|c| codes.contains(c)), "{codes:?}");
}

#[test]
fn a_pair_that_nobody_named_is_refused() {
    let (mut s, plan) = good();
    s.pairs.clear();
    assert!(codes(&s, &plan).contains(&"pair"));
}

#[test]
fn both_devices_count_for_what_the_owner_forbids() {
    let (s, plan) = good();
    let said = |d: usize| scenarios::Said { value: d, at: scenarios::At::default() };
    let with = |edit: &dyn Fn(&mut scenarios::Service)| {
        let mut s = s.clone();
        edit(&mut s.services[0]);
        codes(&s, &plan)
    };
    assert!(with(&|v| v.forbidden = vec![said(1)]).contains(&"forbidden"));
    assert!(with(&|v| v.private_to = vec![said(0)]).contains(&"private"));
    assert!(with(&|v| v.survives_loss = true).contains(&"pair-loss"));
}
