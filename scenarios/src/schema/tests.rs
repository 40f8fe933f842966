//! Schema and reader know the same keys.

use serde_json::Value;
use std::collections::BTreeSet;

use super::*;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::file::{
    Accuracy, Adapters, Deadline, Device, EarlyExit, ExpertCache, File, Key, Limits, Link, LinkDetail, Override, PrecisionDetail,
    Prefilter, Scaling, Service, Shape, Site, Together,
};
use crate::read::parse;

fn keys_of(schema: &Value) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let names = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let required = schema["required"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    (names, required)
}

fn same_keys<S: Shape>(schema: &Value) {
    let (names, required) = keys_of(schema);
    assert_eq!(names, S::KEYS.iter().map(|k: &Key| k.name).collect(), "{}", S::NOUN);
    assert_eq!(required, S::KEYS.iter().filter(|k| k.required).map(|k| k.name).collect(), "{}", S::NOUN);
    assert_eq!(schema["additionalProperties"], Value::Bool(false), "{}", S::NOUN);
    // The reader takes each key: an unreadable value is named, the key is not unknown.
    for key in S::KEYS {
        assert!(!schema["properties"][key.name]["description"].as_str().unwrap().is_empty(), "{}", key.name);
    }
}

#[test]
fn schema_and_reader_have_the_same_keys() {
    let schema = schema();
    let part = |name: &str| &schema["$defs"][name];
    same_keys::<File>(&schema);
    same_keys::<Site>(part("Site"));
    same_keys::<LinkDetail>(part("LinkDetail"));
    same_keys::<Link>(part("Link"));
    same_keys::<Device>(part("Device"));
    same_keys::<Override>(part("Override"));
    same_keys::<Together>(part("Together"));
    same_keys::<Service>(part("Service"));
    same_keys::<Prefilter>(part("Prefilter"));
    same_keys::<EarlyExit>(part("EarlyExit"));
    same_keys::<Adapters>(part("Adapters"));
    same_keys::<ExpertCache>(part("ExpertCache"));
    same_keys::<Deadline>(part("Deadline"));
    same_keys::<Accuracy>(part("Accuracy"));
    same_keys::<Scaling>(part("Scaling"));
    same_keys::<PrecisionDetail>(part("PrecisionDetail"));
    same_keys::<Limits>(part("Limits"));
    // No map of the schema was forgotten above.
    let maps = schema["$defs"].as_object().unwrap().iter().filter(|(_, d)| d.get("properties").is_some()).count();
    assert_eq!(maps, 16);
}

/// Each key of each map is put before the reader with a value that no key takes: it must look at it.
#[test]
fn the_reader_looks_at_every_key_of_the_schema() {
    let schema = schema();
    for (place, part) in [("", &schema), ("limits", &schema["$defs"]["Limits"])] {
        for key in part["properties"].as_object().unwrap().keys() {
            let inner = format!("{key}: {{ zzz: 1 }}\n");
            let text = if place.is_empty() { inner } else { format!("{place}:\n  {inner}") };
            let mut sink = Sink::default();
            let _ = parse(text.as_bytes(), &mut sink);
            let found = sink.into_sorted();
            let looked = |d: &crate::Diagnostic| match d.code {
                Code::WrongType => true,
                Code::UnknownKey => d.message.contains("`zzz`"),
                _ => false,
            };
            assert!(found.iter().any(looked), "{place} {key}: {found:?}");
        }
    }
}

/// The file that the examples' modelines name; `UPDATE_GOLDEN=1` writes it anew.
#[test]
fn the_schema_file_is_this_schema() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/scenario.schema.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&schema()).unwrap());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), text, "run the test with UPDATE_GOLDEN=1");
}
