//! What a coefficient is thought to be before its device's rows are seen: its own value where it was measured, else
//! what the catalogue holds of other devices of its class.

use profiles::{Catalogue, DeviceProfile, Processor, Quality, Sourced};

/// Spread of a value that was measured on the device itself, in logarithms: a probe repeats within 10 %.
const MEASURED: f64 = 0.1;
/// Least spread of a class: the catalogue's entries share sources, so that their own spread is too small. Assumed.
const CLASS: f64 = 0.3;
/// Spread where the class holds too few.
const UNKNOWN: f64 = 0.5;
/// Values of other devices from which a class speaks for itself.
const ENOUGH: usize = 3;

/// Normal in the logarithm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Prior {
    /// Median, in the coefficient's unit.
    pub median: f64,
    /// Standard deviation of the logarithm.
    pub spread: f64,
}

/// Processors of the same kind in other devices of the same class.
pub(crate) fn relatives<'p>(device: &'p DeviceProfile, like: &'p Processor) -> impl Iterator<Item = &'static Processor> + 'p {
    let catalogue = Catalogue::builtin();
    catalogue
        .device_ids()
        .filter(|id| *id != device.id)
        .filter_map(|id| catalogue.device(id))
        .filter(|d| d.class == device.class)
        .flat_map(|d| &d.processors)
        .filter(|p| p.kind == like.kind)
}

/// Prior of a coefficient: `own` is the profile's value, `others` those of the class, none of them assumed.
pub(crate) fn of(own: f64, quality: Quality, others: impl Iterator<Item = f64>) -> Prior {
    if quality == Quality::Measured && own > 0.0 {
        return Prior { median: own, spread: MEASURED };
    }
    let mut logs: Vec<f64> = others.filter(|v| *v > 0.0).map(f64::ln).collect();
    if logs.len() < ENOUGH {
        return Prior { median: own, spread: UNKNOWN };
    }
    let middle = median(&mut logs);
    let mut away: Vec<f64> = logs.iter().map(|l| (l - middle).abs()).collect();
    // The median distance of normal values is 0.6745 standard deviations.
    let spread = median(&mut away) / 0.6745;
    Prior { median: middle.exp(), spread: spread.max(CLASS) }
}

/// A value that was not merely assumed.
pub(crate) fn known<T: Copy>(value: &Sourced<T>) -> Option<T> {
    (value.quality != Quality::Assumed).then_some(value.value)
}

/// Median of at least one value.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    f64::midpoint(values[(n - 1) / 2], values[n / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measured_value_stands_and_a_class_speaks_from_three_on() {
        let measured = of(0.5, Quality::Measured, [0.9, 0.9, 0.9].into_iter());
        assert!((measured.median - 0.5).abs() < 1e-12 && measured.spread < 0.2);
        let class = of(0.5, Quality::Fitted, [0.4, 0.8, 0.2].into_iter());
        assert!((class.median - 0.4).abs() < 1e-12 && class.spread > 0.9, "{class:?}");
        let alike = of(0.5, Quality::Assumed, [0.4, 0.4, 0.4].into_iter());
        assert!((alike.spread - CLASS).abs() < 1e-12);
        let few = of(0.5, Quality::Assumed, [0.4].into_iter());
        assert!((few.median - 0.5).abs() < 1e-12 && (few.spread - UNKNOWN).abs() < 1e-12);
    }

    #[test]
    fn a_device_is_no_relative_of_its_own() {
        let catalogue = Catalogue::builtin();
        let device = catalogue.device("rpi5-8gb").unwrap();
        let own = relatives(device, &device.processors[0]).filter(|p| std::ptr::eq(*p, &device.processors[0])).count();
        assert_eq!(own, 0);
        assert!(relatives(device, &device.processors[0]).count() > 10);
    }
}
