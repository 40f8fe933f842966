//! Time, energy and memory of every stage, and latencies of every replica, worked out again.

use profiles::{Block, ModelKind};
use scenarios::{Scenario, Service};

use super::account;
use super::cost::{self, Held, Request, Spot, StageCost};
use super::experts;
use super::gate;
use super::note::{Notes, near};
use super::route::{self, Budget, Route};
use super::shared;
use super::structure::{Mate, Placed, Resolved, Served, stage_name};
use super::together;
use crate::physics::pressure::RUNTIME_BYTES;
use crate::physics::waiting;

/// What a fleet does under a plan.
#[derive(Clone, Debug, Default)]
pub(super) struct Load {
    /// By device: mean dynamic power, watts.
    pub(super) dynamic_w: Vec<f64>,
    /// The same if no clock were lowered below its power mode's; infinite where the load could not run so.
    pub(super) full_clock_w: Vec<f64>,
    /// By device and processor: booked share of time.
    pub(super) booked: Vec<Vec<f64>>,
    /// By device and memory pool, in the profile's order: resident bytes.
    pub(super) resident: Vec<Vec<f64>>,
    /// Booked bytes per second of every budget in use.
    pub(super) links: Vec<(Budget, f64)>,
    pub(super) network_w: f64,
    /// By device: requests a second that come to a stage on it.
    pub(super) wakes_hz: Vec<f64>,
    /// By service.
    pub(super) served: Vec<ServiceLoad>,
}

/// Numbers of one service.
#[derive(Clone, Debug, Default)]
pub(super) struct ServiceLoad {
    /// By replica: mean time of a request with nobody else there, seconds.
    pub(super) alone_s: Vec<f64>,
    /// By replica: at the percentile.
    pub(super) total_s: Vec<f64>,
    /// By replica: dynamic and network energy of a request.
    pub(super) dynamic_j: Vec<f64>,
    pub(super) network_j: Vec<f64>,
    /// By replica and stage.
    pub(super) stages: Vec<Vec<StageCost>>,
}

/// Works out the whole load; `None` where a stage cannot run at all.
pub(super) fn load(scenario: &Scenario, r: &Resolved<'_>, notes: &mut Notes) -> Option<Load> {
    let mut load = Load {
        dynamic_w: vec![0.0; r.devices.len()],
        full_clock_w: vec![0.0; r.devices.len()],
        wakes_hz: vec![0.0; r.devices.len()],
        booked: r.devices.iter().map(|d| vec![0.0; d.wanted.profile.processors.len()]).collect(),
        resident: r.devices.iter().map(|d| vec![0.0; d.wanted.profile.memories.len()]).collect(),
        ..Load::default()
    };
    let mut whole = true;
    for s in &r.services {
        match service(scenario, r, s, &mut load, notes) {
            Some(numbers) => load.served.push(numbers),
            None => whole = false,
        }
    }
    together::one_queue(scenario, r, &mut load);
    whole.then_some(load)
}

/// How a request that goes all the way goes over one replica, waiting included; and the mean time without waiting, over
/// all requests.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    ttft_s: f64,
    tpot_s: f64,
    total_s: f64,
    alone_s: f64,
}

fn service(scenario: &Scenario, r: &Resolved<'_>, s: &Served<'_>, load: &mut Load, notes: &mut Notes) -> Option<ServiceLoad> {
    let (w, p) = (s.wanted, s.planned);
    let samples = if p.scaling.method == "single" { 1 } else { p.scaling.samples };
    let request = Request::new(s.model.kind, w, p.scaling.token_budget, samples);
    let rate = w.rate.value.get() / s.replicas.len() as f64;
    notes.same("rate", &p.name, "the request rate", p.rate_hz, w.rate.value.get());
    let chain: Vec<&Block> = s.model.chain().collect();
    let mut out = ServiceLoad::default();
    let one_share = s.replicas.first()?.first()?.stage.resident_share;
    let sequences = concurrency(scenario, r, s, &request, one_share, s.gate.admitted) * request.samples;
    let looking = concurrency(scenario, r, s, &request, one_share, 1.0);
    for (i, stages) in s.replicas.iter().enumerate() {
        let subject = format!("{} replica {}", p.name, i + 1);
        let mut times = Times::default();
        let mut costs = Vec::new();
        let mut exchanged_j = 0.0;
        for (j, placed) in stages.iter().enumerate() {
            let subject = stage_name(p, i, j);
            let share = placed.stage.resident_share;
            notes.check(share.to_bits() == one_share.to_bits(), "resident-share", &subject, || {
                "stages of a service stream alike".into()
            });
            if let Some(mate) = placed.mate {
                if mate.device == placed.device {
                    let cost = joint(scenario, r, s, &request, (placed, mate), (rate, sequences), load, notes, &subject)?;
                    let level = r.devices[placed.device].booked_cap;
                    let wait = waiting::slowdown(w.arrivals, level, w.deadline.percentile.get());
                    times.ttft_s += wait * cost.first_s;
                    times.tpot_s += wait * cost.each_s;
                    times.total_s += wait * cost.busy_s;
                    times.alone_s += cost.busy_s;
                    costs.push(cost);
                    continue;
                }
                let both = together(scenario, r, s, &request, (placed, mate), (rate, sequences), load, notes, &subject)?;
                let level = r.devices[placed.device].booked_cap;
                let wait = waiting::slowdown(w.arrivals, level, w.deadline.percentile.get());
                times.ttft_s += wait * both.own.first_s;
                times.tpot_s += wait * both.own.each_s;
                times.total_s += wait * both.own.busy_s;
                times.alone_s += both.own.busy_s;
                exchanged_j += both.sent_j;
                costs.push(StageCost { dynamic_j: both.own.dynamic_j + both.other_j, ..both.own });
                continue;
            }
            let clock = r.devices[placed.device].clock;
            let cost = stage(r, s, &request, placed, clock);
            let full = if clock < 1.0 { stage(r, s, &request, placed, 1.0) } else { cost };
            load.full_clock_w[placed.device] += full.map_or(f64::INFINITY, |c| rate * c.dynamic_j);
            let alone = stages.len() == 1 || request.passes <= 0.0;
            notes.check(alone || !r.devices[placed.device].naps, "naps", &subject, || {
                "it decodes in turns with other stages, so its device cannot sleep between requests".into()
            });
            load.wakes_hz[placed.device] += rate * s.gate.reached(placed);
            notes.check(cost.is_some(), "cannot-run", &subject, || "its power mode leaves it no power to run".into());
            let cost = cost?;
            let wait = waiting::slowdown(w.arrivals, r.devices[placed.device].booked_cap, w.deadline.percentile.get());
            times.ttft_s += wait * cost.first_s;
            times.tpot_s += wait * cost.each_s;
            times.total_s += wait * cost.alone_s;
            times.alone_s += cost.busy_s;
            load.dynamic_w[placed.device] += rate * cost.dynamic_j;
            load.booked[placed.device][placed.processor] += rate * cost.busy_s;
            let filter = s.gate.filter.filter(|_| placed.stage.filters).map_or(0.0, |f| gate::memory(&f, looking));
            let own = if placed.stage.end > placed.stage.start { memory(s, &request, placed, &chain, sequences) } else { 0.0 };
            let bytes = filter + own;
            let pool = pool_of(r, placed)?;
            load.resident[placed.device][pool] += bytes;
            compare_stage(&subject, placed, &cost, bytes, notes);
            costs.push(cost);
        }
        let network_j = messages(scenario, s, &request, stages, &chain, rate, &mut times, load);
        notes.check(network_j.is_some(), "unreachable", &subject, || "no link joins its devices".into());
        let replica = &p.replicas[i];
        notes.same("ttft", &subject, "time to first token", replica.ttft_s, times.ttft_s);
        notes.same("tpot", &subject, "time per token", replica.tpot_s, times.tpot_s);
        notes.same("total", &subject, "time of a request", replica.total_s, times.total_s);
        deadlines(w, &subject, &times, notes);
        out.alone_s.push(times.alone_s);
        out.total_s.push(times.total_s);
        out.dynamic_j.push(costs.iter().map(|c| c.dynamic_j).sum());
        out.network_j.push(network_j? + exchanged_j);
        out.stages.push(costs);
    }
    Some(out)
}

fn stage(r: &Resolved<'_>, s: &Served<'_>, request: &Request, placed: &Placed<'_>, clock: f64) -> Option<StageCost> {
    let site = &r.devices[placed.device];
    let spot = Spot {
        device: &site.wanted.profile,
        mode: site.mode?,
        processor: &site.wanted.profile.processors[placed.processor],
        clock,
    };
    let mut cost = gate::stage(s, request, placed, spot)?;
    if site.naps {
        // Awake for this request alone: its standing power above sleep, and being woken.
        let (sleep, comes) = (&site.wanted.profile.sleep, s.gate.reached(placed));
        let standing_w = spot.mode.idle.value.get() - sleep.power.value.get();
        cost.dynamic_j += standing_w * cost.busy_s + comes * sleep.wake_energy.value.get();
        cost.first_s += sleep.wake_time.value.get();
        cost.alone_s += sleep.wake_time.value.get();
        cost.busy_s += comes * sleep.wake_time.value.get();
    }
    Some(cost)
}

/// Compares what the plan says of a shared stage's second half; `None` where it says nothing.
fn compare_partner(subject: &str, placed: &Placed<'_>, cost: &StageCost, bytes: f64, notes: &mut Notes) -> Option<()> {
    let partner = placed.stage.partner.as_ref()?;
    let subject = format!("{subject} partner");
    notes.same("busy", &subject, "busy time of a request", partner.busy_s, cost.busy_s);
    notes.same("dynamic-energy", &subject, "dynamic energy of a request", partner.dynamic_j, cost.dynamic_j);
    notes.same("memory", &subject, "memory", partner.memory_bytes, bytes);
    notes.same("dasi", &subject, "arithmetic saturation", partner.dasi, cost.arithmetic);
    notes.same("memory-saturation", &subject, "memory saturation", partner.memory_saturation, cost.memory);
    Some(())
}

/// Books a stage of two processors of one device and compares what the plan says of it; `None` where it cannot run. The
/// energy is that of both.
#[allow(clippy::too_many_arguments, reason = "a shared stage hangs on all of these")]
fn joint(
    scenario: &Scenario,
    r: &Resolved<'_>,
    s: &Served<'_>,
    request: &Request,
    (placed, mate): (&Placed<'_>, Mate),
    (rate, sequences): (f64, f64),
    load: &mut Load,
    notes: &mut Notes,
    subject: &str,
) -> Option<StageCost> {
    let d = placed.device;
    let site = &r.devices[d];
    notes.check(!site.naps, "naps", subject, || "a shared stage runs on devices that stay awake".into());
    let profile = &site.wanted.profile;
    let mode = site.mode?;
    let spots = |clock: f64| {
        [placed.processor, mate.processor].map(|p| Spot { device: profile, mode, processor: &profile.processors[p], clock })
    };
    let of = |clock: f64| together::stage(s.model, placed, mate, request, spots(clock), &scenario.devices[d]);
    let cost = of(site.clock);
    notes.check(cost.is_some(), "cannot-run", subject, || "one of its processors cannot run its part".into());
    let [own, other] = cost?;
    let full_j = of(1.0).map_or(f64::INFINITY, |[a, b]| a.dynamic_j + b.dynamic_j);
    load.dynamic_w[d] += rate * (own.dynamic_j + other.dynamic_j);
    load.full_clock_w[d] += rate * full_j;
    load.wakes_hz[d] += rate;
    load.booked[d][placed.processor] += rate * own.busy_s;
    // Weights and cache once; a runtime and activations for each of the two.
    let chain: Vec<&Block> = s.model.chain().collect();
    let empty = Placed { stage: &protocol::PlannedStage { start: 0, end: 0, ..placed.stage.clone() }, ..*placed };
    let beside = memory(s, request, &empty, &chain, sequences);
    let bytes = memory(s, request, placed, &chain, sequences) + beside;
    let pool = pool_of(r, placed)?;
    load.resident[d][pool] += bytes;
    compare_stage(subject, placed, &own, bytes, notes);
    // The first of the two counts the memory.
    compare_partner(subject, placed, &other, 0.0, notes)?;
    Some(StageCost { dynamic_j: own.dynamic_j + other.dynamic_j, ..own })
}

/// A shared stage as the service's sums need it.
struct Together {
    own: StageCost,
    /// Dynamic energy of the second device's part, and energy of the exchanges: joules of a request.
    other_j: f64,
    sent_j: f64,
}

/// Books a shared stage on both of its devices and compares what the plan says of it; `None` where it cannot run.
#[allow(clippy::too_many_arguments, reason = "a shared stage hangs on all of these")]
fn together(
    scenario: &Scenario,
    r: &Resolved<'_>,
    s: &Served<'_>,
    request: &Request,
    (placed, mate): (&Placed<'_>, Mate),
    (rate, sequences): (f64, f64),
    load: &mut Load,
    notes: &mut Notes,
    subject: &str,
) -> Option<Together> {
    let places = [(placed.device, placed.processor), (mate.device, mate.processor)];
    let [one, other] = places.map(|(d, _)| &r.devices[d]);
    notes.check(!one.naps && !other.naps, "naps", subject, || "a shared stage runs on devices that stay awake".into());
    notes.check(near(one.booked_cap, other.booked_cap, 1e-9), "booked-cap", subject, || {
        "both of its devices assume one booked cap".into()
    });
    let link = route::between(scenario, placed.device, mate.device);
    notes.check(link.is_some(), "unreachable", subject, || "no link joins its two devices".into());
    let link = link?;
    let spot = |(d, p): (usize, usize), clock: Option<f64>| {
        let site = &r.devices[d];
        let profile = &site.wanted.profile;
        Some(Spot { device: profile, mode: site.mode?, processor: &profile.processors[p], clock: clock.unwrap_or(site.clock) })
    };
    let spots = |clock: Option<f64>| Some([spot(places[0], clock)?, spot(places[1], clock)?]);
    let cost = shared::stage(s.model, placed, mate, request, spots(None)?, &link);
    notes.check(cost.is_some(), "cannot-run", subject, || "one of its devices cannot run its part".into());
    let cost = cost?;
    let full = shared::stage(s.model, placed, mate, request, spots(Some(1.0))?, &link);
    let bytes = shared::memory(s.model, placed, mate, request, sequences);
    let full_j = full.map_or([f64::INFINITY; 2], |f| [f.own.dynamic_j, f.other.dynamic_j]);
    for (i, ((d, p), own)) in places.into_iter().zip([&cost.own, &cost.other]).enumerate() {
        load.dynamic_w[d] += rate * own.dynamic_j;
        load.full_clock_w[d] += rate * full_j[i];
        load.booked[d][p] += rate * own.busy_s;
        load.wakes_hz[d] += rate;
        let profile = &r.devices[d].wanted.profile;
        let pool = profile.memories.keys().position(|k| *k == profile.processors[p].memory)?;
        load.resident[d][pool] += bytes[i];
    }
    compare_stage(subject, placed, &cost.own, bytes[0], notes);
    compare_partner(subject, placed, &cost.other, bytes[1], notes)?;
    let sent_j = cost.sent_bytes * link.j_per_byte;
    load.network_w += rate * sent_j;
    for &budget in &link.budgets {
        match load.links.iter_mut().find(|(b, _)| *b == budget) {
            Some((_, booked)) => *booked += rate * cost.sent_bytes,
            None => load.links.push((budget, rate * cost.sent_bytes)),
        }
    }
    Some(Together { own: cost.own, other_j: cost.other.dynamic_j, sent_j })
}

fn compare_stage(subject: &str, placed: &Placed<'_>, cost: &StageCost, bytes: f64, notes: &mut Notes) {
    let stage = placed.stage;
    notes.same("busy", subject, "busy time of a request", stage.busy_s, cost.busy_s);
    notes.same("dynamic-energy", subject, "dynamic energy of a request", stage.dynamic_j, cost.dynamic_j);
    notes.same("memory", subject, "memory", stage.memory_bytes, bytes);
    notes.same("dasi", subject, "arithmetic saturation", stage.dasi, cost.arithmetic);
    notes.same("memory-saturation", subject, "memory saturation", stage.memory_saturation, cost.memory);
}

fn deadlines(w: &Service, subject: &str, times: &Times, notes: &mut Notes) {
    let d = &w.deadline;
    for (code, what, said, value) in [
        ("deadline-ttft", "time to first token", &d.ttft, times.ttft_s),
        ("deadline-tpot", "time per token", &d.tpot, times.tpot_s),
        ("deadline-total", "time of a request", &d.total, times.total_s),
    ] {
        if let Some(limit) = said {
            notes.at_most(code, subject, what, value, limit.value.get());
        }
    }
}

/// Adds the messages' times; the energy of one request's, `None` where a device cannot be reached.
#[allow(clippy::too_many_arguments, reason = "a message is between all of these")]
fn messages(
    scenario: &Scenario,
    s: &Served<'_>,
    request: &Request,
    stages: &[Placed<'_>],
    chain: &[&Block],
    rate: f64,
    times: &mut Times,
    load: &mut Load,
) -> Option<f64> {
    let mut joules = 0.0;
    let mut book = |route: &Route, bytes: f64| {
        joules += bytes * route.j_per_byte;
        load.network_w += rate * bytes * route.j_per_byte;
        for &budget in &route.budgets {
            match load.links.iter_mut().find(|(b, _)| *b == budget) {
                Some((_, booked)) => *booked += rate * bytes,
                None => load.links.push((budget, rate * bytes)),
            }
        }
    };
    let bits = s.planned.precision.activation_bits;
    let decodes = request.passes > 0.0;
    for pair in stages.windows(2) {
        let route = route::between(scenario, pair[0].device, pair[1].device)?;
        let (begin, comes) = (pair[1].stage.start, s.gate.share(pair[1].stage.start));
        // In front of the model's first block the request itself crosses, and no token comes this way.
        let inside = begin > 0;
        let (first, each) = if inside { request.cut(chain, begin as usize, bits) } else { (s.wanted.request_bytes.get(), 0.0) };
        times.ttft_s += route.time_s(first);
        times.total_s += route.time_s(first);
        times.alone_s += comes * route.time_s(first);
        if decodes && inside {
            times.tpot_s += route.time_s(each);
            times.total_s += request.passes * route.time_s(each);
            times.alone_s += comes * request.passes * route.time_s(each);
        }
        book(&route, comes * (first + request.passes * each));
    }
    let (head, tail) = (stages.first()?.device, stages.last()?.device);
    let entry = stages.iter().position(|placed| placed.stage.end > 0)?;
    if entry + 1 < stages.len() && decodes {
        // The new token of each sample goes back to the stage with the model's first block: 4 bytes.
        let route = route::between(scenario, tail, stages[entry].device)?;
        let (bytes, comes) = (4.0 * request.samples, s.gate.share(stages.last()?.stage.end.saturating_sub(1)));
        times.tpot_s += route.time_s(bytes);
        times.total_s += request.passes * route.time_s(bytes);
        times.alone_s += comes * request.passes * route.time_s(bytes);
        book(&route, comes * request.passes * bytes);
    }
    let Some(origin) = s.wanted.origin else { return Some(joules) };
    let (asked, answered) = (s.wanted.request_bytes.get(), s.wanted.answer_bytes.get());
    let one_token = if s.model.kind == ModelKind::Feedforward { answered } else { answered / (request.passes + 1.0) };
    let admitted = s.gate.admitted;
    for (from, to, first, bytes, comes) in [(origin, head, asked, asked, 1.0), (tail, origin, one_token, answered, admitted)] {
        if from != to {
            let route = route::between(scenario, from, to)?;
            times.ttft_s += route.time_s(first);
            times.total_s += route.time_s(bytes);
            times.alone_s += comes * route.time_s(bytes);
            book(&route, comes * bytes);
        }
    }
    if head != origin && admitted < 1.0 {
        // What a filter holds back it answers itself.
        let route = route::between(scenario, head, origin)?;
        times.alone_s += (1.0 - admitted) * route.time_s(answered);
        book(&route, (1.0 - admitted) * answered);
    }
    Some(joules)
}

/// Resident bytes of a stage: its blocks' weights, adapters and state, and what each stage needs beside them.
fn memory(s: &Served<'_>, request: &Request, placed: &Placed<'_>, chain: &[&Block], sequences: f64) -> f64 {
    let precision = placed.precision;
    let blocks = chain.get(placed.stage.start as usize..placed.stage.end as usize).unwrap_or_default();
    let own: f64 = blocks
        .iter()
        .map(|b| {
            s.experts.map_or_else(
                || account::resident_weights(b, precision) * placed.stage.resident_share,
                |e| e.resident(b, precision),
            ) + account::resident_state(b, precision, sequences, request.held)
                + s.adapters.map_or(0.0, |a| a.resident(b))
        })
        .sum();
    let widest = chain.iter().map(|b| account::moved_elements(b)).fold(0.0, f64::max);
    let passing = if s.experts.is_some() { experts::passing(chain, precision) } else { 0.0 };
    own + passing + RUNTIME_BYTES + widest * request.rows() * profiles::activation_bits_held(precision.activation_bits) / 8.0
}

/// Requests at one replica that memory is booked for (Little's law), of a part of all: the longest stay is the deadline,
/// or twice the fastest time on any processor where no deadline bounds it.
fn concurrency(scenario: &Scenario, r: &Resolved<'_>, s: &Served<'_>, request: &Request, share: f64, part: f64) -> f64 {
    let d = &s.wanted.deadline;
    let stay = match (&d.total, &d.ttft, &d.tpot) {
        (Some(total), _, _) => total.value.get(),
        (None, Some(ttft), Some(tpot)) => ttft.value.get() + request.passes * tpot.value.get(),
        _ => 2.0 * fastest(scenario, r, s, request, share),
    };
    // Who survives a loss keeps room in each replica for what the lost one served.
    let serving = if s.wanted.survives_loss { s.replicas.len().saturating_sub(1).max(1) } else { s.replicas.len() };
    (part * s.wanted.rate.value.get() / serving as f64 * stay - 1e-9).ceil().clamp(1.0, f64::from(u32::MAX))
}

/// Fastest request on one processor of any device that may hold a stage, in any mode that can be set.
fn fastest(scenario: &Scenario, r: &Resolved<'_>, s: &Served<'_>, request: &Request, share: f64) -> f64 {
    let blocks = s.model.block_count() as u32;
    let mut best = f64::INFINITY;
    for (d, device) in scenario.devices.iter().enumerate() {
        let reads = share < 1.0 || s.experts.is_some() || s.adapters.is_some_and(|a| a.misses > 0.0);
        if s.wanted.forbidden.iter().any(|f| f.value == d) || (reads && !device.may_stream) {
            continue;
        }
        for mode in super::fleet::settable(r.devices[d].wanted) {
            for processor in &device.profile.processors {
                let spot = Spot { device: &device.profile, mode, processor, clock: 1.0 };
                let looks = match &s.gate.filter {
                    Some(f) => {
                        let all = f.model.block_count() as u32;
                        cost::stage(f.model, (0, all), f.precision, &f.request, spot, Held::WHOLE).map(|c| c.alone_s)
                    }
                    None => Some(0.0),
                };
                let works = cost::stage(s.model, (0, blocks), s.planned.precision, request, spot, s.held(share));
                if let (Some(looks), Some(works)) = (looks, works) {
                    best = best.min(looks + works.alone_s);
                }
            }
        }
    }
    best
}

fn pool_of(r: &Resolved<'_>, placed: &Placed<'_>) -> Option<usize> {
    let profile = &r.devices[placed.device].wanted.profile;
    let name = &profile.processors[placed.processor].memory;
    profile.memories.keys().position(|k| k == name)
}
