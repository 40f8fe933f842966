//! What work cost in joules: measured, or unknown with the reason. Nothing here is ever estimated from a model.

use crate::args::Machine;
use sensors::energy::ChannelEnergy;
use sensors::{Config, Doubt, Energy, NO_POWER_SENSOR, Roots, Sampler, Sensors};
use serde::Serialize;

/// Sensors of this machine, with the plugs that the user named.
pub(crate) fn open(plugs: &[sensors::Plug]) -> Sensors {
    Sensors::open(Roots::default(), Config { plugs: plugs.to_vec(), ..Config::default() })
}

/// Measures from its making.
pub(crate) struct Meter(Option<Sampler>);

impl Meter {
    pub(crate) fn start(machine: &Machine) -> Self {
        Self::with(&machine.plug)
    }

    pub(crate) fn with(plugs: &[sensors::Plug]) -> Self {
        Self(Sampler::start(open(plugs), Sampler::INTERVAL).ok())
    }

    /// Joules since the start or the last lap.
    pub(crate) fn lap(&self) -> Joules {
        let window = self.0.as_ref().and_then(|sampler| sampler.lap().ok());
        window.map_or_else(Joules::none, |w| Joules::of(&w.machine(), w.seconds))
    }
}

/// Joules of the whole machine over a span of time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Joules {
    /// Known within 1 %, or nothing.
    pub(crate) joules: Option<f64>,
    /// How many the integration may be off.
    pub(crate) error_j: Option<f64>,
    /// Mean power, where the joules are known.
    pub(crate) watts: Option<f64>,
    /// `measured` or `derived`; `unknown` without joules.
    pub(crate) quality: String,
    /// What they were measured of: `board`, `package:0`, …
    pub(crate) scope: Option<String>,
    pub(crate) sensor: Option<String>,
    /// Why they are unknown.
    pub(crate) why: Option<String>,
}

impl Joules {
    pub(crate) fn none() -> Self {
        let why = Some(NO_POWER_SENSOR.into());
        Self { joules: None, error_j: None, watts: None, quality: "unknown".into(), scope: None, sensor: None, why }
    }

    fn of(channel: &ChannelEnergy, seconds: f64) -> Self {
        match &channel.energy {
            Energy::Known { joules, error_j } => Self {
                joules: Some(*joules),
                error_j: Some(*error_j),
                watts: (seconds > 0.0).then(|| joules / seconds),
                quality: channel.quality.to_string(),
                scope: Some(channel.scope.to_string()),
                sensor: Some(channel.name.clone()),
                why: None,
            },
            Energy::Unknown { why, .. } if why.contains(&Doubt::NoSensor) => Self::none(),
            Energy::Unknown { why, .. } => {
                let why = why.iter().map(Doubt::to_string).collect::<Vec<_>>().join("; ");
                Self {
                    scope: Some(channel.scope.to_string()),
                    sensor: Some(channel.name.clone()),
                    why: Some(why),
                    ..Self::none()
                }
            }
        }
    }

    /// One line for people, with joules a token where some were made.
    pub(crate) fn line(&self, tokens: usize) -> String {
        match (self.joules, self.error_j) {
            (Some(joules), Some(error)) => {
                let each =
                    if tokens > 0 { format!(", {} J/token", crate::print::short(joules / tokens as f64)) } else { String::new() };
                let of = self.scope.as_deref().unwrap_or("machine");
                format!("{joules:.2} J ± {error:.2} J, {} of {of}{each}", self.quality)
            }
            _ => {
                let why = self.why.as_deref().unwrap_or(NO_POWER_SENSOR);
                let help = if why == NO_POWER_SENSOR { " (agent doctor says what would give one)" } else { "" };
                format!("unknown: {why}{help}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sensors::{Interface, Quality, Scope};

    fn channel(energy: Energy) -> ChannelEnergy {
        ChannelEnergy {
            energy,
            quality: Quality::Measured,
            interface: Interface::Rapl,
            scope: Scope::Package("0".into()),
            ..ChannelEnergy::modelled(5.0, 2.0)
        }
    }

    #[test]
    fn a_modelled_joule_is_never_shown_as_one() {
        let modelled = Joules::of(&ChannelEnergy::modelled(5.0, 2.0), 2.0);
        assert_eq!((modelled.joules, modelled.quality.as_str()), (None, "unknown"));
        assert!(modelled.line(10).starts_with("unknown: no power sensor: energy is modelled"));
    }

    #[test]
    fn measured_joules_say_of_what() {
        let known = Joules::of(&channel(Energy::Known { joules: 10.0, error_j: 0.05 }), 2.0);
        assert_eq!(known.watts, Some(5.0));
        assert_eq!(known.line(20), "10.00 J ± 0.05 J, measured of package:0, 0.500 J/token");
        let doubted =
            Joules::of(&channel(Energy::Unknown { why: vec![Doubt::Brief { samples: 2 }], estimate_j: Some(9.0) }), 2.0);
        assert_eq!((doubted.joules, doubted.watts), (None, None));
        assert!(doubted.line(1).contains("too few"));
    }
}
