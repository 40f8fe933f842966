//! Attention against f64, at every cache width, on every kernel.

use crate::support::{Random, cases};
use kernels::{Kernel, KvLayer, Pool, Query, Span, Wait, attention, attention_with};

/// Plain softmax attention in doubles over keys and values of one KV head.
fn definition(q: &[f32], keys: &[&[f32]], values: &[&[f32]], scale: f32, cap: Option<f32>) -> Vec<f64> {
    let scores: Vec<f64> = keys
        .iter()
        .map(|k| {
            let s = q.iter().zip(*k).map(|(q, k)| f64::from(*q) * f64::from(*k)).sum::<f64>() * f64::from(scale);
            cap.map_or(s, |cap| f64::from(cap) * (s / f64::from(cap)).tanh())
        })
        .collect();
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = scores.iter().map(|s| (s - max).exp()).sum();
    let mut out = vec![0.0; q.len()];
    for (s, v) in scores.iter().zip(values) {
        for (o, v) in out.iter_mut().zip(*v) {
            *o += (s - max).exp() / total * f64::from(*v);
        }
    }
    out
}

struct Case {
    kv_heads: usize,
    dim: usize,
    k: Vec<f32>,
    v: Vec<f32>,
}

impl Case {
    fn slice<'a>(&self, from: &'a [f32], position: usize, head: usize) -> &'a [f32] {
        &from[(position * self.kv_heads + head) * self.dim..][..self.dim]
    }
}

#[test]
fn every_width_agrees_with_f64() {
    let pool = Pool::new(3, Wait::default());
    for kernel in Kernel::available() {
        let mut r = Random(31);
        for _ in 0..cases(60) {
            let (kv_heads, group, dim) = (1 + r.below(3), 1 + r.below(6), [1, 8, 20, 32, 64, 80, 128][r.below(7)]);
            let len = [1, 5, 16, 33, 100, 513, 1100][r.below(7)];
            let width = kv_heads * dim;
            let case = Case { kv_heads, dim, k: r.floats(len * width), v: r.floats(len * width) };
            let q = r.floats(kv_heads * group * dim);
            let (scale, cap) = (1.0 / (dim as f32).sqrt(), [None, Some(2.0)][r.below(2)]);
            for (bits, tolerance) in [(16, 2e-3), (8, 0.03), (4, 0.25)] {
                let mut layer = KvLayer::new(kv_heads, dim, bits);
                // In two steps, after forgetting something: the second overwrites half a block.
                let cut = r.below(len);
                layer.append(&case.k, &case.v, len);
                layer.truncate(cut);
                layer.append(&case.k[cut * width..], &case.v[cut * width..], len - cut);
                assert_eq!(layer.len(), len);
                // The same positions as one span or as two.
                let (start, mid) = (r.below(len), r.below(len));
                let mid = mid.max(start);
                let spans = [Span { layer: &layer, start, len: mid - start }, Span { layer: &layer, start: mid, len: len - mid }];
                let mut out = vec![f32::NAN; q.len()];
                attention_with(kernel, &pool, &[Query { q: &q, spans: &spans }], kv_heads * group, scale, cap, &mut out);
                for h in 0..kv_heads * group {
                    let keys: Vec<&[f32]> = (start..len).map(|p| case.slice(&case.k, p, h / group)).collect();
                    let values: Vec<&[f32]> = (start..len).map(|p| case.slice(&case.v, p, h / group)).collect();
                    let expected = definition(&q[h * dim..][..dim], &keys, &values, scale, cap);
                    for (a, b) in out[h * dim..].iter().zip(expected) {
                        assert!((f64::from(*a) - b).abs() < tolerance, "{kernel} bits {bits} len {len} dim {dim}: {a} {b}");
                    }
                }
            }
        }
    }
}

/// A prefill's tokens, some on a shared prefix, some with a window, two texts beside each other.
#[test]
fn tokens_together_are_tokens_apart() {
    for kernel in Kernel::available() {
        let mut r = Random(33);
        for bits in [16, 8, 4] {
            let (kv_heads, group, dim) = (2, 1 + r.below(9), [20, 64][r.below(2)]);
            let width = kv_heads * dim;
            let mut filled = |len: usize| {
                let mut layer = KvLayer::new(kv_heads, dim, bits);
                layer.append(&r.floats(len * width), &r.floats(len * width), len);
                layer
            };
            let (prefix, own, other) = (filled(77), filled(600), filled(40));
            let span = |layer, start, end| Span { layer, start, len: end - start };
            let mut spans: Vec<Vec<Span<'_>>> = Vec::new();
            for t in 0..29 {
                spans.push(vec![span(&prefix, 0, 77), span(&own, 0, 540 + t)]);
            }
            for t in 0..13 {
                spans.push(vec![span(&own, (200 + t) / 2, 250 + t)]);
                spans.push(vec![span(&prefix, t, 77), span(&other, 0, t)]);
            }
            for t in 0..13 {
                spans.push(vec![span(&other, 0, t + 1)]);
            }
            spans.push(Vec::new());
            let heads = kv_heads * group;
            let q = r.floats(spans.len() * heads * dim);
            let queries: Vec<Query<'_>> = q.chunks(heads * dim).zip(&spans).map(|(q, spans)| Query { q, spans }).collect();
            let mut outs = Vec::new();
            for threads in [1, 3] {
                let mut out = vec![f32::NAN; q.len()];
                attention_with(kernel, &Pool::new(threads, Wait::default()), &queries, heads, 0.2, None, &mut out);
                outs.push(out);
            }
            assert_eq!(outs[0], outs[1], "{kernel} bits {bits}: threads");
            let alone = Pool::new(1, Wait::Park);
            for (query, got) in queries.iter().zip(outs[0].chunks(heads * dim)) {
                let mut one = vec![0.0; got.len()];
                attention_with(kernel, &alone, &[*query], heads, 0.2, None, &mut one);
                for (a, b) in got.iter().zip(&one) {
                    assert!((a - b).abs() <= 2e-5, "{kernel} bits {bits} group {group} dim {dim}: {a} {b}");
                }
            }
        }
    }
}

/// A token does not see what follows it, not even a number that is none.
#[test]
fn the_future_poisons_nothing() {
    for kernel in Kernel::available() {
        for bits in [16, 8, 4] {
            let mut layer = KvLayer::new(1, 32, bits);
            let mut v = vec![1.0; 32 * 20];
            v[32 * 13 + 5] = f32::INFINITY;
            layer.append(&vec![0.5; 32 * 20], &v, 20);
            let q = vec![1.0; 32 * 20];
            let spans: Vec<[Span<'_>; 1]> = (0..20).map(|t| [Span { layer: &layer, start: 0, len: t + 1 }]).collect();
            let queries: Vec<Query<'_>> = q.chunks(32).zip(&spans).map(|(q, spans)| Query { q, spans }).collect();
            let mut out = vec![0.0; 32 * 20];
            attention_with(kernel, &Pool::new(1, Wait::Park), &queries, 1, 1.0, None, &mut out);
            for (t, out) in out.chunks(32).enumerate() {
                assert_eq!(out.iter().all(|v| v.is_finite()), t < 13, "{kernel} bits {bits} token {t}");
            }
        }
    }
}

#[test]
fn threads_change_nothing() {
    let mut r = Random(32);
    let (kv_heads, dim, len) = (2, 64, 1500);
    let mut layer = KvLayer::new(kv_heads, dim, 16);
    layer.append(&r.floats(len * kv_heads * dim), &r.floats(len * kv_heads * dim), len);
    let q = r.floats(6 * dim);
    let spans = [Span { layer: &layer, start: 3, len: len - 3 }];
    let outs: Vec<Vec<u32>> = [1, 2, 5]
        .into_iter()
        .map(|threads| {
            let mut out = vec![0.0; 6 * dim];
            attention(&Pool::new(threads, Wait::default()), &[Query { q: &q, spans: &spans }], 6, 0.125, None, &mut out);
            out.into_iter().map(f32::to_bits).collect()
        })
        .collect();
    assert!(outs[0] == outs[1] && outs[0] == outs[2]);
}

#[test]
fn nothing_seen_is_zero_and_a_poisoned_key_is_nan() {
    let pool = Pool::new(2, Wait::default());
    for bits in [16, 8, 4] {
        let mut layer = KvLayer::new(1, 32, bits);
        let q = vec![1.0; 32];
        let see = |layer: &KvLayer, len| {
            let mut out = vec![f32::NAN; 32];
            attention(&pool, &[Query { q: &q, spans: &[Span { layer, start: 0, len }] }], 1, 1.0, None, &mut out);
            out
        };
        assert!(see(&layer, 0).iter().all(|v| *v == 0.0));
        let mut k = vec![0.5; 64];
        k[40] = f32::NAN;
        layer.append(&k, &[1.0; 64], 2);
        assert!(see(&layer, 1).iter().all(|v| (*v - 1.0).abs() < 1e-3), "bits {bits}");
        assert!(see(&layer, 2).iter().all(|v| v.is_nan()), "bits {bits}");
        assert!(layer.bytes() > 0);
    }
}
