//! The text of a report.

use std::fmt;

use profiles::units::significant;

use super::{DeviceWhy, ServiceWhy, WhyReport};

fn cost(value: f64, unit: &str) -> String {
    format!("{} {unit}", significant(value))
}

/// Why a service is where it is, in one line.
pub(super) fn service_line(s: &ServiceWhy, unit: &str) -> String {
    let bound = s.binding.as_ref().map_or_else(
        || format!("cheapest of the {} ways compared", s.considered + 1),
        |b| format!("{} would save {}, but {}", b.ruled_out, cost(b.saving, unit), b.limit),
    );
    let next = s.runner_up.as_ref().map_or_else(
        || "no other way keeps the limits".into(),
        |r| format!("next best: {} for {} more", r.what, cost(r.more, unit)),
    );
    format!("{bound}; {next}")
}

/// Why a device is awake or asleep, in one line.
pub(super) fn device_line(d: &DeviceWhy, unit: &str) -> String {
    let mut line = d.reasons.join(", ");
    if let Some(use_) = &d.cheapest_use {
        line.push_str(&format!(" (cheapest: {} for {} more)", use_.what, cost(use_.more, unit)));
    }
    line
}

impl fmt::Display for WhyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = &self.unit;
        writeln!(f, "placements")?;
        for s in &self.services {
            writeln!(f, "  {}: {}", s.name, s.chosen)?;
            writeln!(f, "      why    {}", service_line(s, unit))?;
            let t = &s.time;
            let ms = |v: f64| format!("{} ms", significant(1e3 * v));
            writeln!(
                f,
                "      time   {} = prefill {} + decode {} + network {} + waiting {}",
                ms(t.total_s),
                ms(t.prefill_s),
                ms(t.decode_s),
                ms(t.network_s),
                ms(t.waiting_s)
            )?;
        }
        writeln!(f, "\ndevices")?;
        for d in &self.devices {
            writeln!(f, "  {} {}: {}", d.name, if d.awake { "awake" } else { "asleep" }, device_line(d, unit))?;
        }
        writeln!(f, "\nlimits, tightest first")?;
        for c in self.constraints.iter().filter(|c| c.tight || c.price.is_some()) {
            let line = if c.line > 0 { format!(" (line {})", c.line) } else { String::new() };
            let percent = significant(100.0 * c.slack);
            write!(f, "  {}{line}: {} of {} {}, {percent} % left", c.what, significant(c.value), significant(c.limit), c.unit)?;
            match &c.price {
                Some(p) => {
                    writeln!(f, "; {} % looser would save {}: {}", significant(100.0 * p.loosen), cost(p.saving, unit), p.then)?
                }
                None => writeln!(f)?,
            }
        }
        let e = &self.energy;
        writeln!(
            f,
            "\npower  {} W = dynamic {} + idle {} + leakage {} + network {} + sleep {}",
            significant(e.total_w),
            significant(e.dynamic_w),
            significant(e.idle_w),
            significant(e.leakage_w),
            significant(e.network_w),
            significant(e.sleep_w)
        )?;
        for d in &e.devices {
            writeln!(
                f,
                "  {:<20} dynamic {} + idle {} + leakage {} + sleep {} W",
                d.name,
                significant(d.dynamic_w),
                significant(d.idle_w),
                significant(d.leakage_w),
                significant(d.sleep_w)
            )?;
        }
        Ok(())
    }
}
