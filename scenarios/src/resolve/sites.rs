//! Sites, and the rates of links.

use profiles::units::Celsius;
use profiles::units::{BytesPerSecond, Ratio, Seconds};

use super::names::list;
use super::{Context, said};
use crate::code::Code;
use crate::diagnostic::Sink;
use crate::file::{File, Marked, Name, SiteLink};
use crate::scenario::{LinkRates, Said, Site};
use crate::suggest;

/// Air temperature of a site that says none: room temperature.
const AMBIENT: Celsius = Celsius(25.0);
/// Above this share of lost packets a link is broken, not slow.
const MAX_LOSS: f64 = 0.9;

pub(super) fn resolve(context: &Context<'_>, file: &File, sink: &mut Sink) -> Vec<Option<Site>> {
    let sites = list(file.sites.as_ref());
    for (index, site) in sites.iter().enumerate() {
        let Some(name) = &site.value.name else { continue };
        let used = context.names.site_of.contains(&Some(index));
        // Devices that could not be read, or whose site could not, may stand here.
        if !used && !context.names.site_of.contains(&None) && context.names.sure_of("devices") {
            let message = format!("no device stands at site `{}`", name.value.0);
            sink.report(
                Code::UnusedSite,
                name.span,
                message,
                format!("delete the site, or give a device `site: {}`", name.value.0),
            );
        }
    }
    sites
        .iter()
        .map(|site| {
            let rates = match site.value.link.as_ref().map(|l| &l.value) {
                None => None,
                Some(SiteLink::Kind(kind)) => rates(context, Some(kind), None, None, None, sink),
                Some(SiteLink::Detail(d)) => {
                    let d = &d.value;
                    rates(context, d.kind.as_ref(), d.latency.as_ref(), d.bandwidth.as_ref(), d.loss.as_ref(), sink)
                }
            };
            Some(Site {
                name: site.value.name.as_ref()?.value.0.clone(),
                at: site.value.name.as_ref()?.span.into(),
                ambient: site.value.ambient.as_ref().map_or(AMBIENT, |a| a.value),
                link: rates?,
                electricity: site.value.electricity.as_ref().map(|p| Said { value: p.value.0.clone(), at: p.span.into() }),
                carbon: site.value.carbon.as_ref().map(said),
            })
        })
        .collect()
}

/// A kind of the catalogue with the file's changes. Changed numbers count as assumed.
pub(super) fn rates(
    context: &Context<'_>,
    kind: Option<&Marked<Name>>,
    latency: Option<&Marked<Seconds>>,
    bandwidth: Option<&Marked<BytesPerSecond>>,
    loss: Option<&Marked<Ratio>>,
    sink: &mut Sink,
) -> Option<LinkRates> {
    if let Some(loss) = loss.filter(|l| l.value.get() > MAX_LOSS) {
        let message = format!("a link that loses {} of its packets carries nothing", loss.value);
        sink.report(Code::OutOfRange, loss.span, message, "write at most 90 %, or delete the link");
    }
    let kind = kind?;
    let Some(profile) = context.known.link(&kind.value.0) else {
        let message = format!("the catalogue has no link kind `{}`", kind.value.0);
        let help = suggest::help(&kind.value.0, "kinds", context.known.link_ids());
        sink.report(Code::UnknownLink, kind.span, message, help);
        return None;
    };
    let energy = profile.joules_per_byte.quality;
    let quality = [
        latency.map_or(profile.latency.quality, |_| profiles::Quality::Assumed),
        bandwidth.map_or(profile.bandwidth.quality, |_| profiles::Quality::Assumed),
        loss.map_or(profile.loss.quality, |_| profiles::Quality::Assumed),
    ];
    Some(LinkRates {
        kind: profile.id.clone(),
        latency: latency.map_or(profile.latency.value, |l| l.value),
        bandwidth: bandwidth.map_or(profile.bandwidth.value, |b| b.value),
        loss: loss.map_or(profile.loss.value, |l| l.value),
        joules_per_byte: profile.joules_per_byte.value,
        shared: profile.shared,
        quality: quality.into_iter().fold(energy, Ord::max),
    })
}
