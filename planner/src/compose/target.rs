//! Demands against what the plan makes of them.

use protocol::Target;
use scenarios::At;

/// A demand that `value` must not exceed (`at_most`) or must reach.
pub(super) fn target(what: String, limit: f64, value: f64, unit: &str, at_most: bool, at: At) -> Target {
    let room = if at_most { limit - value } else { value - limit };
    let scale = limit.abs();
    let margin = if scale > 0.0 { room / scale } else { room };
    Target { what, limit, value, unit: unit.into(), at_most, margin, line: at.line }
}

/// `p90`, `p99.9`.
pub(super) fn percentile(share: f64) -> String {
    let text = format!("{:.3}", 100.0 * share);
    format!("p{}", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_are_relative_room() {
        let at = At { line: 7, column: 1 };
        let t = target("ttft p90".into(), 2.0, 1.5, "s", true, at);
        assert!((t.margin - 0.25).abs() < 1e-12 && t.line == 7);
        assert!((target("accuracy".into(), 0.5, 0.4, "1", false, at).margin + 0.2).abs() < 1e-12);
        assert!(target("x".into(), 0.0, 1.0, "1", true, at).margin < 0.0);
    }

    #[test]
    fn percentiles_read_well() {
        assert_eq!([0.5, 0.9, 0.999, 0.975].map(percentile), ["p50", "p90", "p99.9", "p97.5"]);
    }
}
