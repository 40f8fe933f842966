//! Who may open a stream to a stage, by bytes on a socket.

use crate::client::get;
use crate::world::{World, name, plan, share};
use fleet::enrol::{make_key, read_key};
use profiles::WeightFormat::W8;
use protocol::message::{self, Head};
use protocol::{Key, Signer, Topic, hex};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const OPEN: u8 = 2;
const READY: u8 = 3;
const STATES: u8 = 4;
const REFUSED: u8 = 6;
const PARTIAL: u8 = 8;
const DONE: u8 = 7;

/// What is changed in an opening.
type Change = dyn Fn(&mut Value);

struct Stream {
    stream: TcpStream,
    session: [u8; 8],
    challenge: Vec<u8>,
}

impl Stream {
    fn open(to: &str) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut s = Self { stream, session: [0; 8], challenge: Vec::new() };
        let (kind, payload) = s.read();
        assert_eq!((kind, payload.len()), (1, 32), "a challenge first");
        s.challenge = payload;
        s
    }

    fn read(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 36];
        self.stream.read_exact(&mut head).unwrap();
        self.session.copy_from_slice(&head[8..16]);
        let length = u32::from_le_bytes(head[32..36].try_into().unwrap()) as usize;
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).unwrap();
        (head[4], payload)
    }

    /// The next frame's kind, and its payload as text.
    fn hear(&mut self) -> (u8, String) {
        let (kind, payload) = self.read();
        (kind, String::from_utf8_lossy(&payload).into_owned())
    }

    /// A frame: kind, bits, sequence, rows, numbers in a row.
    fn write(&mut self, kind: u8, bits: u8, [sequence, rows, cols]: [u32; 3], payload: &[u8]) {
        let mut head = [b"WLH1", &[kind, bits, u8::from(kind == STATES), 0][..], &self.session].concat();
        for n in [sequence, rows, cols, 5_000, u32::try_from(payload.len()).unwrap()] {
            head.extend_from_slice(&n.to_le_bytes());
        }
        head.extend_from_slice(payload);
        self.stream.write_all(&head).unwrap();
    }

    /// What is said to an opening: its kind, and the reason of a refusal.
    fn answer(&mut self, sealed: &[u8]) -> (u8, String) {
        self.write(OPEN, 0, [0; 3], sealed);
        self.hear()
    }

    fn opening(&self, plan: &str) -> Value {
        json!({
            "schema": "wattline.opening/1",
            "challenge": hex::encode(&self.challenge),
            "plan": plan, "service": "chat", "replica": 0, "stage": 1,
            "draw": { "sampling": { "temperature": 0.0 }, "drawn": 0, "recent": [] },
        })
    }
}

fn seal(opening: &Value, sender: &str, signer: &Signer) -> Vec<u8> {
    let key = Key::new(&name("test"), Topic::Rpc, &name("b")).below(&name("hop"));
    let head = Head { key: key.to_string(), sender: name(sender), boot: 1, sequence: 1, sent_ms: 0 };
    message::seal(&head, opening.to_string().as_bytes(), signer).unwrap()
}

/// What an agent says about another.
fn status(through: SocketAddr, of: &str) -> Value {
    let all = get(through, "/fleet/status").json();
    let said = all["statuses"].as_array().unwrap().iter().map(|s| s.as_str().unwrap());
    let bodies = said.map(|s| serde_json::from_str::<Value>(s.splitn(5, '\n').nth(4).unwrap()).unwrap());
    bodies.into_iter().find(|s| s["agent"] == of).unwrap()
}

#[test]
fn only_the_stage_before_opens_a_stream() {
    let mut world = World::of(&["a", "b", "c"]);
    // Bare frames; that certificates come first elsewhere is tested where they are checked (`tls`).
    world.tls = Some(false);
    let a = world.start("a");
    world.start("b");
    world.start("c");
    world.apply(&plan(&["a", "b", "c"], &[("a", 0, 3, W8), ("b", 3, 6, W8)], 16), a);
    let b = status(a, "b");
    let (hop, plan) = (b["hop"].as_str().unwrap(), b["active"]["id"].as_str().unwrap());
    let key = |agent: &str| read_key(&world.path(&format!("{agent}.key"))).unwrap();
    let stranger = make_key(&world.path("stranger.key")).unwrap();

    let mut right = Stream::open(hop);
    let good = seal(&right.opening(plan), "a", &key("a"));
    assert_eq!(right.answer(&good), (READY, String::new()));

    let refused = |change: &dyn Fn(&mut Value), sender: &str, signer: &Signer, says: &str| {
        let mut s = Stream::open(hop);
        let mut opening = s.opening(plan);
        change(&mut opening);
        let (kind, why) = s.answer(&seal(&opening, sender, signer));
        assert!(kind == REFUSED && why.contains(says), "{kind}: {why} should say {says}");
    };
    let same = |_: &mut Value| ();
    refused(&same, "c", &key("c"), "does not put c before");
    refused(&same, "a", &stranger, "no signature is by a key that is trusted");
    refused(&same, "nobody", &stranger, "no key is known");
    refused(&|o| o["challenge"] = json!("0".repeat(64)), "a", &key("a"), "another challenge");
    refused(&|o| o["plan"] = json!("0".repeat(64)), "a", &key("a"), "not ready here");
    refused(&|o| o["stage"] = json!(0), "a", &key("a"), "does not put a before");
    refused(&|o| o["draw"]["sampling"]["temperature"] = json!(-3.0), "a", &key("a"), "temperature");
    refused(&|o| o["more"] = json!(1), "a", &key("a"), "opening");
    // The same bytes once more, on a stream that said another number.
    let (kind, why) = Stream::open(hop).answer(&good);
    assert!(kind == REFUSED && why.contains("another challenge"), "{why}");
    // No frames at all.
    let mut s = Stream::open(hop);
    s.stream.write_all(&[0xff; 64]).unwrap();
    let (kind, why) = s.hear();
    assert!(kind == REFUSED && why.contains("no frame"), "{why}");

    // One who may speak, and says nonsense: an infinite state, then another width.
    right.write(STATES, 16, [0, 1, 64], &[0x00, 0x7c].repeat(64));
    let (kind, why) = right.hear();
    assert!(kind == REFUSED && why.contains("no finite number"), "{why}");
    let mut other = Stream::open(hop);
    let sealed = seal(&other.opening(plan), "a", &key("a"));
    assert_eq!(other.answer(&sealed).0, READY);
    other.write(STATES, 16, [0, 1, 32], &[0; 64]);
    let (kind, why) = other.hear();
    assert!(kind == REFUSED && why.contains("32 numbers"), "{why}");
}

/// The half of a stage that a partner has: for the device whose stage it is, and for nobody else.
#[test]
fn only_the_leader_opens_the_other_half_of_its_stage() {
    let mut world = World::of(&["a", "b", "c"]);
    world.tls = Some(false);
    let a = world.start("a");
    world.start("b");
    world.start("c");
    // a begins, b has the second stage, c shares it.
    let mut content = plan(&["a", "b", "c"], &[("a", 0, 3, W8), ("b", 3, 6, W8)], 16);
    share(&mut content, 1, "c", 1);
    world.apply(&content, a);
    let c = status(a, "c");
    let (hop, plan) = (c["hop"].as_str().unwrap(), c["active"]["id"].as_str().unwrap());
    let key = |agent: &str| read_key(&world.path(&format!("{agent}.key"))).unwrap();
    let seal = |opening: &Value, sender: &str, signer: &Signer| {
        let to = Key::new(&name("test"), Topic::Rpc, &name("c")).below(&name("hop"));
        let head = Head { key: to.to_string(), sender: name(sender), boot: 1, sequence: 1, sent_ms: 0 };
        message::seal(&head, opening.to_string().as_bytes(), signer).unwrap()
    };
    let asked = |sender: &str, change: &Change| {
        let mut s = Stream::open(hop);
        let mut opening = s.opening(plan);
        opening["partner"] = json!(true);
        change(&mut opening);
        let (kind, why) = s.answer(&seal(&opening, sender, &key(sender)));
        (kind, why, s)
    };
    let (kind, why, mut leader) = asked("b", &|_| ());
    assert_eq!((kind, why.as_str()), (READY, ""));
    // The stage before, whose states go to b; the partner itself; and b as if c had a stage of its own.
    let others: [(&str, &Change); 6] = [
        ("a", &|_| ()),
        ("c", &|_| ()),
        ("b", &|o| o["partner"] = json!(false)),
        ("a", &|o| o["partner"] = json!(false)),
        ("b", &|o| o["stage"] = json!(0)),
        ("b", &|o| o["replica"] = json!(1)),
    ];
    for (sender, change) in others {
        let (kind, why, _) = asked(sender, change);
        assert!(kind == REFUSED && why.contains(&format!("does not put {sender} be")), "{kind}: {why}");
    }

    // The leader's states, and the partner's part of the first sum; then a part of another width.
    leader.write(STATES, 16, [0, 1, 64], &[0x00, 0x3c].repeat(64));
    let (kind, part) = leader.read();
    assert!(kind == PARTIAL && part.len() == 128, "{kind} of {} bytes", part.len());
    leader.write(PARTIAL, 16, [1, 1, 32], &[0; 64]);
    let (kind, why) = leader.hear();
    assert!(kind == REFUSED && why.contains("expected"), "{kind}: {why}");
}

#[test]
fn a_stream_is_used_again_by_who_signs_its_next_number() {
    let mut world = World::of(&["a", "b"]);
    world.tls = Some(false);
    let a = world.start("a");
    world.start("b");
    world.apply(&plan(&["a", "b"], &[("a", 0, 3, W8), ("b", 3, 6, W8)], 16), a);
    let b = status(a, "b");
    let (hop, plan) = (b["hop"].as_str().unwrap(), b["active"]["id"].as_str().unwrap());
    let key = read_key(&world.path("a.key")).unwrap();
    let mut stream = Stream::open(hop);
    let mut before = Vec::new();
    for _ in 0..3 {
        let opening = seal(&stream.opening(plan), "a", &key);
        assert_eq!(stream.answer(&opening), (READY, String::new()));
        let session = stream.session;
        stream.write(DONE, 0, [0; 3], &[]);
        let (kind, next) = stream.read();
        assert_eq!((kind, next.len()), (1, 32), "another challenge");
        assert!(next != stream.challenge && stream.session != session, "nothing of the last one counts");
        stream.challenge = next;
        before.push(opening);
    }
    let (kind, why) = stream.answer(&before[2]);
    assert!(kind == REFUSED && why.contains("another challenge"), "{why}");
}

#[test]
fn requests_share_streams_that_are_there_before_them() {
    let mut world = World::of(&["a", "b"]);
    let a = world.start("a");
    world.start("b");
    world.apply(&plan(&["a", "b"], &[("a", 0, 3, W8), ("b", 3, 6, W8)], 16), a);
    let opened = || -> f64 {
        let metrics = get(a, "/metrics").body;
        let line = metrics.lines().find_map(|l| l.strip_prefix("wattline_hop_streams_total ")).unwrap();
        line.parse().unwrap()
    };
    crate::world::until("a stream before the first request", || opened() > 0.0);
    let first = opened();
    let ask = || {
        let body = json!({ "model": "chat", "prompt": "the hell and", "temperature": 0, "max_tokens": 6 });
        let answer = crate::client::post(a, "/v1/completions", &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["choices"][0]["text"].clone()
    };
    let said = ask();
    assert!((0..8).all(|_| ask() == said));
    assert!((opened() - first).abs() < 0.5, "none of nine requests opened another");
    // Those of a device that was started anew are dead: a request opens one, and is answered.
    drop(world.nodes.remove("b"));
    world.start("b");
    crate::world::until("the same answer", || {
        let body = json!({ "model": "chat", "prompt": "the hell and", "temperature": 0, "max_tokens": 6 });
        let answer = crate::client::post(a, "/v1/completions", &body);
        answer.status == 200 && answer.json()["choices"][0]["text"] == said
    });
    assert!(opened() > first + 0.5);
}
