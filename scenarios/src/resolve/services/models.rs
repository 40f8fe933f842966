//! Candidate models and precisions.

use profiles::{ModelKind, ModelProfile, Precision, WeightFormat};
use std::collections::BTreeSet;

use super::label;
use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::file::{Bits, FORMATS, PrecisionEntry, Precisions, Service as FileService};
use crate::resolve::Context;
use crate::resolve::names::list;
use crate::scenario::Said;
use crate::suggest;

/// Weight formats unless said: those that lose little on every model measured.
const DEFAULT_FORMATS: [WeightFormat; 3] = [WeightFormat::W16, WeightFormat::W8, WeightFormat::W4];

pub(super) fn resolve(context: &Context<'_>, file: &FileService, sink: &mut Sink) -> Vec<Said<ModelProfile>> {
    let mut models: Vec<Said<ModelProfile>> = Vec::new();
    for name in list(file.models.as_ref()) {
        let id = &name.value.0;
        let Some(model) = context.known.model(id) else {
            let message = format!("the catalogue has no model `{id}`");
            sink.report(Code::UnknownModel, name.span, message, suggest::help(id, "models", context.known.model_ids()));
            continue;
        };
        if models.iter().any(|m| m.value.id == *id) {
            sink.report(Code::Repeated, name.span, format!("model `{id}` is listed twice"), "delete one");
            continue;
        }
        if let Some(first) = models.first().filter(|m| m.value.kind != model.kind) {
            let message = format!("`{id}` is {}, `{}` is {}", kind(model.kind), first.value.id, kind(first.value.kind));
            sink.report(Code::MixedKinds, name.span, message, "candidates of one service do the same work: make two services");
            continue;
        }
        models.push(Said { value: model.clone(), at: name.span.into() });
    }
    models
}

/// A model's kind in words.
pub(super) fn kind(kind: ModelKind) -> &'static str {
    match kind {
        ModelKind::Llm => "a language model",
        ModelKind::Feedforward => "a model that answers in one pass",
        ModelKind::Transducer => "a speech model",
    }
}

pub(super) fn precisions(file: &FileService, models: &[Said<ModelProfile>], sink: &mut Sink) -> Vec<Precision> {
    let plain = |weights: WeightFormat| Precision { weights, kv_bits: 16, activation_bits: 16 };
    let exists = |weights: WeightFormat| models.iter().any(|m| m.value.formats.contains(&weights));
    // Without models, or with one that was not found, nothing is known to be absent.
    let all_known = !models.is_empty() && models.len() == list(file.models.as_ref()).len();
    let entries = match file.precisions.as_ref().map(|p| &p.value) {
        None => return DEFAULT_FORMATS.into_iter().filter(|&w| !all_known || exists(w)).map(plain).collect(),
        Some(Precisions::All) => return FORMATS.into_iter().filter(|&w| !all_known || exists(w)).map(plain).collect(),
        Some(Precisions::List(entries)) => entries,
    };
    let mut precisions: Vec<Precision> = Vec::new();
    let mut seen = BTreeSet::new();
    for entry in entries {
        let Some((precision, at)) = precision(entry) else { continue };
        if all_known && !exists(precision.weights) {
            let has: BTreeSet<WeightFormat> = models.iter().flat_map(|m| m.value.formats.iter().copied()).collect();
            let has: Vec<&str> = has.into_iter().map(word).collect();
            let message = format!("no candidate of {} exists at `{}`", label(file), word(precision.weights));
            sink.report(Code::NoSuchPrecision, at, message, format!("the candidates exist at {}", suggest::list(&has)));
        }
        if seen.insert(precision) {
            precisions.push(precision);
        } else {
            sink.report(Code::Repeated, at, format!("precision `{}` is listed twice", word(precision.weights)), "delete one");
        }
    }
    precisions
}

/// Whether stages of a copy may differ in weight format: that takes two formats and two stages.
pub(super) fn mixed(file: &FileService, precisions: &[Precision], max_stages: u32, sink: &mut Sink) -> bool {
    let Some(flag) = file.mixed_precisions.as_ref().filter(|f| f.value.0) else { return false };
    let formats: BTreeSet<WeightFormat> = precisions.iter().map(|p| p.weights).collect();
    if max_stages < 2 {
        let message = format!("{} has one stage, and a stage has one precision", label(file));
        sink.report(Code::Contradiction, flag.span, message, "write `max_stages: 2`, or delete `mixed_precisions`");
    } else if formats.len() == 1 {
        let message = format!("{} has one weight format, there is nothing to mix", label(file));
        sink.report(Code::Contradiction, flag.span, message, "write for example `precisions: [w8, w4]`");
    }
    true
}

fn precision(entry: &PrecisionEntry) -> Option<(Precision, Span)> {
    match entry {
        PrecisionEntry::Short(weights) => {
            Some((Precision { weights: weights.value.0, kv_bits: 16, activation_bits: 16 }, weights.span))
        }
        PrecisionEntry::Long(detail) => {
            let d = &detail.value;
            let bits = |b: Option<Bits>| b.map_or(16, |b| b.0);
            let weights = d.weights.as_ref()?;
            let (kv_bits, activation_bits) =
                (bits(d.kv.as_ref().map(|b| b.value)), bits(d.activations.as_ref().map(|b| b.value)));
            Some((Precision { weights: weights.value.0, kv_bits, activation_bits }, weights.span))
        }
    }
}

fn word(weights: WeightFormat) -> &'static str {
    crate::file::Weights(weights).word()
}
