//! One request at the entry of its pipeline: prompt in, text out, replayed where a stage is lost.

use crate::clock;
use crate::hop::Draw;
use crate::link::{Link, StepError};
use crate::loaded::{Loaded, LoadedStage, Text};
use crate::shared::Shared;
use engine::generate::Finish;
use engine::model::{Input, PREFILL};
use engine::sample::Choice;
use engine::tokenizer::Stream;
use engine::{EngineError, Sampling, Token};
use std::ops::ControlFlow;
use std::time::Duration;

/// A lost stage is tried again for so long, s.
const HEAL_S: f64 = 5.0;
/// Wait between two attempts.
const AGAIN: Duration = Duration::from_millis(200);
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
}

/// How it ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) finish: Finish,
    pub(crate) tokens: usize,
    pub(crate) ttft_s: Option<f64>,
    pub(crate) whole_s: f64,
}

/// A request that runs.
struct Running<'r> {
    shared: &'r Shared,
    loaded: &'r Loaded,
    entry: &'r LoadedStage,
    ask: &'r Ask,
    link: Option<Link<'r>>,
    /// Tokens of the answer.
    said: Vec<Token>,
}

/// Answers a request; `hear` gets the text as it becomes known, and may break off.
///
/// # Errors
/// When the prompt does not fit, or a stage stays lost.
pub(crate) fn answer(
    shared: &Shared,
    loaded: &Loaded,
    entry: &LoadedStage,
    text: &Text,
    ask: &Ask,
    hear: &mut dyn FnMut(&str) -> ControlFlow<()>,
) -> Result<Answer, StepError> {
    let context = entry.stage.config().context;
    if ask.prompt.is_empty() {
        return Err(EngineError::Input("an empty prompt".into()).into());
    }
    if ask.prompt.len() >= context {
        return Err(EngineError::Context { wanted: ask.prompt.len() + 1, limit: context }.into());
    }
    let start = clock::seconds();
    let mut running = Running { shared, loaded, entry, ask, link: None, said: Vec::new() };
    let mut out = Out { stream: text.tokenizer.stream(), text: String::new(), told: 0, stop: &ask.stop };
    let mut ttft_s = None;
    let (mut lost, mut finish) = (None, Finish::Cancelled);
    loop {
        let choice = match running.next() {
            Ok(choice) => choice,
            Err(e) if e.passes() && clock::seconds() - *lost.get_or_insert_with(clock::seconds) < HEAL_S => {
                running.link = None;
                shared.metrics.heal();
                std::thread::sleep(AGAIN);
                continue;
            }
            Err(e) => return Err(e),
        };
        lost = None;
        ttft_s.get_or_insert(clock::seconds() - start);
        let ended = text.tokenizer.is_end(choice.token);
        let stopped = !ended && out.push(choice.token);
        if !ended {
            running.said.push(choice.token);
        }
        let full = running.said.len() >= ask.tokens || ask.prompt.len() + running.said.len() >= context;
        let done = match (ended, stopped, full) {
            (true, ..) => Some(Finish::End),
            (_, true, _) => Some(Finish::Stop),
            (_, _, true) => Some(Finish::Budget),
            _ => None,
        };
        let known = out.known(done);
        let flow = if known.is_empty() { ControlFlow::Continue(()) } else { hear(&known) };
        finish = done.unwrap_or(finish);
        if done.is_some() || flow.is_break() {
            break;
        }
    }
    Ok(Answer { finish, tokens: running.said.len(), ttft_s, whole_s: clock::seconds() - start })
}

impl Running<'_> {
    /// The next token: after the last one, or where a stage was lost, after everything anew.
    fn next(&mut self) -> Result<Choice, StepError> {
        let mut input = Vec::new();
        if self.link.is_none() {
            let recent = self.said[self.said.len().saturating_sub(RECENT)..].to_vec();
            let draw = Draw { sampling: self.ask.sampling.clone(), drawn: self.said.len(), recent };
            let within_ms = self.shared.limits.hop_ms;
            self.link = Some(Link::open(self.shared, self.loaded.plan.id, self.entry, &draw, within_ms)?);
            input.extend_from_slice(&self.ask.prompt);
            input.extend_from_slice(&self.said);
        } else {
            input.extend(self.said.last());
        }
        let last = input.len().div_ceil(PREFILL) - 1;
        let mut drawn = None;
        for (i, batch) in input.chunks(PREFILL).enumerate() {
            if let Some(link) = &mut self.link {
                drawn = link.step(Input::Tokens(batch), i == last)?;
            }
        }
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
