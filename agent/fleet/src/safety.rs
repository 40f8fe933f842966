//! What a device takes of its planned load: safety before the plan.
//!
//! At the ceiling (a margin below the throttle temperature that the plan names) the share is halved with
//! each sample, at the throttle temperature it is nothing. A device that was at nothing, or whose engine
//! died, comes back with half of its share and gains a tenth every ten seconds. The planner's wishes have
//! no say in it.

use crate::rules::Rules;

/// Below this a share is nothing: a device that takes one request in ten still heats up by each.
const LEAST: f64 = 0.1;

/// The share and when it last changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Governor {
    share: f64,
    changed_ms: u64,
    hot: bool,
}

impl Default for Governor {
    fn default() -> Self {
        Self { share: 1.0, changed_ms: 0, hot: false }
    }
}

impl Governor {
    /// 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.share
    }

    #[must_use]
    pub fn is_hot(&self) -> bool {
        self.hot
    }

    /// When the share will grow next, if it will.
    #[must_use]
    pub fn next_ms(&self, rules: &Rules) -> Option<u64> {
        (!self.hot && self.share < 1.0).then(|| self.changed_ms.saturating_add(rules.return_step.1))
    }

    /// A temperature was read.
    pub fn felt(&mut self, temperature_c: f64, throttle_c: f64, rules: &Rules, now_ms: u64) {
        let ceiling = throttle_c - rules.ceiling_margin_k;
        if temperature_c >= ceiling {
            self.hot = true;
            let halved = if temperature_c >= throttle_c { 0.0 } else { self.share / 2.0 };
            self.set(if halved < LEAST { 0.0 } else { halved }, now_ms);
        } else if self.hot && temperature_c < ceiling - rules.cool_margin_k {
            self.hot = false;
            let back = if self.share < LEAST { rules.return_share } else { self.share };
            self.set(back, now_ms);
        }
    }

    /// The engine died and is back.
    pub fn recovered(&mut self, rules: &Rules, now_ms: u64) {
        if !self.hot {
            self.set(self.share.min(rules.return_share), now_ms);
        }
    }

    /// Lets the share grow where it is time.
    pub fn tick(&mut self, rules: &Rules, now_ms: u64) {
        while let Some(at) = self.next_ms(rules).filter(|at| *at <= now_ms) {
            let more = self.share + rules.return_step.0;
            // Ten tenths are one, whatever their sum in binary.
            self.set(if more > 1.0 - rules.return_step.0 / 2.0 { 1.0 } else { more }, at);
        }
    }

    fn set(&mut self, share: f64, now_ms: u64) {
        self.share = share;
        self.changed_ms = now_ms;
    }
}

#[cfg(test)]
mod tests;
