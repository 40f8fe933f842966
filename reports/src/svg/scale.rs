//! From values to pixels, and where the ticks go.

/// A linear or logarithmic scale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    log: bool,
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// A linear scale over the values, with a little air; over `0..1` when there is none.
    pub(crate) fn linear(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let (low, high) = extent(values).unwrap_or((0.0, 1.0));
        let air = if high > low { (high - low) * 0.06 } else { high.abs().max(1e-9) * 0.1 };
        let from = if low >= 0.0 { (low - air).max(0.0) } else { low - air };
        Self { log: false, from, to: high + air, start, end }
    }

    /// A linear scale from zero to the largest value.
    pub(crate) fn from_zero(most: f64, start: f64, end: f64) -> Self {
        let to = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        Self { log: false, from: 0.0, to, start, end }
    }

    /// A logarithmic scale over the positive values, stretched by `air` (a factor) at both ends.
    pub(crate) fn log(values: impl Iterator<Item = f64>, air: f64, start: f64, end: f64) -> Self {
        let (low, high) = extent(values.filter(|v| *v > 0.0)).unwrap_or((1.0, 10.0));
        Self { log: true, from: low / air, to: high * air, start, end }
    }

    pub(crate) fn ends(&self) -> (f64, f64) {
        (self.from, self.to)
    }

    /// Pixel of a value, kept inside the chart.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(f64::MIN_POSITIVE) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        self.start + share * (self.end - self.start)
    }

    /// Round values inside the scale, about `wanted` of them.
    pub(crate) fn ticks(&self, wanted: u32) -> Vec<f64> {
        if self.log { self.log_ticks(wanted) } else { self.linear_ticks(wanted) }
    }

    fn linear_ticks(&self, wanted: u32) -> Vec<f64> {
        let raw = (self.to - self.from) / f64::from(wanted.max(1));
        let power = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= raw * 0.999).unwrap_or(10.0 * power);
        let first = (self.from / step).ceil();
        (0..50).map(|i| (first + f64::from(i)) * step).take_while(|v| *v <= self.to + step * 1e-9).collect()
    }

    fn log_ticks(&self, wanted: u32) -> Vec<f64> {
        let decades = (self.to / self.from).log10();
        let within: &[f64] = if decades < f64::from(wanted) / 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let first = self.from.log10().floor();
        let step = (decades / f64::from(wanted.max(1))).ceil().max(1.0);
        let mut ticks = Vec::new();
        for i in 0..40 {
            let decade = first + f64::from(i) * step;
            ticks.extend(within.iter().map(|m| m * 10f64.powf(decade)).filter(|v| *v >= self.from && *v <= self.to));
        }
        ticks
    }
}

fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|v| v.is_finite())
        .fold(None, |e, v| Some(e.map_or((v, v), |(low, high): (f64, f64)| (low.min(v), high.max(v)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_ticks_are_round_and_inside() {
        let scale = Scale::from_zero(9.3, 0.0, 100.0);
        assert_eq!(scale.ticks(5), [0.0, 2.0, 4.0, 6.0, 8.0]);
        assert!((scale.at(9.3) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn log_ticks_are_decades() {
        let scale = Scale::log([1e9, 1e12].into_iter(), 1.0, 0.0, 300.0);
        let ticks = scale.ticks(4);
        assert_eq!(ticks.len(), 4);
        assert!((scale.at(1e10) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_to_scale_is_no_panic() {
        let scale = Scale::linear([f64::NAN].into_iter(), 0.0, 10.0);
        assert!(scale.at(f64::NAN).is_finite());
        assert!(Scale::log(std::iter::empty(), 2.0, 0.0, 1.0).ticks(4).len() < 40);
        assert!(!Scale::linear([3.0].into_iter(), 0.0, 10.0).ticks(4).is_empty());
    }
}
