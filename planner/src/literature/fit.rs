//! Three coefficients of a processor from decode rows: memory share, launch, energy per byte.
//!
//! Least squares of relative errors. Time is `bytes / bandwidth + blocks * launch` (arithmetic hides behind memory at one row), so
//! `bytes/t`, `blocks/t` fit a one: two unknowns in closed form, each held at zero or above. Power over the steady rows is
//! `idle + (eps_op F + eps_byte B) / t`: one unknown, idle and `eps_op` given.

/// One row: what a pass does, what it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    pub bytes: f64,
    pub launches: f64,
    pub time_s: f64,
    /// Dynamic energy of the pass less the arithmetic's, joules; absent where power is not to be fitted.
    pub byte_energy_j: Option<f64>,
}

/// Bytes per second, seconds a block, joules a byte.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fitted {
    pub bandwidth: f64,
    pub launch_s: f64,
    pub joules_per_byte: f64,
}

/// Fits; `None` where the rows do not determine it.
pub(super) fn fit(rows: &[Observed]) -> Option<Fitted> {
    let (mut aa, mut ab, mut bb, mut a, mut b) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for r in rows {
        let (x, y) = (r.bytes / r.time_s, r.launches / r.time_s);
        aa += x * x;
        ab += x * y;
        bb += y * y;
        a += x;
        b += y;
    }
    let determinant = aa * bb - ab * ab;
    let both = ((a * bb - b * ab) / determinant, (aa * b - ab * a) / determinant);
    let (per_byte, launch_s) = match both {
        (p, l) if determinant > 1e-9 * aa * bb && p > 0.0 && l >= 0.0 => (p, l),
        _ if aa > 0.0 => (a / aa, 0.0),
        _ => return None,
    };
    let (mut xx, mut x) = (0.0, 0.0);
    for r in rows {
        if let Some(joules) = r.byte_energy_j.filter(|j| *j > 0.0) {
            let share = r.bytes / joules;
            xx += share * share;
            x += share;
        }
    }
    (per_byte > 0.0 && xx > 0.0).then(|| Fitted { bandwidth: 1.0 / per_byte, launch_s, joules_per_byte: x / xx })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(bytes: f64, launches: f64, f: &Fitted) -> Observed {
        Observed {
            bytes,
            launches,
            time_s: bytes / f.bandwidth + launches * f.launch_s,
            byte_energy_j: Some(bytes * f.joules_per_byte),
        }
    }

    proptest! {
        #[test]
        fn what_made_the_rows_comes_back(bandwidth in 1e9..1e12f64, launch_s in 1e-6..1e-3f64, joules_per_byte in 1e-11..1e-9f64) {
            let truth = Fitted { bandwidth, launch_s, joules_per_byte };
            let found = fit(&[row(3e9, 30.0, &truth), row(15e9, 34.0, &truth), row(28e9, 50.0, &truth)]).unwrap();
            prop_assert!((found.bandwidth / bandwidth - 1.0).abs() < 1e-6);
            prop_assert!((found.launch_s / launch_s - 1.0).abs() < 1e-3, "{} for {launch_s}", found.launch_s);
            prop_assert!((found.joules_per_byte / joules_per_byte - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn rows_that_say_nothing_fit_nothing() {
        assert_eq!(fit(&[]), None);
        let one = Observed { bytes: 1e9, launches: 10.0, time_s: 0.1, byte_energy_j: None };
        assert_eq!(fit(&[one]), None, "no energy");
        // One row cannot tell the two apart: all of it is memory.
        let found = fit(&[Observed { byte_energy_j: Some(0.1), ..one }]).unwrap();
        assert!((found.bandwidth - 1e10).abs() < 1.0 && found.launch_s.abs() < 1e-12);
    }
}
