//! Money and carbon of a day: electricity at each site's price and intensity, rent of what is awake.
//!
//! ```text
//! cost of a day   = sum over devices (P_d 0.024 h kW / W price of its site + 24 rent while it is awake) + messages
//! carbon of a day = sum over devices  P_d 0.024 h kW / W grams a kWh of its site                        + messages
//! ```
//!
//! A message's energy has no site of its own, it is spent at both ends and between: it is counted at the dearest
//! price and the highest intensity of the fleet's sites, which is never too little. A site without a price costs
//! nothing there (its power may be in the rent).

use scenarios::{Goal, Scenario};

use crate::table::Bill;

/// Kilowatt hours that a watt is in a day.
pub const KWH_PER_WATT_DAY: f64 = 0.024;
/// Hours of a day.
pub const HOURS: f64 = 24.0;

/// Bills that anything in the scenario asks for: a goal, a limit, or a price to report with. The table's power is too low
/// by at most `error`, so caps are lowered by as much.
pub(super) fn of(scenario: &Scenario, error: f64) -> Vec<Bill> {
    let money = scenario.sites.iter().any(|s| s.electricity.is_some()) || scenario.devices.iter().any(|d| d.rent.is_some());
    let carbon = scenario.sites.iter().any(|s| s.carbon.is_some());
    let goal = scenario.objective.goal;
    let mut bills = Vec::new();
    if money || goal == Goal::Cost || scenario.limits.cost.is_some() {
        let price = |s: &scenarios::Site| s.electricity.as_ref().map_or(0.0, |p| p.value.amount);
        let rent = |d: &scenarios::Device| d.rent.as_ref().map_or(0.0, |r| HOURS * r.value.amount);
        let cap = scenario.limits.cost.as_ref().map_or(f64::INFINITY, |c| c.value.amount * (1.0 - error));
        bills.push(bill(scenario, "cost", price, rent, cap, goal == Goal::Cost));
    }
    if carbon || goal == Goal::Carbon || scenario.limits.carbon.is_some() {
        let grams = |s: &scenarios::Site| s.carbon.as_ref().map_or(0.0, |c| c.value.get());
        let cap = scenario.limits.carbon.as_ref().map_or(f64::INFINITY, |c| c.value.get() * (1.0 - error));
        bills.push(bill(scenario, "carbon", grams, |_| 0.0, cap, goal == Goal::Carbon));
    }
    bills
}

fn bill(
    scenario: &Scenario,
    name: &str,
    per_kwh: impl Fn(&scenarios::Site) -> f64,
    awake: impl Fn(&scenarios::Device) -> f64,
    cap: f64,
    goal: bool,
) -> Bill {
    let of = |d: &scenarios::Device| scenario.sites.get(d.site).map_or(0.0, &per_kwh) * KWH_PER_WATT_DAY;
    Bill {
        name: name.into(),
        per_w: scenario.devices.iter().map(of).collect(),
        awake: scenario.devices.iter().map(awake).collect(),
        network_per_w: scenario.sites.iter().map(&per_kwh).fold(0.0, f64::max) * KWH_PER_WATT_DAY,
        cap,
        weight: if goal { 1.0 } else { 0.0 },
    }
}
