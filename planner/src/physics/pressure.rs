//! Memory pressure: the capacity pressure quotient CPQ and what a full memory costs.

/// CPQ from which a memory is under pressure: the share of usable memory beyond which kernels begin to
/// reclaim pages that models still need. Assumed, from the design; a probe replaces it by measured pressure.
pub const KNEE: f64 = 0.9;

/// Runtime of one stage beside weights, cache and activations: process, code, graph, buffers. Assumed.
pub const RUNTIME_BYTES: f64 = 64.0 * 1024.0 * 1024.0;

/// `CPQ = M / usable`. Infinite where nothing is usable and something is asked for.
#[must_use]
pub fn cpq(resident_bytes: f64, usable_bytes: f64) -> f64 {
    if resident_bytes <= 0.0 { 0.0 } else { resident_bytes / usable_bytes.max(0.0) }
}

/// Bytes that plans may fill: the owner's margin stays free, and CPQ never passes the knee.
#[must_use]
pub fn capacity_bytes(usable_bytes: f64, margin: f64) -> f64 {
    usable_bytes.max(0.0) * (1.0 - margin).clamp(0.0, KNEE)
}

/// Share of the weights that each pass reads again from storage.
///
/// None below the knee; `1 - 1/CPQ` above 1, the share that does not fit. Between them, where nothing
/// was measured, a linear ramp; it holds its last value until `1 - 1/CPQ` overtakes it, so that more
/// pressure never costs less.
#[must_use]
pub fn miss(cpq: f64) -> f64 {
    if cpq <= KNEE {
        return 0.0;
    }
    (cpq.min(1.0) - KNEE).max(1.0 - 1.0 / cpq)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        assert!((cpq(4e9, 8e9) - 0.5).abs() < 1e-12);
        assert!(cpq(1.0, 0.0).is_infinite());
        assert!(cpq(0.0, 0.0).abs() < 1e-12);
        assert!(miss(0.9).abs() < 1e-12);
        assert!((miss(0.95) - 0.05).abs() < 1e-12);
        assert!((miss(2.0) - 0.5).abs() < 1e-12);
        assert!((capacity_bytes(10.0, 0.0) - 9.0).abs() < 1e-12, "the knee binds");
        assert!((capacity_bytes(10.0, 0.3) - 7.0).abs() < 1e-12, "the margin binds");
    }

    proptest! {
        #[test]
        fn more_pressure_never_misses_less(q in 0.0..10.0f64, more in 0.0..1.0f64) {
            prop_assert!(miss(q + more) >= miss(q));
            prop_assert!((0.0..1.0).contains(&miss(q)));
        }
    }
}
