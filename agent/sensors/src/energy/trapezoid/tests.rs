use super::*;
use crate::energy::Energy;
use proptest::prelude::*;
use std::time::Duration;

const GRAIN: Grain = Grain { resolution: 0.04, update_s: 0.0, wraps_at_j: None, ceiling_w: Some(164.0) };

fn at(seconds: f64) -> Stamp {
    Stamp::at(Duration::from_secs_f64(seconds))
}

/// Power with a little noise that never repeats.
fn noisy(i: u32, watts: f64) -> f64 {
    watts + 0.05 * (f64::from(i) * 2.399).sin()
}

/// Samples ten times a second, ended by a lap.
fn energy(samples: impl Iterator<Item = (f64, f64)>) -> Energy {
    let samples: Vec<(f64, f64)> = samples.collect();
    let mut trapezoid = Trapezoid::new(at(samples[0].0), 0.1);
    for &(t, watts) in &samples {
        trapezoid.observe(at(t), Ok((watts, GRAIN)));
    }
    trapezoid.lap(at(samples[samples.len() - 1].0)).into_energy()
}

fn steady(seconds: u32, watts: f64) -> impl Iterator<Item = (f64, f64)> {
    (0..=seconds * 10).map(move |i| (f64::from(i) * 0.1, noisy(i, watts)))
}

#[test]
fn steady_decoding_is_known_within_a_second_and_a_step_within_some_more() {
    let joules = energy(steady(2, 12.0)).known().unwrap();
    assert!((joules - 24.0).abs() < 0.1);
    let step = (0..=200).map(|i| (f64::from(i) * 0.1, noisy(i, if i < 60 { 6.0 } else { 18.0 })));
    let joules = energy(step).known().unwrap();
    assert!((joules - (6.0 * 5.95 + 18.0 * 14.05)).abs() < 1.0);
}

#[test]
fn few_samples_are_too_few() {
    let Energy::Unknown { why, estimate_j } = energy(steady(2, 12.0).take(5)) else { panic!() };
    assert_eq!(why, [Doubt::Brief { samples: 5 }]);
    assert!((estimate_j.unwrap() - 4.8).abs() < 0.05);
}

#[test]
fn a_gap_may_hide_anything() {
    let gap = steady(60, 12.0).filter(|(t, _)| !(20.0..21.0).contains(t));
    let Energy::Unknown { why, .. } = energy(gap) else { panic!() };
    assert!(matches!(why[0], Doubt::Gap { .. }));
    // One lost sample is none.
    assert!(energy(steady(60, 12.0).filter(|(t, _)| !(20.0..20.05).contains(t))).known().is_some());
}

#[test]
fn a_value_that_never_changes_is_a_stuck_sensor() {
    let stuck = steady(20, 12.0).map(|(t, w)| (t, if (5.0..6.0).contains(&t) { 12.0 } else { w }));
    let Energy::Unknown { why, .. } = energy(stuck) else { panic!() };
    assert!(matches!(why[0], Doubt::Stuck { .. }));
    // At the end of a lap three equal values are enough to doubt.
    let end = steady(20, 12.0).map(|(t, w)| (t, if t > 19.65 { 12.0 } else { w }));
    assert_eq!(energy(end).known(), None);
}

#[test]
fn a_plug_with_whole_watts_is_too_coarse_for_a_per_cent_of_26_w() {
    let mut trapezoid = Trapezoid::new(at(0.0), 1.0);
    for i in 0..200 {
        let watts = if i % 3 == 0 { 27.0 } else { 26.0 };
        trapezoid.observe(at(f64::from(i)), Ok((watts, Grain { resolution: 1.0, update_s: 1.0, ..GRAIN })));
    }
    let energy = trapezoid.lap(at(199.0)).into_energy();
    assert!(matches!(energy, Energy::Unknown { ref why, .. } if matches!(why[0], Doubt::Coarse { .. })), "{energy}");
}

#[test]
fn an_instrument_that_lags_owes_the_end_of_the_lap() {
    // Work begins with the lap; the instrument shows it half a second later.
    let lag = |update_s: f64, seconds: u32| {
        let mut trapezoid = Trapezoid::new(at(0.0), 0.1);
        for i in 0..=seconds * 10 {
            let watts = noisy(i, if i < 5 { 5.0 } else { 15.0 });
            trapezoid.observe(at(f64::from(i) * 0.1), Ok((watts, Grain { update_s, ..GRAIN })));
        }
        trapezoid.lap(at(f64::from(seconds))).into_energy()
    };
    assert_eq!(lag(0.5, 20).known(), None, "5 of 300 J are missing");
    assert!((lag(0.5, 120).known().unwrap() / 1800.0 - 1.0).abs() < 0.01);
}

#[test]
fn nonsense_is_no_sample() {
    let spike = steady(20, 12.0).map(|(t, w)| (t, if (10.0..10.05).contains(&t) { 5000.0 } else { w }));
    assert!((energy(spike).known().unwrap() - 240.0).abs() < 1.0);
}

#[test]
fn sleep_and_clock_steps_are_doubted() {
    let mut trapezoid = Trapezoid::new(at(0.0), 0.1);
    let stamp = |i: u32, boot: f64| {
        let mono = Duration::from_millis(u64::from(i) * 100);
        Stamp { mono, boot: Some(mono + Duration::from_secs_f64(boot)), slack: Duration::ZERO }
    };
    for i in 0..50 {
        trapezoid.observe(stamp(i, if i < 25 { 9.0 } else { 39.0 }), Ok((noisy(i, 9.0), GRAIN)));
    }
    let Energy::Unknown { why, .. } = trapezoid.lap(stamp(49, 39.0)).into_energy() else { panic!() };
    assert_eq!(why, [Doubt::Slept { seconds: 30.0 }]);
    trapezoid.observe(stamp(40, 39.0), Ok((9.0, GRAIN)));
    let Energy::Unknown { why, .. } = trapezoid.lap(stamp(50, 39.0)).into_energy() else { panic!() };
    assert!(why.iter().any(|d| matches!(d, Doubt::ClockStep { .. })));
}

proptest! {
    /// Whatever power does between slow steps, known energy is true.
    #[test]
    fn known_is_true(levels in proptest::collection::vec(1.0_f64..40.0, 1..12), phase in 0.0_f64..1.0) {
        let watts = |t: f64| levels[(t / 2.0) as usize % levels.len()];
        let samples = (0..=400).map(|i| (f64::from(i) * 0.1, noisy(i, watts(f64::from(i) * 0.1 + phase))));
        let truth: f64 = (0..400_000).map(|i| watts(f64::from(i) * 1e-4 + phase) * 1e-4).sum();
        if let Some(joules) = energy(samples).known() {
            prop_assert!((joules / truth - 1.0).abs() <= 0.01, "{joules} J, truth {truth} J");
        }
    }
}
