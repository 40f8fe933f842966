//! What a user may say about the sensors.

use crate::scope::Scope;
use crate::source::plug::Plug;
use std::time::Duration;

/// What a user may say about the sensors; the default says nothing.
#[derive(Clone, Debug)]
pub struct Config {
    /// Longest wait for one file or library call.
    pub file_limit: Duration,
    /// Longest wait for one command.
    pub command_limit: Duration,
    /// Longest wait for one answer of a plug.
    pub plug_limit: Duration,
    /// Plugs at the wall. None is ever searched for.
    pub plugs: Vec<Plug>,
    /// What an added I2C meter (INA219, INA226, …) feeds; unsaid, its power stands for nothing wider.
    pub meter_scope: Option<Scope>,
    /// Pi 5: board power is `a` · (sum of the PMIC's rails) + `b` W.
    pub pi_board: (f64, f64),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            file_limit: Duration::from_millis(200),
            command_limit: Duration::from_secs(2),
            plug_limit: Duration::from_secs(1),
            plugs: Vec::new(),
            meter_scope: None,
            // Fitted against a wall meter, without 5 V peripherals: github.com/jfikar/RPi5-power.
            pi_board: (1.1451, 0.5879),
        }
    }
}
