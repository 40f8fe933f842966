//! Temperatures of processor and storage from hwmon, for PCs, whose thermal zones tell little.

use super::thermal::plausible;
use crate::files::scaled;
use crate::hwmon::named;
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source};

const CHIPS: &[&str] = &["coretemp", "k10temp", "zenpower", "nvme"];

#[derive(Debug)]
struct Temps(Vec<(String, String)>);

pub(crate) fn find(host: &Host) -> Found {
    let files = &*host.files;
    let mut found = Vec::new();
    for chip in named(files, CHIPS)? {
        for file in files.list(&chip.dir)? {
            if let Some(n) = file.strip_prefix("temp").and_then(|f| f.strip_suffix("_input")) {
                let label = chip.text(files, &format!("temp{n}_label")).unwrap_or_else(|_| format!("temp{n}"));
                found.push((format!("{} {label}", chip.name), chip.path(&file)));
            }
        }
    }
    if found.is_empty() {
        return Err(Missing::absent("a temp*_input of a hwmon chip"));
    }
    Ok(Box::new(Temps(found)))
}

impl Source for Temps {
    fn pace(&self) -> Pace {
        Pace::Slow
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let read = |(name, path): &(String, String)| {
            let sensor = Sensor::new(Interface::HwmonTemp, name, Quantity::Temperature, Scope::Board, path);
            sensor.measured(scaled(&*host.files, path, 1e-3).and_then(|t| plausible(t, path)))
        };
        self.0.iter().map(read).collect()
    }
}
