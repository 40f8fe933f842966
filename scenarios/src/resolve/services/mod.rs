//! Services: candidates, lengths, demands and placement rules of each.

mod adapters;
mod demands;
mod experts;
mod gates;
mod lengths;
mod models;
mod placement;

use super::names::list;
use super::reach::Parts;
use super::{Context, said};
use crate::diagnostic::Sink;
use crate::file::{File, Service as FileService};
use crate::scenario::{Arrivals, Service};

/// Most stages of a chain unless said.
const MAX_STAGES: u32 = 3;

pub(super) fn resolve(context: &Context<'_>, file: &File, parts: &Parts, sink: &mut Sink) -> Vec<Option<Service>> {
    list(file.services.as_ref())
        .iter()
        .enumerate()
        .map(|(index, service)| if sink.is_full() { None } else { one(context, index, &service.value, parts, sink) })
        .collect()
}

fn one(context: &Context<'_>, index: usize, file: &FileService, parts: &Parts, sink: &mut Sink) -> Option<Service> {
    let models = models::resolve(context, file, sink);
    let precisions = models::precisions(file, &models, sink);
    let lengths = lengths::resolve(file, &models, sink);
    let deadline = demands::deadline(file, &models, sink);
    let accuracy = demands::accuracy(context, file, &models, sink);
    let scaling = demands::scaling(file, &models, sink);
    let placement = placement::resolve(context, index, file, parts, sink);
    let mixed = models::mixed(file, &precisions, placement.max_stages, sink);
    let prefilters = gates::prefilters(context, file, &models, sink);
    let early_exits = gates::early_exits(file, &models, sink);
    let adapters = adapters::resolve(file, &models, sink);
    let expert_caches = experts::resolve(file, &models, sink);
    let name = file.name.as_ref()?;
    let lengths = lengths?;
    Some(Service {
        name: name.value.0.clone(),
        at: name.span.into(),
        models,
        precisions,
        mixed,
        prefilters,
        early_exits,
        adapters,
        expert_caches,
        rate: said(file.rate.as_ref()?),
        arrivals: file.arrivals.as_ref().map_or(Arrivals::Poisson, |a| a.value.0),
        prompt_tokens: lengths.prompt,
        answer_tokens: lengths.answer,
        request_bytes: lengths.request,
        answer_bytes: lengths.reply,
        origin: placement.origin,
        deadline,
        accuracy,
        scaling,
        replicas: placement.replicas,
        survives_loss: placement.survives_loss,
        max_stages: placement.max_stages,
        pins: placement.pins,
        forbidden: placement.forbidden,
        private_to: placement.private_to,
        apart_from: placement.apart_from,
    })
}

/// What a finding calls the service.
fn label(file: &FileService) -> String {
    file.name.as_ref().map_or_else(|| "a service".to_owned(), |n| format!("service `{}`", n.value.0))
}
