use super::*;

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn heat_sheds_and_cold_returns_gradually() {
    let rules = Rules::default();
    let mut g = Governor::default();
    g.felt(81.9, 85.0, &rules, 1_000);
    assert!(near(g.share(), 1.0), "below the ceiling of 82 °C nothing happens");
    let shares: Vec<f64> = (0..5)
        .map(|i| {
            g.felt(82.5, 85.0, &rules, 2_000 + i);
            g.share()
        })
        .collect();
    assert!(shares.iter().zip([0.5, 0.25, 0.125, 0.0, 0.0]).all(|(a, b)| near(*a, b)), "{shares:?}");
    g.tick(&rules, 1_000_000);
    assert!(near(g.share(), 0.0), "a hot device gets nothing back");
    g.felt(78.0, 85.0, &rules, 1_000_000);
    assert!(near(g.share(), 0.0), "between cool and ceiling: not yet");
    g.felt(76.9, 85.0, &rules, 2_000_000);
    assert!(near(g.share(), 0.5), "half its share");
    g.tick(&rules, 2_009_999);
    assert!(near(g.share(), 0.5));
    g.tick(&rules, 2_010_000);
    assert!(near(g.share(), 0.6));
    g.tick(&rules, 2_050_000);
    assert!(near(g.share(), 1.0) && g.next_ms(&rules).is_none());
    g.felt(85.0, 85.0, &rules, 2_100_000);
    assert!(near(g.share(), 0.0), "at the throttle temperature at once");
}

#[test]
fn a_restarted_engine_starts_at_half() {
    let rules = Rules::default();
    let mut g = Governor::default();
    g.recovered(&rules, 5_000);
    assert!(near(g.share(), 0.5));
    g.tick(&rules, 25_000);
    g.recovered(&rules, 25_000);
    assert!(near(g.share(), 0.5), "once more: back to half");
    g.felt(90.0, 85.0, &rules, 26_000);
    g.recovered(&rules, 27_000);
    assert!(near(g.share(), 0.0), "a hot device stays at nothing");
}
