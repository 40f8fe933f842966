use super::*;
use proptest::prelude::*;

fn states(bits: u8, rows: u32, cols: u32) -> (Head, Vec<u8>) {
    let head = Head { bits, rows, cols, wanted: true, ..Head::of(Kind::States, 0x0123_4567_89ab_cdef, 7, 500) };
    (head, vec![9; super::super::states::bytes(bits, rows, cols).0 as usize])
}

#[test]
fn frames_are_read_back() {
    let all = [
        states(16, 1, 576),
        states(8, 256, 2048),
        states(4, 3, 576),
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
    let (head, payload) = states(16, 2, 8);
    let mut wire = Vec::new();
    write(&mut wire, &head, &payload).expect("written");
    for (at, value) in [(20usize, u32::MAX), (20, 0), (24, u32::MAX), (24, 0), (32, u32::MAX), (32, 0)] {
        let mut bad = wire.clone();
        bad[at..at + 4].copy_from_slice(&value.to_le_bytes());
        assert!(matches!(read(&mut &bad[..], 1), Err(HopError::Form(_))), "{value} at {at}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_frame_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..HEADER, b in any::<u8>()) {
        let _ = read(&mut &bytes[..], 1);
        let (head, payload) = states(8, 1, 4);
        let mut wire = Vec::new();
        write(&mut wire, &head, &payload).expect("written");
        wire[at] = b;
        let _ = read(&mut &wire[..], 1);
    }
}
