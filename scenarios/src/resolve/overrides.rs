//! A scenario's changes to a device profile.

use profiles::units::{Bytes, Ratio, Watts};
use profiles::{DeviceProfile, Memory, Quality, Sourced};

use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::file::{Marked, Override};

/// The profile with the changes; what cannot be changed is reported and stays.
pub(super) fn apply(mut profile: DeviceProfile, overrides: Option<&Marked<Override>>, sink: &mut Sink) -> DeviceProfile {
    let Some(said) = overrides.map(|o| &o.value) else { return profile };
    if let Some(size) = &said.memory {
        if size.value <= Bytes::ZERO {
            sink.report(Code::OutOfRange, size.span, "a device without memory runs nothing", "write a size above 0 B");
        }
        if let Some(memory) = only_memory(&mut profile, "memory", size.span, sink) {
            memory.size = assumed(size);
        }
    }
    if let Some(share) = &said.usable_memory {
        if share.value <= Ratio::ZERO {
            sink.report(Code::OutOfRange, share.span, "a device without usable memory runs nothing", "write a share above 0 %");
        }
        if let Some(memory) = only_memory(&mut profile, "usable_memory", share.span, sink) {
            memory.usable = assumed(share);
        }
    }
    if let Some(idle) = &said.idle
        && let Some(default) = profile.modes.first().map(|m| m.idle.value)
    {
        // The difference is the board around the chip, which does not follow the mode.
        let more = idle.value - default;
        for mode in &mut profile.modes {
            mode.idle = Sourced { value: (mode.idle.value + more).max(Watts::ZERO), ..assumed(idle) };
        }
    }
    if let Some(power) = &said.asleep {
        profile.sleep.power = assumed(power);
    }
    if let Some(time) = &said.wake_time {
        profile.sleep.wake_time = assumed(time);
    }
    if let Some(throttle) = &said.throttle {
        profile.thermal.throttle = assumed(throttle);
    }
    if let Some(resistance) = &said.thermal_resistance {
        profile.thermal.resistance = assumed(resistance);
    }
    if let Some(rate) = &said.storage {
        match &mut profile.storage {
            Some(storage) => storage.bandwidth = assumed(rate),
            None => {
                let message = format!("`{}` has no storage to stream from", profile.id);
                sink.report(Code::AmbiguousOverride, rate.span, message, "delete `storage`, or describe it in a `profile_file`");
            }
        }
    }
    profile
}

fn assumed<T: Copy>(marked: &Marked<T>) -> Sourced<T> {
    Sourced { value: marked.value, quality: Quality::Assumed, source: format!("scenario, line {}", marked.span.line) }
}

/// The only memory pool; several are reported, since the override does not say which.
fn only_memory<'p>(profile: &'p mut DeviceProfile, key: &str, at: Span, sink: &mut Sink) -> Option<&'p mut Memory> {
    if profile.memories.len() == 1 {
        return profile.memories.values_mut().next();
    }
    let pools = profile.memories.keys().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ");
    let message = format!("`{}` has several memory pools: {pools}", profile.id);
    sink.report(Code::AmbiguousOverride, at, message, format!("delete `{key}`, and write a `profile_file` with the sizes"));
    None
}
