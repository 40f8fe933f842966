//! A small fixed catalogue. Its numbers are of the right order and stand for no real device.

use profiles::units::{
    Bytes, BytesPerSecond, Celsius, Joules, JoulesPerByte, JoulesPerKelvin, JoulesPerOp, Kelvin, KelvinPerWatt, OpsPerSecond,
    Ratio, Seconds, Watts,
};
use profiles::{
    Block, BlockGroup, DeviceClass, DeviceProfile, Kernel, LinkProfile, Memory, Mlp, ModelKind, ModelProfile, PowerMode,
    Processor, ProcessorKind, Quality, QualityRow, Sleep, Sourced, Storage, Thermal, WeightFormat,
};
use std::collections::BTreeMap;

use crate::known::Known;

/// A few devices, models and kinds of link.
#[derive(Debug)]
pub struct Shelf {
    devices: Vec<DeviceProfile>,
    models: Vec<ModelProfile>,
    links: Vec<LinkProfile>,
}

impl Default for Shelf {
    fn default() -> Self {
        use WeightFormat::{W4, W8, W16};
        let gsm = |w16: f64, w4: f64| vec![("gsm8k", W16, w16), ("gsm8k", W4, w4), ("mmlu", W4, w4 + 0.1)];
        Shelf {
            devices: vec![
                device("agx-orin-64gb", &["MAXN", "15W", "30W", "50W"], 64.0, 15.0, &["dram"]),
                device("laptop", &["default"], 16.0, 8.0, &["dram"]),
                device("laptop-dgpu", &["default"], 24.0, 12.0, &["dram", "vram"]),
                device("orin-nano-8gb-super", &["MAXN_SUPER", "15W", "25W"], 8.0, 5.0, &["dram"]),
                device("rpi4-8gb", &["default"], 8.0, 2.5, &["dram"]),
                device("rpi5-8gb", &["default"], 8.0, 3.0, &["dram"]),
            ],
            models: vec![
                model("deepseek-r1-1.5b", ModelKind::Llm, 32_768, &[W16, W4], gsm(0.7, 0.66)),
                model("llama-3.1-8b", ModelKind::Llm, 131_072, &[W16, W8, W4], gsm(0.8, 0.77)),
                model("llama-3.2-1b", ModelKind::Llm, 131_072, &[W16, W8, W4], gsm(0.44, 0.4)),
                model("mobilenet-v2", ModelKind::Feedforward, 0, &[W16, W8], vec![("imagenet-top1", W16, 0.72)]),
                model("resnet-50", ModelKind::Feedforward, 0, &[W16, W8], vec![("imagenet-top1", W16, 0.76)]),
                model("smollm2-135m", ModelKind::Llm, 2048, &[W16, W8, W4], Vec::new()),
                model("whisper-base-en", ModelKind::Transducer, 448, &[W16, W8], vec![("librispeech-clean", W16, 0.96)]),
            ],
            links: vec![
                link("gigabit-ethernet", 200e-6, 1.17e8, false),
                link("loopback", 10e-6, 1e10, false),
                link("pcie4-x8", 2e-6, 1.2e10, false),
                link("wan", 20e-3, 5e6, true),
                link("wifi-5", 2e-3, 3e7, true),
            ],
        }
    }
}

impl Known for Shelf {
    fn device(&self, id: &str) -> Option<&DeviceProfile> {
        self.devices.iter().find(|d| d.id == id)
    }
    fn model(&self, id: &str) -> Option<&ModelProfile> {
        self.models.iter().find(|m| m.id == id)
    }
    fn link(&self, id: &str) -> Option<&LinkProfile> {
        self.links.iter().find(|l| l.id == id)
    }
    fn device_ids(&self) -> Vec<&str> {
        self.devices.iter().map(|d| d.id.as_str()).collect()
    }
    fn model_ids(&self) -> Vec<&str> {
        self.models.iter().map(|m| m.id.as_str()).collect()
    }
    fn link_ids(&self) -> Vec<&str> {
        self.links.iter().map(|l| l.id.as_str()).collect()
    }
}

fn sourced<T>(value: T) -> Sourced<T> {
    Sourced { value, quality: Quality::Assumed, source: "a test's catalogue".into() }
}

fn device(id: &str, modes: &[&str], gigabytes: f64, idle: f64, pools: &[&str]) -> DeviceProfile {
    let kernel = |ops: f64| Kernel {
        peak: sourced(OpsPerSecond(ops)),
        efficiency: sourced(Ratio(0.5)),
        vector: None,
        sample: None,
        joules_per_op: sourced(JoulesPerOp(5e-12)),
    };
    let processor = |id: &str, kind: ProcessorKind, memory: &str, formats: &[WeightFormat]| Processor {
        id: id.into(),
        kind,
        memory: memory.into(),
        bandwidth: sourced(BytesPerSecond(gigabytes * 1e9)),
        bandwidth_efficiency: sourced(Ratio(0.7)),
        cache: None,
        joules_per_byte: sourced(JoulesPerByte(5e-11)),
        clocked_share: None,
        kernels: formats.iter().map(|&f| (f, kernel(if f == WeightFormat::W16 { 1e11 } else { 2e11 }))).collect(),
        launch: sourced(Seconds(1e-5)),
        pass_overhead: sourced(Seconds(1e-4)),
        overlap: sourced(4.0),
        attention: None,
        element: None,
        reading: Vec::new(),
    };
    let all = [WeightFormat::W16, WeightFormat::W8, WeightFormat::W4];
    let mut processors = vec![processor("cpu", ProcessorKind::Cpu, pools[0], &all)];
    if id == "agx-orin-64gb" {
        processors.push(processor("gpu", ProcessorKind::Gpu, pools[0], &all));
        processors.push(processor("dla", ProcessorKind::Npu, pools[0], &[WeightFormat::Ternary]));
    }
    if let Some(own) = pools.get(1) {
        processors.push(processor("gpu", ProcessorKind::Gpu, own, &all));
    }
    DeviceProfile {
        id: id.into(),
        name: id.into(),
        class: DeviceClass::Sbc,
        memories: pools
            .iter()
            .map(|&p| (p.to_owned(), Memory { size: sourced(Bytes(gigabytes * 1e9)), usable: sourced(Ratio(0.8)) }))
            .collect(),
        processors,
        storage: (id != "laptop-dgpu")
            .then(|| Storage { bandwidth: sourced(BytesPerSecond(1e8)), joules_per_byte: sourced(JoulesPerByte(1e-9)) }),
        modes: modes
            .iter()
            .map(|&m| PowerMode { id: m.into(), idle: sourced(Watts(idle)), cap: None, clocks: BTreeMap::new() })
            .collect(),
        thermal: Thermal {
            resistance: sourced(KelvinPerWatt(3.0)),
            capacitance: sourced(JoulesPerKelvin(40.0)),
            throttle: sourced(Celsius(85.0)),
            leakage: sourced(Watts(0.3)),
            reference: sourced(Celsius(25.0)),
            leakage_slope: sourced(Kelvin(40.0)),
        },
        sleep: Sleep { power: sourced(Watts(0.5)), wake_time: sourced(Seconds(3.0)), wake_energy: sourced(Joules(9.0)) },
        notes: String::new(),
    }
}

fn model(
    id: &str,
    kind: ModelKind,
    context: u32,
    formats: &[WeightFormat],
    quality: Vec<(&str, WeightFormat, f64)>,
) -> ModelProfile {
    let block = Block { mlp: Mlp::Dense, ..Block::new("layer", 1_000_000, 1024) };
    ModelProfile {
        id: id.into(),
        name: id.into(),
        family: id.split('-').next().unwrap_or(id).into(),
        kind,
        blocks: vec![BlockGroup { count: 16, block }],
        context,
        formats: formats.to_vec(),
        architecture: sourced(16_000_000),
        tensors: Vec::new(),
        quality: quality
            .into_iter()
            .map(|(benchmark, weights, accuracy)| QualityRow {
                benchmark: benchmark.into(),
                weights,
                accuracy: sourced(Ratio(accuracy)),
                majority_ceiling: None,
                beta: None,
                budgets: Vec::new(),
                votes: Vec::new(),
            })
            .collect(),
        perplexity: Vec::new(),
        notes: String::new(),
    }
}

fn link(id: &str, latency: f64, bandwidth: f64, shared: bool) -> LinkProfile {
    LinkProfile {
        id: id.into(),
        name: id.into(),
        latency: sourced(Seconds(latency)),
        bandwidth: sourced(BytesPerSecond(bandwidth)),
        loss: sourced(Ratio(0.0)),
        joules_per_byte: sourced(JoulesPerByte(1e-8)),
        shared,
    }
}
