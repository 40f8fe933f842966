//! Rows of a table in which two devices that share stages are one.
//!
//! Such a device stands where the first of the two does; the second sleeps on no power, and nothing runs there. It is in a
//! mode of each at once, both at one load level: in the same mode where the two are alike, else in any. Its memory is that of
//! both together, its power the least that the modes' two curves give for the sum of their loads, and it sustains what
//! both do: each of these is true of every pair of loads that both devices bear, so that what is proved about the table
//! holds. Whether each half keeps to its own memory and its own heat is looked at in [`crate::pairs`].

use scenarios::{Scenario, Service};

use super::choices;
use super::fleet::Fleet;
use super::gate::Gate;
use super::model::{Joined, ModeLabel, PartnerMode};
use super::network::Network;
use super::pressure;
use super::shared::{self, Half, Sharing};
use super::waiting;
use super::ways::Way;
use crate::table::{self, BlockCosts, Cost, Line, Mode, Place, Pool};

/// Adds the rows of a joined device where its first one stands.
pub(super) fn rows(fleet: &mut Fleet, scenario: &Scenario, joined: &Joined, levels: &[f64], formats: u32) {
    let (a, b) = (&scenario.devices[joined.lead], &scenario.devices[joined.partner]);
    let pools = pools(fleet, scenario, joined);
    let first_mode = fleet.modes.len() as u32;
    let (ka, kb) = (fleet.kind_of[joined.lead], fleet.kind_of[joined.partner]);
    let alone = |m: &super::fleet::KindMode| m.nap.is_none() && !m.together;
    let awake = |k: usize| (0..fleet.kinds[k].modes.len()).filter(|&m| alone(&fleet.kinds[k].modes[m])).collect::<Vec<_>>();
    let (of_a, of_b) = (awake(ka), awake(kb));
    let both = of_a.iter().flat_map(|&x| of_b.iter().map(move |&y| (x, y))).filter(|(x, y)| ka != kb || x == y);
    for (x, y) in both.collect::<Vec<_>>() {
        let (one, other) = (&fleet.kinds[ka].modes[x], &fleet.kinds[kb].modes[y]);
        if one.dynamic_cap_w <= 0.0 || other.dynamic_cap_w <= 0.0 {
            continue;
        }
        let curve = together(&one.curve, &other.curve);
        let dynamic_cap_w = one.dynamic_cap_w + other.dynamic_cap_w;
        let (mode, clock) = (one.mode, one.clock);
        let partner = PartnerMode { mode: other.mode, clock: other.clock };
        let name = |profile: &profiles::DeviceProfile, mode: usize, clock: f64| {
            let id = profile.modes.get(mode).map_or("", |m| m.id.as_str());
            if clock < 1.0 { format!("{id}@{clock}") } else { id.to_owned() }
        };
        let (mine, theirs) = (name(&a.profile, mode, clock), name(&b.profile, partner.mode, partner.clock));
        let named = if mine == theirs { mine } else { format!("{mine} + {theirs}") };
        for &level in levels {
            let number = fleet.modes.len() as u32;
            let first_place = fleet.places.len() as u32;
            let mut slots: Vec<u32> = Vec::new();
            for format in 0..formats {
                for (i, (&(processor, _), &pool)) in joined.processors.iter().zip(&pools).enumerate() {
                    let own = fleet.places.len() as u32;
                    if format == 0 {
                        slots.push(own);
                    }
                    let (device, processor) = (joined.lead as u32, processor as u32);
                    fleet.places.push(Place { mode: number, device, processor, pool, slot: slots[i], format });
                }
            }
            let name = if levels.len() > 1 { format!("{named} to {:.0} %", 100.0 * level) } else { named.clone() };
            fleet.modes.push(Mode {
                device: joined.lead as u32,
                name,
                throttled: clock < 1.0 || partner.clock < 1.0,
                booked_cap: level,
                dynamic_cap_w,
                curve: curve.clone(),
                places: first_place..fleet.places.len() as u32,
            });
            fleet.labels.push(ModeLabel {
                device: joined.lead,
                mode,
                clock,
                level,
                naps: false,
                together: false,
                partner: Some(partner),
            });
            fleet.kind_mode.push(x);
        }
    }
    fleet.devices.push(table::Device {
        name: format!("{} + {}", a.name, b.name),
        sleep_w: a.profile.sleep.power.value.get() + b.profile.sleep.power.value.get(),
        may_sleep: a.may_sleep && b.may_sleep,
        needs: None,
        modes: first_mode..fleet.modes.len() as u32,
        class: 0,
    });
}

/// The second of the two: nothing runs there by itself, and the first has its power.
pub(super) fn absent(fleet: &mut Fleet, name: &str) {
    let end = fleet.modes.len() as u32;
    fleet.devices.push(table::Device {
        name: name.to_owned(),
        sleep_w: 0.0,
        may_sleep: true,
        needs: None,
        modes: end..end,
        class: 0,
    });
}

/// One pool for each pair of memories that matched processors use; the pool of each pair of processors.
fn pools(fleet: &mut Fleet, scenario: &Scenario, joined: &Joined) -> Vec<u32> {
    let mut known: Vec<(String, u32)> = Vec::new();
    let devices = [joined.lead, joined.partner].map(|d| &scenario.devices[d]);
    let of = |&(p, q): &(usize, usize)| {
        let names = [(0, p), (1, q)].map(|(i, at): (usize, usize)| devices[i].profile.processors[at].memory.clone());
        let capacity_bytes = (0..2).map(|i| capacity_bytes(devices[i], &names[i])).sum();
        let name = if names[0] == names[1] { names[0].clone() } else { names.join(" + ") };
        if let Some((_, pool)) = known.iter().find(|(n, _)| *n == name) {
            return *pool;
        }
        let pool = fleet.pools.len() as u32;
        fleet.pools.push(Pool { device: joined.lead as u32, name: name.clone(), capacity_bytes });
        known.push((name, pool));
        pool
    };
    joined.processors.iter().map(of).collect()
}

/// What plans may fill of a memory.
fn capacity_bytes(device: &scenarios::Device, memory: &str) -> f64 {
    let usable = device.profile.memories.get(memory).map_or(0.0, |m| m.size.value.get() * m.usable.value.get());
    pressure::capacity_bytes(usable, device.memory_margin.value.get())
}

/// The least power of two devices by the sum of their loads: the flatter pieces of both curves first.
pub(super) fn together(a: &[Line], b: &[Line]) -> Vec<Line> {
    let (mut at, mut x) = (value(a, 0.0) + value(b, 0.0), 0.0);
    let mut pieces: Vec<(f64, f64)> = pieces(a).into_iter().chain(pieces(b)).collect();
    pieces.sort_by(|p, q| p.0.total_cmp(&q.0));
    let mut lines: Vec<Line> = Vec::new();
    for (slope, length) in pieces {
        if lines.last().is_none_or(|l| slope > l.slope) {
            lines.push(Line { base_w: at - slope * x, slope });
        }
        if !length.is_finite() {
            break;
        }
        x += length;
        at += slope * length;
    }
    lines
}

fn value(lines: &[Line], x: f64) -> f64 {
    lines.iter().map(|l| l.base_w + l.slope * x).fold(f64::NEG_INFINITY, f64::max)
}

/// The pieces of the largest of some lines from 0 on: slope and length, the last without end.
fn pieces(lines: &[Line]) -> Vec<(f64, f64)> {
    let mut out = Vec::new();
    let mut x = 0.0;
    let top = |x: f64| {
        let height = value(lines, x);
        let touching = lines.iter().filter(move |l| l.base_w + l.slope * x >= height - 1e-12 * height.abs().max(1.0));
        touching.copied().max_by(|p, q| p.slope.total_cmp(&q.slope))
    };
    let Some(mut on) = top(0.0) else { return out };
    loop {
        let meets = lines.iter().filter(|l| l.slope > on.slope).map(|l| ((on.base_w - l.base_w) / (l.slope - on.slope), *l));
        let next = meets.filter(|(at, _)| *at >= x).min_by(|p, q| p.0.total_cmp(&q.0).then(q.1.slope.total_cmp(&p.1.slope)));
        let Some((to, line)) = next else {
            out.push((on.slope, f64::INFINITY));
            return out;
        };
        out.push((on.slope, to - x));
        (x, on) = (to, line);
    }
}

/// Costs of one option on a joined place, and the KV heads of its first device; `None` where it cannot run there.
pub(super) fn block_costs(
    parts: &choices::Parts<'_>,
    service: &Service,
    way: &Way<'_>,
    concurrency: u32,
    place: &Place,
    joined: &Joined,
) -> Option<(BlockCosts, u32)> {
    let whole = way.resident_share >= 1.0 && way.gated.gate == Gate::Open && way.adapters.is_none();
    if !whole || !way.precision.weights.divides() {
        return None;
    }
    let (fleet, scenario, network): (&Fleet, &Scenario, &Network) = (parts.fleet, parts.scenario, parts.network);
    let label = &fleet.labels[place.mode as usize];
    let halves = halves(scenario, joined, label, place.processor as usize)?;
    let n = scenario.devices.len();
    let sharing = Sharing {
        model: way.profile,
        precision: way.precision,
        request: &way.request,
        sequences: f64::from(concurrency) * way.request.samples,
        hop: network.hops.get(joined.lead * n + joined.partner)?,
    };
    if !sharing.hop.latency_s.is_finite() {
        return None;
    }
    let devices = [joined.lead, joined.partner].map(|d| &scenario.devices[d]);
    let capacity = [0, 1].map(|i| capacity_bytes(devices[i], &halves[i].profile.processors[halves[i].processor].memory));
    let (first, groups) = sharing.split(halves, capacity)?;
    let wait = waiting::slowdown(service.arrivals, label.level, service.deadline.percentile.get());
    // Joules of the link are no load of a device: over the steepest line they count as at most what they are.
    let steepest = fleet.modes[place.mode as usize].curve.iter().map(|l| l.slope).fold(1.0, f64::max);
    let sent_j = |bytes: f64| bytes * sharing.hop.j_per_byte / steepest;
    let r = &way.request;
    let mut total = Cost::default();
    let mut sum = vec![total];
    for g in &groups {
        let own_j = |t: &shared::Together| t.halves[0].energy_j + t.halves[1].energy_j + sent_j(t.sent_bytes);
        let dynamic_j = r.items * own_j(&g.prefill) + r.passes * own_j(&g.decode);
        let one = choices::cost(way, g.prefill.time_s, g.decode.time_s, wait, dynamic_j, g.bytes[0] + g.bytes[1]);
        for _ in 0..g.count {
            total.ttft_s += one.ttft_s;
            total.tpot_s += one.tpot_s;
            total.total_s += one.total_s;
            total.busy_s += one.busy_s;
            total.dynamic_j += one.dynamic_j;
            total.bytes += one.bytes;
            sum.push(total);
        }
    }
    let overhead = shared::overhead_s(halves)?;
    let (begin, each) = (sharing.begin(r.prefill), sharing.begin(r.decode));
    let beside: f64 = sharing.beside_bytes().iter().sum();
    let begun_j = sent_j(r.items * begin.1 + r.passes * each.1);
    let per_stage = choices::cost(way, overhead + begin.0, overhead + each.0, wait, begun_j, beside);
    Some((BlockCosts { sum, per_stage, begins: Vec::new() }, first))
}

/// The two halves of a joined device in a mode, on the pair of processors of the first's so-numbered one.
pub(crate) fn halves<'a>(scenario: &'a Scenario, joined: &Joined, label: &ModeLabel, processor: usize) -> Option<[Half<'a>; 2]> {
    let partner = label.partner?;
    let &(own, other) = joined.processors.iter().find(|(p, _)| *p == processor)?;
    let profile = |d: usize| &scenario.devices[d].profile;
    Some([
        Half { profile: profile(joined.lead), mode: label.mode, clock: label.clock, processor: own },
        Half { profile: profile(joined.partner), mode: partner.mode, clock: partner.clock, processor: other },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn curve(base: f64, steps: &[(f64, f64)]) -> Vec<Line> {
        let (mut at, mut x) = (base, 0.0);
        let mut lines = Vec::new();
        for &(slope, length) in steps {
            lines.push(Line { base_w: at - slope * x, slope });
            (at, x) = (at + slope * length, x + length);
        }
        lines
    }

    #[test]
    fn two_equal_curves_share_alike() {
        let one = curve(3.0, &[(1.0, 2.0), (1.1, 3.0), (1.3, 1.0)]);
        let both = together(&one, &one);
        for d in [0.0, 1.0, 3.9, 4.0, 7.0, 10.0, 12.0] {
            assert!((value(&both, d) - 2.0 * value(&one, d / 2.0)).abs() < 1e-12, "{d}");
        }
    }

    proptest! {
        #[test]
        fn no_split_of_a_load_draws_less(
            (a, b) in (0.0..5.0f64, 0.0..5.0f64), (s, t) in (1.0..1.5f64, 1.0..1.5f64), lengths in prop::collection::vec(0.1..4.0f64, 4),
            (x, y) in (0.0..9.0f64, 0.0..9.0f64),
        ) {
            let one = curve(a, &[(1.0, lengths[0]), (s, lengths[1]), (s + 0.2, 1.0)]);
            let other = curve(b, &[(1.05, lengths[2]), (t + 0.1, lengths[3])]);
            let both = together(&one, &other);
            prop_assert!(value(&both, x + y) <= value(&one, x) + value(&other, y) + 1e-9);
            // And some split draws as much.
            let least = (0..=2000).map(|i| (x + y) * f64::from(i) / 2000.0).map(|d| value(&one, d) + value(&other, x + y - d));
            let least = least.fold(f64::INFINITY, f64::min);
            prop_assert!(least - value(&both, x + y) < 0.02, "{least}");
        }
    }
}
