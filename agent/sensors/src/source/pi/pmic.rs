//! The Pi 5's power chip: volts and amperes of its outputs, from `vcgencmd pmic_read_adc`.
//!
//! The sum leaves out what hangs on the 5 V bus (USB, HAT, NVMe). Board power is a calibrated line
//! through that sum, so it is modelled, and wrong when 5 V peripherals draw.

#[cfg(test)]
mod tests;

use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Quality, Quantity, Reading, Sensor};
use crate::scope::{Scope, add};
use crate::source::{Found, Host, Pace, Source, need_pi};
use std::collections::BTreeMap;

const COMMAND: &[&str] = &["vcgencmd", "pmic_read_adc"];
const SOURCE: &str = "vcgencmd pmic_read_adc";

#[derive(Debug)]
struct Pmic;

pub(crate) fn find(host: &Host) -> Found {
    need_pi(host)?;
    if let crate::board::Family::Pi { generation: 1..=4 } = host.board.family {
        return Err(Missing::not_here("a Raspberry Pi before the 5 has no power sensor"));
    }
    parse(&host.runner.run(COMMAND)?)?;
    Ok(Box::new(Pmic))
}

impl Source for Pmic {
    fn pace(&self) -> Pace {
        Pace::Fast
    }

    fn read(&mut self, host: &Host) -> Vec<Reading> {
        match host.runner.run(COMMAND).and_then(|said| parse(&said)) {
            Ok(adc) => readings(&adc, host.config.pi_board),
            Err(missing) => vec![board().reading(Err(missing), Quality::Modelled)],
        }
    }
}

fn board() -> Sensor {
    Sensor::new(Interface::PiPmic, "board", Quantity::Power, Scope::Board, "a * (sum of PMIC rails) + b")
}

/// Volts and amperes by rail. Each may be missing: a supply input has no amperes.
#[derive(Debug, Default, PartialEq)]
struct Adc {
    volts: BTreeMap<String, f64>,
    amperes: BTreeMap<String, f64>,
}

/// Lines such as `VDD_CORE_A current(7)=4.81250000A`; indices do not pair volts with amperes, names do.
fn parse(said: &str) -> Result<Adc, Missing> {
    let mut adc = Adc::default();
    for line in said.lines().filter(|l| !l.trim().is_empty()) {
        let wrong = || Missing::malformed(SOURCE, line, "`NAME_A current(n)=xA` or `NAME_V volt(n)=xV`");
        let (left, value) = line.rsplit_once('=').ok_or_else(wrong)?;
        let name = left.split_whitespace().next().ok_or_else(wrong)?;
        let number = value.trim().trim_end_matches(['A', 'V']).parse::<f64>().map_err(|_| wrong())?;
        if let Some(rail) = name.strip_suffix("_A") {
            adc.amperes.insert(rail.into(), number);
        } else if let Some(rail) = name.strip_suffix("_V") {
            adc.volts.insert(rail.into(), number);
        } else {
            return Err(wrong());
        }
    }
    if adc.amperes.is_empty() {
        return Err(Missing::malformed(SOURCE, said, "at least one current"));
    }
    Ok(adc)
}

fn readings(adc: &Adc, (a, b): (f64, f64)) -> Vec<Reading> {
    let mut out = Vec::new();
    for (rail, amperes) in &adc.amperes {
        let volts = adc.volts.get(rail).ok_or_else(|| Missing::absent(format!("{rail}_V in {SOURCE}")));
        let sensor = Sensor::new(Interface::PiPmic, rail, Quantity::Power, Scope::rail(rail, Scope::Board), SOURCE);
        out.push(sensor.reading(volts.map(|v| v * amperes), Quality::Derived));
    }
    let sum = add(&out).map_err(|e| Missing::Failed { what: "the sum of PMIC rails".into(), error: e.to_string() });
    let sum = sum.map(|s| s.value().unwrap_or(f64::NAN));
    out.push(board().reading(sum.map(|w| a * w + b), Quality::Modelled));
    // Below 4.63 V the board browns out.
    if let Some(&volts) = adc.volts.get("EXT5V") {
        let sensor = Sensor::new(Interface::PiPmic, "EXT5V", Quantity::Voltage, Scope::Board, SOURCE);
        out.push(sensor.measured(Ok(volts)));
    }
    out
}
