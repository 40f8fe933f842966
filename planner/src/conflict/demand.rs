//! What an owner asks for, one thing at a time.

use profiles::units::Ratio;
use scenarios::{At, Scenario, Service};
use serde::Serialize;

/// One demand of a scenario. Numbers are indices into the scenario's vectors, and for lists the
/// place in the list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// The service must be served, at its rate.
    Served(usize),
    Ttft(usize),
    Tpot(usize),
    Total(usize),
    Accuracy(usize),
    /// Service and number of the pin.
    Pin(usize, usize),
    /// The service's devices that may hold no stage: service and number in the list.
    Forbidden(usize, usize),
    /// The first block must be on one of the private devices.
    Private(usize),
    /// Service and number in its list of services to be apart from.
    Apart(usize, usize),
    /// Of a device.
    PowerCap(usize),
    MemoryMargin(usize),
    Modes(usize),
    FleetPower,
    BookedTime,
    BookedLink,
    FleetLatency,
    FleetUnderuse,
    FleetAccuracy,
    FleetCost,
    FleetCarbon,
}

/// All demands of a scenario: services in order, each with being served first, then devices, then the fleet.
#[must_use]
pub fn demands(scenario: &Scenario) -> Vec<Demand> {
    let mut all = Vec::new();
    for (s, service) in scenario.services.iter().enumerate() {
        of_service(s, service, &mut all);
    }
    for (d, device) in scenario.devices.iter().enumerate() {
        all.extend(device.power_cap.is_some().then_some(Demand::PowerCap(d)));
        all.extend((device.memory_margin.value > Ratio(0.0)).then_some(Demand::MemoryMargin(d)));
        all.extend((!device.modes.is_empty()).then_some(Demand::Modes(d)));
    }
    let l = &scenario.limits;
    all.extend(l.power.is_some().then_some(Demand::FleetPower));
    all.extend([Demand::BookedTime, Demand::BookedLink]);
    all.extend(l.latency.is_some().then_some(Demand::FleetLatency));
    all.extend(l.underutilisation.is_some().then_some(Demand::FleetUnderuse));
    all.extend(l.mean_accuracy.is_some().then_some(Demand::FleetAccuracy));
    all.extend(l.cost.is_some().then_some(Demand::FleetCost));
    all.extend(l.carbon.is_some().then_some(Demand::FleetCarbon));
    all
}

fn of_service(s: usize, service: &Service, all: &mut Vec<Demand>) {
    all.push(Demand::Served(s));
    all.extend(service.deadline.ttft.is_some().then_some(Demand::Ttft(s)));
    all.extend(service.deadline.tpot.is_some().then_some(Demand::Tpot(s)));
    all.extend(service.deadline.total.is_some().then_some(Demand::Total(s)));
    all.extend(service.accuracy.is_some().then_some(Demand::Accuracy(s)));
    all.extend((0..service.pins.len()).map(|i| Demand::Pin(s, i)));
    all.extend((0..service.forbidden.len()).map(|i| Demand::Forbidden(s, i)));
    all.extend((!service.private_to.is_empty()).then_some(Demand::Private(s)));
    all.extend((0..service.apart_from.len()).map(|i| Demand::Apart(s, i)));
}

impl Demand {
    /// The service that makes the demand; `None` for devices' and the fleet's.
    #[must_use]
    pub fn service(&self) -> Option<usize> {
        match *self {
            Demand::Served(s)
            | Demand::Ttft(s)
            | Demand::Tpot(s)
            | Demand::Total(s)
            | Demand::Accuracy(s)
            | Demand::Pin(s, _)
            | Demand::Forbidden(s, _)
            | Demand::Private(s)
            | Demand::Apart(s, _) => Some(s),
            _ => None,
        }
    }

    /// Where the file asks for it; line 0: a default.
    #[must_use]
    pub fn at(&self, scenario: &Scenario) -> At {
        let service = |s: usize| &scenario.services[s];
        let at = |at: Option<At>| at.unwrap_or_default();
        match *self {
            Demand::Served(s) => service(s).rate.at,
            Demand::Ttft(s) => at(service(s).deadline.ttft.as_ref().map(|d| d.at)),
            Demand::Tpot(s) => at(service(s).deadline.tpot.as_ref().map(|d| d.at)),
            Demand::Total(s) => at(service(s).deadline.total.as_ref().map(|d| d.at)),
            Demand::Accuracy(s) => at(service(s).accuracy.as_ref().map(|f| f.at_least.at)),
            Demand::Pin(s, i) => service(s).pins[i].at,
            Demand::Forbidden(s, i) => service(s).forbidden[i].at,
            Demand::Private(s) => at(service(s).private_to.first().map(|p| p.at)),
            Demand::Apart(s, i) => service(s).apart_from[i].at,
            Demand::PowerCap(d) => at(scenario.devices[d].power_cap.as_ref().map(|c| c.at)),
            Demand::MemoryMargin(d) => scenario.devices[d].memory_margin.at,
            Demand::Modes(d) => scenario.devices[d].at,
            Demand::FleetPower => at(scenario.limits.power.as_ref().map(|p| p.at)),
            Demand::BookedTime => scenario.limits.booked_time.at,
            Demand::BookedLink => scenario.limits.booked_link.at,
            Demand::FleetLatency => at(scenario.limits.latency.as_ref().map(|p| p.at)),
            Demand::FleetUnderuse => at(scenario.limits.underutilisation.as_ref().map(|p| p.at)),
            Demand::FleetAccuracy => at(scenario.limits.mean_accuracy.as_ref().map(|p| p.at)),
            Demand::FleetCost => at(scenario.limits.cost.as_ref().map(|p| p.at)),
            Demand::FleetCarbon => at(scenario.limits.carbon.as_ref().map(|p| p.at)),
        }
    }

    /// The demand in plain words.
    #[must_use]
    pub fn text(&self, scenario: &Scenario) -> String {
        let device = |d: usize| scenario.devices[d].name.as_str();
        match *self {
            Demand::Served(_)
            | Demand::Ttft(_)
            | Demand::Tpot(_)
            | Demand::Total(_)
            | Demand::Accuracy(_)
            | Demand::Pin(..)
            | Demand::Forbidden(..)
            | Demand::Private(_)
            | Demand::Apart(..) => self.service_text(scenario),
            Demand::PowerCap(d) => {
                let cap = scenario.devices[d].power_cap.as_ref().map(|c| c.value).unwrap_or_default();
                format!("{} draws at most {cap}", device(d))
            }
            Demand::MemoryMargin(d) => {
                format!("{} keeps {} of its memory free", device(d), scenario.devices[d].memory_margin.value)
            }
            Demand::Modes(d) => format!("{} uses only the power modes {}", device(d), scenario.devices[d].modes.join(", ")),
            Demand::FleetPower => {
                format!("the fleet draws at most {}", scenario.limits.power.as_ref().map(|p| p.value).unwrap_or_default())
            }
            Demand::BookedTime => {
                format!("no processor is booked for more than {} of its time", scenario.limits.booked_time.value)
            }
            Demand::BookedLink => format!("no link is booked for more than {} of its rate", scenario.limits.booked_link.value),
            Demand::FleetLatency => {
                let cap = scenario.limits.latency.as_ref().map(|p| p.value).unwrap_or_default();
                format!("the mean latency over its deadline is at most {cap}")
            }
            Demand::FleetUnderuse => {
                let cap = scenario.limits.underutilisation.as_ref().map(|p| p.value).unwrap_or_default();
                format!("awake devices idle at most {cap}")
            }
            Demand::FleetCost => {
                let cap = scenario.limits.cost.as_ref().map(|c| format!("{} {}", c.value.amount, c.value.currency));
                format!("a day costs at most {}", cap.unwrap_or_default())
            }
            Demand::FleetCarbon => {
                let cap = scenario.limits.carbon.as_ref().map(|c| c.value).unwrap_or_default();
                format!("the carbon of a day is at most {cap}")
            }
            Demand::FleetAccuracy => {
                let cap = scenario.limits.mean_accuracy.as_ref().map(|p| p.value).unwrap_or_default();
                format!("the mean accuracy is at least {cap}")
            }
        }
    }

    fn service_text(&self, scenario: &Scenario) -> String {
        let Some(s) = self.service().and_then(|s| scenario.services.get(s)) else { return String::new() };
        let name = &s.name;
        let percentile = (s.deadline.percentile.get() * 1e5).round() / 1e3;
        let time = |t: &Option<scenarios::Said<profiles::units::Seconds>>| t.as_ref().map(|t| t.value).unwrap_or_default();
        let device = |d: usize| scenario.devices[d].name.as_str();
        match *self {
            Demand::Ttft(_) => {
                format!("the first token of {name} comes within {} for {percentile} % of requests", time(&s.deadline.ttft))
            }
            Demand::Tpot(_) => {
                format!("each further token of {name} comes within {} for {percentile} % of requests", time(&s.deadline.tpot))
            }
            Demand::Total(_) => format!("{percentile} % of {name}'s requests are done within {}", time(&s.deadline.total)),
            Demand::Accuracy(_) => s
                .accuracy
                .as_ref()
                .map_or(String::new(), |f| format!("{name} is right for at least {} of {}", f.at_least.value, f.benchmark.value)),
            Demand::Pin(_, i) => format!("{name} has a stage on {}", device(s.pins[i].value)),
            Demand::Forbidden(_, i) => format!("{name} keeps off {}", device(s.forbidden[i].value)),
            Demand::Private(_) => {
                let on: Vec<&str> = s.private_to.iter().map(|p| device(p.value)).collect();
                format!("the first block of {name} is on {}", on.join(" or "))
            }
            Demand::Apart(_, i) => format!("{name} shares no device with {}", scenario.services[s.apart_from[i].value].name),
            _ => format!("{name} is served {} times a second", profiles::units::significant(s.rate.value.get())),
        }
    }
}
