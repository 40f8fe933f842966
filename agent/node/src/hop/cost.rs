//! What a hop costs beside a bare TCP round trip of the same bytes, plain and with certificates. The figures are printed and not judged; that every
//! state and every token arrives is.
//!
//! `HOP_TOKENS=5000 cargo test -p node --features testing --lib cost -- --nocapture`

use super::frame::{HEADER, Head, Incoming, Kind, Outgoing};
use super::states;
use crate::tls::{Stream, Tls, Use};
use protocol::Name;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

/// Numbers of a hidden state of SmolLM2-135M, and of an 8B model.
const WIDTHS: [usize; 2] = [576, 4_096];
const ROUNDS: usize = 9;

/// Tokens of a round: few, unless `HOP_TOKENS` says how many.
fn tokens() -> u32 {
    std::env::var("HOP_TOKENS").ok().and_then(|n| n.parse().ok()).unwrap_or(20)
}

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("a way");
    let far = listener.accept().expect("a caller").0;
    for stream in [&near, &far] {
        stream.set_nodelay(true).expect("without delay");
    }
    (near, far)
}

/// Processor time of the process, both ends, s; and time that passed, s.
fn clocks() -> (f64, f64) {
    let seconds = |id| {
        let t = rustix::time::clock_gettime(id);
        t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
    };
    (seconds(rustix::time::ClockId::ProcessCPUTime), seconds(rustix::time::ClockId::Monotonic))
}

/// Two figures, see [`timed`].
type Cost = [f64; 2];
/// A round: the bare trip, and the hop plain and secret.
type Round = (Cost, [Cost; 2]);

/// Microseconds a token: of processor time, and until the answer is there.
fn timed(tokens: u32, run: impl FnOnce()) -> Cost {
    let before = clocks();
    run();
    let after = clocks();
    [after.0 - before.0, after.1 - before.1].map(|s| s * 1e6 / f64::from(tokens))
}

fn bare(bytes: usize, tokens: u32) -> Cost {
    let (mut near, mut far) = pair();
    let answers = std::thread::spawn(move || {
        let mut states = vec![0; bytes];
        for _ in 0..tokens {
            far.read_exact(&mut states).expect("states");
            far.write_all(&[0; HEADER + 8]).expect("a token");
        }
    });
    let (states, mut token) = (vec![0; bytes], [0; HEADER + 8]);
    let cost = timed(tokens, || {
        for _ in 0..tokens {
            near.write_all(&states).expect("states");
            near.read_exact(&mut token).expect("a token");
        }
    });
    answers.join().expect("an end");
    cost
}

/// Both ends of a stream whose certificates have been shown, or of a plain one.
fn streams(secret: bool) -> (Stream, Stream) {
    let (near, far) = pair();
    let tls = secret.then(|| ["a", "b"].map(|d| crate::tls::tests::device(d, 7, 7)));
    let of = |i: usize| tls.as_ref().map(|t: &[Tls; 2]| &t[i]);
    std::thread::scope(|scope| {
        let far = scope.spawn(|| Stream::called(of(1), far).expect("a certificate").0);
        let mut near = Stream::calling(of(0), Use::Hop, &Name::new("b").expect("a name"), near).expect("TLS");
        near.flush().expect("certificates");
        (near, far.join().expect("no panic"))
    })
}

fn framed(width: usize, tokens: u32, secret: bool) -> Cost {
    let (mut near, mut far) = streams(secret);
    let answers = std::thread::spawn(move || {
        let (mut outgoing, mut incoming, mut rows) = (Outgoing::default(), Incoming::default(), Vec::new());
        for i in 0..tokens {
            let (head, payload) = incoming.next(&mut far, 1_000).expect("states");
            states::unpack(payload, 1, width, head.bits, &mut rows).expect("finite");
            assert_eq!(rows.len(), width);
            outgoing.send(&mut far, &Head::of(Kind::Token, 1, i, 1_000), &[0; 8]).expect("a token");
        }
    });
    let row: Vec<f32> = (0..width).map(|i| (i as f32).sin()).collect();
    let (rows, cols) = (1, u32::try_from(width).expect("small"));
    let (mut outgoing, mut incoming) = (Outgoing::default(), Incoming::default());
    let cost = timed(tokens, || {
        for i in 0..tokens {
            let head = Head { bits: 16, wanted: true, rows, cols, ..Head::of(Kind::States, 1, i, 1_000) };
            outgoing.send_packed(&mut near, &head, |out| states::pack(&row, width, 16, out)).expect("states");
            let (head, _) = incoming.next(&mut near, 1_000).expect("a token");
            assert_eq!(head.kind, Kind::Token);
        }
    });
    answers.join().expect("an end");
    cost
}

#[test]
fn of_a_token() {
    let tokens = tokens();
    for width in WIDTHS {
        // In turns, so that what else the machine does meets both.
        let round = |_| (bare(HEADER + 2 * width, tokens), [false, true].map(|secret| framed(width, tokens, secret)));
        let rounds: Vec<_> = (0..ROUNDS).map(round).collect();
        for (i, what) in ["processor time", "until the token is back"].into_iter().enumerate() {
            let middle = |of: &dyn Fn(&Round) -> f64| {
                let mut all: Vec<f64> = rounds.iter().map(of).collect();
                all.sort_by(f64::total_cmp);
                all[ROUNDS / 2]
            };
            for (kind, name) in ["plain", "secret"].into_iter().enumerate() {
                let bare = middle(&|r| r.0[i]);
                let (hop, ratio) = (middle(&|r| r.1[kind][i]), middle(&|r| r.1[kind][i] / r.0[i]));
                println!(
                    "{width} numbers at 16 bits, {name}, {what}: bare {bare:.1} us, hop {hop:.1} us a token, ratio {ratio:.2}"
                );
            }
        }
    }
}
