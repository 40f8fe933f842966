//! Attention that streams over cached positions.
//!
//! Positions are taken in pieces of at most 512: scores of a piece, their exponentials, their share of
//! the values. Pieces are merged by the running maximum and sum of online softmax (arXiv 1805.02867), in
//! order, so that the result does not depend on the number of threads. Query heads that share a KV head
//! go together: a key or value is loaded and converted once for all of them.

mod inner;

pub(crate) use inner::{Step, by_heads};

use crate::kv::KvLayer;
use crate::{Kernel, Pool};
use std::sync::Mutex;

/// Positions of a piece: its scores fit the first-level cache.
const PIECE: usize = 512;

/// A run of cached positions.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The cache.
    pub layer: &'a KvLayer,
    /// First position.
    pub start: usize,
    /// Number of positions.
    pub len: usize,
}

/// One token's queries and what they see, in order: a shared prefix first, own positions after.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// `heads × head_dim`.
    pub q: &'a [f32],
    /// What is seen. Causality is the caller's: one query a token with its own lengths.
    pub spans: &'a [Span<'a>],
}

/// Attention of a group of query heads to some positions, before division by the sum.
#[derive(Clone, Debug)]
pub(crate) struct Partial {
    /// Largest score, for each head.
    pub(crate) max: Vec<f32>,
    /// Σ e^(score − max), for each head.
    pub(crate) sum: Vec<f32>,
    /// Σ e^(score − max) · value: `heads × dim`.
    pub(crate) values: Vec<f32>,
}

impl Partial {
    fn new(group: usize, dim: usize) -> Self {
        Self { max: vec![f32::NEG_INFINITY; group], sum: vec![0.0; group], values: vec![0.0; group * dim] }
    }

    /// Adds the positions that follow.
    fn merge(&mut self, next: &Self) {
        let dim = self.values.len() / self.max.len().max(1);
        for h in 0..self.max.len() {
            let max = self.max[h].max(next.max[h]);
            // −∞ − −∞ is NaN: a side without positions weighs nothing.
            let weight = |m: f32| if m == f32::NEG_INFINITY { 0.0 } else { (m - max).exp() };
            let (a, b) = (weight(self.max[h]), weight(next.max[h]));
            self.max[h] = max;
            self.sum[h] = self.sum[h] * a + next.sum[h] * b;
            for (v, n) in self.values[h * dim..][..dim].iter_mut().zip(&next.values[h * dim..][..dim]) {
                *v = *v * a + n * b;
            }
        }
    }

    /// Divides by the sum into `heads × head_dim`; zeros where nothing was seen.
    fn finish(&self, head_dim: usize, out: &mut [f32]) {
        let dim = self.values.len() / self.max.len().max(1);
        for (h, out) in out.chunks_exact_mut(head_dim).enumerate() {
            let inverse = if self.max[h] == f32::NEG_INFINITY && self.sum[h] == 0.0 { 0.0 } else { 1.0 / self.sum[h] };
            for (o, v) in out.iter_mut().zip(&self.values[h * dim..]) {
                *o = v * inverse;
            }
        }
    }
}

/// Reused by one thread.
#[derive(Default)]
pub(crate) struct Buffers {
    pub(crate) scores: Vec<f32>,
    pub(crate) weights: Vec<f32>,
    pub(crate) codes: Vec<i8>,
    pub(crate) scales: Vec<f32>,
    pub(crate) sums: Vec<i32>,
}

/// What a piece is computed from.
pub(crate) struct Piece<'a> {
    pub(crate) layer: &'a KvLayer,
    pub(crate) kv_head: usize,
    pub(crate) start: usize,
    pub(crate) len: usize,
    /// `group × head_dim`.
    pub(crate) q: &'a [f32],
    pub(crate) group: usize,
    pub(crate) scale: f32,
    pub(crate) softcap: Option<f32>,
}

/// `out[i][h] = Σ_p softmax_p(cap(scale · q[i][h] · k[p])) · v[p]` over the spans of query `i`.
///
/// `heads` query heads share the spans' KV heads evenly, in order. `out` is `queries × heads × head_dim`.
/// A query that sees nothing gets zeros. With 8- and 4-bit keys the query is quantised to 8 bits in blocks
/// of 32.
///
/// # Panics
///
/// If lengths do not agree or a span reaches beyond its cache.
pub fn attention(pool: &Pool, queries: &[Query<'_>], heads: usize, scale: f32, softcap: Option<f32>, out: &mut [f32]) {
    attention_with(best(), pool, queries, heads, scale, softcap, out);
}

/// The widest instruction set of this machine.
fn best() -> Kernel {
    Kernel::available().last().copied().unwrap_or(Kernel::Scalar)
}

/// The same with a given kernel, for tests and measurements.
///
/// # Panics
///
/// As [`attention`]; and if this machine cannot run `kernel`.
pub fn attention_with(
    kernel: Kernel,
    pool: &Pool,
    queries: &[Query<'_>],
    heads: usize,
    scale: f32,
    softcap: Option<f32>,
    out: &mut [f32],
) {
    assert!(kernel.is_available(), "this machine cannot run {kernel}");
    let Some(first) = queries.iter().flat_map(|q| q.spans).next() else {
        out.fill(0.0);
        return;
    };
    let (kv_heads, head_dim) = (first.layer.kv_heads(), first.layer.head_dim());
    assert!(heads.is_multiple_of(kv_heads), "{heads} query heads over {kv_heads} KV heads");
    assert_eq!(out.len(), queries.len() * heads * head_dim, "queries x heads x dimension");
    for query in queries {
        assert_eq!(query.q.len(), heads * head_dim, "heads x dimension");
        for s in query.spans {
            assert!(s.layer.kv_heads() == kv_heads && s.layer.head_dim() == head_dim, "spans of one shape");
            assert!(s.start + s.len <= s.layer.len(), "a span ends at {} of {}", s.start + s.len, s.layer.len());
        }
    }
    let group = heads / kv_heads;
    let work = Work { kernel, queries, group, head_dim, kv_heads, scale, softcap };
    let out = Out(out.as_mut_ptr());
    let items = queries.len() * kv_heads;
    let buffers: Vec<Mutex<Buffers>> = (0..pool.threads()).map(|_| Mutex::default()).collect();
    let held = |thread: usize| buffers[thread].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if items >= 2 * pool.threads() || pool.threads() == 1 {
        pool.split(items, 1, &|thread, range| {
            for item in range {
                let mut total: Option<Partial> = None;
                for piece in work.pieces(item / kv_heads) {
                    let part = work.piece(item, piece, &mut held(thread));
                    match &mut total {
                        None => total = Some(part),
                        Some(total) => total.merge(&part),
                    }
                }
                work.store(item, total, out);
            }
        });
        return;
    }
    // Few heads, many positions: split over positions, then merge in the same order.
    let jobs: Vec<(usize, (usize, usize, usize))> =
        (0..items).flat_map(|item| work.pieces(item / kv_heads).map(move |piece| (item, piece))).collect();
    let parts: Vec<Mutex<Option<Partial>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    pool.split(jobs.len(), 1, &|thread, range| {
        for i in range {
            let part = work.piece(jobs[i].0, jobs[i].1, &mut held(thread));
            *parts[i].lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(part);
        }
    });
    let mut next = jobs.iter().zip(parts).peekable();
    for item in 0..items {
        let mut total: Option<Partial> = None;
        while let Some((_, part)) = next.next_if(|((at, _), _)| *at == item) {
            let part = part.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            match (&mut total, part) {
                (Some(total), Some(part)) => total.merge(&part),
                (None, part) => total = part,
                (_, None) => {}
            }
        }
        work.store(item, total, out);
    }
}

#[derive(Clone, Copy)]
struct Out(*mut f32);
// SAFETY: each (query, KV head) writes its own heads.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

struct Work<'a> {
    kernel: Kernel,
    queries: &'a [Query<'a>],
    group: usize,
    head_dim: usize,
    kv_heads: usize,
    scale: f32,
    softcap: Option<f32>,
}

impl Work<'_> {
    /// `(span, start, length)` of the query's pieces, in order.
    fn pieces(&self, query: usize) -> impl Iterator<Item = (usize, usize, usize)> {
        self.queries[query].spans.iter().enumerate().flat_map(|(i, s)| {
            let (start, end) = (s.start, s.start + s.len);
            (start..end).step_by(PIECE).map(move |at| (i, at, PIECE.min(end - at)))
        })
    }

    fn piece(&self, item: usize, (span, start, len): (usize, usize, usize), buffers: &mut Buffers) -> Partial {
        let (query, kv_head) = (&self.queries[item / self.kv_heads], item % self.kv_heads);
        let width = self.group * self.head_dim;
        let layer = query.spans[span].layer;
        let mut part = Partial::new(self.group, layer.dim);
        let piece = Piece {
            layer,
            kv_head,
            start,
            len,
            q: &query.q[kv_head * width..][..width],
            group: self.group,
            scale: self.scale,
            softcap: self.softcap,
        };
        inner::run(self.kernel, &piece, buffers, &mut part);
        part
    }

    fn store(&self, item: usize, total: Option<Partial>, out: Out) {
        let width = self.group * self.head_dim;
        // SAFETY: item < queries · kv_heads, so these heads lie in `out`, and no other item writes them.
        let out = unsafe { std::slice::from_raw_parts_mut({ out }.0.add(item * width), width) };
        match total {
            Some(total) => total.finish(self.head_dim, out),
            None => out.fill(0.0),
        }
    }
}
