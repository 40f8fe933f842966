//! Links over real sockets of this machine, and peers that do not keep the rules.

use probe::link::{Limits, Listener, measure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn any() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Runs `f` against a listener and gives what the listener said.
fn with(limits: Limits, f: impl FnOnce(SocketAddr)) -> Vec<String> {
    let listener = Listener::bind(any(), limits).unwrap();
    let address = listener.address().unwrap();
    let stop = listener.stop();
    let said = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        scope.spawn(|| listener.serve(Duration::from_secs(30), &|what| said.lock().unwrap().push(what.to_owned())));
        f(address);
        std::thread::sleep(Duration::from_millis(150));
        stop.store(true, Ordering::Relaxed);
    });
    said.into_inner().unwrap()
}

#[test]
fn a_link_is_measured() {
    let said = with(Limits::default(), |address| {
        let link = measure(address, 50).unwrap();
        assert!(link.round_trip_p50_s > 0.0 && link.round_trip_p50_s <= link.round_trip_p99_s, "{link:?}");
        assert!(link.up > 1e6 && link.down > 1e6 && link.loss < 0.5 && link.datagrams == 50, "{link:?}");
    });
    assert!(said.iter().any(|s| s.contains("measured")), "{said:?}");
}

fn hello(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(b"wattline-probe 1").unwrap();
    let mut answer = [0; 32];
    stream.read_exact(&mut answer).unwrap();
    stream
}

fn ask(kind: u8, size: u64) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend(size.to_be_bytes());
    bytes
}

/// The other side closes without another byte.
fn closed(mut stream: TcpStream) -> bool {
    matches!(stream.read(&mut [0; 64]), Ok(0) | Err(_))
}

#[test]
fn hostile_clients_get_nothing() {
    let limits = Limits { silence: Duration::from_millis(300), bytes: 1 << 20, connections: 2, ..Limits::default() };
    with(limits, |address| {
        // Another protocol.
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert!(closed(stream));
        // Sizes beyond all bounds, no message at all, more than one client may have.
        for message in [ask(1, 1 << 40), ask(2, u64::MAX), ask(3, 257 << 20), ask(9, 0), ask(1, 0), ask(3, 2 << 20)] {
            let mut stream = hello(address);
            stream.write_all(&message).unwrap();
            assert!(closed(stream), "{message:?}");
        }
        // Silence.
        let stream = hello(address);
        assert!(closed(stream));
        // Datagrams of nobody are not answered.
        let udp = UdpSocket::bind(any()).unwrap();
        udp.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        udp.send_to(&[0; 1200], address).unwrap();
        assert!(udp.recv(&mut [0; 1200]).is_err());
        // And an honest one is still served; it may ask for no more than its share.
        let link = measure(address, 5);
        assert!(link.is_err(), "a rate test is larger than one mebibyte");
    });
}

#[test]
fn connections_are_few() {
    let said = with(Limits { connections: 2, ..Limits::default() }, |address| {
        let _first = hello(address);
        let _second = hello(address);
        let third = TcpStream::connect(address).unwrap();
        third.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
        assert!(closed(third));
    });
    assert!(said.iter().any(|s| s.contains("refused")), "{said:?}");
}

#[test]
fn listeners_that_are_none_are_named() {
    let nobody = measure("127.0.0.1:9".parse().unwrap(), 5).unwrap_err().to_string();
    assert!(nobody.contains("127.0.0.1:9") && nobody.contains("nobody listens"), "{nobody}");
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"", b"wattline-probe 1short"] {
        let server = TcpListener::bind(any()).unwrap();
        let address = server.local_addr().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = server.accept().unwrap();
                let mut hello = [0; 16];
                stream.read_exact(&mut hello).unwrap();
                stream.write_all(answer).unwrap();
            });
            let error = measure(address, 5).unwrap_err().to_string();
            assert!(error.contains("no listening agent") || error.contains("hung up"), "{error}");
        });
    }
}

#[test]
fn a_taken_address_is_an_error() {
    let first = Listener::bind(any(), Limits::default()).unwrap();
    let again = Listener::bind(first.address().unwrap(), Limits::default()).unwrap_err().to_string();
    assert!(again.contains("cannot listen on 127.0.0.1"), "{again}");
}
