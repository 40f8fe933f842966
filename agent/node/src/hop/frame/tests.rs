use super::*;
use proptest::prelude::*;

fn write(to: &mut Vec<u8>, head: &Head, payload: &[u8]) -> Result<(), HopError> {
    Outgoing::default().send(to, head, payload)
}

fn read(from: &mut &[u8], within_ms: u32) -> Result<(Head, Vec<u8>), HopError> {
    Incoming::default().next(from, within_ms).map(|(head, payload)| (head, payload.to_vec()))
}

/// Gives so many bytes at a time, as a network may.
struct Crumbs<'a>(&'a [u8], usize);

impl std::io::Read for Crumbs<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let some = to.len().min(self.1);
        self.0.read(&mut to[..some])
    }
}

/// Frames that come cut anywhere, or several at once, in memory that is used again: each is whole.
#[test]
fn frames_in_a_row_come_in_any_pieces() {
    let sizes = [(1, 576), (256, 576), (1, 4_096), (3, 1), (2, 9_000), (1, 1)];
    let (mut wire, mut out) = (Vec::new(), Outgoing::default());
    let frames: Vec<_> = sizes
        .iter()
        .enumerate()
        .map(|(i, &(rows, cols))| {
            let (head, mut payload) = states(16, rows, cols);
            payload.fill(i as u8);
            out.send(&mut wire, &head, &payload).expect("written");
            (head, payload)
        })
        .collect();
    for piece in [1, 35, 36, 37, 1_000, 16 << 10, usize::MAX] {
        let (mut from, mut incoming) = (Crumbs(&wire, piece), Incoming::default());
        for (head, payload) in &frames {
            let got = incoming.next(&mut from, 1).expect("a frame");
            assert_eq!(got, (*head, &payload[..]), "in pieces of {piece}");
        }
        assert!(matches!(incoming.next(&mut from, 1), Err(HopError::Broken(_))));
    }
}

/// A header alone takes little memory, whatever it says will follow.
#[test]
fn room_grows_with_what_came() {
    let (head, payload) = states(16, 256, 1 << 16);
    let mut wire = Vec::new();
    write(&mut wire, &head, &payload).expect("written");
    let mut incoming = Incoming::default();
    assert!(matches!(incoming.next(&mut &wire[..100], 1), Err(HopError::Broken(_))));
    assert!(format!("{incoming:?}").len() < 1 << 20, "as text, several bytes each");
}

fn states(bits: u8, rows: u32, cols: u32) -> (Head, Vec<u8>) {
    let head = Head { bits, rows, cols, wanted: true, ..Head::of(Kind::States, 0x0123_4567_89ab_cdef, 7, 500) };
    (head, vec![9; super::super::states::bytes(bits, rows, cols).0 as usize])
}

fn partial(bits: u8, rows: u32, cols: u32) -> (Head, Vec<u8>) {
    let (head, payload) = states(bits, rows, cols);
    (Head { kind: Kind::Partial, wanted: false, ..head }, payload)
}

/// Sums are not sent as narrow as states may be.
#[test]
fn a_partial_sum_has_16_or_32_bits() {
    for bits in [0, 4, 8, 64] {
        let mut wire = Vec::new();
        let (head, payload) = partial(16, 1, 8);
        write(&mut wire, &Head { bits, ..head }, &payload).expect("written");
        assert!(matches!(read(&mut &wire[..], 1), Err(HopError::Form(_))), "{bits} bits");
    }
}

#[test]
fn frames_are_read_back() {
    let all = [
        states(16, 1, 576),
        states(8, 256, 2048),
        states(4, 3, 576),
        states(32, 2, 576),
        partial(16, 1, 576),
        partial(32, 256, 8),
        (Head::of(Kind::Challenge, 1, 0, 0), vec![1; 32]),
        (Head::of(Kind::Open, 1, 0, 9), b"signed".to_vec()),
        (Head::of(Kind::Ready, u64::MAX, u32::MAX, u32::MAX), Vec::new()),
        (Head::of(Kind::Token, 3, 4, 5), vec![0; 8]),
    ];
    for (head, payload) in all {
        let mut wire = Vec::new();
        write(&mut wire, &head, &payload).expect("written");
        assert_eq!(wire.len(), HEADER + payload.len());
        assert_eq!(read(&mut &wire[..], 1).expect("read"), (head, payload));
    }
}

#[test]
fn a_refusal_is_an_error_with_its_reason() {
    let mut wire = Vec::new();
    write(&mut wire, &Head::of(Kind::Refused, 1, 0, 0), b"no such plan").expect("written");
    assert_eq!(read(&mut &wire[..], 1).expect_err("refused").to_string(), "it refused: no such plan");
}

#[test]
fn lengths_are_checked_before_memory_is_taken() {
    for (head, payload) in [states(16, 2, 8), partial(16, 2, 8), partial(32, 2, 8)] {
        let mut wire = Vec::new();
        write(&mut wire, &head, &payload).expect("written");
        for (at, value) in [(20usize, u32::MAX), (20, 0), (24, u32::MAX), (24, 0), (32, u32::MAX), (32, 0)] {
            let mut bad = wire.clone();
            bad[at..at + 4].copy_from_slice(&value.to_le_bytes());
            assert!(matches!(read(&mut &bad[..], 1), Err(HopError::Form(_))), "{value} at {at}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_frame_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..HEADER, b in any::<u8>()) {
        let _ = read(&mut &bytes[..], 1);
        for (head, payload) in [states(8, 1, 4), partial(16, 1, 4), partial(32, 1, 4)] {
            let mut wire = Vec::new();
            write(&mut wire, &head, &payload).expect("written");
            wire[at] = b;
            let _ = read(&mut &wire[..], 1);
        }
    }
}
