//! `planner apply --dry-run`: what each device would do, in order.

use super::session::Session;
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::files;
use protocol::{Plan, PlannedService, PlannedStage};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A stage in words, and its bytes in memory.
type Part = (String, f64);

/// Checks the plan as `apply` does, and prints.
pub(crate) fn rehearse(session: &mut Session, plan: &Plan) -> Outcome {
    let (text, changes) = rehearsed(session, plan)?;
    files::print(&text);
    Ok(if changes == 0 { Exit::Done } else { Exit::Changed })
}

/// What each device would do, and how many things.
pub(crate) fn rehearsed(session: &mut Session, plan: &Plan) -> Result<(String, usize), Failure> {
    let running = session.newest_plan();
    let issued = session.rehearse(plan)?;
    let replaced = running.as_ref().map_or_else(
        || "is the first".to_owned(),
        |r| format!("replaces generation {} ({})", r.generation, r.id.get(..8).unwrap_or(&r.id)),
    );
    let mut out = format!("{issued} {replaced}: nothing was sent\n");
    let changes = changes(running.as_ref(), plan, &mut out);
    Ok((out, changes))
}

/// How many actions there are.
fn changes(running: Option<&Plan>, plan: &Plan, out: &mut String) -> usize {
    let (old, new) = (running.map(parts).unwrap_or_default(), parts(plan));
    let mut devices: Vec<&String> = old.keys().chain(new.keys()).collect();
    devices.sort();
    devices.dedup();
    let mut changes = 0;
    for device in devices {
        let none = Vec::new();
        let (had, has) = (old.get(device).unwrap_or(&none), new.get(device).unwrap_or(&none));
        let comes = has.iter().filter(|p| !had.contains(p)).map(|p| ("load", p));
        let goes = had.iter().filter(|p| !has.contains(p)).map(|p| ("unload", p));
        let stays = has.iter().filter(|p| had.contains(p)).map(|p| ("keep", p));
        for (what, (stage, bytes)) in stays.chain(comes).chain(goes) {
            changes += usize::from(what != "keep");
            let _ = writeln!(out, "  {device:<12}  {what:<6}  {stage}, {:.0} MiB in memory", bytes / 1_048_576.0);
        }
        let both: f64 = had.iter().chain(has.iter().filter(|p| !had.contains(p))).map(|(_, bytes)| bytes).sum();
        if let Some(most) = usable(plan, device).filter(|most| both > *most && !had.is_empty() && had != has) {
            let _ = writeln!(
                out,
                "  {device:<12}  pause   old and new stages together are {:.0} MiB, {:.0} MiB may be used: requests wait while it loads",
                both / 1_048_576.0,
                most / 1_048_576.0
            );
        }
    }
    if changes == 0 {
        out.push_str("no device loads or unloads anything\n");
    }
    changes
}

/// Stages of each device.
fn parts(plan: &Plan) -> BTreeMap<String, Vec<Part>> {
    let mut found: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for service in &plan.services {
        for stage in service.replicas.iter().flat_map(|r| &r.stages) {
            let mut has = |device: &String, what, bytes| found.entry(device.clone()).or_default().push((what, bytes));
            let whole = words(service, stage);
            // Two processors of one device load it together.
            let Some(partner) = stage.partner.as_ref().filter(|p| p.device != stage.device) else {
                has(&stage.device, whole, stage.memory_bytes);
                continue;
            };
            let (first, second, heads) = (&stage.device, &partner.device, partner.kv_heads);
            has(first, format!("{whole}, without the last {heads} KV heads, which {second} has"), stage.memory_bytes);
            has(second, format!("{whole}, the last {heads} KV heads, with {first}"), partner.memory_bytes);
        }
    }
    found
}

fn words(service: &PlannedService, stage: &PlannedStage) -> String {
    let bits = stage.weights.unwrap_or(service.precision.weights);
    format!("{}: {} blocks {}..{} at {bits}", service.name, service.model, stage.start, stage.end)
}

/// Memory that the device's plans may take, bytes.
fn usable(plan: &Plan, device: &str) -> Option<f64> {
    let planned = plan.devices.iter().find(|d| d.name == device)?;
    planned.expected.pools.iter().map(|p| p.limit_bytes).reduce(f64::max)
}
