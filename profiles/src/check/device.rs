//! Checks of a device profile.

use std::collections::BTreeSet;

use super::{Problem, Problems};
use crate::device::{DeviceProfile, Kernel, PowerMode, Processor};
use crate::path::Path;

/// Everything that is wrong with a device profile; empty when it can be computed with.
#[must_use]
pub fn device(d: &DeviceProfile) -> Vec<Problem> {
    let mut p = Problems::default();
    let root = Path::ROOT;
    p.id(&root.key("id"), &d.id);
    memories(d, &mut p);
    let at = root.key("processors");
    if d.processors.is_empty() {
        p.add(&at, "a device needs at least one processor");
    }
    let mut seen = BTreeSet::new();
    for (i, processor) in d.processors.iter().enumerate() {
        let at = at.index(i);
        if !seen.insert(processor.id.as_str()) {
            p.add(&at.key("id"), format!("two processors are called `{}`", processor.id));
        }
        self::processor(d, processor, &at, &mut p);
    }
    if let Some(storage) = &d.storage {
        let at = root.key("storage");
        p.positive(&at.key("bandwidth"), &storage.bandwidth);
        p.not_negative(&at.key("joules_per_byte"), &storage.joules_per_byte);
    }
    modes(d, &mut p);
    thermal(d, &mut p);
    let at = root.key("sleep");
    p.not_negative(&at.key("power"), &d.sleep.power);
    p.not_negative(&at.key("wake_time"), &d.sleep.wake_time);
    p.not_negative(&at.key("wake_energy"), &d.sleep.wake_energy);
    p.sources(d);
    p.0
}

fn memories(d: &DeviceProfile, p: &mut Problems) {
    let at = Path::ROOT.key("memories");
    if d.memories.is_empty() {
        p.add(&at, "a device needs at least one memory");
    }
    for (name, memory) in &d.memories {
        let at = at.key(name);
        p.id(&at, name);
        p.positive(&at.key("size"), &memory.size);
        p.share(&at.key("usable"), &memory.usable);
    }
}

fn processor(d: &DeviceProfile, c: &Processor, at: &Path<'_>, p: &mut Problems) {
    p.id(&at.key("id"), &c.id);
    if !d.memories.contains_key(&c.memory) {
        let known = d.memories.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        p.add(&at.key("memory"), format!("`{}` is not a memory of this device; it has: {known}", c.memory));
    }
    p.positive(&at.key("bandwidth"), &c.bandwidth);
    p.share(&at.key("bandwidth_efficiency"), &c.bandwidth_efficiency);
    if let Some(cache) = &c.cache {
        p.positive(&at.key("cache"), cache);
    }
    p.not_negative(&at.key("joules_per_byte"), &c.joules_per_byte);
    if let Some(share) = &c.clocked_share {
        p.share(&at.key("clocked_share"), share);
    }
    p.not_negative(&at.key("launch"), &c.launch);
    p.not_negative(&at.key("pass_overhead"), &c.pass_overhead);
    if !(c.overlap.value.is_finite() && c.overlap.value >= 1.0) {
        p.hint(
            &at.key("overlap"),
            format!("must be at least 1, is {}", c.overlap.value),
            "1 is no overlap, 8 is close to the maximum",
        );
    }
    if let Some(rate) = &c.attention {
        p.positive(&at.key("attention"), rate);
    }
    if let Some(time) = &c.element {
        p.not_negative(&at.key("element"), time);
    }
    reading(c, &at.key("reading"), p);
    let kernels = at.key("kernels");
    if c.kernels.is_empty() {
        p.add(&kernels, "a processor without kernels runs nothing");
    }
    for (format, kernel) in &c.kernels {
        self::kernel(kernel, &kernels.key(format.name()), p);
    }
}

fn reading(c: &Processor, at: &Path<'_>, p: &mut Problems) {
    for (i, set) in c.reading.iter().enumerate() {
        p.positive(&at.index(i).key("rate"), &set.rate);
        let before = if i == 0 { 0.0 } else { c.reading[i - 1].set.get() };
        if !(set.set.get().is_finite() && set.set.get() > before) {
            p.add(&at.index(i).key("set"), "working sets must be positive, each larger than the one before");
        }
    }
}

fn kernel(k: &Kernel, at: &Path<'_>, p: &mut Problems) {
    p.positive(&at.key("peak"), &k.peak);
    p.share(&at.key("efficiency"), &k.efficiency);
    for (key, rate) in [("vector", &k.vector), ("sample", &k.sample)] {
        if let Some(rate) = rate {
            p.positive(&at.key(key), rate);
        }
    }
    p.not_negative(&at.key("joules_per_op"), &k.joules_per_op);
}

fn modes(d: &DeviceProfile, p: &mut Problems) {
    let at = Path::ROOT.key("modes");
    if d.modes.is_empty() {
        p.add(&at, "a device needs at least one power mode");
    }
    let mut seen = BTreeSet::new();
    for (i, mode) in d.modes.iter().enumerate() {
        let at = at.index(i);
        if mode.id.trim().is_empty() || !seen.insert(mode.id.as_str()) {
            p.add(&at.key("id"), format!("two power modes are called `{}`, or it has no name", mode.id));
        }
        self::mode(d, mode, &at, p);
    }
}

fn mode(d: &DeviceProfile, mode: &PowerMode, at: &Path<'_>, p: &mut Problems) {
    p.not_negative(&at.key("idle"), &mode.idle);
    if let Some(cap) = &mode.cap {
        p.positive(&at.key("cap"), cap);
        if cap.value < mode.idle.value {
            p.add(&at.key("cap"), format!("the cap of {} is below the idle power of {}", cap.value, mode.idle.value));
        }
    }
    let clocks = at.key("clocks");
    for (id, clock) in &mode.clocks {
        let at = clocks.key(id);
        if !d.processors.iter().any(|c| c.id == *id) {
            p.add(&at, format!("`{id}` is not a processor of this device"));
        }
        p.share(&at.key("compute"), &clock.compute);
        p.share(&at.key("memory"), &clock.memory);
        if let Some(energy) = &clock.byte_energy {
            p.positive(&at.key("byte_energy"), energy);
        }
    }
}

fn thermal(d: &DeviceProfile, p: &mut Problems) {
    let at = Path::ROOT.key("thermal");
    let t = &d.thermal;
    p.positive(&at.key("resistance"), &t.resistance);
    p.positive(&at.key("capacitance"), &t.capacitance);
    p.not_negative(&at.key("leakage"), &t.leakage);
    p.positive(&at.key("leakage_slope"), &t.leakage_slope);
    if !t.throttle.value.get().is_finite() || t.throttle.value <= t.reference.value {
        p.hint(
            &at.key("throttle"),
            format!("throttling at {} is not above the reference temperature of {}", t.throttle.value, t.reference.value),
            "the reference is the temperature at which leakage is given, often 25 °C",
        );
    }
}
