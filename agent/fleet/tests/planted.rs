//! Every planted bug must be found, or the silence of the simulator means nothing.

use crate::simulate::sweep;
use fleet::rules::Flaw;
use fleet::sim::Options;

/// Seeds within which a bug must be found.
const WITHIN: u64 = 3_000;

fn found(flaw: Flaw, expected: &str) {
    let options = Options {
        flaw: Some(flaw),
        crash_everywhere: matches!(flaw, Flaw::NoFsync | Flaw::LedgerFirst),
        // The broken promise itself must show, not only that the fleet is late.
        converge_ms: u64::MAX,
        ..Options::default()
    };
    // A bug may show first in another way: this very promise must break in one of the seeds.
    let mut from = 0;
    loop {
        let (failed, ..) = sweep(from..WITHIN, &options);
        let Some((seed, outcome)) = failed else { panic!("{flaw:?} was not found in {WITHIN} seeds") };
        let why = outcome.violation.unwrap().to_string();
        println!("{flaw:?}: seed {seed}: {why}");
        if why.contains(expected) {
            return;
        }
        from = seed + 1;
    }
}

#[test]
fn a_ledger_without_fsync_is_found() {
    found(Flaw::NoFsync, "after a crash");
}

#[test]
fn a_start_that_believes_too_soon_is_found() {
    found(Flaw::NoSettle, "");
}

#[test]
fn a_ledger_before_its_plan_is_found() {
    found(Flaw::LedgerFirst, "file is not whole");
}

#[test]
fn an_older_generation_is_found() {
    found(Flaw::AnyGeneration, "after generation");
}

#[test]
fn a_second_plan_of_a_generation_is_found() {
    found(Flaw::Forks, "though it had");
}

#[test]
fn an_entry_that_switches_alone_is_found() {
    found(Flaw::SwitchAlone, "never had it");
}

#[test]
fn a_stage_that_computes_with_another_plan_is_found() {
    found(Flaw::AnyStage, "was computed with");
}

#[test]
fn requests_before_the_ledger_are_found() {
    found(Flaw::AdmitFirst, "before the ledger says so");
}

#[test]
fn a_failed_plan_tried_again_is_found() {
    found(Flaw::Forgiving, "");
}

#[test]
fn a_plan_kept_alone_is_found() {
    found(Flaw::CommitAlone, "which node");
}

#[test]
fn an_unsigned_plan_is_found() {
    found(Flaw::Unsigned, "no planner issued");
}
