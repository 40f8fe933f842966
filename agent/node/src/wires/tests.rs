use super::*;
use std::io::Read as _;
use std::net::TcpListener;

fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("a way");
    (near, listener.accept().expect("a caller").0)
}

#[test]
fn who_waits_for_a_device_that_is_gone_stops_waiting() {
    let wires = Wires::default();
    let ((mut to_b, _b), (to_c, mut c)) = (pair(), pair());
    let held = wires.hold(&name("b"), &to_b).expect("held");
    let _other = wires.hold(&name("c"), &to_c).expect("held");
    let waits = std::thread::spawn(move || to_b.read(&mut [0; 1]).expect("an end"));
    wires.gone(&name("b"), 7);
    assert_eq!(waits.join().expect("it ends"), 0);
    assert!(wires.is_gone(&name("b")) && !wires.is_gone(&name("c")));
    // The other stream is as it was.
    std::io::Write::write_all(&mut &to_c, b"x").expect("still open");
    assert_eq!(c.read(&mut [0; 1]).expect("a byte"), 1);
    drop(held);
    assert_eq!(lock(&wires.0).open.len(), 1);
}

#[test]
fn no_stream_to_a_lost_device_is_begun_until_it_is_back() {
    let wires = Wires::default();
    let (near, _far) = pair();
    wires.gone(&name("b"), 7);
    assert!(wires.hold(&name("b"), &near).is_err_and(|e| e.to_string().contains("token is lost")));
    wires.back(&name("b"));
    assert!(wires.hold(&name("b"), &near).is_ok());
}

/// A hanging device's last words may be heard after its loss: they do not bring it back, those of another start do.
#[test]
fn words_from_before_the_loss_bring_nobody_back() {
    let wires = Wires::default();
    wires.gone(&name("b"), 7);
    assert!(!wires.said(&name("b"), 7) && wires.is_gone(&name("b")));
    assert!(wires.said(&name("b"), 8) && !wires.is_gone(&name("b")));
    wires.gone(&name("b"), 8);
    std::thread::sleep(std::time::Duration::from_secs_f64(LATE_S + 0.05));
    assert!(wires.said(&name("b"), 8) && !wires.is_gone(&name("b")));
    assert!(wires.said(&name("c"), 1), "who was never lost");
}
