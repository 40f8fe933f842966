//! Devices that the bus misses though they are there: their stages answer. Then this agent joins the bus anew.
//!
//! A bus that has lost a neighbour for good is rare (`bus-zenoh`, `session.rs`, tells of one way), and costs that
//! neighbour's pipelines for as long as nobody sees it.

use crate::hop;
use crate::shared::Shared;
use protocol::Name;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often is looked.
const STEP: Duration = Duration::from_millis(500);
/// So long the bus may find its own way: twice its longest wait between two attempts.
const PATIENCE: Duration = Duration::from_secs(6);
/// Of two that miss each other one begins; the other waits so much longer.
const TURN: Duration = Duration::from_secs(6);
/// Fewest time between two attempts; doubled with each that did not help, up to a hundred times this.
const AGAIN: Duration = Duration::from_secs(12);

/// Runs until the node ends.
pub(crate) fn watch(shared: &Arc<Shared>) {
    let mut since: BTreeMap<Name, Instant> = BTreeMap::new();
    let (mut last, mut wait): (Option<Instant>, Duration) = (None, AGAIN);
    while !shared.ended() {
        std::thread::sleep(STEP);
        let lost = shared.wires.lost();
        since.retain(|name, _| lost.contains(name));
        for name in lost {
            since.entry(name).or_insert_with(Instant::now);
        }
        if since.is_empty() && last.is_some_and(|at| at.elapsed() > wait) {
            (last, wait) = (None, AGAIN);
        }
        let overdue =
            |(name, at): &(&Name, &Instant)| at.elapsed() > PATIENCE + if **name < shared.me { TURN } else { Duration::ZERO };
        if last.is_some_and(|at| at.elapsed() < wait) || !since.iter().filter(overdue).any(|(name, _)| hop::answers(shared, name))
        {
            continue;
        }
        if last.is_some() {
            wait = (2 * wait).min(100 * AGAIN);
        }
        last = Some(Instant::now());
        shared.metrics.note("joined the bus anew: it misses a device that answers".into());
        if let Err(e) = shared.bus.renew() {
            shared.metrics.note(format!("{e}"));
        }
    }
}
