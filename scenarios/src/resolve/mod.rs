//! Typed maps to the checked scenario: names to indices, defaults filled in, contradictions found.
//!
//! Each part yields `None` for what it could not make, after reporting why; a scenario is made only
//! of a file without errors, so an index never points at a part that is missing.

mod bills;
mod devices;
mod expect;
mod links;
mod names;
mod overrides;
mod own;
mod pairs;
mod reach;
mod services;
mod sites;
mod together;

use std::path::Path;

use profiles::units::Ratio;

use crate::code::Code;
use crate::diagnostic::Sink;
use crate::file::{File, Limits as FileLimits, Marked};
use crate::known::Known;
use crate::read::Open;
use crate::scenario::{At, Goal, Limits, Objective, Said, Scenario, Tier};
use names::Names;

/// What every part of the resolution needs.
struct Context<'a> {
    known: &'a dyn Known,
    /// Folder of the scenario file, for messages.
    folder: &'a Path,
    open: Open<'a>,
    names: Names,
    /// By device.
    tiers: Vec<Tier>,
}

pub(crate) fn resolve(
    file: &File,
    digest: &str,
    folder: &Path,
    known: &dyn Known,
    open: Open<'_>,
    sink: &mut Sink,
) -> Option<Scenario> {
    let known = own::WithOwn::read(file, folder, known, open, sink);
    let mut context = Context { known: &known, folder, open, names: Names::of(file, sink), tiers: Vec::new() };
    let sites = sites::resolve(&context, file, sink);
    let devices = devices::resolve(&context, file, &sites, sink);
    context.tiers = devices.iter().map(|d| d.as_ref().map_or(Tier::Edge, |d| d.tier)).collect();
    let links = links::resolve(&context, file, sink);
    let pairs = pairs::resolve(&context, file, (&sites[..], &devices[..], &links[..]), sink);
    let parts = reach::Parts::of(&context.names, &links);
    let services = services::resolve(&context, file, &parts, sink);
    let expect = expect::resolve(&context, file, sink);
    let limits = limits(file.limits.as_ref(), sink);
    let survives = services.iter().flatten().any(|s| s.survives_loss);
    let idle = file.limits.as_ref().and_then(|l| l.value.underutilisation.as_ref());
    if let Some(idle) = idle.filter(|_| survives) {
        let message = "underutilisation cannot be a limit where `survives_loss` keeps time free";
        sink.report(Code::Contradiction, idle.span, message, "delete the limit, or `survives_loss`");
    }
    pairs::beside(file, survives, sink);
    together::beside(file, sink);
    bills::check(file, sink);
    let goal = file.objective.as_ref();
    Some(Scenario {
        name: file.name.as_ref()?.value.0.clone(),
        description: file.description.as_ref().map(|d| d.value.0.clone()).unwrap_or_default(),
        digest: digest.to_owned(),
        devices: devices.into_iter().collect::<Option<_>>()?,
        sites: sites.into_iter().collect::<Option<_>>()?,
        links: links.into_iter().collect::<Option<Vec<_>>>()?.into_iter().flatten().collect(),
        pairs,
        services: services.into_iter().collect::<Option<_>>()?,
        limits,
        objective: Objective {
            goal: goal.map_or(Goal::Power, |g| g.value.0),
            at: goal.map(|g| g.span.into()).unwrap_or_default(),
        },
        expect,
    })
}

/// A value with its place as physics wants it.
fn said<T: Clone>(marked: &Marked<T>) -> Said<T> {
    Said { value: marked.value.clone(), at: marked.span.into() }
}

/// The value said, or a default that is said nowhere.
fn said_or<T: Clone>(marked: Option<&Marked<T>>, default: T) -> Said<T> {
    marked.map_or(Said { value: default, at: At::default() }, said)
}

/// Reports a share that is not above 0 %.
fn above_zero(share: Option<&Marked<Ratio>>, what: &str, sink: &mut Sink) {
    if let Some(share) = share.filter(|s| s.value.get() <= 0.0) {
        sink.report(Code::OutOfRange, share.span, format!("{what} of 0 % leaves nothing"), "write a share above 0 %");
    }
}

fn limits(said_limits: Option<&Marked<FileLimits>>, sink: &mut Sink) -> Limits {
    let empty = FileLimits::default();
    let file = said_limits.map_or(&empty, |l| &l.value);
    above_zero(file.booked_time.as_ref(), "booked time", sink);
    above_zero(file.booked_link.as_ref(), "a booked link", sink);
    if let Some(power) = file.power.as_ref().filter(|p| p.value.get() <= 0.0) {
        sink.report(Code::OutOfRange, power.span, "a fleet cannot run on no power", "write a cap above 0 W, or delete the key");
    }
    Limits {
        power: file.power.as_ref().map(said),
        booked_time: said_or(file.booked_time.as_ref(), Ratio(0.7)),
        booked_link: said_or(file.booked_link.as_ref(), Ratio(0.5)),
        latency: file.latency.as_ref().map(said),
        underutilisation: file.underutilisation.as_ref().map(said),
        mean_accuracy: file.mean_accuracy.as_ref().map(said),
        cost: file.cost.as_ref().map(|c| Said { value: c.value.0.clone(), at: c.span.into() }),
        carbon: file.carbon.as_ref().map(said),
    }
}
