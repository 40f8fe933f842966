//! Real sessions over loopback TCP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod certificates;
mod crowd;
mod listening;
mod renewing;

use bus_zenoh::{Place, Role, Tls, Zenoh};
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
    tls: Option<Tls>,
    _first: Zenoh,
}

impl testing::Place for Loopback {
    type Member = Zenoh;

    fn join(&mut self) -> Zenoh {
        Zenoh::open(&Place { connect: vec![self.at.clone()], tls: self.tls.clone(), ..Place::default() }).unwrap()
    }
}

#[test]
fn conforms() {
    for tls in [None, Some(certificates::shown("a", 1, 7, &[7]))] {
        let at = free();
        let first = Zenoh::open(&Place { listen: Some(at.clone()), tls: tls.clone(), ..Place::default() }).unwrap();
        testing::all(&mut Loopback { at, tls, _first: first });
    }
}

/// Leaves behind two hubs, half of them behind each.
struct Hubs {
    at: [bus_zenoh::Endpoint; 2],
    joined: usize,
    _hubs: [Zenoh; 2],
}

impl testing::Place for Hubs {
    type Member = Zenoh;

    fn join(&mut self) -> Zenoh {
        self.joined += 1;
        let connect = vec![self.at[self.joined % 2].clone()];
        Zenoh::open(&Place { role: Role::Leaf, connect, ..Place::default() }).unwrap()
    }
}

#[test]
fn conforms_through_hubs() {
    let at = [free(), free()];
    let hub = |i: usize, connect: Vec<_>| {
        Zenoh::open(&Place { role: Role::Hub, listen: Some(at[i].clone()), connect, ..Place::default() }).unwrap()
    };
    let hubs = [hub(0, Vec::new()), hub(1, vec![at[0].clone()])];
    testing::all(&mut Hubs { at, joined: 0, _hubs: hubs });
}

/// Whoever comes first waits for the other, and two that met at a third go on without it.
#[test]
fn the_order_does_not_matter_and_nobody_is_the_centre() {
    let at = free();
    let key = Key::new(&Name::new("home").unwrap(), Topic::Status, &Name::new("pi-1").unwrap());
    let join = || Zenoh::open(&Place { connect: vec![at.clone()], ..Place::default() }).unwrap();
    let (a, b) = (join(), join());
    let (tell, told) = channel();
    let tell = std::sync::Mutex::new(tell);
    let sink = Box::new(move |m: protocol::bus::Message| drop(tell.lock().unwrap().send(m.payload)));
    let _held = b.subscribe(&Pattern::from(key.clone()), sink).unwrap();
    a.publish(&key, b"nobody hears this", Qos::Assured, Keep::Pass).unwrap();
    assert!(told.recv_timeout(Duration::from_millis(200)).is_err());
    let centre = Zenoh::open(&Place { listen: Some(at.clone()), ..Place::default() }).unwrap();
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
    let why = Zenoh::open(&Place { listen, ..Place::default() }).unwrap_err().to_string();
    assert!(why.starts_with("bus: opening: "), "{why}");
}
