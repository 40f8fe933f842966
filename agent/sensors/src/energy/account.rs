//! One integrator for each sensor, each scope for itself.

use super::counter::Counter;
use super::trapezoid::Trapezoid;
use super::window::{ChannelEnergy, Method, Window};
use crate::clock::Stamp;
use crate::interface::Interface;
use crate::missing::Missing;
use crate::reading::{Grain, Quality, Quantity, Reading};
use crate::scope::Scope;

#[derive(Clone, Debug)]
enum Meter {
    Counter(Counter),
    Power(Trapezoid),
}

#[derive(Clone, Debug)]
struct Channel {
    interface: Interface,
    name: String,
    scope: Scope,
    quality: Quality,
    meter: Meter,
    /// Missing from the last sweep altogether.
    seen: bool,
}

/// Joules of every sensor since the last lap.
#[derive(Clone, Debug)]
pub struct Account {
    nominal_s: f64,
    start: Option<Stamp>,
    channels: Vec<Channel>,
}

impl Account {
    /// For sweeps that are meant to come every `nominal_s` seconds.
    #[must_use]
    pub fn new(nominal_s: f64) -> Self {
        Self { nominal_s, start: None, channels: Vec::new() }
    }

    /// Takes the power and energy readings of one sweep ([`crate::Sensors::read_power`]). The first sweep is the start.
    pub fn observe(&mut self, at: Stamp, readings: &[Reading]) {
        let start = *self.start.get_or_insert(at);
        for channel in &mut self.channels {
            channel.seen = false;
        }
        for reading in readings {
            let place = self.channels.iter().position(|c| c.is_of(reading));
            let place = place.unwrap_or_else(|| {
                self.channels.extend(Channel::new(reading, start, self.nominal_s));
                self.channels.len().saturating_sub(1)
            });
            if let Some(channel) = self.channels.get_mut(place).filter(|c| c.is_of(reading)) {
                channel.take(at, reading);
            }
        }
        let gone = Missing::absent("the sensor");
        for channel in self.channels.iter_mut().filter(|c| !c.seen) {
            channel.observe(at, Err(&gone));
        }
    }

    /// Ends the lap at the moment of the last sweep; the next begins there.
    pub fn lap(&mut self, at: Stamp) -> Window {
        let seconds = self.start.map_or(0.0, |start| at.since_s(start));
        self.start = Some(at);
        let channels = self.channels.iter_mut().map(|c| c.lap(at)).collect();
        Window::new(seconds, channels)
    }
}

impl Channel {
    /// `None` for a reading that is neither power nor energy.
    fn new(reading: &Reading, start: Stamp, nominal_s: f64) -> Option<Self> {
        let meter = match reading.quantity {
            Quantity::Energy => Meter::Counter(Counter::new(start, nominal_s)),
            Quantity::Power => Meter::Power(Trapezoid::new(start, nominal_s)),
            _ => return None,
        };
        let (interface, name, scope) = (reading.interface, reading.name.clone(), reading.scope.clone());
        Some(Self { interface, name, scope, quality: Quality::Measured, meter, seen: true })
    }

    fn is_of(&self, reading: &Reading) -> bool {
        let quantity = if matches!(self.meter, Meter::Counter(_)) { Quantity::Energy } else { Quantity::Power };
        reading.quantity == quantity
            && self.interface == reading.interface
            && self.name == reading.name
            && self.scope == reading.scope
    }

    fn take(&mut self, at: Stamp, reading: &Reading) {
        self.seen = true;
        if let Some(quality) = reading.quality() {
            self.quality = self.quality.max(quality);
        }
        match (reading.value(), reading.missing()) {
            (Some(value), _) => self.observe(at, Ok((value, reading.grain))),
            (None, Some(missing)) => self.observe(at, Err(missing)),
            (None, None) => {}
        }
    }

    fn observe(&mut self, at: Stamp, value: Result<(f64, Grain), &Missing>) {
        match &mut self.meter {
            Meter::Counter(counter) => counter.observe(at, value),
            Meter::Power(trapezoid) => trapezoid.observe(at, value),
        }
    }

    fn lap(&mut self, at: Stamp) -> ChannelEnergy {
        let (lap, method) = match &mut self.meter {
            Meter::Counter(counter) => (counter.lap(at), Method::Counter),
            Meter::Power(trapezoid) => (trapezoid.lap(at), Method::Trapezoid),
        };
        ChannelEnergy {
            interface: self.interface,
            name: self.name.clone(),
            scope: self.scope.clone(),
            quality: self.quality,
            method,
            samples: lap.samples,
            max_gap_s: lap.max_gap_s,
            energy: lap.into_energy(),
        }
    }
}
