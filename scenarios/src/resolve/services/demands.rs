//! Deadline, accuracy floor and test-time scaling.

use profiles::units::Ratio;
use profiles::{ModelKind, ModelProfile};
use std::collections::BTreeSet;

use super::label;
use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::file::{LengthUnit, Marked, Scaling as FileScaling, Service as FileService};
use crate::resolve::names::list;
use crate::resolve::{Context, said};
use crate::scenario::{Close, Deadline, Floor, Method, Said, Scaling};
use crate::suggest;

/// Share of requests that must meet a deadline unless said.
const PERCENTILE: Ratio = Ratio(0.9);
/// Most samples of one prompt.
const MAX_SAMPLES: u32 = 1024;
/// Tokens that follow a forced close: a number with its unit, and the end.
const CLOSING_TOKENS: u32 = 16;

pub(super) fn deadline(file: &FileService, models: &[Said<ModelProfile>], sink: &mut Sink) -> Deadline {
    let Some(marked) = &file.deadline else {
        if let Some(name) = file.name.as_ref().filter(|_| !file.unread.contains(&"deadline")) {
            let message = format!("{} has no deadline: any latency will do", label(file));
            sink.report(Code::NoDeadline, name.span, message, "add for example `deadline: {percentile: 90 %, total: 5 s}`");
        }
        return Deadline { percentile: PERCENTILE, ttft: None, tpot: None, total: None };
    };
    let d = &marked.value;
    for time in [&d.ttft, &d.tpot, &d.total].into_iter().flatten().filter(|t| t.value.get() <= 0.0) {
        sink.report(Code::OutOfRange, time.span, "nothing answers in no time", "write a time above 0 s, or delete the key");
    }
    match &d.percentile {
        Some(p) if p.value.get() <= 0.0 || p.value.get() >= 1.0 => {
            let message = format!("a deadline at {} of requests", p.value);
            let help = "write a share above 0 % and below 100 %, for example `99 %`: no queue keeps a deadline always";
            sink.report(Code::OutOfRange, p.span, message, help);
        }
        Some(_) => {}
        None if !d.unread.is_empty() => {}
        None => {
            let message = format!("the deadline of {} has no percentile: 90 % is taken", label(file));
            sink.report(Code::NoPercentile, first(d, marked.span), message, "add `percentile: 90 %`");
        }
    }
    if d.ttft.is_none() && d.tpot.is_none() && d.total.is_none() && d.unread.is_empty() {
        let help = "add `ttft` (first token), `tpot` (each token after it) or `total` (whole answer)";
        sink.report(Code::MissingKey, first(d, marked.span), "a deadline without a time", help);
    }
    for (part, name) in [(&d.ttft, "first token"), (&d.tpot, "one token")] {
        if let (Some(part), Some(total)) = (part, &d.total)
            && part.value > total.value
        {
            let message = format!("{} for the {name}, but {} for the whole answer", part.value, total.value);
            sink.report(Code::DeadlineOrder, part.span, message, "the part cannot take longer than the whole: raise `total`");
        }
    }
    if models.first().is_some_and(|m| m.value.kind == ModelKind::Feedforward) {
        for time in [&d.ttft, &d.tpot].into_iter().flatten() {
            let message = format!("{} answers in one pass, without tokens", label(file));
            sink.report(Code::Contradiction, time.span, message, "write `total` instead");
        }
    }
    Deadline {
        percentile: d.percentile.as_ref().map_or(PERCENTILE, |p| p.value),
        ttft: d.ttft.as_ref().map(said),
        tpot: d.tpot.as_ref().map(said),
        total: d.total.as_ref().map(said),
    }
}

/// The place of the first value in a deadline; an empty map has only its own.
fn first(d: &crate::file::Deadline, own: Span) -> Span {
    let spans = [&d.ttft, &d.tpot, &d.total].into_iter().flatten().map(|t| t.span);
    spans.chain(d.percentile.as_ref().map(|p| p.span)).min().unwrap_or(own)
}

pub(super) fn accuracy(
    context: &Context<'_>,
    file: &FileService,
    models: &[Said<ModelProfile>],
    sink: &mut Sink,
) -> Option<Floor> {
    let floor = &file.accuracy.as_ref()?.value;
    let (name, least) = (floor.benchmark.as_ref()?, floor.at_least.as_ref()?);
    let benchmark = &name.value.0;
    let measured = |m: &ModelProfile| m.quality.iter().any(|q| q.benchmark == *benchmark);
    if !models.is_empty() && !models.iter().any(|m| measured(&m.value)) {
        let own: BTreeSet<&str> = models.iter().flat_map(|m| m.value.quality.iter().map(|q| q.benchmark.as_str())).collect();
        unmeasured(context, file, name, &own, sink);
    } else if !models.is_empty() {
        for model in models.iter().filter(|m| !measured(&m.value)) {
            let message = format!("`{}` is never chosen: it was not measured on `{benchmark}`", model.value.id);
            sink.report(Code::IdleCandidate, place(model), message, "delete it, or set the floor on another benchmark");
        }
        let best = models
            .iter()
            .flat_map(|m| m.value.quality.iter().filter(|q| q.benchmark == *benchmark))
            .map(|q| q.accuracy.value)
            .fold(Ratio::ZERO, Ratio::max);
        // More samples may reach what one does not, where answers of this benchmark were counted.
        let counted = models
            .iter()
            .flat_map(|m| m.value.quality.iter().filter(|q| q.benchmark == *benchmark))
            .any(|q| q.beta.is_some() || q.majority_ceiling.is_some());
        let sampled = file.scaling.as_ref().is_some_and(|s| list(s.value.samples.as_ref()).iter().any(|n| n.value > 1));
        if best < least.value && !(counted && sampled) {
            let message = format!("no candidate of {} reaches {} with one sample; the best has {best}", label(file), least.value);
            let help = "lower `at_least`, add a stronger model, or allow more samples under `scaling`";
            sink.report(Code::FloorAboveAll, least.span, message, help);
        }
    }
    Some(Floor { benchmark: Said { value: benchmark.clone(), at: name.span.into() }, at_least: said(least) })
}

/// No candidate was measured: is the benchmark known at all?
fn unmeasured(
    context: &Context<'_>,
    file: &FileService,
    name: &Marked<crate::file::Name>,
    own: &BTreeSet<&str>,
    sink: &mut Sink,
) {
    let known = context.known;
    let anywhere: BTreeSet<&str> = known
        .model_ids()
        .into_iter()
        .filter_map(|id| known.model(id))
        .flat_map(|m| &m.quality)
        .map(|q| q.benchmark.as_str())
        .collect();
    let benchmark = &name.value.0;
    if !anywhere.contains(benchmark.as_str()) {
        let message = format!("no model of the catalogue was measured on `{benchmark}`");
        sink.report(Code::UnknownBenchmark, name.span, message, suggest::help(benchmark, "benchmarks", anywhere));
        return;
    }
    let message = format!("no candidate of {} was measured on `{benchmark}`", label(file));
    let help = if own.is_empty() {
        "the candidates were measured on nothing: delete `accuracy`, or choose other models".to_owned()
    } else {
        format!("the candidates were measured on {}", suggest::list(&own.iter().copied().collect::<Vec<_>>()))
    };
    sink.report(Code::NoQuality, name.span, message, help);
}

fn place(model: &Said<ModelProfile>) -> Span {
    Span { line: model.at.line, column: model.at.column, length: u32::try_from(model.value.id.len()).unwrap_or(0) }
}

pub(super) fn scaling(file: &FileService, models: &[Said<ModelProfile>], sink: &mut Sink) -> Scaling {
    let Some(marked) = &file.scaling else {
        return Scaling { methods: vec![Method::Single], samples: vec![1], budgets: Vec::new(), close: None };
    };
    let s = &marked.value;
    let mut samples = BTreeSet::from([1]);
    for count in list(s.samples.as_ref()) {
        if (1..=MAX_SAMPLES).contains(&count.value) {
            samples.insert(count.value);
        } else {
            let message = format!("{} samples", count.value);
            sink.report(Code::BadCount, count.span, message, format!("write a count from 1 to {MAX_SAMPLES}"));
        }
    }
    let close = close(s, sink);
    let mut budgets = BTreeSet::new();
    for budget in list(s.budgets.as_ref()) {
        if budget.value.unit == LengthUnit::Tokens {
            budgets.insert(budget.value.count);
            if let Some(kept) = close.as_ref().map(|c| c.tokens).filter(|kept| *kept >= budget.value.count) {
                let message =
                    format!("{kept} tokens are kept for what follows `close`, which leaves none of {} to think", budget.value);
                sink.report(Code::Contradiction, budget.span, message, "raise the budget, or lower `closing_tokens`");
            }
        } else {
            let message = format!("`{}` is not a token budget", budget.value);
            sink.report(Code::WrongLength, budget.span, message, "write for example `256 tokens`");
        }
    }
    if let Some(model) = models.first().filter(|m| m.value.kind != ModelKind::Llm) {
        let message = format!("`{}` has no samples and no token budgets", model.value.id);
        let at = [s.samples.as_ref().map(|m| m.span), s.budgets.as_ref().map(|m| m.span), s.methods.as_ref().map(|m| m.span)];
        let at = at.into_iter().flatten().min().unwrap_or(marked.span);
        sink.report(Code::Contradiction, at, message, "delete `scaling`: it is for language models");
    }
    let several = samples.iter().any(|&n| n > 1);
    let said_methods = list(s.methods.as_ref());
    let mut methods: BTreeSet<Method> = said_methods.iter().map(|m| m.value.0).collect();
    if said_methods.is_empty() && several {
        methods.extend([Method::Single, Method::Majority]);
    }
    let votes = said_methods.iter().find(|m| m.value.0 != Method::Single);
    if let Some(method) = votes.filter(|_| !several && !s.unread.contains(&"samples")) {
        let message = format!("`{}` needs more than one sample", method.value.word());
        sink.report(Code::NoEffect, method.span, message, "add for example `samples: [1, 4, 8]`");
    }
    if let Some(one) = list(s.samples.as_ref()).iter().find(|n| n.value > 1)
        && !said_methods.is_empty()
        && votes.is_none()
    {
        let message = "several samples, but no method that makes one answer of them";
        sink.report(Code::Contradiction, one.span, message, "add `majority` or `best-of-n` to `methods`");
    }
    methods.insert(Method::Single);
    Scaling {
        methods: methods.into_iter().collect(),
        samples: samples.into_iter().collect(),
        budgets: budgets.into_iter().collect(),
        close,
    }
}

/// What closes an answer; said without a budget it never would.
fn close(s: &FileScaling, sink: &mut Sink) -> Option<Close> {
    let tokens = match &s.closing_tokens {
        Some(kept) if kept.value.unit != LengthUnit::Tokens || kept.value.count == 0 => {
            let message = format!("`{}` is no number of tokens above 0", kept.value);
            sink.report(Code::WrongLength, kept.span, message, "write for example `16 tokens`");
            CLOSING_TOKENS
        }
        Some(kept) => kept.value.count,
        None => CLOSING_TOKENS,
    };
    if let Some(kept) = s.closing_tokens.as_ref().filter(|_| s.close.is_none() && !s.unread.contains(&"close")) {
        sink.report(Code::NoEffect, kept.span, "`closing_tokens` without `close`", "add for example `close: \"The answer is\"`");
    }
    let close = s.close.as_ref()?;
    if close.value.0.is_empty() {
        sink.report(Code::OutOfRange, close.span, "an empty text closes nothing", "write for example `\"The answer is\"`");
        return None;
    }
    if s.budgets.is_none() && !s.unread.contains(&"budgets") {
        sink.report(Code::NoEffect, close.span, "`close` without `budgets`", "add for example `budgets: [256 tokens]`");
    }
    Some(Close { text: close.value.0.clone(), tokens })
}
