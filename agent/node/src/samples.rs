//! Test-time scaling as a plan says: several samples of an answer, and one of them given.
//!
//! Where the whole model is here, all samples stand on one prefill and decode as one batch. Through a pipeline each is
//! an answer of its own, and as many run at a time as there are stages, so that the stages work at the same time.
//! A vote stops when no outstanding sample can change it.

use crate::link::StepError;
use crate::request::{Answer, Ask, Place, answer};
use crate::shared::{Shared, lock};
use engine::eval::final_number;
use engine::generate::{self, Budget, Close, Event, Finish, Pace, Tally, vote};
use engine::{EngineError, Tokenizer};
use protocol::PlannedScaling;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Most samples of an answer: more need more memory for caches than a plan has booked.
const SAMPLES: u32 = 64;
/// Samples that decode as one batch.
const TOGETHER: usize = 16;
/// Where a request asks for the likeliest tokens, of which several samples would be the same: what the quality tables
/// were measured with (`agent eval gsm8k --samples`).
const TEMPERATURE: f32 = 0.7;
const TOP_P: f32 = 0.95;

/// How one of several answers is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Single,
    /// The last number that most answers end in; where none has one, the likeliest answer.
    Majority,
    /// The answer whose tokens the model finds likeliest on average.
    BestOfN,
}

/// What a plan says of a service's answers. How they are closed stands beside it ([`close`]), since that needs the model's
/// tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scaling {
    pub(crate) method: Method,
    pub(crate) samples: usize,
    /// Most tokens of a sample.
    pub(crate) budget: Option<usize>,
}

impl Scaling {
    /// # Errors
    /// A method or number that this version does not know, in words.
    pub(crate) fn of(planned: &PlannedScaling) -> Result<Self, String> {
        let method = match planned.method.as_str() {
            "single" => Method::Single,
            "majority" => Method::Majority,
            "best-of-n" => Method::BestOfN,
            other => return Err(format!("answers by `{other}`; this version runs single, majority and best-of-n")),
        };
        if !(1..=SAMPLES).contains(&planned.samples) || method == Method::Single && planned.samples != 1 {
            return Err(format!("{} samples by `{}`; 1 to {SAMPLES} are run, of `single` one", planned.samples, planned.method));
        }
        let budget = planned.token_budget.map(|b| b.max(1) as usize);
        Ok(Self { method, samples: planned.samples as usize, budget })
    }
}

/// How a plan has answers closed, in the model's tokens; `None`: they are cut off.
///
/// # Errors
/// A text without tokens, or a budget that leaves none to think, in words.
pub(crate) fn close(planned: &PlannedScaling, tokenizer: &Tokenizer) -> Result<Option<Close>, String> {
    let Some(close) = &planned.close else { return Ok(None) };
    let text = tokenizer.encode(&close.text).map_err(|e| format!("close: {e}"))?;
    let (kept, budget) = (text.len() + close.tokens as usize, planned.token_budget.unwrap_or(u32::MAX) as usize);
    if text.is_empty() || close.tokens == 0 {
        return Err("a close needs a text, and a token for what follows it".into());
    }
    if kept >= budget {
        return Err(format!(
            "a close of {kept} tokens, what follows it included, in a budget of {budget}: none is left to think"
        ));
    }
    Ok(Some(Close { text, tokens: close.tokens as usize }))
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// Samples that the plan asks for.
    pub(crate) samples: usize,
    /// Those that ran to their end; the others were not needed.
    pub(crate) counted: usize,
    /// Those that agree with what is given; of a vote only.
    pub(crate) agree: Option<usize>,
    /// Those that were made to close.
    pub(crate) closed: usize,
}

/// An answer chosen from several; its tokens are those of all samples.
pub(crate) struct Chosen {
    pub(crate) text: String,
    pub(crate) answer: Answer,
    pub(crate) count: Count,
}

/// Answers with several samples. `goes_on` is asked between tokens: who asked may have gone away.
///
/// # Errors
/// When no sample came to an end; why the first one did not.
pub(crate) fn choose(
    shared: &Arc<Shared>,
    place: &mut Place,
    ask: &Ask,
    scaling: Scaling,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<Chosen, StepError> {
    let mut ask = ask.clone();
    if ask.sampling.temperature <= 0.0 {
        (ask.sampling.temperature, ask.sampling.top_p) = (TEMPERATURE, TOP_P);
    }
    let alone = place.entry().is_some_and(|e| e.next.is_none() && e.partner().is_none());
    if alone { here(place, &ask, scaling, goes_on) } else { through(shared, place, &ask, scaling, goes_on) }
}

/// A whole model: one prefill, one batch.
fn here(place: &Place, ask: &Ask, scaling: Scaling, goes_on: &dyn Fn() -> bool) -> Result<Chosen, StepError> {
    let missing = || EngineError::Input("the plan was unloaded".into());
    let entry = place.entry().ok_or_else(missing)?;
    let text = entry.text.as_ref().ok_or_else(missing)?;
    let request = generate::Request {
        prompt: &ask.prompt,
        samples: scaling.samples,
        parallel: scaling.samples.min(TOGETHER),
        sampling: ask.sampling.clone(),
        budget: ask
            .thinks(entry.stage.config().context)
            .map_or(Budget::of(ask.tokens), |tokens| Budget { tokens, close: ask.close.clone() }),
        kv_bits: entry.kv_bits,
        stop: &ask.stop,
        energy: None,
    };
    let (began, mut first) = (crate::clock::seconds(), None);
    let mut hear = |event: Event<'_>| {
        if matches!(event, Event::Text { .. }) {
            first.get_or_insert_with(|| crate::clock::seconds() - began);
        }
        if goes_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let generation = match scaling.method {
        Method::Majority => vote(&entry.stage, &text.tokenizer, &request, Pace::Together, &final_number, &mut hear)?.generation,
        _ => generate::generate(&entry.stage, &text.tokenizer, &request, &mut hear)?,
    };
    // All begin together, so the longest has had every step.
    let steps = generation.answers.iter().map(|a| a.tokens.len()).max().unwrap_or(0).saturating_sub(1);
    if steps > 0 && scaling.samples <= TOGETHER {
        let usage = &generation.usage;
        let rows = (usage.generated_tokens as f64 / (steps + 1) as f64).round().max(1.0) as usize;
        entry.batch.took(rows, steps, usage.decode_seconds / steps as f64);
    }
    let samples = generation.answers.iter().map(|a| Sample {
        number: a.sample,
        text: a.text.clone(),
        finish: a.finish,
        tokens: a.tokens.len(),
        logprob: a.mean_logprob(),
        closed: a.closed,
    });
    let whole_s = crate::clock::seconds() - began;
    pick(samples.collect(), scaling, first, whole_s).ok_or_else(|| EngineError::Input("no sample came to an end".into()).into())
}

/// One sample.
struct Sample {
    number: usize,
    text: String,
    finish: Finish,
    tokens: usize,
    /// Mean, of a token.
    logprob: f64,
    closed: bool,
}

/// The one that is given: by the method, of equals the lowest number, whatever order they ended in.
fn pick(mut samples: Vec<Sample>, scaling: Scaling, ttft_s: Option<f64>, whole_s: f64) -> Option<Chosen> {
    let tokens = samples.iter().map(|s| s.tokens).sum();
    samples.retain(|s| s.finish != Finish::Cancelled);
    samples.sort_by_key(|s| s.number);
    let mut tally = Tally::new(scaling.samples);
    if scaling.method == Method::Majority {
        samples.iter().for_each(|s| tally.count(final_number(&s.text)));
    }
    let likeliest = |a: &&Sample, b: &&Sample| a.logprob.total_cmp(&b.logprob).then(b.number.cmp(&a.number));
    let winner = tally.winner();
    let voted = winner.and_then(|w| samples.iter().find(|s| final_number(&s.text).as_deref() == Some(w)));
    let given = voted.or_else(|| samples.iter().max_by(likeliest))?;
    let votes = winner.and_then(|w| tally.votes.iter().find(|(answer, _)| answer == w)).map(|(_, n)| *n);
    Some(Chosen {
        text: given.text.clone(),
        answer: Answer { finish: given.finish, tokens, ttft_s, whole_s, logprob: given.logprob, closed: given.closed },
        count: Count {
            samples: scaling.samples,
            counted: samples.len(),
            agree: votes,
            closed: samples.iter().filter(|s| s.closed).count(),
        },
    })
}

/// What the samples of a pipeline have in common.
struct Election<'e> {
    shared: &'e Arc<Shared>,
    ask: &'e Ask,
    scaling: Scaling,
    goes_on: &'e (dyn Fn() -> bool + Sync),
    next: AtomicUsize,
    decided: AtomicBool,
    samples: Mutex<Vec<Sample>>,
    tally: Mutex<Tally>,
    first_s: Mutex<Option<f64>>,
    failed: Mutex<Option<StepError>>,
}

impl Election<'_> {
    /// Runs samples one after another until none is left to begin.
    fn work(&self, place: &mut Place) {
        loop {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            if number >= self.scaling.samples || self.decided.load(Ordering::SeqCst) || !(self.goes_on)() {
                return;
            }
            let ask = Ask { whole: true, sampling: self.ask.sampling.for_sample(number), ..self.ask.clone() };
            let mut text = String::new();
            let mut hear = |piece: &str| {
                text.push_str(piece);
                let over = self.decided.load(Ordering::SeqCst) || !(self.goes_on)();
                if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            match answer(self.shared, place, &ask, &mut hear) {
                Ok(a) => self.count(number, text, a),
                Err(e) => drop(lock(&self.failed).get_or_insert(e)),
            }
        }
    }

    fn count(&self, number: usize, text: String, a: Answer) {
        if let Some(ttft) = a.ttft_s {
            let mut first = lock(&self.first_s);
            *first = Some(first.map_or(ttft, |f: f64| f.min(ttft)));
        }
        if self.scaling.method == Method::Majority && a.finish != Finish::Cancelled {
            let mut tally = lock(&self.tally);
            tally.count(final_number(&text));
            if tally.is_decided() {
                self.decided.store(true, Ordering::SeqCst);
            }
        }
        lock(&self.samples).push(Sample {
            number,
            text,
            finish: a.finish,
            tokens: a.tokens,
            logprob: a.logprob,
            closed: a.closed,
        });
    }
}

/// A pipeline: as many samples at a time as it has stages.
fn through(
    shared: &Arc<Shared>,
    place: &mut Place,
    ask: &Ask,
    scaling: Scaling,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<Chosen, StepError> {
    let began = crate::clock::seconds();
    let election = Election {
        shared,
        ask,
        scaling,
        goes_on,
        next: AtomicUsize::new(0),
        decided: AtomicBool::new(false),
        samples: Mutex::default(),
        tally: Mutex::new(Tally::new(scaling.samples)),
        first_s: Mutex::default(),
        failed: Mutex::default(),
    };
    let others = place.stages(shared).saturating_sub(1).min(scaling.samples - 1);
    let service = place.service.clone();
    std::thread::scope(|scope| {
        for _ in 0..others {
            // Where the plan changes meanwhile, those that have a place go on alone.
            let Some(mut own) = Place::take(shared, &service) else { break };
            let election = &election;
            scope.spawn(move || election.work(&mut own));
        }
        election.work(place);
    });
    let samples = election.samples.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let first_s = *lock(&election.first_s);
    let why = election.failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let none = || why.unwrap_or_else(|| EngineError::Input("no sample came to an end".into()).into());
    pick(samples, scaling, first_s, crate::clock::seconds() - began).ok_or_else(none)
}

#[cfg(test)]
mod tests;
