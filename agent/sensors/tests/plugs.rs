//! Plugs, as real servers on this machine: good answers, wrong ones, and none.

use crate::world::Hand;
use sensors::{Clock, Config, Listing, Missing, Pace, Plug, Quantity, Reading, Scope, Sensors, SystemClock};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const SHELLY: &str = r#"{"id":0,"source":"init","output":true,"apower":17.4,"voltage":231.6,"freq":50.0,"current":0.112,"aenergy":{"total":10245.371,"by_minute":[290.1,288.7,291.0],"minute_ts":1795312800},"temperature":{"tC":31.2,"tF":88.2}}"#;
const TASMOTA: &str = r#"{"StatusSNS":{"Time":"2026-11-22T20:06:19","ENERGY":{"TotalStartTime":"2026-08-18T11:07:55","Total":3.003,"Yesterday":0.210,"Today":0.123,"Power":26,"ApparentPower":29,"ReactivePower":12,"Factor":0.90,"Voltage":239,"Current":0.121}}}"#;

/// Answers every connection in its way until the test ends; hands over what it was asked.
fn serve(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (asked, questions) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 1024];
            let n = stream.read(&mut buffer).unwrap_or(0);
            if asked.send(String::from_utf8_lossy(&buffer[..n]).into_owned()).is_err() {
                return;
            }
            answer(&mut stream);
        }
    });
    (address, questions)
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn say(text: String) -> impl Fn(&mut TcpStream) + Send + 'static {
    move |stream| {
        let _ = stream.write_all(text.as_bytes());
    }
}

fn read(plug: &str) -> Vec<Reading> {
    let config = Config { plugs: vec![plug.parse().unwrap()], plug_limit: Duration::from_millis(300), ..Config::default() };
    Sensors::on_listing(&Listing::default(), Arc::new(Hand::new()), config).read(Pace::Slow)
}

fn values(readings: &[Reading]) -> (Option<f64>, Option<f64>) {
    let of = |q| readings.iter().find(|r| r.quantity == q && r.scope == Scope::Wall).and_then(Reading::value);
    (of(Quantity::Power), of(Quantity::Energy))
}

fn close(read: (Option<f64>, Option<f64>), watts: f64, joules: f64) -> bool {
    read.0.is_some_and(|w| (w - watts).abs() < 1e-9) && read.1.is_some_and(|j| (j - joules).abs() < 1e-3)
}

#[test]
fn each_kind_of_plug_is_asked_and_understood_in_its_own_way() {
    let (address, asked) = serve(say(ok(SHELLY)));
    assert!(close(values(&read(&format!("shelly:{address}"))), 17.4, 10245.371 * 3600.0));
    assert!(asked.recv().unwrap().starts_with("GET /rpc/Switch.GetStatus?id=0 HTTP/1.0\r\n"));
    let (address, asked) = serve(say(ok(r#"{"power":17.32,"is_valid":true,"total":61466}"#)));
    assert!(close(values(&read(&format!("shelly1:admin:secret@{address}/1"))), 17.32, 61466.0 * 60.0));
    let question = asked.recv().unwrap();
    assert!(question.starts_with("GET /meter/1 ") && question.contains("Authorization: Basic YWRtaW46c2VjcmV0\r\n"));
    let (address, asked) = serve(say(ok(TASMOTA)));
    assert!(close(values(&read(&format!("tasmota:me:a&b@{address}"))), 26.0, 3.003 * 3.6e6));
    assert!(asked.recv().unwrap().starts_with("GET /cm?cmnd=Status%208&user=me&password=a%26b "));
    let (address, _asked) = serve(say(ok(r#"{"id":0,"voltage":230.0,"apower":3.5,"aenergy":{"total":1.5}}"#)));
    assert!(close(values(&read(&format!("shelly-pm:{address}"))), 3.5, 5400.0));
}

#[test]
fn a_plug_with_a_password_is_answered_by_digest() {
    let asked_once = std::sync::atomic::AtomicBool::new(false);
    let (address, asked) = serve(move |stream| {
        let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest qop=\"auth\", realm=\"shellyplusplugs-1\", nonce=\"60dc2c69\", algorithm=SHA-256\r\nContent-Length: 0\r\n\r\n";
        let again = asked_once.swap(true, std::sync::atomic::Ordering::SeqCst);
        let _ = stream.write_all(if again { ok(SHELLY) } else { challenge.to_owned() }.as_bytes());
    });
    assert_eq!(values(&read(&format!("shelly:admin:secret@{address}"))).0, Some(17.4));
    assert!(!asked.recv().unwrap().contains("Authorization"));
    let second = asked.recv().unwrap();
    assert!(second.contains("Authorization: Digest username=\"admin\", realm=\"shellyplusplugs-1\", nonce=\"60dc2c69\", uri=\"/rpc/Switch.GetStatus?id=0\""));
}

#[test]
fn several_channels_of_one_plug() {
    let body = r#"{"StatusSNS":{"ENERGY":{"Total":9.5,"Power":[11,22.5]}}}"#;
    let (address, _asked) = serve(say(ok(body)));
    let readings = read(&format!("tasmota:{address}/1"));
    // The counter is of both channels: it is no energy of this one.
    assert_eq!(values(&readings), (Some(22.5), None));
}

#[test]
fn bodies_in_chunks_and_without_a_length_are_read() {
    let (a, b) = SHELLY.split_at(40);
    let chunked =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n", a.len(), b.len());
    let (address, _asked) = serve(say(chunked));
    assert_eq!(values(&read(&format!("shelly:{address}"))).0, Some(17.4));
    let (address, _asked) = serve(say(format!("HTTP/1.0 200 OK\n\n{SHELLY}")));
    assert_eq!(values(&read(&format!("shelly:{address}"))).0, Some(17.4));
}

fn reason(plug: &str) -> Missing {
    let readings = read(plug);
    assert_eq!(readings.len(), 2);
    readings[0].missing().cloned().unwrap()
}

#[test]
fn what_is_no_answer_has_its_reason() {
    let (address, _asked) = serve(say("HTTP/1.1 401 Unauthorized\r\n\r\n".into()));
    assert!(matches!(reason(&format!("shelly:{address}")), Missing::Denied { .. }));
    let (address, _asked) = serve(say("HTTP/1.1 404 Not Found\r\n\r\n".into()));
    assert!(matches!(reason(&format!("shelly:{address}")), Missing::Absent { .. }));
    let (address, _asked) = serve(say(ok("<html>login</html>")));
    assert!(matches!(reason(&format!("shelly:{address}")), Missing::Malformed { .. }));
    let (address, _asked) = serve(say(ok(r#"{"output":true}"#)));
    assert!(matches!(reason(&format!("shelly:{address}")), Missing::Absent { .. }));
    let (address, _asked) = serve(say(ok(r#"{"apower":"lots","aenergy":{"total":1}}"#)));
    assert!(matches!(reason(&format!("shelly:{address}")), Missing::Malformed { .. }));
    // A relay without a meter says so; its zero is not a reading.
    let (address, _asked) = serve(say(ok(r#"{"power":0.0,"is_valid":false,"total":0}"#)));
    assert!(matches!(reason(&format!("shelly1:{address}")), Missing::NotSupported { .. }));
    // Nobody listens.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(reason(&format!("shelly:{free}")), Missing::Failed { .. }));
}

#[test]
fn a_plug_that_hangs_or_drips_or_floods_does_not_hold_the_agent() {
    let clock = SystemClock::default();
    let began = clock.now();
    let (address, _asked) = serve(|_| std::thread::sleep(Duration::from_secs(60)));
    assert!(matches!(reason(&format!("shelly:{address}")), Missing::TimedOut { .. }));
    let (address, _asked) = serve(|stream| {
        // A byte now and then keeps every single wait short.
        while stream.write_all(b"H").is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert!(matches!(reason(&format!("shelly:{address}")), Missing::TimedOut { .. }));
    let (address, _asked) = serve(|stream| while stream.write_all(&[b'x'; 4096]).is_ok() {});
    assert!(matches!(reason(&format!("shelly:{address}")), Missing::Malformed { .. }));
    assert!(clock.now().since_s(began) < 5.0);
}

#[test]
fn a_plug_is_asked_once_a_second_and_rails_do_not_wait_for_it() {
    let (address, asked) = serve(|stream| {
        std::thread::sleep(Duration::from_millis(500));
        let _ = stream.write_all(ok(SHELLY).as_bytes());
    });
    let plug: Plug = format!("shelly:{address}").parse().unwrap();
    let config = Config { plugs: vec![plug], ..Config::default() };
    let hand = Arc::new(Hand::new());
    let mut sensors = Sensors::on_listing(&Listing::default(), hand.clone(), config);
    // The first answer is waited for.
    assert_eq!(values(&sensors.read_power().1).0, Some(17.4));
    let clock = SystemClock::default();
    let began = clock.now();
    for _ in 0..25 {
        hand.pass(0.1);
        assert_eq!(values(&sensors.read_power().1).0, Some(17.4));
    }
    assert!(clock.now().since_s(began) < 0.45, "it waited for the plug");
    std::thread::sleep(Duration::from_millis(1200));
    assert!((2..=3).contains(&asked.try_iter().count()));
}

#[test]
fn texts_that_name_no_plug_say_what_was_expected() {
    let wrong = |text: &str| text.parse::<Plug>().unwrap_err().to_string();
    assert!(wrong("192.168.1.7").contains("expected a kind and an address"));
    assert!(wrong("kasa:1.2.3.4").contains("the kinds are shelly"));
    assert!(wrong("shelly:").contains("host name or number"));
    assert!(wrong("shelly:host/x").contains("channel is a number"));
    assert!(wrong("shelly:a b").contains("host name or number"));
    assert!(wrong("shelly:user@host").contains("user:password@"));
    for good in ["shelly:plug.local", "tasmota:10.0.0.2:8080/1", "shelly:[fe80::1]:80", "shelly1:u:p@h"] {
        assert!(good.parse::<Plug>().is_ok(), "{good}");
    }
}
