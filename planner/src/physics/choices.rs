//! Options of a service as table rows: costs at every place, cuts, messages from and to the origin.

use std::collections::BTreeMap;

use scenarios::{Scenario, Service};

use super::experts::ExpertCache;
use super::fleet::{Fleet, Unit};
use super::gate::Gate;
use super::joined;
use super::model::{Dropped, Label, Reason};
use super::nap::Nap;
use super::network::Network;
use super::request::TOKEN_BYTES;
use super::ways::{self, Way};
use super::{pressure, waiting, work};
use crate::table::{BlockCosts, Choice, Cost, Cut, PlaceId, Transfer};
use profiles::ModelKind;

/// Everything that choices are made from.
pub(super) struct Parts<'a> {
    pub scenario: &'a Scenario,
    pub fleet: &'a Fleet,
    pub network: &'a Network,
    /// Ways that others dominate are offered too.
    pub dominated: bool,
}

/// Appends the choices of one service's ways (numbered from `first` in the fleet's units).
pub(super) fn of_service(
    parts: &Parts<'_>,
    index: usize,
    ways: &[Way<'_>],
    first: usize,
    labels: &mut Vec<Label>,
    heads: &mut BTreeMap<(u32, PlaceId), u32>,
    dropped: &mut Vec<Dropped>,
) -> Vec<Choice> {
    let service = &parts.scenario.services[index];
    let mut choices = Vec::new();
    for offer in offered(parts, index, ways, first, dropped) {
        let way = &ways[offer.ways[0]];
        let concurrency = concurrency(service, way, offer.replicas, offer.alone_s);
        let mixed: Vec<(&Way<'_>, usize)> = offer.ways.iter().map(|&w| (&ways[w], first + w)).collect();
        choices.push(choice(parts, service, &mixed, &offer, concurrency, labels.len() as u32, heads));
        labels.push(label(&mixed, &offer, concurrency));
    }
    choices
}

/// Whether the devices of a copy sleep between requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    Awake,
    Naps,
    /// Each as it likes: a model that answers in one pass needs a device for its own part only.
    Either,
}

/// One option of a service before it is costed.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    /// Its way, then the ways whose weight formats its stages may have instead.
    pub ways: Vec<usize>,
    /// Fastest time of its way on one processor.
    pub alone_s: f64,
    pub replicas: u32,
    pub rest: Rest,
}

/// Most weight formats that the stages of an option differ in, over all services.
pub(super) fn formats(scenario: &Scenario) -> u32 {
    let of = |s: &Service| {
        let mut all: Vec<profiles::WeightFormat> = s.precisions.iter().map(|p| p.weights).collect();
        all.sort_unstable();
        all.dedup();
        if s.mixed && s.max_stages > 1 { all.len() as u32 } else { 1 }
    };
    scenario.services.iter().map(of).max().unwrap_or(1).max(1)
}

/// What one service may choose among: its ways, with the formats that their stages may have instead, with every count
/// of replicas. Looks at no network.
pub(super) fn offered(parts: &Parts<'_>, index: usize, ways: &[Way<'_>], first: usize, dropped: &mut Vec<Dropped>) -> Vec<Offer> {
    let service = &parts.scenario.services[index];
    let mut kept: Vec<(usize, f64)> = Vec::new();
    for (w, way) in ways.iter().enumerate() {
        let reason = usable(parts, service, way, first + w);
        match reason {
            Ok(alone_s) => kept.push((w, alone_s)),
            Err(reason) => dropped.push(Dropped { service: index, what: way.what.clone(), reason }),
        }
    }
    // What another way beats on whole devices it need not beat where two share.
    let survivors = if parts.dominated || !parts.fleet.joined.is_empty() {
        kept
    } else {
        prune(parts, service, ways, first, &kept, index, dropped)
    };
    let devices = ways::allowed(parts.scenario, service).count() as u32;
    let (least, most) = (service.replicas.0.max(1), service.replicas.1.max(service.replicas.0).max(1));
    let mut offered = Vec::new();
    let stages: Vec<Vec<usize>> = survivors.iter().map(|&(w, _)| mixtures(parts, service, ways, first, &survivors, w)).collect();
    for (i, &(w, alone_s)) in survivors.iter().enumerate() {
        for replicas in least..=most {
            if replicas > devices {
                let what = format!("{}, {replicas} replicas", ways[w].what);
                dropped.push(Dropped { service: index, what, reason: Reason::TooFewDevices { replicas } });
                break;
            }
            for &rest in rests(parts, service, &ways[w]) {
                offered.push(Offer { ways: stages[i].clone(), alone_s, replicas, rest });
            }
        }
    }
    offered
}

/// A copy that decodes is one stage where its device sleeps between requests; others mix.
fn rests(parts: &Parts<'_>, service: &Service, way: &Way<'_>) -> &'static [Rest] {
    let naps = |d: usize| parts.fleet.kinds[parts.fleet.kind_of[d]].modes.iter().any(|m| m.nap.is_some());
    if !ways::allowed(parts.scenario, service).any(naps) {
        &[Rest::Awake]
    } else if way.request.passes > 0.0 {
        &[Rest::Awake, Rest::Naps]
    } else {
        &[Rest::Either]
    }
}

/// The ways whose weight formats stages of way `w` may have: itself, and where the service allows it those of the same
/// model that differ in weights alone and answer no worse, but for those that another of the list beats everywhere.
///
/// What such a copy answers is taken as what all of it in the worst of its formats would: an assumption.
fn mixtures(
    parts: &Parts<'_>,
    service: &Service,
    ways: &[Way<'_>],
    first: usize,
    survivors: &[(usize, f64)],
    w: usize,
) -> Vec<usize> {
    let own = &ways[w];
    let mut list = vec![w];
    if !service.mixed || service.max_stages < 2 || own.resident_share < 1.0 || own.gated.filter.is_some() {
        return list;
    }
    let rank = |way: &Way<'_>| (way.accuracy.unwrap_or(1.0), way.precision.weights.bits_per_weight());
    let like = |way: &Way<'_>| {
        way.model == own.model
            && (way.method, way.samples, way.budget) == (own.method, own.samples, own.budget)
            && (way.precision.kv_bits, way.precision.activation_bits) == (own.precision.kv_bits, own.precision.activation_bits)
            && way.precision.weights != own.precision.weights
            && way.resident_share >= 1.0
            && way.gated.gate == own.gated.gate
            && way.adapters.map(|a| a.kept) == own.adapters.map(|a| a.kept)
            && way.cache() == own.cache()
            && way.accuracy.is_some() == own.accuracy.is_some()
            && rank(way) > rank(own)
    };
    let rows = rows(parts, service);
    // All of the list keep memory for as many requests as the way itself.
    let alone_s = survivors.iter().find(|s| s.0 == w).map_or(f64::INFINITY, |s| s.1);
    for &(other, _) in survivors.iter().filter(|s| like(&ways[s.0])) {
        let beaten = list.iter().any(|&l| no_dearer(service, ways, &rows, first, (l, alone_s), (other, alone_s)));
        if !beaten {
            list.push(other);
        }
    }
    list
}

/// The fastest time of a request on one processor with nobody else there, or why the way cannot be used.
fn usable(parts: &Parts<'_>, service: &Service, way: &Way<'_>, number: usize) -> Result<f64, Reason> {
    let alone_s = alone_s(parts, service, way, number);
    if !alone_s.is_finite() {
        return Err(Reason::NoPlace);
    }
    let filter = way.gated.filter.as_ref().map_or(0.0, |f| ways::weight_bytes(f.profile, f.precision));
    let adapters = way.adapters.map_or(0.0, |a| f64::from(a.kept) * a.bytes);
    let own: f64 = way.profile.blocks.iter().map(|g| f64::from(g.count) * way.resident(&g.block)).sum();
    let bytes = own + filter + adapters;
    let forbidden = |d: u32| service.forbidden.iter().any(|f| f.value == d as usize);
    let available: f64 = parts.fleet.pools.iter().filter(|p| !forbidden(p.device)).map(|p| p.capacity_bytes).sum();
    if bytes > available {
        return Err(Reason::TooLarge { bytes, available });
    }
    Ok(alone_s)
}

/// Fastest time over allowed devices, modes and processors; infinite where none can run it.
fn alone_s(parts: &Parts<'_>, service: &Service, way: &Way<'_>, number: usize) -> f64 {
    let mut best = f64::INFINITY;
    let mut seen = vec![false; parts.fleet.kinds.len()];
    for d in ways::allowed(parts.scenario, service) {
        let kind = parts.fleet.kind_of[d];
        if std::mem::replace(&mut seen[kind], true) {
            continue;
        }
        // Memory for waiting requests is kept as if none were shared: what it is must not hang on what may be.
        for row in parts.fleet.kinds[kind].modes.iter().filter(|m| !m.together).flat_map(|m| &m.units) {
            if let Some(unit) = row.get(number).and_then(Option::as_ref) {
                best = best.min(unit.request(way).time_s);
            }
        }
    }
    best
}

/// Requests at one replica that memory is booked for, of those that the model's first block sees.
fn concurrency(service: &Service, way: &Way<'_>, replicas: u32, alone_s: f64) -> u32 {
    present(service, way, replicas, alone_s, way.gated.admitted())
}

/// Requests of a share at one replica at once: Little's law with the deadline as the longest stay, or twice the fastest
/// time where no deadline says. Independent of the plan.
fn present(service: &Service, way: &Way<'_>, replicas: u32, alone_s: f64, share: f64) -> u32 {
    let d = &service.deadline;
    let tokens = match (&d.ttft, &d.tpot) {
        (Some(ttft), Some(tpot)) => Some(ttft.value.get() + way.request.passes * tpot.value.get()),
        _ => None,
    };
    let stay_s = d.total.as_ref().map(|t| t.value.get()).or(tokens).unwrap_or(2.0 * alone_s);
    let rate = share * service.rate.value.get() / f64::from(replicas);
    // A hair below, so that a product that is whole in decimals stays whole.
    (rate * stay_s - 1e-9).ceil().clamp(1.0, f64::from(u32::MAX)) as u32
}

fn label(mixed: &[(&Way<'_>, usize)], offer: &Offer, concurrency: u32) -> Label {
    let way = mixed[0].0;
    Label {
        formats: mixed.iter().map(|(way, _)| way.precision.weights).collect(),
        naps: offer.rest == Rest::Naps,
        gate: way.gated.gate,
        adapters: way.adapters.map(|a| a.kept),
        experts: way.cache(),
        service: way.service,
        model: way.model,
        precision: way.precision,
        method: way.method,
        samples: way.samples,
        budget: way.budget,
        replicas: offer.replicas,
        resident_share: way.resident_share,
        accuracy: way.accuracy,
        benchmark: way.benchmark.clone(),
        bits_per_weight: ways::mean_bits(way.profile, way.precision),
        concurrency,
        needs_verifier: way.method == scenarios::Method::BestOfN,
        kv_assumed: way.precision.kv_bits < 16 && way.accuracy.is_some(),
    }
}

/// Resident bytes of one block of each group: weights, adapters, cache and state for the booked concurrency.
fn group_bytes(way: &Way<'_>, concurrency: u32) -> Vec<f64> {
    let sequences = f64::from(concurrency) * way.request.samples;
    let of = |g: &profiles::BlockGroup| {
        way.resident(&g.block)
            + work::state_resident_bytes(&g.block, way.precision, sequences, way.request.held_tokens)
            + way.adapters.map_or(0.0, |a| a.resident(&g.block))
    };
    way.profile.blocks.iter().map(of).collect()
}

/// Resident bytes of a stage beside its blocks: runtime, activations of one pass at the model's widest block, and experts on
/// their way.
#[must_use]
pub(super) fn stage_bytes(way: &Way<'_>) -> f64 {
    let blocks = || way.profile.blocks.iter().map(|g| &g.block);
    let widest = blocks().map(work::activations).fold(0.0, f64::max);
    let passing = |b| if way.experts.is_some() { ExpertCache::passing(b, way.precision) } else { 0.0 };
    let passing = blocks().map(passing).fold(0.0, f64::max);
    passing
        + pressure::RUNTIME_BYTES
        + widest * way.request.rows() * profiles::activation_bits_held(way.precision.activation_bits) / 8.0
}

fn choice(
    parts: &Parts<'_>,
    service: &Service,
    mixed: &[(&Way<'_>, usize)],
    offer: &Offer,
    concurrency: u32,
    label: u32,
    heads: &mut BTreeMap<(u32, PlaceId), u32>,
) -> Choice {
    let way = mixed[0].0;
    let bytes: Vec<Vec<f64>> = mixed.iter().map(|(way, _)| group_bytes(way, concurrency)).collect();
    let looking = present(service, way, offer.replicas, offer.alone_s, 1.0);
    let fleet = parts.fleet;
    let at = fleet.places.iter().enumerate().map(|(place_number, place)| {
        let forbidden = |d: usize| service.forbidden.iter().any(|f| f.value == d);
        if forbidden(place.device as usize) {
            return None;
        }
        if let Some(pair) = fleet.joined.iter().find(|j| j.lead == place.device as usize) {
            if forbidden(pair.partner) || offer.rest == Rest::Naps {
                return None;
            }
            let (way, _) = *mixed.get(place.format as usize)?;
            let (costs, first) = joined::block_costs(parts, service, way, concurrency, place, pair)?;
            heads.insert((label, place_number as u32), first);
            return Some(costs);
        }
        let (mode, kind) = (place.mode as usize, fleet.kind_of[place.device as usize]);
        let kind_mode = &fleet.kinds[kind].modes[fleet.kind_mode[mode]];
        let (way, number) = *mixed.get(place.format as usize)?;
        let resting = match offer.rest {
            Rest::Awake => kind_mode.nap.is_none(),
            Rest::Naps => kind_mode.nap.is_some(),
            Rest::Either => true,
        };
        let unit = kind_mode.units.get(place.processor as usize)?.get(number)?.as_ref().filter(|_| resting)?;
        let wait = waiting::slowdown(service.arrivals, fleet.labels[mode].level, service.deadline.percentile.get());
        // Each of two processors has its runtime and its activations.
        let runtimes = if unit.heads.is_some() { 2.0 } else { 1.0 };
        let stage = runtimes * stage_bytes(way);
        if let Some(first) = unit.heads {
            heads.insert((label, place_number as u32), first);
        }
        let bytes = Resident { groups: &bytes[place.format as usize], stage, looking };
        Some(block_costs(way, unit, wait, &bytes, kind_mode.nap))
    });
    let cuts = chain_cuts(service, way);
    let (enter, leave) = ingress(parts, service, way);
    Choice {
        label,
        blocks: cuts.len() as u32,
        replicas: offer.replicas,
        accuracy: way.accuracy.unwrap_or(1.0),
        max_stages: if offer.rest == Rest::Naps { 1 } else { service.max_stages.max(1) },
        at: at.collect(),
        enter,
        leave,
        cuts,
        loop_start: way.gated.lead(),
        return_bytes: TOKEN_BYTES * way.request.samples,
        passes: way.request.passes,
    }
}

/// One cost of a request from its time in prefill and in decode.
pub(super) fn cost(way: &Way<'_>, prefill_s: f64, decode_s: f64, wait: f64, dynamic_j: f64, bytes: f64) -> Cost {
    let r = &way.request;
    let (first, each) = (r.items * prefill_s, if r.passes > 0.0 { decode_s } else { 0.0 });
    let busy_s = first + r.passes * each;
    Cost { ttft_s: wait * first, tpot_s: wait * each, total_s: wait * busy_s, busy_s, dynamic_j, bytes }
}

/// Resident bytes of a way's blocks by group, and of a stage beside them; requests at its filter at once.
struct Resident<'a> {
    groups: &'a [f64],
    stage: f64,
    looking: u32,
}

/// Adds all parts of a cost.
fn add(to: &mut Cost, c: &Cost) {
    to.ttft_s += c.ttft_s;
    to.tpot_s += c.tpot_s;
    to.total_s += c.total_s;
    to.busy_s += c.busy_s;
    to.dynamic_j += c.dynamic_j;
    to.bytes += c.bytes;
}

/// The cost where a share of the requests comes: their times as they are, booked time and energy as means over all.
fn of_share(c: Cost, share: f64) -> Cost {
    Cost { busy_s: share * c.busy_s, dynamic_j: share * c.dynamic_j, ..c }
}

fn block_costs(way: &Way<'_>, unit: &Unit, wait: f64, bytes: &Resident<'_>, nap: Option<Nap>) -> BlockCosts {
    let standing_w = nap.map_or(0.0, |n| n.standing_w);
    let awake = |mut c: Cost| {
        c.dynamic_j += standing_w * c.busy_s;
        c
    };
    let woken = |mut c: Cost| {
        if let Some(nap) = nap {
            c.dynamic_j += nap.wake_j;
            c.ttft_s += wait * nap.wake_s;
            c.total_s += wait * nap.wake_s;
            c.busy_s += nap.wake_s;
        }
        c
    };
    let gated = &way.gated;
    let blocks: usize = way.profile.blocks.iter().map(|g| g.count as usize).sum();
    let mut sum = Vec::with_capacity(blocks + 2);
    let mut total = Cost::default();
    sum.push(total);
    let o = unit.pass_overhead_s;
    let begin = awake(cost(way, o, o, wait, 0.0, bytes.stage));
    let mut first = begin;
    if let (Some(spent), Some(filter)) = (unit.filter, &gated.filter) {
        let once = |s: f64, j: f64, bytes: f64| {
            awake(Cost { ttft_s: wait * s, tpot_s: 0.0, total_s: wait * s, busy_s: s, dynamic_j: j, bytes })
        };
        add(&mut total, &once(spent.time_s, spent.energy_j, filter.bytes(bytes.looking)));
        sum.push(total);
        first = once(o * filter.request.items, 0.0, filter.stage_bytes());
        // A stage that goes on with the model begins that, too; one that begins with it has this in its first block.
        add(&mut total, &of_share(begin, gated.admitted()));
    }
    for ((g, (prefill, decode)), &bytes) in way.profile.blocks.iter().zip(&unit.groups).zip(bytes.groups) {
        let energy = way.request.items * prefill.energy_j + way.request.passes * decode.energy_j;
        let mut one = awake(cost(way, prefill.time_s, decode.time_s, wait, energy, bytes));
        if let (Some((s_per_byte, j_per_byte)), Some(adapters)) = (unit.paging, &way.adapters) {
            // A request that misses waits for its adapter; how many do counts in booked time and energy.
            let (load, m) = (adapters.beside(&g.block), adapters.misses);
            let load_s = load * s_per_byte;
            let paged = Cost { ttft_s: wait * load_s, total_s: wait * load_s, busy_s: m * load_s, ..Cost::default() };
            add(&mut one, &awake(Cost { dynamic_j: m * load * j_per_byte, ..paged }));
        }
        for _ in 0..g.count {
            add(&mut total, &of_share(one, gated.share(sum.len() as u32 - 1)));
            sum.push(total);
        }
    }
    let per_stage = woken(first);
    if gated.gate == Gate::Open {
        return BlockCosts { sum, per_stage, begins: Vec::new() };
    }
    let begins = (0..sum.len() as u32 - 1).map(|b| match b.cmp(&gated.lead()) {
        std::cmp::Ordering::Less => per_stage,
        std::cmp::Ordering::Equal if gated.filter.is_some() => of_share(woken(Cost::default()), gated.share(b)),
        _ => of_share(woken(begin), gated.share(b)),
    });
    let begins = begins.collect();
    BlockCosts { sum, per_stage, begins }
}

/// Cuts of a way's chain: behind a filter the whole request crosses, behind a gate a share of the requests.
fn chain_cuts(service: &Service, way: &Way<'_>) -> Vec<Cut> {
    let mut all = cuts(way);
    if way.gated.filter.is_some() {
        all[0] = Cut { prefill_bytes: service.request_bytes.get(), ..Cut::default() };
        all.insert(0, Cut::default());
    }
    for (b, cut) in (0..).zip(&mut all) {
        cut.share = way.gated.share(b);
    }
    all
}

/// What crosses each cut. Before a decoder block the encoder's output crosses, for every decoder block attends to it;
/// between blocks that do not decode nothing crosses in decode. Into the head only the last position crosses.
pub(super) fn cuts(way: &Way<'_>) -> Vec<Cut> {
    let (r, bytes) = (&way.request, profiles::activation_bits_sent(way.precision.activation_bits) / 8.0);
    let mut cuts = Vec::new();
    let mut before = Cut::default();
    for g in &way.profile.blocks {
        let width = g.block.output_width as f64 * bytes;
        let after = Cut {
            prefill_bytes: if work::in_prefill(&g.block) { r.items * r.prefill.tokens * width } else { before.prefill_bytes },
            decode_bytes: if work::in_decode(&g.block) && r.passes > 0.0 { r.samples * width } else { 0.0 },
            share: 1.0,
        };
        before.prefill_bytes *= work::tokens_seen(&g.block, r.prefill.tokens) / r.prefill.tokens;
        for i in 0..g.count {
            cuts.push(if i == 0 { before } else { after });
            if i == 0 {
                before = after;
            }
        }
    }
    cuts
}

/// Messages between the origin and each device; empty where requests arise on the spot.
fn ingress(parts: &Parts<'_>, service: &Service, way: &Way<'_>) -> (Vec<Transfer>, Vec<Transfer>) {
    let Some(origin) = service.origin else { return (Vec::new(), Vec::new()) };
    let n = parts.scenario.devices.len();
    let (asked, answered) = (service.request_bytes.get(), service.answer_bytes.get());
    // The first token of an answer travels alone; an answer of one pass travels whole.
    let first = match way.profile.kind {
        ModelKind::Feedforward => answered,
        _ => answered / (way.request.passes + 1.0),
    };
    let transfer = |from: usize, to: usize, first: f64, bytes: f64| {
        if from == to {
            return Transfer::default();
        }
        let hop = &parts.network.hops[from * n + to];
        let time = |bytes: f64| hop.latency_s + bytes * hop.s_per_byte;
        Transfer {
            ttft_s: time(first),
            total_s: time(bytes),
            energy_j: bytes * hop.j_per_byte,
            bytes,
            segments: hop.segments.clone(),
        }
    };
    let (mut enter, mut leave): (Vec<Transfer>, Vec<Transfer>) =
        (0..n).map(|d| (transfer(origin, d, asked, asked), transfer(d, origin, first, answered))).unzip();
    if way.gated.filter.is_some() {
        // What a filter holds back it answers from where it is; the others' answers come from the last stage. A route
        // and its way back are booked on the same links.
        let admitted = way.gated.admitted();
        for (there, back) in enter.iter_mut().zip(&mut leave) {
            there.energy_j += (1.0 - admitted) * back.energy_j;
            there.bytes += (1.0 - admitted) * back.bytes;
            back.energy_j *= admitted;
            back.bytes *= admitted;
        }
    }
    (enter, leave)
}

/// Leaves out ways that another way of the same model matches or beats in everything at every place.
fn prune(
    parts: &Parts<'_>,
    service: &Service,
    ways: &[Way<'_>],
    first: usize,
    kept: &[(usize, f64)],
    index: usize,
    dropped: &mut Vec<Dropped>,
) -> Vec<(usize, f64)> {
    let rows = rows(parts, service);
    let beats = |(a, alone_a): (usize, f64), (b, alone_b): (usize, f64)| {
        let (wa, wb) = (&ways[a], &ways[b]);
        wa.model == wb.model
            && wa.gated.gate == wb.gated.gate
            && wa.adapters.map(|a| a.kept) == wb.adapters.map(|a| a.kept)
            && wa.cache() == wb.cache()
            && wa.accuracy.unwrap_or(1.0) >= wb.accuracy.unwrap_or(1.0)
            && wa.accuracy.is_some() == wb.accuracy.is_some()
            && no_dearer(service, ways, &rows, first, (a, alone_a), (b, alone_b))
    };
    let mut survivors: Vec<(usize, f64)> = Vec::new();
    for (i, &b) in kept.iter().enumerate() {
        let by = kept.iter().enumerate().find(|&(j, &a)| j != i && beats(a, b) && (j < i || !beats(b, a)));
        match by {
            Some((_, &(a, _))) => {
                let reason = Reason::Dominated { by: ways[a].what.clone() };
                dropped.push(Dropped { service: index, what: ways[b.0].what.clone(), reason });
            }
            None => survivors.push(b),
        }
    }
    survivors
}

/// Costs of all ways on each processor in each mode of the kinds of device that a service may use.
fn rows<'a>(parts: &'a Parts<'_>, service: &Service) -> Vec<&'a Vec<Option<Unit>>> {
    let mut kinds: Vec<usize> = ways::allowed(parts.scenario, service).map(|d| parts.fleet.kind_of[d]).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.iter().flat_map(|&k| &parts.fleet.kinds[k].modes).flat_map(|m| &m.units).collect()
}

/// Whether way `a` costs no more than way `b` of anything at every place, each with its fastest time alone.
fn no_dearer(
    service: &Service,
    ways: &[Way<'_>],
    rows: &[&Vec<Option<Unit>>],
    first: usize,
    (a, alone_a): (usize, f64),
    (b, alone_b): (usize, f64),
) -> bool {
    let (wa, wb) = (&ways[a], &ways[b]);
    wa.request.passes <= wb.request.passes
        && wa.request.samples <= wb.request.samples
        && wa.precision.activation_bits <= wb.precision.activation_bits
        && stage_bytes(wa) <= stage_bytes(wb)
        && no_more(&group_bytes(wa, concurrency(service, wa, 1, alone_a)), &group_bytes(wb, concurrency(service, wb, 1, alone_b)))
        && rows.iter().all(|row| match (&row[first + a], &row[first + b]) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(ua), Some(ub)) => cheaper(wa, ua, wb, ub),
        })
}

fn no_more(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a <= b)
}

/// No block costs more time or energy in either phase.
fn cheaper(wa: &Way<'_>, a: &Unit, wb: &Way<'_>, b: &Unit) -> bool {
    a.groups.iter().zip(&b.groups).all(|((pa, da), (pb, db))| {
        pa.time_s <= pb.time_s
            && da.time_s <= db.time_s
            && wa.request.items * pa.energy_j + wa.request.passes * da.energy_j
                <= wb.request.items * pb.energy_j + wb.request.passes * db.energy_j
    })
}

#[cfg(test)]
mod tests;
