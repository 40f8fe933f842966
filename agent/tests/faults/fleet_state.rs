//! What agents say about themselves and about each other.

use crate::fleet::ask;
use serde_json::Value;

/// Bodies of the statuses that an agent has heard, its own among them.
pub(super) fn statuses(at: &str) -> Vec<Value> {
    let (code, text) = ask(at, "GET", "/fleet/status", b"");
    let Ok(told) = serde_json::from_str::<Value>(&text) else { return Vec::new() };
    if code != 200 {
        return Vec::new();
    }
    let body = |sealed: &Value| sealed.as_str()?.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok()).find(is_status);
    told["statuses"].as_array().into_iter().flatten().filter_map(body).collect()
}

fn is_status(value: &Value) -> bool {
    value["schema"].as_str().is_some_and(|s| s.starts_with("wattline.status/"))
}

/// The agent's own word.
pub(super) fn own(at: &str, name: &str) -> Option<Value> {
    statuses(at).into_iter().find(|s| s["agent"] == name)
}

/// Whether all serve the plan of this generation (any, if 0), have proved it, take their whole share of the load or
/// more than none, and see each other.
pub(super) fn whole(agents: &[(&str, &str)], generation: u64) -> Result<(), String> {
    let mut plans = Vec::new();
    for (name, at) in agents {
        let metrics = ask(at, "GET", "/metrics", b"").1;
        if metrics.is_empty() || metrics.contains("wattline_lost{") {
            return Err(format!("{name} misses somebody: {}", metrics.lines().last().unwrap_or("no metrics")));
        }
        let said = own(at, name).ok_or_else(|| format!("{name} says nothing"))?;
        let plan = said["active"].clone();
        let proved = said["last_good"] == plan && said["newest"] == plan && said["share"].as_f64().is_some_and(|s| s > 0.0);
        if plan.is_null() || !proved || plan["generation"].as_u64() < Some(generation) {
            return Err(said.to_string());
        }
        plans.push(plan);
    }
    if plans.iter().all(|p| *p == plans[0]) { Ok(()) } else { Err(format!("{plans:?}")) }
}
