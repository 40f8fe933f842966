//! Caches of a mixture's experts.

use profiles::{Mlp, ModelProfile};

use super::label;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::file::{ExpertCache as FileCache, Marked, Service as FileService};
use crate::resolve::names::list;
use crate::scenario::{ExpertCache, Said};

pub(super) fn resolve(file: &FileService, models: &[Said<ModelProfile>], sink: &mut Sink) -> Vec<ExpertCache> {
    let mut all: Vec<ExpertCache> = Vec::new();
    for said in list(file.expert_caches.as_ref()) {
        let Some(cache) = cache(said, sink) else { continue };
        if all.iter().any(|c| c.holds == cache.holds) {
            let message = format!("a cache of {} of the experts is listed twice", cache.holds);
            sink.report(Code::Repeated, said.span, message, "delete one");
            continue;
        }
        all.push(cache);
    }
    let mixture = |m: &Said<ModelProfile>| m.value.blocks.iter().any(|g| matches!(g.block.mlp, Mlp::Experts { .. }));
    if let Some(said) = file.expert_caches.as_ref().filter(|_| !models.is_empty() && !models.iter().any(mixture)) {
        let message = format!("no candidate of {} is a mixture of experts", label(file));
        sink.report(Code::Contradiction, said.span, message, "delete `expert_caches`, or name a mixture among `models`");
    }
    all
}

fn cache(said: &Marked<FileCache>, sink: &mut Sink) -> Option<ExpertCache> {
    let c = &said.value;
    if let Some(holds) = c.holds.as_ref().filter(|h| h.value.get() <= 0.0 || h.value.get() >= 1.0) {
        let message = format!("{} of the experts kept in memory", holds.value);
        sink.report(Code::OutOfRange, holds.span, message, "write a share above 0 % and below 100 %, for example `25 %`");
    }
    if let Some(hits) = c.hits.as_ref().filter(|h| h.value.get() <= 0.0) {
        sink.report(
            Code::OutOfRange,
            hits.span,
            "a cache in which nothing is ever found",
            "write a share above 0 %, or delete `hits`",
        );
    }
    let holds = c.holds.as_ref()?.value;
    Some(ExpertCache { holds, hits: c.hits.as_ref().map_or(holds, |h| h.value), at: said.span.into() })
}
