//! Ways out of a conflict: for each number the least change that helps, for the rest to drop it.

use profiles::units::{GramsPerDay, PerSecond, Ratio, Seconds, Watts};
use scenarios::Scenario;
use serde::Serialize;

use super::minimal::{Answer, Memory};
use super::without::WHOLE;
use super::{Demand, without};

/// One way out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Relaxation {
    pub demand: Demand,
    /// 1-based line of the demand; 0: a default.
    pub line: u32,
    pub remedy: Remedy,
    /// True: with this alone the whole scenario has a plan. False: it settles this conflict, and another remains.
    pub enough: bool,
}

/// What to do about a demand.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// The least relaxed value, to three significant digits, that has a plan.
    Value {
        from: f64,
        to: f64,
        /// Base unit of both, empty for a share.
        unit: &'static str,
        /// `|to / from - 1|`.
        relative: f64,
    },
    /// Give the demand up.
    Drop,
}

/// All ways out, sorted: those that are enough first, then the smallest relative change, then what to drop.
pub(super) fn relaxations(scenario: &Scenario, core: &[Demand], memory: &mut Memory<'_>) -> Vec<Relaxation> {
    let mut out = Vec::new();
    for demand in core {
        let line = demand.at(scenario).line;
        let dropped = without(scenario, std::slice::from_ref(demand));
        let enough = memory.about(&dropped) == Answer::Possible;
        // Where other conflicts remain, ask about this one alone.
        let base = if enough { scenario.clone() } else { reduced(scenario, core) };
        let at = if enough { demand.clone() } else { moved(demand, core) };
        if let Some(remedy) = least(&base, &at, memory) {
            out.push(Relaxation { demand: demand.clone(), line, remedy, enough });
        }
        out.push(Relaxation { demand: demand.clone(), line, remedy: Remedy::Drop, enough });
    }
    let key = |r: &Relaxation| match r.remedy {
        Remedy::Value { relative, .. } => relative,
        Remedy::Drop => f64::INFINITY,
    };
    out.sort_by(|a, b| b.enough.cmp(&a.enough).then(key(a).total_cmp(&key(b))).then(a.demand.cmp(&b.demand)));
    out
}

/// The scenario with only the demands of a conflict.
fn reduced(scenario: &Scenario, core: &[Demand]) -> Scenario {
    let dropped: Vec<Demand> = super::demands(scenario).into_iter().filter(|d| !core.contains(d)).collect();
    without(scenario, &dropped)
}

/// A service's demand as it is numbered in the reduced scenario. Only demands with a number are asked about.
fn moved(demand: &Demand, core: &[Demand]) -> Demand {
    let index = |s: usize| (0..s).filter(|&o| core.contains(&Demand::Served(o))).count();
    match *demand {
        Demand::Served(s) => Demand::Served(index(s)),
        Demand::Ttft(s) => Demand::Ttft(index(s)),
        Demand::Tpot(s) => Demand::Tpot(index(s)),
        Demand::Total(s) => Demand::Total(index(s)),
        Demand::Accuracy(s) => Demand::Accuracy(index(s)),
        ref other => other.clone(),
    }
}

/// The value nearest to the demanded one, on the grid of three significant digits, that has a plan.
fn least(base: &Scenario, demand: &Demand, memory: &mut Memory<'_>) -> Option<Remedy> {
    let number = number(base, demand)?;
    let ask = |step: u32, memory: &mut Memory<'_>| -> Option<(f64, bool)> {
        let value = relaxed(&number, step)?;
        let mut s = base.clone();
        set(&mut s, demand, value);
        Some((value, memory.about(&s) == Answer::Possible))
    };
    // Gallop to a value that helps, then halve the steps between.
    let (mut low, mut high) = (0, FIRST_STEP);
    let mut found = loop {
        match ask(high, memory) {
            Some((value, true)) => break value,
            Some((_, false)) => (low, high) = (high, high * 2),
            None => return None,
        }
    };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match ask(middle, memory)? {
            (value, true) => (high, found) = (middle, value),
            (_, false) => low = middle,
        }
    }
    let relative = (found / number.value - 1.0).abs();
    Some(Remedy::Value { from: number.value, to: found, unit: number.unit, relative })
}

/// First step of the gallop, in steps of the grid (0.1 to 1 per cent each). Small, because a deadline that is
/// relaxed too far asks for memory for the requests that then may stay.
const FIRST_STEP: u32 = 4;

/// A demand's number: relaxed by growing or by shrinking, up to a limit.
struct Number {
    value: f64,
    unit: &'static str,
    /// The furthest that it may be relaxed to; larger than `value` where relaxing is growing.
    limit: f64,
}

/// Largest factor by which an unbounded number is relaxed: beyond it the advice is no advice.
const FACTOR: f64 = 1e6;

fn number(s: &Scenario, demand: &Demand) -> Option<Number> {
    let up = |value: f64, unit| Number { value, unit, limit: value * FACTOR };
    let down = |value: f64, unit| Number { value, unit, limit: value / FACTOR };
    let number = match *demand {
        Demand::Served(i) => down(s.services[i].rate.value.get(), "/s"),
        Demand::Ttft(i) => up(s.services[i].deadline.ttft.as_ref()?.value.get(), "s"),
        Demand::Tpot(i) => up(s.services[i].deadline.tpot.as_ref()?.value.get(), "s"),
        Demand::Total(i) => up(s.services[i].deadline.total.as_ref()?.value.get(), "s"),
        Demand::Accuracy(i) => Number { limit: 1e-3, ..down(s.services[i].accuracy.as_ref()?.at_least.value.get(), "") },
        Demand::PowerCap(d) => up(s.devices[d].power_cap.as_ref()?.value.get(), "W"),
        Demand::MemoryMargin(d) => Number { limit: 1e-3, ..down(s.devices[d].memory_margin.value.get(), "") },
        Demand::FleetPower => up(s.limits.power.as_ref()?.value.get(), "W"),
        Demand::BookedTime => Number { limit: WHOLE, ..up(s.limits.booked_time.value.get(), "") },
        Demand::BookedLink => Number { limit: WHOLE, ..up(s.limits.booked_link.value.get(), "") },
        Demand::FleetLatency => up(s.limits.latency.as_ref()?.value.get(), ""),
        Demand::FleetCost => up(s.limits.cost.as_ref()?.value.amount, "a day"),
        Demand::FleetCarbon => up(s.limits.carbon.as_ref()?.value.get(), "g/day"),
        Demand::FleetUnderuse => Number { limit: 1.0, ..up(s.limits.underutilisation.as_ref()?.value.get(), "") },
        Demand::FleetAccuracy => Number { limit: 1e-3, ..down(s.limits.mean_accuracy.as_ref()?.value.get(), "") },
        _ => return None,
    };
    (number.value > 0.0 && number.value.is_finite()).then_some(number)
}

fn set(s: &mut Scenario, demand: &Demand, value: f64) {
    let time = |t: &mut Option<scenarios::Said<Seconds>>| {
        if let Some(t) = t {
            t.value = Seconds(value);
        }
    };
    let share = |t: &mut Option<scenarios::Said<Ratio>>| {
        if let Some(t) = t {
            t.value = Ratio(value);
        }
    };
    let power = |t: &mut Option<scenarios::Said<Watts>>| {
        if let Some(t) = t {
            t.value = Watts(value);
        }
    };
    match *demand {
        Demand::Served(i) => s.services[i].rate.value = PerSecond(value),
        Demand::Ttft(i) => time(&mut s.services[i].deadline.ttft),
        Demand::Tpot(i) => time(&mut s.services[i].deadline.tpot),
        Demand::Total(i) => time(&mut s.services[i].deadline.total),
        Demand::Accuracy(i) => {
            if let Some(floor) = &mut s.services[i].accuracy {
                floor.at_least.value = Ratio(value);
            }
        }
        Demand::PowerCap(d) => power(&mut s.devices[d].power_cap),
        Demand::MemoryMargin(d) => s.devices[d].memory_margin.value = Ratio(value),
        Demand::FleetPower => power(&mut s.limits.power),
        Demand::BookedTime => s.limits.booked_time.value = Ratio(value),
        Demand::BookedLink => s.limits.booked_link.value = Ratio(value),
        Demand::FleetCost => {
            if let Some(cost) = &mut s.limits.cost {
                cost.value.amount = value;
            }
        }
        Demand::FleetCarbon => {
            if let Some(carbon) = &mut s.limits.carbon {
                carbon.value = GramsPerDay(value);
            }
        }
        Demand::FleetLatency => share(&mut s.limits.latency),
        Demand::FleetUnderuse => share(&mut s.limits.underutilisation),
        Demand::FleetAccuracy => share(&mut s.limits.mean_accuracy),
        _ => {}
    }
}

/// The number relaxed by that many steps of the grid; `None` beyond its limit.
fn relaxed(number: &Number, steps: u32) -> Option<f64> {
    let steps = i64::from(steps);
    let grows = number.limit > number.value;
    let value = if grows { on_grid(below(number.value) + steps) } else { on_grid(above(number.value) - steps) };
    let inside = if grows { value <= number.limit } else { value >= number.limit };
    inside.then_some(value)
}

/// Number `k` of the grid of three significant digits: `100 … 999` times a power of ten.
pub(super) fn on_grid(k: i64) -> f64 {
    let (decade, digits) = (k.div_euclid(900), k.rem_euclid(900) + 100);
    // Decimal text gives the nearest double, so that 1150 ms stays 1.15 s.
    format!("{digits}e{}", decade - 2).parse().unwrap_or(f64::NAN)
}

/// Number of the largest grid value that is at most `value`.
fn below(value: f64) -> i64 {
    let guess = near(value);
    (guess - 1..=guess + 1).rev().find(|&k| on_grid(k) <= value).unwrap_or(guess - 1)
}

/// Number of the smallest grid value that is at least `value`.
fn above(value: f64) -> i64 {
    let guess = near(value);
    (guess - 1..=guess + 1).find(|&k| on_grid(k) >= value).unwrap_or(guess + 1)
}

fn near(value: f64) -> i64 {
    let decade = value.log10().floor() as i64;
    decade * 900 + (value / 10f64.powi(decade as i32 - 2)).round() as i64 - 100
}
