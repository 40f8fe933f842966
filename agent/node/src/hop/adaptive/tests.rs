use super::*;
use proptest::prelude::*;

fn there_and_back(row: &[f32]) -> (usize, Vec<f32>) {
    let mut bytes = Vec::new();
    pack(&mut bytes, row);
    assert!((LEAST..=most(row.len())).contains(&bytes.len()), "{} bytes of {} numbers", bytes.len(), row.len());
    let (mut rest, mut back) = (&bytes[..], Vec::new());
    unpack(&mut rest, row.len(), &mut back).expect("what was packed");
    assert!(rest.is_empty());
    (bytes.len(), back)
}

/// Root mean square of the differences at the small values, over theirs.
fn error(row: &[f32], back: &[f32]) -> f64 {
    let mut order: Vec<usize> = (0..row.len()).collect();
    order.sort_by(|a, b| row[*b].abs().total_cmp(&row[*a].abs()));
    let (mut off, mut power) = (0.0, 0.0);
    for &i in &order[row.len() / ONE_LARGE_IN..] {
        off += f64::from(row[i] - back[i]).powi(2);
        power += f64::from(row[i]).powi(2);
    }
    if off == 0.0 { 0.0 } else { (off / power).sqrt() }
}

#[test]
fn a_few_large_values_cost_no_bits_of_the_others() {
    let mut row: Vec<f32> = (0..576).map(|i| ((i * 37 % 101) as f32 - 50.0) / 50.0).collect();
    let (plain, _) = there_and_back(&row);
    for (i, large) in [(3, 900.0), (100, -350.0), (575, 4_000.0)] {
        row[i] = large;
    }
    let (bytes, back) = there_and_back(&row);
    assert!(bytes <= plain + 3 * 4, "{plain} bytes became {bytes}");
    assert!(bytes * 3 < 2 * row.len(), "a third of half precision");
    assert!((back[3], back[100], back[575]) == (900.0, -350.0, 4_000.0), "exact");
}

#[test]
fn rows_without_a_spread_are_a_header() {
    for row in [vec![0.0; 64], vec![0.0; 1]] {
        assert_eq!(there_and_back(&row), (LEAST, row));
    }
    let mut one = vec![0.0; 64];
    one[5] = 7.0;
    assert_eq!(there_and_back(&one), (LEAST + 4, one));
}

#[test]
fn extremes_stay_finite() {
    for row in [vec![f32::MAX; 40], vec![f32::MIN_POSITIVE / 8.0; 40], vec![f32::MAX, -1.0], vec![1e-30; 33], vec![65_536.0]] {
        let (_, back) = there_and_back(&row);
        assert!(back.iter().all(|x| x.is_finite()), "{row:?}");
    }
}

#[test]
fn other_bytes_are_refused() {
    let mut row: Vec<f32> = (0..64).map(|i| i as f32 - 32.0).collect();
    row[9] = 5_000.0;
    let mut bytes = Vec::new();
    pack(&mut bytes, &row);
    assert_eq!(u16::from_le_bytes([bytes[2], bytes[3]]), 1, "one is large");
    let refused = |bytes: &[u8]| unpack(&mut &bytes[..], 64, &mut Vec::new()).is_none();
    for length in 0..bytes.len() {
        assert!(refused(&bytes[..length]), "cut at {length}");
    }
    for (at, to) in [(0, 9), (0, 255), (1, 1), (2, 200), (7, 0x7f), (8, 64)] {
        let mut changed = bytes.clone();
        changed[at] = to;
        if at == 7 {
            changed[6] = 0xc0;
        }
        assert!(refused(&changed), "byte {at} as {to}");
    }
}

proptest! {
    #[test]
    fn the_error_keeps_its_bound(
        seeds in prop::collection::vec(-1f32..1.0, 1..700),
        scale in 1e-3f32..1e3,
        large in prop::collection::vec((any::<prop::sample::Index>(), 10f32..60.0), 0..4),
    ) {
        // Cubes: many small numbers, few large ones.
        let mut row: Vec<f32> = seeds.iter().map(|x| x * x * x * scale).collect();
        for (at, times) in large {
            let i = at.index(row.len());
            row[i] = scale * times;
        }
        let (_, back) = there_and_back(&row);
        prop_assert!(error(&row, &back) <= f64::from(BOUND) * 1.02, "{}", error(&row, &back));
    }

    #[test]
    fn any_bytes_are_a_row_or_none(bytes in prop::collection::vec(any::<u8>(), 0..200), cols in 1usize..100) {
        let mut out = Vec::new();
        if unpack(&mut &bytes[..], cols, &mut out).is_some() {
            prop_assert_eq!(out.len(), cols);
        }
    }
}
