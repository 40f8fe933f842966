//! A ledger is read whole or not at all.

use crate::world::name;
use protocol::ledger::{HISTORY, Record};
use protocol::{Digest, Ledger, Phase, PlanRef};

fn ledger() -> Ledger {
    let mut ledger = Ledger::new(name("home"), name("pi-1"));
    let plan = PlanRef { generation: 5, id: Digest::of(b"five") };
    ledger.sequence = 9;
    ledger.newest = Some(plan);
    ledger.current = Some(PlanRef { generation: 4, id: Digest::of(b"four") });
    ledger.pending = Some(plan);
    for at_ms in 0..40 {
        ledger.note(Record { at_ms, plan, phase: Phase::Fetching, why: "accepted".into() });
    }
    ledger
}

#[test]
fn a_ledger_comes_back_and_stays_small() {
    let ledger = ledger();
    assert_eq!(ledger.history.len(), HISTORY);
    assert_eq!(ledger.history[0].at_ms, 40 - HISTORY as u64, "the oldest are forgotten");
    let bytes = ledger.bytes().unwrap();
    assert!(bytes.len() < 8_192, "{} bytes", bytes.len());
    assert_eq!(Ledger::read(&bytes).unwrap(), ledger);
}

#[test]
fn every_torn_write_is_seen() {
    let bytes = ledger().bytes().unwrap();
    for end in 0..bytes.len() {
        assert!(Ledger::read(&bytes[..end]).is_err(), "{end} bytes");
        let mut zeros = bytes[..end].to_vec();
        zeros.resize(bytes.len(), 0);
        assert!(Ledger::read(&zeros).is_err(), "{end} bytes, then zeros");
    }
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(Ledger::read(&altered).is_err(), "bit {bit}");
    }
}
