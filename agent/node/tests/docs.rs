//! What `/metrics` says is what the documentation lists and the dashboard asks for.
//!
//! `cargo xtask docs` writes the list anew.

use crate::client::get;
use crate::world::{World, board, mode, plan, until};
use profiles::WeightFormat::W8;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Name, kind, labels and meaning of each metric of an agent that has served, measures its power and misses a neighbour.
fn metrics() -> BTreeMap<String, (String, BTreeSet<String>, String)> {
    let mut world = World::of(&["a", "b"]);
    // A window that ends while the test runs.
    world.limits.window_ms = 200;
    board(&world.path("board"), "orin-nano-jp6.txt");
    world.sensors = Some(world.path("board"));
    world.power_modes = BTreeMap::from([("eco".to_owned(), vec!["true".to_owned()])]);
    let a = world.start("a");
    world.start("b");
    let mut plan = plan(&["a", "b"], &[("a", 0, 3, W8), ("b", 3, 6, W8)], 16);
    plan.devices[0].mode = Some(mode("eco", 1.0));
    world.apply(&plan, a);
    let body = serde_json::json!({ "model": "chat", "prompt": "the", "max_tokens": 4 });
    assert_eq!(crate::client::post(a, "/v1/completions", &body).status, 200);
    world.nodes.remove("b");
    let text = || get(a, "/metrics").body;
    until("the neighbour is missed", || text().contains("wattline_lost{"));
    until("power is measured", || text().contains("wattline_power_watts "));
    let mut found = BTreeMap::new();
    let text = text();
    for line in text.lines() {
        if let Some((name, what)) = line.strip_prefix("# HELP ").and_then(|l| l.split_once(' ')) {
            found.insert(name.to_owned(), (String::new(), BTreeSet::new(), what.to_owned()));
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|l| l.split_once(' ')) {
            found.get_mut(name).unwrap_or_else(|| panic!("{name} has no HELP")).0 = kind.to_owned();
        } else if let Some((series, _)) = line.rsplit_once(' ') {
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let labels =
                labels.trim_end_matches('}').split(',').filter_map(|l| l.split_once('=')).map(|(label, _)| label.to_owned());
            found.get_mut(name).unwrap_or_else(|| panic!("{name} has no HELP")).1.extend(labels);
        }
    }
    found
}

#[test]
fn metrics_are_those_of_the_documentation_and_the_dashboard() {
    let found = metrics();
    let mut page = String::from(
        "# Metrics of an agent\n\n<!-- Written by `cargo xtask docs` from the programs; a test compares. Do not edit. -->\n\n\
         `GET /metrics` on the address of `http:`, as Prometheus text 0.0.4. A dashboard of them: [grafana.json](../../packaging/grafana.json).\n\n\
         | metric | kind | labels | what |\n| --- | --- | --- | --- |\n",
    );
    for (name, (kind, labels, what)) in &found {
        assert!(!kind.is_empty(), "{name} has no TYPE");
        let labels = labels.iter().map(|l| format!("`{l}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(page, "| `{name}` | {kind} | {labels} | {what} |");
    }
    page += "\n`wattline_power_watts` is there only where a sensor measures power, `wattline_power_mode` where `power_modes:` names commands, \
             `wattline_lost` has a line only for a device that is missed.\n";
    transcripts::reference::same(&root().join("docs/reference/metrics.md"), &page).unwrap_or_else(|why| panic!("{why}"));
    let dashboard = std::fs::read_to_string(root().join("packaging/grafana.json")).unwrap();
    let _: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let asked: BTreeSet<&str> = dashboard
        .match_indices("wattline_")
        .map(|(at, _)| dashboard[at..].split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap())
        .collect();
    assert!(asked.len() > 10, "{asked:?}");
    for name in asked {
        assert!(found.contains_key(name), "the dashboard asks for {name}, which no agent says");
    }
}
