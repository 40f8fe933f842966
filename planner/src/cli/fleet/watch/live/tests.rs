use super::*;
use protocol::telemetry::Measured;

fn telemetry(power_w: Option<f64>, requests: u64) -> Telemetry {
    let service = ServiceSample {
        service: Name::new("chat").unwrap(),
        replica: 0,
        plan: "a".repeat(64).parse().unwrap(),
        requests,
        failed: 0,
        tokens: 8 * requests,
        ttft_p50_s: Some(0.1),
        ttft_p90_s: Some(0.2),
        tpot_p50_s: None,
        tpot_p90_s: None,
    };
    let text = r#"{"schema":"wattline.telemetry/1","agent":"one","window_s":10.0}"#;
    let power_w = power_w.map(|value| Measured { value, quality: profiles::Quality::Measured });
    Telemetry { power_w, services: vec![service], ..Telemetry::read(text.as_bytes()).unwrap() }
}

fn sample(telemetry: Telemetry, order: u64) -> Sample {
    Sample { telemetry, order: (1, order), heard_ms: 0 }
}

#[test]
fn the_last_window_with_answers_is_kept() {
    let mut memory = Memory::default();
    memory.take(&sample(telemetry(Some(4.0), 3), 1), 1.0);
    memory.take(&sample(telemetry(Some(4.0), 3), 1), 2.0);
    memory.take(&sample(telemetry(Some(5.0), 0), 2), 11.0);
    memory.take(&sample(telemetry(None, 0), 3), 21.0);
    let power: Vec<_> = memory.power.values().flatten().copied().collect();
    assert_eq!(power, [(1.0, 4.0), (11.0, 5.0)], "the same message is one sample");
    let kept: Vec<_> = memory.answered.values().map(|(s, window, at)| (s.requests, *window, *at)).collect();
    assert_eq!(kept, [(3, 10.0, 1.0)]);
    memory.take(&sample(telemetry(Some(6.0), 1), 4), 1_000.0);
    assert_eq!(memory.power.values().flatten().count(), 1, "a quarter of an hour is kept");
}

#[test]
fn predictions_stand_beside_the_nearest_percentile() {
    let near = compare(0.1, 0.9, [Some(0.1), Some(0.15)], "no", None);
    assert_eq!((near.of.as_str(), near.seen.value, near.median), ("p90", Some(0.15), Some(0.1)));
    assert!((near.off.unwrap() - 0.5).abs() < 1e-12);
    let median = compare(0.1, 0.5, [Some(0.1), Some(0.15)], "no", Some(30.0));
    assert_eq!((median.seen.value, median.median, median.seen.old_s), (Some(0.1), None, Some(30.0)));
    let none = compare(0.0, 0.9, [None, None], "nobody asked", None);
    assert_eq!((none.predicted, none.off, none.seen.why.as_str()), (None, None, "nobody asked"));
}

#[test]
fn a_total_has_every_part() {
    let device =
        |name: &str, value| LiveDevice { name: name.into(), power: Seen { value, ..Seen::default() }, ..LiveDevice::default() };
    assert_eq!(total(&[device("a", Some(1.5)), device("b", Some(2.0))]).value, Some(3.5));
    let part = total(&[device("a", Some(1.5)), device("b", None)]);
    assert_eq!((part.value, part.why.as_str()), (None, "no power is known of b"));
}

#[test]
fn what_is_not_known_says_why() {
    assert_eq!(throttled(None), "not known");
    let mut t = telemetry(None, 0);
    t.missing.insert("throttled".into(), "no flag".into());
    assert_eq!(throttled(Some(&t)), "not known: no flag");
    t.throttled = Some(true);
    assert_eq!(throttled(Some(&t)), "yes");
}
