//! Only what a trusted key signed is a plan, and only as it was signed.

use crate::world::{named, plan, sealed, signer, terms};
use proptest::prelude::*;
use protocol::envelope::{EnvelopeError, open, reopen, seal};
use protocol::frame::FrameError;
use protocol::sign::Untrusted;
use protocol::{Digest, Keyring, PublicKey, canonical, limits};

fn ring(keys: &[u8]) -> Keyring {
    Keyring::new(keys.iter().map(|n| signer(*n).public()))
}

#[test]
fn an_envelope_comes_back_whole_and_carries_the_file() {
    let plan = plan(3, &["pi-1", "pi-2"]);
    let bytes = sealed(&plan, &[&signer(1)]);
    let signed = open(&bytes, &ring(&[1])).unwrap();
    assert_eq!(signed.plan, plan);
    assert_eq!(signed.order.generation, 3);
    assert_eq!(signed.by, Some(signer(1).id()));
    assert_eq!(signed.bytes, bytes);
    let file = canonical::bytes(&plan).unwrap();
    assert!(bytes.ends_with(&file), "the plan file is inside, byte for byte");
    let again = reopen(&bytes, signed.order.id).unwrap();
    assert_eq!((again.by, again.plan), (None, plan));
    assert!(matches!(reopen(&bytes, Digest::of(b"other")), Err(EnvelopeError::Id)));
}

/// Every bit of an envelope, one at a time.
#[test]
fn no_bit_can_change() {
    let bytes = sealed(&plan(2, &["pi-1", "pi-2"]), &[&signer(1)]);
    assert!(bytes.len() > 2_000, "{} bytes: too short to mean much", bytes.len());
    let ring = ring(&[1]);
    open(&bytes, &ring).unwrap();
    for at in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[at / 8] ^= 1 << (at % 8);
        assert!(open(&altered, &ring).is_err(), "bit {at} of {} may change", bytes.len() * 8);
    }
}

/// With two signatures a damaged one of a stranger is passed over; what was signed still cannot change.
#[test]
fn with_two_signatures_nothing_else_is_believed() {
    let plan = plan(2, &["pi-1"]);
    let bytes = sealed(&plan, &[&signer(1), &signer(2)]);
    let ring = ring(&[1]);
    for at in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[at / 8] ^= 1 << (at % 8);
        if let Ok(signed) = open(&altered, &ring) {
            assert_eq!(signed.plan, plan, "bit {at}");
        }
    }
}

#[test]
fn no_prefix_and_no_longer_text_is_an_envelope() {
    let bytes = sealed(&plan(1, &["pi-1"]), &[&signer(1)]);
    let ring = ring(&[1]);
    for end in 0..bytes.len() {
        assert!(open(&bytes[..end], &ring).is_err(), "{end} bytes of {}", bytes.len());
    }
    assert!(matches!(open(&[&bytes[..], b"\n"].concat(), &ring), Err(EnvelopeError::Frame(FrameError::Content))));
}

#[test]
fn keys_rotate_and_retire() {
    let plan = plan(1, &["pi-1"]);
    let untrusted = |bytes: &[u8], keys: &[u8]| match open(bytes, &ring(keys)) {
        Err(EnvelopeError::Frame(FrameError::Untrusted(u))) => u,
        other => panic!("{other:?}"),
    };
    let old = sealed(&plan, &[&signer(1)]);
    let both = sealed(&plan, &[&signer(1), &signer(2)]);
    let new = sealed(&plan, &[&signer(2)]);
    // Before, during and after the change from key 1 to key 2.
    assert!(open(&old, &ring(&[1])).is_ok() && open(&both, &ring(&[1])).is_ok());
    assert_eq!(untrusted(&new, &[1]), Untrusted::Stranger { by: vec![signer(2).id()], known: 1 });
    assert!([&old, &both, &new].iter().all(|b| open(b, &ring(&[1, 2])).is_ok()));
    assert!(open(&both, &ring(&[2])).is_ok() && open(&new, &ring(&[2])).is_ok());
    assert_eq!(untrusted(&old, &[2]), Untrusted::Stranger { by: vec![signer(1).id()], known: 1 });
    assert_eq!(untrusted(&sealed(&plan, &[]), &[1]), Untrusted::Unsigned);
    // The name of a trusted key on somebody else's signature.
    let lie = String::from_utf8(new).unwrap().replace(&signer(2).id().to_string(), &signer(1).id().to_string());
    assert_eq!(untrusted(lie.as_bytes(), &[1]), Untrusted::Forged { key: signer(1).id() });
}

#[test]
fn weak_keys_are_no_keys() {
    // The neutral element and a point of order 8 (RFC 8032's curve): anybody can sign for them.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert!(PublicKey::from_bytes(&neutral).is_err());
    assert!(PublicKey::from_bytes(&[0; 32]).is_err());
    assert!("00".parse::<PublicKey>().is_err());
    let key = signer(1).public();
    assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
    assert!(key.to_string().to_uppercase().parse::<PublicKey>().is_err());
}

#[test]
fn a_plan_that_contradicts_itself_is_not_sealed() {
    let refused = |plan: &protocol::Plan| seal(plan, &terms(), &[&signer(1)]).unwrap_err();
    let mut wrong = plan(1, &["pi-1"]);
    wrong.seed += 1;
    assert!(matches!(refused(&wrong), EnvelopeError::Id));
    let orphan = named(protocol::Plan { parent: None, ..plan(2, &["pi-1"]) });
    assert!(matches!(refused(&orphan), EnvelopeError::Terms(_)));
    let zero = named(protocol::Plan { generation: 0, ..plan(1, &["pi-1"]) });
    assert!(matches!(refused(&zero), EnvelopeError::Terms(_)));
    let odd = named(protocol::Plan { fleet: "a/b".into(), ..plan(1, &["pi-1"]) });
    assert!(matches!(refused(&odd), EnvelopeError::Fleet(_)));
    let mut large = plan(1, &["pi-1"]);
    large.sources.assumptions = vec!["x".repeat(100); limits::PLAN_BYTES / 100];
    assert!(matches!(refused(&named(large)), EnvelopeError::PlanTooLarge { .. }));
    let backwards = protocol::Terms { expires_ms: 5, issued_ms: 5, settles: Vec::new(), models: Default::default() };
    assert!(matches!(seal(&plan(1, &["pi-1"]), &backwards, &[]), Err(EnvelopeError::Terms(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn any_plan_comes_back(
        generation in 1u64..1 << 53,
        seed: u64,
        count in 1usize..20,
        power in prop::num::f64::NORMAL,
        text in "\\PC{0,200}",
        by in 1u8..5,
    ) {
        let names: Vec<String> = (0..count).map(|i| format!("pi-{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut plan = plan(generation, &names);
        plan.seed = seed;
        plan.totals.power_w = power;
        plan.sources.assumptions = vec![text];
        let plan = named(plan);
        let bytes = sealed(&plan, &[&signer(by)]);
        let signed = open(&bytes, &ring(&[by])).unwrap();
        prop_assert_eq!(&signed.plan, &plan);
        prop_assert_eq!(sealed(&plan, &[&signer(by)]), bytes, "the same plan has the same bytes");
        prop_assert!(open(&signed.bytes, &ring(&[by + 1])).is_err());
    }

    #[test]
    fn any_damage_is_refused(at in 0usize..10_000, with: u8, len in 0usize..40) {
        let bytes = sealed(&plan(2, &["pi-1"]), &[&signer(1)]);
        let at = at % bytes.len();
        let end = (at + len).min(bytes.len());
        let mut altered = bytes.clone();
        altered.splice(at..end, [with]);
        prop_assume!(altered != bytes);
        prop_assert!(open(&altered, &ring(&[1])).is_err());
    }
}
