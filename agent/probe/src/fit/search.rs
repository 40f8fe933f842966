//! The least of a function of one number.

/// Where `f` is least in `[low, high]`: a scan, then golden sections around its best point. Both bounds above 0; steps are
/// even in the logarithm. Values of `f` that are no number count as infinite.
pub(crate) fn least(low: f64, high: f64, steps: u32, f: impl Fn(f64) -> f64) -> f64 {
    let value = |x: f64| {
        let y = f(x.exp());
        if y.is_nan() { f64::INFINITY } else { y }
    };
    let (low, high) = (low.ln(), high.ln());
    let at = |i: u32| low + (high - low) * f64::from(i) / f64::from(steps.max(1));
    let best = (0..=steps).min_by(|a, b| value(at(*a)).total_cmp(&value(at(*b)))).unwrap_or(0);
    let (mut a, mut b) = (at(best.saturating_sub(1)), at((best + 1).min(steps)));
    let ratio = (5.0f64.sqrt() - 1.0) / 2.0;
    for _ in 0..60 {
        let (left, right) = (b - ratio * (b - a), a + ratio * (b - a));
        if value(left) <= value(right) { b = right } else { a = left }
    }
    // At a bound the sections only come near it.
    let middle = f64::midpoint(a, b);
    let ends = [at(0), middle, at(steps)];
    ends.into_iter().min_by(|a, b| value(*a).total_cmp(&value(*b))).unwrap_or(middle).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minima_inside_and_at_the_bounds_are_found() {
        assert!((least(0.1, 100.0, 20, |x| (x - 7.0).powi(2)) - 7.0).abs() < 1e-6);
        assert!((least(1.0, 10.0, 20, |x| x) - 1.0).abs() < 1e-9);
        assert!((least(1.0, 10.0, 20, |x| -x) - 10.0).abs() < 1e-9);
        assert!((least(1.0, 10.0, 20, |x| if x < 5.0 { f64::NAN } else { x }) - 5.0).abs() < 0.1);
    }
}
