//! Real namespaces, real TCP. Needs root and /dev/net/tun.

#![cfg(target_os = "linux")]
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "measures, and says what is skipped")]

use netlab::{Link, Network, NetworkError};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

const FAST: Link = Link { rate_bytes_s: 1e9, delay_s: 0.0, loss: 0.0 };

/// A network, or `None` where there can be none.
fn network(hosts: usize, link: Link) -> Option<Network> {
    match Network::start(hosts, link, 1) {
        Ok(network) => Some(network),
        Err(e @ (NetworkError::Root | NetworkError::Command { .. } | NetworkError::Io { .. })) => {
            println!("SKIPPED: {e}");
            None
        }
        Err(e) => panic!("{e}"),
    }
}

/// A server that says every byte back, on the second host; a stream to it from the first.
fn echo(network: &Network) -> TcpStream {
    let address = SocketAddr::from((network.hosts()[1].address(), 9_000));
    let listener = network.hosts()[1].run(|| TcpListener::bind(address)).expect("a host").expect("a port");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        stream.set_nodelay(true).expect("without delay");
        let mut buffer = [0; 65_536];
        while let Ok(n @ 1..) = stream.read(&mut buffer) {
            if stream.write_all(&buffer[..n]).is_err() {
                return;
            }
        }
    });
    let stream = network.hosts()[0].run(|| TcpStream::connect(address)).expect("a host").expect("a way");
    stream.set_nodelay(true).expect("without delay");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a limit");
    stream
}

fn round_trip(stream: &mut TcpStream, bytes: usize) -> f64 {
    let start = Instant::now();
    stream.write_all(&vec![1; bytes]).expect("sent");
    stream.read_exact(&mut vec![0; bytes]).expect("said back");
    start.elapsed().as_secs_f64()
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

#[test]
fn a_delay_holds_both_ways_and_a_rate_limits() {
    let Some(network) = network(2, Link { rate_bytes_s: 1.25e6, delay_s: 0.005, loss: 0.0 }) else { return };
    let mut stream = echo(&network);
    let small = median((0..20).map(|_| round_trip(&mut stream, 100)).collect());
    // Never earlier; later on a busy machine.
    assert!((0.010..0.050).contains(&small), "{small} s");
    let large = round_trip(&mut stream, 125_000);
    assert!(large > 0.110, "125 kB at 1.25 MB/s in {large} s");
}

#[test]
fn losses_delay_and_lose_nothing() {
    let Some(network) = network(2, Link { rate_bytes_s: 1e8, delay_s: 0.001, loss: 0.05 }) else { return };
    let mut stream = echo(&network);
    for bytes in [10, 1_000, 50_000].repeat(10) {
        round_trip(&mut stream, bytes);
    }
    let (passed, lost) = network.frames();
    assert!(lost > 0 && passed > 10 * lost, "{lost} lost, {passed} passed");
}

#[test]
fn a_link_that_is_down_passes_nothing_until_it_is_up() {
    let Some(network) = network(3, FAST) else { return };
    let mut stream = echo(&network);
    round_trip(&mut stream, 10);
    network.set_down(1, true);
    stream.write_all(&[1; 10]).expect("into the socket");
    stream.set_read_timeout(Some(Duration::from_millis(300))).expect("a limit");
    let nothing = stream.read_exact(&mut [0; 10]).expect_err("nothing comes").kind();
    assert!(matches!(nothing, std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{nothing}");
    network.set_down(1, false);
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    stream.read_exact(&mut [0; 10]).expect("it comes after all");
    let from_here = TcpStream::connect_timeout(&(network.hosts()[2].address(), 9).into(), Duration::from_secs(2));
    let refused = from_here.expect_err("nobody listens there").kind();
    assert_eq!(refused, std::io::ErrorKind::ConnectionRefused, "this process reaches every host");
}

#[test]
fn numbers_out_of_range_are_refused() {
    assert!(matches!(Network::start(0, FAST, 1), Err(NetworkError::Hosts(0))));
    for bad in [Link { loss: 1.0, ..FAST }, Link { rate_bytes_s: 0.0, ..FAST }, Link { delay_s: f64::NAN, ..FAST }] {
        assert!(matches!(Network::start(1, bad, 1), Err(NetworkError::Link(_))), "{bad:?}");
    }
}
