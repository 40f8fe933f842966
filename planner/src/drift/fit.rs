//! Factors from windows of telemetry: medians, held within bounds, and no news where little has changed.

use super::{Factors, LEAST, MOST};
use profiles::Quality;
use protocol::Fitted;
use std::collections::{BTreeMap, VecDeque};

/// Windows that are kept of a device: two minutes of the agents' usual ones.
const KEPT: usize = 12;
/// Fewest windows that a factor is made of, and fewest steps in all of them. Two, not more: agents give a plan up after
/// three windows that are too slow, and it should be mended before.
const WINDOWS: usize = 2;
const STEPS: u64 = 32;
/// Power moves more than a step does: what runs besides shows in it.
const POWER_WINDOWS: usize = 3;
/// A factor is news when it differs from the one in use by this.
const BAND: f64 = 1.1;

/// What was heard of a device.
#[derive(Clone, Debug, Default)]
struct Windows {
    /// Measured over predicted, and of how many steps.
    time: VecDeque<(f64, u64)>,
    power: VecDeque<f64>,
}

/// How far each device is from its profile.
#[derive(Clone, Debug, Default)]
pub struct Drift {
    windows: BTreeMap<String, Windows>,
    used: Factors,
    /// Requests a second of each pipeline of a plan, and when its entry said it, s.
    pub(super) of: String,
    pub(super) rates: BTreeMap<(String, u32), (f64, f64)>,
}

impl Drift {
    /// A window in which so many steps took, in the median, so many times what the profile says.
    pub fn time(&mut self, device: &str, ratio: f64, steps: u64) {
        if ratio.is_finite() && ratio > 0.0 {
            push(&mut self.windows.entry(device.to_owned()).or_default().time, (ratio, steps));
        }
    }

    /// A window in which a sensor measured so many times the power that was predicted for its load.
    pub fn power(&mut self, device: &str, ratio: f64) {
        if ratio.is_finite() && ratio > 0.0 {
            push(&mut self.windows.entry(device.to_owned()).or_default().power, ratio);
        }
    }

    /// What the windows say now; `None` where they are too few for anything. What they are too few for stays as it is used.
    #[must_use]
    pub fn seen(&self, device: &str) -> Option<Fitted> {
        let windows = self.windows.get(device)?;
        let steps: u64 = windows.time.iter().map(|(_, steps)| steps).sum();
        let timed = windows.time.len() >= WINDOWS && steps >= STEPS;
        let time = timed.then(|| median(windows.time.iter().map(|(ratio, _)| *ratio)));
        let weighed = windows.power.len() >= POWER_WINDOWS;
        let power = weighed.then(|| median(windows.power.iter().copied()));
        let used = self.used.get(device);
        let samples = [(timed, windows.time.len()), (weighed, windows.power.len())];
        let samples = samples.into_iter().filter(|(counts, _)| *counts).map(|(_, n)| n).max()?;
        Some(Fitted {
            time: time.or(used.map(|u| u.time)).unwrap_or(1.0),
            power: power.or(used.and_then(|u| u.power)),
            samples: u32::try_from(samples).unwrap_or(u32::MAX),
            quality: Quality::Fitted,
        })
    }

    /// Devices whose factors have changed so much that a plan may change with them.
    #[must_use]
    pub fn news(&self) -> Factors {
        let changed = |device: &String| {
            let (seen, used) = (self.seen(device)?, self.used.get(device));
            let other = differs(seen.time, used.map_or(1.0, |u| u.time))
                || seen.power.is_some_and(|p| differs(p, used.and_then(|u| u.power).unwrap_or(1.0)));
            other.then(|| (device.clone(), seen))
        };
        self.windows.keys().filter_map(changed).collect()
    }

    /// From now on plans count with these.
    pub fn take(&mut self, factors: Factors) {
        self.used.extend(factors);
    }

    /// What a plan counted with that another planner, or an earlier watch, has made; what was heard here is newer.
    pub fn adopt(&mut self, factors: Factors) {
        for (device, fitted) in factors {
            self.used.entry(device).or_insert(fitted);
        }
    }

    /// What plans count with.
    #[must_use]
    pub fn used(&self) -> &Factors {
        &self.used
    }
}

fn push<T>(windows: &mut VecDeque<T>, window: T) {
    if windows.len() >= KEPT {
        windows.pop_front();
    }
    windows.push_back(window);
}

fn differs(a: f64, b: f64) -> bool {
    a.max(b) > BAND * a.min(b)
}

/// The middle one, of an even number the mean of the middle two; within bounds, to three digits, as more mean nothing.
fn median(ratios: impl Iterator<Item = f64>) -> f64 {
    let mut all: Vec<f64> = ratios.collect();
    all.sort_by(f64::total_cmp);
    let (low, high) = (all[(all.len() - 1) / 2], all[all.len() / 2]);
    let middle = f64::midpoint(low, high).clamp(LEAST, MOST);
    let digit = 10f64.powi(2 - middle.log10().floor() as i32);
    ((middle * digit).round() / digit).clamp(LEAST, MOST)
}
