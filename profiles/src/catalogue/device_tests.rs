//! The devices and links of the catalogue against what was measured, and their sources against their qualities.

use super::Catalogue;
use crate::device::{DeviceProfile, Kernel, Processor};
use crate::path::Path;
use crate::provenance::Quality;
use crate::walk::Walk;
use crate::{WeightFormat, check};

fn device(id: &str) -> DeviceProfile {
    Catalogue::builtin().device(id).unwrap_or_else(|| panic!("{id} is in the catalogue")).clone()
}

/// Leakage of a die at `celsius`, watts.
fn leakage_w(d: &DeviceProfile, celsius: f64) -> f64 {
    let t = &d.thermal;
    t.leakage.value.get() * ((celsius - t.reference.value.get()) / t.leakage_slope.value.get()).exp()
}

/// Steady power in a 25 degree room where `awake_w` is idle and dynamic power together, watts.
fn steady_w(d: &DeviceProfile, awake_w: f64) -> f64 {
    (0..60).fold(awake_w, |p, _| {
        let celsius = (25.0 + d.thermal.resistance.value.get() * p).min(d.thermal.throttle.value.get());
        awake_w + leakage_w(d, celsius)
    })
}

/// Tokens per second and watts of decoding at batch 1 in the first mode: `parameters` in `bytes`, 28 blocks.
fn decode(d: &DeviceProfile, processor: &Processor, kernel: &Kernel, parameters: f64, bytes: f64) -> (f64, f64) {
    let ops = 2.0 * parameters;
    let alu_s = ops / (kernel.peak.value.get() * kernel.efficiency.value.get());
    let memory_s = bytes / (processor.bandwidth.value.get() * processor.bandwidth_efficiency.value.get());
    let p = processor.overlap.value;
    let time_s = (alu_s.powf(p) + memory_s.powf(p)).powf(1.0 / p)
        + 28.0 * processor.launch.value.get()
        + processor.pass_overhead.value.get();
    let energy_j = ops * kernel.joules_per_op.value.get() + bytes * processor.joules_per_byte.value.get();
    (1.0 / time_s, steady_w(d, d.modes[0].idle.value.get() + energy_j / time_s))
}

#[test]
fn the_devices_are_many() {
    let c = Catalogue::builtin();
    assert!(c.device_ids().count() >= 45, "{}", c.device_ids().count());
    assert!(c.link_ids().count() >= 10, "{}", c.link_ids().count());
    for link in ["gigabit-ethernet", "wifi-5", "wifi-6", "loopback", "pcie-4x8"] {
        assert!(c.link(link).is_some(), "{link}");
    }
}

/// A row of the measurement table: decode at batch 1.
struct Row {
    device: &'static str,
    processor: &'static str,
    format: WeightFormat,
    /// In 1e9.
    parameters: f64,
    /// Per weight.
    bits: f64,
    tokens_per_s: f64,
    watts: Option<f64>,
}

const fn row(
    device: &'static str,
    processor: &'static str,
    parameters: f64,
    bits: f64,
    tokens_per_s: f64,
    watts: Option<f64>,
) -> Row {
    let format = if bits > 10.0 { WeightFormat::W16 } else { WeightFormat::W4 };
    Row { device, processor, format, parameters, bits, tokens_per_s, watts }
}

const ROWS: [Row; 8] = [
    // m1129 (geerlingguy/ai-benchmarks): Llama-3.1-8B Q4_K_M on a Pi 5, board at the wall.
    row("rpi5-16gb", "cpu", 8.03, 4.84, 2.05, Some(10.8)),
    // m0202..m0231 (edge-inference/edgereasoning): 14B fp16 on AGX Orin; m0472: its module while the GPU decodes.
    row("agx-orin-64gb", "gpu", 14.8, 16.0, 5.34, Some(30.8)),
    // m0714 (llama.cpp, Metal): Llama-2-7B Q4_0 on an M1.
    row("apple-m1", "gpu", 6.74, 4.546, 14.15, None),
    // m0888 (MLC): Llama-3.2-3B at 4 bits on an Orin Nano Super.
    row("orin-nano-8gb-super", "gpu", 3.21, 4.5, 43.07, None),
    // m0084 (geerlingguy/ai-benchmarks): Llama-3.2-3B Q4_K_M on an N150, at the wall.
    row("n150-gmktec-g3plus", "cpu", 3.21, 4.84, 9.06, Some(26.4)),
    // m0094 (geerlingguy/ai-benchmarks): 70B Q4_K_M on Strix Halo, at the wall.
    row("ryzen-ai-max-395", "igpu", 70.6, 4.84, 4.97, Some(133.0)),
    // m0095 (geerlingguy/ai-benchmarks): 70B Q4_K_M on a DGX Spark, at the wall.
    row("gb10-spark", "gpu", 70.6, 4.84, 4.71, Some(156.0)),
    // m0834 (llama.cpp): 70B Q4_0 on an RTX A6000.
    row("rtxa6000", "gpu", 69.0, 4.51, 15.18, None),
];

/// Profiles give the rates within 25 % and the powers within 20 % of rows that their class was read from.
#[test]
fn measured_rates_and_powers_are_met() {
    for r in ROWS {
        let d = device(r.device);
        let processor = d.processors.iter().find(|p| p.id == r.processor).expect("the device has it");
        let parameters = r.parameters * 1e9;
        let (rate, power) = decode(&d, processor, &processor.kernels[&r.format], parameters, parameters * r.bits / 8.0);
        assert!((rate / r.tokens_per_s - 1.0).abs() < 0.25, "{}: {rate} tok/s, measured {}", r.device, r.tokens_per_s);
        if let Some(watts) = r.watts {
            assert!((power / watts - 1.0).abs() < 0.2, "{}: {power} W, measured {watts}", r.device);
        }
    }
}

/// A meter on an idle device reads little more than the mode's net idle, and the cap of every mode
/// leaves at least 0.5 W of work to a die about to throttle.
#[test]
fn idle_and_caps_leave_room_for_work() {
    let c = Catalogue::builtin();
    for id in c.device_ids() {
        let d = device(id);
        for mode in &d.modes {
            let idle = mode.idle.value.get();
            let awake = steady_w(&d, idle);
            assert!(awake >= idle && awake <= 1.6 * idle, "{id} {}: {idle} W net, {awake} W awake", mode.id);
            if let Some(cap) = &mode.cap {
                let room = cap.value.get() - idle - leakage_w(&d, d.thermal.throttle.value.get());
                assert!(room >= 0.5, "{id} {}: {room} W", mode.id);
            }
        }
        assert!(d.sleep.power.value < d.modes[0].idle.value, "{id} sleeps at more than it idles");
    }
}

/// Energies are those of electronics: DRAM and SoC bytes between 10 pJ and 1.3 nJ, a processor at full
/// arithmetic load within reach of its supply.
#[test]
fn energies_are_plausible() {
    let c = Catalogue::builtin();
    for id in c.device_ids() {
        let d = device(id);
        for p in &d.processors {
            let j = p.joules_per_byte.value.get();
            assert!((10e-12..=1.3e-9).contains(&j), "{id} {}: {j} J/B", p.id);
            for (format, k) in &p.kernels {
                let busy = k.peak.value.get() * k.efficiency.value.get() * k.joules_per_op.value.get();
                let supply = d.modes.iter().filter_map(|m| m.cap.as_ref()).map(|c| c.value.get()).fold(0.0, f64::max);
                assert!(supply == 0.0 || busy <= 1.1 * supply, "{id} {} {format:?}: {busy} W of {supply} W", p.id);
            }
        }
        assert!(check::device(&d).is_empty(), "{id}");
    }
}

/// A text that begins with `assumed:` or `fitted:` is cited with that quality only.
#[test]
fn qualities_agree_with_their_sources() {
    let c = Catalogue::builtin();
    let mut wrong = Vec::new();
    let mut look = |id: &str, walk: &mut dyn Walk| {
        walk.walk(&Path::ROOT, &mut |at, quality, source| {
            let said = match source.split(':').next() {
                Some("assumed") => Quality::Assumed,
                Some("fitted") => Quality::Fitted,
                _ => return,
            };
            if said != quality {
                wrong.push(format!("{id} {at}: {quality:?} by `{source}`"));
            }
        });
    };
    for id in c.device_ids() {
        look(id, &mut device(id));
    }
    for id in c.link_ids() {
        look(id, &mut c.link(id).expect("listed").clone());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
