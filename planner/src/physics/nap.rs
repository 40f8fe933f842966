//! A device that sleeps between requests: suspended with its memory kept, woken by each request.
//!
//! While it sleeps it draws its sleep power. A request wakes it: that takes `wake_time`, which the request waits and
//! the processor is booked for, and `wake_energy` above sleep. While it works it draws its idle power beside the
//! dynamic one, so each busy second costs `idle - sleep` more than sleep; between passes of one request it stays
//! awake only where nobody else's passes lie between, so such a copy of a model that decodes is one stage.
//!
//! ```text
//! P = P_sleep + P_leak(T) + rate ((P_idle - P_sleep) busy + E_wake + E_dynamic)
//! ```
//!
//! All of that is linear in what a plan decides. On the safe side: every request counts a waking, though two that
//! come together share one; leakage is counted while it sleeps, too. Assumed: a request reaches a sleeping device.

use profiles::DeviceProfile;

/// What sleeping between requests costs a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nap {
    /// Power of the awake device with nothing to do above that of the sleeping one, watts.
    pub standing_w: f64,
    pub wake_s: f64,
    /// Above sleep.
    pub wake_j: f64,
}

impl Nap {
    /// Of a device in a power mode; `None` where sleep saves nothing there.
    #[must_use]
    pub fn of(profile: &DeviceProfile, mode: usize) -> Option<Nap> {
        let sleep = &profile.sleep;
        let standing_w = profile.modes.get(mode)?.idle.value.get() - sleep.power.value.get();
        let nap = Nap { standing_w, wake_s: sleep.wake_time.value.get(), wake_j: sleep.wake_energy.value.get() };
        (standing_w > 0.0).then_some(nap)
    }

    /// Energy of one request beside its dynamic energy: awake for so many seconds, woken once.
    #[must_use]
    pub fn joules(&self, busy_s: f64) -> f64 {
        self.standing_w * busy_s + self.wake_j
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::board;

    #[test]
    fn a_nap_costs_its_waking_and_its_standing() {
        // The board idles at its mode's power and sleeps at 0.5 W; waking takes 5 s and 20 J.
        let board = board();
        let nap = Nap::of(&board, 0).unwrap();
        let idle = board.modes[0].idle.value.get();
        assert!((nap.joules(2.0) - (2.0 * (idle - 0.5) + 20.0)).abs() < 1e-12);
        let mut warm = board;
        warm.sleep.power.value.0 = idle + 1.0;
        assert_eq!(Nap::of(&warm, 0), None);
    }
}
