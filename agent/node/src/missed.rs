//! Devices that the bus misses though they are there: their stages answer. Then this agent joins the bus anew.
//!
//! A bus that has lost a neighbour for good is rare (`bus-zenoh`, `session.rs`, tells of one way), and costs that
//! neighbour's pipelines for as long as nobody sees it.

use crate::clock::seconds;
use crate::hop;
use crate::shared::Shared;
use protocol::Name;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often is looked.
const STEP: Duration = Duration::from_millis(500);
/// So long the bus may find its own way: twice its longest wait between two attempts.
const PATIENCE_S: f64 = 6.0;
/// Of two that miss each other one begins; the other waits so much longer.
const TURN_S: f64 = 6.0;
/// Fewest time between two attempts; doubled with each that did not help, up to a hundred times this.
const AGAIN_S: f64 = 12.0;

/// Runs until the node ends.
pub(crate) fn watch(shared: &Arc<Shared>) {
    let mut since: BTreeMap<Name, f64> = BTreeMap::new();
    let (mut last, mut wait_s): (Option<f64>, f64) = (None, AGAIN_S);
    while !shared.ended() {
        std::thread::sleep(STEP);
        let (lost, now) = (shared.wires.lost(), seconds());
        since.retain(|name, _| lost.contains(name));
        for name in lost {
            since.entry(name).or_insert(now);
        }
        let resting = last.is_some_and(|at| now - at < wait_s);
        if since.is_empty() && !resting {
            (last, wait_s) = (None, AGAIN_S);
        }
        let patience_s = |name: &Name| PATIENCE_S + if *name < shared.me { TURN_S } else { 0.0 };
        let overdue = |(name, at): &(&Name, &f64)| now - **at > patience_s(name);
        if resting || !since.iter().filter(overdue).any(|(name, _)| hop::answers(shared, name)) {
            continue;
        }
        if last.is_some() {
            wait_s = (2.0 * wait_s).min(100.0 * AGAIN_S);
        }
        last = Some(now);
        shared.metrics.note("joined the bus anew: it misses a device that answers".into());
        if let Err(e) = shared.bus.renew() {
            shared.metrics.note(format!("{e}"));
        }
    }
}
