//! Energy by a hardware counter: the difference of two reads, whatever happened between.

#[cfg(test)]
mod tests;

use super::{Doubt, Lap};
use crate::clock::Stamp;
use crate::missing::Missing;
use crate::reading::Grain;

/// Where nobody tells a limit: no device that this project knows draws more, W.
const CEILING_W: f64 = 10_000.0;
/// Nothing that this project runs on draws less, W.
const LEAST_W: f64 = 0.5;
/// A counter that has not moved for so many of its updates is stuck.
const STUCK_UPDATES: f64 = 3.0;
/// An interval of more than so many nominal ones is a gap.
pub(super) const GAP: f64 = 2.5;

/// Integrates one counter.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    nominal_s: f64,
    grain: Grain,
    start: Stamp,
    last: Option<(Stamp, f64)>,
    /// When the value last moved, or was first read.
    moved: Stamp,
    /// It has moved once: only then does the time to the next move tell a rate.
    moving: bool,
    /// Mean power between moves: least and most since the beginning, W.
    rates: Option<(f64, f64)>,
    /// Why the last read failed.
    lost: Option<String>,
    vanished: bool,
    lap: Lap,
}

impl Counter {
    /// Counts from `start`, with reads that are meant to come every `nominal_s` seconds.
    pub(super) fn new(start: Stamp, nominal_s: f64) -> Self {
        Self {
            nominal_s,
            grain: Grain::FINE,
            start,
            last: None,
            moved: start,
            moving: false,
            rates: None,
            lost: None,
            vanished: false,
            lap: Lap::default(),
        }
    }

    fn ceiling(&self) -> f64 {
        self.grain.ceiling_w.unwrap_or(CEILING_W)
    }

    /// The most power seen; before the first move, the most that can be.
    fn most(&self) -> f64 {
        self.rates.map_or(self.ceiling(), |(_, most)| most)
    }

    /// Takes a read at a moment: J, or why not.
    pub(super) fn observe(&mut self, at: Stamp, value: Result<(f64, Grain), &Missing>) {
        let (value, grain) = match value {
            Ok(read) => read,
            Err(missing) => {
                self.vanished |= matches!(missing, Missing::Absent { .. });
                self.lost = Some(missing.to_string());
                return;
            }
        };
        self.grain = grain;
        self.lap.samples += 1;
        match self.last {
            None => {
                self.moved = at;
                self.uncovered(at.since_s(self.start));
                self.lap.bound_j += at.slack.as_secs_f64() * self.ceiling();
            }
            Some((then, before)) => self.step(then, before, at, value),
        }
        self.last = Some((at, value));
        self.lost = None;
    }

    fn step(&mut self, then: Stamp, before: f64, at: Stamp, value: f64) {
        let dt = at.since_s(then);
        self.lap.max_gap_s = self.lap.max_gap_s.max(dt);
        self.lap.check_clock(at, then);
        if dt <= 0.0 {
            self.moved = at;
            return;
        }
        // The last lap ended without a read: nobody knows which joules are whose.
        self.uncovered(self.start.since_s(then));
        if self.vanished {
            // It came back: perhaps from zero.
            self.lap.doubt(Doubt::Reset);
            self.vanished = false;
        }
        let room = self.ceiling() * (dt + self.grain.update_s) + 2.0 * self.grain.resolution;
        let delta = self.delta(before, value, dt, room);
        self.lap.joules += delta;
        self.check_gap(delta, dt);
        self.check_motion(delta, at);
    }

    /// J since the last read.
    fn delta(&mut self, before: f64, value: f64, dt: f64, room: f64) -> f64 {
        let range = self.grain.wraps_at_j;
        if let Some(range) = range
            && room >= range
        {
            self.lap.doubt(Doubt::ManyWraps { seconds: dt });
        }
        let mut delta = value - before;
        if delta < 0.0 {
            let wrapped = range.map(|r| delta + r);
            // A counter that starts anew looks like one that wraps, only that the power would be absurd.
            let usual = self.rates.map_or(room, |(_, most)| 1.5 * most * (dt + self.grain.update_s)) + self.grain.resolution;
            match wrapped.filter(|&w| w >= 0.0 && w <= room.min(usual)) {
                Some(wrapped) => {
                    delta = wrapped;
                    // Should it have been a restart after all, these joules were not there.
                    self.lap.bound_j += wrapped - value.clamp(0.0, wrapped);
                }
                None => {
                    self.lap.doubt(Doubt::Reset);
                    delta = if value <= room { value.max(0.0) } else { 0.0 };
                }
            }
        }
        if delta > room {
            self.lap.doubt(Doubt::Jump { joules: delta });
            delta = 0.0;
        }
        delta
    }

    /// In a gap the counter goes on, unless it was reset or stuck there: then it shows less than the most seen so far.
    /// With a steady load the difference is small, and the counter covers the gap.
    fn check_gap(&mut self, delta: f64, dt: f64) {
        if dt <= (GAP * self.nominal_s).max(5.0 * self.grain.update_s) {
            return;
        }
        let lack = self.rates.map(|(_, most)| (most * dt - delta).max(0.0));
        match lack.filter(|&lack| lack <= super::TOLERANCE * self.lap.joules) {
            Some(lack) => self.lap.bound_j += lack,
            None => self.lap.doubt(Doubt::Gap { seconds: dt }),
        }
    }

    /// Nothing draws nothing: a counter that stands still is stuck or slow.
    fn check_motion(&mut self, delta: f64, at: Stamp) {
        let still = at.since_s(self.moved);
        if delta > 0.0 {
            if std::mem::replace(&mut self.moving, true) && still > 0.0 {
                let rate = delta / still;
                let (least, most) = self.rates.unwrap_or((rate, rate));
                self.rates = Some((least.min(rate), most.max(rate)));
            }
            self.moved = at;
        } else if still > self.patience() {
            self.lap.doubt(Doubt::Stuck { seconds: still });
        }
    }

    /// How long the counter may stand still, s: some updates, and the time that one step takes.
    fn patience(&self) -> f64 {
        let least = self.rates.map_or(LEAST_W, |(least, _)| least);
        let step = 2.0 * self.grain.resolution / least;
        STUCK_UPDATES * self.grain.update_s + step
    }

    fn uncovered(&mut self, seconds: f64) {
        if seconds <= 0.0 {
            return;
        }
        self.lap.bound_j += seconds * self.ceiling();
        if let Some(why) = self.lost.clone() {
            self.lap.doubt(Doubt::Uncovered { seconds, why });
        }
    }

    /// Ends the lap at a moment, which should be that of the last read; the next lap begins there.
    pub(super) fn lap(&mut self, at: Stamp) -> Lap {
        match self.last {
            Some((then, _)) => {
                self.uncovered(at.since_s(then));
                // Both ends of the lap may be this stale.
                let stale = STUCK_UPDATES * self.grain.update_s + 2.0 * then.slack.as_secs_f64();
                self.lap.bound_j += self.grain.resolution + stale * self.most();
                self.rest(at);
            }
            None => {
                let why = self.lost.clone().unwrap_or_else(|| "no reading".into());
                self.lap.doubt(Doubt::Uncovered { seconds: at.since_s(self.start), why });
            }
        }
        self.start = at;
        std::mem::take(&mut self.lap)
    }

    /// A counter that stands still at the end of the lap, but not long enough to be called stuck.
    fn rest(&mut self, at: Stamp) {
        let still = at.since_s(self.moved);
        let usual = STUCK_UPDATES * self.grain.update_s;
        if still > usual {
            self.lap.bound_j += (still - usual).min(self.patience()) * self.most();
        }
    }
}
