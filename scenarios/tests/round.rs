//! What is written can be read, and says the same.

use proptest::prelude::*;
use scenarios::testing::{Shelf, file};
use scenarios::{Scenario, parse_file, read_with, render, to_yaml};
use std::collections::BTreeSet;
use std::path::Path;

fn read(text: &str) -> Scenario {
    read_with(Path::new("round.yaml"), text.as_bytes(), &Shelf::default(), &|_| Err("no such file".into()))
        .unwrap_or_else(|e| panic!("\n{}\n{text}", render(&e, "round.yaml", text)))
        .scenario
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn written_files_read_back_the_same(seed in any::<u64>()) {
        let wanted = file(seed);
        let text = to_yaml(&wanted).unwrap();
        let found = parse_file(text.as_bytes()).unwrap();
        prop_assert_eq!(&found, &wanted, "\n{}", text);
        let again = to_yaml(&found).unwrap();
        prop_assert_eq!(&again, &text);
        prop_assert_eq!(read(&again), read(&text));
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        let problems = super::validate::problems(&scenarios::schema(), &value);
        prop_assert!(problems.is_empty(), "{problems:#?}\n{text}");
    }
}

/// A test of random files is worth what they hold: every key of the schema appears in some, but
/// for those that need a second file or a card.
#[test]
fn random_files_hold_every_key() {
    let mut seen = BTreeSet::new();
    for seed in 0..300 {
        let value: serde_json::Value = serde_yaml::from_str(&to_yaml(&file(seed)).unwrap()).unwrap();
        collect(&value, &mut seen);
    }
    let schema = scenarios::schema();
    let mut known = BTreeSet::new();
    for map in schema["$defs"].as_object().unwrap().values().chain([&schema]) {
        known.extend(map.get("properties").and_then(|p| p.as_object()).into_iter().flatten().map(|(key, _)| key.clone()));
    }
    let missing: Vec<&String> = known.difference(&seen).collect();
    // The shelf has no mixture of experts, no profile files and no cards: examples and `broken` have these keys.
    assert_eq!(missing, ["expert_caches", "hits", "holds", "host", "model_files", "profile_file"]);
}

fn collect(value: &serde_json::Value, seen: &mut BTreeSet<String>) {
    for (key, inner) in value.as_object().into_iter().flatten() {
        seen.insert(key.clone());
        collect(inner, seen);
    }
    for inner in value.as_array().into_iter().flatten() {
        collect(inner, seen);
    }
}
