//! What every bus must do, as one suite that each implementation runs over real sessions.
#![expect(clippy::unwrap_used, reason = "a failed check is a failed test")]

use super::{Bus, BusError, Keep, Life, Message, Qos};
use crate::id::Name;
use crate::key::{Key, Pattern, Topic};
use crate::limits::BUS_BYTES;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Longest wait for something that must come.
const SOON: Duration = Duration::from_secs(10);
/// Wait for something that must not come.
const QUIET: Duration = Duration::from_millis(200);

/// Makes participants that reach each other.
pub trait Place {
    type Member: Bus;

    fn join(&mut self) -> Self::Member;

    /// Ends a participant as a crash would.
    fn kill(&mut self, member: Self::Member) {
        drop(member);
    }
}

/// All checks, one after another, each with its own fleet.
pub fn all<P: Place>(place: &mut P) {
    publishes(place);
    keeps_order(place);
    keeps_the_last(place);
    requests(place);
    requests_fail(place);
    caps(place);
    liveliness(place);
    liveliness_of_the_killed(place);
    ends(place);
    many(place);
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn key(fleet: &str, topic: Topic, agent: &str) -> Key {
    Key::new(&name(fleet), topic, &name(agent))
}

fn queue<T: Send + 'static>() -> (Box<dyn Fn(T) + Send + Sync>, Receiver<T>) {
    let (tell, told): (Sender<T>, Receiver<T>) = channel();
    let tell = Mutex::new(tell);
    // The receiver is gone at the end of a check while messages may still be on their way.
    let sink = move |m| drop(tell.lock().unwrap().send(m));
    (Box::new(sink), told)
}

/// Does it again until it works: declarations reach the others in their own time.
fn until<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let start = now();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(start.elapsed() < SOON, "{what}: not within {SOON:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[expect(clippy::disallowed_methods, reason = "tests of real sessions wait in real time")]
fn now() -> Instant {
    Instant::now()
}

/// Publishes until the subscriber hears, then lets the repeats pass.
fn connect(from: &impl Bus, to: &Receiver<Message>, key: &Key) {
    until("a first message", || {
        from.publish(key, b"hello", Qos::Assured, Keep::Pass).unwrap();
        to.recv_timeout(Duration::from_millis(20)).ok()
    });
    while to.recv_timeout(QUIET).is_ok() {}
}

fn publishes<P: Place>(place: &mut P) {
    let (a, b) = (place.join(), place.join());
    let (status, other) = (key("pub", Topic::Status, "pi-1"), key("pub", Topic::Telemetry, "pi-1"));
    let (sink, told) = queue();
    let _sub = b.subscribe(&Pattern::topic(&name("pub"), Topic::Status), sink).unwrap();
    connect(&a, &told, &status);
    a.publish(&other, b"not for it", Qos::Assured, Keep::Pass).unwrap();
    a.publish(&key("elsewhere", Topic::Status, "pi-1"), b"nor this", Qos::Assured, Keep::Pass).unwrap();
    a.publish(&status, b"\0\xff bytes", Qos::Assured, Keep::Pass).unwrap();
    assert_eq!(told.recv_timeout(SOON).unwrap(), Message { key: status.clone(), payload: b"\0\xff bytes".to_vec() });
    // Only now: a sample keeps no order with assured messages.
    a.publish(&status, b"", Qos::Sample, Keep::Pass).unwrap();
    assert_eq!(told.recv_timeout(SOON).unwrap(), Message { key: status.clone(), payload: Vec::new() });
    assert!(told.recv_timeout(QUIET).is_err(), "nothing of another pattern");
    // Its own messages come back as well.
    b.publish(&status, b"own", Qos::Assured, Keep::Pass).unwrap();
    assert_eq!(told.recv_timeout(SOON).unwrap().payload, b"own");
}

fn keeps_order<P: Place>(place: &mut P) {
    let (a, b) = (place.join(), place.join());
    let k = key("order", Topic::Status, "pi-1");
    let (sink, told) = queue();
    let _sub = b.subscribe(&Pattern::from(k.clone()), sink).unwrap();
    connect(&a, &told, &k);
    for i in 0..200u32 {
        a.publish(&k, &i.to_le_bytes(), Qos::Assured, Keep::Pass).unwrap();
    }
    for i in 0..200u32 {
        assert_eq!(told.recv_timeout(SOON).unwrap().payload, i.to_le_bytes(), "assured messages come whole and in order");
    }
}

fn keeps_the_last<P: Place>(place: &mut P) {
    let (a, b) = (place.join(), place.join());
    let (one, two) = (key("last", Topic::Desired, "pi-1"), key("last", Topic::Desired, "pi-2"));
    a.publish(&one, b"older", Qos::Assured, Keep::Last).unwrap();
    a.publish(&one, b"newer", Qos::Assured, Keep::Last).unwrap();
    a.publish(&one, b"passing", Qos::Assured, Keep::Pass).unwrap();
    a.publish(&two, b"second", Qos::Assured, Keep::Last).unwrap();
    // One that comes later finds them.
    let c = place.join();
    for who in [&b, &c] {
        let pattern = Pattern::topic(&name("last"), Topic::Desired);
        let found = until("kept messages", || {
            let mut found = who.last(&pattern, SOON).unwrap();
            found.sort_by(|x, y| x.key.cmp(&y.key));
            (found.len() == 2).then_some(found)
        });
        assert_eq!(found[0], Message { key: one.clone(), payload: b"newer".to_vec() });
        assert_eq!(found[1], Message { key: two.clone(), payload: b"second".to_vec() });
        assert_eq!(who.last(&Pattern::from(two.clone()), SOON).unwrap().len(), 1);
    }
    drop(a);
    until("what the gone one kept is gone", || c.last(&Pattern::from(one.clone()), SOON).unwrap().is_empty().then_some(()));
}

fn requests<P: Place>(place: &mut P) {
    let (a, b) = (place.join(), place.join());
    let k = key("rpc", Topic::Rpc, "pi-1").below(&name("echo"));
    let served = Pattern::about(&name("rpc"), Topic::Rpc, &name("pi-1"));
    let echo = |k: &Key, body: &[u8]| match body {
        b"no" => Err(format!("not {k}")),
        body => Ok(body.iter().rev().copied().collect()),
    };
    let _served = b.serve(&served, Box::new(echo)).unwrap();
    let answer = until("a server", || match a.request(&k, b"abc", SOON) {
        Ok(answer) => Some(answer),
        Err(BusError::Nobody { .. }) => None,
        Err(e) => panic!("{e}"),
    });
    assert_eq!(answer, b"cba");
    let large: Vec<u8> = (0..BUS_BYTES).map(|i| i.to_le_bytes()[0]).collect();
    let back: Vec<u8> = large.iter().rev().copied().collect();
    assert_eq!(a.request(&k, &large, SOON).unwrap(), back, "the largest message travels both ways");
    let refused = a.request(&k, b"no", SOON).unwrap_err();
    assert_eq!(refused, BusError::Refused { key: k.clone(), why: format!("not {k}") });
}

fn requests_fail<P: Place>(place: &mut P) {
    let (a, b) = (place.join(), place.join());
    let k = key("hang", Topic::Rpc, "pi-1");
    assert_eq!(a.request(&k, b"", SOON).unwrap_err(), BusError::Nobody { key: k.clone() });
    let (go_on, wait) = channel::<()>();
    let wait = Mutex::new(wait);
    let (ready_tx, ready) = channel::<()>();
    let ready_tx = Mutex::new(ready_tx);
    let hangs = move |_: &Key, body: &[u8]| {
        if body == b"hang" {
            let _ = ready_tx.lock().unwrap().send(());
            // Ends when the check drops its side.
            let _ = wait.lock().unwrap().recv();
        }
        Ok(Vec::new())
    };
    let held = b.serve(&Pattern::from(k.clone()), Box::new(hangs)).unwrap();
    until("a server", || a.request(&k, b"ping", SOON).ok());
    let within = Duration::from_millis(300);
    let start = now();
    assert_eq!(a.request(&k, b"hang", within).unwrap_err(), BusError::TimedOut { key: k, within });
    assert!(start.elapsed() < Duration::from_secs(5), "a hanging server costs the time limit, not more");
    ready.recv_timeout(SOON).unwrap();
    drop(go_on);
    drop(held);
}

fn caps<P: Place>(place: &mut P) {
    let a = place.join();
    let k = key("caps", Topic::Status, "pi-1");
    let large = vec![0; BUS_BYTES + 1];
    let refused = BusError::TooLarge { key: k.clone(), got: large.len() };
    assert_eq!(a.publish(&k, &large, Qos::Assured, Keep::Pass).unwrap_err(), refused);
    assert_eq!(a.request(&k, &large, SOON).unwrap_err(), refused);
}

fn liveliness<P: Place>(place: &mut P) {
    let (a, b) = (place.join(), place.join());
    let (one, two) = (key("life", Topic::Alive, "pi-1"), key("life", Topic::Alive, "pi-2"));
    let before = a.declare_alive(&one).unwrap();
    let (watch, told) = queue();
    let _watch = b.watch_alive(&Pattern::topic(&name("life"), Topic::Alive), watch).unwrap();
    assert_eq!(told.recv_timeout(SOON).unwrap(), Life::Born(one.clone()), "one that was there before");
    let after = a.declare_alive(&two).unwrap();
    assert_eq!(told.recv_timeout(SOON).unwrap(), Life::Born(two.clone()));
    drop(before);
    assert_eq!(told.recv_timeout(SOON).unwrap(), Life::Gone(one));
    drop(after);
    assert_eq!(told.recv_timeout(SOON).unwrap(), Life::Gone(two));
    assert!(told.recv_timeout(QUIET).is_err());
}

fn liveliness_of_the_killed<P: Place>(place: &mut P) {
    let (a, b) = (place.join(), place.join());
    let k = key("killed", Topic::Alive, "pi-1");
    let (watch, told) = queue();
    let _watch = b.watch_alive(&Pattern::from(k.clone()), watch).unwrap();
    // Forgotten, not dropped: nobody says good-bye for it.
    std::mem::forget(a.declare_alive(&k).unwrap());
    assert_eq!(told.recv_timeout(SOON).unwrap(), Life::Born(k.clone()));
    place.kill(a);
    assert_eq!(told.recv_timeout(SOON).unwrap(), Life::Gone(k));
}

fn ends<P: Place>(place: &mut P) {
    let (a, b) = (place.join(), place.join());
    let k = key("ends", Topic::Status, "pi-1");
    let (sink, told) = queue();
    let sub = b.subscribe(&Pattern::from(k.clone()), sink).unwrap();
    let served = b.serve(&Pattern::from(k.clone()), Box::new(|_, _| Ok(Vec::new()))).unwrap();
    connect(&a, &told, &k);
    until("a server", || a.request(&k, b"", SOON).ok());
    drop(sub);
    drop(served);
    until("the server is gone", || matches!(a.request(&k, b"", SOON), Err(BusError::Nobody { .. })).then_some(()));
    while told.try_recv().is_ok() {}
    a.publish(&k, b"late", Qos::Assured, Keep::Pass).unwrap();
    assert!(told.recv_timeout(QUIET).is_err(), "what was dropped hears nothing");
}

/// Eight talk to one from as many threads.
fn many<P: Place>(place: &mut P) {
    const EACH: usize = 100;
    let hear = place.join();
    let members: Vec<P::Member> = (0..8).map(|_| place.join()).collect();
    let count = Arc::new(Mutex::new(0usize));
    let counted = Arc::clone(&count);
    let (sink, first) = queue();
    let sink = move |m: Message| {
        if m.payload == b"hello" { sink(m) } else { *counted.lock().unwrap() += 1 }
    };
    let _sub = hear.subscribe(&Pattern::topic(&name("many"), Topic::Status), Box::new(sink)).unwrap();
    for (i, m) in members.iter().enumerate() {
        connect(m, &first, &key("many", Topic::Status, &format!("pi-{i}")));
    }
    std::thread::scope(|scope| {
        for (i, m) in members.iter().enumerate() {
            scope.spawn(move || {
                let k = key("many", Topic::Status, &format!("pi-{i}"));
                for _ in 0..EACH {
                    m.publish(&k, b"x", Qos::Assured, Keep::Pass).unwrap();
                }
            });
        }
    });
    until("all messages", || (*count.lock().unwrap() == 8 * EACH).then_some(()));
}
