//! Tables of devices and links.

use super::quality;
use crate::format;
use crate::grid::{Cell, Grid, Row, figure, text};
use crate::report::{Device, Report};

/// Awake ones first, in their order.
fn sorted(r: &Report) -> impl Iterator<Item = &Device> {
    r.devices.iter().filter(|d| d.awake).chain(r.devices.iter().filter(|d| !d.awake))
}

fn class(d: &Device) -> &'static str {
    match (d.awake, d.throttled) {
        (true, true) => "tight",
        (true, false) => "",
        (false, _) => "asleep",
    }
}

/// What each device does and why.
pub(crate) fn devices(r: &Report) -> Grid {
    let rows = sorted(r).map(|d| Row {
        class: class(d),
        cells: vec![
            Cell::words(&d.name),
            Cell::words(&d.profile),
            Cell::words(&d.site),
            if d.throttled { Cell::badge("tight", state(d)) } else { Cell::words(state(d)) },
            Cell::words(d.mode.as_deref().unwrap_or(format::NONE)),
            Cell::words(if d.does.is_empty() { "nothing" } else { &d.does }),
            Cell::words(&d.why),
        ],
    });
    Grid {
        id: "devices-table",
        caption: "What each device does and why".to_owned(),
        columns: vec![
            text("device", "Device"),
            text("profile", "Profile"),
            text("site", "Site"),
            text("state", "State"),
            text("mode", "Mode"),
            text("does", "Does"),
            text("why", "Why"),
        ],
        rows: rows.collect(),
    }
}

/// What each device draws and how warm it gets.
pub(crate) fn power(r: &Report) -> Grid {
    let rows = sorted(r).map(|d| Row {
        class: class(d),
        cells: vec![
            Cell::words(&d.name),
            Cell::number(d.power_w, format::si(d.power_w, "W")),
            Cell::number(d.idle_w, format::si(d.idle_w, "W")),
            Cell::number(d.dynamic_w, format::si(d.dynamic_w, "W")),
            Cell::number(d.leakage_w, format::si(d.leakage_w, "W")),
            Cell::maybe(d.phi, format::number),
            heat(d),
            Cell::maybe(d.throttle_c, |t| format!("{} °C", format::number(t))),
            quality(d.quality),
        ],
    });
    Grid {
        id: "power-table",
        caption: "What each device draws and how warm it gets; the mark is where it would throttle".to_owned(),
        columns: vec![
            text("device", "Device"),
            figure("power_w", "Power"),
            figure("idle_w", "of it idle"),
            figure("dynamic_w", "dynamic"),
            figure("leakage_w", "leakage"),
            figure("phi", "Φ"),
            figure("temperature_c", "Temperature"),
            figure("throttle_c", "Throttles at"),
            text("quality", "Quality of the profile"),
        ],
        rows: rows.collect(),
    }
}

fn state(d: &Device) -> String {
    match (d.awake, d.throttled) {
        (false, _) => "asleep".to_owned(),
        (true, true) => format!("awake, throttled to {}", format::percent(d.clock)),
        (true, false) if d.clock < 1.0 => format!("awake, clock {}", format::percent(d.clock)),
        (true, false) => "awake".to_owned(),
    }
}

fn heat(d: &Device) -> Cell {
    match (d.temperature_c, d.throttle_c) {
        (Some(t), Some(limit)) if limit > 0.0 => {
            Cell::number(t, format!("{} °C", format::number(t))).with_bar(t / (limit * 1.05), 1.0 / 1.05)
        }
        (Some(t), _) => Cell::number(t, format!("{} °C", format::number(t))),
        (None, _) => Cell::words(format::NONE),
    }
}

/// Memory pools and booked time.
#[must_use]
pub(crate) fn memory(r: &Report) -> Grid {
    let pools = r.devices.iter().flat_map(|d| d.pools.iter().map(move |p| (d, p))).map(|(d, p)| Row {
        class: "",
        cells: vec![
            Cell::words(&d.name),
            Cell::words(format!("memory {}", p.name)),
            Cell::number(p.resident_bytes, format::bytes(p.resident_bytes))
                .with_bar(p.resident_bytes / p.usable_bytes.max(1.0), p.limit_bytes / p.usable_bytes.max(1.0)),
            Cell::number(p.limit_bytes, format::bytes(p.limit_bytes)),
            Cell::number(p.usable_bytes, format::bytes(p.usable_bytes)),
            Cell::number(p.cpq, format::number(p.cpq)),
            quality(d.quality),
        ],
    });
    let processors = r.devices.iter().flat_map(|d| d.processors.iter().map(move |p| (d, p))).map(|(d, p)| Row {
        class: "",
        cells: vec![
            Cell::words(&d.name),
            Cell::words(format!("time of {}", p.name)),
            Cell::number(p.booked, format::percent(p.booked)).with_bar(p.booked, p.booked_cap),
            Cell::number(p.booked_cap, format::percent(p.booked_cap)),
            Cell::words("100 %"),
            Cell::words(format::NONE),
            quality(d.quality),
        ],
    });
    Grid {
        id: "memory-table",
        caption: "Memory and processor time that the plan books".to_owned(),
        columns: vec![
            text("device", "Device"),
            text("resource", "Resource"),
            figure("booked", "Booked"),
            figure("limit", "Limit"),
            figure("whole", "Whole"),
            figure("cpq", "CPQ"),
            text("quality", "Quality"),
        ],
        rows: pools.chain(processors).collect(),
    }
}

/// Links of the scenario.
#[must_use]
pub(crate) fn links(r: &Report) -> Grid {
    let rows = r.map.links.iter().map(|l| Row {
        class: "",
        cells: vec![
            Cell::words(&l.name),
            Cell::words(format!("{} – {}", l.from, l.to)),
            Cell::number(l.latency_s, format::seconds(l.latency_s)),
            Cell::number(l.rate_bytes_per_s, format::si(l.rate_bytes_per_s, "B/s")),
            Cell::number(l.booked_bytes_per_s, format::si(l.booked_bytes_per_s, "B/s")),
            Cell::number(l.booked, format::percent(l.booked)).with_bar(l.booked, 1.0),
            quality(l.quality),
        ],
    });
    Grid {
        id: "links",
        caption: "Links".to_owned(),
        columns: vec![
            text("link", "Link"),
            text("between", "Between"),
            figure("latency_s", "Latency, one way"),
            figure("rate_bytes_per_s", "Rate"),
            figure("booked_bytes_per_s", "Booked"),
            figure("booked", "Share"),
            text("quality", "Quality"),
        ],
        rows: rows.collect(),
    }
}

/// Flows between devices.
#[must_use]
pub(crate) fn traffic(r: &Report) -> Grid {
    let rows = r.map.traffic.iter().map(|t| Row {
        class: "",
        cells: vec![
            Cell::words(&t.service),
            Cell::words(&t.from),
            Cell::words(&t.to),
            Cell::number(t.bytes_per_s, format::si(t.bytes_per_s, "B/s")),
        ],
    });
    Grid {
        id: "traffic",
        caption: "Who sends what to whom (modelled)".to_owned(),
        columns: vec![text("service", "Service"), text("from", "From"), text("to", "To"), figure("bytes_per_s", "Flow")],
        rows: rows.collect(),
    }
}
