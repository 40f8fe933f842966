use super::*;
use crate::reading::Sensor;
use crate::scope::Scope;

fn events(n: f64) -> Reading {
    let name = "instantaneous over-current";
    Sensor::new(Interface::OverCurrent, name, Quantity::Events, Scope::Module, "oc3_event_cnt").measured(Ok(n))
}

fn flag(name: &str, on: f64) -> Reading {
    Sensor::new(Interface::PiThrottled, name, Quantity::Flag, Scope::Board, "vcgencmd").measured(Ok(on))
}

#[test]
fn counts_since_boot_are_not_throttling_now() {
    let mut watch = ThrottleWatch::default();
    assert_eq!(watch.observe(&[events(4000.0)]), Throttle::default());
    let now = watch.observe(&[events(4007.0)]);
    assert_eq!(now.active, [(Cause::Electrical, "instantaneous over-current".to_owned())]);
    assert_eq!(now.since_start.get("instantaneous over-current"), Some(&7.0));
    let later = watch.observe(&[events(4007.0)]);
    assert!(later.active.is_empty());
    assert_eq!(later.since_start.get("instantaneous over-current"), Some(&7.0));
    // The counter starts anew: nothing new, and what was counted stays.
    let anew = watch.observe(&[events(0.0)]);
    assert!(anew.active.is_empty());
    assert_eq!(watch.observe(&[events(2.0)]).since_start.get("instantaneous over-current"), Some(&9.0));
}

#[test]
fn flags_are_active_while_they_hold_and_remembered_after() {
    let mut watch = ThrottleWatch::default();
    let now = watch.observe(&[flag("under-voltage", 1.0), flag("under-voltage seen", 1.0), flag("throttled", 0.0)]);
    assert_eq!(now.active, [(Cause::Electrical, "under-voltage".to_owned())]);
    let later = watch.observe(&[flag("under-voltage", 0.0), flag("under-voltage seen", 1.0)]);
    assert!(later.active.is_empty());
    assert_eq!(later.since_start.len(), 2);
}

#[test]
fn a_low_clock_under_load_is_a_slowdown_and_hysteresis_ends_it() {
    let mut slowdown = Slowdown::new(2.4e9);
    let mut at = 0;
    let mut run = |seconds: u64, load: f64, clock: f64| {
        let mut last = false;
        for _ in 0..seconds {
            at += 1;
            last = slowdown.observe(Stamp::at(std::time::Duration::from_secs(at)), load, clock);
        }
        last
    };
    assert!(!run(60, 0.1, 0.6e9), "idle clocks are low");
    assert!(!run(4, 1.0, 1.5e9));
    assert!(run(3, 1.0, 1.5e9));
    assert!(run(20, 1.0, 2.4e9), "not over yet");
    assert!(!run(15, 1.0, 2.4e9));
    // Slow moments with idle ones between them are no slowdown.
    assert!(!(0..10).any(|_| run(3, 1.0, 1.5e9) | run(1, 0.0, 0.6e9)));
}
