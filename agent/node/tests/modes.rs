//! The plan's power mode is set by the command that the configuration names for it, and a failure is told.

use crate::client::get;
use crate::world::{World, mode, plan, said, until};
use profiles::WeightFormat::{W4, W8};
use protocol::Plan;
use std::collections::BTreeMap;
use std::net::SocketAddr;

fn whole(weights: profiles::WeightFormat, id: &str, clock: f64) -> Plan {
    let mut plan = plan(&["a"], &[("a", 0, 6, weights)], 16);
    plan.devices[0].mode = Some(mode(id, clock));
    plan
}

fn metric(at: SocketAddr) -> Option<String> {
    get(at, "/metrics").body.lines().find_map(|l| l.strip_prefix("wattline_power_mode").map(str::to_owned))
}

#[test]
fn a_served_plans_mode_is_set() {
    let mut world = World::of(&["a"]);
    let file = world.path("clock");
    let shell = |script: String| vec!["sh".to_owned(), "-c".to_owned(), script];
    world.power_modes = BTreeMap::from([
        ("eco".to_owned(), shell(format!("echo {{clock}} > '{}'", file.display()))),
        ("max".to_owned(), shell("echo a reboot is needed >&2; exit 1".to_owned())),
    ]);
    let a = world.start("a");
    assert_eq!(metric(a), None, "no plan wants one");
    world.apply(&whole(W8, "eco", 0.75), a);
    until("the mode is set", || metric(a).as_deref() == Some("{mode=\"eco\",clock=\"0.75\"} 1"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "0.75\n");
    assert!(said(a)["note"].is_null());

    // Set once: the file stays away until another plan wants another clock.
    std::fs::remove_file(&file).unwrap();
    world.apply(&whole(W4, "eco", 0.75), a);
    assert!(!file.exists());

    // A mode that cannot be set is told to the owner; the plan is served all the same.
    world.apply(&whole(W8, "max", 1.0), a);
    until("the failure is told", || {
        said(a)["note"].as_str().is_some_and(|n| n.contains("`max`") && n.contains("a reboot is needed"))
    });
    assert_eq!(metric(a).as_deref(), Some("{mode=\"max\",clock=\"1\"} 0"));

    world.apply(&whole(W4, "eco", 1.0), a);
    until("the next mode is set", || metric(a).as_deref() == Some("{mode=\"eco\",clock=\"1\"} 1"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "1\n");
    assert!(said(a)["note"].is_null());
}
