//! Adapters beside the candidates' weights.

use profiles::units::Ratio;
use profiles::{ModelKind, ModelProfile};

use super::label;
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::file::Service as FileService;
use crate::scenario::{Adapters, KeptAdapters, Said};

/// Most adapters of a service.
const MOST: u32 = 100_000;

pub(super) fn resolve(file: &FileService, models: &[Said<ModelProfile>], sink: &mut Sink) -> Option<Adapters> {
    let said = file.adapters.as_ref()?;
    let a = &said.value;
    if let Some(model) = models.first().filter(|m| m.value.kind != ModelKind::Llm) {
        let message =
            format!("adapters of {} lie beside the layers of language models, `{}` is none", label(file), model.value.id);
        sink.report(Code::Contradiction, said.span, message, "delete `adapters`");
    }
    if let Some(size) = a.size.as_ref().filter(|s| s.value.get() <= 0.0) {
        sink.report(Code::OutOfRange, size.span, "an adapter without bytes", "write for example `size: 80 MiB`");
    }
    if let Some(misses) = a.misses.as_ref().filter(|m| m.value.get() <= 0.0) {
        let message = "no request ever finds its adapter missing, though not all are kept";
        sink.report(Code::OutOfRange, misses.span, message, "write a share above 0 %, or delete `kept`");
    }
    if let Some(misses) = a.misses.as_ref().filter(|_| a.kept.is_none() && !a.unread.contains(&"kept")) {
        sink.report(Code::NoEffect, misses.span, "`misses` without `kept`: all adapters are kept", "add for example `kept: 4`");
    }
    let count = a.count.as_ref()?;
    if !(1..=MOST).contains(&count.value) {
        let message = format!("{} adapters", count.value);
        sink.report(Code::BadCount, count.span, message, format!("write a count from 1 to {MOST}, or delete `adapters`"));
        return None;
    }
    let kept = a.kept.as_ref().filter(|kept| {
        let part = kept.value >= 1 && kept.value < count.value;
        if !part {
            let message = format!("{} of {} adapters kept in memory", kept.value, count.value);
            let help =
                if count.value > 1 { format!("write a count from 1 to {}", count.value - 1) } else { "delete `kept`".into() };
            sink.report(Code::BadCount, kept.span, message, help);
        }
        part
    });
    let evenly = |kept: u32| Ratio(1.0 - f64::from(kept) / f64::from(count.value));
    let kept = kept.map(|k| KeptAdapters { count: k.value, misses: a.misses.as_ref().map_or(evenly(k.value), |m| m.value) });
    Some(Adapters { count: count.value, size: a.size.as_ref()?.value, kept, at: said.span.into() })
}
