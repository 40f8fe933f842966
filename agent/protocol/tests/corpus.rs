//! Seeded mutations of good messages against every reader: none may panic, and whatever is accepted must
//! be exactly what its own text says.

use crate::world::{plan, sealed, signer, status, telemetry};
use protocol::command::{Answer, Command, Outcome, Request};
use protocol::envelope::{open, reopen};
use protocol::message::{Head, Listener, seal};
use protocol::{Digest, Key, Keyring, Ledger, Name, Pattern, Status, Telemetry, schema};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const CASES: u64 = 60_000;

fn corpus() -> Vec<Vec<u8>> {
    let on = "wattline/home/status/pi-1";
    let head = Head { key: on.into(), sender: Name::new("pi-1").unwrap(), boot: 1, sequence: 1, sent_ms: 5 };
    let command = |what| Command { schema: schema::COMMAND.into(), expires_ms: 5, what };
    let status = serde_json::to_vec(&status("pi-1")).unwrap();
    vec![
        sealed(&plan(1, &["pi-1"]), &[&signer(1)]),
        sealed(&plan(2, &["pi-1", "pi-2"]), &[&signer(1), &signer(2)]),
        seal(&head, &status, &signer(1)).unwrap(),
        status,
        serde_json::to_vec(&telemetry("pi-1")).unwrap(),
        serde_json::to_vec(&command(Request::Status)).unwrap(),
        serde_json::to_vec(&command(Request::Envelope { id: Digest::of(b"x") })).unwrap(),
        serde_json::to_vec(&Answer { schema: schema::ANSWER.into(), outcome: Outcome::Done }).unwrap(),
        Ledger::new(Name::new("home").unwrap(), Name::new("pi-1").unwrap()).bytes().unwrap(),
        on.into(),
        b"wattline/home/*/pi-1/**".to_vec(),
    ]
}

/// Texts that readers trip over.
const TOKENS: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"-0",
    b"0.1",
    b"18446744073709551616",
    b"\n",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\"schema\":\"wattline.status/1\",",
    b"ed25519:",
    b"sha256:",
    b"**",
    b"/",
    b"\\ud800",
    b"99999999999999999999999999",
];

fn mutate(rng: &mut Xoshiro256PlusPlus, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[rng.random_range(0..corpus.len())].clone();
    for _ in 0..rng.random_range(1..=4) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..6) {
            0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes.truncate(at),
            2 => drop(bytes.splice(at..at, TOKENS[rng.random_range(0..TOKENS.len())].iter().copied())),
            3 => {
                let end = (at + rng.random_range(1..50)).min(bytes.len());
                drop(bytes.drain(at..end));
            }
            4 => {
                let other = &corpus[rng.random_range(0..corpus.len())];
                let from = rng.random_range(0..other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                let end = (at + rng.random_range(1..200)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, piece));
            }
        }
    }
    bytes
}

#[test]
fn readers_survive_sixty_thousand_mutations() {
    let corpus = corpus();
    let ring = Keyring::new([signer(1).public()]);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(0x5EED);
    let mut accepted = 0;
    for case in 0..CASES {
        let bytes = mutate(&mut rng, &corpus);
        let untouched = corpus.contains(&bytes);
        if let Ok(signed) = open(&bytes, &ring) {
            assert!(untouched || signed.order.generation == 2, "case {case}: only a stranger's second signature may change");
        }
        // Without a signature the spelling still has to be exact.
        if let Ok(signed) = reopen(&bytes, Digest::of(b"no such plan")) {
            panic!("case {case}: {:?}", signed.order);
        }
        let mut listener = Listener::default();
        listener.trust(Name::new("pi-1").unwrap(), ring.clone());
        let heard = listener.open(&bytes, &"wattline/home/status/pi-1".parse().unwrap()).is_ok();
        assert!(!heard || untouched, "case {case}: an altered message was believed");
        if let Ok(ledger) = Ledger::read(&bytes) {
            assert_eq!(ledger.bytes().unwrap(), bytes, "case {case}");
        }
        if let Ok(s) = Status::read(&bytes) {
            assert_eq!(Status::read(&serde_json::to_vec(&s).unwrap()).unwrap(), s, "case {case}");
            accepted += 1;
        }
        if let Ok(t) = Telemetry::read(&bytes) {
            assert_eq!(Telemetry::read(&serde_json::to_vec(&t).unwrap()).unwrap(), t, "case {case}");
            accepted += 1;
        }
        if let Ok(c) = Command::read(&bytes) {
            assert_eq!(Command::read(&serde_json::to_vec(&c).unwrap()).unwrap(), c, "case {case}");
        }
        let _ = Answer::read(&bytes);
        if let Ok(text) = std::str::from_utf8(&bytes) {
            if let Ok(key) = text.parse::<Key>() {
                assert_eq!(key.as_str(), text, "case {case}");
            }
            if let Ok(pattern) = text.parse::<Pattern>() {
                assert_eq!(pattern.as_str(), text, "case {case}");
            }
        }
    }
    assert!(accepted > 100, "{accepted} mutations were harmless: the mutator hits too hard to test anything");
}
