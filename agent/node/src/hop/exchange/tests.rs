use super::*;
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Both ends of a stream over the loopback, the leader's first.
pub(super) fn ends(cols: usize) -> [Exchange<TcpStream>; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("a way");
    let far = listener.accept().expect("a caller").0;
    [(near, true), (far, false)].map(|(stream, leads)| {
        stream.set_nodelay(true).expect("without delay");
        let within = Some(std::time::Duration::from_secs(20));
        stream.set_read_timeout(within).and_then(|()| stream.set_write_timeout(within)).expect("a limit");
        Exchange::new(stream, (Outgoing::default(), Incoming::default()), 7, leads).of(cols, 20_000, None)
    })
}

/// What each half has after the states and one sum of such parts.
fn summed(cols: usize, states: &[f32], parts: [Vec<f32>; 2]) -> [(Vec<f32>, Vec<f32>); 2] {
    let [mut leader, mut partner] = ends(cols);
    let [mut near, mut far] = parts;
    thread::scope(|scope| {
        let other = scope.spawn(move || {
            let begun = partner.states().expect("states");
            partner.sum(&mut far).expect("a sum");
            (begun, far)
        });
        let mut begun = states.to_vec();
        leader.begin(&mut begun).expect("sent");
        leader.sum(&mut near).expect("a sum");
        [(begun, near), other.join().expect("no panic")]
    })
}

fn wave(len: usize, step: f32) -> Vec<f32> {
    (0..len).map(|i| (i as f32 * step).sin()).collect()
}

#[test]
fn both_halves_go_on_from_the_same_numbers() {
    // One token; more than both may send at once; as many as a prefill has, far beyond a connection's own memory.
    for (rows, cols) in [(1, 576), (9, 576), (256, 4_096)] {
        let (states, parts) = (wave(rows * cols, 0.01), [wave(rows * cols, 0.3), wave(rows * cols, 0.7)]);
        let [leader, partner] = summed(cols, &states, parts.clone());
        assert!(leader == partner, "{rows} rows of {cols} numbers");
        let half = |x: f32| half::f16::from_f32(x).to_f32();
        let halves: Vec<f32> = states.iter().map(|x| half(*x)).collect();
        assert!(leader.0 == halves, "states in half precision");
        let sums: Vec<f32> = parts[0].iter().zip(&parts[1]).map(|(a, b)| half(*a) + half(*b)).collect();
        assert!(leader.1 == sums, "each part in half precision, the sum in single");
    }
}

#[test]
fn what_is_beyond_half_precision_crosses_as_it_is() {
    let parts = [vec![1e6, 0.1], vec![1.0, 0.1]];
    let [leader, partner] = summed(2, &[70_000.0, 0.1], parts);
    assert_eq!(leader, partner);
    assert_eq!(leader.0, [70_000.0, 0.1]);
    assert_eq!(leader.1, [1_000_001.0, 0.1 + half::f16::from_f32(0.1).to_f32()]);
}

/// A frame of the other kind, of another width, or a number that is none: the step ends, and why is kept.
#[test]
fn nonsense_from_the_other_half_ends_the_step() {
    let said = |spoil: &dyn Fn(&mut Exchange<TcpStream>)| {
        let [mut leader, mut partner] = ends(4);
        spoil(&mut partner);
        let error = leader.sum(&mut [0.5; 4]).expect_err("nonsense").to_string();
        let why = leader.lost().expect("kept").to_string();
        assert!(error.contains(&why), "{error} {why}");
        why
    };
    let states = |p: &mut Exchange<TcpStream>| p.send(Kind::States, &mut [1.0; 4]).expect("sent");
    assert!(said(&states).contains("Partial"), "another kind");
    let wide = |p: &mut Exchange<TcpStream>| {
        p.cols = 8;
        p.send(Kind::Partial, &mut [1.0; 8]).expect("sent");
    };
    assert!(said(&wide).contains("expected"), "another width");
    let rows = |p: &mut Exchange<TcpStream>| p.send(Kind::Partial, &mut [1.0; 8]).expect("sent");
    assert!(said(&rows).contains("expected"), "more rows");
    let late = |p: &mut Exchange<TcpStream>| {
        p.sent = 3;
        p.send(Kind::Partial, &mut [1.0; 4]).expect("sent");
    };
    assert!(said(&late).contains("expected"), "another number");
    assert!(said(&|p| drop(p.stream.shutdown(std::net::Shutdown::Both))).contains("broke"), "nobody there");
    let [mut leader, _partner] = ends(2);
    assert!(leader.sum(&mut [f32::NAN, 0.0]).is_err(), "nothing that is no number is sent");
}
