//! Hand-made device profiles with numbers that can be multiplied in the head.

use profiles::units::{
    Bytes, BytesPerSecond, Celsius, Joules, JoulesPerByte, JoulesPerKelvin, JoulesPerOp, Kelvin, KelvinPerWatt, OpsPerSecond,
    Ratio, Seconds, Watts,
};
use profiles::{
    DeviceClass, DeviceProfile, Kernel, Memory, ModeClock, PowerMode, Processor, ProcessorKind, Quality, Sleep, Sourced, Storage,
    Thermal, WeightFormat,
};
use std::collections::BTreeMap;

/// A value with a quality, said by a fixture.
#[must_use]
pub fn sourced<T>(value: T, quality: Quality) -> Sourced<T> {
    Sourced { value, quality, source: "fixture".into() }
}

fn measured<T>(value: T) -> Sourced<T> {
    sourced(value, Quality::Measured)
}

fn assumed<T>(value: T) -> Sourced<T> {
    sourced(value, Quality::Assumed)
}

/// Kernels for the formats that small boards run; `peak` at 8 bits and above, low-bit kernels unpack and are slower.
fn kernels(peak: f64, j_per_op: f64) -> BTreeMap<WeightFormat, Kernel> {
    let kernel = |share: f64| Kernel {
        peak: measured(OpsPerSecond(peak * share)),
        efficiency: measured(Ratio(0.5)),
        vector: None,
        sample: None,
        joules_per_op: assumed(JoulesPerOp(j_per_op)),
    };
    [(WeightFormat::W16, 0.5), (WeightFormat::W8, 1.0), (WeightFormat::W4, 0.8), (WeightFormat::Ternary, 0.6)]
        .into_iter()
        .map(|(f, s)| (f, kernel(s)))
        .collect()
}

fn processor(id: &str, kind: ProcessorKind, memory: &str, bandwidth: f64, peak: f64, j_per_op: f64) -> Processor {
    Processor {
        id: id.into(),
        kind,
        memory: memory.into(),
        bandwidth: measured(BytesPerSecond(bandwidth)),
        bandwidth_efficiency: measured(Ratio(0.5)),
        cache: Some(measured(Bytes(2e6))),
        joules_per_byte: assumed(JoulesPerByte(100e-12)),
        clocked_share: (kind == ProcessorKind::Gpu).then(|| assumed(Ratio(0.5))),
        kernels: kernels(peak, j_per_op),
        launch: assumed(Seconds(20e-6)),
        pass_overhead: assumed(Seconds(200e-6)),
        overlap: sourced(2.0, Quality::Fitted),
        attention: None,
        element: None,
        reading: Vec::new(),
    }
}

fn mode(id: &str, idle: f64, cap: Option<f64>, clocks: &[(&str, f64, f64)]) -> PowerMode {
    PowerMode {
        id: id.into(),
        idle: measured(Watts(idle)),
        cap: cap.map(|c| sourced(Watts(c), Quality::Datasheet)),
        clocks: clocks
            .iter()
            .map(|&(p, c, m)| {
                (p.to_owned(), ModeClock { compute: measured(Ratio(c)), memory: measured(Ratio(m)), byte_energy: None })
            })
            .collect(),
    }
}

/// A bare CPU board: 8 GiB of which 80 % usable, 20 GB/s at 50 %, 200 GOPS at 50 %, 3 W idle, one mode, storage of 500 MB/s.
#[must_use]
pub fn board() -> DeviceProfile {
    DeviceProfile {
        id: "test-board".into(),
        name: "Test board".into(),
        class: DeviceClass::Sbc,
        memories: [("dram".to_owned(), Memory { size: measured(Bytes(8.0 * 1_073_741_824.0)), usable: assumed(Ratio(0.8)) })]
            .into(),
        processors: vec![processor("cpu", ProcessorKind::Cpu, "dram", 20e9, 200e9, 20e-12)],
        storage: Some(Storage { bandwidth: measured(BytesPerSecond(500e6)), joules_per_byte: assumed(JoulesPerByte(1e-9)) }),
        modes: vec![mode("default", 3.0, None, &[])],
        thermal: Thermal {
            resistance: measured(KelvinPerWatt(4.0)),
            capacitance: measured(JoulesPerKelvin(40.0)),
            throttle: sourced(Celsius(80.0), Quality::Datasheet),
            leakage: assumed(Watts(0.3)),
            reference: measured(Celsius(25.0)),
            leakage_slope: assumed(Kelvin(30.0)),
        },
        sleep: Sleep { power: measured(Watts(0.5)), wake_time: assumed(Seconds(5.0)), wake_energy: assumed(Joules(20.0)) },
        notes: String::new(),
    }
}

/// A module with a CPU and a GPU on one memory and two power modes, `15W` and the default `30W`.
#[must_use]
pub fn card() -> DeviceProfile {
    let mut d = board();
    d.id = "test-card".into();
    d.name = "Test card".into();
    d.class = DeviceClass::Jetson;
    d.processors = vec![
        processor("gpu", ProcessorKind::Gpu, "dram", 100e9, 10e12, 2e-12),
        processor("cpu", ProcessorKind::Cpu, "dram", 40e9, 300e9, 15e-12),
    ];
    d.modes = vec![mode("30W", 6.0, Some(30.0), &[]), mode("15W", 4.0, Some(15.0), &[("gpu", 0.5, 0.8), ("cpu", 0.6, 0.8)])];
    d.thermal.resistance = measured(KelvinPerWatt(1.5));
    d.thermal.leakage = assumed(Watts(1.0));
    d.thermal.throttle = sourced(Celsius(85.0), Quality::Datasheet);
    d.sleep.power = measured(Watts(1.0));
    d
}

/// A desktop with a big GPU that has its own memory: two pools, 60 W idle.
#[must_use]
pub fn workstation() -> DeviceProfile {
    let mut d = board();
    d.id = "test-workstation".into();
    d.name = "Test workstation".into();
    d.class = DeviceClass::Desktop;
    d.memories.insert("vram".into(), Memory { size: measured(Bytes(16.0 * 1_073_741_824.0)), usable: assumed(Ratio(0.9)) });
    d.processors = vec![
        processor("gpu", ProcessorKind::Gpu, "vram", 500e9, 100e12, 1e-12),
        processor("cpu", ProcessorKind::Cpu, "dram", 60e9, 1e12, 10e-12),
    ];
    d.modes = vec![mode("default", 40.0, Some(300.0), &[])];
    d.thermal.resistance = measured(KelvinPerWatt(0.18));
    d.thermal.leakage = assumed(Watts(8.0));
    d.thermal.throttle = sourced(Celsius(90.0), Quality::Datasheet);
    d.sleep.power = measured(Watts(3.0));
    d.storage = None;
    d
}
