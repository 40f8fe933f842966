//! Random small scenarios in which two boards may share layers.

use profiles::WeightFormat;
use profiles::units::{Bytes, BytesPerSecond, KelvinPerWatt, PerSecond, Seconds};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use scenarios::{At, End, Goal, Link, Pair, Said, Scenario};

use super::model::divisible_llms;
use super::{board, card, device_of, link_rates, one_board, precision, service_of};
use crate::physics::pass::Rates;
use crate::physics::request::Request;
use crate::physics::whole;

/// Two boards on a switch, a third of them with another bandwidth, memory or cooling, now and then a third device; one or
/// two services whose time per token is about what one board, or both together, can do.
#[must_use]
pub fn pair_scenario(seed: u64) -> Scenario {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x9a15);
    let mut s = one_board();
    s.name = format!("pair-{seed}");
    s.digest = format!("{seed:064x}");
    s.devices = vec![device_of("pi-1", board(), 0), device_of("pi-2", board(), 0)];
    if rng.random_bool(0.4) {
        s.devices.push(device_of("card", card(), 0));
    }
    if rng.random_bool(0.35) {
        let other = &mut s.devices[1].profile;
        let rate = &mut other.processors[0].bandwidth.value;
        *rate = BytesPerSecond(rate.get() * rng.random_range(0.4..1.5));
    }
    let models = divisible_llms(&mut rng);
    s.services = models.iter().enumerate().map(|(i, m)| service_of(&format!("s{i}"), m.clone())).collect();
    for (i, model) in models.iter().enumerate() {
        let service = &mut s.services[i];
        service.rate = Said { value: PerSecond(rng.random_range(0.001..0.4)), at: At { line: 12, column: 3 } };
        service.precisions = vec![precision(WeightFormat::W4)];
        service.max_stages = rng.random_range(1..=2);
        let request = Request::new(model.kind, service.prompt_tokens, service.answer_tokens, 1);
        let profile = &s.devices[0].profile;
        let rates = Rates::of(profile, &profile.modes[0], &profile.processors[0], WeightFormat::W4, 1.0);
        let alone = rates.and_then(|r| whole::run(model, precision(WeightFormat::W4), &request, &r)).expect("it runs");
        let said = |s: f64| Some(Said { value: Seconds(s), at: At { line: 13, column: 3 } });
        service.deadline.total = None;
        service.deadline.ttft = said(alone.prefill.time_s * rng.random_range(1.0..40.0));
        service.deadline.tpot = said(alone.decode.time_s * rng.random_range(0.6..1.2));
        service.accuracy = None;
    }
    if rng.random_bool(0.25) {
        // Room for the first's part of the one model and little more.
        let bytes: f64 =
            models.iter().flat_map(|m| m.chain().collect::<Vec<_>>()).map(|b| b.weight_bytes(WeightFormat::W4).get()).sum();
        let size = (bytes * rng.random_range(0.8..1.6) + 1.5e8) / 0.72;
        for d in &mut s.devices[..2] {
            d.profile.memories.values_mut().for_each(|m| m.size.value = Bytes(size));
        }
    }
    if rng.random_bool(0.3) {
        s.devices[0].profile.thermal.resistance.value = KelvinPerWatt(rng.random_range(6.0..14.0));
    }
    let latency = Seconds(rng.random_range(1e-6..5e-5));
    let rates = scenarios::LinkRates { latency, ..link_rates("cable", 125e6, false) };
    let between = (End::Device(0), End::Device(1));
    s.links = vec![Link { between, rates, at: At { line: 8, column: 5 } }];
    s.pairs = vec![Pair { devices: (0, 1), at: At { line: 9, column: 3 } }];
    s.objective.goal = if rng.random_bool(0.2) { Goal::EnergyPerRequest } else { Goal::Power };
    s
}
