//! The example fleets: read without a finding, small, and as the schema says.

use profiles::Catalogue;
use scenarios::Tier::{Cloud, Device, Edge};
use scenarios::{Scenario, read, render};
use std::path::Path;

pub(crate) const NAMES: [&str; 12] = [
    "adapters",
    "camera",
    "edgereasoning",
    "experts",
    "fleet",
    "home",
    "low-bit",
    "pair",
    "paretopipe",
    "qeil",
    "tiers",
    "together",
];

fn text(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.yaml"))).unwrap()
}

fn scenario(name: &str) -> Scenario {
    let text = text(name);
    let path = format!("scenarios/{name}.yaml");
    let reading = read(&path, text.as_bytes(), Catalogue::builtin(), &|_| Err("no such file".into()))
        .unwrap_or_else(|findings| panic!("\n{}", render(&findings, &path, &text)));
    assert!(reading.warnings.is_empty(), "\n{}", render(&reading.warnings, &path, &text));
    reading.scenario
}

#[test]
fn every_example_is_read_without_a_finding() {
    for name in NAMES {
        let s = scenario(name);
        assert_eq!(s.name, name);
        assert!(!s.description.is_empty());
    }
}

#[test]
fn no_example_is_forgotten_here() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|e| Some(e.unwrap().file_name().to_str()?.strip_suffix(".yaml")?.to_owned()))
        // Plans by hand, which `planner lab` reads.
        .filter(|name| !name.starts_with("lab"))
        .collect();
    found.sort();
    assert_eq!(found, NAMES);
}

#[test]
fn examples_are_short_and_name_their_schema() {
    for name in NAMES {
        let text = text(name);
        assert!(text.lines().count() < 150, "{name}");
        assert!(text.starts_with("# yaml-language-server: $schema=scenario.schema.json\n"), "{name}");
        assert!(text.lines().all(|l| l.chars().count() <= 110), "{name}");
    }
}

#[test]
fn examples_are_as_the_schema_says() {
    let schema = scenarios::schema();
    for name in NAMES {
        let value: serde_json::Value = serde_yaml::from_str(&text(name)).unwrap();
        let problems = super::validate::problems(&schema, &value);
        assert!(problems.is_empty(), "{name}: {problems:#?}");
    }
}

/// What the texts about the examples promise.
#[test]
fn the_examples_are_what_they_are_said_to_be() {
    let fleet = scenario("fleet");
    let has = |id: &str| fleet.devices.iter().filter(|d| d.profile.id == id).count();
    assert_eq!((has("agx-orin-64gb"), has("orin-nx-16gb"), has("orin-nano-8gb-super")), (1, 1, 1));
    assert_eq!((has("rpi5-8gb"), has("rpi4-8gb")), (4, 1));
    assert!(fleet.devices.iter().any(|d| d.name == "pi4-1") && fleet.devices.iter().any(|d| d.name == "laptop"));
    let qeil = scenario("qeil");
    assert_eq!(qeil.services.len(), 7);
    assert_eq!(qeil.devices[1].host, Some(0));
    let pareto = scenario("paretopipe");
    assert_eq!((pareto.devices.len(), pareto.services.len()), (3, 6));
    let reasoning = scenario("edgereasoning");
    assert_eq!((reasoning.devices.len(), reasoning.services[0].models.len()), (1, 3));
    let scalings = || reasoning.services.iter().map(|s| &s.scaling);
    assert!(scalings().any(|s| s.samples.len() > 2) && scalings().any(|s| s.budgets.len() > 1));
    assert_eq!(scenario("home").devices.len(), 2);
    let tiers = scenario("tiers");
    assert_eq!(tiers.devices.iter().map(|d| d.tier).collect::<Vec<_>>(), [Device, Edge, Edge, Cloud]);
    assert_eq!((tiers.currency(), tiers.services[0].mixed, tiers.devices[0].naps), (Some("EUR"), true, true));
    // The camera's tiers keep it off the card.
    assert_eq!(tiers.services[1].forbidden.iter().map(|f| f.value).collect::<Vec<_>>(), [3]);
    let low_bit = scenario("low-bit");
    let models = &low_bit.services[0].models;
    assert!(models.len() == 5 && models.iter().all(|m| m.value.family == "wattline-tiny"));
}
