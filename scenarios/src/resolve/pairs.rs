//! Pairs: which devices may compute layers together.
//!
//! Their partial sums meet twice a layer, so they stand at one site, with a link whose rate no others use.

use std::collections::BTreeMap;

use super::Context;
use super::names::list;
use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::file::{File, Marked, Pair as FilePair};
use crate::scenario::{Device, End, Link, MAX_PAIRS, Pair, Site};

type Fleet<'a> = (&'a [Option<Site>], &'a [Option<Device>], &'a [Option<Vec<Link>>]);

/// The pairs that are none are reported and left out.
pub(super) fn resolve(context: &Context<'_>, file: &File, fleet: Fleet<'_>, sink: &mut Sink) -> Vec<Pair> {
    let entries = list(file.pairs.as_ref());
    if let Some(more) = entries.get(MAX_PAIRS) {
        let message = format!("{} pairs, at most {MAX_PAIRS} are planned", entries.len());
        sink.report(Code::BadCount, more.span, message, format!("keep the {MAX_PAIRS} that matter most"));
    }
    let mut seen: BTreeMap<usize, Span> = BTreeMap::new();
    let mut pairs = Vec::new();
    for entry in entries.iter().take(MAX_PAIRS) {
        let FilePair(a, b) = &entry.value;
        let (Some(first), Some(second)) = (context.names.device(a, sink), context.names.device(b, sink)) else { continue };
        if first == second {
            let message = format!("`{}` cannot share a layer with itself", b.value.0);
            sink.report(Code::NoPair, b.span, message, "name two devices");
            continue;
        }
        let twice = [(first, a), (second, b)].into_iter().find_map(|(d, name)| Some((name, *seen.get(&d)?)));
        if let Some((name, before)) = twice {
            let message = format!("`{}` is in a second pair", name.value.0);
            sink.report(Code::Repeated, name.span, message, format!("line {} has the first; delete one", before.line));
            continue;
        }
        seen.extend([(first, entry.span), (second, entry.span)]);
        if fits(fleet, entry, (first, second), sink) {
            pairs.push(Pair { devices: (first, second), at: entry.span.into() });
        }
    }
    pairs
}

/// Whether two devices can share layers; reports why not. True where a device was faulty itself.
fn fits((sites, devices, links): Fleet<'_>, entry: &Marked<FilePair>, (a, b): (usize, usize), sink: &mut Sink) -> bool {
    let names = (&entry.value.0.value.0, &entry.value.1.value.0);
    let (Some(one), Some(other)) = (devices.get(a).and_then(Option::as_ref), devices.get(b).and_then(Option::as_ref)) else {
        return true;
    };
    let mut refuse = |message: String, help: &str| {
        sink.report(Code::NoPair, entry.span, message, help);
        false
    };
    if one.site != other.site {
        let message = format!("`{}` and `{}` stand at two sites", names.0, names.1);
        return refuse(message, "partial sums meet twice a layer: pair devices of one site");
    }
    let guests = |d: usize| devices.iter().flatten().any(|g| g.host == Some(d));
    for (d, device) in [(a, one), (b, other)] {
        if device.host.is_some() || guests(d) {
            let message = format!("`{}` hosts a device or is hosted", device.name);
            return refuse(message, "pair devices that stand alone");
        }
    }
    let joins = |l: &&Link| matches!(l.between, (End::Device(x), End::Device(y)) if (x, y) == (a, b) || (y, x) == (a, b));
    let own = links.iter().flatten().flatten().find(joins).map(|l| &l.rates);
    let shared = own.or_else(|| sites.get(one.site)?.as_ref().map(|s| &s.link)).is_some_and(|l| l.shared);
    if shared {
        let message = format!("the link between `{}` and `{}` has others on it", names.0, names.1);
        return refuse(message, "write a link of their own under `links:`, or a site link that is not shared");
    }
    true
}

/// What pairs cannot stand beside.
pub(super) fn beside(file: &File, survives: bool, sink: &mut Sink) {
    let Some(pairs) = &file.pairs else { return };
    let idle = file.limits.as_ref().and_then(|l| l.value.underutilisation.as_ref());
    if let Some(idle) = idle {
        let message = "underutilisation cannot be a limit where pairs may share layers";
        sink.report(Code::Contradiction, idle.span, message, "delete the limit, or `pairs`");
    }
    if survives {
        let message = "pairs share no layers where a service survives a loss";
        sink.report(Code::NoEffect, pairs.span, message, "delete `pairs`, or `survives_loss`");
    }
}
