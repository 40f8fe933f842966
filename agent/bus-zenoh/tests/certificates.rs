//! Who may open a link: a device with a certificate of the fleet's owner, and nobody else.

use super::free;
use bus_zenoh::{Endpoint, Place, Tls, Zenoh};
use fleet::certificate::{authority, cross, issue, pem};
use protocol::bus::{Bus, Keep, Qos};
use protocol::key::{Key, Pattern, Topic};
use protocol::{Name, Signer};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// What a device of an owner's fleet shows, where it trusts the authorities of these owners.
pub(super) fn shown(device: &str, seed: u8, owner: u8, trusts: &[u8]) -> Tls {
    let signer = |seed: u8| Signer::from_seed(&[seed; 32]);
    let key = signer(seed);
    let made = issue(&name("home"), &signer(owner), &name(device), &key.public()).unwrap();
    // RFC 8410, section 7.
    let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    let authorities = trusts.iter().map(|o| pem("CERTIFICATE", &authority(&name("home"), &signer(*o)).unwrap())).collect();
    let key = pem("PRIVATE KEY", &[&head[..], key.secret()].concat());
    Tls { authorities, certificate: pem("CERTIFICATE", &made), key }
}

fn hears(bus: &Zenoh) -> (protocol::bus::Held, Receiver<Vec<u8>>) {
    let (tell, told) = channel();
    let all = Pattern::topic(&name("home"), Topic::Status);
    (bus.subscribe(&all, Box::new(move |m| drop(tell.send(m.payload)))).unwrap(), told)
}

/// Whether what this session says reaches the other within some seconds.
fn heard(from: &Zenoh, told: &Receiver<Vec<u8>>, device: &str) -> bool {
    let key = Key::new(&name("home"), Topic::Status, &name(device));
    (0..30).any(|_| {
        from.publish(&key, device.as_bytes(), Qos::Assured, Keep::Pass).unwrap();
        told.recv_timeout(Duration::from_millis(100)).is_ok_and(|said| said == device.as_bytes())
    })
}

fn join(at: &Endpoint, tls: Option<Tls>) -> Zenoh {
    Zenoh::open(&Place { connect: vec![at.clone()], tls, ..Place::default() }).unwrap()
}

#[test]
fn only_a_device_of_the_fleet_opens_a_link() {
    let at = free();
    // The owner has a new key, 8, and still believes the old one, 7.
    let hub = Zenoh::open(&Place { listen: Some(at.clone()), tls: Some(shown("a", 1, 7, &[7, 8])), ..Place::default() }).unwrap();
    let (_held, told) = hears(&hub);
    assert!(heard(&join(&at, Some(shown("b", 2, 7, &[7, 8]))), &told, "b"), "a certificate by the old key");
    assert!(heard(&join(&at, Some(shown("c", 3, 8, &[7, 8]))), &told, "c"), "a certificate by the new key");

    let rogue = join(&at, Some(shown("b", 2, 9, &[7, 8, 9])));
    let careless = join(&at, Some(shown("b", 2, 7, &[9])));
    let plain = join(&at, None);
    assert!(!heard(&rogue, &told, "rogue"), "a certificate by a stranger's key opens a link");
    assert!(!heard(&careless, &told, "careless"), "a link to a device by whom we do not believe");
    assert!(!heard(&plain, &told, "plain"), "a link without a certificate");
    assert!(heard(&join(&at, Some(shown("d", 4, 7, &[7, 8]))), &told, "d"), "the others have harmed nobody");
}

#[test]
fn while_a_key_is_replaced_old_and_new_believe_each_other() {
    let at = free();
    let mut new = shown("b", 2, 8, &[7, 8]);
    let signer = |seed: u8| Signer::from_seed(&[seed; 32]);
    new.certificate += &pem("CERTIFICATE", &cross(&name("home"), &signer(7), &signer(8).public()).unwrap());
    // An agent that has not got the new files yet.
    let old = Zenoh::open(&Place { listen: Some(at.clone()), tls: Some(shown("a", 1, 7, &[7])), ..Place::default() }).unwrap();
    let (_held, told) = hears(&old);
    assert!(heard(&join(&at, Some(new)), &told, "b"), "the new key's certificate, by the old key");
    let alone = shown("c", 3, 8, &[7, 8]);
    assert!(!heard(&join(&at, Some(alone)), &told, "c"), "the new key without the old key's word");
}

#[test]
fn a_key_that_is_not_the_certificates_opens_no_session() {
    let (mine, other) = (shown("a", 1, 7, &[7]), shown("b", 2, 7, &[7]));
    let tls = Some(Tls { key: other.key, ..mine });
    assert!(Zenoh::open(&Place { listen: Some(free()), tls, ..Place::default() }).is_err());
}
