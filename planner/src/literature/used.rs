//! The coefficients that a prediction rests on, as the catalogue has them: value, quality, source.

use profiles::literature::{Run, Setting, System};
use profiles::{DeviceProfile, Sourced, WeightFormat};
use std::collections::BTreeSet;
use std::fmt::Display;

use super::report::Coefficient;
use super::setting;

fn push<T: Display>(all: &mut BTreeSet<Coefficient>, at: String, value: &Sourced<T>) {
    let quality = format!("{:?}", value.quality).to_lowercase();
    all.insert(Coefficient { at, value: value.value.to_string(), quality, source: value.source.clone() });
}

/// Everything that a run on a processor can use, in the device's first mode.
pub(super) fn of_processor(device: &DeviceProfile, processor: &str, format: WeightFormat) -> Vec<Coefficient> {
    let mut all = BTreeSet::new();
    collect(&mut all, device, processor, format);
    all.into_iter().collect()
}

fn collect(all: &mut BTreeSet<Coefficient>, device: &DeviceProfile, processor: &str, format: WeightFormat) {
    let Some(p) = device.processors.iter().find(|p| p.id == processor) else { return };
    let at = |what: &str| format!("{} {processor}: {what}", device.id);
    push(all, at("bandwidth"), &p.bandwidth);
    push(all, at("bandwidth share"), &p.bandwidth_efficiency);
    push(all, at("energy per byte"), &p.joules_per_byte);
    push(all, at("launch of a block"), &p.launch);
    push(all, at("overhead of a pass"), &p.pass_overhead);
    if let Some(k) = p.kernels.get(&format) {
        push(all, at(&format!("{format} peak")), &k.peak);
        push(all, at(&format!("{format} share of the peak")), &k.efficiency);
        push(all, at(&format!("{format} energy per operation")), &k.joules_per_op);
    }
    if let Some(mode) = device.modes.first() {
        push(all, at("idle"), &mode.idle);
    }
}

/// Everything that the figures of a system use. Storage is named where weights come from it.
pub(super) fn of_system(system: &System) -> Vec<Coefficient> {
    let mut all = BTreeSet::new();
    let mut of = |id: &str, processor: &str, format: WeightFormat, storage: bool| {
        let Ok(device) = setting::device(id) else { return };
        collect(&mut all, device, processor, format);
        if let Some(s) = device.storage.as_ref().filter(|_| storage) {
            push(&mut all, format!("{id} storage: bandwidth"), &s.bandwidth);
        }
    };
    for figure in &system.figures {
        let (settings, storage): (Vec<&Setting>, bool) = match &figure.run {
            Run::Decode(s) | Run::Ttft(s) | Run::TokensPerJoule(s) | Run::Power { at: s, .. } | Run::Flash { at: s, .. } => {
                (vec![s], false)
            }
            Run::DecodeRatio { of, over } | Run::TtftRatio { of, over } => (vec![of, over], false),
            Run::Crossover { rising, steady, .. } => (vec![rising, steady], false),
            Run::Experts(e) => (vec![&e.at], e.memory.is_some()),
            Run::Neurons(n) if n.work.is_none() => (vec![&n.at], false),
            Run::Neurons(_) | Run::Window(_) => (Vec::new(), false),
            Run::Gemm(g) | Run::GemmPower(g) => {
                of(&g.device, &g.processor, g.weights, false);
                (Vec::new(), false)
            }
        };
        for s in settings {
            of(&s.device, &s.processor, s.weights, storage);
        }
    }
    all.into_iter().collect()
}
