//! The laws that predict a row, with their derivatives by the logarithms of their coefficients.

use super::case::Case;
use super::regression::{HEADS, Law};

/// Exponent of the smooth roofline over a prompt: assumed, near the classic maximum.
const OVERLAP: f64 = 3.0;
/// And in decoding, where a kernel unpacks weights as they come: of 1, 1.5, 2 and 3 the one with the least zero-shot errors.
const OVERLAP_DECODE: f64 = 1.5;
/// Unit of launch times, seconds: the head is the logarithm of a launch in these.
const LAUNCH_S: f64 = 10e-6;

/// Heads of the decode law.
pub(super) mod decode {
    /// Share of the bandwidth that weights are read at.
    pub(in super::super) const BANDWIDTH: usize = 0;
    /// Launch of one layer, in tens of microseconds.
    pub(in super::super) const LAUNCH: usize = 1;
    /// Share of the arithmetic peak.
    pub(in super::super) const ARITHMETIC: usize = 2;
    /// Rate of cache reads against that of weights.
    pub(in super::super) const CACHE: usize = 3;
    /// Share of the peak in the prompt of an end-to-end rate.
    pub(in super::super) const PROMPT: usize = 4;
    /// Share of the peak at 16 bits in attention over the cache.
    pub(in super::super) const ATTENTION: usize = 5;
}

/// Heads of the prefill law.
pub(super) mod prefill {
    pub(in super::super) const ARITHMETIC: usize = 0;
    pub(in super::super) const ATTENTION: usize = 1;
    pub(in super::super) const LAUNCH: usize = 2;
}

/// Heads of the power law.
pub(super) mod power {
    /// Share of the cap that is drawn at rest.
    pub(in super::super) const STANDING: usize = 0;
    /// Share of the cap that a saturated unit adds.
    pub(in super::super) const DYNAMIC: usize = 1;
}

/// Seconds a token while decoding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decode {
    weights_s: f64,
    cache_s: f64,
    arithmetic_s: f64,
    attention_s: f64,
    launches_s: f64,
    /// Time of the prompt in each step, at the peak.
    prompt_s: f64,
    batch: f64,
}

impl Decode {
    pub(super) fn of(case: &Case) -> Self {
        let per_second = case.bandwidth * case.devices;
        Self {
            weights_s: case.decode.weight_bytes / per_second,
            cache_s: case.decode.state_bytes / per_second,
            arithmetic_s: case.decode.matrix_ops / (case.peak * case.clock * case.devices),
            attention_s: case.decode.attention_ops / (case.peak_16 * case.clock * case.devices),
            launches_s: case.layers * LAUNCH_S,
            prompt_s: if case.end_to_end { case.prefill.matrix_ops / case.answer / (case.peak_16 * case.clock) } else { 0.0 },
            batch: case.batch,
        }
    }
}

impl Law for Decode {
    fn predict(&self, heads: &[f64; HEADS]) -> (f64, [f64; HEADS]) {
        // Attention has kernels of its own: its roofline stands behind that of the weights, not inside it.
        let roof = |arithmetic: f64, memory: f64| crate::physics::roofline::time_s(arithmetic, memory, OVERLAP_DECODE);
        let share = |part: f64, roof: f64| if roof > 0.0 { (part / roof).powf(OVERLAP_DECODE) * roof } else { 0.0 };
        let weights = self.weights_s / heads[decode::BANDWIDTH].exp();
        let arithmetic = self.arithmetic_s / heads[decode::ARITHMETIC].exp();
        let products = roof(arithmetic, weights);
        let cache = self.cache_s / (heads[decode::BANDWIDTH] + heads[decode::CACHE]).exp();
        let attended = self.attention_s / heads[decode::ATTENTION].exp();
        let attention = roof(attended, cache);
        let launch = self.launches_s * heads[decode::LAUNCH].exp();
        let prompt = self.prompt_s / heads[decode::PROMPT].exp();
        let total = products + attention + launch + prompt;
        let mut slope = [0.0; HEADS];
        let by_cache = share(cache, attention) / total;
        slope[decode::BANDWIDTH] = -share(weights, products) / total - by_cache;
        slope[decode::CACHE] = -by_cache;
        slope[decode::ARITHMETIC] = -share(arithmetic, products) / total;
        slope[decode::ATTENTION] = -share(attended, attention) / total;
        slope[decode::LAUNCH] = launch / total;
        slope[decode::PROMPT] = -prompt / total;
        ((total / self.batch).ln(), slope)
    }
}

/// Seconds a prompt token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefill {
    matrix_s: f64,
    attention_s: f64,
    memory_s: f64,
    launches_s: f64,
    tokens: f64,
}

/// Share of the bandwidth in prefill, where it hardly matters. Assumed.
const PREFILL_BANDWIDTH: f64 = 0.6;

impl Prefill {
    pub(super) fn of(case: &Case) -> Self {
        Self {
            matrix_s: case.prefill.matrix_ops / (case.peak * case.clock * case.devices),
            attention_s: case.prefill.attention_ops / (case.peak_16 * case.clock * case.devices),
            memory_s: case.prefill.weight_bytes / (case.bandwidth * case.devices) / PREFILL_BANDWIDTH,
            launches_s: case.layers * LAUNCH_S,
            tokens: case.prompt * case.batch,
        }
    }
}

impl Law for Prefill {
    fn predict(&self, heads: &[f64; HEADS]) -> (f64, [f64; HEADS]) {
        let matrix = self.matrix_s / heads[prefill::ARITHMETIC].exp();
        let attention = self.attention_s / heads[prefill::ATTENTION].exp();
        let launch = self.launches_s * heads[prefill::LAUNCH].exp();
        let arithmetic = matrix + attention;
        let roof = crate::physics::roofline::time_s(arithmetic, self.memory_s, OVERLAP);
        let total = roof + launch;
        let mut slope = [0.0; HEADS];
        let by_arithmetic = (arithmetic / roof).powf(OVERLAP) * roof / total;
        slope[prefill::ARITHMETIC] = -by_arithmetic * matrix / arithmetic;
        slope[prefill::ATTENTION] = -by_arithmetic * attention / arithmetic;
        slope[prefill::LAUNCH] = launch / total;
        ((total / self.tokens).ln(), slope)
    }
}

/// Watts: the cap times what stands and what the saturated unit adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Power {
    cap_w: f64,
    /// Memory saturation while decoding, arithmetic saturation in prefill, 0..1.
    saturation: f64,
}

impl Power {
    /// `seconds` a token, measured or predicted; `decoding` or in prefill. `None` without a cap.
    pub(super) fn of(case: &Case, seconds: f64, decoding: bool) -> Option<Self> {
        let saturation = if decoding {
            (case.decode.weight_bytes + case.decode.state_bytes) / case.batch / case.bandwidth / case.devices
        } else {
            (case.prefill.matrix_ops + case.prefill.attention_ops) / case.prompt / case.batch / case.peak / case.clock
        };
        Some(Self { cap_w: case.cap_w?, saturation: (saturation / seconds).clamp(0.0, 1.0) })
    }
}

impl Law for Power {
    fn predict(&self, heads: &[f64; HEADS]) -> (f64, [f64; HEADS]) {
        let standing = heads[power::STANDING].exp();
        let dynamic = self.saturation * heads[power::DYNAMIC].exp();
        let total = standing + dynamic;
        let mut slope = [0.0; HEADS];
        slope[power::STANDING] = standing / total;
        slope[power::DYNAMIC] = dynamic / total;
        ((self.cap_w * total).ln(), slope)
    }
}
