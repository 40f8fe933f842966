use super::*;
use crate::testing::{board, precision, tiny_llm};
use profiles::units::BytesPerSecond;
use profiles::{ModelKind, WeightFormat};

fn hop(latency_s: f64, s_per_byte: f64) -> Hop {
    Hop { latency_s, s_per_byte, j_per_byte: 1e-8, segments: Vec::new() }
}

fn half(profile: &DeviceProfile) -> Half<'_> {
    Half { profile, mode: 0, clock: 1.0, processor: 0 }
}

/// 16 heads of which 4 for keys and values, two layers of 12 * 1024^2 parameters.
fn small() -> ModelProfile {
    tiny_llm("small", 2, 1024)
}

#[test]
fn an_exchange_by_hand() {
    let (model, board) = (small(), board());
    let request = Request::new(ModelKind::Llm, 64, 16, 1);
    let at = |hop: &Hop| {
        let p = precision(WeightFormat::W4);
        let s = Sharing { model: &model, precision: p, request: &request, sequences: 1.0, hop };
        s.stage([half(&board); 2], 2, 0..4).unwrap()
    };
    let free = at(&hop(0.0, 0.0));
    let slow = at(&hop(3e-4, 1e-8));
    // States of 1024 halves: 2048 bytes a token. In a pass over two layers four exchanges and the hand-over.
    let pass = |tokens: f64| 5.0 * (3e-4 + tokens * 2048.0 * 1e-8);
    let wanted = pass(64.0) + 15.0 * pass(1.0);
    assert!((slow.busy_s - free.busy_s - wanted).abs() < 1e-12, "{} for {wanted}", slow.busy_s - free.busy_s);
    // Both send in each exchange, one hands over: nine messages of each token's states.
    assert!((slow.sent_bytes - 9.0 * 2048.0 * (64.0 + 15.0)).abs() < 1e-6);
    assert!((slow.halves[0].dynamic_j - free.halves[0].dynamic_j).abs() < 1e-15);
}

#[test]
fn a_layer_takes_what_its_slower_half_takes_and_the_ends_are_with_the_first() {
    let (model, fast) = (small(), board());
    let mut slow = board();
    slow.processors[0].bandwidth.value = BytesPerSecond(slow.processors[0].bandwidth.value.get() / 3.0);
    let request = Request::new(ModelKind::Llm, 64, 16, 1);
    let near = hop(0.0, 0.0);
    let p = precision(WeightFormat::W4);
    let s = Sharing { model: &model, precision: p, request: &request, sequences: 2.0, hop: &near };
    let groups = s.groups([half(&fast), half(&slow)], 2).unwrap();
    for g in &groups {
        for pass in [&g.prefill, &g.decode] {
            let slower = pass.halves.iter().map(|h| h.time_s).fold(0.0, f64::max);
            assert_eq!(pass.time_s.to_bits(), slower.to_bits());
        }
    }
    assert!(groups[1].decode.halves[1].time_s > groups[1].decode.halves[0].time_s);
    for end in [&groups[0], &groups[2]] {
        assert_eq!((end.bytes[1], end.decode.sent_bytes, end.decode.halves[1]), (0.0, 0.0, Spent::default()));
    }
    // 12 * 1024^2 weights at 4.5 bits and, of two sequences of 80 tokens, 2 * 2 heads * 64 elements of two bytes a token.
    let layer = 12.0 * 1024.0 * 1024.0 * 4.5 / 8.0 / 2.0 + 2.0 * 80.0 * 2.0 * 2.0 * 64.0 * 2.0;
    assert!(groups[1].bytes.iter().all(|b| (b - layer).abs() < 1.0), "{:?} {layer}", groups[1].bytes);
}

#[test]
fn the_split_follows_the_speeds_and_the_memories() {
    let (model, fast) = (small(), board());
    let request = Request::new(ModelKind::Llm, 64, 16, 1);
    let near = hop(1e-4, 1e-9);
    let s = Sharing { model: &model, precision: precision(WeightFormat::W4), request: &request, sequences: 1.0, hop: &near };
    let all = [f64::INFINITY; 2];
    assert_eq!(s.split([half(&fast); 2], all).unwrap().0, 2);
    let mut slow = board();
    slow.processors[0].bandwidth.value = BytesPerSecond(slow.processors[0].bandwidth.value.get() / 5.0);
    assert_eq!(s.split([half(&fast), half(&slow)], all).unwrap().0, 3);
    assert_eq!(s.split([half(&slow), half(&fast)], all).unwrap().0, 1);
    // The first has room for its ends and one head of four, no more.
    let groups = s.groups([half(&fast); 2], 1).unwrap();
    let first: f64 = groups.iter().map(|g| f64::from(g.count) * g.bytes[0]).sum();
    assert_eq!(s.split([half(&fast); 2], [s.beside_bytes()[0] + first, f64::INFINITY]).unwrap().0, 1);
}

#[test]
fn what_cannot_be_cut_is_not_shared() {
    let board = board();
    let request = Request::new(ModelKind::Llm, 64, 16, 1);
    let near = hop(1e-4, 1e-9);
    let odd = tiny_llm("odd", 2, 256);
    let experts = crate::testing::experts("experts", 2, 1024);
    for model in [&odd, &experts] {
        let s = Sharing { model, precision: precision(WeightFormat::W4), request: &request, sequences: 1.0, hop: &near };
        // 256 wide: four heads share one KV head.
        assert!(s.split([half(&board); 2], [f64::INFINITY; 2]).is_none());
    }
}

#[test]
fn processors_of_one_kind_work_together() {
    let (one, other) = (crate::testing::workstation(), board());
    for (a, b) in [(&one, &one), (&one, &other), (&other, &one)] {
        for (p, q) in matched(a, b) {
            assert_eq!(a.processors[p].kind, b.processors[q].kind);
        }
    }
    assert_eq!(matched(&one, &one).len(), one.processors.len());
}
