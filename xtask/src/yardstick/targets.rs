//! What is to be reached.

/// The fixed instances: best recorded of exact programs, annealing, genetic search, fix and optimise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    name: &'static str,
    pub power_w: f64,
    /// The power is a proved optimum, to be met; else it is to be undercut.
    proved: bool,
    pub hypervolume: f64,
    /// Processor seconds for the least power; infinite where none are stated.
    pub power_s: f64,
    /// Processor seconds for the front.
    pub front_s: f64,
}

const TARGETS: [Target; 4] = [
    Target { name: "n4", power_w: 51.8663, proved: true, hypervolume: 0.20638, power_s: f64::INFINITY, front_s: 1.5 },
    Target { name: "n16", power_w: 78.0642, proved: true, hypervolume: 0.41457, power_s: f64::INFINITY, front_s: 1.5 },
    Target { name: "n64", power_w: 341.41, proved: false, hypervolume: 0.43613, power_s: 2.0, front_s: 1.5 },
    Target { name: "n256", power_w: 1487.79, proved: false, hypervolume: 0.39417, power_s: 6.0, front_s: 6.0 },
];

impl Target {
    pub(super) fn of(name: &str) -> Option<Target> {
        TARGETS.into_iter().find(|t| t.name == name)
    }

    /// Optima are recorded to four digits.
    pub(super) fn power_met(&self, power_w: f64) -> bool {
        if self.proved { (power_w - self.power_w).abs() <= 1e-4 } else { power_w < self.power_w }
    }

    pub(super) fn power_text(&self) -> String {
        if self.proved { format!("optimum {:.3}", self.power_w) } else { format!("< {:.2}", self.power_w) }
    }
}

/// Devices and seeds of twelve more instances. Those of 16 and 64 devices and 256 with seed 41 were looked at while the search was
/// shaped, the others not.
pub(super) const SEEDS: [(u32, u32); 12] =
    [(4, 11), (4, 12), (16, 21), (16, 22), (16, 23), (64, 31), (64, 32), (64, 33), (64, 34), (64, 36), (256, 41), (256, 42)];

/// Largest gap by devices, as a share.
pub(super) fn gap(devices: usize) -> Option<f64> {
    match devices {
        64 => Some(0.01),
        256 => Some(0.03),
        _ => None,
    }
}

/// Nominal times asked for, by devices: for power and for a front. The tables show what was used.
pub(super) fn times(devices: usize) -> (&'static str, &'static str) {
    match devices {
        0..=16 => ("1.2", "0.8"),
        17..=64 => ("1.4", "0.7"),
        _ => ("4.2", "3.6"),
    }
}

/// Nominal time of a thousand devices.
pub(super) const GROWTH_TIME: &str = "4";

/// Processor seconds in which they are to be planned.
pub(super) const GROWTH_S: f64 = 10.0;
