//! Where each joule and each millisecond goes.

use super::{Material, finite};
use crate::physics::waiting;
use crate::table::{Chain, Choice, Cost, PlaceId, Service};
use protocol::Plan;
use reports::{Bar, BarKind, EnergyPart, LatencyParts};

/// Fleet power in parts that add up to it: standing power by device, dynamic power by device and service, the network.
pub(super) fn energy(m: &Material<'_>) -> Vec<EnergyPart> {
    let (plan, total) = (m.plan, m.plan.totals.power_w);
    let rate: f64 = plan.services.iter().map(|s| s.rate_hz).sum();
    let part = |device: &str, service: Option<&str>, component: &str, power_w: f64| EnergyPart {
        device: device.into(),
        service: service.map(Into::into),
        component: component.into(),
        power_w,
        energy_per_request_j: if rate > 0.0 { power_w / rate } else { 0.0 },
        share: if total > 0.0 { power_w / total } else { 0.0 },
        quality: reports::Quality::Modelled,
    };
    let mut parts = Vec::new();
    let mut devices_w = 0.0;
    for d in &plan.devices {
        let e = &d.expected;
        devices_w += e.power_w;
        if !d.awake {
            parts.push(part(&d.name, None, "sleep", e.power_w));
            continue;
        }
        parts.push(part(&d.name, None, "idle", (e.power_w - e.dynamic_w - e.leakage_w).max(0.0)));
        parts.push(part(&d.name, None, "leakage", e.leakage_w));
        for s in &plan.services {
            let dynamic_w = dynamic(plan, &s.name, &d.name);
            if dynamic_w > 0.0 {
                parts.push(part(&d.name, Some(&s.name), "dynamic", dynamic_w));
            }
        }
    }
    let network_w = total - devices_w;
    if network_w > 1e-9 * total {
        parts.push(part("network", None, "network", network_w));
    }
    parts.retain(|p| p.power_w > 0.0 && p.power_w.is_finite());
    parts
}

/// Mean dynamic power that a service spends on a device, watts.
fn dynamic(plan: &Plan, service: &str, device: &str) -> f64 {
    let of = |s: &protocol::PlannedService| -> f64 {
        let stages = |r: &protocol::Replica| {
            let own = |st: &protocol::PlannedStage| {
                let other = st.partner.as_ref().filter(|p| p.device == device).map_or(0.0, |p| p.dynamic_j);
                other + if st.device == device { st.dynamic_j } else { 0.0 }
            };
            r.stages.iter().map(own).sum::<f64>() * r.share
        };
        s.rate_hz * s.replicas.iter().map(stages).sum::<f64>()
    };
    plan.services.iter().filter(|s| s.name == service).map(of).sum()
}

/// Each service with its option and first chain (all replicas are served alike; the first stands for them).
fn chains<'a>(m: &'a Material<'_>) -> Vec<(&'a Service, &'a Choice, &'a Chain)> {
    let Some((assignment, _)) = &m.solution.best else { return Vec::new() };
    let pairs = m.model.table.services.iter().zip(&assignment.services);
    pairs.filter_map(|(s, d)| d.as_ref().and_then(|d| Some((s, &s.options[d.option as usize], d.chains.first()?)))).collect()
}

/// One stage in the parts that the drawings show, seconds.
struct StageTime {
    place: PlaceId,
    /// Without waiting.
    prefill_s: f64,
    decode_s: f64,
    prefill_waiting_s: f64,
    decode_waiting_s: f64,
}

/// Of a request that goes all the way. Waiting multiplies prefill and decode alike, as the load level says.
fn stage_times(m: &Material<'_>, service: &Service, option: &Choice, chain: &Chain) -> Vec<StageTime> {
    let wanted = m.scenario.services.iter().find(|s| s.name == service.name);
    let time = |stage: &crate::table::Stage| {
        let c: Cost = option.at[stage.place as usize].as_ref().map_or_else(Cost::default, |at| at.stage(stage.start, stage.end));
        let level = m.model.modes[m.model.table.places[stage.place as usize].mode as usize].level;
        let work = wanted.map_or(1.0, |w| 1.0 / waiting::slowdown(w.arrivals, level, w.deadline.percentile.get()));
        let decode = (c.total_s - c.ttft_s).max(0.0);
        StageTime {
            place: stage.place,
            prefill_s: c.ttft_s * work,
            decode_s: decode * work,
            prefill_waiting_s: c.ttft_s * (1.0 - work),
            decode_waiting_s: decode * (1.0 - work),
        }
    };
    chain.stages.iter().map(time).collect()
}

pub(super) fn latency(m: &Material<'_>) -> Vec<LatencyParts> {
    let one = |(service, option, chain): (&Service, &Choice, &Chain)| {
        let times = stage_times(m, service, option, chain);
        let sum = |get: fn(&StageTime) -> f64| times.iter().map(get).sum::<f64>();
        let planned = m.plan.services.iter().find(|s| s.name == service.name).and_then(|s| s.replicas.first());
        let (prefill_s, decode_s) = (sum(|t| t.prefill_s), sum(|t| t.decode_s));
        let waiting_s = sum(|t| t.prefill_waiting_s + t.decode_waiting_s);
        let total_s = planned.map_or(prefill_s + decode_s + waiting_s, |r| r.total_s);
        let hops_s = (total_s - prefill_s - decode_s - waiting_s).max(0.0);
        LatencyParts {
            service: service.name.clone(),
            prefill_s,
            decode_s,
            hops_s,
            waiting_s,
            total_s,
            quality: reports::Quality::Modelled,
        }
    };
    chains(m).into_iter().map(one).filter(|l| finite(l.total_s).is_some()).collect()
}

/// One request through each service: prefill through the stages in turn, then the decode passes of each stage in sum.
pub(super) fn timeline(m: &Material<'_>) -> Vec<Bar> {
    chains(m)
        .into_iter()
        .flat_map(|(service, option, chain)| request(m, service, option, chain))
        .filter(|b| b.end_s > b.start_s && b.end_s.is_finite())
        .collect()
}

/// A stage's blocks in words, its model's own numbers.
fn blocks(option: &Choice, stage: &crate::table::Stage) -> String {
    let lead = option.loop_start;
    let own = format!("blocks {}-{}", stage.start.saturating_sub(lead), stage.end.saturating_sub(lead));
    match (stage.start < lead, stage.end <= lead) {
        (true, true) => "filter".to_owned(),
        (true, false) => format!("filter and {own}"),
        _ => own,
    }
}

fn request(m: &Material<'_>, service: &Service, option: &Choice, chain: &Chain) -> Vec<Bar> {
    let table = &m.model.table;
    let device = |p: PlaceId| table.places[p as usize].device;
    let track = |p: PlaceId| {
        let place = &table.places[p as usize];
        let d = &m.scenario.devices[place.device as usize];
        format!("{}/{}", d.name, crate::present::processor(d, place.processor as usize))
    };
    let (mut bars, mut now) = (Vec::new(), 0.0);
    let mut push = |track: String, label: String, kind: BarKind, seconds: f64, now: &mut f64| {
        bars.push(Bar {
            service: service.name.clone(),
            track,
            label,
            kind,
            start_s: *now,
            end_s: *now + seconds,
            quality: reports::Quality::Modelled,
        });
        *now += seconds;
    };
    let times = stage_times(m, service, option, chain);
    let (Some(first), Some(last)) = (chain.stages.first(), chain.stages.last()) else { return Vec::new() };
    if let Some(enter) = option.enter.get(device(first.place) as usize) {
        push("network".into(), "request in".into(), BarKind::Transfer, enter.total_s, &mut now);
    }
    for (i, (stage, t)) in chain.stages.iter().zip(&times).enumerate() {
        if i > 0 {
            let hop = table.hop(device(chain.stages[i - 1].place), device(stage.place));
            let bytes = option.cuts[stage.start as usize].prefill_bytes;
            let inside = stage.start > option.loop_start || option.loop_start == 0;
            push(
                "network".into(),
                if inside { "activations of the prompt" } else { "the request, past the filter" }.into(),
                BarKind::Transfer,
                hop.latency_s + bytes * hop.s_per_byte,
                &mut now,
            );
        }
        push(track(t.place), "waiting".into(), BarKind::Waiting, t.prefill_waiting_s, &mut now);
        push(track(t.place), format!("prefill, {}", blocks(option, stage)), BarKind::Prefill, t.prefill_s, &mut now);
    }
    for (stage, t) in chain.stages.iter().zip(&times) {
        push(track(t.place), "waiting".into(), BarKind::Waiting, t.decode_waiting_s, &mut now);
        push(
            track(t.place),
            format!("{} decode passes in sum, {}", option.passes, blocks(option, stage)),
            BarKind::Decode,
            t.decode_s,
            &mut now,
        );
    }
    let decoding: f64 = option
        .messages(|i| chain.stages[i].start, chain.stages.len())
        .filter(|message| message.decode.is_some())
        .map(|message| {
            let hop = table.hop(device(chain.stages[message.from].place), device(chain.stages[message.to].place));
            option.passes * message.seconds(hop)[1]
        })
        .sum();
    if decoding > 0.0 {
        push("network".into(), "activations of all decode passes in sum".into(), BarKind::Transfer, decoding, &mut now);
    }
    if let Some(leave) = option.leave.get(device(last.place) as usize) {
        push("network".into(), "answer out".into(), BarKind::Transfer, leave.total_s, &mut now);
    }
    bars
}
