//! A session that is begun anew: all that was declared is there again, for others as well.

use super::free;
use bus_zenoh::{Place, Zenoh};
use protocol::Name;
use protocol::bus::{Bus, Keep, Life, Qos};
use protocol::key::{Key, Pattern, Topic};
use std::sync::mpsc::channel;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(20);

#[test]
fn what_was_declared_goes_on() {
    let at = free();
    let name = |text: &str| Name::new(text).unwrap();
    let key = |topic, agent: &str| Key::new(&name("home"), topic, &name(agent));
    let first = Zenoh::open(&Place { listen: Some(at.clone()), ..Place::default() }).unwrap();
    let second = Zenoh::open(&Place { connect: vec![at], ..Place::default() }).unwrap();
    let (tell, lives) = channel();
    let watching = Pattern::topic(&name("home"), Topic::Alive);
    let _watch = second.watch_alive(&watching, Box::new(move |life| drop(tell.send(life)))).unwrap();
    let _token = first.declare_alive(&key(Topic::Alive, "a")).unwrap();
    let _served = first.serve(&Pattern::from(key(Topic::Rpc, "a")), Box::new(|_, body| Ok(body.to_vec()))).unwrap();
    let (tell, told) = channel();
    let _heard = first.subscribe(&Pattern::topic(&name("home"), Topic::Status), Box::new(move |m| drop(tell.send(m.payload))));
    let gone = first.subscribe(&Pattern::topic(&name("home"), Topic::Telemetry), Box::new(|_| panic!("it was given back")));
    drop(gone);
    first.publish(&key(Topic::Desired, "a"), b"kept", Qos::Assured, Keep::Last).unwrap();
    assert_eq!(lives.recv_timeout(WAIT).unwrap(), Life::Born(key(Topic::Alive, "a")));

    first.renew().unwrap();

    assert_eq!(lives.recv_timeout(WAIT).unwrap(), Life::Gone(key(Topic::Alive, "a")));
    assert_eq!(lives.recv_timeout(WAIT).unwrap(), Life::Born(key(Topic::Alive, "a")));
    assert_eq!(second.request(&key(Topic::Rpc, "a"), b"still", WAIT).unwrap(), b"still");
    second.publish(&key(Topic::Telemetry, "b"), b"to nobody", Qos::Assured, Keep::Pass).unwrap();
    second.publish(&key(Topic::Status, "b"), b"heard", Qos::Assured, Keep::Pass).unwrap();
    assert_eq!(told.recv_timeout(WAIT).unwrap(), b"heard");
    let kept = second.last(&Pattern::topic(&name("home"), Topic::Desired), WAIT).unwrap();
    assert_eq!(kept.into_iter().map(|m| m.payload).collect::<Vec<_>>(), [b"kept"]);
}
