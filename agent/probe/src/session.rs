//! One probe from beginning to end: what is asked for, in rounds.

use crate::clock::Watch;
use crate::error::ProbeError;
use crate::heat::{self, Done, IDLE, Load, READING, Times};
use crate::link;
use crate::measure::arithmetic::Peaks;
use crate::measure::overhead::Overheads;
use crate::measure::pressure::{self, Blocks};
use crate::measure::products::Trials;
use crate::measure::read::Reader;
use crate::measure::storage::Disk;
use crate::record::Record;
use crate::surroundings::{Processors, Surroundings, last_cache};
use kernels::limits::Sheet;
use kernels::{Format, Pool};
use sensors::{Config, Files, NO_POWER_SENSOR, Roots, Sensors};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Read,
    Arithmetic,
    Products,
    Overhead,
    Storage,
    Pressure,
    Power,
    Links,
}

impl Part {
    pub const ALL: [Self; 8] =
        [Self::Read, Self::Arithmetic, Self::Products, Self::Overhead, Self::Storage, Self::Pressure, Self::Power, Self::Links];
    /// Without these there is no profile.
    pub const NEEDED: [Self; 4] = [Self::Read, Self::Arithmetic, Self::Products, Self::Overhead];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Arithmetic => "arithmetic",
            Self::Products => "products",
            Self::Overhead => "overhead",
            Self::Storage => "storage",
            Self::Pressure => "pressure",
            Self::Power => "power",
            Self::Links => "links",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.name() == name)
    }
}

/// What to measure, and how long.
#[derive(Debug)]
pub struct Settings {
    pub parts: BTreeSet<Part>,
    /// Under a minute, without what takes long.
    pub quick: bool,
    pub pool: Arc<Pool>,
    pub roots: Roots,
    pub sensors: Config,
    /// Where weights would be read from.
    pub folder: PathBuf,
    pub peers: Vec<SocketAddr>,
    pub date: String,
    pub command: String,
    pub version: String,
}

/// Rounds, and the time after which no new one begins, s.
const QUICK: (usize, f64) = (16, 34.0);
const FULL: (usize, f64) = (40, 150.0);
/// Rounds that are taken however long they last.
const LEAST: usize = 3;

/// Measures. `tell` hears what goes on; `stop` is asked between rounds, and what was measured until then is kept.
///
/// # Errors
/// Memory that cannot be had, or the engine's. What a machine lacks is no error: it is in `left_out`.
pub fn run(settings: &Settings, tell: &dyn Fn(&str), stop: &dyn Fn() -> bool) -> Result<Record, ProbeError> {
    let watch = Watch::start();
    let files = sensors::Disk::new(settings.roots.clone(), settings.sensors.file_limit, sensors::Deadline::default());
    let mut sensors = Sensors::open(settings.roots.clone(), settings.sensors.clone());
    let before = Processors::look(&files);
    let own = crate::clock::own_s();
    let look = Surroundings::look(&files, &mut sensors, &settings.date, &settings.command, &settings.version);
    let mut record = Record {
        surroundings: look,
        quick: settings.quick,
        threads: settings.pool.threads(),
        last_cache_bytes: last_cache(&files),
        ..Record::default()
    };
    match pressure::memory(&files) {
        Ok((total, available)) => (record.memory_total_bytes, record.memory_available_bytes) = (total, available),
        Err(missing) => record.left_out.push(format!("memory: {missing}")),
    }
    rounds(settings, &mut record, tell, stop)?;
    record.fit_overlap();
    heat(settings, &mut sensors, &mut record, tell, stop);
    knee(settings, &files, &mut record, tell, stop);
    links(settings, &mut record, tell)?;
    record.surroundings.took_s = watch.seconds();
    if let (Some(before), Some(after)) = (before, Processors::look(&files)) {
        record.surroundings.between(&before, &after, crate::clock::own_s() - own);
    }
    warn_of_outliers(&mut record);
    Ok(record)
}

fn rounds(settings: &Settings, record: &mut Record, tell: &dyn Fn(&str), stop: &dyn Fn() -> bool) -> Result<(), ProbeError> {
    let wants = |part| settings.parts.contains(&part);
    let (pool, quick) = (&settings.pool, settings.quick);
    // A machine that does not say how much it has is taken for a small one.
    let available = if record.memory_available_bytes > 0 { record.memory_available_bytes as usize } else { 512 << 20 };
    let largest = (if quick { 512_usize } else { 1024 } << 20).min(available / 8) >> 20 << 20;
    let set_bytes = (if quick { 192_usize } else { 384 } << 20).min(available / 32);
    let watch = Watch::start();
    if wants(Part::Products) || wants(Part::Overhead) {
        tell("packing trial weights");
    }
    let mut reader = match wants(Part::Read) {
        true => Some(Reader::new(Arc::clone(pool), largest.max(1 << 20)).ok_or(ProbeError::Memory { bytes: largest })?),
        false => None,
    };
    let mut peaks = wants(Part::Arithmetic).then(|| Peaks::new(Arc::clone(pool)));
    let mut trials: Vec<Trials> = match wants(Part::Products) {
        true => Format::ALL.into_iter().filter_map(|f| Trials::new(f, Arc::clone(pool), set_bytes)).collect(),
        false => Vec::new(),
    };
    let mut overheads = if wants(Part::Overhead) { Some(Overheads::new(pool)?) } else { None };
    let mut disk = None;
    if wants(Part::Storage) {
        match Disk::new(&settings.folder) {
            Ok(found) => disk = Some(found),
            Err(e) => record.left_out.push(e.to_string()),
        }
    }
    let (most, seconds) = if quick { QUICK } else { FULL };
    let some = reader.is_some() || peaks.is_some() || !trials.is_empty() || overheads.is_some() || disk.is_some();
    for round in 0..if some { most } else { 0 } {
        if stop() || (round >= LEAST && watch.seconds() > seconds) {
            break;
        }
        tell(&format!("round {} of {most}", round + 1));
        if let Some(reader) = &mut reader {
            reader.round();
        }
        if let Some(peaks) = &mut peaks {
            peaks.round();
        }
        trials.iter_mut().for_each(Trials::round);
        if let Some(overheads) = &mut overheads {
            overheads.round()?;
        }
        if let Some(Err(e)) = disk.as_mut().map(Disk::round) {
            record.left_out.push(e.to_string());
            disk = None;
        }
    }
    record.reading = reader.map(Reader::done);
    record.peaks = peaks.map(Peaks::done).unwrap_or_default();
    record.products = trials.into_iter().filter_map(Trials::done).collect();
    record.overhead = overheads.and_then(Overheads::done);
    record.storage = disk.and_then(Disk::done);
    Ok(())
}

fn heat(settings: &Settings, sensors: &mut Sensors, record: &mut Record, tell: &dyn Fn(&str), stop: &dyn Fn() -> bool) {
    if !settings.parts.contains(&Part::Power) || stop() {
        return;
    }
    if sensors.power().value().is_none() && !sensors.inventory().entries.iter().any(gives_power) {
        record.left_out.push(format!("power: {NO_POWER_SENSOR}"));
        return;
    }
    tell("power: idle, reading, multiplying, cooling");
    let Some(mut work) = Work::new(&settings.pool, record.memory_available_bytes as usize) else { return };
    let times = if settings.quick { Times::QUICK } else { Times::FULL };
    record.heat = heat::record(sensors, &mut work, times);
    match &record.heat {
        None => record.left_out.push(format!("power: {NO_POWER_SENSOR}")),
        Some(h) if !h.throttled.is_empty() => {
            let what = h.throttled.join(", ");
            record.surroundings.warnings.push(format!("slowed down while it was measured: {what}"));
        }
        Some(_) => {}
    }
}

/// An interface that reads power, or an energy counter that gives it from the second read on.
fn gives_power(entry: &sensors::Entry) -> bool {
    entry.interface.gives_power() && matches!(entry.finding, sensors::Finding::Reads { .. })
}

fn knee(settings: &Settings, files: &dyn Files, record: &mut Record, tell: &dyn Fn(&str), stop: &dyn Fn() -> bool) {
    if !settings.parts.contains(&Part::Pressure) || stop() {
        return;
    }
    if settings.quick {
        record.left_out.push("pressure: a quick probe does not fill the memory".into());
        return;
    }
    tell("memory pressure: filling memory step by step");
    match pressure::measure(files, &mut Blocks::default()) {
        Ok(found) => record.pressure = Some(found),
        Err(missing) => record.left_out.push(format!("pressure: {missing}")),
    }
}

fn links(settings: &Settings, record: &mut Record, tell: &dyn Fn(&str)) -> Result<(), ProbeError> {
    if !settings.parts.contains(&Part::Links) {
        return Ok(());
    }
    if settings.peers.is_empty() {
        record.left_out.push("links: no --peer was named".into());
    }
    for peer in &settings.peers {
        tell(&format!("link to {peer}"));
        record.links.push(link::measure(*peer, if settings.quick { 300 } else { 2000 })?);
    }
    Ok(())
}

/// Rates whose runs lie far apart.
fn warn_of_outliers(record: &mut Record) {
    let reading = record.reading.iter().flat_map(|r| r.by_set.iter().map(|s| ("reading", s.rate)));
    let products = record.products.iter().flat_map(|p| [("products of a token", p.vector), ("products of a prompt", p.matrix)]);
    let peaks = record.peaks.iter().map(|p| ("arithmetic", p.rate));
    let all: Vec<(&str, crate::runs::Rate)> = reading.chain(products).chain(peaks).collect();
    let out: usize = all.iter().map(|(_, r)| r.outliers).sum();
    let runs: usize = all.iter().map(|(_, r)| r.runs).sum();
    if out * 50 > runs {
        let share = out as f64 * 100.0 / runs as f64;
        record.surroundings.warnings.push(format!("{share:.0} % of the runs are outliers: something disturbed them"));
    }
    let wide: BTreeSet<&str> = all.iter().filter(|(_, r)| r.spread() > 0.25).map(|(what, _)| *what).collect();
    if !wide.is_empty() {
        let what = wide.into_iter().collect::<Vec<_>>().join(", ");
        record
            .surroundings
            .warnings
            .push(format!("uneven: the median's interval of some rates is wider than a quarter ({what})"));
    }
}

/// The loads of a real machine.
struct Work {
    pool: Arc<Pool>,
    sheet: Sheet,
    trials: Trials,
}

impl Work {
    fn new(pool: &Arc<Pool>, available: usize) -> Option<Self> {
        let sheet = Sheet::new((512_usize << 20).min(available / 8).max(1 << 20))?;
        let trials = Trials::new(Format::W8, Arc::clone(pool), 0)?;
        Some(Self { pool: Arc::clone(pool), sheet, trials })
    }
}

impl Load for Work {
    fn run(&mut self, which: u8, seconds: f64) -> Done {
        let watch = Watch::start();
        let mut done = Done::default();
        if which == IDLE {
            std::thread::sleep(std::time::Duration::from_secs_f64(seconds.max(0.0)));
        }
        while which != IDLE && watch.seconds() < seconds {
            if which == READING {
                let samples = 8;
                let before = watch.seconds();
                let rates = self.sheet.rates(&self.pool, self.sheet.bytes(), samples);
                // The round that does not count reads all of it once more.
                let mean = crate::runs::median(&rates).unwrap_or(0.0);
                done.bytes += mean * (watch.seconds() - before);
            } else {
                let (bytes, operations) = self.trials.multiply();
                done.bytes += bytes;
                done.operations += operations;
            }
        }
        done.seconds = watch.seconds();
        done
    }
}
