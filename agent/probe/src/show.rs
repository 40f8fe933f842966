//! A record as a table for people.

use crate::fit::Unfit;
use crate::heat::Heat;
use crate::measure::products::{Product, Resident};
use crate::measure::storage::Way;
use crate::record::Record;
use crate::runs::Rate;
use profiles::units::significant;
use sensors::NO_POWER_SENSOR;
use std::fmt::Write as _;

/// A size in binary units.
fn size(bytes: f64) -> String {
    let (value, unit) = match bytes {
        b if b < 1_048_576.0 => (b / 1024.0, "KiB"),
        b if b < 1_073_741_824.0 => (b / 1_048_576.0, "MiB"),
        b => (b / 1_073_741_824.0, "GiB"),
    };
    format!("{} {unit}", significant(value))
}

fn giga(rate: Rate) -> String {
    format!("{:>8} (median {} to {})", significant(rate.fast * 1e-9), significant(rate.low * 1e-9), significant(rate.high * 1e-9))
}

/// The whole record. Writing to a text cannot fail.
#[must_use]
pub fn show(r: &Record) -> String {
    let mut out = String::new();
    let s = &r.surroundings;
    let threads = if r.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", r.threads) };
    let _ = writeln!(out, "{}\n{}, {} cores, kernel {}, {}", s.machine, s.processor, s.cores, s.kernel, s.date);
    let _ = writeln!(
        out,
        "{threads}, {:.0} s; rates are what nine of ten runs do not exceed, with the interval of their median\n",
        s.took_s
    );
    for warning in &s.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    if let Some(reading) = &r.reading {
        let _ = writeln!(out, "reading, GB/s");
        for t in &reading.by_threads {
            let _ = writeln!(out, "  {:>4} thread{:<2} {}", t.threads, if t.threads == 1 { "" } else { "s" }, giga(t.rate));
        }
        for b in &reading.by_set {
            let _ = writeln!(out, "  {:>12} {}", size(b.bytes as f64), giga(b.rate));
        }
        if let Some(seen) = r.cache_seen() {
            let reported = r.last_cache_bytes.map_or_else(String::new, |b| format!("; {} reported", size(b as f64)));
            let _ = writeln!(out, "  a cache is seen up to {}{reported}", size(seen));
        }
    }
    if !r.peaks.is_empty() {
        let _ = writeln!(out, "8-bit dot products, Gop/s");
        for p in &r.peaks {
            let _ = writeln!(out, "  {:>12} {}", p.kernel, giga(p.rate));
        }
    }
    products(r, &mut out);
    if let Some(o) = &r.overhead {
        let us = |s: f64| significant(s * 1e6);
        let _ = writeln!(
            out,
            "overhead beside products\n  a layer {} us, a call {} us ({} a layer), a pass {} us\n  a prompt's element {} ns, its gate {} ns; attention {} Gop/s, a head's position {} ns and query {} ns",
            us(o.layer_s),
            us(r.call_s()),
            o.calls_per_layer,
            us(o.pass_s),
            significant(o.element_s * 1e9),
            significant(o.gate_s * 1e9),
            significant(o.attention * 1e-9),
            significant(o.position_s * 1e9),
            significant(o.query_s * 1e9)
        );
    }
    if let Some(s) = &r.storage {
        let way = match s.way {
            Way::Direct => "O_DIRECT, nothing cached",
            Way::Dropped => "dropped from the page cache before each run",
        };
        let _ = writeln!(out, "storage, MB/s ({way})\n  {:>12} {}", "one reader", giga(s.rate.times(1e3)));
    }
    if let Some(p) = &r.pressure {
        let _ = writeln!(
            out,
            "memory: {} installed, {} available, {} read again and again without pressure ({:?})",
            size(p.total_bytes as f64),
            size(p.available_bytes as f64),
            size(p.good_bytes as f64),
            p.end
        );
    }
    match &r.heat {
        Some(h) => heat(h, &mut out),
        None => {
            let _ = writeln!(out, "{NO_POWER_SENSOR}");
        }
    }
    for l in &r.links {
        let ms = |s: f64| significant(s * 1e3);
        let mb = |v: f64| significant(v * 1e-6);
        let _ = writeln!(
            out,
            "link to {}: {} ms there and back, 99th percentile {} ms; {} MB/s up, {} down; {} of {} datagrams lost",
            l.peer,
            ms(l.round_trip_p50_s),
            ms(l.round_trip_p99_s),
            mb(l.up),
            mb(l.down),
            (l.loss * l.datagrams as f64).round(),
            l.datagrams
        );
    }
    if !r.left_out.is_empty() {
        let _ = writeln!(out, "not measured");
        for what in &r.left_out {
            let _ = writeln!(out, "  {what}");
        }
    }
    out
}

fn products(r: &Record, out: &mut String) {
    if r.products.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "products; of one token with weights in the nearest and farthest working set, medians, as shares of reading as much\n  {:<11} {:>6} {:>14} {:>18} {:>18} {:>12} {:>9} {:>8}  kernel",
        "format", "bits", "in cache Gop/s", "near GB/s", "far GB/s", "prompt Gop/s", "of peak", "edge ns"
    );
    for p in &r.products {
        let peak = r.peaks.iter().find(|k| k.kernel == p.kernel).map(|k| k.rate.fast);
        let share = |x: Option<f64>| x.map_or_else(|| "–".into(), |x| format!("{} %", significant(x * 100.0)));
        let resident = |set: Option<Resident>| match set {
            Some(set) => {
                let read = r.reading.as_ref().and_then(|x| x.at(set.bytes as f64));
                format!("{} {:>9}", significant(set.rate.median * 1e-9), share(read.map(|rate| set.rate.median / rate)))
            }
            None => "–".into(),
        };
        let _ = writeln!(
            out,
            "  {:<11} {:>6.2} {:>14} {:>18} {:>18} {:>12} {:>9} {:>8}  {}",
            p.format,
            p.bits_per_weight,
            significant(p.vector.fast * 1e-9),
            resident(p.near),
            resident(p.far.last().copied()),
            significant(p.matrix.fast * 1e-9),
            // Floats have another peak.
            share(peak.filter(|_| p.format != "f16").map(|x| p.matrix.fast / x)),
            significant(p.edge_s * 1e9),
            p.kernel
        );
    }
    let beyond = |p: &Product| {
        let sets = p.far.iter().map(|s| format!("{} GB/s of {} MiB", significant(s.rate.median * 1e-9), s.bytes >> 20));
        (p.far.len() > 1).then(|| format!("  {:<11} {}", p.format, sets.collect::<Vec<_>>().join(", ")))
    };
    for line in r.products.iter().filter_map(beyond) {
        let _ = writeln!(out, "{line}");
    }
    if let Some(o) = &r.overlap {
        let _ = writeln!(
            out,
            "  roofline of all sets: exponent {:.2}, {:.0} % of reading; median error {:.1} % of {} products",
            o.exponent,
            o.share * 100.0,
            o.residual * 100.0,
            o.points
        );
    }
}

fn heat(h: &Heat, out: &mut String) {
    let _ = writeln!(out, "power of {} ({}, {})", h.scope, h.sensor, h.quality);
    let _ = writeln!(
        out,
        "  idle {:.2} W, reading {:.2} W, multiplying {:.2} W; {} pJ a byte, {} pJ an operation",
        h.idle_w,
        h.reading_w,
        h.multiplying_w,
        significant(h.joules_per_byte * 1e12),
        significant(h.joules_per_op * 1e12)
    );
    let not = |what: &str, e: &Unfit| format!("  {what} not fitted: {e}");
    let thermal = match &h.thermal {
        Ok(t) => format!(
            "  heat: {:.2} K/W, {:.1} J/K, ambient {:.1} °C; left over {:.2} K of {:.1} K, {} moments of {}",
            t.resistance,
            t.capacitance,
            t.ambient_c,
            t.residual_k,
            t.rise_k,
            t.moments,
            h.thermometer.as_deref().unwrap_or("a thermometer")
        ),
        Err(e) => not("heat", e),
    };
    let leakage = match &h.leakage {
        Ok(l) => format!(
            "  leakage: {:.3} W at {:.0} °C, e-fold in {:.1} K ({}); left over {:.3} W",
            l.reference_w,
            crate::fit::leakage::REFERENCE_C,
            l.slope_k,
            if l.slope_fitted { "fitted" } else { "assumed" },
            l.residual_w
        ),
        Err(e) => not("leakage", e),
    };
    let _ = writeln!(out, "{thermal}\n{leakage}");
    if let Some(t) = h.throttle_c {
        let _ = writeln!(out, "  the firmware slows down at {t:.0} °C");
    }
    for what in &h.throttled {
        let _ = writeln!(out, "  slowed down: {what}");
    }
}
