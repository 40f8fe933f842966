//! The closed forms: from an instance to a cost table.
//!
//! Per layer and request, with `w` parameters in the layer, `b` bits, `k` samples, `I` prompt and `O`
//! answer tokens, `F` and `B` the device's FLOP/s and bytes/s (the instance format's own definitions):
//!
//! ```text
//! weights  W = overhead w b / 8 bytes              KV  V = 4 kv_width bytes per token and layer
//! prefill  max(2 w I / F, W / B)
//! decode   O max(2 w k unpack(b) / F, (W + k V (I + O/2)) / B)
//! energy   (active - idle) W  (0.35 FLOPs / F + 0.35 bytes / B + 0.30 time)
//! memory   W + slots k (I + O) V, and stage_gb per stage
//! a stage  (O + 1) net_ms + (I + O k) width 2 bytes / net_gbps; net_nj_per_byte for each byte
//! accuracy p = base - loss(b) factor;  p + (1 - p) gain (1 - k^-exponent)
//! ```
//!
//! Dynamic power is dynamic energy times the rate; the energy of messages is no heat of the device's.

use super::instance::{Device, Instance, InstanceError, Model, Service};
use crate::table::{self, BlockCosts, Choice, Cost, Cut, Hop, Line, Mode, Place, Pool, Table, Transfer, Weights};

/// Most rows of costs: about a gigabyte of table.
const ROWS: usize = 4_000_000;

/// Shares of the energy roofline: arithmetic, traffic, time.
const ARITHMETIC: f64 = 0.35;
const TRAFFIC: f64 = 0.35;
const TIME: f64 = 0.30;

/// An option's meaning.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    pub model: String,
    pub bits: u32,
    pub samples: u32,
    unpack: f64,
    accuracy: f64,
}

/// The table of an instance, and what its options mean, by service and label.
#[derive(Clone, Debug)]
pub struct Problem {
    pub table: Table,
    pub options: Vec<Vec<Meaning>>,
}

/// States an instance as a cost table, fleet power to be least.
pub fn problem(i: &Instance) -> Result<Problem, InstanceError> {
    let options: Vec<Vec<Meaning>> = i.services.iter().map(|s| meanings(i, s)).collect();
    let (n, all) = (i.devices.len(), options.iter().map(Vec::len).sum::<usize>());
    let costs = n.saturating_mul(n.max(all));
    if costs > ROWS {
        return Err(InstanceError::Size { options: all, devices: n, costs, most: ROWS });
    }
    if let Some(j) = options.iter().position(Vec::is_empty) {
        return Err(InstanceError::Value {
            at: format!("services[{j}].acc_floor"),
            what: format!("no model at any bits and samples reaches {}", i.services[j].acc_floor),
        });
    }
    let each = 1.0 / i.services.len() as f64;
    let services = i
        .services
        .iter()
        .zip(&options)
        .map(|(s, options)| table::Service {
            name: format!("service {}", s.id),
            rate_hz: s.rate,
            ttft_cap_s: f64::INFINITY,
            tpot_cap_s: f64::INFINITY,
            total_cap_s: s.slo_s,
            total_ref_s: s.slo_s,
            share: each,
            answer_share: each,
            pins: Vec::new(),
            first: Vec::new(),
            apart: Vec::new(),
            skip_cost: f64::INFINITY,
            options: options.iter().enumerate().map(|(label, o)| choice(i, s, label as u32, o)).collect(),
        })
        .collect();
    let index = 0..n as u32;
    let hop = Hop { latency_s: 0.0, s_per_byte: 0.0, j_per_byte: joules_per_byte(i), segments: Vec::new() };
    let table = Table {
        bills: Vec::new(),
        devices: index.clone().zip(&i.devices).map(|(d, device)| fleet_device(d, device)).collect(),
        modes: index
            .clone()
            .zip(&i.devices)
            .map(|(d, device)| Mode {
                device: d,
                name: "only".into(),
                throttled: false,
                booked_cap: i.constants.max_util,
                dynamic_cap_w: device.sustained_w - device.idle_w,
                curve: vec![Line { base_w: device.idle_w, slope: 1.0 }],
                places: d..d + 1,
            })
            .collect(),
        places: index.clone().map(|d| Place { mode: d, device: d, processor: 0, pool: d, slot: d, format: 0 }).collect(),
        pools: index
            .zip(&i.devices)
            .map(|(d, device)| Pool { device: d, name: "memory".into(), capacity_bytes: device.mem_gb * 1e9 })
            .collect(),
        segments: Vec::new(),
        hops: vec![hop; n * n],
        services,
        power_cap_w: f64::INFINITY,
        latency_cap: f64::INFINITY,
        inaccuracy_cap: f64::INFINITY,
        underuse_cap: f64::INFINITY,
        weights: Weights { power: 1.0, latency: 0.0, inaccuracy: 0.0, underuse: 0.0 },
    };
    Ok(Problem { table, options })
}

fn fleet_device(d: u32, device: &Device) -> table::Device {
    table::Device {
        name: format!("{} {d}", device.cls),
        sleep_w: device.standby_w,
        may_sleep: true,
        needs: None,
        modes: d..d + 1,
        class: d,
    }
}

fn joules_per_byte(i: &Instance) -> f64 {
    i.constants.net_nj_per_byte * 1e-9
}

/// Options that reach the accuracy floor and that no other of the same model beats on every device: as
/// few bits, as few samples, as cheap to unpack.
fn meanings(i: &Instance, s: &Service) -> Vec<Meaning> {
    let mut all = Vec::new();
    for name in &s.models {
        let Some(m) = i.models.get(name) else { continue };
        for (key, q) in &i.bits {
            let Ok(bits) = key.parse() else { continue };
            for &samples in i.samples.iter().filter(|&&k| k == 1 || m.sampled) {
                let p = m.base_acc - q.loss * m.quant_factor;
                let c = &i.constants;
                let accuracy = p + (1.0 - p) * c.tts_gain * (1.0 - f64::from(samples).powf(-c.tts_exponent));
                if accuracy + 1e-9 >= s.acc_floor {
                    all.push(Meaning { model: name.clone(), bits, samples, unpack: q.unpack, accuracy });
                }
            }
        }
    }
    let beats =
        |b: &Meaning, a: &Meaning| b.model == a.model && b.bits <= a.bits && b.samples <= a.samples && b.unpack <= a.unpack;
    let kept = |(n, a): (usize, &Meaning)| {
        let beaten = all.iter().enumerate().any(|(other, b)| n != other && beats(b, a) && !(beats(a, b) && n < other));
        (!beaten).then(|| a.clone())
    };
    all.iter().enumerate().filter_map(kept).collect()
}

/// Bytes that cross a network interface for one request.
fn traffic(s: &Service, m: &Model, samples: u32) -> f64 {
    (f64::from(s.prompt) + f64::from(s.out) * f64::from(samples)) * m.width * 2.0
}

fn choice(i: &Instance, s: &Service, label: u32, o: &Meaning) -> Choice {
    let m = &i.models[&o.model];
    let bytes = traffic(s, m, o.samples);
    let enter = Transfer { ttft_s: 0.0, total_s: 0.0, energy_j: bytes * joules_per_byte(i), bytes, segments: Vec::new() };
    Choice {
        label,
        blocks: m.layers,
        replicas: 1,
        accuracy: o.accuracy,
        max_stages: i.constants.max_stages,
        at: i.devices.iter().map(|d| Some(layer(i, s, m, o, d))).collect(),
        enter: vec![enter; i.devices.len()],
        leave: Vec::new(),
        cuts: vec![Cut { prefill_bytes: bytes, ..Cut::default() }; m.layers as usize],
        loop_start: 0,
        return_bytes: 0.0,
        // Every pass of a request is in the costs of its layers and stages.
        passes: 0.0,
    }
}

/// One layer of one request on one device, and the stage around it.
fn layer(i: &Instance, s: &Service, m: &Model, o: &Meaning, d: &Device) -> BlockCosts {
    let (flops_s, bytes_s) = (d.tflops * 1e12, d.bw_gbs * 1e9);
    let (prompt, out, k) = (f64::from(s.prompt), f64::from(s.out), f64::from(o.samples));
    let w = m.mparams * 1e6;
    let weights = w * f64::from(o.bits) / 8.0 * i.constants.weight_overhead;
    let kv = 2.0 * m.kv_width * 2.0;
    let step_flops = 2.0 * w * k * o.unpack;
    let step_bytes = weights + k * (prompt + out / 2.0) * kv;
    let seconds = (2.0 * w * prompt / flops_s).max(weights / bytes_s) + out * (step_flops / flops_s).max(step_bytes / bytes_s);
    let flops = 2.0 * w * prompt + out * step_flops;
    let bytes = weights + out * step_bytes;
    let roofline = ARITHMETIC * flops / flops_s + TRAFFIC * bytes / bytes_s + TIME * seconds;
    let each = Cost {
        ttft_s: 0.0,
        tpot_s: 0.0,
        total_s: seconds,
        busy_s: seconds,
        dynamic_j: (d.active_w - d.idle_w) * roofline,
        bytes: weights + f64::from(i.constants.slots) * k * (prompt + out) * kv,
    };
    let message_s = (out + 1.0) * d.net_ms * 1e-3 + traffic(s, m, o.samples) / (d.net_gbps * 1e9 / 8.0);
    BlockCosts::alike(each, Cost { total_s: message_s, bytes: i.constants.stage_gb * 1e9, ..Cost::default() })
}
