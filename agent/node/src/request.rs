//! One request at the entry of its pipeline: prompt in, text out, replayed where a stage is lost.

use crate::clock;
use crate::hop::Draw;
use crate::link::{Link, StepError};
use crate::loaded::{Loaded, LoadedStage};
use crate::shared::Shared;
use crate::shell::Input as Word;
use crate::traffic::Ticket;
use engine::generate::{Close, Finish};
use engine::model::{Input, PREFILL};
use engine::sample::Choice;
use engine::tokenizer::Stream;
use engine::{EngineError, Sampling, Token};
use fleet::agent::Event;
use protocol::{Name, SignedPlan};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

/// Wait between two attempts.
const AGAIN: Duration = Duration::from_millis(200);
/// Tokens of an answer that are replayed one by one, as they were made: a batch of them rounds otherwise, and where
/// two tokens are nearly as likely the answer would go on as another one. Longer answers take that risk for the time.
const EXACT: usize = 256;
/// Tokens that an opening carries for the repetition penalty.
const RECENT: usize = 256;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) prompt: Vec<Token>,
    /// Most tokens of the answer.
    pub(crate) tokens: usize,
    pub(crate) sampling: Sampling,
    /// Texts that end the answer and are cut off it.
    pub(crate) stop: Vec<String>,
    /// What the model is made to say before `tokens` are used up, and how many of them are left for what follows.
    pub(crate) close: Option<Close>,
    /// Nothing is told before all is known.
    pub(crate) whole: bool,
}

impl Ask {
    /// Tokens of the answer before it is made to close, in a context of so many; `None` where nothing closes it, or too
    /// few are asked for: then it is cut off.
    pub(crate) fn thinks(&self, context: usize) -> Option<usize> {
        let close = self.close.as_ref()?;
        let all = self.tokens.min(context.saturating_sub(self.prompt.len()));
        all.checked_sub(close.text.len() + close.tokens).filter(|n| *n > 0)
    }
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) finish: Finish,
    pub(crate) tokens: usize,
    pub(crate) ttft_s: Option<f64>,
    pub(crate) whole_s: f64,
    /// Mean log-probability of its tokens, the one that ended it included.
    pub(crate) logprob: f64,
    /// It was made to close.
    pub(crate) closed: bool,
}

/// Where a request runs: the pipeline of a plan, for which it counts until it leaves.
pub(crate) struct Place {
    pub(crate) service: Name,
    pub(crate) ticket: Ticket,
    pub(crate) loaded: Arc<Loaded>,
}

impl Place {
    /// A place in the plan that takes requests now; `None` while none does.
    pub(crate) fn take(shared: &Arc<Shared>, service: &Name) -> Option<Self> {
        let at = Arc::clone(shared);
        let drained = Box::new(move |plan| at.tell(Word::Event(Event::Drained { plan })));
        let ticket = shared.traffic.enter(service, drained)?;
        let loaded = shared.loaded(ticket.plan.id)?;
        let place = Self { service: service.clone(), ticket, loaded };
        place.entry()?;
        Some(place)
    }

    /// The first stage, which has what reads and writes texts.
    pub(crate) fn entry(&self) -> Option<&LoadedStage> {
        self.loaded.stage(&self.service, self.ticket.replica, 0).filter(|s| s.text.is_some())
    }

    /// Stages of this pipeline.
    pub(crate) fn stages(&self, shared: &Shared) -> usize {
        let held = shared.held().into_iter().find(|signed| signed.order.plan() == self.ticket.plan);
        let of = |signed: &SignedPlan| {
            let service = signed.plan.services.iter().find(|s| s.name == self.service.as_str())?;
            Some(service.replicas.get(self.ticket.replica as usize)?.stages.len())
        };
        held.and_then(|signed| of(&signed)).unwrap_or(1)
    }

    /// A place for the same model, where requests do not go to this pipeline any more but to another one, of this
    /// plan or the next.
    fn other(&self, shared: &Arc<Shared>) -> Option<Self> {
        // A plan that was loaded anew is another place too.
        let same = shared.loaded(self.ticket.plan.id).is_some_and(|l| Arc::ptr_eq(&l, &self.loaded));
        if same && shared.traffic.is_open(self.ticket.plan, &self.service, self.ticket.replica) {
            return None;
        }
        let other = Self::take(shared, &self.service)?;
        (other.entry()?.model == self.entry()?.model).then_some(other)
    }
}

/// A request that runs at one place.
struct Running<'r> {
    shared: &'r Shared,
    loaded: &'r Loaded,
    entry: &'r LoadedStage,
    ask: &'r Ask,
    link: Option<Link<'r>>,
}

/// What an answer is so far, wherever it goes on.
struct Talk<'t> {
    /// Tokens.
    said: Vec<Token>,
    out: Out<'t>,
    start: f64,
    ttft_s: Option<f64>,
    /// Since when no token could be made.
    lost: Option<f64>,
    /// Log-probabilities of the tokens that were drawn: their sum, and how many.
    likely: (f64, usize),
    /// Those of `said` that were not drawn.
    forced: Range<usize>,
    /// Tokens at the end of `said` that the model has not seen.
    unseen: usize,
}

impl Talk<'_> {
    /// The model is made to say a text. True where that has come to a stop.
    fn force(&mut self, text: &[Token]) -> bool {
        let from = self.said.len();
        let stopped = text.iter().any(|token| {
            self.said.push(*token);
            self.unseen += 1;
            self.out.push(*token)
        });
        self.forced = from..self.said.len();
        stopped
    }

    /// How the last stage goes on: only what it drew counts for its random numbers and its penalty.
    fn draw(&self, sampling: &Sampling) -> Draw {
        let (before, after) = (&self.said[..self.forced.start], &self.said[self.forced.end..]);
        let drawn: Vec<Token> = before.iter().chain(after).copied().collect();
        let recent = drawn[drawn.len().saturating_sub(RECENT)..].to_vec();
        Draw { sampling: sampling.clone(), drawn: drawn.len(), recent }
    }
}

/// Answers a request; `hear` gets the text as it becomes known, and may break off.
///
/// Where a stage is lost, the answer goes on from its tokens so far: on the same pipeline once that is whole again,
/// on another one that begins here, or on that of the plan which has taken its place.
///
/// # Errors
/// When the prompt does not fit, or a stage stays lost; at once where nothing was told yet and another device answers.
pub(crate) fn answer(
    shared: &Arc<Shared>,
    place: &mut Place,
    ask: &Ask,
    hear: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Answer, StepError> {
    let missing = || StepError::from(EngineError::Input("the plan was unloaded".into()));
    let entry = place.entry().ok_or_else(missing)?;
    let text = entry.text.clone().ok_or_else(missing)?;
    let context = entry.stage.config().context;
    if ask.prompt.is_empty() {
        return Err(EngineError::Input("an empty prompt".into()).into());
    }
    if ask.prompt.len() >= context {
        return Err(EngineError::Context { wanted: ask.prompt.len() + 1, limit: context }.into());
    }
    let out = Out { stream: text.tokenizer.stream(), text: String::new(), told: 0, stop: &ask.stop };
    let mut talk = Talk {
        said: Vec::new(),
        out,
        start: clock::seconds(),
        ttft_s: None,
        lost: None,
        likely: (0.0, 0),
        forced: 0..0,
        unseen: 0,
    };
    let is_end = |token| text.tokenizer.is_end(token);
    loop {
        let entry = place.entry().ok_or_else(missing)?;
        let mut running = Running { shared, loaded: &place.loaded, entry, ask, link: None };
        let lost = match running.talk(&mut talk, &is_end, hear) {
            Ok(finish) => {
                let whole_s = clock::seconds() - talk.start;
                let logprob = talk.likely.0 / talk.likely.1.max(1) as f64;
                let closed = !talk.forced.is_empty();
                return Ok(Answer { finish, tokens: talk.said.len(), ttft_s: talk.ttft_s, whole_s, logprob, closed });
            }
            Err(e) => e,
        };
        drop(running);
        let since = *talk.lost.get_or_insert_with(clock::seconds);
        if !lost.passes() || clock::seconds() - since >= f64::from(shared.limits.heal_ms) / 1e3 {
            return Err(lost);
        }
        shared.metrics.heal();
        match place.other(shared) {
            Some(other) => *place = other,
            // Who has heard nothing yet need not wait for what is lost: another device begins anew.
            None if (ask.whole || talk.out.told == 0) && elsewhere(shared, &place.service) => return Err(StepError::Elsewhere),
            None => std::thread::sleep(AGAIN),
        }
    }
}

/// Whether a service is not answered here any more, and is by another device.
pub(crate) fn elsewhere(shared: &Shared, service: &Name) -> bool {
    !shared.traffic.services().contains(service) && crate::http::forward::services(shared).contains(service)
}

impl Running<'_> {
    /// Goes on until the answer ends or a stage is lost.
    fn talk(
        &mut self,
        talk: &mut Talk<'_>,
        is_end: &dyn Fn(Token) -> bool,
        hear: &mut dyn FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Finish, StepError> {
        let (context, prompt) = (self.entry.stage.config().context, self.ask.prompt.len());
        let thinks = self.ask.thinks(context);
        loop {
            let choice = self.next(talk)?;
            talk.lost = None;
            talk.likely = (talk.likely.0 + f64::from(choice.logprob), talk.likely.1 + 1);
            talk.ttft_s.get_or_insert(clock::seconds() - talk.start);
            let ended = is_end(choice.token);
            let mut stopped = !ended && talk.out.push(choice.token);
            if !ended {
                talk.said.push(choice.token);
                talk.unseen += 1;
            }
            if let Some(close) = self.ask.close.as_ref().filter(|_| !ended && !stopped && Some(talk.said.len()) == thinks) {
                stopped = talk.force(&close.text);
            }
            let full = talk.said.len() >= self.ask.tokens || prompt + talk.said.len() >= context;
            let done = match (ended, stopped, full) {
                (true, ..) => Some(Finish::End),
                (_, true, _) => Some(Finish::Stop),
                (_, _, true) => Some(Finish::Budget),
                _ => None,
            };
            let known = talk.out.known(done);
            let flow = if known.is_empty() { ControlFlow::Continue(()) } else { hear(&known) };
            if let Some(finish) = done.or(flow.is_break().then_some(Finish::Cancelled)) {
                return Ok(finish);
            }
        }
    }

    /// The next token: after the last ones, or at a new place, after everything anew.
    fn next(&mut self, talk: &mut Talk<'_>) -> Result<Choice, StepError> {
        let said = &talk.said;
        let mut batches: Vec<&[Token]> = Vec::new();
        if self.link.is_none() {
            let draw = talk.draw(&self.ask.sampling);
            let within_ms = self.shared.limits.hop_ms;
            self.link = Some(Link::open(self.shared, self.loaded.plan.id, self.entry, &draw, within_ms)?);
            batches.extend(self.ask.prompt.chunks(PREFILL));
            let (early, late) = said.split_at(said.len().saturating_sub(EXACT));
            batches.extend(early.chunks(PREFILL).chain(late.chunks(1)));
        } else {
            // One by one what was forced as well, so that a replay can be exact.
            batches.extend(said[said.len().saturating_sub(talk.unseen)..].chunks(1));
        }
        let last = batches.len().saturating_sub(1);
        let mut drawn = None;
        for (i, batch) in batches.into_iter().enumerate() {
            if let Some(link) = &mut self.link {
                drawn = link.step(Input::Tokens(batch), i == last)?;
            }
        }
        talk.unseen = 0;
        drawn.ok_or_else(|| EngineError::Input("no token was drawn".into()).into())
    }
}

/// The answer's text, of which what may still be cut off is held back.
struct Out<'t> {
    stream: Stream<'t>,
    text: String,
    /// Bytes that were told.
    told: usize,
    stop: &'t [String],
}

impl Out<'_> {
    /// Takes a token in; true where the text has come to a stop.
    fn push(&mut self, token: Token) -> bool {
        self.text.push_str(&self.stream.push(token));
        let at = self.stop.iter().filter(|s| !s.is_empty()).filter_map(|s| self.text.find(s.as_str())).min();
        if let Some(at) = at {
            self.text.truncate(at);
        }
        at.is_some()
    }

    /// Text that became known.
    fn known(&mut self, done: Option<Finish>) -> String {
        if matches!(done, Some(Finish::End | Finish::Budget)) {
            self.text.push_str(&self.stream.finish());
        }
        let begins = |s: &String| (1..s.len()).rev().find(|n| s.is_char_boundary(*n) && self.text.ends_with(&s[..*n]));
        let held = if done.is_some() { 0 } else { self.stop.iter().filter_map(begins).max().unwrap_or(0) };
        let to = (self.text.len() - held).max(self.told.min(self.text.len()));
        let known = self.text.get(self.told..to).unwrap_or_default().to_owned();
        self.told = self.told.max(to);
        known
    }
}
