//! One measured precision, as it is printed. Names stay; new ones may be added.

use super::limits::{Limits, kernel};
use super::predict::Predicted;
use crate::load::Resident;
use crate::power::Joules;
use crate::spread::Spread;
use engine::Stage;
use engine::bench::{Profiles, Speed, Timing};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Speeds are medians over the repetitions, with the least and the most.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) model: String,
    pub(crate) precision: Cow<'static, str>,
    pub(crate) prefill_tok_s: Option<f64>,
    pub(crate) prefill_tok_s_min: Option<f64>,
    pub(crate) prefill_tok_s_max: Option<f64>,
    pub(crate) decode_tok_s: Option<f64>,
    pub(crate) decode_tok_s_min: Option<f64>,
    pub(crate) decode_tok_s_max: Option<f64>,
    /// Tokens per second of processor time, all threads, in the median repetition: what neighbours disturb less.
    pub(crate) prefill_tok_cpu_s: Option<f64>,
    pub(crate) decode_tok_cpu_s: Option<f64>,
    /// Bytes of weights that one new token reads.
    pub(crate) bytes_per_token: u64,
    pub(crate) bits_per_weight: f64,
    pub(crate) parameters: u64,
    pub(crate) weight_bytes: u64,
    /// Weight bytes per second of decoding over the read bandwidth. By the clock that the limit was measured with: the
    /// processor time of one thread, the wall's of several.
    pub(crate) bandwidth_share: Option<f64>,
    /// Operations per second of the prompt's matrix products (two a weight, without the output matrix) over the integer
    /// peak. By the same clock.
    pub(crate) peak_share: Option<f64>,
    /// B/s, of the same threads, the better of a measurement before and one after.
    pub(crate) read_bandwidth: Option<f64>,
    /// int8 operations a second of the same threads and kernel, measured likewise.
    pub(crate) int8_peak: Option<f64>,
    /// Kernel of most of the layers' weights.
    pub(crate) kernel: &'static str,
    /// Format and kernel of each tensor class.
    pub(crate) kernels: BTreeMap<&'static str, String>,
    pub(crate) prompt: usize,
    pub(crate) new: usize,
    pub(crate) depth: usize,
    pub(crate) repetitions: usize,
    pub(crate) threads: usize,
    pub(crate) kv_bits: u8,
    pub(crate) prefill_energy: Joules,
    pub(crate) decode_energy: Joules,
    /// Mean power of the phase times its time a token; nothing where power is not measured.
    pub(crate) prefill_j_per_token: Option<f64>,
    pub(crate) decode_j_per_token: Option<f64>,
    /// What the machine's own probe says, where one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) predicted: Option<Predicted>,
    /// What is in memory where `--memory` limits it, and how the rest was read while decoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resident: Option<Resident>,
    /// Built with checks that cost speed.
    pub(crate) debug_build: bool,
    /// Time by operation, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) profile: Option<Profiles>,
}

fn rates(tokens: usize, seconds: &[f64]) -> Option<Spread> {
    Spread::of(seconds.iter().filter(|s| **s > 0.0 && tokens > 0).map(|s| tokens as f64 / s))
}

impl Row {
    pub(super) fn new(
        name: &str,
        stage: &Stage,
        speed: &Speed,
        limits: Limits,
        prefill_energy: Joules,
        decode_energy: Joules,
    ) -> Self {
        let wall = |t: &Timing| rates(t.tokens, &t.wall_seconds);
        let cpu = |t: &Timing| rates(t.tokens, &t.cpu_seconds).map(|s| s.median);
        let (prefill, decode) = (wall(&speed.prefill), wall(&speed.decode));
        let alone = stage.pool().threads() == 1;
        let steady = |t: &Timing, wall: Option<Spread>| if alone { cpu(t) } else { wall.map(|s| s.median) };
        let share = |rate: Option<f64>, each: f64, limit: Option<f64>| {
            rate.zip(limit.filter(|l| *l > 0.0)).map(|(rate, limit)| rate * each / limit)
        };
        let each = |joules: &Joules, rate: Option<Spread>| joules.watts.zip(rate).map(|(w, r)| w / r.median);
        let size = stage.size();
        let kernels = stage.weights().map(|(class, w)| (class, format!("{} {}", w.format, w.kernel))).collect();
        Self {
            model: name.into(),
            precision: stage.precision().name(),
            prefill_tok_s: prefill.map(|s| s.median),
            prefill_tok_s_min: prefill.map(|s| s.min),
            prefill_tok_s_max: prefill.map(|s| s.max),
            decode_tok_s: decode.map(|s| s.median),
            decode_tok_s_min: decode.map(|s| s.min),
            decode_tok_s_max: decode.map(|s| s.max),
            prefill_tok_cpu_s: cpu(&speed.prefill),
            decode_tok_cpu_s: cpu(&speed.decode),
            bytes_per_token: speed.bytes_per_token,
            bits_per_weight: speed.bits_per_weight,
            parameters: size.parameters,
            weight_bytes: size.bytes,
            bandwidth_share: share(steady(&speed.decode, decode), speed.bytes_per_token as f64, limits.read),
            peak_share: share(steady(&speed.prefill, prefill), 2.0 * speed.layer_multiplications as f64, limits.int8),
            read_bandwidth: limits.read,
            int8_peak: limits.int8,
            kernel: kernel(stage).name(),
            kernels,
            prompt: speed.plan.prompt,
            new: speed.plan.new,
            depth: speed.plan.depth,
            repetitions: speed.plan.repetitions,
            threads: stage.pool().threads(),
            kv_bits: speed.plan.kv_bits,
            prefill_j_per_token: each(&prefill_energy, prefill),
            decode_j_per_token: each(&decode_energy, decode),
            prefill_energy,
            decode_energy,
            predicted: None,
            resident: None,
            debug_build: cfg!(debug_assertions),
            profile: None,
        }
    }
}
