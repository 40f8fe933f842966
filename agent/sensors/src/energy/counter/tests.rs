use super::*;
use crate::energy::Energy;
use std::time::Duration;

const GRAIN: Grain = Grain { resolution: 6e-5, update_s: 1e-3, wraps_at_j: Some(1000.0), ceiling_w: Some(100.0) };

fn at(seconds: f64) -> Stamp {
    Stamp::at(Duration::from_secs_f64(seconds))
}

/// Reads `(second, J)` ten times a second and ends the lap with the last.
fn energy(reads: &[(f64, f64)]) -> Energy {
    let mut counter = Counter::new(at(reads[0].0), 0.1);
    for &(t, joules) in reads {
        counter.observe(at(t), Ok((joules, GRAIN)));
    }
    counter.lap(at(reads[reads.len() - 1].0)).into_energy()
}

/// 10 W for a time, from a value on; wrapped where asked.
fn steady(seconds: u32, from: f64) -> Vec<(f64, f64)> {
    let read = |i: u32| (f64::from(i) * 0.1, (from + f64::from(i)) % 1000.0);
    (0..=seconds * 10).map(read).collect()
}

#[test]
fn a_difference_is_known() {
    let Energy::Known { joules, error_j } = energy(&steady(10, 500.0)) else { panic!() };
    assert!((joules - 100.0).abs() < 1e-9 && error_j < 0.1);
}

#[test]
fn a_wrap_is_added() {
    assert!((energy(&steady(10, 950.5)).known().unwrap() - 100.0).abs() < 1e-9);
}

#[test]
fn a_restart_is_no_wrap() {
    let mut reads = steady(10, 500.0);
    for read in &mut reads[50..] {
        read.1 -= 540.0;
    }
    let Energy::Unknown { why, estimate_j } = energy(&reads) else { panic!() };
    assert_eq!(why, [Doubt::Reset]);
    assert!((estimate_j.unwrap() - 100.0).abs() < 15.0);
}

#[test]
fn a_slow_reader_of_a_fast_counter_cannot_count_its_wraps() {
    let Energy::Unknown { why, .. } = energy(&[(0.0, 10.0), (0.1, 11.0), (20.1, 211.0), (20.2, 212.0)]) else { panic!() };
    assert!(why.iter().any(|d| matches!(d, Doubt::ManyWraps { .. })), "{why:?}");
}

#[test]
fn a_gap_under_steady_load_is_covered_and_one_that_may_hide_a_restart_is_not() {
    let mut reads = steady(20, 100.0);
    reads.drain(50..80);
    assert!((energy(&reads).known().unwrap() - 200.0).abs() < 1e-9);
    // It restarted inside the gap, and shows less than three seconds of load.
    for read in &mut reads[50..] {
        read.1 -= 20.0;
    }
    assert_eq!(energy(&reads).known(), None);
}

#[test]
fn standing_still_is_stuck() {
    let mut reads = steady(10, 100.0);
    for read in &mut reads[30..34] {
        read.1 = 130.0;
    }
    let Energy::Unknown { why, .. } = energy(&reads) else { panic!() };
    assert!(matches!(why[0], Doubt::Stuck { .. }));
}

#[test]
fn a_coarse_counter_is_known_only_over_long_times() {
    // A plug that counts 3600 J, with 36 W: one step in 100 s.
    let grain = Grain { resolution: 3600.0, update_s: 1.0, wraps_at_j: None, ceiling_w: Some(3680.0) };
    let run = |seconds: u32| {
        let mut counter = Counter::new(at(0.0), 1.0);
        for t in 0..=seconds {
            counter.observe(at(f64::from(t)), Ok(((f64::from(t) / 100.0).floor() * 3600.0, grain)));
        }
        counter.lap(at(f64::from(seconds))).into_energy()
    };
    assert_eq!(run(1_000).known(), None);
    let joules = run(20_000).known().unwrap();
    assert!((joules / 720_000.0 - 1.0).abs() < 0.01);
}

#[test]
fn lost_permission_leaves_the_rest_uncovered_and_a_lap_after_it_is_good_again() {
    let denied = Missing::Denied { what: "energy_uj".into() };
    let mut counter = Counter::new(at(0.0), 0.1);
    let mut feed = |range: std::ops::Range<u32>, lost: bool| {
        for i in range.clone() {
            let t = f64::from(i) * 0.1;
            counter.observe(at(t), if lost { Err(&denied) } else { Ok((50.0 + t * 10.0, GRAIN)) });
        }
        counter.lap(at(f64::from(range.end - 1) * 0.1)).into_energy()
    };
    assert!(feed(0..51, false).known().is_some());
    let Energy::Unknown { why, .. } = feed(51..101, true) else { panic!() };
    assert!(why.iter().any(|d| matches!(d, Doubt::Uncovered { .. })));
    // The first lap after its return does not know which joules are whose; the second does.
    assert!(feed(101..151, false).known().is_none());
    assert!((feed(151..201, false).known().unwrap() - 50.0).abs() < 1e-6);
}

#[test]
fn no_reading_at_all_is_uncovered() {
    let mut counter = Counter::new(at(0.0), 0.1);
    counter.observe(at(1.0), Err(&Missing::absent("x")));
    let energy = counter.lap(at(2.0)).into_energy();
    assert!(matches!(energy, Energy::Unknown { estimate_j: None, .. }));
}
