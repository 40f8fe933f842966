//! What plugs answer.

use super::Dialect;
use crate::missing::Missing;
use serde_json::Value;

/// Power and energy of one channel, and the steps in which they count.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub power_w: Result<f64, Missing>,
    pub energy_j: Result<f64, Missing>,
    pub power_step_w: f64,
    pub energy_step_j: f64,
}

/// Reads an answer's body.
pub(super) fn parse(dialect: Dialect, channel: u8, what: &str, body: &str) -> Result<Answer, Missing> {
    let json: Value = serde_json::from_str(body).map_err(|_| Missing::malformed(what, body, "JSON"))?;
    let number = |pointer: &str, factor: f64| -> Result<f64, Missing> {
        let value = json.pointer(pointer).ok_or_else(|| Missing::absent(format!("{pointer} in the answer of {what}")))?;
        let element = value.as_array().map_or(Some(value), |list| list.get(usize::from(channel)));
        let number = element.and_then(Value::as_f64).map(|n| n * factor);
        number.ok_or_else(|| Missing::malformed(what, &value.to_string(), "a number"))
    };
    Ok(match dialect {
        // W with one decimal; Wh with three.
        Dialect::Shelly | Dialect::ShellyPm => Answer {
            power_w: number("/apower", 1.0),
            energy_j: number("/aenergy/total", 3600.0),
            power_step_w: 0.1,
            energy_step_j: 3.6,
        },
        // W with two decimals; whole watt-minutes. A channel without a meter says so.
        Dialect::Shelly1 => {
            let valid = json.pointer("/is_valid").and_then(Value::as_bool).unwrap_or(true);
            let checked = |v: Result<f64, Missing>| {
                if valid { v } else { Err(Missing::NotSupported { what: what.into() }) }
            };
            Answer {
                power_w: checked(number("/power", 1.0)),
                energy_j: checked(number("/total", 60.0)),
                power_step_w: 0.01,
                energy_step_j: 60.0,
            }
        }
        // Whole watts unless `WattRes` was set; kWh with three decimals, one counter for all channels.
        Dialect::Tasmota => {
            let several = json.pointer("/StatusSNS/ENERGY/Power").is_some_and(Value::is_array);
            let total = number("/StatusSNS/ENERGY/Total", 3.6e6);
            let power_w = number("/StatusSNS/ENERGY/Power", 1.0);
            let whole = power_w.as_ref().is_ok_and(|w| w.fract() == 0.0);
            let one = json.pointer("/StatusSNS/ENERGY/Total").is_some_and(Value::is_array) || !several;
            let shared = || Missing::NotSupported { what: format!("{what}: energy of one channel") };
            Answer {
                power_w,
                energy_j: if one { total } else { Err(shared()) },
                power_step_w: if whole { 1.0 } else { 0.1 },
                energy_step_j: 3600.0,
            }
        }
    })
}
