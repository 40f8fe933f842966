//! Links between sites and between devices.

use std::collections::BTreeMap;

use super::Context;
use super::names::list;
use super::sites::rates;
use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::file::{File, Marked, Name};
use crate::scenario::{End, Link};

/// The links of each entry; an entry that names a group is several links.
pub(super) fn resolve(context: &Context<'_>, file: &File, sink: &mut Sink) -> Vec<Option<Vec<Link>>> {
    let mut seen: BTreeMap<[(u8, usize); 2], Span> = BTreeMap::new();
    list(file.links.as_ref())
        .iter()
        .map(|entry| {
            let link = &entry.value;
            let rates =
                rates(context, link.kind.as_ref(), link.latency.as_ref(), link.bandwidth.as_ref(), link.loss.as_ref(), sink);
            let between = link.between.as_ref()?;
            let (a, b) = (&between.value.0, &between.value.1);
            let pairs = pairs(context, a, b, sink)?;
            for pair in &pairs {
                let mut key = [key(pair.0), key(pair.1)];
                key.sort_unstable();
                if let Some(first) = seen.insert(key, between.span) {
                    let message = format!("a second link between `{}` and `{}`", a.value.0, b.value.0);
                    sink.report(
                        Code::SecondLink,
                        between.span,
                        message,
                        format!("line {} has the first; delete one", first.line),
                    );
                    return None;
                }
            }
            let rates = rates?;
            Some(pairs.into_iter().map(|between| Link { between, rates: rates.clone(), at: entry.span.into() }).collect())
        })
        .collect()
}

fn key(end: End) -> (u8, usize) {
    match end {
        End::Site(s) => (0, s),
        End::Device(d) => (1, d),
    }
}

fn pairs(context: &Context<'_>, a: &Marked<Name>, b: &Marked<Name>, sink: &mut Sink) -> Option<Vec<(End, End)>> {
    let (from, to) = (context.names.ends(a, sink), context.names.ends(b, sink));
    if from.is_empty() || to.is_empty() {
        return None;
    }
    if from.iter().any(|end| to.contains(end)) {
        let message = format!("a link from `{}` to itself", b.value.0);
        sink.report(Code::LinkToItself, b.span, message, "a site's own link is its `link:` key; name another end");
        return None;
    }
    let mixed = matches!((from[0], to[0]), (End::Site(_), End::Device(_)) | (End::Device(_), End::Site(_)));
    if mixed {
        let message = format!("a link between a site and a device: `{}` and `{}`", a.value.0, b.value.0);
        sink.report(Code::WrongType, b.span, message, "link two sites, or two devices");
        return None;
    }
    if from.len() * to.len() > 100_000 {
        let message = format!("{} links in one entry", from.len() * to.len());
        sink.report(Code::BadCount, b.span, message, "put the devices at sites and link the sites");
        return None;
    }
    Some(from.iter().flat_map(|&a| to.iter().map(move |&b| (a, b))).collect())
}
