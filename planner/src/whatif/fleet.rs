//! `--drop NAME` and `--add PROFILE[:NAME]`: what is in the fleet. Indices are kept right.

use profiles::Catalogue;
use profiles::units::Ratio;
use scenarios::{At, Device, End, Said, Scenario};

use super::error::{ChangeError, nearest};

/// Drops a device or, where no device is so named, a service.
pub(super) fn drop(scenario: &mut Scenario, name: &str) -> Result<(), ChangeError> {
    if let Some(d) = scenario.devices.iter().position(|d| d.name == name) {
        if let Some(needed_by) = needed(scenario, d) {
            return Err(ChangeError::Needed { device: name.into(), needed_by });
        }
        remove_device(scenario, d);
        return Ok(());
    }
    if let Some(s) = scenario.services.iter().position(|s| s.name == name) {
        drop_service(scenario, s);
        return Ok(());
    }
    let known = scenario.devices.iter().map(|d| d.name.as_str()).chain(scenario.services.iter().map(|s| s.name.as_str()));
    Err(ChangeError::Name { name: name.into(), near: nearest(name, known) })
}

/// Who cannot do without the device; `None`: nobody by name.
fn needed(scenario: &Scenario, d: usize) -> Option<String> {
    if let Some(guest) = scenario.devices.iter().find(|g| g.host == Some(d)) {
        return Some(format!("it hosts `{}`; drop that first", guest.name));
    }
    scenario.services.iter().find_map(|s| {
        let name = &s.name;
        if s.origin == Some(d) {
            Some(format!("the requests of `{name}` arise there; drop that service first"))
        } else if s.pins.iter().any(|p| p.value == d) {
            Some(format!("`{name}` is pinned to it"))
        } else if s.private_to.len() == 1 && s.private_to[0].value == d {
            Some(format!("the first block of `{name}` must be on it"))
        } else {
            None
        }
    })
}

/// Removes a device on which no origin, pin, host or only private place points; shifts all indices.
pub(crate) fn remove_device(scenario: &mut Scenario, d: usize) {
    scenario.devices.remove(d);
    let shift = |i: usize| if i > d { i - 1 } else { i };
    for device in &mut scenario.devices {
        device.host = device.host.filter(|&h| h != d).map(shift);
    }
    scenario.links.retain(|l| l.between.0 != End::Device(d) && l.between.1 != End::Device(d));
    for link in &mut scenario.links {
        for end in [&mut link.between.0, &mut link.between.1] {
            if let End::Device(i) = end {
                *i = shift(*i);
            }
        }
    }
    scenario.pairs.retain(|p| p.devices.0 != d && p.devices.1 != d);
    for pair in &mut scenario.pairs {
        pair.devices = (shift(pair.devices.0), shift(pair.devices.1));
    }
    for service in &mut scenario.services {
        service.origin = service.origin.filter(|&o| o != d).map(shift);
        for list in [&mut service.pins, &mut service.forbidden, &mut service.private_to] {
            list.retain(|e| e.value != d);
            list.iter_mut().for_each(|e| e.value = shift(e.value));
        }
    }
}

/// Removes a service and every mention of it.
pub(crate) fn drop_service(scenario: &mut Scenario, s: usize) {
    scenario.services.remove(s);
    for service in &mut scenario.services {
        service.apart_from.retain(|a| a.value != s);
        for a in &mut service.apart_from {
            a.value -= usize::from(a.value > s);
        }
    }
}

/// Adds a device: a copy of the profile that a device of the fleet has, or one of the catalogue, at
/// the site of its kin or else the first.
pub(super) fn add(scenario: &mut Scenario, text: &str) -> Result<(), ChangeError> {
    let (id, name) = text.split_once(':').map_or((text, None), |(id, name)| (id.trim(), Some(name.trim())));
    let kin = scenario.devices.iter().find(|d| d.profile.id == id).cloned();
    let profile = match &kin {
        Some(d) => d.profile.clone(),
        None => Catalogue::builtin().device(id).cloned().ok_or_else(|| {
            let mut known: Vec<&str> = scenario.devices.iter().map(|d| d.profile.id.as_str()).collect();
            for id in Catalogue::builtin().device_ids() {
                known.push(id);
            }
            ChangeError::Profile { id: id.into(), near: nearest(id, known) }
        })?,
    };
    let site = kin.as_ref().map_or(0, |d| d.site);
    let Some(at) = scenario.sites.get(site) else { return Err(ChangeError::NoSite { id: id.into() }) };
    let ambient = kin.as_ref().map_or(at.ambient, |d| d.ambient);
    let name = match name {
        Some(n) if scenario.devices.iter().any(|d| d.name == n) => return Err(ChangeError::Taken { name: n.into() }),
        Some(n) => n.to_owned(),
        None => free_name(scenario, id),
    };
    let margin = kin.as_ref().map_or(Said { value: Ratio(0.0), at: At::default() }, |d| d.memory_margin.clone());
    scenario.devices.push(Device {
        name,
        at: At::default(),
        profile,
        site,
        ambient,
        may_sleep: true,
        naps: false,
        tier: scenarios::Tier::Edge,
        rent: None,
        modes: kin.as_ref().map_or_else(Vec::new, |d| d.modes.clone()),
        power_cap: kin.as_ref().and_then(|d| d.power_cap.clone()),
        memory_margin: margin,
        host: kin.as_ref().and_then(|d| d.host),
        may_stream: kin.as_ref().is_some_and(|d| d.may_stream),
        together: kin.as_ref().and_then(|d| d.together),
    });
    Ok(())
}

/// `id`, or `id-2`, `id-3` … whichever is free.
fn free_name(scenario: &Scenario, id: &str) -> String {
    let taken = |n: &str| scenario.devices.iter().any(|d| d.name == n) || scenario.services.iter().any(|s| s.name == n);
    if !taken(id) {
        return id.to_owned();
    }
    (2..).map(|i| format!("{id}-{i}")).find(|n| !taken(n)).unwrap_or_else(|| id.to_owned())
}
