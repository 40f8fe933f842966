//! A probe of this machine, as far as it is quick.

use probe::session::{Part, Settings, run};
use sensors::{Config, Roots};
use std::collections::BTreeSet;
use std::sync::Arc;

fn settings(parts: &[Part]) -> Settings {
    Settings {
        parts: parts.iter().copied().collect::<BTreeSet<_>>(),
        quick: true,
        pool: Arc::new(kernels::Pool::new(1, kernels::Wait::Park)),
        roots: Roots::default(),
        sensors: Config::default(),
        folder: std::env::temp_dir(),
        peers: Vec::new(),
        date: "2026-11-26".into(),
        command: "agent probe".into(),
        version: "0".into(),
    }
}

#[test]
fn parts_are_measured_alone_and_the_rest_is_named() {
    let record = run(&settings(&[Part::Arithmetic, Part::Pressure]), &|_| {}, &|| false).unwrap();
    assert!(!record.peaks.is_empty() && record.products.is_empty() && record.reading.is_none());
    assert!(record.left_out.iter().any(|l| l.starts_with("pressure")), "{:?}", record.left_out);
    assert!(record.memory_total_bytes > 0 || !cfg!(target_os = "linux"));
}

#[test]
fn an_interrupted_probe_keeps_what_it_has() {
    let record = run(&settings(&[Part::Arithmetic, Part::Power]), &|_| {}, &|| true).unwrap();
    assert!(record.peaks.is_empty() && record.heat.is_none());
}

#[test]
fn every_part_has_a_name() {
    for part in Part::ALL {
        assert_eq!(Part::named(part.name()), Some(part));
    }
    assert_eq!(Part::named("everything"), None);
}
