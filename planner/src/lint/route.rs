//! The linter's own routes: Dijkstra over sites, where the table builder closes all pairs.

use scenarios::{End, LinkRates, Scenario};

use crate::physics::{COPY_LATENCY_S, link};

/// A way from one device to another, its parts added up (store and forward).
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Route {
    pub(super) latency_s: f64,
    pub(super) s_per_byte: f64,
    pub(super) j_per_byte: f64,
    /// Budgets that its bytes are booked on.
    pub(super) budgets: Vec<Budget>,
}

/// A link whose rate is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Budget {
    /// Inside a site.
    Site(usize),
    /// Number of a link of the scenario.
    Link(usize),
}

impl Route {
    fn of(rates: &LinkRates, budget: Option<Budget>) -> Option<Self> {
        let s_per_byte = link::s_per_byte(rates);
        let route = Self {
            latency_s: link::latency_s(rates),
            s_per_byte,
            j_per_byte: rates.joules_per_byte.get(),
            budgets: budget.into_iter().collect(),
        };
        (s_per_byte.is_finite() && route.latency_s.is_finite()).then_some(route)
    }

    fn then(&self, o: &Self) -> Self {
        Self {
            latency_s: self.latency_s + o.latency_s,
            s_per_byte: self.s_per_byte + o.s_per_byte,
            j_per_byte: self.j_per_byte + o.j_per_byte,
            budgets: self.budgets.iter().chain(&o.budgets).copied().collect(),
        }
    }

    fn shorter(&self, o: &Self) -> bool {
        (self.latency_s, self.s_per_byte) < (o.latency_s, o.s_per_byte)
    }

    /// Time of a message of so many bytes.
    pub(super) fn time_s(&self, bytes: f64) -> f64 {
        self.latency_s + bytes * self.s_per_byte
    }
}

/// Rates of a budget's link.
pub(super) fn rates(scenario: &Scenario, budget: Budget) -> &LinkRates {
    match budget {
        Budget::Site(s) => &scenario.sites[s].link,
        Budget::Link(l) => &scenario.links[l].rates,
    }
}

/// The route between two devices; `None` where there is none.
pub(super) fn between(scenario: &Scenario, from: usize, to: usize) -> Option<Route> {
    if from == to {
        return Some(copy(scenario, from));
    }
    let edges = edges(scenario);
    let own = |e: &&Edge| e.ends == (End::Device(from), End::Device(to));
    if let Some(direct) = edges.iter().find(own) {
        return direct.route.clone();
    }
    let (a, b) = (scenario.devices[from].site, scenario.devices[to].site);
    let inside = |s: usize| {
        let rates = &scenario.sites[s].link;
        Route::of(rates, rates.shared.then_some(Budget::Site(s)))
    };
    let mut best = if a == b { inside(a) } else { None };
    // Ways onto a site's network and off it: the device's own site, or a link of its own to a site.
    let doors = |device: usize, site: usize| -> Vec<(usize, Route)> {
        let mut doors: Vec<_> = inside(site).map(|r| (site, r)).into_iter().collect();
        for e in &edges {
            if let (End::Device(d), End::Site(s), Some(r)) = (e.ends.0, e.ends.1, &e.route)
                && d == device
            {
                doors.push((s, r.clone()));
            }
        }
        doors
    };
    let reached = reach(scenario, &edges, &doors(from, a));
    for (site, last) in doors(to, b) {
        if let Some(path) = &reached[site] {
            let whole = path.then(&last);
            if best.as_ref().is_none_or(|b| whole.shorter(b)) {
                best = Some(whole);
            }
        }
    }
    best
}

/// A link in one direction.
struct Edge {
    ends: (End, End),
    route: Option<Route>,
}

fn edges(scenario: &Scenario) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (i, l) in scenario.links.iter().enumerate() {
        let (a, b) = l.between;
        let private = matches!(l.between, (End::Device(_), End::Device(_))) && !l.rates.shared;
        let route = Route::of(&l.rates, (!private).then_some(Budget::Link(i)));
        edges.push(Edge { ends: (a, b), route: route.clone() });
        edges.push(Edge { ends: (b, a), route });
    }
    edges
}

/// Best way to every site from some starts (Dijkstra by latency, then seconds per byte).
fn reach(scenario: &Scenario, edges: &[Edge], starts: &[(usize, Route)]) -> Vec<Option<Route>> {
    let mut best: Vec<Option<Route>> = vec![None; scenario.sites.len()];
    for (site, route) in starts {
        if best[*site].as_ref().is_none_or(|b| route.shorter(b)) {
            best[*site] = Some(route.clone());
        }
    }
    let mut done = vec![false; best.len()];
    loop {
        let open = (0..best.len()).filter(|&s| !done[s] && best[s].is_some());
        let next = open.min_by(|&x, &y| {
            let key = |s: usize| best[s].as_ref().map_or((f64::INFINITY, f64::INFINITY), |r| (r.latency_s, r.s_per_byte));
            let ((xl, xb), (yl, yb)) = (key(x), key(y));
            xl.total_cmp(&yl).then(xb.total_cmp(&yb))
        });
        let Some(site) = next else { return best };
        done[site] = true;
        for e in edges {
            if let (End::Site(s), End::Site(t), Some(r)) = (e.ends.0, e.ends.1, &e.route)
                && s == site
                && let Some(here) = best[s].clone()
            {
                let there = here.then(r);
                if best[t].as_ref().is_none_or(|b| there.shorter(b)) {
                    best[t] = Some(there);
                }
            }
        }
    }
}

/// Hand-over inside a device: read and written once at the slowest processor's rate and the dearest energy.
fn copy(scenario: &Scenario, device: usize) -> Route {
    let processors = &scenario.devices[device].profile.processors;
    let slowest = processors.iter().map(|p| p.bandwidth.value.get()).fold(f64::INFINITY, f64::min);
    let dearest = processors.iter().map(|p| p.joules_per_byte.value.get()).fold(0.0, f64::max);
    let s_per_byte = if slowest > 0.0 { 2.0 / slowest } else { 0.0 };
    Route { latency_s: COPY_LATENCY_S, s_per_byte, j_per_byte: 2.0 * dearest, budgets: Vec::new() }
}
