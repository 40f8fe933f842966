//! Devices: profile, site, modes, host and caps of each.

use profiles::DeviceProfile;
use profiles::units::{Celsius, Ratio};

use super::names::list;
use super::{Context, overrides, said, said_or, together};
use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::file::{Device as FileDevice, File, Marked, Text};
use crate::scenario::{Device, Said, Site, SleepPolicy, Tier};
use crate::suggest;

/// Share of usable memory kept free unless said.
const MEMORY_MARGIN: Ratio = Ratio(0.1);

pub(super) fn resolve(context: &Context<'_>, file: &File, sites: &[Option<Site>], sink: &mut Sink) -> Vec<Option<Device>> {
    let mut devices = Vec::new();
    let mut hosts = Vec::new();
    for (entry, device) in context.names.entries.iter().zip(list(file.devices.as_ref())) {
        let file = &device.value;
        let profile = profile(context, device, sink).map(|profile| overrides::apply(profile, file.overrides.as_ref(), sink));
        let modes = modes(file, profile.as_ref(), sink);
        checks(file, sink);
        let together = profile.as_ref().and_then(|p| together::resolve(file, p, sink));
        let host = file.host.as_ref().map(|host| context.names.device(host, sink));
        let Some(entry) = entry else {
            devices.push(None);
            continue;
        };
        for name in &entry.names {
            let index = hosts.len();
            hosts.push((host.flatten(), file.host.as_ref().map(|h| h.span).unwrap_or_default()));
            let site = context.names.site_of.get(index).copied().flatten();
            let ambient = file.ambient.as_ref().map(|a| a.value);
            devices.push((|| {
                Some(Device {
                    name: name.clone(),
                    at: entry.at.into(),
                    profile: profile.clone()?,
                    site: site?,
                    ambient: ambient.or_else(|| sites.get(site?)?.as_ref().map(|s| s.ambient)).unwrap_or(Celsius(25.0)),
                    may_sleep: file.sleep.as_ref().is_none_or(|s| s.value.0 != SleepPolicy::Never),
                    naps: file.sleep.as_ref().is_some_and(|s| s.value.0 == SleepPolicy::BetweenRequests),
                    tier: file.tier.as_ref().map_or(Tier::Edge, |t| t.value.0),
                    rent: file.rent.as_ref().map(|r| Said { value: r.value.0.clone(), at: r.span.into() }),
                    modes: modes.clone(),
                    power_cap: file.power_cap.as_ref().map(said),
                    memory_margin: said_or(file.memory_margin.as_ref(), MEMORY_MARGIN),
                    host: match host {
                        None => None,
                        Some(found) => Some(found?),
                    },
                    may_stream: file.stream.as_ref().is_some_and(|s| s.value.0),
                    together,
                })
            })());
        }
    }
    let labels = context.names.entries.iter().flatten().flat_map(|e| &e.names).map(String::as_str).collect::<Vec<_>>();
    host_cycles(&hosts, &labels, sink);
    napping_hosts(&devices, &hosts, sink);
    devices
}

fn profile(context: &Context<'_>, device: &Marked<FileDevice>, sink: &mut Sink) -> Option<DeviceProfile> {
    let file = &device.value;
    match (&file.profile, &file.profile_file) {
        (Some(_), Some(path)) => {
            let message = "a device has one profile, here are two";
            sink.report(Code::OneProfile, path.span, message, "keep `profile` or `profile_file`, delete the other");
            None
        }
        (None, None) => {
            let at = file.name.as_ref().map_or(device.span, |n| n.span);
            if !file.unread.iter().any(|key| key.starts_with("profile")) {
                let ids = context.known.device_ids();
                let help = format!("add `profile: …`, one of {}; or `profile_file: …` for one of your own", suggest::list(&ids));
                sink.report(Code::OneProfile, at, "a device needs `profile` or `profile_file`", help);
            }
            None
        }
        (Some(id), None) => {
            let found = context.known.device(&id.value.0);
            if found.is_none() {
                let message = format!("the catalogue has no device `{}`", id.value.0);
                let help = suggest::help(&id.value.0, "devices", context.known.device_ids());
                sink.report(Code::UnknownProfile, id.span, message, help);
            }
            found.cloned()
        }
        (None, Some(path)) => own_profile(context, path, sink),
    }
}

/// A profile of the user's own.
fn own_profile(context: &Context<'_>, path: &Marked<Text>, sink: &mut Sink) -> Option<DeviceProfile> {
    let full = context.folder.join(&path.value.0);
    let shown = crate::file::shorten(&full.display().to_string());
    let found = (context.open)(&path.value.0).and_then(|bytes| {
        let text = String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
        profiles::read_device(&shown, &text).map_err(|error| error.to_string())
    });
    found
        .map_err(|reason| {
            // A profile file has findings of its own; the first tells enough here.
            let reason = reason.lines().next().unwrap_or("cannot be read").trim_end().to_owned();
            let help = "the path is relative to this file; `agent probe` writes such a profile";
            sink.report(Code::ProfileFile, path.span, format!("no profile in `{shown}`: {reason}"), help);
        })
        .ok()
}

/// Ids of the allowed modes, in the file's order. `15W` means the mode `15w`.
fn modes(file: &FileDevice, profile: Option<&DeviceProfile>, sink: &mut Sink) -> Vec<String> {
    let mut modes = Vec::new();
    let Some(profile) = profile else { return modes };
    for mode in list(file.modes.as_ref()) {
        let word = &mode.value.0;
        let Some(found) = profile.modes.iter().find(|m| m.id.eq_ignore_ascii_case(word)) else {
            let message = format!("`{}` has no power mode `{}`", profile.id, crate::file::shorten(word));
            let help = suggest::help(word, "modes", profile.modes.iter().map(|m| m.id.as_str()));
            sink.report(Code::UnknownMode, mode.span, message, help);
            continue;
        };
        if modes.contains(&found.id) {
            sink.report(Code::Repeated, mode.span, format!("mode `{word}` is listed twice"), "delete one");
        } else {
            modes.push(found.id.clone());
        }
    }
    modes
}

fn checks(file: &FileDevice, sink: &mut Sink) {
    if let Some(cap) = file.power_cap.as_ref().filter(|c| c.value.get() <= 0.0) {
        sink.report(Code::OutOfRange, cap.span, "a device cannot run on no power", "write a cap above 0 W, or delete the device");
    }
    if let Some(margin) = file.memory_margin.as_ref().filter(|m| m.value.get() >= 1.0) {
        sink.report(Code::OutOfRange, margin.span, "a margin of 100 % leaves no memory", "write a margin below 100 %");
    }
}

/// A host that sleeps between requests would take its guest with it; reported once a host.
fn napping_hosts(devices: &[Option<Device>], hosts: &[(Option<usize>, Span)], sink: &mut Sink) {
    let mut seen: Vec<usize> = Vec::new();
    for &(host, at) in hosts {
        let Some((index, host)) = host.and_then(|h| Some((h, devices.get(h)?.as_ref()?))).filter(|(_, h)| h.naps) else {
            continue;
        };
        if !seen.contains(&index) {
            seen.push(index);
            let message = format!("`{}` hosts another device and cannot sleep between its own requests", host.name);
            sink.report(Code::Contradiction, at, message, format!("write `sleep: allowed` for `{}`", host.name));
        }
    }
}

/// Rings of hosts, each reported once, at its first member. By device: its host and where that was said.
fn host_cycles(hosts: &[(Option<usize>, Span)], labels: &[&str], sink: &mut Sink) {
    // 0: not yet seen; else the walk that saw it first.
    let mut seen_by = vec![0; hosts.len()];
    for start in 0..hosts.len() {
        let walk = start + 1;
        let mut path = Vec::new();
        let mut at = Some(start);
        while let Some(device) = at.filter(|&d| d < hosts.len() && seen_by[d] == 0) {
            seen_by[device] = walk;
            path.push(device);
            at = hosts[device].0;
        }
        // The walk ended where this same walk has been: a ring from there on.
        if let Some(back) = at.filter(|&d| seen_by.get(d) == Some(&walk)) {
            let ring: Vec<usize> = path.into_iter().skip_while(|&d| d != back).collect();
            let first = ring.iter().copied().min().unwrap_or(back);
            let name = |d: usize| format!("`{}`", labels.get(d).unwrap_or(&"…"));
            let chain = ring.iter().take(6).chain([&back]).map(|&d| name(d)).collect::<Vec<_>>().join(" needs ");
            let help = "delete `host` from the computer that is plugged into the wall";
            sink.report(Code::HostCycle, hosts[first].1, format!("devices host each other in a ring: {chain}"), help);
        }
    }
}
