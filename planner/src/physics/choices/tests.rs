use super::*;
use crate::physics::build;
use crate::testing::{classifier, one_board, precision, service_of, speech, tiny_llm, two_boards_and_a_card};
use profiles::units::Seconds;
use profiles::{Precision, WeightFormat};
use scenarios::Said;

fn ways(s: &Scenario) -> Vec<Way<'_>> {
    ways::of_service(s, 0, &mut Vec::new())
}

#[test]
fn what_crosses_a_cut() {
    let mut s = one_board();
    let cuts = cuts(&ways(&s)[0]);
    assert_eq!(cuts.len(), 6);
    // 64 prompt tokens, 512 elements of 2 bytes; one token a pass.
    assert!((cuts[3].prefill_bytes - 64.0 * 512.0 * 2.0).abs() < 1e-9 && (cuts[3].decode_bytes - 1024.0).abs() < 1e-9);
    s.services[0].models[0].value = speech("ears");
    s.services[0].accuracy = None;
    let cuts = super::cuts(&ways(&s)[0]);
    let got: Vec<(f64, f64)> = cuts.iter().map(|c| (c.prefill_bytes, c.decode_bytes)).collect();
    let frames = 64.0 * 512.0 * 2.0;
    assert_eq!(got[1..], [(frames, 0.0), (frames, 0.0), (frames, 1024.0)], "the encoder's output reaches every decoder block");
}

#[test]
fn items_run_one_after_another() {
    let mut s = one_board();
    s.services[0] = service_of("eyes", classifier("c"));
    let one = |items: u32| {
        let mut s = s.clone();
        s.services[0].prompt_tokens = items;
        let m = build(&s);
        let o = &m.table.services[0].options[0];
        (o.at[0].as_ref().unwrap().stage(0, o.blocks), o.cuts[1].prefill_bytes)
    };
    let ((a, cut_a), (b, cut_b)) = (one(1), one(3));
    assert!((b.ttft_s - 3.0 * a.ttft_s).abs() < 1e-12 && (b.dynamic_j - 3.0 * a.dynamic_j).abs() < 1e-12);
    assert!((a.total_s - a.ttft_s).abs() < 1e-15 && a.tpot_s.abs() < 1e-15);
    assert!((cut_b - 3.0 * cut_a).abs() < 1e-6);
}

#[test]
fn requests_travel_from_their_origin_and_back() {
    let mut s = two_boards_and_a_card();
    s.services[0].origin = Some(0);
    let m = build(&s);
    let o = &m.table.services[0].options[0];
    assert_eq!(o.enter[0], Transfer::default(), "on the spot it is free");
    // 256 B over 1 ms and 125 MB/s; back 128 B, 4 of them with the first of 32 tokens.
    assert!((o.enter[1].ttft_s - (1e-3 + 256.0 * 8e-9)).abs() < 1e-15);
    assert!((o.leave[1].ttft_s - (1e-3 + 4.0 * 8e-9)).abs() < 1e-15);
    assert!((o.leave[1].total_s - (1e-3 + 128.0 * 8e-9)).abs() < 1e-15);
    assert!((o.leave[1].energy_j - 128.0 * 10e-9).abs() < 1e-18);
    assert!(m.table.services[1].options[0].enter.is_empty());
}

#[test]
fn concurrency_is_the_longest_stay_times_the_rate() {
    let mut s = one_board();
    let of = |s: &Scenario, replicas: u32| concurrency(&s.services[0], &ways(s)[0], replicas, 4.0);
    s.services[0].rate.value.0 = 0.5;
    assert_eq!(of(&s, 1), 30, "60 s of deadline");
    assert_eq!(of(&s, 2), 15);
    s.services[0].deadline.total = None;
    assert_eq!(of(&s, 1), 4, "twice the 4 s that it takes");
    let said = |v| Some(Said { value: Seconds(v), at: s.services[0].at });
    (s.services[0].deadline.ttft, s.services[0].deadline.tpot) = (said(1.0), said(0.1));
    assert_eq!(of(&s, 1), 3, "1 s and 31 times 0.1 s: 4.1 s, 2.05 requests");
    s.services[0].rate.value.0 = 1e-6;
    assert_eq!(of(&s, 1), 1, "one request always fits");
}

#[test]
fn a_fuller_precision_without_a_gain_is_left_out() {
    let mut s = one_board();
    let p = |weights, kv_bits| Precision { weights, kv_bits, activation_bits: 16 };
    // 16 bits answer as 8 do, and cost more everywhere: half the rate, twice the bytes.
    s.services[0].precisions = vec![p(WeightFormat::W16, 16), p(WeightFormat::W8, 16), p(WeightFormat::W4, 16)];
    let m = build(&s);
    let kept: Vec<WeightFormat> = m.labels.iter().map(|l| l.precision.weights).collect();
    assert_eq!(kept, [WeightFormat::W8, WeightFormat::W4]);
    assert_eq!(m.dropped[0].to_string(), "tiny w16: tiny w8 costs no more anywhere and answers no worse");
}

#[test]
fn equal_options_keep_one() {
    let mut s = one_board();
    s.services[0].models[0].value = classifier("c");
    let p = |kv_bits| Precision { weights: WeightFormat::W8, kv_bits, activation_bits: 16 };
    s.services[0].precisions = vec![p(16), p(8)];
    s.services[0].accuracy = None;
    let m = build(&s);
    assert_eq!(m.labels.len(), 1, "a model without a cache has nothing to save there");
}

#[test]
fn replicas_are_options_and_share_the_load() {
    let mut s = two_boards_and_a_card();
    s.services[0].replicas = (1, 5);
    s.services[0].rate.value.0 = 1.0;
    let m = build(&s);
    let replicas: Vec<u32> = m.table.services[0].options.iter().map(|o| o.replicas).collect();
    assert_eq!(replicas, [1, 2, 3]);
    assert!(m.dropped.iter().any(|d| d.reason == Reason::TooFewDevices { replicas: 4 }));
    let bytes = |o: usize| m.table.services[0].options[o].at[0].as_ref().unwrap().stage(0, 6).bytes;
    assert!(bytes(1) < bytes(0), "half the requests at each");
}

#[test]
fn forbidden_devices_have_no_place() {
    let mut s = two_boards_and_a_card();
    s.services[0].forbidden = vec![Said { value: 1, at: s.services[0].at }];
    let m = build(&s);
    let o = &m.table.services[0].options[0];
    for (place, at) in m.table.places.iter().zip(&o.at) {
        assert_eq!(at.is_none(), place.device == 1);
    }
}

#[test]
fn too_large_for_all_devices_together() {
    let mut s = one_board();
    s.services[0].models[0].value = tiny_llm("huge", 80, 16_384);
    s.services[0].precisions = vec![precision(WeightFormat::W4)];
    let m = build(&s);
    assert!(matches!(m.dropped[0].reason, Reason::TooLarge { .. }), "{:?}", m.dropped);
    assert!(m.table.services[0].options.is_empty());
}
