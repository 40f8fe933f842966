//! What a lab's services should take on this machine, by the planner's physics.

use super::file::{Link, Service, Stage};
use crate::physics::chain::{self, Chained};
use crate::physics::pass::Rates;
use crate::physics::request::Request;
use crate::physics::thermal::Body;
use profiles::units::{Celsius, Seconds};
use profiles::{Catalogue, DeviceProfile, LinkProfile, Mixer, ModelProfile, PowerMode, Precision, Processor, Quality};

/// An ordinary room.
const AMBIENT: Celsius = Celsius(25.0);

/// A prediction with what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Predicted {
    pub(crate) takes: Chained,
    /// Power of the machine beside its work, watts.
    pub(crate) standing_w: f64,
    /// The worst that times, and that energy, are made of.
    pub(crate) times: Quality,
    pub(crate) energy: Quality,
}

impl Predicted {
    /// Energy of a request that takes so long, joules: its work, and standing power meanwhile.
    pub(crate) fn joules(&self, total_s: f64) -> f64 {
        self.takes.dynamic_j + self.standing_w * total_s
    }
}

/// The precision of a stage.
pub(crate) fn precision(service: &Service, stage: &Stage) -> Precision {
    Precision { weights: stage.weights, kv_bits: 16, activation_bits: service.activations }
}

/// Blocks of each stage: the first holds the token table too, the last the output.
pub(crate) fn blocks(service: &Service) -> Vec<std::ops::Range<u32>> {
    let last = service.stages.len().saturating_sub(1);
    let mut next = 0;
    let ends = service.stages.iter().enumerate().map(|(i, s)| s.layers + u32::from(i == 0) + u32::from(i == last));
    ends.map(|n| {
        let start = next;
        next += n;
        start..next
    })
    .collect()
}

/// KV heads of a model's layers; `None`: it has none, or layers that differ.
pub(crate) fn kv_heads(model: &ModelProfile) -> Option<u32> {
    let of = |block: &profiles::Block| match block.mixer {
        Mixer::Attention { kv_heads, .. } => Some(kv_heads),
        _ => None,
    };
    let mut all = model.chain().filter_map(of);
    let first = all.next()?;
    all.all(|n| n == first).then_some(first)
}

/// What lies between two agents of a lab: the loopback, and the link that the lab was given.
pub(crate) fn link(given: Option<&Link>) -> Option<LinkProfile> {
    let mut link = Catalogue::builtin().link("loopback")?.clone();
    if let Some(given) = given {
        let latency = link.latency.value.get() + given.delay.get();
        link.latency.value = Seconds(latency);
        (link.bandwidth.value, link.loss.value) = (given.rate, given.loss);
    }
    Some(link)
}

/// Predicts one request with nobody else there; `None` where the profile has no kernel for a stage.
pub(crate) fn of(
    service: &Service,
    link: &LinkProfile,
    model: &ModelProfile,
    device: &DeviceProfile,
    prompt: u32,
    answer: u32,
) -> Option<Predicted> {
    let mode = device.modes.first()?;
    let runs = |p: &&Processor| service.stages.iter().all(|s| p.kernels.contains_key(&s.weights));
    let processor = device.processors.iter().find(runs)?;
    let cuts: Vec<_> = blocks(service).into_iter().zip(&service.stages).collect();
    // All stages are read round and round on one machine: together they are what its caches could hold.
    let bytes = |range: &std::ops::Range<u32>, stage: &Stage| -> f64 {
        let inside = model.chain().skip(range.start as usize).take((range.end - range.start) as usize);
        inside.map(|b| b.weight_bytes(stage.weights).get()).sum()
    };
    let set_bytes: f64 = cuts.iter().map(|(range, stage)| bytes(range, stage)).sum();
    let stage = |(range, s): &(std::ops::Range<u32>, &Stage)| {
        let rates = Rates::of(device, mode, processor, s.weights, 1.0)?.reading(processor, set_bytes);
        let shared = s.with.as_ref().map(|with| kv_heads(model).map(|all| 1.0 - f64::from(with.kv_heads) / f64::from(all)));
        let shared = match shared {
            Some(share) => Some(share.filter(|s| *s > 0.0)?),
            None => None,
        };
        Some(chain::Stage { blocks: range.clone(), precision: precision(service, s), rates, shared })
    };
    let stages: Vec<chain::Stage> = cuts.iter().map(stage).collect::<Option<_>>()?;
    let request = Request::new(model.kind, prompt, answer, 1);
    let takes = chain::run(model, &stages, link, &request)?;
    let standing_w = standing_w(device, mode, takes.dynamic_j / takes.total_s)?;
    let (times, energy) = qualities(service, mode, processor);
    Some(Predicted { takes, standing_w, times, energy })
}

/// Idle power, and leakage at the temperature that the work brings.
fn standing_w(device: &DeviceProfile, mode: &PowerMode, dynamic_w: f64) -> Option<f64> {
    let (idle_w, body) = (mode.idle.value.get(), Body::of(&device.thermal, AMBIENT));
    let celsius = body.steady_c(idle_w, dynamic_w)?;
    Some(idle_w + body.leakage.watts(celsius.min(body.throttle_c)))
}

fn qualities(service: &Service, mode: &PowerMode, processor: &Processor) -> (Quality, Quality) {
    let (mut times, mut energy) = (Quality::Measured, mode.idle.quality.max(processor.joules_per_byte.quality));
    for kernel in service.stages.iter().filter_map(|s| processor.kernels.get(&s.weights)) {
        times = times.max(kernel.peak.quality).max(kernel.efficiency.quality);
        energy = energy.max(kernel.joules_per_op.quality);
    }
    let parts = [processor.bandwidth.quality, processor.bandwidth_efficiency.quality, processor.pass_overhead.quality];
    (parts.into_iter().fold(times, Quality::max), energy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::lab::file::With;
    use crate::testing::{board, tiny_llm};
    use profiles::WeightFormat::{self, W4, W8};
    use protocol::Name;

    fn service(parts: &[(u32, WeightFormat)]) -> Service {
        let stage = |(layers, weights): &(u32, WeightFormat)| Stage {
            agent: Name::new("a").unwrap(),
            layers: *layers,
            weights: *weights,
            with: None,
        };
        Service {
            name: Name::new("s").unwrap(),
            model: "tiny".into(),
            activations: 16,
            scaling: None,
            stages: parts.iter().map(stage).collect(),
        }
    }

    #[test]
    fn ends_belong_to_the_outer_stages() {
        assert_eq!(blocks(&service(&[(15, W8), (15, W4)])), [0..16, 16..32]);
        assert_eq!(blocks(&service(&[(2, W8), (3, W8), (1, W4)])), [0..3, 3..6, 6..8]);
        assert_eq!(blocks(&service(&[(24, W4)])), vec![0..26; 1]);
    }

    #[test]
    fn a_shared_stage_is_predicted_with_its_exchanges() {
        let (model, device) = (tiny_llm("tiny", 4, 512), board());
        let wire = link(None).unwrap();
        let all = kv_heads(&model).unwrap();
        let of = |kv_heads: Option<u32>| {
            let mut service = service(&[(4, W8)]);
            service.stages[0].with = kv_heads.map(|kv_heads| With { agent: Name::new("b").unwrap(), kv_heads, line: 1 });
            super::of(&service, &wire, &model, &device, 32, 16)
        };
        let (alone, shared) = (of(None).unwrap().takes, of(Some(1)).unwrap().takes);
        assert_eq!((alone.exchanges, shared.exchanges), (0.0, 8.0));
        assert!(shared.exchange_s > 0.0, "{shared:?}");
        assert!(shared.tpot_s - shared.exchange_s < alone.tpot_s, "{shared:?} {alone:?}");
        assert!(of(Some(all)).is_none(), "nothing is left for the stage's agent");
    }

    #[test]
    fn a_slower_machine_takes_longer_and_more_energy_for_the_same_work() {
        let (model, device) = (tiny_llm("tiny", 4, 256), board());
        let wire = link(None).unwrap();
        let said = of(&service(&[(2, W8), (2, W4)]), &wire, &model, &device, 32, 16).unwrap();
        assert!(said.takes.ttft_s > 0.0 && said.takes.tpot_s > 0.0 && said.standing_w > 0.0);
        assert!(said.takes.total_s > said.takes.ttft_s + 14.9 * said.takes.tpot_s);
        let (right, late) = (said.joules(said.takes.total_s), said.joules(2.0 * said.takes.total_s));
        assert!((late - right - said.standing_w * said.takes.total_s).abs() < 1e-12);
        assert!(of(&service(&[(4, WeightFormat::Sherry)]), &wire, &model, &device, 32, 16).is_none(), "no kernel for it");
    }
}
