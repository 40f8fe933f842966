//! The least that one service costs under given prices of capacities: the pricing problem of [`super::decompose`].
//!
//! Over all ways and all multisets of device classes that hold a stage each: layers may be fractions, stages
//! are whole, the deadline holds. On a multiset that is a linear program of one coupling row; its dual in the
//! price of a second is piecewise linear with a kink wherever two classes change places, so it is solved by
//! looking at the kinks.

use super::fleet::Goal;
use super::view::{Even, LIMITS, STAGES, WATTS};

/// Prices: of the whole of a device's capacities, by class; and of a service's stage on a class.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prices {
    /// The sums of `lines`.
    pub capacity: Vec<[f64; LIMITS]>,
    /// By class, capacity and line.
    pub lines: Vec<f64>,
    /// Stream-major, by class.
    pub touch: Vec<f64>,
}

impl Prices {
    /// Of lines and touches.
    pub(super) fn of(even: &Even, lines: Vec<f64>, touch: Vec<f64>) -> Prices {
        let mut at = lines.iter();
        let capacity =
            even.classes.iter().map(|class| std::array::from_fn(|i| at.by_ref().take(class.lines[i].len()).sum::<f64>()));
        Prices { capacity: capacity.collect(), lines, touch }
    }

    /// Of capacities, as if each had its first line alone.
    pub(super) fn first(even: &Even, capacity: &[[f64; LIMITS]]) -> Prices {
        let each = even.classes.iter().zip(capacity).flat_map(|(class, own)| class.lines.iter().zip(own));
        let lines = each.flat_map(|(lines, own)| (0..lines.len()).map(move |n| if n == 0 { *own } else { 0.0 })).collect();
        Prices::of(even, lines, vec![0.0; even.streams.len() * even.classes.len()])
    }
}

/// What is decided of a service: options it does not take, classes it has no stage on, and one at least; a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub skip: u64,
    pub never: u64,
    pub must: u64,
}

impl Rule {
    /// Options and classes that have a bit.
    pub(super) const BITS: usize = 64;

    /// Both at once.
    pub(super) fn and(self, other: Rule) -> Rule {
        Rule { skip: self.skip | other.skip, never: self.never | other.never, must: self.must | other.must }
    }
}

/// A deployment over classes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub stream: usize,
    pub way: usize,
    /// Watts and the rest of the goal, waking not counted.
    pub cost: f64,
    /// Class, stages, shares of its devices' capacities.
    pub uses: Vec<(usize, f64, [f64; LIMITS])>,
}

/// A class as the holder of a stage.
#[derive(Clone, Copy, Debug, Default)]
struct Seat {
    class: usize,
    fit: f64,
    copies: usize,
    each: f64,
    once: f64,
    each_s: f64,
    once_s: f64,
}

/// Stages of one way: how many, their layers and classes.
#[derive(Clone, Copy, Debug)]
struct Set {
    len: usize,
    layers: [f64; STAGES],
    classes: [usize; STAGES],
}

/// Buffers and the count of work.
#[derive(Debug)]
pub(super) struct Pricer {
    seats: Vec<Seat>,
    picked: [usize; STAGES],
    layers: f64,
    most: usize,
    cap_s: f64,
    /// Price of a second in the last set that the deadline shaped, and by way what it was in the end.
    second: f64,
    seconds: Vec<f64>,
    /// By seat: the least price of a layer from there on, at that price of a second, and its least seconds.
    ahead: Vec<(f64, f64)>,
    best: f64,
    found: Option<Set>,
    /// Seats that must be picked, a bit each.
    must: u64,
    /// Multisets looked at.
    pub work: u64,
}

impl Default for Pricer {
    fn default() -> Self {
        Pricer {
            seats: Vec::new(),
            picked: [0; STAGES],
            layers: 0.0,
            most: 0,
            cap_s: 0.0,
            second: 0.0,
            seconds: Vec::new(),
            ahead: Vec::new(),
            best: f64::INFINITY,
            found: None,
            must: 0,
            work: 0,
        }
    }
}

impl Pricer {
    /// Whether a deployment of a stream by a way with a stage on a class may cost less than `limit` under prices.
    pub(super) fn within(
        &mut self,
        even: &Even,
        goal: &Goal,
        prices: &Prices,
        most: &[f64],
        (j, way, class): (usize, usize, usize),
        limit: f64,
    ) -> bool {
        self.cap_s = even.streams[j].cap_s;
        if class >= Rule::BITS {
            return true;
        }
        if !self.seat(even, goal, prices, most, (j, way), Rule { must: 1 << class, ..Rule::default() }) {
            return false;
        }
        self.best = limit - goal.inaccuracy * even.ways[way].inaccuracy;
        self.found = None;
        self.dive(0, 0, 0, Filled { left: self.layers, ..Filled::default() });
        self.found.is_some()
    }

    /// The least cost of a stream under prices by its rule, and the deployment; infinite where it has none.
    pub(super) fn least(
        &mut self,
        even: &Even,
        goal: &Goal,
        prices: &Prices,
        most: &[f64],
        (j, rule): (usize, Rule),
    ) -> (f64, Option<Column>) {
        let stream = &even.streams[j];
        let second = goal.latency * stream.per_s;
        let mut best: Option<(f64, usize, Set)> = None;
        self.cap_s = stream.cap_s;
        for (o, way) in stream.ways.clone().enumerate() {
            let fixed = goal.inaccuracy * even.ways[way].inaccuracy;
            let skipped = rule.skip != 0 && rule.skip >> o & 1 == 1;
            if skipped || !self.seat(even, goal, prices, most, (j, way), rule) {
                continue;
            }
            self.best = best.as_ref().map_or(f64::INFINITY, |b| b.0) - fixed;
            self.found = None;
            self.dive(0, 0, 0, Filled { left: self.layers, ..Filled::default() });
            self.seconds[way] = self.second;
            if let Some(set) = self.found {
                best = Some((self.best + fixed, way, set));
            }
        }
        let Some((value, way, set)) = best else { return (f64::INFINITY, None) };
        let cost = goal.inaccuracy * even.ways[way].inaccuracy;
        let mut column = Column { stream: j, way, cost, uses: Vec::with_capacity(set.len) };
        for (n, class) in set.layers.iter().zip(&set.classes).take(set.len) {
            let cell = even.cell(way, *class);
            let shares: [f64; LIMITS] = std::array::from_fn(|i| n * cell.layer[i] + cell.stage[i]);
            column.cost += goal.power * (n * cell.layer[WATTS] + cell.stage[WATTS]) + second * (n * cell.layer_s + cell.stage_s);
            match column.uses.iter_mut().find(|u| u.0 == *class) {
                Some(u) => {
                    u.1 += 1.0;
                    u.2.iter_mut().zip(shares).for_each(|(a, b)| *a += b);
                }
                None => column.uses.push((*class, 1.0, shares)),
            }
        }
        (value, Some(column))
    }

    /// Lays out the seats of a way by a rule; false where a class that must be one cannot.
    fn seat(&mut self, even: &Even, goal: &Goal, prices: &Prices, most: &[f64], (j, way): (usize, usize), rule: Rule) -> bool {
        let (w, classes) = (&even.ways[way], even.classes.len());
        let second = goal.latency * even.streams[j].per_s;
        self.seats.clear();
        for (c, most) in most.iter().enumerate() {
            let cell = even.cell(way, c);
            if cell.fit == 0 || *most < 0.5 || rule.never != 0 && rule.never >> c & 1 == 1 {
                continue;
            }
            let worth = |s: &[f64; 4]| (0..LIMITS).map(|i| prices.capacity[c][i] * s[i]).sum::<f64>();
            self.seats.push(Seat {
                class: c,
                fit: f64::from(cell.fit.min(w.layers)),
                copies: (most + 0.5) as usize,
                each: goal.power * cell.layer[WATTS] + second * cell.layer_s + worth(&cell.layer),
                once: goal.power * cell.stage[WATTS] + second * cell.stage_s + worth(&cell.stage) + prices.touch[j * classes + c],
                each_s: cell.layer_s,
                once_s: cell.stage_s,
            });
        }
        self.seats
            .sort_unstable_by(|a, b| a.each.total_cmp(&b.each).then(a.each_s.total_cmp(&b.each_s)).then(a.class.cmp(&b.class)));
        (self.layers, self.most) = (f64::from(w.layers), w.stages as usize);
        self.seconds.resize(even.ways.len(), 0.0);
        self.guess(self.seconds[way]);
        self.must = 0;
        if rule.must == 0 {
            return true;
        }
        let musts = self.seats.iter().enumerate().filter(|(_, s)| rule.must >> s.class & 1 == 1).map(|(i, _)| 1 << i);
        self.must = musts.fold(0, |all, bit: u64| all | bit);
        self.must.count_ones() == rule.must.count_ones()
    }

    /// Takes a price of a second for bounds.
    fn guess(&mut self, second: f64) {
        self.second = second;
        self.ahead.clear();
        self.ahead.resize(self.seats.len() + 1, (f64::INFINITY, f64::INFINITY));
        let mut least = (f64::INFINITY, f64::INFINITY);
        for (seat, ahead) in self.seats.iter().zip(&mut self.ahead).rev() {
            least = (least.0.min(seat.each + second * seat.each_s), least.1.min(seat.each_s));
            *ahead = least;
        }
    }

    /// The least that all layers cost on the picked seats and any number of others at `others` a layer; `each`: on a seat.
    fn filled(&self, len: usize, others: f64, each: impl Fn(&Seat) -> f64) -> f64 {
        let (mut keys, mut fits) = ([0.0; STAGES], [0.0; STAGES]);
        for i in 0..len {
            let seat = &self.seats[self.picked[i]];
            let key = each(seat);
            // Few enough to be sorted as they come.
            let mut at = i;
            while at > 0 && key < keys[at - 1] {
                (keys[at], fits[at]) = (keys[at - 1], fits[at - 1]);
                at -= 1;
            }
            (keys[at], fits[at]) = (key, seat.fit);
        }
        let (mut left, mut cost) = (self.layers, 0.0);
        for (key, fit) in keys.iter().zip(&fits).take(len) {
            if left <= 0.0 || *key >= others {
                break;
            }
            let n = fit.min(left);
            cost += n * key;
            left -= n;
        }
        if left > 0.0 { cost + left * others } else { cost }
    }

    /// Whether no multiset with the picked seats, and others from `from` on, is both in time and news.
    fn hopeless(&self, len: usize, from: usize, with: &Filled) -> bool {
        let (second, ahead) = (self.second, self.ahead[from]);
        if with.once_s + self.filled(len, ahead.1, |s| s.each_s) > self.cap_s * (1.0 + 1e-12) {
            return true;
        }
        // The dual at any price of a second is below the optimum.
        let layers = || self.filled(len, ahead.0, |s| s.each + second * s.each_s);
        second > 0.0 && with.once + second * (with.once_s - self.cap_s) + layers() >= self.best
    }

    /// Extends the multiset by seats from `from` on; `had`: those of the musts that are in it. Seats rise in the price of
    /// a layer, so what is picked is full where the deadline does not matter.
    fn dive(&mut self, depth: usize, from: usize, had: u64, so_far: Filled) {
        let missing = self.must & !had;
        if missing.count_ones() as usize > self.most - depth {
            return;
        }
        // Seats are picked in order: behind one that must be, it cannot be any more.
        let last = if missing == 0 { self.seats.len() } else { missing.trailing_zeros() as usize + 1 };
        for i in from..last {
            let seat = self.seats[i];
            let least = so_far.cost + so_far.left * seat.each;
            if least >= self.best {
                break;
            }
            if least + seat.once >= self.best || self.picked[..depth].iter().filter(|p| **p == i).count() >= seat.copies {
                continue;
            }
            self.work += 1;
            self.picked[depth] = i;
            let n = seat.fit.min(so_far.left);
            let with = Filled {
                cost: so_far.cost + seat.once + n * seat.each,
                seconds: so_far.seconds + seat.once_s + n * seat.each_s,
                once: so_far.once + seat.once,
                once_s: so_far.once_s + seat.once_s,
                left: so_far.left - n,
            };
            if with.once_s > self.cap_s || self.layers < (depth + 1) as f64 {
                continue;
            }
            let others = if depth + 1 < self.most { i } else { self.seats.len() };
            if self.hopeless(depth + 1, others, &with) {
                continue;
            }
            let whole = with.left <= 0.0;
            let had = if self.must == 0 { 0 } else { had | self.must & 1 << i };
            let missing = self.must != had;
            if whole && !missing {
                self.settle(depth + 1, &with);
            }
            // Another stage helps who still has layers to place, or is late, or has to be somewhere.
            if depth + 1 < self.most && (!whole || missing || with.seconds > self.cap_s) {
                self.dive(depth + 1, i, had, with);
            }
        }
    }

    /// Fills the picked seats by a price of a second: cost and seconds of layers, layers.
    fn fill(&self, len: usize, price: f64) -> (f64, f64, [f64; STAGES]) {
        let (mut keys, mut order) = ([0.0; STAGES], [0; STAGES]);
        for i in 0..len {
            let s = &self.seats[self.picked[i]];
            let key = s.each + price * s.each_s;
            // Few enough to be sorted as they come; of equals the faster first.
            let mut at = i;
            let faster = |than: usize| s.each_s < self.seats[self.picked[than]].each_s;
            while at > 0 && (key < keys[at - 1] || key <= keys[at - 1] && faster(order[at - 1])) {
                (keys[at], order[at]) = (keys[at - 1], order[at - 1]);
                at -= 1;
            }
            (keys[at], order[at]) = (key, i);
        }
        let (mut left, mut cost, mut seconds, mut layers) = (self.layers, 0.0, 0.0, [0.0; STAGES]);
        for &i in &order[..len] {
            let s = &self.seats[self.picked[i]];
            let n = s.fit.min(left);
            layers[i] = n;
            left -= n;
            cost += n * s.each;
            seconds += n * s.each_s;
        }
        (cost, seconds, layers)
    }

    /// The least cost on the picked seats, where it is news.
    fn settle(&mut self, len: usize, with: &Filled) {
        if with.cost >= self.best {
            return;
        }
        let (once, free) = (with.once, self.cap_s - with.once_s);
        if with.seconds <= self.cap_s {
            let (cost, _, layers) = self.fill(len, 0.0);
            self.take(len, once + cost, layers);
            return;
        }
        // Without others it may be.
        if self.hopeless(len, self.seats.len(), with) || self.filled(len, f64::INFINITY, |s| s.each_s) > free {
            return;
        }
        let (cost, seconds, layers) = self.fill(len, 0.0);
        // Kinks of the dual; it is concave, so the best of them is its top.
        let (mut prices, mut count) = ([0.0; STAGES * STAGES], 0);
        for a in 0..len {
            for b in a + 1..len {
                let (x, y) = (&self.seats[self.picked[a]], &self.seats[self.picked[b]]);
                if x.each < y.each && x.each_s > y.each_s {
                    prices[count] = (y.each - x.each) / (x.each_s - y.each_s);
                    count += 1;
                }
            }
        }
        prices[..count].sort_unstable_by(f64::total_cmp);
        // The last order that is late and the first that is not: between them is the optimum.
        let mut late = (cost, seconds, layers);
        for price in &prices[..count] {
            let next = self.fill(len, price * (1.0 + 1e-9) + 1e-300);
            if next.1 <= free {
                let x = if late.1 > next.1 { (late.1 - free) / (late.1 - next.1) } else { 1.0 };
                let cost = late.0 + x * (next.0 - late.0);
                let layers = std::array::from_fn(|i| late.2[i] + x * (next.2[i] - late.2[i]));
                if once + cost < self.best {
                    self.take(len, once + cost, layers);
                    self.guess(*price);
                }
                return;
            }
            late = next;
        }
    }

    fn take(&mut self, len: usize, cost: f64, layers: [f64; STAGES]) {
        self.best = cost;
        let classes = std::array::from_fn(|i| if i < len { self.seats[self.picked[i]].class } else { 0 });
        self.found = Some(Set { len, layers, classes });
    }
}

/// A multiset in the making, filled without regard to the deadline.
#[derive(Clone, Copy, Debug, Default)]
struct Filled {
    cost: f64,
    seconds: f64,
    once: f64,
    once_s: f64,
    /// Layers without a seat.
    left: f64,
}
