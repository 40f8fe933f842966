//! Random scenarios whose services may have a model in front, or exits inside their models.

use profiles::units::{Bytes, PerSecond, Ratio, Seconds};
use profiles::{ModelKind, WeightFormat};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use scenarios::{At, EarlyExit, Method, Prefilter, Said, Scaling, Scenario, Service};

use super::{classifier, rich_scenario, small_scenario, tiny_llm};

/// [`small_scenario`], every third [`rich_scenario`], in which services may pass on a share of their requests, by the seed
/// alone.
#[must_use]
pub fn gated_scenario(seed: u64) -> Scenario {
    let mut s = if seed % 3 == 2 { rich_scenario(seed) } else { small_scenario(seed) };
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x9a7e);
    let devices = s.devices.len();
    for (i, service) in s.services.iter_mut().enumerate() {
        if rng.random_bool(0.5) {
            watches(service, &mut rng);
        }
        let kind = service.models[0].value.kind;
        let at = |line: u32| At { line: 80 + 4 * i as u32 + line, column: 5 };
        let mut shares = || (Ratio(rng.random_range(0.05..0.8)), Ratio([0.0, 0.01, 0.05][rng.random_range(0..3)]));
        let (passes, loses) = shares();
        let (later, worse) = shares();
        // Whoever hands the whole request on shows it to more than the first block.
        if service.private_to.is_empty() && rng.random_bool(0.7) {
            let router = kind == ModelKind::Llm && rng.random_bool(0.3);
            let mut model = if router { tiny_llm(&format!("router{i}"), 1, 256) } else { classifier(&format!("filter{i}")) };
            model.blocks[0].count = rng.random_range(1..=2);
            let weights = if rng.random_bool(0.5) { WeightFormat::W8 } else { WeightFormat::W4 };
            service.prefilters = vec![Prefilter { model, weights, passes, loses, at: at(1) }];
            service.max_stages = service.max_stages.max(rng.random_range(1..=3));
            let free: Vec<usize> = (0..devices).filter(|&d| service.forbidden.iter().all(|f| f.value != d)).collect();
            if let [one, .., other] = free[..]
                && service.pins.is_empty()
                && rng.random_bool(0.4)
            {
                service.pins = [one, other].map(|value| Said { value, at: at(3) }).into();
                service.max_stages = service.max_stages.max(2);
                service.replicas = (1, 1);
            }
        }
        if kind == ModelKind::Feedforward && rng.random_bool(0.7) {
            let blocks = service.models[0].value.block_count() as u32;
            let exit = EarlyExit { model: 0, after_block: rng.random_range(1..blocks), passes: later, loses: worse, at: at(2) };
            service.early_exits = vec![exit];
        }
    }
    s
}

/// Makes it a service that looks at pictures.
fn watches(service: &mut Service, rng: &mut Xoshiro256PlusPlus) {
    service.models.truncate(1);
    service.models[0].value = classifier(&service.models[0].value.id);
    (service.prompt_tokens, service.answer_tokens) = (rng.random_range(1..=2), 0);
    (service.request_bytes, service.answer_bytes) = (Bytes(rng.random_range(1e4..1e6)), Bytes(1e3));
    service.rate.value = PerSecond(rng.random_range(0.1..5.0));
    (service.deadline.ttft, service.deadline.tpot) = (None, None);
    if let Some(total) = &mut service.deadline.total {
        total.value = Seconds(rng.random_range(0.3..4.0));
    }
    service.scaling = Scaling { methods: vec![Method::Single], samples: vec![1], budgets: Vec::new(), close: None };
    service.mixed = false;
}
