//! What a profile itself predicts of a row: the coefficients that plans are made with, none fitted anew.

use super::case::Case;
use super::passes::{Passes, Phase, standing_w};
use crate::physics::pass::Rates;
use profiles::DeviceProfile;

/// Threads from which a processor counts as running whole: a profile tells of no single cores.
const WHOLE: f64 = 2.0;

/// A row as a profile predicts it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// Tokens per second over the batch.
    pub decode_tok_s: Option<f64>,
    pub prefill_tok_s: Option<f64>,
    /// Watts while decoding, and in the prompt, in the scope of the row's meter; `None` for a rail of the chip.
    pub decode_w: Option<f64>,
    pub prefill_w: Option<f64>,
}

/// The rates of a case's processor in its mode.
///
/// # Errors
/// Why the profile says nothing about such a row.
pub(crate) fn rates(device: &DeviceProfile, case: &Case) -> Result<Rates, String> {
    let processor = device
        .processors
        .iter()
        .find(|p| p.id == case.processor)
        .ok_or_else(|| format!("the profile has no `{}`", case.processor))?;
    if case.devices > 1.0 {
        return Err(format!("{} devices together: a profile holds one, and links are a scenario's", case.devices));
    }
    if case.threads.is_some_and(|t| t < WHOLE) {
        return Err("one thread: a profile holds the whole processor".into());
    }
    // A benchmark's model is alone on the device: what its caches keep of it stays there.
    let rates = Rates::of(device, &device.modes[case.mode], processor, case.format, 1.0)
        .map(|r| r.reading(processor, case.decode.weight_bytes + case.decode.state_bytes));
    rates.ok_or_else(|| format!("the profile has no {} kernel on `{}`", case.format, processor.id))
}

/// What a profile predicts of a case.
///
/// # Errors
/// As [`rates`].
pub(crate) fn predict(device: &DeviceProfile, case: &Case) -> Result<Said, String> {
    let rates = rates(device, case)?;
    let passes = Passes::of(case, rates.cache_bytes);
    let mode = &device.modes[case.mode];
    let watts = |phase: Option<Phase>| {
        let dynamic_w = phase?.dynamic_w;
        match case.scope {
            "rail" => None,
            "net" => Some(dynamic_w),
            _ => Some(dynamic_w + standing_w(device, mode, dynamic_w)),
        }
    };
    let (decode, prefill) = (passes.decode(&rates), passes.prefill(&rates));
    Ok(Said {
        decode_tok_s: decode.map(|p| p.tokens_per_s),
        prefill_tok_s: prefill.map(|p| p.tokens_per_s),
        decode_w: watts(decode),
        prefill_w: watts(prefill),
    })
}
