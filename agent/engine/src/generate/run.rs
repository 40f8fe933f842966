//! The loop: draw a token for each running sample, put all of them through the model.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::{Answer, Finish, Generation, Request};
use crate::error::EngineError;
use crate::model::{Chunk, Input, Prefix, Sequence, Stage, Want, Workspace};
use crate::sample::Sampler;
use crate::tokenizer::{Stream, Token, Tokenizer};
use crate::usage::{Meter, Usage};

/// What a caller hears while answers grow.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Text that became known: whole characters only, and nothing that may still be cut off.
    Text { sample: usize, text: &'a str },
    /// A sample ended.
    Finished(&'a Answer),
}

/// A sample that still grows.
struct Running<'t> {
    answer: Answer,
    sequence: Sequence,
    sampler: Sampler,
    stream: Stream<'t>,
    /// Bytes of the text that have been told.
    told: usize,
    /// Tokens that the model has not seen.
    pending: Vec<Token>,
    /// Tokens that may still be drawn.
    left: usize,
    /// Tokens that were drawn: a repetition penalty does not see what was forced.
    drawn: Vec<Token>,
}

/// Draws the request's samples. `hear` may break off: what runs then ends as cancelled, what has not
/// begun is left out.
///
/// # Errors
/// An empty prompt, no samples, numbers out of range, or a context that is too short for the prompt.
pub fn generate(
    stage: &Stage,
    tokenizer: &Tokenizer,
    request: &Request<'_>,
    hear: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Generation, EngineError> {
    paced(stage, tokenizer, request, &|| request.parallel, hear)
}

/// The same; `room` says before every step how many samples may run, at least one and at most `request.parallel`.
pub(super) fn paced(
    stage: &Stage,
    tokenizer: &Tokenizer,
    request: &Request<'_>,
    room: &dyn Fn() -> usize,
    hear: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
) -> Result<Generation, EngineError> {
    request.sampling.check()?;
    if request.samples == 0 || request.parallel == 0 || request.budget.tokens == 0 {
        return Err(EngineError::Input("an answer needs a sample, one at a time, and a token".into()));
    }
    if let Some(close) = &request.budget.close
        && let Some(t) = close.text.iter().find(|t| **t as usize >= stage.config().vocab)
    {
        return Err(EngineError::Input(format!("token {t} of a vocabulary of {}", stage.config().vocab)));
    }
    let meter = Meter::start(request.energy);
    let mut work = Workspace::new();
    let mut sequence = stage.sequence(request.kv_bits)?;
    let first = stage.prefill(&mut sequence, request.prompt, &mut work)?;
    let prefix = sequence.share()?;
    let prefill_seconds = meter.wall_seconds();

    let mut group = Group { stage, tokenizer, request, prefix: &prefix, running: Vec::new(), done: Vec::new(), cache_bytes: 0 };
    let mut begun = 0;
    let mut flow = ControlFlow::Continue(());
    while flow.is_continue() && (begun < request.samples || !group.running.is_empty()) {
        let waiting = group.running.len();
        let room = room().clamp(1, request.parallel);
        while begun < request.samples && group.running.len() < room {
            group.begin(begun)?;
            begun += 1;
        }
        let old = &mut group.running[..waiting];
        let mut chunks: Vec<Chunk<'_>> = old
            .iter_mut()
            .map(|r| Chunk { sequence: &mut r.sequence, input: Input::Tokens(&r.pending), want: Want::Last })
            .collect();
        let logits = if chunks.is_empty() { Vec::new() } else { stage.forward(&mut chunks, &mut work)? };
        // Those that have just begun draw from the prompt's logits.
        let rows = logits.chunks_exact(stage.config().vocab).chain(std::iter::repeat(&first[..]));
        flow = group.draw(rows, hear)?;
    }
    group.cancel(hear);
    let mut answers = group.done;
    answers.sort_by_key(|a| a.sample);
    let usage = Usage {
        prompt_tokens: request.prompt.len(),
        generated_tokens: answers.iter().map(|a| a.tokens.len()).sum(),
        prefill_seconds,
        decode_seconds: meter.wall_seconds() - prefill_seconds,
        cpu_seconds: meter.cpu_seconds(),
        joules: meter.joules(),
    };
    Ok(Generation { answers, usage, cache_bytes: prefix.bytes() + group.cache_bytes })
}

struct Group<'g, 'r> {
    stage: &'g Stage,
    tokenizer: &'g Tokenizer,
    request: &'g Request<'r>,
    prefix: &'g Arc<Prefix>,
    running: Vec<Running<'g>>,
    done: Vec<Answer>,
    /// Of samples that ended.
    cache_bytes: usize,
}

impl Group<'_, '_> {
    fn begin(&mut self, sample: usize) -> Result<(), EngineError> {
        let sequence = self.stage.sequence(self.request.kv_bits)?.on(self.prefix)?;
        self.running.push(Running {
            answer: Answer {
                sample,
                text: String::new(),
                tokens: Vec::new(),
                logprobs: Vec::new(),
                finish: Finish::Cancelled,
                closed: false,
            },
            sequence,
            sampler: Sampler::new(&self.request.sampling.for_sample(sample))?,
            stream: self.tokenizer.stream(),
            told: 0,
            pending: Vec::new(),
            left: self.request.budget.tokens,
            drawn: Vec::new(),
        });
        Ok(())
    }

    /// One token for each running sample, from its row of logits.
    fn draw<'l>(
        &mut self,
        rows: impl Iterator<Item = &'l [f32]>,
        hear: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, EngineError> {
        let mut flow = ControlFlow::Continue(());
        let mut still = Vec::new();
        for (mut r, row) in std::mem::take(&mut self.running).into_iter().zip(rows) {
            let finish = self.step(&mut r, row)?;
            // Bytes that stay no character; none are left after a text that was cut.
            if matches!(finish, Some(Finish::End | Finish::Budget)) {
                r.answer.text.push_str(&r.stream.finish());
            }
            let held = if finish.is_some() { 0 } else { self.held_back(&r.answer.text) };
            let tell = r.answer.text.len() - held;
            if flow.is_continue() && tell > r.told {
                flow = hear(Event::Text { sample: r.answer.sample, text: &r.answer.text[r.told..tell] });
                r.told = tell;
            }
            match finish {
                None => still.push(r),
                Some(finish) => {
                    r.answer.finish = finish;
                    let heard = hear(Event::Finished(&r.answer));
                    flow = if flow.is_continue() { heard } else { flow };
                    self.cache_bytes += r.sequence.bytes();
                    self.done.push(r.answer);
                }
            }
        }
        self.running = still;
        Ok(flow)
    }

    /// Draws and appends; why the sample ends, if it does.
    fn step(&self, r: &mut Running<'_>, row: &[f32]) -> Result<Option<Finish>, EngineError> {
        r.pending.clear();
        let choice = r.sampler.sample(row, &r.drawn)?;
        r.drawn.push(choice.token);
        r.answer.logprobs.push(choice.logprob);
        r.left -= 1;
        if self.tokenizer.is_end(choice.token) {
            return Ok(Some(Finish::End));
        }
        self.append(r, choice.token);
        if let Some(at) = self.request.stop.iter().filter(|s| !s.is_empty()).filter_map(|s| r.answer.text.find(s.as_str())).min()
        {
            r.answer.text.truncate(at);
            return Ok(Some(Finish::Stop));
        }
        if r.left == 0
            && !r.answer.closed
            && let Some(close) = &self.request.budget.close
        {
            r.answer.closed = true;
            r.left = close.tokens;
            close.text.iter().for_each(|token| self.append(r, *token));
        }
        let full = r.sequence.len() + r.pending.len() > self.stage.config().context;
        Ok((full || r.left == 0).then_some(Finish::Budget))
    }

    fn append(&self, r: &mut Running<'_>, token: Token) {
        r.answer.tokens.push(token);
        r.pending.push(token);
        r.answer.text.push_str(&r.stream.push(token));
    }

    /// Bytes at the end of a text that may become the beginning of a stop text.
    fn held_back(&self, text: &str) -> usize {
        let stops = self.request.stop.iter().filter(|s| !s.is_empty());
        let begins = |s: &String| (1..s.len()).rev().find(|n| s.is_char_boundary(*n) && text.ends_with(&s[..*n]));
        stops.filter_map(begins).max().unwrap_or(0)
    }

    fn cancel(&mut self, hear: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>) {
        for r in self.running.drain(..) {
            self.cache_bytes += r.sequence.bytes();
            // Whoever broke off hears the ends too, so that a screen can be closed.
            let _ = hear(Event::Finished(&r.answer));
            self.done.push(r.answer);
        }
    }
}
