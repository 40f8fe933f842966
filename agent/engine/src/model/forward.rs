//! One step: tokens or hidden states of a batch through a stage's layers.

use kernels::{
    Matrix, Query, RopeLayout, Rotation, add, attention, matmul, matmul_gated, rms_norm, rms_norm_in_place, rope, scale,
};

use super::load::{Head, Layer, Stage};
use super::profile::{Op, lap};
use super::sequence::Sequence;
use super::shard::Partner;
use super::workspace::{Workspace, sized};
use crate::error::EngineError;
use crate::stream::Pass;
use crate::tokenizer::Token;

/// Tokens that a prefill puts through the matrices together: enough to be limited by arithmetic, few
/// enough that activations stay in the cache.
pub const PREFILL: usize = 256;

/// Most sequences whose next tokens go together and come out with the very bytes that each has alone. With more, weights
/// are unpacked once for all: a third faster at sixteen, with sums in another order.
pub const APART: usize = 8;

/// What goes in.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// For a stage with the token table.
    Tokens(&'a [Token]),
    /// Hidden states of the stage before: tokens × hidden.
    Hidden(&'a [f32]),
}

/// For which of a chunk's tokens a stage with a head gives logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    Nothing,
    Last,
    All,
}

/// Tokens that follow in one sequence.
#[derive(Debug)]
pub struct Chunk<'a> {
    pub sequence: &'a mut Sequence,
    pub input: Input<'a>,
    /// Ignored by a stage without a head, which gives all hidden states.
    pub want: Want,
}

impl Chunk<'_> {
    fn tokens(&self, hidden: usize) -> usize {
        match self.input {
            Input::Tokens(tokens) => tokens.len(),
            Input::Hidden(states) => states.len() / hidden,
        }
    }
}

impl Stage {
    /// Runs a batch. The result is, chunk after chunk, logits (wanted tokens × vocabulary) of a stage
    /// with a head, and hidden states (tokens × hidden) of one without.
    ///
    /// The same sequences in one batch or in several give the same numbers within the rounding of
    /// sums, and one token each of up to [`APART`] sequences the very same bytes; the same batch gives the same bytes
    /// on any number of threads.
    ///
    /// # Errors
    /// Input of the wrong kind or size, a token beyond the vocabulary, or a sequence that would
    /// outgrow the context. Nothing has been appended then.
    pub fn forward(&self, chunks: &mut [Chunk<'_>], work: &mut Workspace) -> Result<Vec<f32>, EngineError> {
        if self.shard().is_some() {
            return Err(EngineError::Input("half of a stage goes forward with its partner: forward_shared".into()));
        }
        self.all_or_nothing(chunks, work, None)
    }

    /// [`forward`](Self::forward) of one half of a stage that two devices share. Both halves go forward at the same
    /// time, with the same texts at the same positions; the one without the token table takes the states that the
    /// other's partner was given at the [beginning](Partner::begin).
    ///
    /// The sums differ from those of the whole stage by their rounding, and by what the partner rounds.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and those of the partner. Nothing has been appended then.
    pub fn forward_shared(
        &self,
        chunks: &mut [Chunk<'_>],
        work: &mut Workspace,
        partner: &mut dyn Partner,
    ) -> Result<Vec<f32>, EngineError> {
        self.all_or_nothing(chunks, work, Some(partner))
    }

    fn all_or_nothing(
        &self,
        chunks: &mut [Chunk<'_>],
        work: &mut Workspace,
        partner: Option<&mut dyn Partner>,
    ) -> Result<Vec<f32>, EngineError> {
        self.check(chunks)?;
        let before: Vec<usize> = chunks.iter().map(|c| c.sequence.len()).collect();
        let result = self.run(chunks, work, partner);
        // A layer whose weights could not be read ends the pass: those before it have appended.
        if result.is_err() {
            chunks.iter_mut().zip(before).for_each(|(c, len)| c.sequence.truncate(len));
        }
        result
    }

    fn run(
        &self,
        chunks: &mut [Chunk<'_>],
        work: &mut Workspace,
        mut partner: Option<&mut dyn Partner>,
    ) -> Result<Vec<f32>, EngineError> {
        let ends = self.head.is_some() && chunks.iter().any(|c| c.want != Want::Nothing);
        let pass = &mut self.pass(ends);
        if let Some(profile) = &mut work.profile {
            profile.start();
        }
        let hidden = self.config.hidden;
        let n: usize = chunks.iter().map(|c| c.tokens(hidden)).sum();
        let apart = (2..=APART).contains(&n) && chunks.len() == n && chunks.iter().all(|c| c.tokens(hidden) == 1);
        work.scratch.apart(apart);
        let x = sized(&mut work.x, n * hidden);
        let mut rows = x.chunks_exact_mut(hidden);
        for chunk in chunks.iter() {
            match chunk.input {
                Input::Tokens(tokens) => {
                    for (token, row) in tokens.iter().zip(&mut rows) {
                        self.embed(*token, row, pass)?;
                    }
                }
                Input::Hidden(states) => {
                    states.chunks_exact(hidden).zip(&mut rows).for_each(|(state, row)| row.copy_from_slice(state));
                }
            }
        }
        // Where each token stands, and its rotations.
        let places: Vec<Place> = (0..chunks.len())
            .flat_map(|i| {
                let start = chunks[i].sequence.len();
                (start..start + chunks[i].tokens(hidden)).map(move |position| Place { chunk: i, position })
            })
            .collect();
        let rotations = [0, 1].map(|kind| -> Vec<Rotation> {
            let used = self.layers.iter().any(|l| usize::from(l.windowed_rope) == kind);
            let places = if used { &places[..] } else { &[] };
            places.iter().map(|p| Rotation::new(p.position, &self.frequencies[kind])).collect()
        });
        if let Some(partner) = &mut partner {
            partner.begin(&mut work.x[..n * hidden])?;
        }
        lap(&mut work.profile, Op::Embed);
        for (i, layer) in self.layers.iter().enumerate() {
            let [after_attention, after_mlp] = match &layer.post_norms {
                Some([attention, mlp]) => [Some(attention), Some(mlp)],
                None => [None, None],
            };
            let rotations = &rotations[usize::from(layer.windowed_rope)];
            self.attend(i, layer, (chunks, &places, rotations, apart), (&mut *work, &mut *pass))?;
            self.add(n, after_attention, work, &mut partner)?;
            self.think(layer, n, work, pass)?;
            self.add(n, after_mlp, work, &mut partner)?;
        }
        match &self.head {
            None => Ok(work.x[..n * hidden].to_vec()),
            Some(head) => self.logits(head, chunks, work, pass),
        }
    }

    /// Runs a text of any length through the stage in batches of [`PREFILL`] tokens, and gives the
    /// logits (vocabulary) of its last token.
    ///
    /// # Errors
    /// As [`forward`](Self::forward), and for an empty text or a stage without token table or head.
    /// The batches before the one that failed have been appended.
    pub fn prefill(&self, sequence: &mut Sequence, tokens: &[Token], work: &mut Workspace) -> Result<Vec<f32>, EngineError> {
        if tokens.is_empty() || self.head.is_none() {
            return Err(EngineError::Input("a prefill needs a token, and a stage with a head".into()));
        }
        let limit = self.config.context;
        let wanted = sequence.len().saturating_add(tokens.len());
        if wanted > limit {
            return Err(EngineError::Context { wanted, limit });
        }
        let mut logits = Vec::new();
        let last = (tokens.len() - 1) / PREFILL;
        for (i, batch) in tokens.chunks(PREFILL).enumerate() {
            let want = if i == last { Want::Last } else { Want::Nothing };
            logits = self.forward(&mut [Chunk { sequence, input: Input::Tokens(batch), want }], work)?;
        }
        Ok(logits)
    }

    fn check(&self, chunks: &[Chunk<'_>]) -> Result<(), EngineError> {
        let c = &self.config;
        for chunk in chunks {
            let n = match (chunk.input, &self.embedding) {
                (Input::Tokens(tokens), Some(_)) => match tokens.iter().find(|t| **t as usize >= c.vocab) {
                    Some(t) => return Err(EngineError::Input(format!("token {t} of a vocabulary of {}", c.vocab))),
                    None => tokens.len(),
                },
                (Input::Hidden(states), None) if states.len().is_multiple_of(c.hidden) => states.len() / c.hidden,
                (Input::Hidden(states), None) => {
                    return Err(EngineError::Input(format!("{} numbers are no hidden states of {}", states.len(), c.hidden)));
                }
                (Input::Tokens(_), None) => return Err(EngineError::Input("tokens for a stage without a token table".into())),
                (Input::Hidden(_), Some(_)) => {
                    return Err(EngineError::Input("hidden states for a stage that takes tokens".into()));
                }
            };
            if chunk.sequence.layers() != self.layers.len() {
                let why = format!("a cache of {} layers for a stage of {}", chunk.sequence.layers(), self.layers.len());
                return Err(EngineError::Input(why));
            }
            match chunk.sequence.len().checked_add(n) {
                Some(wanted) if wanted <= c.context => {}
                wanted => return Err(EngineError::Context { wanted: wanted.unwrap_or(usize::MAX), limit: c.context }),
            }
        }
        Ok(())
    }

    fn embed(&self, token: Token, row: &mut [f32], pass: &mut Option<Pass<'_>>) -> Result<(), EngineError> {
        if let Some(table) = &self.embedding {
            table.row(token as usize, row, pass)?;
        }
        if self.config.architecture.scaled_embedding {
            scale(row, (self.config.hidden as f32).sqrt());
        }
        Ok(())
    }

    /// `x += norm(added)`, where the partner's part of the sum is added first.
    fn add(
        &self,
        n: usize,
        norm: Option<&Vec<f32>>,
        work: &mut Workspace,
        partner: &mut Option<&mut dyn Partner>,
    ) -> Result<(), EngineError> {
        let c = &self.config;
        let (x, added) = (&mut work.x[..n * c.hidden], &mut work.added[..n * c.hidden]);
        if let Some(partner) = partner {
            partner.sum(added)?;
        }
        if let Some(norm) = norm {
            rms_norm_in_place(added, norm, c.eps);
        }
        add(x, added);
        lap(&mut work.profile, Op::Add);
        Ok(())
    }

    /// `added = attention(norm(x))`
    fn attend(
        &self,
        i: usize,
        layer: &Layer,
        batch: Tokens<'_, '_>,
        (work, pass): (&mut Workspace, &mut Option<Pass<'_>>),
    ) -> Result<(), EngineError> {
        let [attention, ..] = &layer.bundles;
        attention.with(pass, |m| {
            if let [q, k, v, o] = m {
                self.attend_with(i, layer, [q, k, v, o], batch, work);
            }
        })
    }

    fn attend_with(
        &self,
        i: usize,
        layer: &Layer,
        [wq, wk, wv, wo]: [&Matrix; 4],
        (chunks, places, rotations, apart): Tokens<'_, '_>,
        work: &mut Workspace,
    ) {
        let c = &self.config;
        let (n, (q_width, kv_width)) = (places.len(), c.widths());
        let x = &work.x[..n * c.hidden];
        let normed = sized(&mut work.normed, n * c.hidden);
        rms_norm(x, &layer.attn_norm, c.eps, normed);
        lap(&mut work.profile, Op::Norm);
        let q = sized(&mut work.q, n * q_width);
        let k = sized(&mut work.k, n * kv_width);
        let v = sized(&mut work.v, n * kv_width);
        matmul(&self.pool, normed, n, &[wq, wk, wv], &mut [q, k, v], &mut work.scratch);
        lap(&mut work.profile, Op::Qkv);
        if let Some([bq, bk, bv]) = &layer.biases {
            for (out, bias) in [(&mut *q, bq), (&mut *k, bk), (&mut *v, bv)] {
                out.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
            }
        }
        if let Some([nq, nk]) = &layer.qk_norms {
            rms_norm_in_place(q, nq, c.eps);
            rms_norm_in_place(k, nk, c.eps);
        }
        let layout = if c.architecture.rope_neighbours { RopeLayout::Interleaved } else { RopeLayout::HalfSplit };
        for ((q, k), rotation) in q.chunks_exact_mut(q_width).zip(k.chunks_exact_mut(kv_width)).zip(rotations) {
            rope(q, c.head_dim, layout, rotation);
            rope(k, c.head_dim, layout, rotation);
        }
        lap(&mut work.profile, Op::Rotate);
        let mut at = 0;
        for chunk in chunks.iter_mut() {
            let n = chunk.tokens(c.hidden);
            let range = at * kv_width..(at + n) * kv_width;
            chunk.sequence.append(i, &k[range.clone()], &v[range], n);
            at += n;
        }
        lap(&mut work.profile, Op::Cache);
        let mut spans = Vec::with_capacity(2 * n);
        let mut ends = Vec::with_capacity(n);
        for place in places {
            let to = place.position + 1;
            let from = layer.window.map_or(0, |w| to.saturating_sub(w));
            chunks[place.chunk].sequence.spans(i, from, to, &mut spans);
            ends.push(spans.len());
        }
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let seen = starts.zip(&ends).map(|(start, end)| &spans[start..*end]);
        let queries: Vec<Query<'_>> = q.chunks_exact(q_width).zip(seen).map(|(q, spans)| Query { q, spans }).collect();
        let attended = sized(&mut work.attended, n * q_width);
        // Neighbours that stand on one prefix share its loads, in another order.
        let together = if apart { 1 } else { n.max(1) };
        for (queries, attended) in queries.chunks(together).zip(attended.chunks_mut(together * q_width)) {
            attention(&self.pool, queries, c.heads, c.attention_scale, None, attended);
        }
        lap(&mut work.profile, Op::Attention);
        let added = sized(&mut work.added, n * c.hidden);
        matmul(&self.pool, attended, n, &[wo], &mut [added], &mut work.scratch);
        lap(&mut work.profile, Op::AttnOut);
    }

    /// `added = mlp(norm(x))`
    fn think(&self, layer: &Layer, n: usize, work: &mut Workspace, pass: &mut Option<Pass<'_>>) -> Result<(), EngineError> {
        let c = &self.config;
        let [_, both, down] = &layer.bundles;
        rms_norm(&work.x[..n * c.hidden], &layer.ffn_norm, c.eps, sized(&mut work.normed, n * c.hidden));
        lap(&mut work.profile, Op::Norm);
        both.with(pass, |m| {
            if let [gate, up] = m {
                let out = sized(&mut work.gate, n * gate.rows());
                let x = &work.normed[..n * c.hidden];
                matmul_gated(&self.pool, x, n, [gate, up], c.architecture.activation, out, &mut work.scratch);
            }
        })?;
        lap(&mut work.profile, Op::GateUp);
        down.with(pass, |m| {
            for down in m {
                let added = sized(&mut work.added, n * c.hidden);
                matmul(&self.pool, &work.gate[..n * down.cols()], n, &[down], &mut [added], &mut work.scratch);
            }
        })?;
        lap(&mut work.profile, Op::Down);
        Ok(())
    }

    /// Wanted rows of the last hidden states, normalised, times the output matrix.
    fn logits(
        &self,
        head: &Head,
        chunks: &[Chunk<'_>],
        work: &mut Workspace,
        pass: &mut Option<Pass<'_>>,
    ) -> Result<Vec<f32>, EngineError> {
        let hidden = self.config.hidden;
        work.rows.clear();
        let mut at = 0;
        for chunk in chunks {
            let n = chunk.tokens(hidden);
            let wanted = match chunk.want {
                Want::Nothing => 0,
                Want::Last => n.min(1),
                Want::All => n,
            };
            work.rows.extend_from_slice(&work.x[(at + n - wanted) * hidden..(at + n) * hidden]);
            at += n;
        }
        let m = work.rows.len() / hidden;
        let mut out = vec![0.0; m * self.config.vocab];
        rms_norm_in_place(&mut work.rows, &head.norm, self.config.eps);
        head.table.multiply(&self.pool, (&work.rows, m), &mut out, &mut work.scratch, pass)?;
        lap(&mut work.profile, Op::Head);
        Ok(out)
    }
}

/// Chunks, where each of their tokens stands, its rotations, and whether each attends alone.
type Tokens<'a, 'c> = (&'a mut [Chunk<'c>], &'a [Place], &'a [Rotation], bool);

/// Where one token of the batch stands.
#[derive(Clone, Copy)]
struct Place {
    chunk: usize,
    position: usize,
}
