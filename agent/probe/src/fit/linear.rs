//! Linear least squares of a few unknowns, by Householder reflections.

/// `x` that minimises `Σ (row · x − y)²`, and the root of the mean square left over.
///
/// `None` where rows do not tell all unknowns apart, lengths differ, or a number is not finite.
#[must_use]
pub fn least_squares(rows: &[Vec<f64>], y: &[f64]) -> Option<(Vec<f64>, f64)> {
    let n = rows.first()?.len();
    if n == 0 || rows.len() < n || rows.len() != y.len() || rows.iter().any(|r| r.len() != n) {
        return None;
    }
    if rows.iter().flatten().chain(y).any(|v| !v.is_finite()) {
        return None;
    }
    // Columns scaled to length one, so that "dependent" means the same in any unit.
    let lengths: Vec<f64> = (0..n).map(|j| rows.iter().map(|r| r[j] * r[j]).sum::<f64>().sqrt()).collect();
    if lengths.iter().any(|l| *l <= 0.0) {
        return None;
    }
    let mut a: Vec<Vec<f64>> = rows.iter().map(|r| r.iter().zip(&lengths).map(|(v, l)| v / l).collect()).collect();
    let mut b = y.to_vec();
    for j in 0..n {
        let norm = a[j..].iter().map(|r| r[j] * r[j]).sum::<f64>().sqrt();
        if norm < 1e-10 {
            return None;
        }
        let alpha = if a[j][j] > 0.0 { -norm } else { norm };
        let mut v: Vec<f64> = a[j..].iter().map(|r| r[j]).collect();
        v[0] -= alpha;
        let vv: f64 = v.iter().map(|x| x * x).sum();
        for k in j..n {
            let dot: f64 = v.iter().zip(&a[j..]).map(|(x, r)| x * r[k]).sum();
            for (x, r) in v.iter().zip(&mut a[j..]) {
                r[k] -= 2.0 * dot / vv * x;
            }
        }
        let dot: f64 = v.iter().zip(&b[j..]).map(|(x, y)| x * y).sum();
        for (x, y) in v.iter().zip(&mut b[j..]) {
            *y -= 2.0 * dot / vv * x;
        }
    }
    let mut x = vec![0.0; n];
    for j in (0..n).rev() {
        let known: f64 = (j + 1..n).map(|k| a[j][k] * x[k]).sum();
        x[j] = (b[j] - known) / a[j][j];
    }
    let rest: f64 = b[n..].iter().map(|v| v * v).sum();
    let x: Vec<f64> = x.iter().zip(&lengths).map(|(x, l)| x / l).collect();
    x.iter().all(|v| v.is_finite()).then(|| (x, (rest / y.len() as f64).sqrt()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        let rows = [vec![1.0, 0.0], vec![1.0, 1.0], vec![1.0, 2.0]];
        let (x, rest) = least_squares(&rows, &[1.0, 3.0, 5.0]).expect("a line");
        assert!((x[0] - 1.0).abs() < 1e-12 && (x[1] - 2.0).abs() < 1e-12 && rest < 1e-12);
        let (_, rest) = least_squares(&rows, &[1.0, 3.0, 8.0]).expect("a line");
        // Residuals 0.5, -1, 0.5.
        assert!((rest - (1.5f64 / 3.0).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn what_cannot_be_told_apart_is_not_guessed() {
        assert_eq!(least_squares(&[vec![1.0, 2.0], vec![2.0, 4.0], vec![3.0, 6.0]], &[1.0, 2.0, 3.0]), None);
        assert_eq!(least_squares(&[vec![1.0, 2.0]], &[1.0]), None);
        assert_eq!(least_squares(&[vec![f64::NAN], vec![1.0]], &[1.0, 1.0]), None);
        assert_eq!(least_squares(&[vec![0.0], vec![0.0]], &[1.0, 1.0]), None);
        assert_eq!(least_squares(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn coefficients_come_back(a in -5.0..5.0f64, b in -5.0..5.0f64, c in -5.0..5.0f64, scale in 1e-6..1e6f64) {
            let rows: Vec<Vec<f64>> = (0..20).map(|i| { let t = f64::from(i); vec![1.0, t * scale, (t * 0.7).sin()] }).collect();
            let y: Vec<f64> = rows.iter().map(|r| a * r[0] + b / scale * r[1] + c * r[2]).collect();
            let (x, rest) = least_squares(&rows, &y).expect("three columns that differ");
            prop_assert!((x[0] - a).abs() < 1e-6 && (x[1] * scale - b).abs() < 1e-6 && (x[2] - c).abs() < 1e-6 && rest < 1e-6);
        }
    }
}
