//! Attention that streams over cached positions.
//!
//! What goes over the same positions goes together: the query heads that share a KV head, and tokens that
//! follow each other in a text or stand on one prefix. Their rows (token, head) of a *block* share every
//! load and conversion of a key or value. Positions are taken in pieces: scores of a piece, their
//! exponentials, their share of the values; pieces are merged by the running maximum and sum of online
//! softmax (arXiv 1805.02867), in order, so that the result does not depend on the number of threads.

mod inner;
mod partial;

pub(crate) use inner::piece_with;
pub(crate) use partial::Partial;

use crate::kv::KvLayer;
use crate::{Kernel, Pool};
use std::cell::RefCell;
use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Positions of a piece, for one token and for a block: its scores stay in the first-level cache.
const PIECE: [usize; 2] = [512, 256];
/// Rows of a block: three times what the registers of most instruction sets take at once.
const ROWS: usize = 24;
/// Spans of neighbours are one segment when their ends differ by no more positions than this.
const RAGGED: usize = 32;

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

impl Span<'_> {
    fn end(&self) -> usize {
        self.start + self.len
    }
}

/// One token's queries and what they see, in order: a shared prefix first, own positions after.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// `heads × head_dim`.
    pub q: &'a [f32],
    /// What is seen. Causality is the caller's: one query a token with its own lengths.
    pub spans: &'a [Span<'a>],
}

/// Reused by one thread.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    /// Scaled queries of the block: `rows × head_dim`.
    pub(crate) queries: Vec<f32>,
    /// The same in eight bits, for 8- and 4-bit keys.
    pub(crate) codes: Vec<i8>,
    pub(crate) scales: Vec<f32>,
    pub(crate) sums: Vec<i32>,
    /// What each row sees of the piece.
    pub(crate) visible: Vec<Range<usize>>,
    /// Scores of the piece, then their exponentials: `rows × whole key blocks`.
    pub(crate) scores: Vec<f32>,
    /// Exponentials times a value's scale.
    pub(crate) weights: Vec<f32>,
    /// Of the piece's values at 8 and 4 bits: a scale, at 4 bits a minimum, of every group and position.
    pub(crate) value_scales: Vec<f32>,
    pub(crate) value_minima: Vec<f32>,
}

thread_local! {
    static BUFFERS: RefCell<(Buffers, Partial, Partial)> = RefCell::default();
}

/// Some positions that some rows of a block see.
pub(crate) struct Piece<'a> {
    pub(crate) layer: &'a KvLayer,
    pub(crate) kv_head: usize,
    pub(crate) start: usize,
    pub(crate) len: usize,
    pub(crate) rows: Range<usize>,
    pub(crate) softcap: Option<f32>,
}

/// `out[i][h] = Σ_p softmax_p(cap(scale · q[i][h] · k[p])) · v[p]` over the spans of query `i`.
///
/// `heads` query heads share the spans' KV heads evenly, in order. `out` is `queries × heads × head_dim`.
/// A query that sees nothing gets zeros. With 8- and 4-bit keys the query is quantised to 8 bits in blocks
/// of 32. Which queries stand beside each other changes rounding only.
///
/// # Panics
///
/// If lengths do not agree or a span reaches beyond its cache.
pub fn attention(pool: &Pool, queries: &[Query<'_>], heads: usize, scale: f32, softcap: Option<f32>, out: &mut [f32]) {
    attention_with(best(), pool, queries, heads, scale, softcap, out);
}

/// The widest instruction set of this machine.
fn best() -> Kernel {
    static BEST: OnceLock<Kernel> = OnceLock::new();
    *BEST.get_or_init(|| Kernel::available().last().copied().unwrap_or(Kernel::Scalar))
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
            assert!(s.end() <= s.layer.len(), "a span ends at {} of {}", s.end(), s.layer.len());
        }
    }
    let group = heads / kv_heads;
    let tokens = (ROWS / group.max(1)).max(1);
    let blocks: Vec<Block<'_>> =
        (0..queries.len()).step_by(tokens).map(|t| Block::new(queries, t..queries.len().min(t + tokens))).collect();
    let work = Work { kernel, queries, group, head_dim, kv_heads, scale, softcap };
    let out = Out(out.as_mut_ptr());
    // Blocks of a head follow each other: its keys and values stay in the cache.
    let item = |i: usize| (&blocks[i % blocks.len()], i / blocks.len());
    let items = blocks.len() * kv_heads;
    if items >= 2 * pool.threads() || pool.threads() == 1 {
        pool.split(items, 1, &|_, range| {
            BUFFERS.with_borrow_mut(|(buffers, part, total)| {
                for (block, kv_head) in range.map(item) {
                    work.gather(block, kv_head, buffers);
                    total.reset(block.rows(group), head_dim);
                    for (segment, start) in block.pieces() {
                        let rows = work.piece(block, kv_head, segment, start, buffers, part);
                        total.merge(rows, part);
                    }
                    work.store(block, kv_head, total, out);
                }
            });
        });
        return;
    }
    // Few heads, many positions: split over positions, then merge in the same order.
    let jobs: Vec<_> = (0..items).map(item).flat_map(|(b, h)| b.pieces().map(move |(s, at)| (b, h, s, at))).collect();
    let parts: Vec<Mutex<(Range<usize>, Partial)>> = jobs.iter().map(|_| Mutex::default()).collect();
    pool.split(jobs.len(), 1, &|_, range| {
        BUFFERS.with_borrow_mut(|(buffers, _, _)| {
            for i in range {
                let (block, kv_head, segment, start) = jobs[i];
                let (rows, part) = &mut *parts[i].lock().unwrap_or_else(PoisonError::into_inner);
                work.gather(block, kv_head, buffers);
                *rows = work.piece(block, kv_head, segment, start, buffers, part);
            }
        });
    });
    let mut total = Partial::default();
    let mut next = jobs.iter().zip(parts).peekable();
    for (block, kv_head) in (0..items).map(item) {
        total.reset(block.rows(group), head_dim);
        while let Some((_, part)) = next.next_if(|((b, h, ..), _)| std::ptr::eq(*b, block) && *h == kv_head) {
            let (rows, part) = part.into_inner().unwrap_or_else(PoisonError::into_inner);
            total.merge(rows, &part);
        }
        work.store(block, kv_head, &total, out);
    }
}

#[derive(Clone, Copy)]
struct Out(*mut f32);
// SAFETY: each (token, KV head) writes its own heads.
unsafe impl Send for Out {}
// SAFETY: as above.
unsafe impl Sync for Out {}

/// Queries that go together.
struct Block<'a> {
    tokens: Range<usize>,
    segments: Vec<Segment<'a>>,
}

/// Positions `start .. end` of a cache, of which each of some neighbours sees nearly all.
struct Segment<'a> {
    layer: &'a KvLayer,
    /// Which of the tokens' spans.
    span: usize,
    tokens: Range<usize>,
    start: usize,
    end: usize,
}

impl<'a> Block<'a> {
    fn new(queries: &[Query<'a>], tokens: Range<usize>) -> Self {
        let mut segments = Vec::new();
        let most = queries[tokens.clone()].iter().map(|q| q.spans.len()).max().unwrap_or(0);
        for span in 0..most {
            let mut t = tokens.start;
            while t < tokens.end {
                let Some(one) = queries[t].spans.get(span) else {
                    t += 1;
                    continue;
                };
                let (first, mut start, mut end) = (t, one.start, one.end());
                let joins = |next: &&Span<'a>| {
                    std::ptr::eq(next.layer, one.layer)
                        && next.start.abs_diff(one.start) <= RAGGED
                        && next.end().abs_diff(one.end()) <= RAGGED
                };
                t += 1;
                while t < tokens.end
                    && let Some(next) = queries[t].spans.get(span).filter(joins)
                {
                    (start, end, t) = (start.min(next.start), end.max(next.end()), t + 1);
                }
                segments.push(Segment { layer: one.layer, span, tokens: first..t, start, end });
            }
        }
        Self { tokens, segments }
    }

    /// Segments and first positions of pieces, in order.
    fn pieces(&self) -> impl Iterator<Item = (&Segment<'a>, usize)> {
        self.segments.iter().flat_map(|s| (s.start..s.end).step_by(s.piece()).map(move |start| (s, start)))
    }

    fn rows(&self, group: usize) -> usize {
        self.tokens.len() * group
    }
}

impl Segment<'_> {
    /// Positions of a piece.
    fn piece(&self) -> usize {
        PIECE[usize::from(self.tokens.len() > 1)]
    }
}

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
    /// Scaled queries of a KV head's rows.
    fn gather(&self, block: &Block<'_>, kv_head: usize, buffers: &mut Buffers) {
        let width = self.group * self.head_dim;
        buffers.queries.clear();
        for query in &self.queries[block.tokens.clone()] {
            buffers.queries.extend(query.q[kv_head * width..][..width].iter().map(|q| q * self.scale));
        }
    }

    /// Computes one piece; the rows that it is for.
    fn piece(
        &self,
        block: &Block<'_>,
        kv_head: usize,
        segment: &Segment<'_>,
        start: usize,
        buffers: &mut Buffers,
        part: &mut Partial,
    ) -> Range<usize> {
        let len = segment.piece().min(segment.end - start);
        let row = |token: usize| (token - block.tokens.start) * self.group;
        let rows = row(segment.tokens.start)..row(segment.tokens.end);
        buffers.visible.clear();
        for t in segment.tokens.clone() {
            let span = &self.queries[t].spans[segment.span];
            let within = |at: usize| at.clamp(start, start + len) - start;
            let seen = within(span.start)..within(span.end());
            buffers.visible.extend(std::iter::repeat_n(seen, self.group));
        }
        let piece = Piece { layer: segment.layer, kv_head, start, len, rows: rows.clone(), softcap: self.softcap };
        part.reset(rows.len(), segment.layer.dim);
        inner::run(self.kernel, &piece, buffers, part);
        rows
    }

    fn store(&self, block: &Block<'_>, kv_head: usize, total: &Partial, out: Out) {
        let width = self.group * self.head_dim;
        for (i, t) in block.tokens.clone().enumerate() {
            // SAFETY: t < queries and kv_head < kv_heads, so these heads lie in `out`, and no other item writes them.
            let out = unsafe { std::slice::from_raw_parts_mut({ out }.0.add((t * self.kv_heads + kv_head) * width), width) };
            total.finish(i * self.group, out);
        }
    }
}
