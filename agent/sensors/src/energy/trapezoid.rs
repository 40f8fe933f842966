//! Energy from power samples, by the trapezoid rule.
//!
//! Between two samples power may have stepped anywhere: the error of such an interval is at most half
//! of (step · time) and has random sign, hence variance (Δp·Δt)²/12 (a uniform distribution). Power is
//! taken to hold for at least half a second, as phases of inference do; a shorter burst between two
//! samples is invisible to any sampling.

#[cfg(test)]
mod tests;

use super::counter::GAP;
use super::{Doubt, Lap};
use crate::clock::Stamp;
use crate::missing::Missing;
use crate::reading::Grain;

/// So many equal values in a row after the first are a stuck sensor: real ones have noise.
const STUCK_REPEATS: u32 = 5;
/// So many at the end of a lap may be the beginning of that.
const SUSPECT_REPEATS: u32 = 2;
/// Power sensors have about 1 % of noise: the mean of so many samples is within 1 % at three standard deviations.
const SAMPLES_MIN: u32 = 10;
/// Below this no rail reads, W.
const LEAST_W: f64 = -1.0;

/// Integrates one power sensor.
#[derive(Clone, Debug)]
pub(super) struct Trapezoid {
    nominal_s: f64,
    grain: Grain,
    start: Stamp,
    last: Option<(Stamp, f64)>,
    /// Power at the start of the lap.
    first: Option<f64>,
    /// When the value last changed, and how often it repeated since.
    changed: Stamp,
    repeats: u32,
    lost: Option<String>,
    lap: Lap,
}

impl Trapezoid {
    /// Integrates from `start` samples that are meant to come every `nominal_s` seconds.
    pub(super) fn new(start: Stamp, nominal_s: f64) -> Self {
        Self {
            nominal_s,
            grain: Grain::FINE,
            start,
            last: None,
            first: None,
            changed: start,
            repeats: 0,
            lost: None,
            lap: Lap::default(),
        }
    }

    /// Time in which a fresh value is due, s.
    fn due_s(&self) -> f64 {
        self.nominal_s.max(self.grain.update_s)
    }

    /// Takes a sample at a moment: W, or why not.
    pub(super) fn observe(&mut self, at: Stamp, value: Result<(f64, Grain), &Missing>) {
        let (watts, grain) = match value {
            Ok(read) => read,
            Err(missing) => {
                self.lost = Some(missing.to_string());
                return;
            }
        };
        if watts < LEAST_W || grain.ceiling_w.is_some_and(|most| watts > most * 1.05) {
            self.lost = Some(format!("{watts:.1} W cannot be"));
            return;
        }
        self.grain = grain;
        self.lap.samples += 1;
        match self.last {
            None => {
                self.changed = at;
                self.uncovered(at.since_s(self.start));
            }
            Some((then, before)) => self.step(then, before, at, watts),
        }
        self.first.get_or_insert(watts);
        self.last = Some((at, watts));
        self.lost = None;
    }

    fn step(&mut self, then: Stamp, before: f64, at: Stamp, watts: f64) {
        let dt = at.since_s(then);
        self.lap.max_gap_s = self.lap.max_gap_s.max(dt);
        self.lap.check_clock(at, then);
        if dt <= 0.0 {
            (self.changed, self.repeats) = (at, 0);
            return;
        }
        // The last lap ended without a sample: nobody knows which joules are whose.
        self.uncovered(self.start.since_s(then));
        let mean = 0.5 * (before + watts);
        self.lap.joules += mean * dt;
        self.lap.bound_j += 0.5 * self.grain.resolution * dt;
        if dt > GAP * self.due_s() {
            self.gap(mean, dt);
        }
        #[expect(clippy::float_cmp, reason = "a stuck sensor repeats the very same number")]
        let same = watts == before;
        if same {
            self.repeats += 1;
            let seconds = at.since_s(self.changed);
            if self.repeats >= STUCK_REPEATS && seconds >= f64::from(STUCK_REPEATS) * self.due_s() {
                self.lap.doubt(Doubt::Stuck { seconds });
            }
            return;
        }
        // The step may have come any time since the value last moved.
        let jump = watts - before;
        let when = at.since_s(self.changed).max(dt);
        self.lap.variance += (jump * when).powi(2) / 12.0 + (jump * at.slack.as_secs_f64()).powi(2);
        (self.changed, self.repeats) = (at, 0);
    }

    /// A gap hides anything from nothing to the most that can be.
    fn gap(&mut self, mean: f64, dt: f64) {
        match self.grain.ceiling_w {
            Some(most) if dt * mean.max(most - mean) <= super::TOLERANCE * self.lap.joules => {
                self.lap.bound_j += dt * mean.max(most - mean);
            }
            _ => self.lap.doubt(Doubt::Gap { seconds: dt }),
        }
    }

    fn uncovered(&mut self, seconds: f64) {
        if seconds <= 0.0 {
            return;
        }
        match (self.grain.ceiling_w, self.lost.clone()) {
            (Some(most), None) => self.lap.bound_j += seconds * most,
            (_, why) => {
                let why = why.unwrap_or_else(|| "no reading".into());
                self.lap.doubt(Doubt::Uncovered { seconds, why });
            }
        }
    }

    /// Ends the lap at a moment, which should be that of the last sample; the next lap begins there.
    pub(super) fn lap(&mut self, at: Stamp) -> Lap {
        match self.last {
            Some((then, watts)) => {
                self.uncovered(at.since_s(then));
                self.rest(then);
                // An instrument that averages tells of the past: what it owes at the end it had too much at the start.
                let first = self.first.replace(watts).unwrap_or(watts);
                self.lap.bound_j += (watts - first).abs() * self.grain.update_s;
                self.drift(at);
                if self.lap.samples < SAMPLES_MIN {
                    self.lap.doubt(Doubt::Brief { samples: self.lap.samples });
                }
            }
            None => {
                let why = self.lost.clone().unwrap_or_else(|| "no reading".into());
                self.lap.doubt(Doubt::Uncovered { seconds: at.since_s(self.start), why });
            }
        }
        self.start = at;
        std::mem::take(&mut self.lap)
    }

    /// Equal values at the end of the lap, too few to be called stuck: power may have moved unseen.
    fn rest(&mut self, at: Stamp) {
        let seconds = at.since_s(self.changed);
        if self.repeats < SUSPECT_REPEATS || seconds < 1.5 * self.due_s() {
            return;
        }
        match self.grain.ceiling_w {
            Some(most) => self.lap.bound_j += seconds * most,
            None => self.lap.doubt(Doubt::Stuck { seconds }),
        }
    }

    /// Steps of the clock too small to be told from the ticks of `/proc/uptime` still add up.
    fn drift(&mut self, at: Stamp) {
        let (drift, seconds) = (at.slept_s(self.start).abs(), at.since_s(self.start));
        if drift > super::TICK_S * 1.5 && seconds > 0.0 {
            self.lap.bound_j += 2.0 * drift * self.lap.joules.abs() / seconds;
        }
    }
}
