//! The instance file: read, and checked as a whole before anything is computed from it.

use serde::Deserialize;
use std::collections::BTreeMap;

/// What is wrong with an instance file.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum InstanceError {
    /// Not JSON, or not of the form.
    #[error("line {line}, column {column}: {what}")]
    Form {
        /// First line is 1.
        line: usize,
        column: usize,
        what: String,
    },
    /// A value that makes no sense.
    #[error("{at}: {what}")]
    Value {
        /// Where, as `devices[3].mem_gb`.
        at: String,
        what: String,
    },
    /// More numbers than the table may hold.
    #[error("{options} options on {devices} devices are {costs} cost rows, at most {most} are read")]
    Size { options: usize, devices: usize, costs: usize, most: usize },
}

/// An instance. Units stand in the names: gigabytes and gigabits are 10^9.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    pub name: String,
    #[serde(default)]
    pub seed: u64,
    #[serde(rename = "const")]
    pub constants: Constants,
    pub devices: Vec<Device>,
    pub models: BTreeMap<String, Model>,
    /// By bits of a weight, written as a key.
    pub bits: BTreeMap<String, Bits>,
    /// Samples that a request may take.
    pub samples: Vec<u32>,
    pub services: Vec<Service>,
    #[serde(rename = "ref")]
    pub reference: Reference,
}

/// Numbers that all services share.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Constants {
    /// Share of a device's time that plans may book.
    pub max_util: f64,
    /// Memory of one stage beside its layers.
    pub stage_gb: f64,
    /// KV slots kept for a service.
    pub slots: u32,
    /// Scales and zero points, as a factor on weights.
    pub weight_overhead: f64,
    pub max_stages: u32,
    pub net_nj_per_byte: f64,
    /// Accuracy with `k` samples is `p + (1 - p) gain (1 - k^-exponent)`.
    pub tts_gain: f64,
    pub tts_exponent: f64,
}

/// A device; bandwidth and speed are effective, not peaks.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Device {
    pub id: u32,
    #[serde(default)]
    pub cls: String,
    pub mem_gb: f64,
    pub bw_gbs: f64,
    pub tflops: f64,
    pub standby_w: f64,
    pub idle_w: f64,
    pub active_w: f64,
    pub sustained_w: f64,
    pub net_gbps: f64,
    pub net_ms: f64,
}

/// A model of alike layers.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Model {
    pub layers: u32,
    /// Million parameters of one layer.
    pub mparams: f64,
    pub width: f64,
    pub kv_width: f64,
    pub base_acc: f64,
    pub quant_factor: f64,
    /// May be sampled more than once.
    pub sampled: bool,
}

/// A weight format.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Bits {
    /// Accuracy lost, times the model's factor.
    pub loss: f64,
    /// Factor on decode FLOPs.
    pub unpack: f64,
}

/// A stream of requests.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub id: u32,
    /// Candidates.
    pub models: Vec<String>,
    /// Prompt and answer tokens.
    pub prompt: u32,
    pub out: u32,
    pub acc_floor: f64,
    /// Requests per second.
    pub rate: f64,
    pub slo_s: f64,
}

/// Corner of the box that a front's hypervolume is measured in.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub power_w: f64,
    pub latency: f64,
}

/// Reads and checks an instance.
pub fn read(bytes: &[u8]) -> Result<Instance, InstanceError> {
    let instance: Instance = serde_json::from_slice(bytes).map_err(|e| {
        let what = e.to_string();
        let what = what.rsplit_once(" at line ").map_or(what.clone(), |(what, _)| what.to_owned());
        InstanceError::Form { line: e.line(), column: e.column(), what }
    })?;
    check(&instance)?;
    Ok(instance)
}

fn bad(at: impl Into<String>, what: impl Into<String>) -> InstanceError {
    InstanceError::Value { at: at.into(), what: what.into() }
}

/// A finite number in a range.
fn within(at: &str, value: f64, low: f64, high: f64) -> Result<(), InstanceError> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(bad(at, format!("{value} is not between {low} and {high}"))) }
}

fn check(i: &Instance) -> Result<(), InstanceError> {
    let c = &i.constants;
    within("const.max_util", c.max_util, 1e-6, 1.0)?;
    within("const.stage_gb", c.stage_gb, 0.0, 1e6)?;
    within("const.slots", f64::from(c.slots), 0.0, 1e6)?;
    within("const.weight_overhead", c.weight_overhead, 1e-3, 1e3)?;
    within("const.max_stages", f64::from(c.max_stages), 1.0, 8.0)?;
    within("const.net_nj_per_byte", c.net_nj_per_byte, 0.0, 1e9)?;
    within("const.tts_gain", c.tts_gain, 0.0, 1.0)?;
    within("const.tts_exponent", c.tts_exponent, 0.0, 1e3)?;
    within("ref.power_w", i.reference.power_w, 1e-9, 1e12)?;
    within("ref.latency", i.reference.latency, 1e-9, 1e12)?;
    if i.devices.is_empty() {
        return Err(bad("devices", "a fleet has at least one device"));
    }
    if i.services.is_empty() {
        return Err(bad("services", "a plan is for at least one service"));
    }
    for (n, d) in i.devices.iter().enumerate() {
        device(n, d)?;
    }
    for (name, m) in &i.models {
        let at = |field: &str| format!("models.{name}.{field}");
        within(&at("layers"), f64::from(m.layers), 1.0, 1000.0)?;
        within(&at("mparams"), m.mparams, 1e-6, 1e9)?;
        within(&at("width"), m.width, 0.0, 1e9)?;
        within(&at("kv_width"), m.kv_width, 0.0, 1e9)?;
        within(&at("base_acc"), m.base_acc, 0.0, 1.0)?;
        within(&at("quant_factor"), m.quant_factor, 0.0, 1e3)?;
    }
    for (key, b) in &i.bits {
        if key.parse::<u32>().map_or(true, |b| !(1..=64).contains(&b)) {
            return Err(bad(format!("bits.{key}"), "bits of a weight are a whole number from 1 to 64"));
        }
        within(&format!("bits.{key}.loss"), b.loss, 0.0, 1.0)?;
        within(&format!("bits.{key}.unpack"), b.unpack, 1e-3, 1e3)?;
    }
    for (n, &k) in i.samples.iter().enumerate() {
        within(&format!("samples[{n}]"), f64::from(k), 1.0, 1e6)?;
    }
    for (n, s) in i.services.iter().enumerate() {
        service(i, n, s)?;
    }
    Ok(())
}

fn device(n: usize, d: &Device) -> Result<(), InstanceError> {
    let at = |field: &str| format!("devices[{n}].{field}");
    if d.id as usize != n {
        return Err(bad(at("id"), format!("{} stands in place {n}: numbers follow the order", d.id)));
    }
    for (field, value, low) in [
        ("mem_gb", d.mem_gb, 0.0),
        ("bw_gbs", d.bw_gbs, 1e-6),
        ("tflops", d.tflops, 1e-9),
        ("standby_w", d.standby_w, 0.0),
        ("idle_w", d.idle_w, 0.0),
        ("active_w", d.active_w, 0.0),
        ("sustained_w", d.sustained_w, 0.0),
        ("net_gbps", d.net_gbps, 1e-9),
        ("net_ms", d.net_ms, 0.0),
    ] {
        within(&at(field), value, low, 1e9)?;
    }
    if d.active_w < d.idle_w {
        return Err(bad(at("active_w"), format!("{} W is less than the idle power, {} W", d.active_w, d.idle_w)));
    }
    if d.sustained_w < d.idle_w {
        return Err(bad(at("sustained_w"), format!("{} W is less than the idle power, {} W", d.sustained_w, d.idle_w)));
    }
    Ok(())
}

fn service(i: &Instance, n: usize, s: &Service) -> Result<(), InstanceError> {
    let at = |field: &str| format!("services[{n}].{field}");
    if s.id as usize != n {
        return Err(bad(at("id"), format!("{} stands in place {n}: numbers follow the order", s.id)));
    }
    for model in &s.models {
        if !i.models.contains_key(model) {
            return Err(bad(at("models"), format!("`{model}` is not among the instance's models")));
        }
    }
    within(&at("prompt"), f64::from(s.prompt), 0.0, 1e7)?;
    within(&at("out"), f64::from(s.out), 0.0, 1e7)?;
    within(&at("acc_floor"), s.acc_floor, 0.0, 1.0)?;
    within(&at("rate"), s.rate, 1e-12, 1e9)?;
    within(&at("slo_s"), s.slo_s, 1e-9, 1e12)
}
