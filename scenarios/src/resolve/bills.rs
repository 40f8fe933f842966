//! Prices and carbon: one currency, and something to count where a limit or the objective asks for it.

use super::names::list;
use crate::code::Code;
use crate::diagnostic::{Sink, Span};
use crate::file::File;
use crate::scenario::Goal;

pub(super) fn check(file: &File, sink: &mut Sink) {
    let limits = file.limits.as_ref().map(|l| &l.value);
    let goal = file.objective.as_ref();
    let sites = || list(file.sites.as_ref()).iter().map(|s| &s.value);
    let devices = || list(file.devices.as_ref()).iter().map(|d| &d.value);
    let mut prices: Vec<(&str, Span)> = Vec::new();
    prices.extend(sites().filter_map(|s| s.electricity.as_ref()).map(|p| (p.value.0.currency.as_str(), p.span)));
    prices.extend(devices().filter_map(|d| d.rent.as_ref()).map(|p| (p.value.0.currency.as_str(), p.span)));
    let counted = !prices.is_empty();
    let cap = limits.and_then(|l| l.cost.as_ref());
    prices.extend(cap.map(|p| (p.value.0.currency.as_str(), p.span)));
    prices.sort_by_key(|(_, at)| (at.line, at.column));
    if let Some(&(first, from)) = prices.first() {
        for &(other, at) in prices.iter().filter(|(c, _)| *c != first) {
            let message = format!("a price in {other}, but line {} is in {first}", from.line);
            sink.report(Code::Contradiction, at, message, format!("write all prices in one currency, for example {first}"));
        }
    }
    let unread = |key: &str| sites().any(|s| s.unread.contains(&key)) || devices().any(|d| d.unread.contains(&key));
    let asked = |wanted: Goal| goal.filter(|g| g.value.0 == wanted).map(|g| g.span);
    if let Some(at) = cap.map(|c| c.span).or(asked(Goal::Cost)).filter(|_| !counted && !unread("electricity") && !unread("rent"))
    {
        let help = "add `electricity: 0.30 EUR/kWh` to sites, or `rent: 1.20 EUR/h` to devices";
        sink.report(Code::Contradiction, at, "nothing in the fleet has a price", help);
    }
    let carbon = sites().any(|s| s.carbon.is_some());
    let cap = limits.and_then(|l| l.carbon.as_ref());
    if let Some(at) = cap.map(|c| c.span).or(asked(Goal::Carbon)).filter(|_| !carbon && !unread("carbon")) {
        sink.report(
            Code::Contradiction,
            at,
            "no site says how much carbon a kilowatt hour is",
            "add `carbon: 380 g/kWh` to sites",
        );
    }
}
