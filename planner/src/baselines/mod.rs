//! What a plan is compared with: the placement rules that people and today's tools use.
//!
//! Each rule is stated in its own file, is evaluated by the same physics as the plan, and may break
//! limits: then the broken limits are said, and its numbers are what the devices would show if they
//! could hold the load at all.

mod affinity;
mod biggest;
mod proportional;
mod rule;

use crate::compose::compose;
use crate::physics::Model;
use crate::search::{self, Effort, Watch};
use crate::table::evaluate;
use profiles::WeightFormat;
use protocol::{Certificate, Plan};
use scenarios::Scenario;

/// One comparison.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// Stable key: `standard`, `biggest-4bit`, `layer-affinity`, `memory-proportional`, `fp16`.
    pub key: &'static str,
    pub name: &'static str,
    /// The rule in one sentence.
    pub rule: &'static str,
    /// `None`: the rule yields no placement here; `broken` says why.
    pub plan: Option<Plan>,
    /// Limits that it breaks, in words; empty: it keeps them all.
    pub broken: Vec<String>,
}

/// All comparisons for a scenario, in a fixed order.
#[must_use]
pub fn all(scenario: &Scenario, effort: &Effort, watch: &dyn Watch) -> Vec<Baseline> {
    vec![
        ruled(
            scenario,
            SIXTEEN,
            "standard",
            "standard: biggest device, FP16",
            "whole models at 16 bits on the device with the highest memory bandwidth",
            biggest::place,
        ),
        ruled(
            scenario,
            FOUR,
            "biggest-4bit",
            "uniform 4-bit on the biggest device",
            "whole models at 4 bits (the fewest above where 4 was not measured) on the device with the highest memory bandwidth",
            biggest::place,
        ),
        ruled(
            scenario,
            SIXTEEN,
            "layer-affinity",
            "greedy by layer affinity",
            "block by block to the processor that spends the least energy on it and still has memory, 16 bits",
            affinity::place,
        ),
        ruled(
            scenario,
            FOUR,
            "memory-proportional",
            "memory-proportional split",
            "the fewest devices whose free memory holds the model, layers in proportion to it, 4 bits or the fewest above that were measured",
            proportional::place,
        ),
        held(scenario, effort, watch),
    ]
}

/// Formats that a 16-bit rule takes, the first that the model has and was measured at: all from the top down.
const SIXTEEN: &[WeightFormat] = &[
    WeightFormat::W16,
    WeightFormat::W8,
    WeightFormat::W6,
    WeightFormat::W5,
    WeightFormat::W4,
    WeightFormat::W3,
    WeightFormat::W2,
    WeightFormat::Ternary,
    WeightFormat::Sherry,
];

/// Formats that a 4-bit rule takes: four bits, else the fewest above, else what the model was trained in.
const FOUR: &[WeightFormat] = &[
    WeightFormat::W4,
    WeightFormat::W5,
    WeightFormat::W6,
    WeightFormat::W8,
    WeightFormat::W16,
    WeightFormat::W3,
    WeightFormat::W2,
    WeightFormat::Ternary,
    WeightFormat::Sherry,
];

/// A scenario in which the rule has its precisions and nothing else to decide. Demands stay, so that what is broken can be said.
fn fixed(scenario: &Scenario, formats: &[WeightFormat]) -> Scenario {
    let mut s = scenario.clone();
    for service in &mut s.services {
        service.models.truncate(1);
        let precision = |&weights: &WeightFormat| profiles::Precision { weights, kv_bits: 16, activation_bits: 16 };
        service.precisions = formats.iter().map(precision).collect();
        service.scaling.methods = vec![scenarios::Method::Single];
        service.scaling.samples = vec![1];
        service.replicas = (1, 1);
        service.prefilters.clear();
        service.early_exits.clear();
        // A rule knows no pins; which it breaks is said afterwards.
        service.forbidden.clear();
        if let Some(floor) = &mut service.accuracy {
            floor.at_least.value = profiles::units::Ratio(0.0);
        }
    }
    s
}

type Place = fn(&rule::Board<'_>) -> Result<crate::table::Assignment, String>;

fn ruled(
    scenario: &Scenario,
    formats: &[WeightFormat],
    key: &'static str,
    name: &'static str,
    rule: &'static str,
    place: Place,
) -> Baseline {
    let fixed = fixed(scenario, formats);
    let model = crate::survive::build(&fixed);
    let board = rule::Board::new(&fixed, &model, formats);
    match place(&board) {
        Ok(assignment) => {
            let (mut broken, plan) = priced(&fixed, &model, &assignment);
            broken.extend(floors(scenario, &plan));
            broken.extend(misplaced(scenario, &plan));
            Baseline { key, name, rule, plan: Some(plan), broken }
        }
        Err(why) => Baseline { key, name, rule, plan: None, broken: vec![why] },
    }
}

/// Factors on all deadlines, tried in turn until 16 bits keep them.
const PATIENCE: [f64; 11] = [1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0];

/// The planner itself with every precision held at 16 bits. Where that keeps no deadline, the closest it
/// comes: deadlines widened by the least factor tried that admits a plan, of as few services as it takes.
fn held(scenario: &Scenario, effort: &Effort, watch: &dyn Watch) -> Baseline {
    let (key, name, rule) =
        ("fp16", "planned, precision held at FP16", "the planner's own best with every model held at 16 bits");
    let mut s = scenario.clone();
    for service in &mut s.services {
        service.precisions.retain(|p| p.weights == WeightFormat::W16);
        if service.precisions.is_empty() {
            service.precisions = vec![profiles::Precision { weights: WeightFormat::W16, kv_bits: 16, activation_bits: 16 }];
        }
    }
    let solved = |factors: &[f64]| {
        let patient = patient(&s, factors);
        let model = crate::survive::build(&patient);
        let best = search::solve(&model.table, &Effort { front: 0, ..effort.clone() }, watch).best;
        best.map(|(assignment, _)| priced(&patient, &model, &assignment))
    };
    let mut factors = vec![1.0; s.services.len()];
    let mut found = None;
    for factor in PATIENCE {
        factors.fill(factor);
        found = solved(&factors);
        if found.is_some() {
            break;
        }
    }
    let Some((mut broken, mut plan)) = found else {
        let most = PATIENCE[PATIENCE.len() - 1];
        let why = format!("no plan at 16 bits keeps the limits, even at {most} times the deadlines");
        return Baseline { key, name, rule, plan: None, broken: vec![why] };
    };
    // One service after the other gets its own deadline back, where a plan remains.
    for i in 0..factors.len() {
        let widened = std::mem::replace(&mut factors[i], 1.0);
        if widened > 1.0 {
            match solved(&factors) {
                Some(better) => (broken, plan) = better,
                None => factors[i] = widened,
            }
        }
    }
    broken.extend(late(scenario, &plan));
    Baseline { key, name, rule, plan: Some(plan), broken }
}

/// The scenario with each service's deadlines widened.
fn patient(scenario: &Scenario, factors: &[f64]) -> Scenario {
    let mut s = scenario.clone();
    for (service, factor) in s.services.iter_mut().zip(factors) {
        let d = &mut service.deadline;
        for limit in [&mut d.ttft, &mut d.tpot, &mut d.total].into_iter().flatten() {
            limit.value = profiles::units::Seconds(limit.value.get() * factor);
        }
    }
    s
}

/// Deadlines of the scenario that a plan made for wider ones misses.
fn late(scenario: &Scenario, plan: &Plan) -> Vec<String> {
    let mut missed = Vec::new();
    for (wanted, got) in scenario.services.iter().zip(&plan.services) {
        let worst = |of: fn(&protocol::Replica) -> f64| got.replicas.iter().map(of).fold(0.0, f64::max);
        let d = &wanted.deadline;
        for (what, limit, value) in [
            ("ttft", &d.ttft, worst(|r| r.ttft_s)),
            ("tpot", &d.tpot, worst(|r| r.tpot_s)),
            ("total time", &d.total, worst(|r| r.total_s)),
        ] {
            if let Some(limit) = limit
                && value > limit.value.get() * (1.0 + 1e-6)
            {
                let by = 100.0 * (value / limit.value.get() - 1.0);
                missed.push(format!("{}: {what} is {by:.1} % over its limit", wanted.name));
            }
        }
    }
    missed
}

/// A placement's numbers, and the limits it breaks.
fn priced(scenario: &Scenario, model: &Model, assignment: &crate::table::Assignment) -> (Vec<String>, Plan) {
    let e = evaluate(&model.table, assignment);
    let broken = e.violations.iter().map(|v| crate::table::describe(&model.table, v)).collect();
    let certificate = Certificate {
        objective: "power".into(),
        unit: "W".into(),
        value: e.power_w,
        bound: 0.0,
        gap: 1.0,
        status: "rule".into(),
    };
    (broken, compose(scenario, model, assignment, certificate, 0))
}

/// Placements that the scenario forbids.
fn misplaced(scenario: &Scenario, plan: &Plan) -> Vec<String> {
    let mut broken = Vec::new();
    for (wanted, got) in scenario.services.iter().zip(&plan.services) {
        for forbidden in &wanted.forbidden {
            let device = &scenario.devices[forbidden.value].name;
            if got.replicas.iter().flat_map(|r| &r.stages).any(|s| s.device == *device) {
                broken.push(format!("{}: runs on {device}, where the scenario forbids it", wanted.name));
            }
        }
    }
    broken
}

/// Floors that the rule was not asked to keep, but the scenario asks for.
fn floors(scenario: &Scenario, plan: &Plan) -> Vec<String> {
    let missed = scenario.services.iter().zip(&plan.services).filter_map(|(wanted, got)| {
        let (floor, accuracy) = (wanted.accuracy.as_ref()?.at_least.value.get(), got.expected.accuracy?);
        (accuracy < floor)
            .then(|| format!("{}: accuracy {:.1} % is below the floor of {:.1} %", wanted.name, 100.0 * accuracy, 100.0 * floor))
    });
    missed.collect()
}
