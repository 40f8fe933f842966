//! The power mode. Its name counts: the same number means another mode on another board.

#[cfg(test)]
mod tests;

use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quantity, Reading, Sensor};
use crate::scope::Scope;
use crate::source::{Found, Host, Pace, Source, need_jetson};

const COMMAND: &[&str] = &["nvpmodel", "-q"];
const STATUS: &str = "/var/lib/nvpmodel/status";
const CONF: &str = "/etc/nvpmodel.conf";

#[derive(Debug)]
struct Nvpmodel;

pub(crate) fn find(host: &Host) -> Found {
    need_jetson(host)?;
    mode(host)?;
    Ok(Box::new(Nvpmodel))
}

impl Source for Nvpmodel {
    fn pace(&self) -> Pace {
        Pace::Rare
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        let (name, id, source) = match mode(host) {
            Ok((name, id, source)) => (name, Ok(id), source),
            Err(missing) => ("power mode".into(), Err(missing), "nvpmodel -q"),
        };
        vec![Sensor::new(Interface::Nvpmodel, &name, Quantity::Mode, Scope::Module, source).measured(id)]
    }
}

/// Name, number, and who said so: the command, or where it is not there (containers) its files.
fn mode(host: &Host) -> Result<(String, f64, &'static str), Missing> {
    match host.runner.run(COMMAND) {
        Ok(said) => parse(&said).map(|(name, id)| (name, id, "nvpmodel -q")),
        Err(missing) => {
            let status = host.files.read(STATUS).map_err(|_| missing)?;
            let id = status.trim().strip_prefix("pmode:").and_then(|n| n.parse::<u32>().ok());
            let id = id.ok_or_else(|| Missing::malformed(STATUS, &status, "`pmode:` and a number"))?;
            Ok((mode_name(&host.files.read(CONF)?, id)?, f64::from(id), STATUS))
        }
    }
}

/// `NV Power Mode: MAXN_SUPER`, then the number on a line of its own; other lines may come between.
fn parse(said: &str) -> Result<(String, f64), Missing> {
    let wrong = || Missing::malformed("nvpmodel -q", said, "`NV Power Mode: NAME` and a number");
    let name = said.lines().find_map(|l| l.split("NV Power Mode:").nth(1)).ok_or_else(wrong)?;
    let id = said.lines().rev().find_map(|l| l.trim().parse::<u32>().ok()).ok_or_else(wrong)?;
    Ok((name.trim().to_owned(), f64::from(id)))
}

/// `< POWER_MODEL ID=2 NAME=MAXN_SUPER >` of the configuration.
fn mode_name(conf: &str, id: u32) -> Result<String, Missing> {
    let id = format!("ID={id}");
    for line in conf.lines().filter(|l| l.contains("POWER_MODEL")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.contains(&id.as_str())
            && let Some(name) = words.iter().find_map(|w| w.strip_prefix("NAME="))
        {
            return Ok(name.to_owned());
        }
    }
    Err(Missing::absent(format!("a power model with {id} in {CONF}")))
}
