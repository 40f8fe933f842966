//! What a generation cost.

use super::Generate;
use super::choose::{Choice, Method};
use crate::exit::Failure;
use crate::load::{Model, Resident};
use crate::power::Joules;
use crate::print::{json as print_json, short};
use engine::generate::{Answer, Finish, Tally};
use engine::{Stage, Usage};
use serde::Serialize;
use std::borrow::Cow;

#[derive(Serialize)]
struct Document<'a> {
    model: &'a str,
    precision: Cow<'static, str>,
    bits_per_weight: f64,
    kv_bits: u8,
    threads: usize,
    seed: u64,
    method: Option<Method>,
    text: &'a str,
    /// Sample whose text that is.
    chosen: Option<usize>,
    votes: Option<&'a Tally>,
    answers: Vec<Sample<'a>>,
    usage: Usage,
    prefill_tok_s: f64,
    decode_tok_s: f64,
    cache_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    resident: Option<Resident>,
    energy: &'a Joules,
}

#[derive(Serialize)]
struct Sample<'a> {
    sample: usize,
    text: &'a str,
    tokens: usize,
    finish: Finish,
    closed: bool,
    mean_logprob: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logprobs: Option<Vec<Drawn>>,
}

#[derive(Serialize)]
struct Drawn {
    token: u32,
    text: String,
    logprob: f32,
}

fn rate(tokens: usize, seconds: f64) -> f64 {
    if seconds > 0.0 { tokens as f64 / seconds } else { 0.0 }
}

/// Drawn tokens with their log-probabilities; none where a forced close put others between them.
fn drawn(model: &Model, answer: &Answer) -> Option<Vec<Drawn>> {
    if answer.closed {
        return None;
    }
    let one =
        |(token, logprob): (&u32, &f32)| Drawn { token: *token, text: model.tokenizer.decode(&[*token]), logprob: *logprob };
    Some(answer.tokens.iter().zip(&answer.logprobs).map(one).collect())
}

pub(super) fn json(args: &Generate, model: &Model, stage: &Stage, choice: &Choice, joules: &Joules) -> Result<(), Failure> {
    let usage = choice.generation.usage;
    let sample = |a| {
        let Answer { sample, text, tokens, finish, closed, .. }: &Answer = a;
        Sample {
            sample: *sample,
            text,
            tokens: tokens.len(),
            finish: *finish,
            closed: *closed,
            mean_logprob: Some(a.mean_logprob()).filter(|x| x.is_finite()),
            logprobs: args.logprobs.then(|| drawn(model, a)).flatten(),
        }
    };
    print_json(&Document {
        model: &args.model,
        precision: stage.precision().name(),
        bits_per_weight: stage.size().bits_per_weight,
        kv_bits: args.machine.kv,
        threads: stage.pool().threads(),
        seed: args.draw.seed,
        method: (args.samples > 1).then_some(args.method),
        text: choice.text(),
        chosen: choice.answer().map(|a| a.sample),
        votes: choice.tally.as_ref(),
        answers: choice.generation.answers.iter().map(sample).collect(),
        usage,
        prefill_tok_s: rate(usage.prompt_tokens, usage.prefill_seconds),
        decode_tok_s: rate(usage.generated_tokens, usage.decode_seconds),
        cache_bytes: choice.generation.cache_bytes,
        resident: Resident::of(stage, None),
        energy: joules,
    })
}

pub(super) fn human(args: &Generate, model: &Model, stage: &Stage, choice: &Choice, joules: &Joules) {
    let u = choice.generation.usage;
    if args.logprobs
        && let Some(answer) = choice.answer()
    {
        match drawn(model, answer) {
            Some(list) => list.iter().for_each(|d| eprintln!("{:>8} {:>9.4}  {:?}", d.token, d.logprob, d.text)),
            None => eprintln!("no log-probabilities by token: the close was forced"),
        }
    }
    let speed = |tokens, seconds| format!("{tokens} tokens in {} s, {} tok/s", short(seconds), short(rate(tokens, seconds)));
    eprintln!("prompt  {}", speed(u.prompt_tokens, u.prefill_seconds));
    eprintln!("answer  {}{}", speed(u.generated_tokens, u.decode_seconds), ended(choice));
    if let Some(tally) = &choice.tally {
        let votes = tally.votes.iter().map(|(answer, n)| format!("{answer} ({n})")).collect::<Vec<_>>();
        eprintln!("votes   {}; {} without a number, {} not needed", votes.join(", "), tally.blank, tally.outstanding);
    }
    if let Some(resident) = Resident::of(stage, None) {
        eprintln!("memory  {}", resident.line());
    }
    eprintln!("cost    {} CPU-s", short(u.cpu_seconds));
    eprintln!("energy  {}", joules.line(u.generated_tokens));
}

fn ended(choice: &Choice) -> String {
    let samples = choice.generation.answers.len();
    match choice.answer() {
        _ if samples > 1 => format!(", {samples} samples"),
        None => String::new(),
        Some(a) => match a.finish {
            Finish::End => ", the model ended it".into(),
            Finish::Stop => ", ended by --stop".into(),
            Finish::Budget => ", -n or the context was used up".into(),
            Finish::Cancelled => ", stopped".into(),
        },
    }
}
