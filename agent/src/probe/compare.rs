//! `agent probe --assert FILE`: this device against what it was before. Slower by more than is tolerated is a failure.

use profiles::DeviceProfile;
use profiles::units::significant;
use serde::Serialize;

/// One rate, before and now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Rate {
    /// `cpu reads`, `cpu w4 products`.
    pub(super) what: String,
    /// B/s or operations/s.
    pub(super) unit: &'static str,
    pub(super) was: f64,
    pub(super) is: f64,
    /// `is / was - 1`.
    pub(super) change: f64,
    pub(super) passed: bool,
}

/// Every rate that both profiles have. `tolerance`: the share by which one may be lower.
pub(super) fn rates(was: &DeviceProfile, is: &DeviceProfile, tolerance: f64) -> Vec<Rate> {
    let mut all = Vec::new();
    let mut add = |what: String, unit, was: f64, is: f64| {
        let change = is / was - 1.0;
        all.push(Rate { what, unit, was, is, change, passed: change >= -tolerance });
    };
    for now in &is.processors {
        let Some(then) = was.processors.iter().find(|p| p.id == now.id) else { continue };
        let reads = |p: &profiles::Processor| p.bandwidth.value.get() * p.bandwidth_efficiency.value.get();
        add(format!("{} reads", now.id), "B/s", reads(then), reads(now));
        for (format, kernel) in &now.kernels {
            let Some(before) = then.kernels.get(format) else { continue };
            let rate = |k: &profiles::Kernel| k.peak.value.get() * k.efficiency.value.get();
            add(format!("{} {format} products", now.id), "OP/s", rate(before), rate(kernel));
        }
    }
    all
}

/// As a table beneath the probe's own.
pub(super) fn text(rates: &[Rate], file: &str, tolerance: f64) -> String {
    let mut out = format!("\nagainst {file}, at most {} % slower\n", significant(100.0 * tolerance));
    let scaled = |v: f64, unit: &str| format!("{} G{unit}", significant(v * 1e-9));
    for r in rates {
        let verdict = if r.passed { "passed" } else { "FAILED" };
        out += &format!(
            "  {:<24}  {:>14}  was {:>14}  {:>+7.1} %  {verdict}\n",
            r.what,
            scaled(r.is, r.unit),
            scaled(r.was, r.unit),
            100.0 * r.change
        );
    }
    let failed = rates.iter().filter(|r| !r.passed).count();
    out += &match failed {
        0 => format!("all {} rates are as before, or better\n", rates.len()),
        n => format!("{n} of {} rates are lower: heat, another power mode or other work may be why\n", rates.len()),
    };
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use profiles::Catalogue;

    #[test]
    fn lower_by_more_than_is_tolerated_fails() {
        let was = Catalogue::builtin().device("rpi5-8gb").expect("in the catalogue").clone();
        let same = rates(&was, &was, 0.0);
        assert!(same.len() > 3 && same.iter().all(|r| r.passed && r.change.abs() < 1e-12), "{same:?}");
        let mut is = was.clone();
        is.processors[0].bandwidth.value.0 *= 0.9;
        let kernel = is.processors[0].kernels.values_mut().next().expect("one");
        kernel.efficiency.value.0 *= 1.2;
        let strict = rates(&was, &is, 0.05);
        let failed: Vec<&str> = strict.iter().filter(|r| !r.passed).map(|r| r.what.as_str()).collect();
        assert_eq!(failed, [format!("{} reads", was.processors[0].id)], "faster is fine");
        assert!(rates(&was, &is, 0.11).iter().all(|r| r.passed));
        let text = text(&strict, "was.yaml", 0.05);
        assert!(text.contains("-10.0 %  FAILED") && text.contains("+20.0 %  passed") && text.contains("1 of "), "{text}");
    }

    #[test]
    fn what_only_one_has_is_not_compared() {
        let was = Catalogue::builtin().device("rpi5-8gb").expect("in the catalogue").clone();
        let mut other = was.clone();
        other.processors.iter_mut().for_each(|p| p.id = "npu".into());
        assert!(rates(&was, &other, 0.05).is_empty());
    }
}
