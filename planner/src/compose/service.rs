//! Services of a plan: option, stages, latencies, energy, targets.

use profiles::ModelProfile;
use protocol::{
    PlannedAdapters, PlannedClose, PlannedDevice, PlannedExit, PlannedExperts, PlannedFilter, PlannedPartner, PlannedScaling,
    PlannedService, PlannedStage, Replica, ServiceExpectation, Target,
};
use scenarios::{Method, Service};

use super::target::{percentile, target};
use super::{Context, device, stage};
use crate::pairs;
use crate::physics::{Adapters, ExpertCache, Gate, Gated, Label};
use crate::table::{Chain, Choice, Deployment};

/// Services that are served, in the scenario's order.
pub(super) fn all(c: &Context<'_>, devices: &[PlannedDevice]) -> Vec<PlannedService> {
    (0..c.scenario.services.len()).filter_map(|s| service(c, s, devices)).collect()
}

/// What a plan decided for a service: option, its meaning, its model, its chains.
pub(super) struct Chosen<'a> {
    pub service: &'a Service,
    pub choice: &'a Choice,
    pub label: &'a Label,
    pub model: &'a ModelProfile,
    pub deployment: &'a Deployment,
}

impl Chosen<'_> {
    /// What passes on a share of its requests.
    fn gated(&self) -> Option<Gated<'_>> {
        Gated::of(self.service, self.label.gate, self.model.kind)
    }

    /// The model that looks first.
    fn filter(&self) -> Option<PlannedFilter> {
        let Gate::Filter(f) = self.label.gate else { return None };
        let f = self.service.prefilters.get(f)?;
        Some(PlannedFilter { model: f.model.id.clone(), weights: f.weights, passes: f.passes.get(), loses: f.loses.get() })
    }

    /// Which part of its experts is in memory.
    fn experts(&self) -> Option<PlannedExperts> {
        let cache = ExpertCache::of(self.service, self.label.experts?)?;
        Some(PlannedExperts { holds: cache.holds, hits: cache.hits })
    }

    /// How its adapters are held.
    fn adapters(&self) -> Option<PlannedAdapters> {
        let a = Adapters::of(self.service, self.label.adapters?, self.model)?;
        Some(PlannedAdapters { count: a.count, bytes: a.bytes, kept: a.kept, misses: a.misses })
    }

    /// The exit that requests may leave by.
    fn exit(&self) -> Option<PlannedExit> {
        let Gate::Exit(e) = self.label.gate else { return None };
        let e = self.service.early_exits.get(e)?;
        Some(PlannedExit { after_block: e.after_block, passes: e.passes.get(), loses: e.loses.get() })
    }
}

/// `None` where it is not served.
pub(super) fn chosen<'a>(c: &'a Context<'_>, s: usize) -> Option<Chosen<'a>> {
    let deployment = c.assignment.services.get(s)?.as_ref()?;
    let choice = c.model.table.services[s].options.get(deployment.option as usize)?;
    let label = c.model.labels.get(choice.label as usize)?;
    let service = &c.scenario.services[s];
    let model = &service.models.get(label.model)?.value;
    Some(Chosen { service, choice, label, model, deployment })
}

fn service(c: &Context<'_>, s: usize, devices: &[PlannedDevice]) -> Option<PlannedService> {
    let chosen = chosen(c, s)?;
    let (label, wanted) = (chosen.label, chosen.service);
    let share = 1.0 / chosen.deployment.chains.len().max(1) as f64;
    let (mut replicas, mut energy_j, mut service_s) = (Vec::new(), 0.0, 0.0);
    for (i, chain) in chosen.deployment.chains.iter().enumerate() {
        let cost = c.evaluation.chains[s][i];
        let stages = stages(c, s, &chosen, chain);
        let busy_s: f64 = stages.iter().map(|st| st.busy_s).sum();
        let (network_s, network_j) = network(c, &chosen, chain);
        let spent: f64 = stages
            .iter()
            .zip(&chain.stages)
            .map(|(st, at)| {
                let other_j = st.partner.as_ref().map_or(0.0, |p| p.dynamic_j);
                st.dynamic_j + other_j + standing_w(c, at.place, devices) * st.busy_s
            })
            .sum();
        let sent_j: f64 = chain.stages.iter().filter_map(|st| shared(c, s, &chosen, st)).map(|shared| shared.sent_j).sum();
        energy_j += share * (spent + network_j + sent_j);
        service_s += share * (busy_s + network_s);
        replicas.push(Replica { share, stages, ttft_s: cost.ttft_s, tpot_s: cost.tpot_s, total_s: cost.total_s });
    }
    let expected = ServiceExpectation { accuracy: label.accuracy, benchmark: label.benchmark.clone(), energy_j, service_s };
    Some(PlannedService {
        name: wanted.name.clone(),
        model: chosen.model.id.clone(),
        precision: label.precision,
        bits_per_weight: label.bits_per_weight,
        scaling: PlannedScaling {
            method: method(label.method).into(),
            samples: label.samples,
            token_budget: label.budget,
            close: label.budget.and(close(wanted)),
        },
        filter: chosen.filter(),
        exit: chosen.exit(),
        adapters: chosen.adapters(),
        experts: chosen.experts(),
        rate_hz: wanted.rate.value.get(),
        targets: targets(wanted, &replicas, &expected),
        replicas,
        expected,
    })
}

/// What closes an answer that has a budget.
fn close(wanted: &scenarios::Service) -> Option<PlannedClose> {
    wanted.scaling.close.as_ref().map(|c| PlannedClose { text: c.text.clone(), tokens: c.tokens })
}

fn method(method: Method) -> &'static str {
    match method {
        Method::Single => "single",
        Method::Majority => "majority",
        Method::BestOfN => "best-of-n",
    }
}

/// Power that a stage's devices draw beside dynamic power, which the stage answers for while it runs.
fn standing_w(c: &Context<'_>, place: u32, devices: &[PlannedDevice]) -> f64 {
    let d = c.model.table.places[place as usize].device as usize;
    let of = |d: usize| device::idle_w(c, d).unwrap_or(0.0) + devices[d].expected.leakage_w;
    match c.model.joined_at(d) {
        Some(pair) => of(pair.lead) + of(pair.partner),
        None => of(d),
    }
}

/// The shared stage that a stage of the chosen option is.
fn shared<'a>(c: &Context<'a>, s: usize, chosen: &Chosen<'_>, st: &crate::table::Stage) -> Option<pairs::Shared<'a>> {
    pairs::shared(c.scenario, c.model, s, chosen.deployment.option, st)
}

/// Half of a shared stage: device, processor, and bytes in memory.
type Half<'a> = (&'a scenarios::Device, usize, f64);

/// A stage on two processors of one device, with weights and cache in its memory once.
fn on_both(c: &Context<'_>, chosen: &Chosen<'_>, st: &crate::table::Stage, joint: &pairs::Joint) -> PlannedStage {
    let device = &c.scenario.devices[joint.device];
    let [first, second] = joint.processors;
    let bytes = chosen.choice.at[st.place as usize].as_ref().map_or(0.0, |at| at.stage(st.start, st.end).bytes);
    shared_by(c, chosen, st, [(device, first, bytes), (device, second, 0.0)], joint.heads[1], &joint.stage)
}

/// A stage on two devices.
fn on_two(c: &Context<'_>, chosen: &Chosen<'_>, st: &crate::table::Stage, shared: &pairs::Shared<'_>) -> PlannedStage {
    let (lead, partner) = (&c.scenario.devices[shared.joined.lead], &c.scenario.devices[shared.joined.partner]);
    let [first, second] = shared.processors;
    let [own, other] = &shared.stage.halves;
    let halves = [(lead, first, own.memory_bytes), (partner, second, other.memory_bytes)];
    shared_by(c, chosen, st, halves, shared.heads[1], &shared.stage)
}

/// A stage that two processors share, of one device or of two.
fn shared_by(
    c: &Context<'_>,
    chosen: &Chosen<'_>,
    st: &crate::table::Stage,
    [(lead, first, lead_bytes), (partner, second, partner_bytes)]: [Half<'_>; 2],
    partner_heads: u32,
    stage: &crate::physics::shared::Stage,
) -> PlannedStage {
    let precision = chosen.label.precision_at(c.model.table.places[st.place as usize].format);
    let [own, other] = &stage.halves;
    PlannedStage {
        device: lead.name.clone(),
        processor: lead.profile.processors[first].id.clone(),
        filters: false,
        start: st.start,
        end: st.end,
        reached: None,
        weights: Some(precision.weights).filter(|w| *w != chosen.label.precision.weights),
        resident_share: chosen.label.resident_share,
        memory_bytes: lead_bytes,
        busy_s: stage.busy_s,
        dynamic_j: own.dynamic_j,
        dasi: own.dasi,
        memory_saturation: own.memory_saturation,
        partner: Some(PlannedPartner {
            device: partner.name.clone(),
            processor: partner.profile.processors[second].id.clone(),
            kv_heads: partner_heads,
            memory_bytes: partner_bytes,
            busy_s: stage.busy_s,
            dynamic_j: other.dynamic_j,
            dasi: other.dasi,
            memory_saturation: other.memory_saturation,
        }),
    }
}

fn stages(c: &Context<'_>, s: usize, chosen: &Chosen<'_>, chain: &Chain) -> Vec<PlannedStage> {
    let of = |st: &crate::table::Stage| {
        if let Some(shared) = shared(c, s, chosen, st) {
            return on_two(c, chosen, st, &shared);
        }
        if let Some(joint) = pairs::joint(c.scenario, c.model, s, chosen.deployment.option, st) {
            return on_both(c, chosen, st, &joint);
        }
        let place = &c.model.table.places[st.place as usize];
        let device = &c.scenario.devices[place.device as usize];
        let mode = c.model.modes[place.mode as usize];
        let range = st.start..st.end;
        let precision = chosen.label.precision_at(place.format);
        let job = stage::job(chosen.service, chosen.label, chosen.model, place.format);
        let cost =
            job.as_ref().map(|job| stage::cost(job, &device.profile, mode, place.processor as usize, range)).unwrap_or_default();
        let lead = job.as_ref().map_or(0, |job| job.gated.lead());
        let reached = job.map_or(1.0, |job| job.gated.share(st.start));
        let bytes = chosen.choice.at[st.place as usize].as_ref().map_or(0.0, |at| at.stage(st.start, st.end).bytes);
        PlannedStage {
            device: device.name.clone(),
            processor: device.profile.processors[place.processor as usize].id.clone(),
            filters: st.start < lead,
            start: st.start.saturating_sub(lead),
            end: st.end - lead,
            reached: Some(reached).filter(|r| *r < 1.0),
            weights: Some(precision.weights).filter(|w| *w != chosen.label.precision.weights),
            resident_share: chosen.label.resident_share,
            memory_bytes: bytes,
            busy_s: cost.busy_s,
            dynamic_j: cost.dynamic_j,
            dasi: cost.dasi,
            memory_saturation: cost.memory_saturation,
            partner: None,
        }
    };
    chain.stages.iter().map(of).collect()
}

/// Mean time and energy of a request's messages: between stages, back for each pass, from and to the origin.
fn network(c: &Context<'_>, chosen: &Chosen<'_>, chain: &Chain) -> (f64, f64) {
    let (table, o) = (&c.model.table, chosen.choice);
    let device = |i: usize| table.places[chain.stages[i].place as usize].device;
    let Some(last) = chain.stages.len().checked_sub(1) else { return (0.0, 0.0) };
    let (mut seconds, mut joules) = (0.0, 0.0);
    for m in o.messages(|i| chain.stages[i].start, chain.stages.len()) {
        let hop = table.hop(device(m.from), device(m.to));
        for (times, bytes) in [(1.0, m.prefill), (o.passes, m.decode)] {
            let Some(bytes) = bytes else { continue };
            seconds += m.share * times * (hop.latency_s + bytes * hop.s_per_byte);
            joules += m.share * times * bytes * hop.j_per_byte;
        }
    }
    if let Some(t) = o.enter.get(device(0) as usize) {
        seconds += t.total_s;
        joules += t.energy_j;
    }
    if let Some(t) = o.leave.get(device(last) as usize) {
        // What a filter holds back it answers from where it is; energy of that is in the way in.
        let admitted = chosen.gated().map_or(1.0, |g| g.admitted());
        let back = o.leave.get(device(0) as usize).map_or(0.0, |t| t.total_s);
        seconds += admitted * t.total_s + (1.0 - admitted) * back;
        joules += t.energy_j;
    }
    (seconds, joules)
}

fn targets(wanted: &Service, replicas: &[Replica], expected: &ServiceExpectation) -> Vec<Target> {
    let d = &wanted.deadline;
    let p = percentile(d.percentile.get());
    let worst = |of: fn(&Replica) -> f64| replicas.iter().map(of).fold(0.0, f64::max);
    let mut targets = Vec::new();
    for (what, said, value) in [
        ("ttft", &d.ttft, worst(|r| r.ttft_s)),
        ("tpot", &d.tpot, worst(|r| r.tpot_s)),
        ("total", &d.total, worst(|r| r.total_s)),
    ] {
        if let Some(said) = said {
            targets.push(target(format!("{what} {p}"), said.value.get(), value, "s", true, said.at));
        }
    }
    if let (Some(floor), Some(accuracy)) = (&wanted.accuracy, expected.accuracy) {
        let what = format!("accuracy {}", floor.benchmark.value);
        targets.push(target(what, floor.at_least.value.get(), accuracy, "1", false, floor.at_least.at));
    }
    targets
}
