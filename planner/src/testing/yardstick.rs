//! Random yardstick instances, small and loose, with their own seeds.

use crate::yardstick::Instance;
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};

/// An instance of so many devices and services, as JSON; `layers` bounds the layers of its models.
#[must_use]
pub fn instance_json(seed: u64, devices: usize, services: usize, layers: u32) -> Value {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x7a6d);
    let device = |rng: &mut Xoshiro256PlusPlus, id: usize| {
        // Few kinds, so that classes have several members.
        let kind = rng.random_range(0..3u32);
        let (mem, bw, tf, idle, act) =
            [(4.0, 10.0, 0.05, 2.5, 9.0), (7.0, 70.0, 6.0, 4.5, 15.0), (12.0, 100.0, 4.0, 6.0, 32.0)][kind as usize];
        let cool = [1.0, 0.7][rng.random_range(0..2usize)];
        json!({
            "id": id, "cls": format!("kind-{kind}"), "mem_gb": mem, "bw_gbs": bw, "tflops": tf, "standby_w": 0.5, "idle_w": idle,
            "active_w": act, "sustained_w": idle + cool * (act - idle), "net_gbps": 0.9, "net_ms": 0.3,
        })
    };
    let model = |rng: &mut Xoshiro256PlusPlus, accuracy: f64| {
        json!({
            "layers": rng.random_range(1..=layers), "mparams": rng.random_range(100.0..900.0), "width": 2048.0, "kv_width": 256.0,
            "base_acc": accuracy, "quant_factor": 1.0, "sampled": true,
        })
    };
    let fleet: Vec<Value> = (0..devices).map(|id| device(&mut rng, id)).collect();
    let models = json!({ "small": model(&mut rng, 0.55), "large": model(&mut rng, 0.62) });
    let demands: Vec<Value> = (0..services)
        .map(|id| {
            json!({
                "id": id, "models": ["small", "large"], "prompt": rng.random_range(64..512u32), "out": rng.random_range(0..64u32),
                "acc_floor": rng.random_range(0.5..0.6), "rate": rng.random_range(0.005..0.12), "slo_s": rng.random_range(2.0..40.0),
            })
        })
        .collect();
    json!({
        "name": format!("random-{seed}"), "seed": seed,
        "const": {
            "max_util": 0.7, "stage_gb": 0.25, "slots": 2, "weight_overhead": 1.06, "max_stages": rng.random_range(2..=4u32),
            "net_nj_per_byte": 20.0, "tts_gain": 0.22, "tts_exponent": 0.6,
        },
        "devices": fleet, "models": models,
        "bits": { "8": { "loss": 0.002, "unpack": 1.0 }, "4": { "loss": 0.02, "unpack": 1.0 } },
        "samples": [1, 4], "services": demands, "ref": { "power_w": 20.0 * devices as f64, "latency": 1.0 },
    })
}

/// The same, read.
///
/// # Panics
/// Never: what is generated is valid.
#[must_use]
pub fn random_instance(seed: u64, devices: usize, services: usize, layers: u32) -> Instance {
    crate::yardstick::read(instance_json(seed, devices, services, layers).to_string().as_bytes()).expect("valid by construction")
}
