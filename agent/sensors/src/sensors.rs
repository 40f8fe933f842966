//! All sensors of a machine.

use crate::board::Board;
use crate::clock::{Clock, Stamp, SystemClock};
use crate::conditions::conditions;
use crate::config::Config;
use crate::deadline::Deadline;
use crate::files::{Disk, Files, Roots};
use crate::interface::Interface;
use crate::inventory::{Entry, Finding, Inventory};
use crate::listing::Listing;
use crate::mend::mend;
use crate::missing::Missing;
use crate::reading::{Quality, Quantity, Reading, Sensor};
use crate::runner::{Runner, SystemRunner};
use crate::source::{Found, Host, Pace, find};
use crate::total::power;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All sensors of a machine, found once and read often.
#[derive(Debug)]
pub struct Sensors {
    host: Host,
    slots: Vec<(Interface, Found)>,
    /// Last value of each energy counter, for the power between two reads.
    counters: Vec<(Reading, Stamp)>,
}

impl Sensors {
    /// This machine, or a container's view of it below other roots.
    #[must_use]
    pub fn open(roots: Roots, config: Config) -> Self {
        let deadline = Deadline::default();
        let live = roots == Roots::default();
        let files = Arc::new(Disk::new(roots, config.file_limit, deadline.clone()));
        let runner = Arc::new(SystemRunner::new(config.command_limit, deadline.clone()));
        let board = Board::identify(&*files);
        Self::of(Host { files, runner, clock: Arc::new(SystemClock::default()), deadline, board, config, live })
    }

    /// A board in a text.
    #[must_use]
    pub fn on_listing(board: &Listing, clock: Arc<dyn Clock>, config: Config) -> Self {
        Self::with(Arc::new(board.clone()), Arc::new(board.clone()), clock, config)
    }

    /// Any files, commands and clock. NVML and sysinfo, which read the machine itself, are left out.
    #[must_use]
    pub fn with(files: Arc<dyn Files>, runner: Arc<dyn Runner>, clock: Arc<dyn Clock>, config: Config) -> Self {
        let board = Board::identify(&*files);
        Self::of(Host { files, runner, clock, deadline: Deadline::default(), board, config, live: false })
    }

    fn of(host: Host) -> Self {
        let mut sensors = Self { host, slots: Vec::new(), counters: Vec::new() };
        sensors.discover();
        sensors
    }

    /// Looks for every interface anew, as after a driver was loaded. What was accumulated is forgotten.
    pub fn discover(&mut self) {
        self.slots = Interface::ALL.iter().map(|&i| (i, find(i, &self.host))).collect();
        self.counters.clear();
    }

    #[must_use]
    pub fn board(&self) -> &Board {
        &self.host.board
    }

    /// The clock that stamps this machine's readings.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.host.clock)
    }

    /// Reads every source of this pace and the faster ones. Each sensor that was found once is in the answer,
    /// with a value or a reason. From the second read on, energy counters also give power.
    pub fn read(&mut self, pace: Pace) -> Vec<Reading> {
        let (at, mut out) = self.sweep(|_, p| p <= pace);
        let rates = self.rates(&out, at);
        out.extend(rates);
        out
    }

    /// Reads what energy accounts need: power and energy of every source, with the moment of the read.
    pub fn read_power(&mut self) -> (Stamp, Vec<Reading>) {
        let (at, mut out) = self.sweep(|interface, _| interface.gives_power());
        out.retain(|r| matches!(r.quantity, Quantity::Power | Quantity::Energy));
        (at, out)
    }

    fn sweep(&mut self, wanted: impl Fn(Interface, Pace) -> bool) -> (Stamp, Vec<Reading>) {
        let mut out = Vec::new();
        let began = self.host.clock.now();
        for (interface, found) in &mut self.slots {
            if let Ok(source) = found
                && wanted(*interface, source.pace())
            {
                out.extend(source.read(&self.host));
            }
        }
        (Stamp::middle(began, self.host.clock.now()), out)
    }

    /// Mean power since the last read of each energy counter whose sensor has no power reading of its own.
    fn rates(&mut self, readings: &[Reading], at: Stamp) -> Vec<Reading> {
        let mut out = Vec::new();
        for reading in readings.iter().filter(|r| r.quantity == Quantity::Energy) {
            let twin = readings.iter().any(|r| r.quantity == Quantity::Power && r.scope == reading.scope);
            let Some(joules) = reading.value().filter(|_| !twin) else { continue };
            let last = self.counters.iter_mut().find(|(r, _)| r.interface == reading.interface && r.name == reading.name);
            let Some((last, then)) = last else {
                self.counters.push((reading.clone(), at));
                continue;
            };
            let seconds = at.since_s(*then);
            let mut delta = joules - last.value().unwrap_or(joules);
            if delta < 0.0 {
                delta += reading.grain.wraps_at_j.unwrap_or(f64::NAN);
            }
            if seconds <= reading.grain.update_s {
                continue;
            }
            let source = format!("change of {}", reading.source);
            let sensor = Sensor::new(reading.interface, &reading.name, Quantity::Power, reading.scope.clone(), &source);
            let watts = delta / seconds;
            let watts = match reading.grain.ceiling_w {
                Some(most) if watts > most => {
                    Err(Missing::Implausible { what: reading.source.clone(), text: format!("{watts:.0} W") })
                }
                _ => Ok(watts),
            };
            out.push(sensor.reading(watts, Quality::Derived));
            (*last, *then) = (reading.clone(), at);
        }
        out
    }

    /// Under which conditions it measures: a measurement taken under others does not compare.
    #[must_use]
    pub fn conditions(&mut self) -> BTreeMap<String, String> {
        let readings = self.read(Pace::Rare);
        conditions(&*self.host.files, &self.host.board, &readings)
    }

    /// What the machine draws now; `Missing` says that there is no power sensor.
    pub fn power(&mut self) -> Reading {
        power(&self.read(Pace::Rare))
    }

    /// Every interface: what it reads, or why not and what mends it.
    pub fn inventory(&mut self) -> Inventory {
        let readings = self.read(Pace::Rare);
        let board = self.host.board.clone();
        let entry = |(interface, found): &(Interface, Found)| {
            let finding = match found {
                Err(missing) => Finding::Not { missing: missing.clone() },
                Ok(_) => {
                    let own: Vec<Reading> = readings.iter().filter(|r| r.interface == *interface).cloned().collect();
                    match own.iter().find_map(Reading::missing) {
                        Some(missing) if own.iter().all(|r| r.value().is_none()) => Finding::Not { missing: missing.clone() },
                        _ => Finding::Reads { readings: own },
                    }
                }
            };
            let mend = match &finding {
                Finding::Not { missing } => mend(*interface, missing, &board),
                Finding::Reads { .. } => None,
            };
            Entry { interface: *interface, what: interface.what(), finding, mend }
        };
        let entries = self.slots.iter().map(entry).collect();
        Inventory { entries, power: power(&readings), board }
    }
}
