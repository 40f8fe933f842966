//! Random scenarios with mixtures of experts that may be cached.

use profiles::units::{Bytes, PerSecond, Ratio, Seconds};
use profiles::{ModelKind, ModelProfile};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use scenarios::{At, ExpertCache, Scenario};

use super::{experts, small_scenario};

/// [`small_scenario`] in which most language models are mixtures of which some experts may be kept, on devices with little
/// memory and with storage, by the seed alone.
#[must_use]
pub fn mixture_scenario(seed: u64) -> Scenario {
    let mut s = small_scenario(seed);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0xe49e);
    for (i, service) in s.services.iter_mut().enumerate().filter(|(_, v)| v.models[0].value.kind == ModelKind::Llm) {
        if rng.random_bool(0.2) {
            continue;
        }
        service.models.truncate(1);
        service.models[0].value = experts(&format!("m{i}"), rng.random_range(2..=5), 512 * rng.random_range(1..=2));
        service.answer_tokens = rng.random_range(1..=6);
        service.rate.value = PerSecond(rng.random_range(0.001..0.02));
        (service.deadline.ttft, service.deadline.tpot) = (None, None);
        if let Some(total) = &mut service.deadline.total {
            total.value = Seconds(rng.random_range(5.0..60.0));
        }
        let at = At { line: 95 + i as u32, column: 5 };
        let holds = [0.125, 0.25, 0.5][rng.random_range(0..3)];
        let hits = if rng.random_bool(0.5) { holds } else { rng.random_range(holds..1.0) };
        service.expert_caches = vec![ExpertCache { holds: Ratio(holds), hits: Ratio(hits), at }];
    }
    let largest = s.services.iter().flat_map(|v| &v.models).map(|m| bytes(&m.value)).fold(0.0, f64::max);
    let tight = rng.random_bool(0.7);
    for device in &mut s.devices {
        device.may_stream |= rng.random_bool(0.8);
        if tight {
            let room = Bytes((largest * rng.random_range(0.5..1.3) + 1e8) / 0.72);
            device.profile.memories.values_mut().for_each(|m| m.size.value = room);
        }
    }
    s
}

/// Of all weights at 4 bits, about.
fn bytes(model: &ModelProfile) -> f64 {
    model.blocks.iter().map(|g| f64::from(g.count) * g.block.total_parameters() as f64 * 0.5625).sum()
}
