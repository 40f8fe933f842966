//! One link: time and energy of a message.
//!
//! `t = latency + bytes / bandwidth / (1 - loss)`: a lost packet is sent again. The last packet of a message is missed by
//! nobody before TCP's timer has run out: see [`message_latency_s`]. `E = bytes * joule_per_byte`
//! at both ends together, retransmissions not counted (they are rare where plans are made).

use scenarios::LinkRates;

/// Least time until TCP sends a packet again of which nothing is heard, seconds: `TCP_RTO_MIN` of Linux (`include/net/tcp.h`).
/// RFC 6298 asks for a whole second; the tail loss probe of RFC 8985 waits as long where one packet is on its way.
const RETRANSMIT_S: f64 = 0.2;

/// Mean latency of a message whose last packet may be lost: latency, and with each loss a round trip and TCP's timer. Losses
/// before the last packet show by what follows them, and cost little beside it. Measured in docs/fleet.md.
#[must_use]
pub fn message_latency_s(latency_s: f64, loss: f64) -> f64 {
    if loss < 1.0 { latency_s + loss / (1.0 - loss) * (RETRANSMIT_S + 2.0 * latency_s) } else { f64::INFINITY }
}

/// [`message_latency_s`] of a link.
#[must_use]
pub fn latency_s(rates: &LinkRates) -> f64 {
    message_latency_s(rates.latency.get(), rates.loss.get())
}

/// Seconds per payload byte; infinite for a link that carries nothing.
#[must_use]
pub fn s_per_byte(rates: &LinkRates) -> f64 {
    let goodput = rates.bandwidth.get() * (1.0 - rates.loss.get());
    if goodput > 0.0 { 1.0 / goodput } else { f64::INFINITY }
}

/// Time of one message, seconds.
#[must_use]
pub fn time_s(rates: &LinkRates, bytes: f64) -> f64 {
    latency_s(rates) + if bytes > 0.0 { bytes * s_per_byte(rates) } else { 0.0 }
}

/// Energy of a message, joules.
#[must_use]
pub fn energy_j(rates: &LinkRates, bytes: f64) -> f64 {
    bytes * rates.joules_per_byte.get()
}

/// Payload bytes per second that plans may book on a shared link.
#[must_use]
pub fn capacity_bytes_s(rates: &LinkRates, booked: f64) -> f64 {
    rates.bandwidth.get() * (1.0 - rates.loss.get()).max(0.0) * booked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::link_rates;
    use profiles::units::Ratio;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        let mut l = link_rates("wire", 1e6, true);
        assert!((time_s(&l, 1e6) - 1.001).abs() < 1e-12);
        l.loss = Ratio(0.5);
        // A loss for each message that arrives: 1 ms, then 202 ms.
        assert!((time_s(&l, 1e6) - 2.203).abs() < 1e-12);
        assert!((energy_j(&l, 1e6) - 0.01).abs() < 1e-12);
        assert!((capacity_bytes_s(&l, 0.7) - 350_000.0).abs() < 1e-6);
        l.loss = Ratio(1.0);
        assert!(time_s(&l, 1.0).is_infinite());
        assert!(time_s(&l, 0.0).is_infinite());
    }

    proptest! {
        #[test]
        fn more_bytes_take_longer(a in 0.0..1e9f64, b in 1.0..1e9f64, loss in 0.0..0.9f64) {
            let mut l = link_rates("wire", 1e7, false);
            l.loss = Ratio(loss);
            prop_assert!(time_s(&l, a + b) > time_s(&l, a));
            prop_assert!(energy_j(&l, a + b) > energy_j(&l, a));
        }
    }
}
