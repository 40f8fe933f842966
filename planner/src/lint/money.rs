//! Money and carbon of a day, worked out again: each device's own power at its site's price, rent of what is awake.

use protocol::Plan;
use scenarios::Scenario;

use super::heat;
use super::note::{Notes, Recomputed};
use super::numbers::Load;
use super::structure::{Resolved, Site};

/// Kilowatt hours of one watt over a day.
const DAY: f64 = 24.0 / 1000.0;

/// Mean power of a device, watts.
fn power_w(site: &Site<'_>, dynamic_w: f64) -> f64 {
    let Some(mode) = site.mode else { return site.wanted.profile.sleep.power.value.get() };
    let rest_w = site.rest_w(mode);
    heat::steady(&site.wanted.profile, rest_w, site.wanted.ambient.get(), dynamic_w).map_or(rest_w + dynamic_w, |s| s.power_w)
}

/// A day's sum of what a kilowatt hour is at each site; messages at the highest of them.
fn sum(scenario: &Scenario, r: &Resolved<'_>, load: &Load, per_kwh: impl Fn(&scenarios::Site) -> f64) -> f64 {
    let devices = r.devices.iter().zip(&load.dynamic_w);
    let at_home: f64 = devices.map(|(site, &dynamic)| power_w(site, dynamic) * per_kwh(&scenario.sites[site.wanted.site])).sum();
    let highest = scenario.sites.iter().map(&per_kwh).fold(0.0, f64::max);
    DAY * (at_home + load.network_w * highest)
}

/// Electricity and rent; `None` where nothing has a price and nobody asks.
pub(super) fn cost(scenario: &Scenario, r: &Resolved<'_>, load: &Load) -> Option<f64> {
    scenario.currency().or((scenario.objective.goal == scenarios::Goal::Cost).then_some(""))?;
    let rent = |site: &&Site<'_>| site.wanted.rent.as_ref().map_or(0.0, |rent| rent.value.amount);
    let awake: f64 = r.devices.iter().filter(|s| s.mode.is_some()).map(|s| rent(&s)).sum();
    Some(sum(scenario, r, load, |s| s.electricity.as_ref().map_or(0.0, |p| p.value.amount)) + 24.0 * awake)
}

/// Grams; `None` where no site says and nobody asks.
pub(super) fn carbon(scenario: &Scenario, r: &Resolved<'_>, load: &Load) -> Option<f64> {
    let asked = scenario.limits.carbon.is_some() || scenario.objective.goal == scenarios::Goal::Carbon;
    let said = scenario.sites.iter().any(|s| s.carbon.is_some());
    (asked || said).then(|| sum(scenario, r, load, |s| s.carbon.as_ref().map_or(0.0, |c| c.value.get())))
}

/// Holds what the plan says against it, and against the limits.
pub(super) fn check(scenario: &Scenario, plan: &Plan, own: &Recomputed, notes: &mut Notes) {
    let t = &plan.totals;
    for (code, what, given, own) in [
        ("cost", "cost of a day", t.cost_per_day, own.cost_per_day),
        ("carbon", "carbon of a day", t.carbon_g_per_day, own.carbon_g_per_day),
    ] {
        match (given, own) {
            (Some(given), Some(own)) => notes.same(code, "totals", what, given, own),
            (None, None) => {}
            (given, own) => notes.fatal(code, "totals", format!("{what} is given as {given:?}, but works out as {own:?}")),
        }
    }
    let currency = own.cost_per_day.and(scenario.currency());
    notes.check(t.currency.as_deref() == currency, "currency", "totals", || {
        format!("its currency is {:?}, the scenario's {currency:?}", t.currency)
    });
    if let (Some(cap), Some(cost)) = (&scenario.limits.cost, own.cost_per_day) {
        notes.at_most("fleet-cost", "fleet", "the cost of a day", cost, cap.value.amount);
    }
    if let (Some(cap), Some(carbon)) = (&scenario.limits.carbon, own.carbon_g_per_day) {
        notes.at_most("fleet-carbon", "fleet", "the carbon of a day", carbon, cap.value.get());
    }
}
