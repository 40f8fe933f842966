//! Which numbers a plan rests on, and how good they are.
//!
//! Each number of a profile counts once, however many devices share the profile. Influence is in
//! watts of the plan: a number that sets a power has that power, a number that sets a time has the
//! power of its device while it runs, so that the list of assumptions begins with what to measure first.

use profiles::{Quality, Sourced};
use protocol::{PlannedDevice, PlannedService, Sources};
use scenarios::{Arrivals, LinkRates, Method};
use std::collections::BTreeMap;

use super::service::{Chosen, chosen};
use super::{Context, Set, stage};
use crate::pairs;
use crate::physics::gate::percent;
use crate::physics::{Adapters, ExpertCache, Gate, Gated};
use crate::table::Stage;

/// Numbers by name: quality, and watts that hang on them.
#[derive(Default)]
struct Ledger(BTreeMap<String, (Quality, f64)>);

impl Ledger {
    fn add<T>(&mut self, name: String, number: &Sourced<T>, watts: f64) {
        self.put(name, number.quality, watts);
    }

    fn put(&mut self, name: String, quality: Quality, watts: f64) {
        let entry = self.0.entry(name).or_insert((quality, 0.0));
        entry.0 = entry.0.max(quality);
        entry.1 += watts;
    }
}

pub(super) fn of(c: &Context<'_>, devices: &[PlannedDevice], services: &[PlannedService]) -> Sources {
    let mut ledger = Ledger::default();
    for (d, planned) in devices.iter().enumerate() {
        device(c, d, planned, &mut ledger);
    }
    for s in 0..c.scenario.services.len() {
        if let Some(chosen) = chosen(c, s) {
            model(&chosen, &mut ledger);
            for chain in &chosen.deployment.chains {
                for st in &chain.stages {
                    match pairs::shared(c.scenario, c.model, s, chosen.deployment.option, st) {
                        Some(shared) => on_two(c, &chosen, st, &shared, devices, &mut ledger),
                        None => match pairs::joint(c.scenario, c.model, s, chosen.deployment.option, st) {
                            Some(joint) => on_both(c, &chosen, st, &joint, devices, &mut ledger),
                            None => processor(c, &chosen, st, devices, &mut ledger),
                        },
                    }
                }
            }
            links(c, &chosen, &mut ledger);
        }
    }
    let count = |q: Quality| ledger.0.values().filter(|(quality, _)| *quality == q).count() as u32;
    let mut assumed: Vec<(&String, f64)> =
        ledger.0.iter().filter(|(_, (q, _))| *q == Quality::Assumed).map(|(name, (_, watts))| (name, *watts)).collect();
    assumed.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    let mut assumptions: Vec<String> = assumed.into_iter().map(|(name, _)| name.clone()).collect();
    assumptions.extend(of_the_model(c, services));
    Sources {
        worst: ledger.0.values().map(|(q, _)| *q).max().unwrap_or(Quality::Assumed),
        measured: count(Quality::Measured),
        fitted: count(Quality::Fitted),
        datasheet: count(Quality::Datasheet),
        assumed: count(Quality::Assumed),
        assumptions,
    }
}

/// Standing power, heat and memory of a device.
fn device(c: &Context<'_>, d: usize, planned: &PlannedDevice, ledger: &mut Ledger) {
    let p = &c.scenario.devices[d].profile;
    let e = &planned.expected;
    let name = |what: &str| format!("{}: {what}", p.id);
    let Some(mode) = c.set(d) else {
        ledger.add(name("sleep power"), &p.sleep.power, e.power_w);
        return;
    };
    if mode.naps {
        ledger.add(name("sleep power"), &p.sleep.power, p.sleep.power.value.get());
        ledger.add(name("time to wake"), &p.sleep.wake_time, 0.0);
        let wakes_hz = e.wakes_hz.unwrap_or(0.0);
        ledger.add(name("energy to wake"), &p.sleep.wake_energy, wakes_hz * p.sleep.wake_energy.value.get());
    }
    if let Some(mode) = p.modes.get(mode.mode) {
        ledger.add(name(&format!("idle power in mode {}", mode.id)), &mode.idle, mode.idle.value.get());
        if let Some(cap) = &mode.cap {
            ledger.add(name(&format!("cap of mode {}", mode.id)), cap, 0.0);
        }
    }
    ledger.add(name("leakage"), &p.thermal.leakage, e.leakage_w);
    ledger.add(name("leakage slope"), &p.thermal.leakage_slope, 0.5 * e.leakage_w);
    ledger.add(name("leakage reference temperature"), &p.thermal.reference, 0.5 * e.leakage_w);
    ledger.add(name("thermal resistance"), &p.thermal.resistance, 0.5 * e.leakage_w);
    ledger.add(name("throttle temperature"), &p.thermal.throttle, 0.0);
    for pool in e.pools.iter().filter(|pool| pool.resident_bytes > 0.0) {
        if let Some(memory) = p.memories.get(&pool.pool) {
            ledger.add(name(&format!("size of {}", pool.pool)), &memory.size, 0.0);
            ledger.add(name(&format!("usable share of {}", pool.pool)), &memory.usable, 0.0);
        }
    }
}

/// Rates and energies of the processor that runs a stage.
fn processor(c: &Context<'_>, chosen: &Chosen<'_>, st: &Stage, devices: &[PlannedDevice], ledger: &mut Ledger) {
    let place = &c.model.table.places[st.place as usize];
    let d = place.device as usize;
    let p = &c.scenario.devices[d].profile;
    let mode = c.model.modes[place.mode as usize];
    let Some(job) = stage::job(chosen.service, chosen.label, chosen.model, place.format) else { return };
    let cost = stage::cost(&job, p, mode, place.processor as usize, st.start..st.end);
    let set = Set { mode: mode.mode, clock: mode.clock, level: mode.level, naps: mode.naps };
    // A stage of the filter alone hangs on its kernel, any other on the model's.
    let format = match &job.gated.filter {
        Some(filter) if st.end <= job.gated.lead() => filter.precision.weights,
        _ => job.precision.weights,
    };
    rates(c, chosen, (d, place.processor as usize), set, (format, &cost), devices, ledger);
}

/// The same of both processors of a shared stage.
fn on_two(
    c: &Context<'_>,
    chosen: &Chosen<'_>,
    st: &Stage,
    shared: &pairs::Shared<'_>,
    devices: &[PlannedDevice],
    ledger: &mut Ledger,
) {
    let weights = chosen.label.precision_at(c.model.table.places[st.place as usize].format).weights;
    for (i, d) in [shared.joined.lead, shared.joined.partner].into_iter().enumerate() {
        let own = &shared.stage.halves[i];
        let cost = stage::StageCost {
            busy_s: shared.stage.busy_s,
            dynamic_j: own.dynamic_j,
            dasi: own.dasi,
            memory_saturation: own.memory_saturation,
            op_j: own.op_j,
        };
        let Some(set) = c.set(d) else { continue };
        rates(c, chosen, (d, shared.processors[i]), set, (weights, &cost), devices, ledger);
    }
    for link in crossed(c, shared.joined.lead, shared.joined.partner) {
        ledger.put(format!("link {}", link.kind), link.quality, c.network_w());
    }
}

/// The same of two processors of one device, and what their sharing hangs on: the scenario's word or a default.
fn on_both(
    c: &Context<'_>,
    chosen: &Chosen<'_>,
    st: &Stage,
    joint: &pairs::Joint,
    devices: &[PlannedDevice],
    ledger: &mut Ledger,
) {
    let weights = chosen.label.precision_at(c.model.table.places[st.place as usize].format).weights;
    let Some(set) = c.set(joint.device) else { return };
    for (own, &p) in joint.stage.halves.iter().zip(&joint.processors) {
        let cost = stage::StageCost {
            busy_s: joint.stage.busy_s,
            dynamic_j: own.dynamic_j,
            dasi: own.dasi,
            memory_saturation: own.memory_saturation,
            op_j: own.op_j,
        };
        rates(c, chosen, (joint.device, p), set, (weights, &cost), devices, ledger);
    }
    let p = &c.scenario.devices[joint.device].profile;
    let [first, second] = joint.processors.map(|i| &p.processors[i].id);
    let rate = chosen.service.rate.value.get() / chosen.deployment.chains.len().max(1) as f64;
    let power_w = devices[joint.device].expected.power_w;
    let meeting_w = rate * joint.handshakes_s * power_w;
    ledger.put(format!("{}: time for {first} and {second} to meet", p.id), Quality::Assumed, meeting_w);
    let reading = joint.stage.halves.iter().map(|h| h.memory_saturation).fold(0.0, f64::max);
    let reading_w = rate * joint.stage.busy_s * power_w * reading;
    ledger.put(format!("{}: memory rate of {first} and {second} together", p.id), Quality::Assumed, reading_w);
}

/// Numbers of a device's processor that a stage of so much cost hangs on.
fn rates(
    c: &Context<'_>,
    chosen: &Chosen<'_>,
    (d, processor): (usize, usize),
    mode: Set,
    (format, cost): (profiles::WeightFormat, &stage::StageCost),
    devices: &[PlannedDevice],
    ledger: &mut Ledger,
) {
    let p = &c.scenario.devices[d].profile;
    let Some(processor) = p.processors.get(processor) else { return };
    let rate = chosen.service.rate.value.get() / chosen.deployment.chains.len().max(1) as f64;
    // Power of the device while the stage runs, over all time: what a wrong time would move.
    let running_w = rate * cost.busy_s * devices[d].expected.power_w;
    let name = |what: &str| format!("{}: {} {what}", p.id, processor.id);
    ledger.add(name("energy per byte"), &processor.joules_per_byte, rate * (cost.dynamic_j - cost.op_j));
    if let Some(share) = &processor.clocked_share {
        let clock =
            p.modes.get(mode.mode).and_then(|m| m.clocks.get(&processor.id)).map_or(1.0, |c| c.compute.value.get()) * mode.clock;
        let saved = 1.0 - crate::physics::power::byte_factor(clock, 1.0);
        ledger.add(name("clocked share of energy per byte"), share, rate * (cost.dynamic_j - cost.op_j) * saved);
    }
    ledger.add(name("bandwidth"), &processor.bandwidth, cost.memory_saturation * running_w);
    ledger.add(name("bandwidth efficiency"), &processor.bandwidth_efficiency, cost.memory_saturation * running_w);
    ledger.add(name("overlap"), &processor.overlap, cost.dasi * running_w);
    let overhead = (1.0 - cost.memory_saturation.max(cost.dasi)) * running_w;
    ledger.add(name("launch time"), &processor.launch, overhead);
    ledger.add(name("pass overhead"), &processor.pass_overhead, overhead);
    if let Some(kernel) = processor.kernels.get(&format) {
        ledger.add(name(&format!("{format} energy per operation")), &kernel.joules_per_op, rate * cost.op_j);
        ledger.add(name(&format!("{format} peak rate")), &kernel.peak, cost.dasi * running_w);
        ledger.add(name(&format!("{format} efficiency")), &kernel.efficiency, cost.dasi * running_w);
    }
    if let Some(clocks) = p.modes.get(mode.mode).and_then(|m| m.clocks.get(&processor.id)) {
        let mode = &p.modes[mode.mode].id;
        ledger.add(name(&format!("arithmetic clock in mode {mode}")), &clocks.compute, cost.dasi * running_w);
        if let Some(energy) = &clocks.byte_energy {
            ledger.add(name(&format!("energy per byte in mode {mode}")), energy, rate * (cost.dynamic_j - cost.op_j));
        }
        ledger.add(name(&format!("memory clock in mode {mode}")), &clocks.memory, cost.memory_saturation * running_w);
    }
    let pages =
        chosen.label.adapters.and_then(|kept| Adapters::of(chosen.service, kept, chosen.model)).is_some_and(|a| a.pages());
    if (chosen.label.resident_share < 1.0 || chosen.label.experts.is_some() || pages)
        && let Some(storage) = &p.storage
    {
        ledger.add(format!("{}: storage rate", p.id), &storage.bandwidth, running_w);
        ledger.add(format!("{}: storage energy per byte", p.id), &storage.joules_per_byte, rate * cost.dynamic_j);
    }
}

/// Architecture and accuracy.
fn model(chosen: &Chosen<'_>, ledger: &mut Ledger) {
    let (m, label) = (chosen.model, chosen.label);
    ledger.add(format!("{}: architecture", m.id), &m.architecture, 0.0);
    if let Gate::Filter(f) = label.gate
        && let Some(filter) = chosen.service.prefilters.get(f)
    {
        ledger.add(format!("{}: architecture", filter.model.id), &filter.model.architecture, 0.0);
    }
    let row = label.benchmark.as_ref().and_then(|b| crate::physics::quality_row(m, b, label.precision.weights));
    let Some(row) = row else { return };
    let name = |what: &str| format!("{}: {what} on {} at {}", m.id, row.benchmark, row.weights);
    match (label.method, label.budget) {
        (Method::Single, Some(_)) => {
            for (tokens, accuracy) in &row.budgets {
                ledger.add(name(&format!("accuracy within {tokens} tokens")), accuracy, 0.0);
            }
        }
        (Method::Majority, Some(tokens)) => {
            for vote in row.votes.iter().filter(|v| (v.samples, v.tokens) == (label.samples, tokens)) {
                ledger.add(name(&format!("majority of {} within {tokens} tokens", vote.samples)), &vote.accuracy, 0.0);
            }
            return;
        }
        _ => ledger.add(name("accuracy"), &row.accuracy, 0.0),
    }
    if label.method != Method::Single
        && let Some(beta) = &row.beta
    {
        ledger.add(name("spread of success"), beta, 0.0);
    }
    if label.method == Method::Majority
        && let Some(ceiling) = &row.majority_ceiling
    {
        ledger.add(name("majority ceiling"), ceiling, 0.0);
    }
}

/// Links that the service's messages cross.
fn links(c: &Context<'_>, chosen: &Chosen<'_>, ledger: &mut Ledger) {
    let device = |st: &Stage| c.model.table.places[st.place as usize].device as usize;
    for chain in &chosen.deployment.chains {
        let mut path: Vec<usize> = chain.stages.iter().map(device).collect();
        if let Some(origin) = chosen.service.origin {
            path.insert(0, origin);
            path.push(origin);
        }
        for pair in path.windows(2).filter(|w| w[0] != w[1]) {
            for rates in crossed(c, pair[0], pair[1]) {
                ledger.put(format!("link {}", rates.kind), rates.quality, c.network_w());
            }
        }
    }
}

/// Links between two devices: their own, or their sites' and the budgets of links between.
fn crossed<'a>(c: &'a Context<'_>, from: usize, to: usize) -> Vec<&'a LinkRates> {
    use scenarios::End::{Device, Site};
    let s = c.scenario;
    let joins =
        |l: &&scenarios::Link| matches!(l.between, (Device(x), Device(y)) if (x, y) == (from, to) || (y, x) == (from, to));
    if let Some(own) = s.links.iter().find(joins) {
        return vec![&own.rates];
    }
    let (a, b) = (s.devices[from].site, s.devices[to].site);
    let mut all: Vec<&LinkRates> = vec![&s.sites[a].link];
    if a != b {
        all.push(&s.sites[b].link);
        all.extend(s.links.iter().filter(|l| matches!(l.between, (Site(_), _) | (_, Site(_)))).map(|l| &l.rates));
    }
    all
}

/// What the formulas themselves assume, where this plan leans on it.
fn of_the_model(c: &Context<'_>, services: &[PlannedService]) -> Vec<String> {
    let mut all = Vec::new();
    let wanted = |name: &str| c.scenario.services.iter().find(|s| s.name == name);
    if services.iter().any(|s| wanted(&s.name).is_some_and(|w| w.arrivals == Arrivals::Poisson)) {
        all.push("waiting at a percentile follows M/M/1 with a request's own work as its service time".into());
    }
    if services.iter().any(|s| wanted(&s.name).is_some_and(|w| w.arrivals == Arrivals::Periodic)) {
        all.push("periodic requests do not collide".into());
    }
    all.push("a device takes the same time for the same work in every run".into());
    all.push("the runtime of a stage takes 64 MiB beside weights, cache and activations".into());
    if c.halves.iter().any(|h| h.dynamic_w.iter().any(|w| *w > 0.0)) {
        all.push("both directions of the link of a pair run at once, and nothing is computed meanwhile".into());
    }
    if (0..c.scenario.devices.len()).any(|d| c.together(d)) {
        all.push(
            "two processors that share layers take as long to meet whatever they exchange, and compute nothing meanwhile".into(),
        );
    }
    if c.evaluation.modes.iter().flatten().any(|&m| c.model.modes[m as usize].naps) {
        all.push("a request reaches a device that sleeps, and each one wakes it".into());
    }
    for s in (0..c.scenario.services.len()).filter_map(|s| chosen(c, s)) {
        let stages = s.deployment.chains.iter().flat_map(|chain| &chain.stages);
        if stages.into_iter().any(|st| c.model.table.places[st.place as usize].format > 0) {
            let worst = s.label.precision.weights;
            all.push(format!("{}: stages of several precisions answer as well as all of them at {worst}", s.service.name));
        }
        if s.label.kv_assumed {
            let bits = s.label.precision.kv_bits;
            all.push(format!("{}: a {bits}-bit KV cache answers as well as a 16-bit one", s.service.name));
        }
        if let Some(a) = s.label.adapters.and_then(|kept| Adapters::of(s.service, kept, s.model)) {
            let name = &s.service.name;
            all.push(format!("{name}: adapters lie beside layers in proportion to their parameters, one of them is read a pass"));
            if a.pages() {
                let misses = percent(a.misses);
                all.push(format!("{name}: {misses} of the requests find their adapter missing, {} of {} kept", a.kept, a.count));
            }
        }
        if let Some(cache) = s.label.experts.and_then(|i| ExpertCache::of(s.service, i)) {
            let (holds, hits) = (percent(cache.holds), percent(cache.hits));
            let why = if (cache.hits - cache.holds).abs() < 1e-12 { "routing is even" } else { "the scenario says so" };
            let name = &s.service.name;
            all.push(format!("{name}: {hits} of look-ups find their expert among the {holds} in memory: {why}"));
        }
        if let Some(gated) = Gated::of(s.service, s.label.gate, s.model.kind).filter(|g| g.gate != Gate::Open) {
            let (passes, loses) = (percent(gated.passes), percent(gated.loses));
            let what = match &gated.filter {
                Some(filter) => format!("{} at {} passes {passes}", filter.profile.id, filter.precision.weights),
                None => format!("{passes} of the requests go on after block {}", gated.from),
            };
            all.push(format!("{}: {what} and {loses} are lost, at any precision: the scenario says so", s.service.name));
        }
        if s.label.needs_verifier {
            all.push(format!("{}: a verifier recognises a right answer, at no cost", s.service.name));
        }
    }
    all
}
