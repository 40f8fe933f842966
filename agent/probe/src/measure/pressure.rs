//! Where memory gets tight: the rate of passes over a growing set, until the kernel takes pages away or the bound of
//! safety is reached. The set never takes more than the bound; it stops at the first sign of pressure, and gives
//! everything back.

use crate::clock::Watch;
use crate::runs::median;
use sensors::{Files, Missing};
use serde::{Deserialize, Serialize};

/// Left alone whatever happens, bytes, and as a share of what was available at the start.
const LEAVE_BYTES: u64 = 384 << 20;
const LEAVE_SHARE: f64 = 0.08;
/// The set grows by this share of what was available.
const STEP: f64 = 0.05;
/// From here on it is watched.
const FROM: f64 = 0.3;
/// Pressure that ends the trial: tasks stood still for more than this share of a step's time.
const STALL_MAX: f64 = 0.05;
/// A rate below this share of the first steps' is a knee.
const SLOW: f64 = 0.8;
/// One allocation, bytes.
const BLOCK: usize = 32 << 20;

/// One size of the set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    pub bytes: u64,
    /// B/s of a pass.
    pub rate: f64,
    /// Share of the time in which some task waited for memory; nothing where the kernel does not say.
    pub stalled: Option<f64>,
    /// Pages read back from storage, in the whole machine.
    pub major_faults: u64,
}

/// Why it went no further.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The bound of safety: no knee below it.
    Bound,
    /// The kernel reported pressure, or pages had to be read back.
    Pressure,
    /// Passes grew slow.
    Slow,
    /// Less was available than a step needs.
    Nothing,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// Installed, as the kernel counts it, bytes.
    pub total_bytes: u64,
    /// `MemAvailable` at the start, bytes.
    pub available_bytes: u64,
    pub steps: Vec<Step>,
    pub end: End,
    /// The last set that went well, bytes.
    pub good_bytes: u64,
}

/// `MemTotal` and `MemAvailable`, bytes; the smaller of that and the control group's room.
///
/// # Errors
/// What the kernel does not say.
pub fn memory(files: &dyn Files) -> Result<(u64, u64), Missing> {
    let text = files.read("/proc/meminfo")?;
    let field = |name: &str| {
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|l| l.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
        let missing = || Missing::Failed { what: "/proc/meminfo".into(), error: format!("no {name}") };
        number.map(|kb| kb.saturating_mul(1024)).ok_or_else(missing)
    };
    let (total, available) = (field("MemTotal")?, field("MemAvailable")?);
    let number = |path: &str| files.read(path).ok().and_then(|t| t.trim().parse::<u64>().ok());
    let own = files.read("/proc/self/cgroup").unwrap_or_default();
    let group = own.lines().find_map(|l| l.strip_prefix("0::")).unwrap_or("/").trim_end_matches('/').to_owned();
    let mut available = available;
    for folder in [format!("/sys/fs/cgroup{group}"), "/sys/fs/cgroup".to_owned()] {
        if let (Some(max), Some(used)) = (number(&format!("{folder}/memory.max")), number(&format!("{folder}/memory.current"))) {
            available = available.min(max.saturating_sub(used));
        }
    }
    Ok((total, available.min(total)))
}

/// s that some task waited for memory, and pages read back, since boot.
fn waits(files: &dyn Files) -> (Option<f64>, u64) {
    let psi = files.read("/proc/pressure/memory").unwrap_or_default();
    let line = psi.lines().find(|l| l.starts_with("some"));
    let total =
        line.and_then(|l| l.split_whitespace().find_map(|w| w.strip_prefix("total="))).and_then(|t| t.parse::<f64>().ok());
    let vmstat = files.read("/proc/vmstat").unwrap_or_default();
    let count = |name: &str| -> u64 {
        let line = vmstat.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
    };
    (total.map(|us| us * 1e-6), count("pgmajfault") + count("pswpin"))
}

/// Bytes that a trial may take at most.
#[must_use]
pub fn bound(available: u64) -> u64 {
    let leave = LEAVE_BYTES.max((available as f64 * LEAVE_SHARE) as u64);
    available.saturating_sub(leave)
}

/// Memory that is taken step by step and read in passes.
pub trait Set {
    /// Takes more until it holds so many bytes; false where the system refuses.
    fn grow(&mut self, bytes: u64) -> bool;
    /// s of one pass over everything.
    fn pass(&mut self) -> f64;
}

/// Real memory.
#[derive(Debug, Default)]
pub struct Blocks(Vec<Vec<u64>>);

impl Set for Blocks {
    fn grow(&mut self, bytes: u64) -> bool {
        while (self.0.len() * BLOCK) as u64 <= bytes.saturating_sub(BLOCK as u64) {
            let mut block: Vec<u64> = Vec::new();
            if block.try_reserve_exact(BLOCK / 8).is_err() {
                return false;
            }
            // Written with values that neither compress nor merge to nothing.
            let seed = self.0.len() as u64;
            block.extend((0..BLOCK as u64 / 8).map(|i| (i ^ seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            self.0.push(block);
        }
        true
    }

    fn pass(&mut self) -> f64 {
        let watch = Watch::start();
        let sum = self.0.iter().flatten().fold(0_u64, |a, b| a ^ b);
        std::hint::black_box(sum);
        watch.seconds()
    }
}

/// Grows `set` and watches.
///
/// # Errors
/// The kernel does not say how much memory there is.
pub fn measure(files: &dyn Files, set: &mut dyn Set) -> Result<Pressure, Missing> {
    let (total_bytes, available_bytes) = memory(files)?;
    let most = bound(available_bytes);
    let step = (available_bytes as f64 * STEP) as u64;
    let mut steps: Vec<Step> = Vec::new();
    let mut at = (available_bytes as f64 * FROM) as u64;
    let end = loop {
        if at > most || step == 0 {
            break if steps.is_empty() { End::Nothing } else { End::Bound };
        }
        // Others may have taken what was there a moment ago.
        let (_, now) = memory(files)?;
        let held = steps.last().map_or(0, |s| s.bytes);
        if now < LEAVE_BYTES.saturating_add(at.saturating_sub(held)) {
            break if steps.is_empty() { End::Nothing } else { End::Bound };
        }
        let (stall, faults) = waits(files);
        if !set.grow(at) {
            break End::Pressure;
        }
        let times = [set.pass(), set.pass(), set.pass()];
        let (stall_after, faults_after) = waits(files);
        let seconds = median(&times).unwrap_or(0.0).max(1e-9);
        let took: f64 = times.iter().sum::<f64>().max(1e-9);
        let this = Step {
            bytes: at,
            rate: at as f64 / seconds,
            stalled: stall.zip(stall_after).map(|(a, b)| ((b - a) / took).clamp(0.0, 1.0)),
            major_faults: faults_after.saturating_sub(faults),
        };
        steps.push(this);
        // A page in 256 read back in each pass is more than chance.
        let pages = at / 4096 / 256;
        if this.stalled.is_some_and(|s| s > STALL_MAX) || this.major_faults > pages.max(16) {
            break End::Pressure;
        }
        let first: Vec<f64> = steps.iter().take(3).map(|s| s.rate).collect();
        if steps.len() > 3 && this.rate < SLOW * median(&first).unwrap_or(0.0) {
            break End::Slow;
        }
        at += step;
    };
    let good = if matches!(end, End::Bound | End::Nothing) { steps.last() } else { steps.iter().rev().nth(1) };
    let good_bytes = good.map_or(0, |s| s.bytes);
    Ok(Pressure { total_bytes, available_bytes, steps, end, good_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A machine of 4 GiB, 3 GiB of them free, that begins to swap above a share of those.
    #[derive(Clone, Debug)]
    struct Machine(Arc<Mutex<(u64, f64)>>);

    const FREE: u64 = 3 << 30;

    impl Files for Machine {
        fn read(&self, path: &str) -> Result<String, Missing> {
            let (held, stalled) = *self.0.lock().expect("not poisoned");
            Ok(match path {
                "/proc/meminfo" => format!("MemTotal: {} kB\nMemAvailable: {} kB\n", (4_u64 << 30) / 1024, (FREE - held) / 1024),
                "/proc/pressure/memory" => format!("some avg10=0.00 avg60=0.00 avg300=0.00 total={}\n", stalled * 1e6),
                "/proc/vmstat" => "pgmajfault 5\npswpin 0\n".into(),
                _ => return Err(Missing::Failed { what: path.into(), error: "not there".into() }),
            })
        }
        fn list(&self, folder: &str) -> Result<Vec<String>, Missing> {
            Err(Missing::Failed { what: folder.into(), error: "not there".into() })
        }
    }

    struct Simulated {
        machine: Machine,
        knee: f64,
        slow: bool,
    }

    impl Set for Simulated {
        fn grow(&mut self, bytes: u64) -> bool {
            self.machine.0.lock().expect("not poisoned").0 = bytes;
            true
        }
        fn pass(&mut self) -> f64 {
            let mut state = self.machine.0.lock().expect("not poisoned");
            let beyond = state.0 as f64 > self.knee * FREE as f64;
            let seconds = state.0 as f64 / 1e10;
            if beyond && !self.slow {
                state.1 += 0.3 * seconds;
            }
            if beyond && self.slow { 2.0 * seconds } else { seconds }
        }
    }

    fn trial(knee: f64, slow: bool) -> Pressure {
        let machine = Machine(Arc::new(Mutex::new((0, 1.0))));
        measure(&machine.clone(), &mut Simulated { machine, knee, slow }).expect("a machine")
    }

    #[test]
    fn a_knee_is_found_and_the_bound_is_kept() {
        for slow in [false, true] {
            let p = trial(0.72, slow);
            assert_eq!(p.end, if slow { End::Slow } else { End::Pressure });
            let knee = p.good_bytes as f64 / FREE as f64;
            assert!((0.66..=0.72).contains(&knee), "{knee}: {p:?}");
        }
        let p = trial(2.0, false);
        assert_eq!(p.end, End::Bound);
        assert!(p.steps.iter().all(|s| s.bytes <= FREE - LEAVE_BYTES), "{p:?}");
        assert!(p.good_bytes as f64 > 0.8 * FREE as f64, "{p:?}");
    }

    #[test]
    fn a_small_or_silent_machine_is_left_alone() {
        assert_eq!(bound(100 << 20), 0);
        let silent = Machine(Arc::new(Mutex::new((FREE, 0.0))));
        let p = measure(&silent, &mut Blocks::default()).expect("it says zero");
        assert_eq!((p.end, p.steps.len()), (End::Nothing, 0));
    }

    #[test]
    fn real_blocks_are_taken_and_read() {
        let mut blocks = Blocks::default();
        assert!(blocks.grow(64 << 20) && blocks.0.len() == 2);
        assert!(blocks.pass() > 0.0);
    }
}
