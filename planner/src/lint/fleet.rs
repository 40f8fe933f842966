//! Devices, pools, processors, links: what they carry against what they may.

use profiles::PowerMode;
use scenarios::{Device, Scenario};

use super::heat;
use super::note::Notes;
use super::numbers::Load;
use super::route;
use super::structure::{Resolved, Site};
use crate::physics::thermal::Body;
use crate::physics::{link, pressure};

/// Power modes that a device may be set to and that leave room to work.
pub(super) fn settable(device: &Device) -> impl Iterator<Item = &PowerMode> {
    let body = Body::of(&device.profile.thermal, device.ambient);
    let owner = device.power_cap.as_ref().map_or(f64::INFINITY, |c| c.value.get());
    device.profile.modes.iter().filter(move |m| {
        let cap = m.cap.as_ref().map_or(owner, |c| c.value.get().min(owner));
        (device.modes.is_empty() || device.modes.contains(&m.id)) && body.sustained_w(m.idle.value.get(), cap) > 0.0
    })
}

/// Checks every device and link; returns the power of all devices, watts.
pub(super) fn check(scenario: &Scenario, r: &Resolved<'_>, load: &Load, notes: &mut Notes) -> f64 {
    let mut power = 0.0;
    for (d, site) in r.devices.iter().enumerate() {
        power += device(site, load.dynamic_w[d], notes);
        clock(site, load.full_clock_w[d], notes);
        let wakes = site.naps.then_some(load.wakes_hz[d]);
        let given = site.planned.expected.wakes_hz;
        notes.check(given.is_some() == wakes.is_some(), "wakes", &site.planned.name, || {
            "wakings are counted of devices that sleep between requests".into()
        });
        notes.same("wakes", &site.planned.name, "wakings a second", given.unwrap_or(0.0), wakes.unwrap_or(0.0));
        pools(site, &load.resident[d], notes);
        processors(scenario, site, &load.booked[d], notes);
    }
    for &(budget, booked) in &load.links {
        let rates = route::rates(scenario, budget);
        let subject = format!("link {}", super::targets::link_name(scenario, budget));
        let most = link::capacity_bytes_s(rates, scenario.limits.booked_link.value.get());
        notes.at_most("link", &subject, "its booked rate in bytes per second", booked, most);
    }
    power
}

/// Power and heat of one device; returns its mean power.
fn device(site: &Site<'_>, dynamic_w: f64, notes: &mut Notes) -> f64 {
    let (w, name, e) = (site.wanted, site.planned.name.as_str(), &site.planned.expected);
    let thermal = &w.profile.thermal;
    notes.same("throttle", name, "the throttle temperature", e.throttle_c, thermal.throttle.value.get());
    let Some(mode) = site.mode else {
        let sleep_w = w.profile.sleep.power.value.get();
        notes.same("power", name, "power asleep", e.power_w, sleep_w);
        notes.same("dynamic-power", name, "dynamic power asleep", e.dynamic_w, 0.0);
        notes.same("leakage", name, "leakage asleep", e.leakage_w, 0.0);
        notes.same("temperature", name, "the temperature asleep", e.temperature_c, w.ambient.get());
        notes.same("phi", name, "thermal yield asleep", e.phi, 1.0);
        return sleep_w;
    };
    notes.same("dynamic-power", name, "dynamic power", e.dynamic_w, dynamic_w);
    let Some(steady) = heat::steady(&w.profile, site.rest_w(mode), w.ambient.get(), dynamic_w) else {
        notes.fatal("runaway", name, "at its mean power its temperature has no steady state");
        return site.rest_w(mode) + dynamic_w;
    };
    notes.same("power", name, "mean power", e.power_w, steady.power_w);
    notes.same("leakage", name, "leakage", e.leakage_w, steady.leakage_w);
    notes.same("temperature", name, "the steady temperature", e.temperature_c, steady.temperature_c);
    notes.same("phi", name, "thermal yield", e.phi, steady.phi);
    if dynamic_w > 0.0 {
        notes.at_most("throttle", name, "the steady temperature", steady.temperature_c, thermal.throttle.value.get());
        if let Some(cap) = &mode.cap {
            notes.at_most("mode-cap", name, "mean power under its power mode's cap", steady.power_w, cap.value.get());
        }
        if let Some(cap) = &w.power_cap {
            notes.at_most("power-cap", name, "mean power under its owner's cap", steady.power_w, cap.value.get());
        }
    } else if w.power_cap.as_ref().is_some_and(|c| steady.power_w > c.value.get()) {
        notes.warn("power-cap", name, "even idle it draws more than its owner's cap");
    }
    steady.power_w
}

/// A device is throttled where heat or a cap forces its clock, not where a lower clock is chosen to save energy.
fn clock(site: &Site<'_>, full_clock_w: f64, notes: &mut Notes) {
    let (Some(mode), Some(set)) = (site.mode, &site.planned.mode) else { return };
    let forced = site.clock < 1.0 && {
        let steady = heat::steady(&site.wanted.profile, site.rest_w(mode), site.wanted.ambient.get(), full_clock_w);
        let of = |cap: Option<f64>| cap.unwrap_or(f64::INFINITY);
        let cap = of(mode.cap.as_ref().map(|c| c.value.get())).min(of(site.wanted.power_cap.as_ref().map(|c| c.value.get())));
        let throttle_c = site.wanted.profile.thermal.throttle.value.get();
        steady.is_none_or(|s| s.temperature_c > throttle_c || s.power_w > cap)
    };
    notes.check(set.throttled == forced, "throttled", &site.planned.name, || {
        format!(
            "`throttled` is {}, but at its mode's full clock the load {} what it sustains",
            set.throttled,
            if forced { "passes" } else { "keeps to" }
        )
    });
}

fn pools(site: &Site<'_>, resident: &[f64], notes: &mut Notes) {
    let (w, name) = (site.wanted, site.planned.name.as_str());
    let given = &site.planned.expected.pools;
    let names: Vec<&String> = given.iter().map(|p| &p.pool).collect();
    if names != w.profile.memories.keys().collect::<Vec<_>>() {
        notes.fatal("pools", name, "its memory pools are not those of its profile");
        return;
    }
    for ((memory, use_), &bytes) in w.profile.memories.values().zip(given).zip(resident) {
        let subject = format!("{name} {}", use_.pool);
        let usable = memory.size.value.get() * memory.usable.value.get();
        let limit = pressure::capacity_bytes(usable, w.memory_margin.value.get());
        notes.same("resident", &subject, "resident memory", use_.resident_bytes, bytes);
        notes.same("usable", &subject, "usable memory", use_.usable_bytes, usable);
        notes.same("memory-limit", &subject, "the memory limit", use_.limit_bytes, limit);
        notes.same("cpq", &subject, "the capacity pressure quotient", use_.cpq, pressure::cpq(bytes, usable));
        notes.at_most("memory-full", &subject, "resident memory", bytes, limit);
    }
}

fn processors(scenario: &Scenario, site: &Site<'_>, booked: &[f64], notes: &mut Notes) {
    let (w, name) = (site.wanted, site.planned.name.as_str());
    let given = &site.planned.expected.processors;
    let names: Vec<&String> = given.iter().map(|p| &p.processor).collect();
    if names != w.profile.processors.iter().map(|p| &p.id).collect::<Vec<_>>() {
        notes.fatal("processors", name, "its processors are not those of its profile");
        return;
    }
    for (use_, &share) in given.iter().zip(booked) {
        let subject = format!("{name} {}", use_.processor);
        notes.same("booked", &subject, "booked time", use_.booked, share);
        notes.at_most("booked-time", &subject, "booked time", share, site.booked_cap);
        notes.at_most("booked-time", &subject, "booked time", share, scenario.limits.booked_time.value.get());
    }
}
