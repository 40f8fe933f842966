//! Pressure stall information: the share of time that tasks waited for memory, processor or storage.

use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

const PRESSURE: &str = "/proc/pressure";
/// Resource and line. The whole machine waits for a processor only in groups, so that line is left out.
const LINES: &[(&str, &str)] = &[("memory", "some"), ("memory", "full"), ("cpu", "some"), ("io", "some"), ("io", "full")];

#[derive(Debug)]
struct Psi;

pub(crate) fn find(host: &Host) -> Found {
    let path = format!("{PRESSURE}/memory");
    match host.files.read(&path) {
        Ok(text) => line(&text, "some", &path).map(|_| Box::new(Psi) as Box<dyn Source>),
        // Built in but switched off (`psi=0`): the file is there and cannot be read.
        Err(Missing::NotSupported { .. }) => Err(Missing::NotSupported { what: path }),
        Err(missing) => Err(missing),
    }
}

impl Source for Psi {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let mut out = Vec::new();
        for (resource, kind) in LINES {
            let path = format!("{PRESSURE}/{resource}");
            let name = format!("{resource} {kind}");
            let sensor = |quantity| Sensor::new(Interface::Psi, &name, quantity, Scope::Board, &path);
            let both = host.files.read(&path).and_then(|t| line(&t, kind, &path));
            out.push(sensor(Quantity::Pressure).measured(both.clone().map(|(share, _)| share)));
            out.push(sensor(Quantity::Stalled).measured(both.map(|(_, seconds)| seconds)));
        }
        out
    }
}

/// `some avg10=0.12 avg60=0.05 avg300=0.01 total=183654`: share of the last ten seconds, seconds in all.
pub(super) fn line(text: &str, kind: &str, path: &str) -> Result<(f64, f64), Missing> {
    let wrong = || Missing::malformed(path, text, "`some avg10=… total=…`");
    let line = text.lines().find(|l| l.split(' ').next() == Some(kind)).ok_or_else(wrong)?;
    let field = |key: &str| {
        let value = line.split(' ').find_map(|w| w.strip_prefix(key));
        value.and_then(|v| v.trim().parse::<f64>().ok()).ok_or_else(wrong)
    };
    Ok((field("avg10=")? / 100.0, field("total=")? / 1e6))
}
