//! Where a service may, must and must not run.

use std::collections::BTreeSet;

use super::{MAX_STAGES, label};
use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::file::{Marked, Name, Service as FileService};
use crate::resolve::Context;
use crate::resolve::names::list;
use crate::resolve::reach::Parts;
use crate::scenario::{Said, Tier};

/// Longest chain that makes sense: each hop costs a link's latency for every token.
const MAX_CHAIN: u32 = 16;

#[derive(Default)]
pub(super) struct Placement {
    pub(super) origin: Option<usize>,
    pub(super) replicas: (u32, u32),
    pub(super) survives_loss: bool,
    pub(super) max_stages: u32,
    pub(super) pins: Vec<Said<usize>>,
    pub(super) forbidden: Vec<Said<usize>>,
    pub(super) private_to: Vec<Said<usize>>,
    pub(super) apart_from: Vec<Said<usize>>,
}

/// A device of a list, with the name that brought it in.
struct Listed<'f> {
    device: usize,
    name: &'f Marked<Name>,
}

pub(super) fn resolve(context: &Context<'_>, index: usize, file: &FileService, parts: &Parts, sink: &mut Sink) -> Placement {
    let forbidden = devices(context, file.forbid.as_ref(), sink);
    let elsewhere = tiers(context, file, sink);
    let private = devices(context, file.first_block_on.as_ref(), sink);
    let pins = pins(context, file.pin.as_ref(), sink);
    let origin = file.origin.as_ref().and_then(|o| context.names.device(o, sink));
    let mut banned: BTreeSet<usize> = forbidden.iter().map(|f| f.device).collect();
    banned.extend(elsewhere.iter().map(|e| e.value));
    for pin in pins.iter().filter(|p| banned.contains(&p.device)) {
        let message = format!("{} is pinned to `{}` and forbidden there", label(file), pin.name.value.0);
        let help = if forbidden.iter().any(|f| f.device == pin.device) {
            "delete it from `pin` or from `forbid`"
        } else {
            "delete it from `pin`, or add its tier to `tiers`"
        };
        sink.report(Code::PinnedForbidden, pin.name.span, message, help);
    }
    if let Some(first) = private.first().filter(|_| private.iter().all(|p| banned.contains(&p.device))) {
        let message = format!("the first block of {} must run on devices that are all forbidden", label(file));
        sink.report(Code::PrivateForbidden, first.name.span, message, "delete one of them from `forbid`");
    }
    let total = context.names.device_count();
    if let Some(last) = forbidden.last().filter(|_| banned.len() == total) {
        let message = format!("{} is forbidden on every device", label(file));
        sink.report(Code::NoDeviceLeft, last.name.span, message, "leave at least one device");
    }
    reach(file, origin, &pins, &private, parts, sink);
    let max_stages = max_stages(file, &pins, sink);
    Placement {
        origin,
        replicas: replicas(file, total.saturating_sub(banned.len()), sink),
        survives_loss: survives(file),
        max_stages,
        pins: resolved(pins),
        forbidden: with(resolved(forbidden), elsewhere),
        private_to: resolved(private),
        apart_from: apart(context, index, file, sink),
    }
}

/// Devices of tiers that the service does not name; none where it names no tiers.
fn tiers(context: &Context<'_>, file: &FileService, sink: &mut Sink) -> Vec<Said<usize>> {
    let Some(said) = &file.tiers else { return Vec::new() };
    let named: BTreeSet<Tier> = said.value.iter().map(|t| t.value.0).collect();
    let out: Vec<Said<usize>> = (0..context.names.device_count())
        .filter(|&d| context.tiers.get(d).is_some_and(|t| !named.contains(t)))
        .map(|value| Said { value, at: said.span.into() })
        .collect();
    if out.len() == context.names.device_count() && !out.is_empty() {
        let message = format!("no device is of a tier that {} may use", label(file));
        sink.report(Code::NoDeviceLeft, said.span, message, "add a tier, or give a device `tier:`");
    }
    out
}

/// Both lists, each device once.
fn with(mut forbidden: Vec<Said<usize>>, others: Vec<Said<usize>>) -> Vec<Said<usize>> {
    forbidden.extend(others.into_iter().filter(|o| forbidden.iter().all(|f| f.value != o.value)).collect::<Vec<_>>());
    forbidden
}

fn resolved(listed: Vec<Listed<'_>>) -> Vec<Said<usize>> {
    listed.into_iter().map(|l| Said { value: l.device, at: l.name.span.into() }).collect()
}

/// Devices of a list; a group's name brings in all of its members.
fn devices<'f>(context: &Context<'_>, names: Option<&'f Marked<Vec<Marked<Name>>>>, sink: &mut Sink) -> Vec<Listed<'f>> {
    let mut listed: Vec<Listed<'f>> = Vec::new();
    let mut seen = BTreeSet::new();
    for name in list(names) {
        let found = context.names.devices(name, sink).to_vec();
        if !found.is_empty() && found.iter().all(|d| seen.contains(d)) {
            repeated(name, sink);
        }
        listed.extend(found.into_iter().filter(|&d| seen.insert(d)).map(|device| Listed { device, name }));
    }
    listed
}

/// Pins: each device named must hold a part, so a group is not a pin.
fn pins<'f>(context: &Context<'_>, names: Option<&'f Marked<Vec<Marked<Name>>>>, sink: &mut Sink) -> Vec<Listed<'f>> {
    let mut listed: Vec<Listed<'f>> = Vec::new();
    for name in list(names) {
        let Some(device) = context.names.device(name, sink) else { continue };
        if listed.iter().any(|l| l.device == device) {
            repeated(name, sink);
        } else {
            listed.push(Listed { device, name });
        }
    }
    listed
}

fn repeated(name: &Marked<Name>, sink: &mut Sink) {
    sink.report(Code::Repeated, name.span, format!("`{}` is listed twice", name.value.0), "delete one");
}

/// Origin, pins and private devices work on one request: there must be a way between them.
fn reach(file: &FileService, origin: Option<usize>, pins: &[Listed<'_>], private: &[Listed<'_>], parts: &Parts, sink: &mut Sink) {
    let from = match (origin, &file.origin, pins.first()) {
        (Some(device), Some(name), _) => Some((device, name)),
        (_, _, Some(pin)) => Some((pin.device, pin.name)),
        _ => None,
    };
    let Some((start, start_name)) = from else { return };
    let help = "add a link between their sites under `links`";
    let mut complain = |name: &Marked<Name>, at: Span| {
        let message = format!("{} needs `{}` and `{}`, but no link joins them", label(file), start_name.value.0, name.value.0);
        sink.report(Code::Unreachable, at, message, help);
    };
    for pin in pins.iter().filter(|p| !parts.connected(start, p.device)) {
        complain(pin.name, pin.name.span);
    }
    if let Some(first) = private.first().filter(|_| !private.iter().any(|p| parts.connected(start, p.device))) {
        complain(first.name, first.name.span);
    }
}

fn max_stages(file: &FileService, pins: &[Listed<'_>], sink: &mut Sink) -> u32 {
    let stages = match &file.max_stages {
        Some(said) if (1..=MAX_CHAIN).contains(&said.value) => said.value,
        Some(said) => {
            let message = format!("{} stages", said.value);
            sink.report(Code::BadCount, said.span, message, format!("write a count from 1 to {MAX_CHAIN}"));
            MAX_STAGES
        }
        None => MAX_STAGES,
    };
    let needed = u32::try_from(pins.len()).unwrap_or(u32::MAX);
    if let Some(pin) = pins.last().filter(|_| needed > stages) {
        let message = format!("{} pins need {} stages, {stages} are allowed", pins.len(), pins.len());
        sink.report(Code::Contradiction, pin.name.span, message, format!("write `max_stages: {needed}`, or pin fewer devices"));
    }
    stages
}

fn survives(file: &FileService) -> bool {
    file.survives_loss.as_ref().is_some_and(|f| f.value.0)
}

fn replicas(file: &FileService, devices: usize, sink: &mut Sink) -> (u32, u32) {
    let most = u32::try_from(devices).unwrap_or(u32::MAX);
    if let Some(flag) = file.survives_loss.as_ref().filter(|f| f.value.0) {
        if let Some(said) = file.replicas.as_ref().filter(|r| r.value.0 > 2 || r.value.1 < 2) {
            let message =
                format!("{} survives a loss with two replicas, {}..{} are asked for", label(file), said.value.0, said.value.1);
            sink.report(Code::Contradiction, said.span, message, "write `replicas: 2`, or delete the line");
        }
        if most == 1 {
            let message = format!("{} survives no loss on one device", label(file));
            sink.report(Code::TooManyReplicas, flag.span, message, "allow it a second device, or delete `survives_loss`");
        }
        let bounded =
            file.deadline.as_ref().is_some_and(|d| d.value.total.is_some() || d.value.ttft.is_some() && d.value.tpot.is_some());
        if !bounded {
            let message = format!("{} survives a loss, but nothing says how long its requests may stay", label(file));
            sink.report(
                Code::Contradiction,
                flag.span,
                message,
                "write `deadline: { total: 30 s }`, so that memory can be kept for them",
            );
        }
        return (2, 2);
    }
    let Some(said) = &file.replicas else { return (1, 1) };
    if said.value.1 > most && most > 0 {
        let message = format!("{} replicas of {} on {most} devices", said.value.1, label(file));
        let help = format!("write at most `{}..{most}`, or add devices", said.value.0.min(most));
        sink.report(Code::TooManyReplicas, said.span, message, help);
    }
    (said.value.0, said.value.1)
}

fn apart(context: &Context<'_>, index: usize, file: &FileService, sink: &mut Sink) -> Vec<Said<usize>> {
    let mut others: Vec<Said<usize>> = Vec::new();
    for name in list(file.apart_from.as_ref()) {
        let Some(other) = context.names.service(name, sink) else { continue };
        if other == index {
            let message = format!("{} cannot be apart from itself", label(file));
            sink.report(Code::ApartFromItself, name.span, message, "name another service");
        } else if others.iter().any(|o| o.value == other) {
            repeated(name, sink);
        } else {
            others.push(Said { value: other, at: name.span.into() });
        }
    }
    others
}
