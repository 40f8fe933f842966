use super::{Archive, Point, amount, dominates};
use proptest::prelude::*;

#[test]
fn domination_by_hand() {
    let (a, b, c) = ([1.0, 2.0, 0.0, 0.0], [2.0, 4.0, 0.0, 0.0], [0.5, 3.0, 0.0, 0.0]);
    assert!(dominates(&a, &b) && !dominates(&b, &a) && !dominates(&a, &c) && !dominates(&a, &a));
    // Differences 1 of 4 and 2 of 8: each a quarter of its range.
    let quarter = amount(&a, &b, &[4.0, 8.0, 1.0, 1.0]);
    assert!((quarter - 0.25).abs() < 1e-12, "{quarter}");
    assert!(amount(&a, &a, &[1.0; 4]).abs() < 1e-12);
}

#[test]
fn a_better_point_replaces_what_it_covers() {
    let mut archive = Archive::new(8);
    assert!(archive.offer([2.0, 2.0, 1.0, 1.0], 4.0, || "middle"));
    assert!(archive.offer([1.0, 4.0, 1.0, 1.0], 5.0, || "left"));
    assert!(!archive.offer([2.0, 2.0, 1.0, 1.0], 4.0, || "same"));
    assert!(!archive.offer([3.0, 3.0, 1.0, 1.0], 6.0, || "worse"));
    assert!(archive.offer([1.0, 1.0, 1.0, 1.0], 2.0, || "best"));
    assert_eq!(archive.members().iter().map(|m| m.item).collect::<Vec<_>>(), ["best"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn bounded_non_dominated_and_keeps_the_best(
        points in prop::collection::vec(prop::array::uniform4(0u32..50), 1..200), limit in 8usize..20,
    ) {
        let mut archive = Archive::new(limit);
        let points: Vec<Point> = points.iter().map(|p| p.map(f64::from)).collect();
        let objective = |p: &Point| p[0] + 2.0 * p[1] + 0.5 * p[2];
        for p in &points {
            archive.offer(*p, objective(p), || ());
        }
        prop_assert!(archive.members().len() <= limit + limit / 2);
        let members = archive.into_members();
        prop_assert!(members.len() <= limit);
        for a in &members {
            prop_assert!(members.iter().all(|b| !dominates(&b.point, &a.point)));
        }
        for i in 0..4 {
            let least = |list: &mut dyn Iterator<Item = f64>| list.fold(f64::INFINITY, f64::min);
            prop_assert!((least(&mut points.iter().map(|p| p[i])) - least(&mut members.iter().map(|m| m.point[i]))).abs() < 1e-12);
        }
        let best = points.iter().map(objective).fold(f64::INFINITY, f64::min);
        prop_assert!(members.iter().any(|m| m.objective <= best));
    }
}
