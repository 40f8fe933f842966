//! Who may say what, where, and once; and what a newer version may add.

use crate::world::{name, signer, status, telemetry};
use protocol::command::{Answer, Command, Outcome, Request};
use protocol::frame::FrameError;
use protocol::message::{Head, Listener, MessageError, seal};
use protocol::schema::ReadError;
use protocol::{Key, Keyring, Pattern, Status, Telemetry, Topic, limits, schema};

fn key(topic: Topic, agent: &str) -> Key {
    Key::new(&name("home"), topic, &name(agent))
}

fn head(on: &Key, sender: &str, boot: u64, sequence: u64) -> Head {
    Head { key: on.to_string(), sender: name(sender), boot, sequence, sent_ms: 1_790_000_000_000 }
}

fn listener() -> Listener {
    let mut l = Listener::default();
    l.trust(name("pi-1"), Keyring::new([signer(1).public()]));
    l.trust(name("pi-2"), Keyring::new([signer(2).public()]));
    l.trust_for_all(name("planner"), Keyring::new([signer(9).public()]));
    l
}

#[test]
fn forged_moved_and_replayed_telemetry_is_refused() {
    let on = key(Topic::Telemetry, "pi-1");
    let body = serde_json::to_vec(&telemetry("pi-1")).unwrap();
    let good = seal(&head(&on, "pi-1", 1, 1), &body, &signer(1)).unwrap();
    let mut l = listener();
    let (who, content) = l.open(&good, &on).unwrap();
    assert_eq!((who.sender, Telemetry::read(content).unwrap()), (name("pi-1"), telemetry("pi-1")));
    assert!(matches!(l.open(&good, &on), Err(MessageError::Replayed { .. })));

    let mut l = listener();
    let forged = seal(&head(&on, "pi-1", 1, 2), &body, &signer(2)).unwrap();
    assert!(matches!(l.open(&forged, &on), Err(MessageError::Frame(FrameError::Untrusted(_)))));
    let stranger = seal(&head(&on, "pi-7", 1, 2), &body, &signer(7)).unwrap();
    assert!(matches!(l.open(&stranger, &on), Err(MessageError::Unknown { .. })));
    let elsewhere = key(Topic::Telemetry, "pi-2");
    assert!(matches!(l.open(&good, &elsewhere), Err(MessageError::Elsewhere { .. })));
    let other = seal(&head(&elsewhere, "pi-1", 1, 2), &body, &signer(1)).unwrap();
    assert!(matches!(l.open(&other, &elsewhere), Err(MessageError::NotItsOwn { .. })));
    let older = seal(&head(&on, "pi-1", 0, 99), &body, &signer(1)).unwrap();
    l.open(&good, &on).unwrap();
    assert!(matches!(l.open(&older, &on), Err(MessageError::Replayed { .. })), "an earlier start");
    let planner = seal(&head(&elsewhere, "planner", 1, 1), b"{}", &signer(9)).unwrap();
    l.open(&planner, &elsewhere).unwrap();
}

#[test]
fn no_bit_of_a_message_can_change() {
    let on = key(Topic::Status, "pi-1");
    let good = seal(&head(&on, "pi-1", 1, 1), br#"{"a":1}"#, &signer(1)).unwrap();
    for bit in 0..good.len() * 8 {
        let mut altered = good.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(listener().open(&altered, &on).is_err(), "bit {bit}");
    }
}

#[test]
fn reports_are_read_leniently() {
    let mut json = serde_json::to_value(status("pi-1")).unwrap();
    json["from_the_future"] = serde_json::json!({"a": [1, 2]});
    assert_eq!(Status::read(json.to_string().as_bytes()).unwrap(), status("pi-1"), "what is new is skipped");
    let json = serde_json::json!({
        "schema": schema::STATUS, "agent": "pi-1", "boot": 1, "sequence": 2, "phase": "idle",
        "newest": null, "active": null, "last_good": null,
    });
    let old = Status::read(json.to_string().as_bytes()).unwrap();
    assert_eq!((old.share.to_bits(), old.ready.len()), (1.0f64.to_bits(), 0), "what is missing has its default");
    let json = serde_json::json!({"schema": schema::TELEMETRY, "agent": "pi-1", "window_s": 1});
    assert_eq!(Telemetry::read(json.to_string().as_bytes()).unwrap().power_w, None);
}

#[test]
fn orders_are_read_strictly() {
    let command = Command { schema: schema::COMMAND.into(), expires_ms: 1, what: Request::LookAgain };
    let mut json = serde_json::to_value(&command).unwrap();
    assert_eq!(Command::read(json.to_string().as_bytes()).unwrap(), command);
    json["unless"] = "it rains".into();
    let refused = Command::read(json.to_string().as_bytes()).unwrap_err();
    assert!(matches!(refused, ReadError::Malformed { .. }), "{refused}");
}

#[test]
fn another_major_is_refused_with_advice() {
    let read = |s: &str| Command::read(format!(r#"{{"schema":"{s}","anything":1}}"#).as_bytes()).unwrap_err().to_string();
    assert!(read("wattline.command/2").contains("sender is newer"), "{}", read("wattline.command/2"));
    assert!(read("wattline.command/0").contains("sender is older"));
    assert!(read("wattline.status/1").contains("something else"));
    assert!(read("wattline.command/01").contains("something else"));
    assert!(Command::read(b"[]").unwrap_err().to_string().contains("schema"));
}

#[test]
fn nonsense_and_too_much_are_refused() {
    let mut t = telemetry("pi-1");
    t.links[0].loss = Some(1.5);
    assert!(matches!(Telemetry::read(&serde_json::to_vec(&t).unwrap()), Err(ReadError::Invalid { .. })));
    t.links[0].loss = None;
    t.stages[0].step_p50_s = -0.02;
    assert!(matches!(Telemetry::read(&serde_json::to_vec(&t).unwrap()), Err(ReadError::Invalid { .. })));
    t.stages[0].step_p50_s = 0.02;
    t.window_s = -1.0;
    assert!(matches!(Telemetry::read(&serde_json::to_vec(&t).unwrap()), Err(ReadError::Invalid { .. })));
    assert!(matches!(Telemetry::read(&vec![b' '; limits::TELEMETRY_BYTES + 1]), Err(ReadError::TooLarge { .. })));
    let mut s = status("pi-1");
    s.share = -0.1;
    assert!(matches!(Status::read(&serde_json::to_vec(&s).unwrap()), Err(ReadError::Invalid { .. })));
    let nested = format!(r#"{{"schema":"{}","x":{}"#, schema::STATUS, "[".repeat(4000));
    assert!(Status::read(nested.as_bytes()).is_err());
    let answer = Answer { schema: schema::ANSWER.into(), outcome: Outcome::Status(Box::new(status("pi-1"))) };
    assert_eq!(Answer::read(&serde_json::to_vec(&answer).unwrap()).unwrap(), answer);
}

#[test]
fn keys_and_patterns() {
    let k = key(Topic::Rpc, "pi-1").below(&name("status"));
    assert_eq!(k.as_str(), "wattline/home/rpc/pi-1/status");
    assert_eq!(k.as_str().parse::<Key>().unwrap(), k);
    assert_eq!((k.topic(), k.agent(), k.fleet()), (Topic::Rpc, "pi-1", "home"));
    for wrong in [
        "",
        "wattline",
        "wattline/home/rpc",
        "other/home/rpc/pi-1",
        "wattline/home/spy/pi-1",
        "wattline/*/rpc/pi-1",
        "wattline/home/rpc//x",
        "wattline/home/rpc/pi-1/",
        "wattline/home/rpc/..",
        "wattline/home/rpc/a b",
    ] {
        assert!(wrong.parse::<Key>().is_err(), "{wrong}");
    }
    assert!(format!("wattline/home/rpc/{}", "x/".repeat(400)).parse::<Key>().is_err());
    let matches = |p: &str, k: &str| p.parse::<Pattern>().unwrap().matches(&k.parse().unwrap());
    assert!(matches("wattline/home/rpc/**", "wattline/home/rpc/pi-1"));
    assert!(matches("wattline/home/rpc/pi-1/**", "wattline/home/rpc/pi-1"), "any rest, none as well");
    assert!(matches("wattline/home/*/pi-1", "wattline/home/rpc/pi-1"));
    assert!(!matches("wattline/home/*/pi-1", "wattline/home/rpc/pi-1/x"));
    assert!(!matches("wattline/home/rpc/pi-1", "wattline/home/rpc/pi-10"));
    assert!(!matches("wattline/home/rpc/pi-1/*", "wattline/home/rpc/pi-1"));
    for wrong in ["**", "wattline/**/x", "wattline/ho*e/rpc", "elsewhere/**"] {
        assert!(wrong.parse::<Pattern>().is_err(), "{wrong}");
    }
}
