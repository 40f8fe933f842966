//! Random scenarios whose language models have adapters.

use profiles::units::{Bytes, Ratio};
use profiles::{ModelKind, ModelProfile};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use scenarios::{Adapters, At, KeptAdapters, Scenario};

use super::gated_scenario;

/// [`gated_scenario`](super::gated_scenario) in which language models have adapters, all kept or some, and more devices
/// may read from their storage, by the seed alone.
#[must_use]
pub fn adapted_scenario(seed: u64) -> Scenario {
    let mut s = gated_scenario(seed);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0xada9);
    let largest = s.services.iter().flat_map(|v| &v.models).map(|m| bytes(&m.value)).fold(0.0, f64::max);
    let tight = rng.random_bool(0.6);
    for device in &mut s.devices {
        device.may_stream |= rng.random_bool(0.6);
        if tight {
            // Room for the largest model and little beside.
            let room = Bytes((largest * rng.random_range(1.1..2.5) + rng.random_range(7e7..1.6e8)) / 0.72);
            device.profile.memories.values_mut().for_each(|m| m.size.value = room);
        }
    }
    for (i, service) in s.services.iter_mut().enumerate().filter(|(_, v)| v.models[0].value.kind == ModelKind::Llm) {
        let count = rng.random_range(2..=24);
        // From a tenth of the smallest model to a half: several of these fill a small memory.
        let least = service.models.iter().map(|m| bytes(&m.value)).fold(f64::INFINITY, f64::min);
        let kept = rng
            .random_bool(0.8)
            .then(|| KeptAdapters { count: rng.random_range(1..count), misses: Ratio(rng.random_range(0.02..0.9)) });
        let at = At { line: 90 + i as u32, column: 5 };
        service.adapters = Some(Adapters { count, size: Bytes(least * rng.random_range(0.1..0.5)), kept, at });
    }
    s
}

/// Of all weights, half a byte each.
fn bytes(model: &ModelProfile) -> f64 {
    model.blocks.iter().map(|g| f64::from(g.count) * g.block.total_parameters() as f64 * 0.5).sum()
}
