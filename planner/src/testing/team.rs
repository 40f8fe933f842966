//! Random small scenarios in which two processors of a device may share stages.

use profiles::WeightFormat;
use profiles::units::{Bytes, BytesPerSecond, KelvinPerWatt, OpsPerSecond, PerSecond, Seconds};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use scenarios::{Arrivals, At, Goal, Said, Scenario, Together};

use super::model::divisible_llms;
use super::{board, card, device_of, one_board, precision, service_of};
use crate::physics::pass::Rates;
use crate::physics::request::Request;
use crate::physics::whole;

/// A card whose GPU and CPU may share stages, now and then beside a second such card or a board; one or two services whose
/// first token is due about when one processor has it, or both together. Half of the memories give more to both than to one.
#[must_use]
pub fn team_scenario(seed: u64) -> Scenario {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x7ea3);
    let mut s = one_board();
    s.name = format!("team-{seed}");
    s.digest = format!("{seed:064x}");
    let mut profile = card();
    let slow = rng.random_range(0.4..1.1);
    for (p, share) in profile.processors.iter_mut().zip([1.0, slow]) {
        p.kernels.values_mut().for_each(|k| k.peak.value = OpsPerSecond(300e9 * share));
    }
    let rate = if rng.random_bool(0.5) { Some(BytesPerSecond(50e9 * rng.random_range(0.9..1.5))) } else { None };
    let handshake = Seconds(rng.random_range(1e-6..2e-4));
    let mut device = device_of("card", profile, 0);
    device.together = Some(Together { processors: (0, 1), handshake, memory_rate: rate, at: At { line: 4, column: 7 } });
    device.modes = if rng.random_bool(0.7) { vec![if rng.random_bool(0.7) { "30W" } else { "15W" }.into()] } else { Vec::new() };
    if rng.random_bool(0.3) {
        device.profile.thermal.resistance.value = KelvinPerWatt(rng.random_range(2.0..5.0));
    }
    s.devices = vec![device.clone()];
    match rng.random_range(0..5u32) {
        0 => s.devices.push(device_of("board", board(), 0)),
        1 => {
            device.name = "card-2".into();
            s.devices.push(device);
        }
        _ => {}
    }
    let models = divisible_llms(&mut rng);
    s.services = models.iter().enumerate().map(|(i, m)| service_of(&format!("s{i}"), m.clone())).collect();
    // Waiting that no load level shortens: one level, and fewer ways to try.
    let arrivals = if rng.random_bool(0.6) { Arrivals::Periodic } else { Arrivals::Poisson };
    for (service, model) in s.services.iter_mut().zip(&models) {
        service.arrivals = arrivals;
        service.precisions = vec![precision(WeightFormat::W4)];
        service.max_stages = rng.random_range(1..=2);
        service.prompt_tokens = *[64, 256, 512].get(rng.random_range(0..3usize)).unwrap_or(&64);
        let request = Request::new(model.kind, service.prompt_tokens, service.answer_tokens, 1);
        let profile = &s.devices[0].profile;
        let rates = Rates::of(profile, &profile.modes[0], &profile.processors[0], WeightFormat::W4, 1.0);
        let alone = rates.and_then(|r| whole::run(model, precision(WeightFormat::W4), &request, &r)).expect("it runs");
        let said = |s: f64| Some(Said { value: Seconds(s), at: At { line: 13, column: 3 } });
        service.deadline.total = None;
        service.deadline.ttft = said(alone.prefill.time_s * rng.random_range(0.6..3.0));
        service.deadline.tpot = said(alone.decode.time_s * rng.random_range(0.9..8.0));
        service.accuracy = None;
        // Up to a third of the time of one processor.
        let busy_s = alone.total().time_s;
        service.rate = Said { value: PerSecond(rng.random_range(0.02..0.35) / busy_s), at: At { line: 12, column: 3 } };
    }
    if rng.random_bool(0.2) {
        let bytes: f64 =
            models.iter().flat_map(|m| m.chain().collect::<Vec<_>>()).map(|b| b.weight_bytes(WeightFormat::W4).get()).sum();
        let size = (bytes * rng.random_range(0.9..1.8) + 2.5e8) / 0.72;
        s.devices[0].profile.memories.values_mut().for_each(|m| m.size.value = Bytes(size));
    }
    s.objective.goal = if rng.random_bool(0.2) { Goal::EnergyPerRequest } else { Goal::Power };
    s
}
