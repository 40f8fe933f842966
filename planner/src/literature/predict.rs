//! Each kind of figure from the physics.

use profiles::literature::{Run, Setting};

use super::Unpredictable;
use super::setting::{self, Ready};
use super::special;

/// The predicted value of a figure, in the figure's unit.
pub(super) fn predict(run: &Run) -> Result<f64, Unpredictable> {
    match run {
        Run::Decode(at) => mean(at, decode),
        Run::Ttft(at) => mean(at, ttft),
        Run::TokensPerJoule(at) => mean(at, tokens_per_joule),
        Run::Power { at, memory } => mean(at, |ready| power(ready, *memory)),
        Run::Gemm(g) => special::gemm(g).map(|(rate, _)| rate),
        Run::GemmPower(g) => special::gemm(g).map(|(_, watts)| watts),
        Run::DecodeRatio { of, over } => Ok(mean(of, decode)? / mean(over, decode)?),
        Run::TtftRatio { of, over } => Ok(mean(of, ttft)? / mean(over, ttft)?),
        Run::Crossover { rising, steady, from, to } => crossover(rising, steady, *from, *to),
        Run::Flash { at, array, state } => mean(at, |ready| special::flash(ready, array, state.get())),
        Run::Experts(cache) => mean(&cache.at, |ready| special::experts(ready, cache)),
        Run::Window(w) => special::window(w),
        Run::Neurons(n) => mean(&n.at, |ready| special::neurons(ready, n)),
    }
}

/// Mean over the models of a setting.
fn mean(at: &Setting, of: impl Fn(&Ready) -> Result<f64, Unpredictable>) -> Result<f64, Unpredictable> {
    let all = setting::ready(at)?;
    let mut sum = 0.0;
    for ready in &all {
        sum += of(ready)?;
    }
    Ok(sum / all.len().max(1) as f64)
}

fn decode(ready: &Ready) -> Result<f64, Unpredictable> {
    ready.alone().map(|alone| alone.decode_rate())
}

fn ttft(ready: &Ready) -> Result<f64, Unpredictable> {
    ready.alone().map(|alone| alone.prefill.time_s)
}

fn tokens_per_joule(ready: &Ready) -> Result<f64, Unpredictable> {
    let alone = ready.alone()?;
    let dynamic_w = alone.decode_dynamic_w();
    Ok(alone.decode_rate() / (dynamic_w + ready.standing_w(dynamic_w)?))
}

/// Mean power while decoding; without memory, the arithmetic's dynamic power alone.
fn power(ready: &Ready, memory: bool) -> Result<f64, Unpredictable> {
    let alone = ready.alone()?;
    let dynamic_w = alone.decode_dynamic_w();
    if memory {
        return Ok(dynamic_w + ready.standing_w(dynamic_w)?);
    }
    let arithmetic = Ready {
        rates: crate::physics::pass::Rates { joules_per_byte: 0.0, ..ready.rates },
        model: ready.model.clone(),
        device: ready.device.clone(),
        ..*ready
    };
    Ok(arithmetic.alone()?.decode_dynamic_w())
}

/// Shortest prompt from which on `rising` takes longer to its first token than `steady`.
fn crossover(rising: &Setting, steady: &Setting, from: u32, to: u32) -> Result<f64, Unpredictable> {
    let slower = |prompt: u32| -> Result<bool, Unpredictable> {
        let at = |s: &Setting| mean(&Setting { prompt, ..s.clone() }, ttft);
        Ok(at(rising)? > at(steady)?)
    };
    if slower(from)? || !slower(to)? {
        return Err(Unpredictable::NoCrossover { from, to });
    }
    let (mut faster, mut slow) = (from, to);
    while slow - faster > 1 {
        let middle = faster + (slow - faster) / 2;
        if slower(middle)? { slow = middle } else { faster = middle }
    }
    Ok(f64::from(slow))
}
