//! Pre-filters and early exits: requests of which a share goes on.

use std::collections::BTreeSet;

use profiles::units::Ratio;
use profiles::{ModelKind, ModelProfile, WeightFormat};

use super::label;
use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::file::{EarlyExit as FileExit, Marked, Prefilter as FilePrefilter, Service as FileService, Weights};
use crate::resolve::Context;
use crate::resolve::names::list;
use crate::scenario::{EarlyExit, Prefilter, Said};
use crate::suggest;

/// The pre-filters of a service that can be used.
pub(super) fn prefilters(
    context: &Context<'_>,
    file: &FileService,
    models: &[Said<ModelProfile>],
    sink: &mut Sink,
) -> Vec<Prefilter> {
    let mut all: Vec<Prefilter> = Vec::new();
    for said in list(file.prefilters.as_ref()) {
        let Some(filter) = prefilter(context, file, models, said, sink) else { continue };
        if all.iter().any(|f| f.model.id == filter.model.id && f.weights == filter.weights) {
            let message = format!("`{}` at {} is listed twice as a pre-filter", filter.model.id, Weights(filter.weights).word());
            sink.report(Code::Repeated, said.span, message, "delete one");
            continue;
        }
        all.push(filter);
    }
    if let Some(private) = file.first_block_on.as_ref().filter(|_| !all.is_empty()) {
        let message =
            format!("a pre-filter of {} hands the whole request on, so more than its first block sees the prompt", label(file));
        sink.report(
            Code::Contradiction,
            private.span,
            message,
            "delete `first_block_on` and forbid devices, or delete `prefilters`",
        );
    }
    all
}

fn prefilter(
    context: &Context<'_>,
    file: &FileService,
    models: &[Said<ModelProfile>],
    said: &Marked<FilePrefilter>,
    sink: &mut Sink,
) -> Option<Prefilter> {
    let f = &said.value;
    let shares = shares(f.passes.as_ref(), f.loses.as_ref(), sink);
    let name = f.model.as_ref()?;
    let id = &name.value.0;
    let Some(model) = context.known.model(id) else {
        let message = format!("the catalogue has no model `{id}`");
        sink.report(Code::UnknownModel, name.span, message, suggest::help(id, "models", context.known.model_ids()));
        return None;
    };
    reads(file, models, model, name.span, sink);
    let weights = match (&f.weights, f.unread.contains(&"weights")) {
        (Some(weights), _) => weights.value.0,
        (None, false) => WeightFormat::W16,
        (None, true) => return None,
    };
    if !had(model, weights) {
        let has: BTreeSet<WeightFormat> = model.formats.iter().copied().collect();
        let has: Vec<&str> = has.into_iter().map(|w| Weights(w).word()).collect();
        let message = format!("`{id}` cannot be had at `{}`", Weights(weights).word());
        let at = f.weights.as_ref().map_or(name.span, |w| w.span);
        sink.report(Code::NoSuchPrecision, at, message, format!("write `weights:` with one of {}", suggest::list(&has)));
    }
    let (passes, loses) = shares?;
    Some(Prefilter { model: model.clone(), weights, passes, loses, at: said.span.into() })
}

/// Released in the format, or in one with at least as many bits from which it can be quantised.
fn had(model: &ModelProfile, format: WeightFormat) -> bool {
    let wider = |f: &WeightFormat| !f.needs_training() && f.bits_per_weight() >= format.bits_per_weight();
    model.formats.contains(&format) || !format.needs_training() && model.formats.iter().any(wider)
}

/// A filter reads what the service's models read: their tokens, or one item a request.
fn reads(file: &FileService, models: &[Said<ModelProfile>], filter: &ModelProfile, at: Span, sink: &mut Sink) {
    let Some(kind) = models.first().map(|m| m.value.kind) else { return };
    let what = super::models::kind;
    match (filter.kind, kind) {
        (ModelKind::Feedforward, _) => {}
        (ModelKind::Llm, ModelKind::Llm) => {
            if let Some(prompt) = file.prompt.as_ref().filter(|p| p.value.count > filter.context && filter.context > 0) {
                let message = format!("`{}` cannot read {}: its context is {} tokens", filter.id, prompt.value, filter.context);
                sink.report(Code::ContextTooShort, at, message, "name a filter with a longer context");
            }
        }
        (ModelKind::Transducer, _) => {
            let message = format!("`{}` is {}: it writes text, and holds nothing back", filter.id, what(filter.kind));
            sink.report(Code::Contradiction, at, message, "name a model that answers in one pass");
        }
        (ModelKind::Llm, _) => {
            let message = format!("`{}` reads tokens, requests of {} have none", filter.id, label(file));
            sink.report(Code::Contradiction, at, message, "name a model that answers in one pass");
        }
    }
}

/// The early exits of a service's candidates.
pub(super) fn early_exits(file: &FileService, models: &[Said<ModelProfile>], sink: &mut Sink) -> Vec<EarlyExit> {
    let mut all: Vec<EarlyExit> = Vec::new();
    for said in list(file.early_exits.as_ref()) {
        let Some(exit) = early_exit(file, models, said, sink) else { continue };
        if all.iter().any(|e| (e.model, e.after_block) == (exit.model, exit.after_block)) {
            let message = format!("the exit after block {} is listed twice", exit.after_block);
            sink.report(Code::Repeated, said.span, message, "delete one");
            continue;
        }
        all.push(exit);
    }
    all
}

fn early_exit(file: &FileService, models: &[Said<ModelProfile>], said: &Marked<FileExit>, sink: &mut Sink) -> Option<EarlyExit> {
    let e = &said.value;
    let shares = shares(e.passes.as_ref(), e.loses.as_ref(), sink);
    let ids: Vec<&str> = models.iter().map(|m| m.value.id.as_str()).collect();
    let model = match &e.model {
        Some(name) => {
            let found = ids.iter().position(|id| *id == name.value.0);
            if found.is_none() && !ids.is_empty() {
                let message = format!("`{}` is no candidate of {}", name.value.0, label(file));
                sink.report(Code::UnknownModel, name.span, message, suggest::help(&name.value.0, "candidates", ids));
            }
            found?
        }
        None if models.len() == 1 && !e.unread.contains(&"model") => 0,
        None => {
            if models.len() > 1 && !e.unread.contains(&"model") {
                let message = format!("{} has {} candidates: which has this exit?", label(file), models.len());
                sink.report(Code::MissingKey, said.span, message, format!("add `model:` with one of {}", suggest::list(&ids)));
            }
            return None;
        }
    };
    let profile = &models[model].value;
    if profile.kind != ModelKind::Feedforward {
        let message =
            format!("`{}` answers in tokens: one that leaves early leaves no keys and values for later ones", profile.id);
        sink.report(Code::Contradiction, said.span, message, "delete it: early exits are for models that answer in one pass");
        return None;
    }
    let after = e.after_block.as_ref()?;
    let blocks = u32::try_from(profile.block_count()).unwrap_or(u32::MAX);
    if after.value < 1 || after.value >= blocks {
        let message = format!("`{}` has {blocks} blocks, none of them ends an exit after {}", profile.id, after.value);
        let help = if blocks > 1 { format!("write a count from 1 to {}", blocks - 1) } else { "delete the exit".to_owned() };
        sink.report(Code::BadCount, after.span, message, help);
        return None;
    }
    let (passes, loses) = shares?;
    Some(EarlyExit { model, after_block: after.value, passes, loses, at: said.span.into() })
}

/// What goes on and what is lost, both inside their ranges.
fn shares(passes: Option<&Marked<Ratio>>, loses: Option<&Marked<Ratio>>, sink: &mut Sink) -> Option<(Ratio, Ratio)> {
    if let Some(p) = passes.filter(|p| p.value.get() <= 0.0 || p.value.get() >= 1.0) {
        let message = format!("{} of the requests go on", p.value);
        sink.report(Code::OutOfRange, p.span, message, "write a share above 0 % and below 100 %, for example `20 %`");
    }
    if let Some(l) = loses.filter(|l| l.value.get() < 0.0 || l.value.get() >= 1.0) {
        let message = format!("{} of the requests are answered wrongly because of it", l.value);
        sink.report(Code::OutOfRange, l.span, message, "write a share from 0 % to below 100 %, for example `1 %`");
    }
    Some((passes?.value, loses?.value))
}
