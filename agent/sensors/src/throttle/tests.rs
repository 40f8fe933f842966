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
