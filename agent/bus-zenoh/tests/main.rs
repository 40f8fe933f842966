//! Real sessions over loopback TCP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use bus_zenoh::{Place, Zenoh};
use protocol::Name;
use protocol::bus::{Bus, Keep, Qos, testing};
use protocol::key::{Key, Pattern, Topic};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::time::Duration;

/// An address that nobody listens on at this moment.
fn free() -> bus_zenoh::Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string().parse().unwrap()
}

/// Sessions that meet at the first one.
struct Loopback {
    at: bus_zenoh::Endpoint,
    _first: Zenoh,
}

impl testing::Place for Loopback {
    type Member = Zenoh;

    fn join(&mut self) -> Zenoh {
        Zenoh::open(&Place { listen: None, connect: vec![self.at.clone()] }).unwrap()
    }
}

#[test]
fn conforms() {
    let at = free();
    let first = Zenoh::open(&Place { listen: Some(at.clone()), connect: Vec::new() }).unwrap();
    testing::all(&mut Loopback { at, _first: first });
}

/// Whoever comes first waits for the other, and two that met at a third go on without it.
#[test]
fn the_order_does_not_matter_and_nobody_is_the_centre() {
    let at = free();
    let key = Key::new(&Name::new("home").unwrap(), Topic::Status, &Name::new("pi-1").unwrap());
    let join = || Zenoh::open(&Place { listen: None, connect: vec![at.clone()] }).unwrap();
    let (a, b) = (join(), join());
    let (tell, told) = channel();
    let tell = std::sync::Mutex::new(tell);
    let sink = Box::new(move |m: protocol::bus::Message| drop(tell.lock().unwrap().send(m.payload)));
    let _held = b.subscribe(&Pattern::from(key.clone()), sink).unwrap();
    a.publish(&key, b"nobody hears this", Qos::Assured, Keep::Pass).unwrap();
    assert!(told.recv_timeout(Duration::from_millis(200)).is_err());
    let centre = Zenoh::open(&Place { listen: Some(at.clone()), connect: Vec::new() }).unwrap();
    // The wait between two attempts to connect grows to 4 s.
    let hears = |text: &'static [u8], times: u32| {
        (0..times).any(|_| {
            a.publish(&key, text, Qos::Assured, Keep::Pass).unwrap();
            told.recv_timeout(Duration::from_millis(100)).is_ok_and(|got| got == text)
        })
    };
    assert!(hears(b"with", 300), "two that wait for a third find each other through it");
    drop(centre);
    while told.recv_timeout(Duration::from_millis(300)).is_ok() {}
    assert!(hears(b"without", 50), "they go on without it");
}

#[test]
fn a_taken_port_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = Some(taken.local_addr().unwrap().to_string().parse().unwrap());
    let why = Zenoh::open(&Place { listen, connect: Vec::new() }).unwrap_err().to_string();
    assert!(why.starts_with("bus: opening: "), "{why}");
}
