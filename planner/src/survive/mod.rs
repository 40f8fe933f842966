//! Services that are served on when any one device is lost (N-1).
//!
//! Such a service has two replicas that share no device, and each has room for all requests: memory for the
//! concurrency of the whole rate, booked time for twice its share. Device heat and link rates, which the
//! table counts in sums over services, are kept to half of their caps on the whole fleet; that is stricter
//! than needed where services that promise nothing share a device, never too loose. Bounds are those of
//! this stricter problem. A promised service uses no device that needs another to be awake: with the host
//! it would lose both.
//!
//! Limits of the whole fleet (power, mean latency, mean accuracy) are for the whole fleet: after a loss
//! devices' own limits and services' deadlines hold.

mod loss;
#[cfg(test)]
mod tests;

pub use loss::{LossError, Lost, after};

use profiles::units::PerSecond;
use scenarios::Scenario;
use std::borrow::Cow;

use crate::physics::{self, Model};
use crate::table::Table;

/// Replicas of a promised service.
const COPIES: f64 = 2.0;

/// The scenario's model; where services promise to survive a loss, of the stricter problem.
#[must_use]
pub fn build(scenario: &Scenario) -> Model {
    let promised: Vec<usize> = (0..scenario.services.len()).filter(|&s| scenario.services[s].survives_loss).collect();
    if promised.is_empty() {
        return physics::build(scenario);
    }
    let doubled = doubled(scenario);
    let mut model = physics::build(&doubled);
    let all: f64 = scenario.services.iter().map(|s| s.rate.value.get()).sum();
    for (row, service) in model.table.services.iter_mut().zip(&scenario.services) {
        row.rate_hz = service.rate.value.get();
        row.answer_share = if all > 0.0 { row.rate_hz / all } else { row.answer_share };
    }
    let table = &mut model.table;
    let guest: Vec<bool> = table.places.iter().map(|p| table.devices[p.device as usize].needs.is_some()).collect();
    for &s in &promised {
        for option in &mut table.services[s].options {
            for (at, guest) in option.at.iter_mut().zip(&guest) {
                if *guest {
                    *at = None;
                }
            }
        }
        model.reserve[s] = COPIES;
    }
    scale(table, &model.reserve, COPIES);
    model
}

/// How much [`build`] would have to choose from.
#[must_use]
pub fn offers(scenario: &Scenario) -> physics::Offers {
    physics::offers(&doubled(scenario))
}

/// Each of two replicas of a service with twice the rate keeps memory for the whole rate.
fn doubled(scenario: &Scenario) -> Cow<'_, Scenario> {
    if !scenario.services.iter().any(|s| s.survives_loss) {
        return Cow::Borrowed(scenario);
    }
    let mut doubled = scenario.clone();
    for service in doubled.services.iter_mut().filter(|s| s.survives_loss) {
        service.rate.value = PerSecond(COPIES * service.rate.value.get());
    }
    Cow::Owned(doubled)
}

/// The model as requests load it while nothing is lost: what a plan's numbers are made from.
#[must_use]
pub(crate) fn whole(model: &Model) -> Cow<'_, Model> {
    if model.reserve.iter().all(|&r| r <= 1.0) {
        return Cow::Borrowed(model);
    }
    let mut plain = model.clone();
    let factors: Vec<f64> = model.reserve.iter().map(|r| 1.0 / r).collect();
    scale(&mut plain.table, &factors, 1.0 / COPIES);
    plain.reserve.fill(1.0);
    Cow::Owned(plain)
}

/// Multiplies booked time by service, and divides what the table counts in sums over services. Factors are
/// powers of two, so that there and back is nothing.
fn scale(table: &mut Table, factors: &[f64], caps: f64) {
    for (service, &factor) in table.services.iter_mut().zip(factors) {
        for costs in service.options.iter_mut().flat_map(|o| &mut o.at).flatten() {
            costs.sum.iter_mut().chain(&mut costs.begins).chain([&mut costs.per_stage]).for_each(|c| c.busy_s *= factor);
        }
    }
    table.modes.iter_mut().for_each(|m| m.dynamic_cap_w /= caps);
    table.segments.iter_mut().for_each(|g| g.capacity_bytes_s /= caps);
}
