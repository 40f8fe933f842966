//! `together`: which two processors of a device may compute layers together.

use profiles::DeviceProfile;

use super::names::list;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::file::{Device, File};
use crate::scenario::{HANDSHAKE, Together};
use crate::suggest;

/// Two processors that cannot are reported and left out.
pub(super) fn resolve(file: &Device, profile: &DeviceProfile, sink: &mut Sink) -> Option<Together> {
    let said = file.together.as_ref()?;
    let names = said.value.processors.as_ref()?;
    if names.value.len() != 2 {
        let count = match names.value.len() {
            1 => "here is 1".to_owned(),
            n => format!("here are {n}"),
        };
        let message = format!("a stage is shared by two processors, {count}");
        let help = format!("name two of `{}`: {}", profile.id, suggest::list(&ids(profile)));
        sink.report(Code::NotTogether, names.span, message, help);
        return None;
    }
    let mut found = Vec::new();
    for name in &names.value {
        let word = &name.value.0;
        let Some(at) = profile.processors.iter().position(|p| p.id == *word) else {
            let message = format!("`{}` has no processor `{}`", profile.id, crate::file::shorten(word));
            sink.report(Code::NotTogether, name.span, message, suggest::help(word, "processors", ids(profile)));
            continue;
        };
        if found.contains(&at) {
            sink.report(
                Code::NotTogether,
                name.span,
                format!("`{word}` cannot share a layer with itself"),
                "name two processors",
            );
            continue;
        }
        found.push(at);
    }
    let &[first, second] = found.as_slice() else { return None };
    let (one, other) = (&profile.processors[first], &profile.processors[second]);
    if one.memory != other.memory {
        let message = format!("`{}` computes from `{}`, `{}` from `{}`", one.id, one.memory, other.id, other.memory);
        let help = "name two processors with one memory: what they share is not copied between them";
        sink.report(Code::NotTogether, names.span, message, help);
        return None;
    }
    if !one.kernels.keys().any(|format| format.divides() && other.kernels.contains_key(format)) {
        let message = format!("`{}` and `{}` have kernels for no weight format in common that can be divided", one.id, other.id);
        sink.report(Code::NotTogether, names.span, message, "name two other processors, or delete `together`");
        return None;
    }
    Some(Together {
        processors: (first, second),
        handshake: said.value.handshake.as_ref().map_or(HANDSHAKE, |h| h.value),
        memory_rate: said.value.memory_rate.as_ref().map(|r| r.value),
        at: said.span.into(),
    })
}

fn ids(profile: &DeviceProfile) -> Vec<&str> {
    profile.processors.iter().map(|p| p.id.as_str()).collect()
}

/// What `together` cannot stand beside.
pub(super) fn beside(file: &File, sink: &mut Sink) {
    let any = list(file.devices.as_ref()).iter().any(|d| d.value.together.is_some());
    let idle = file.limits.as_ref().and_then(|l| l.value.underutilisation.as_ref());
    if let Some(idle) = idle.filter(|_| any) {
        let message = "underutilisation cannot be a limit where processors of a device may share layers";
        sink.report(Code::Contradiction, idle.span, message, "delete the limit, or `together`");
    }
}
