use super::*;

#[test]
fn waits_double_to_the_longest_and_spread() {
    let mut jitter = Jitter::new(7);
    let mut b = Backoff::default();
    assert!(b.due(0));
    let mut now = 1_000;
    for i in 0..40u32 {
        b.failed(now, (1_000, 300_000), &mut jitter);
        let mean = (1_000u64 << i.min(20)).min(300_000);
        let wait = b.at_ms() - now;
        assert!(wait >= mean * 3 / 4 && wait < mean * 5 / 4, "failure {i}: {wait} ms around {mean}");
        assert!(!b.due(now) && b.due(b.at_ms()));
        now = b.at_ms();
    }
    b.reset();
    assert!(b.due(0));
    let first: Vec<u64> = (0..50).map(|seed| Jitter::new(seed).around(1_000)).collect();
    let mut apart = first.clone();
    apart.sort_unstable();
    apart.dedup();
    assert!(apart.len() > 40, "fifty agents wait {} different times", apart.len());
}
