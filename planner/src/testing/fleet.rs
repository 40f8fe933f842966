//! Generated fleets of any size: eight kinds of devices, language models of 24 to 80 layers and encoders,
//! one service for two devices. Numbers are rounded from public specifications, as the yardstick's; they are nobody's measurements.

use crate::yardstick::{Instance, problem, read};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};

/// Memory GB, bandwidth GB/s, TFLOP/s, standby, idle and active watts, network Gbit/s, its latency ms; and how common.
type Kind = (f64, f64, f64, f64, f64, f64, f64, f64, u32);
const KINDS: [Kind; 8] = [
    (3.0, 3.5, 0.010, 0.4, 2.7, 6.4, 0.9, 0.40, 2),
    (7.0, 11.0, 0.045, 0.4, 2.8, 9.5, 0.9, 0.30, 5),
    (6.5, 75.0, 8.0, 0.6, 4.5, 15.0, 0.9, 0.25, 5),
    (14.0, 80.0, 14.0, 0.6, 6.0, 22.0, 0.9, 0.25, 3),
    (58.0, 165.0, 35.0, 0.8, 10.0, 50.0, 9.0, 0.15, 2),
    (28.0, 55.0, 0.8, 0.7, 7.0, 45.0, 2.3, 0.20, 3),
    (11.5, 100.0, 3.6, 0.5, 4.0, 32.0, 0.9, 0.20, 2),
    (7.2, 210.0, 25.0, 0.9, 14.0, 105.0, 0.9, 0.30, 2),
];
/// Layers, million parameters a layer, width, KV width, accuracy, factor on quantisation's loss.
const MODELS: [(u32, f64, f64, f64, f64, f64); 6] = [
    (24, 15.0, 896.0, 128.0, 0.42, 2.0),
    (28, 47.0, 1536.0, 256.0, 0.55, 1.5),
    (36, 77.0, 2048.0, 256.0, 0.62, 1.25),
    (32, 218.0, 4096.0, 1024.0, 0.70, 1.0),
    (48, 275.0, 5120.0, 1024.0, 0.75, 0.8),
    (64, 487.0, 5120.0, 1024.0, 0.79, 0.6),
];
/// How often a service wants at most that model: never the smallest, seldom the largest.
const WANTED: [u32; 6] = [0, 4, 5, 5, 3, 1];

/// A fleet of so many devices at one site, with half as many services.
///
/// # Panics
/// Never: what is generated is valid.
#[must_use]
pub fn fleet_instance(seed: u64, devices: usize) -> Instance {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0xf1ee_7000);
    let draw = |rng: &mut Xoshiro256PlusPlus, weights: &[u32]| {
        let mut left = rng.random_range(0..weights.iter().sum::<u32>());
        weights
            .iter()
            .position(|&w| {
                if left < w {
                    true
                } else {
                    left -= w;
                    false
                }
            })
            .unwrap_or(0)
    };
    let shares: Vec<u32> = KINDS.iter().map(|k| k.8).collect();
    let list: Vec<Value> = (0..devices)
        .map(|id| {
            // One of each first.
            let kind = if id < KINDS.len() { id } else { draw(&mut rng, &shares) };
            let (mem, bw, tf, standby, idle, active, net, ms, _) = KINDS[kind];
            let cool = [1.0, 0.8, 0.6][rng.random_range(0..3usize)];
            json!({
                "id": id, "cls": format!("kind-{kind}"), "mem_gb": mem, "bw_gbs": bw, "tflops": tf, "standby_w": standby,
                "idle_w": idle, "active_w": active, "sustained_w": idle + cool * (active - idle), "net_gbps": net, "net_ms": ms,
            })
        })
        .collect();
    let services: Vec<Value> = (0..(devices / 2).max(1))
        .map(|id| {
            let top = if id % 16 == 0 { 4 } else { draw(&mut rng, &WANTED) };
            let prompt = [128, 256, 512, 1024][rng.random_range(0..4usize)];
            let out = [64, 128, 256][rng.random_range(0..3usize)];
            json!({
                "id": id, "models": [format!("m{}", top - 1), format!("m{top}")], "prompt": prompt, "out": out,
                "acc_floor": MODELS[top - 1].4 - 0.02 * MODELS[top - 1].5 + 0.01, "rate": 1e-6, "slo_s": 1e6,
            })
        })
        .collect();
    let models: serde_json::Map<String, Value> = MODELS
        .iter()
        .enumerate()
        .map(|(n, &(layers, mparams, width, kv_width, base_acc, quant_factor))| {
            let model = json!({
                "layers": layers, "mparams": mparams, "width": width, "kv_width": kv_width, "base_acc": base_acc,
                "quant_factor": quant_factor, "sampled": true,
            });
            (format!("m{n}"), model)
        })
        .collect();
    let whole = json!({
        "name": format!("fleet-{devices}-{seed}"), "seed": seed,
        "const": {
            "max_util": 0.7, "stage_gb": 0.25, "slots": 2, "weight_overhead": 1.06, "max_stages": 4, "net_nj_per_byte": 20.0,
            "tts_gain": 0.22, "tts_exponent": 0.6,
        },
        "devices": list, "models": models, "services": services, "samples": [1, 2, 4, 8],
        "bits": {
            "8": { "loss": 0.002, "unpack": 1.0 }, "6": { "loss": 0.006, "unpack": 1.1 }, "4": { "loss": 0.02, "unpack": 1.0 },
            "3": { "loss": 0.07, "unpack": 1.25 },
        },
        "ref": { "power_w": 20.0 * devices as f64, "latency": 1.0 },
    });
    let mut instance = read(whole.to_string().as_bytes()).expect("valid by construction");
    goals(&mut instance, &mut rng);
    instance
}

/// Deadlines as factors on the best time that one device gives, or several of the fastest; rates as shares of its time.
fn goals(instance: &mut Instance, rng: &mut Xoshiro256PlusPlus) {
    let table = problem(instance).expect("valid by construction").table;
    for (service, row) in instance.services.iter_mut().zip(&table.services) {
        let mut best = f64::INFINITY;
        for option in &row.options {
            let blocks = f64::from(option.blocks);
            for (place, costs) in table.places.iter().zip(&option.at) {
                let Some(costs) = costs else { continue };
                let fits =
                    ((table.pools[place.pool as usize].capacity_bytes - costs.per_stage.bytes) / costs.sum[1].bytes).floor();
                let stages = (blocks / fits.max(0.0)).ceil();
                if fits >= 1.0 && stages <= f64::from(option.max_stages) {
                    best = best.min(blocks * costs.sum[1].total_s + stages * costs.per_stage.total_s);
                }
            }
        }
        let best = if best.is_finite() { best } else { 10.0 };
        service.slo_s = best * [1.5, 2.0, 3.0, 5.0, 10.0][rng.random_range(0..5usize)];
        service.rate = rng.random_range(0.3..1.0) * 0.35 / best;
    }
}
