//! Routes between devices, and links whose rate is a budget.
//!
//! Two devices of a site are one site link apart, unless a link of their own joins them, which then
//! wins. Between sites a message crosses the sender's site link, links between sites along the route of
//! least latency, and the receiver's site link; a device with a link of its own to another site may take
//! that one. Devices do not forward. Latencies, seconds per byte (store and forward) and joules per byte add
//! up along a route. No route: infinite latency.

use scenarios::{End, LinkRates, Scenario};

use super::link;
use crate::table::{Hop, Segment};

/// Hand-over of a message between two processors of one device, seconds. Assumed: a queue and a kernel launch.
pub const COPY_LATENCY_S: f64 = 20e-6;

/// All hops, row-major, and the budgets.
pub(super) struct Network {
    pub hops: Vec<Hop>,
    pub segments: Vec<Segment>,
}

/// Part of a route.
#[derive(Clone, Debug)]
struct Leg {
    latency_s: f64,
    s_per_byte: f64,
    j_per_byte: f64,
    segments: Vec<u32>,
}

impl Leg {
    const NONE: Leg = Leg { latency_s: f64::INFINITY, s_per_byte: 0.0, j_per_byte: 0.0, segments: Vec::new() };
    const HERE: Leg = Leg { latency_s: 0.0, s_per_byte: 0.0, j_per_byte: 0.0, segments: Vec::new() };

    fn over(rates: &LinkRates, segment: Option<u32>) -> Self {
        let s_per_byte = link::s_per_byte(rates);
        if !s_per_byte.is_finite() {
            return Self::NONE;
        }
        Self {
            latency_s: link::latency_s(rates),
            s_per_byte,
            j_per_byte: rates.joules_per_byte.get(),
            segments: segment.into_iter().collect(),
        }
    }

    fn then(&self, next: &Self) -> Self {
        if !(self.latency_s + next.latency_s).is_finite() {
            return Self::NONE;
        }
        Self {
            latency_s: self.latency_s + next.latency_s,
            s_per_byte: self.s_per_byte + next.s_per_byte,
            j_per_byte: self.j_per_byte + next.j_per_byte,
            segments: self.segments.iter().chain(&next.segments).copied().collect(),
        }
    }

    /// Least latency, then fewest seconds a byte.
    fn before(&self, other: &Self) -> bool {
        self.latency_s.total_cmp(&other.latency_s).then(self.s_per_byte.total_cmp(&other.s_per_byte)).is_lt()
    }

    fn hop(self) -> Hop {
        Hop { latency_s: self.latency_s, s_per_byte: self.s_per_byte, j_per_byte: self.j_per_byte, segments: self.segments }
    }
}

/// Routes of a scenario.
pub(super) fn of(scenario: &Scenario) -> Network {
    let booked = scenario.limits.booked_link.value.get();
    let mut segments = Vec::new();
    let mut segment = |rates: &LinkRates, name: String| {
        segments.push(Segment { name, capacity_bytes_s: link::capacity_bytes_s(rates, booked) });
        segments.len() as u32 - 1
    };
    let local: Vec<Leg> = scenario
        .sites
        .iter()
        .map(|s| {
            let budget = s.link.shared.then(|| segment(&s.link, format!("{} {}", s.name, s.link.kind)));
            Leg::over(&s.link, budget)
        })
        .collect();
    let links: Vec<(End, End, Leg)> = scenario
        .links
        .iter()
        .map(|l| {
            let (a, b) = l.between;
            let between_devices = matches!((a, b), (End::Device(_), End::Device(_)));
            let budget = (l.rates.shared || !between_devices)
                .then(|| segment(&l.rates, format!("{}–{} {}", end_name(scenario, a), end_name(scenario, b), l.rates.kind)));
            (a, b, Leg::over(&l.rates, budget))
        })
        .collect();
    let between = between_sites(scenario.sites.len(), &links);
    let n = scenario.devices.len();
    // Ways out of (and into) a device: its own site, and sites that it has a link to.
    let doors: Vec<Vec<(usize, &Leg)>> = (0..n)
        .map(|d| {
            let site = scenario.devices[d].site;
            let own = links.iter().filter_map(|(a, b, leg)| match (a, b) {
                (End::Device(x), End::Site(s)) | (End::Site(s), End::Device(x)) if *x == d => Some((*s, leg)),
                _ => None,
            });
            std::iter::once((site, &local[site])).chain(own).collect()
        })
        .collect();
    let mut hops = Vec::with_capacity(n * n);
    for from in 0..n {
        for to in 0..n {
            hops.push(if from == to {
                copy(scenario, from)
            } else {
                route(scenario, &links, &local, &between, &doors, from, to).hop()
            });
        }
    }
    Network { hops, segments }
}

fn end_name(scenario: &Scenario, end: End) -> &str {
    match end {
        End::Device(d) => &scenario.devices[d].name,
        End::Site(s) => &scenario.sites[s].name,
    }
}

/// Least latency between every two sites over links between sites (Floyd and Warshall).
fn between_sites(sites: usize, links: &[(End, End, Leg)]) -> Vec<Vec<Leg>> {
    let mut best: Vec<Vec<Leg>> = vec![vec![Leg::NONE; sites]; sites];
    for (s, row) in best.iter_mut().enumerate() {
        row[s] = Leg::HERE;
    }
    for (a, b, leg) in links {
        if let (End::Site(a), End::Site(b)) = (a, b) {
            for (x, y) in [(*a, *b), (*b, *a)] {
                if leg.before(&best[x][y]) {
                    best[x][y] = leg.clone();
                }
            }
        }
    }
    for via in 0..sites {
        for from in 0..sites {
            if !best[from][via].latency_s.is_finite() {
                continue;
            }
            for to in 0..sites {
                let longer = best[from][via].latency_s + best[via][to].latency_s;
                if longer > best[from][to].latency_s || from == via || via == to {
                    continue;
                }
                let detour = best[from][via].then(&best[via][to]);
                if detour.before(&best[from][to]) {
                    best[from][to] = detour;
                }
            }
        }
    }
    best
}

fn route(
    scenario: &Scenario,
    links: &[(End, End, Leg)],
    local: &[Leg],
    between: &[Vec<Leg>],
    doors: &[Vec<(usize, &Leg)>],
    from: usize,
    to: usize,
) -> Leg {
    let joins =
        |a: End, b: End| matches!((a, b), (End::Device(x), End::Device(y)) if (x, y) == (from, to) || (y, x) == (from, to));
    if let Some((_, _, leg)) = links.iter().find(|(a, b, _)| joins(*a, *b)) {
        return leg.clone();
    }
    let mut best = Leg::NONE;
    if scenario.devices[from].site == scenario.devices[to].site {
        best = local[scenario.devices[from].site].clone();
    }
    for (a, out) in &doors[from] {
        for (b, into) in &doors[to] {
            let latency = out.latency_s + between[*a][*b].latency_s + into.latency_s;
            if latency <= best.latency_s && latency.is_finite() {
                let path = out.then(&between[*a][*b]).then(into);
                if path.before(&best) {
                    best = path;
                }
            }
        }
    }
    best
}

/// Copy between two processors of a device: read once and written once, at the rate of the slower one.
fn copy(scenario: &Scenario, device: usize) -> Hop {
    let processors = &scenario.devices[device].profile.processors;
    let slowest = processors.iter().map(|p| p.bandwidth.value.get()).fold(f64::INFINITY, f64::min);
    let dearest = processors.iter().map(|p| p.joules_per_byte.value.get()).fold(0.0, f64::max);
    Hop {
        latency_s: COPY_LATENCY_S,
        s_per_byte: if slowest > 0.0 { 2.0 / slowest } else { 0.0 },
        j_per_byte: 2.0 * dearest,
        segments: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
