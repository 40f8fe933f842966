//! A device's mean power as lines of its mean dynamic power.
//!
//! Power at rest is `P = P_idle + d + P_leak(T_ambient + R P)`. Solved for `d` it reads
//! `d(P) = P - P_idle - P_leak(T_ambient + R P)`: concave, because leakage is convex in temperature, and
//! increasing below runaway. The inverse of an increasing concave function is increasing and convex, so
//! `P(d)` is convex and every tangent lies below it: the largest of some tangents under-estimates power.
//! A bound proved with the lines is therefore a bound on the true power. Slope at temperature `T`:
//! `dP/dd = 1 / (1 - R P_leak'(T))`.

use super::thermal::Body;
use crate::table::Line;

/// Relative error that the lines may have, and how many there may be.
pub const ERROR: f64 = 1e-3;
const LINES_MAX: usize = 12;

/// Tangents at `[0, dynamic_cap_w]`, and the relative error that they have there.
///
/// At least 2 lines, at most 12; the fewest that keep [`ERROR`]. `dynamic_cap_w` must be at or below
/// [`Body::sustained_w`]; a negative one counts as 0.
#[must_use]
pub fn tangents(body: &Body, idle_w: f64, dynamic_cap_w: f64) -> (Vec<Line>, f64) {
    let limit = body.limit_c();
    let cold = body.steady_c(idle_w, 0.0).unwrap_or(limit).min(limit);
    let hot = body.steady_c(idle_w, dynamic_cap_w.max(0.0)).unwrap_or(limit).clamp(cold, limit.max(cold));
    let mut n = 2;
    loop {
        let (lines, error) = spread(body, idle_w, cold, hot, n);
        if error <= ERROR || n >= LINES_MAX {
            return (lines, error);
        }
        // The error falls with the square of the distance between tangents.
        let wanted = 1.0 + (n - 1) as f64 * (error / ERROR).sqrt();
        n = (wanted.ceil() as usize).clamp(n + 1, LINES_MAX);
    }
}

/// `n` tangents between two temperatures, moved twice so that their errors become alike.
fn spread(body: &Body, idle_w: f64, cold: f64, hot: f64, n: usize) -> (Vec<Line>, f64) {
    let mut at: Vec<f64> = (0..n).map(|i| cold + (hot - cold) * i as f64 / (n - 1) as f64).collect();
    let mut best = (Vec::new(), f64::INFINITY);
    for _ in 0..3 {
        let points: Vec<(f64, Line)> = at.iter().map(|&t| tangent(body, idle_w, t)).collect();
        let gaps: Vec<f64> = points.windows(2).map(|w| gap(body, idle_w, &w[0], &w[1])).collect();
        let error = gaps.iter().copied().fold(0.0, f64::max);
        if error < best.1 {
            best = (points.into_iter().map(|(_, line)| line).collect(), error);
        }
        if n == 2 || error <= ERROR {
            break;
        }
        at = even_out(&at, &gaps);
    }
    best
}

/// Moves the inner points so that each interval gets the same share of the square roots of the gaps.
fn even_out(at: &[f64], gaps: &[f64]) -> Vec<f64> {
    let roots: Vec<f64> = gaps.iter().map(|g| g.max(1e-15).sqrt()).collect();
    let share = roots.iter().sum::<f64>() / roots.len() as f64;
    let mut moved = vec![at[0]];
    let (mut i, mut used) = (0, 0.0);
    for _ in 1..at.len() - 1 {
        let mut left = share;
        while i + 1 < roots.len() && roots[i] - used < left {
            left -= roots[i] - used;
            (i, used) = (i + 1, 0.0);
        }
        used = (used + left).min(roots[i]);
        moved.push(at[i] + (at[i + 1] - at[i]) * used / roots[i]);
    }
    moved.push(at[at.len() - 1]);
    moved
}

/// The tangent at a temperature, and the dynamic power where it touches.
fn tangent(body: &Body, idle_w: f64, temperature_c: f64) -> (f64, Line) {
    let leakage = body.leakage.watts(temperature_c);
    let dynamic = body.dynamic_at(idle_w, temperature_c);
    // Below the limit temperature R P_leak' < 1; the floor is for a limit that lies in runaway.
    let slope = 1.0 / (1.0 - body.resistance * body.leakage.per_kelvin(temperature_c)).max(1e-3);
    (dynamic, Line { base_w: idle_w + dynamic + leakage - slope * dynamic, slope })
}

/// Relative error where two neighbouring tangents meet, which is where it is largest between them.
fn gap(body: &Body, idle_w: f64, a: &(f64, Line), b: &(f64, Line)) -> f64 {
    let (la, lb) = (a.1, b.1);
    if lb.slope - la.slope < 1e-12 {
        return 0.0;
    }
    let d = ((la.base_w - lb.base_w) / (lb.slope - la.slope)).clamp(a.0.min(b.0), b.0.max(a.0)).max(0.0);
    let Some(t) = body.steady_c(idle_w, d) else { return 0.0 };
    let power = idle_w + d + body.leakage.watts(t);
    // Power of the cold end as the measure, which is at most the power at the gap: never too kind.
    let least = la.base_w + la.slope * a.0.max(0.0);
    if least > 0.0 { ((power - la.base_w - la.slope * d) / least).max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::power::Leakage;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn lines_lie_below_and_near(resistance in 0.1..6.0f64, leak in 0.0..2.0f64, idle in 0.5..20.0f64, share in 0.0..1.0f64) {
            let body = Body {
                ambient_c: 25.0, resistance, capacitance: 40.0, throttle_c: 85.0,
                leakage: Leakage { at_reference_w: leak, reference_c: 25.0, slope_k: 30.0 },
            };
            let cap = body.sustained_w(idle, f64::INFINITY);
            prop_assume!(cap > 0.0);
            let (lines, error) = tangents(&body, idle, cap);
            prop_assert!((2..=12).contains(&lines.len()));
            let d = cap * share;
            let t = body.steady_c(idle, d).unwrap();
            let power = idle + d + body.leakage.watts(t);
            let shown = lines.iter().map(|l| l.base_w + l.slope * d).fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(shown <= power * (1.0 + 1e-9), "{shown} over {power}");
            prop_assert!(shown >= power * (1.0 - error.max(1e-9) * 1.001), "{shown} under {power} by more than {error}");
        }
    }

    #[test]
    fn usual_devices_keep_the_error() {
        for (resistance, leak, idle) in [(4.0, 0.3, 3.0), (1.5, 1.0, 6.0), (0.18, 8.0, 40.0)] {
            let body = Body {
                ambient_c: 25.0,
                resistance,
                capacitance: 40.0,
                throttle_c: 85.0,
                leakage: Leakage { at_reference_w: leak, reference_c: 25.0, slope_k: 30.0 },
            };
            let (lines, error) = tangents(&body, idle, body.sustained_w(idle, f64::INFINITY));
            assert!(error <= ERROR, "{error} with {} lines", lines.len());
        }
    }

    #[test]
    fn without_leakage_it_is_one_line() {
        let body = Body {
            ambient_c: 25.0,
            resistance: 1.0,
            capacitance: 1.0,
            throttle_c: 85.0,
            leakage: Leakage { at_reference_w: 0.0, reference_c: 25.0, slope_k: 30.0 },
        };
        let (lines, error) = tangents(&body, 5.0, 10.0);
        assert!(error.abs() < 1e-12);
        assert!(lines.iter().all(|l| (l.base_w - 5.0).abs() < 1e-9 && (l.slope - 1.0).abs() < 1e-9));
    }
}
