//! A bounded set of mutually non-dominated points.
//!
//! Bounded by crowding (NSGA-II, Deb et al. 2002): it grows to a soft limit and is then thinned to
//! the hard one, the most crowded point first, never the best of an objective (AMOSA's two limits,
//! Bandyopadhyay et al. 2008, with crowding distance in place of clustering).

#[cfg(test)]
mod tests;

/// Power, latency, inaccuracy, underuse: all to be small.
pub type Point = [f64; 4];

/// A newcomer within this share of every objective's range of a member is no news.
const GRAIN: f64 = 5e-4;

/// No worse in all and better in one.
#[must_use]
pub fn dominates(a: &Point, b: &Point) -> bool {
    covers(a, b) && a.iter().zip(b).any(|(x, y)| x < y)
}

/// No worse in all.
#[must_use]
pub fn covers(a: &Point, b: &Point) -> bool {
    a.iter().zip(b).all(|(x, y)| x <= y)
}

/// Amount of domination between two points: the geometric mean, over the objectives in which they
/// differ, of the difference relative to that objective's range; 0 to 1. AMOSA prints the plain
/// product; the root takes away its dependence on how many objectives differ.
#[must_use]
pub fn amount(a: &Point, b: &Point, range: &Point) -> f64 {
    let (mut product, mut n) = (1.0, 0);
    for i in 0..a.len() {
        let d = (a[i] - b[i]).abs();
        if d > 0.0 {
            product *= (d / range[i].max(d)).min(1.0);
            n += 1;
        }
    }
    match n {
        0 => 0.0,
        1 => product,
        2 => product.sqrt(),
        n => product.powf(1.0 / f64::from(n)),
    }
}

/// A member: where it stands, its scalar objective and what it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Member<T> {
    pub point: Point,
    pub objective: f64,
    pub item: T,
}

/// The archive.
#[derive(Clone, Debug)]
pub struct Archive<T> {
    limit: usize,
    members: Vec<Member<T>>,
    low: Point,
    high: Point,
}

impl<T> Archive<T> {
    /// An archive that keeps at most `limit` members once thinned; at least eight.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Archive { limit: limit.max(8), members: Vec::new(), low: [f64::INFINITY; 4], high: [f64::NEG_INFINITY; 4] }
    }

    #[must_use]
    pub fn members(&self) -> &[Member<T>] {
        &self.members
    }

    #[must_use]
    pub fn into_members(mut self) -> Vec<Member<T>> {
        self.thin(self.limit);
        self.members
    }

    /// Range of each objective over the members and the given points.
    #[must_use]
    pub fn range(&self, more: &[&Point]) -> Point {
        std::array::from_fn(|i| {
            let low = more.iter().map(|p| p[i]).fold(self.low[i], f64::min);
            let high = more.iter().map(|p| p[i]).fold(self.high[i], f64::max);
            if high > low { high - low } else { 0.0 }
        })
    }

    /// Offers a point; `make` is called when it is kept.
    pub fn offer(&mut self, point: Point, objective: f64, make: impl FnOnce() -> T) -> bool {
        if self.members.iter().any(|m| covers(&m.point, &point)) {
            return false;
        }
        let before = self.members.len();
        self.members.retain(|m| !covers(&point, &m.point));
        let news = before > self.members.len() || self.is_best(&point, objective) || !self.near(&point);
        if !news {
            return false;
        }
        self.members.push(Member { point, objective, item: make() });
        if self.members.len() > self.limit + self.limit / 2 {
            self.thin(self.limit);
        }
        self.measure();
        true
    }

    fn is_best(&self, point: &Point, objective: f64) -> bool {
        (0..4).any(|i| point[i] < self.low[i]) || self.members.iter().all(|m| objective < m.objective)
    }

    fn near(&self, point: &Point) -> bool {
        self.members.iter().any(|m| (0..4).all(|i| m.point[i] <= point[i] + GRAIN * (self.high[i] - self.low[i])))
    }

    fn measure(&mut self) {
        for i in 0..4 {
            self.low[i] = self.members.iter().map(|m| m.point[i]).fold(f64::INFINITY, f64::min);
            self.high[i] = self.members.iter().map(|m| m.point[i]).fold(f64::NEG_INFINITY, f64::max);
        }
    }

    /// Removes the most crowded until `limit` are left.
    pub fn thin(&mut self, limit: usize) {
        while self.members.len() > limit {
            let distance = self.crowding();
            let Some(worst) = (0..distance.len()).min_by(|&a, &b| distance[a].total_cmp(&distance[b])) else { break };
            self.members.remove(worst);
        }
        self.measure();
    }

    /// Crowding distance of each member; infinite for the best of each objective and of the scalar one.
    #[must_use]
    pub fn crowding(&self) -> Vec<f64> {
        let n = self.members.len();
        let mut distance = vec![0.0; n];
        let mut order: Vec<usize> = (0..n).collect();
        for i in 0..4 {
            let key = |m: usize| self.members[m].point[i];
            order.sort_by(|&a, &b| key(a).total_cmp(&key(b)).then(a.cmp(&b)));
            let range = order.last().map_or(0.0, |&l| key(l) - key(order[0]));
            if range <= 0.0 {
                continue;
            }
            distance[order[0]] = f64::INFINITY;
            for w in order.windows(3) {
                distance[w[1]] += (key(w[2]) - key(w[0])) / range;
            }
            distance[order[n - 1]] += 1.0;
        }
        if let Some(best) = (0..n).min_by(|&a, &b| self.members[a].objective.total_cmp(&self.members[b].objective)) {
            distance[best] = f64::INFINITY;
        }
        distance
    }
}
