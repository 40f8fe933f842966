//! How fast a loaded model is: prompt processing and decoding, by the same figures as `llama-bench -p -n`.

use serde::{Deserialize, Serialize};

use crate::error::EngineError;
use crate::model::{Chunk, Input, Line, PREFILL, Stage, Want, Workspace};
use crate::tokenizer::Token;
use crate::usage::Meter;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Tokens of the prompt; 0: none.
    pub prompt: usize,
    /// New tokens, one at a time; 0: none.
    pub new: usize,
    /// Tokens that are in the cache before the new ones.
    pub depth: usize,
    pub repetitions: usize,
    pub kv_bits: u8,
}

/// Seconds of each repetition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    pub tokens: usize,
    pub wall_seconds: Vec<f64>,
    pub cpu_seconds: Vec<f64>,
}

impl Timing {
    /// Tokens a second in the median repetition; 0 where nothing was measured.
    #[must_use]
    pub fn tokens_per_second(&self) -> f64 {
        rate(self.tokens, &self.wall_seconds)
    }

    /// Tokens a second of processor time, all threads, in the median repetition.
    #[must_use]
    pub fn tokens_per_cpu_second(&self) -> f64 {
        rate(self.tokens, &self.cpu_seconds)
    }
}

fn rate(tokens: usize, seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).filter(|s| **s > 0.0).map_or(0.0, |s| tokens as f64 / s)
}

/// Both speeds, and what each token reads and multiplies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    pub plan: Plan,
    pub prefill: Timing,
    pub decode: Timing,
    pub bytes_per_token: u64,
    pub bits_per_weight: f64,
    /// Multiplications of a token in the layers' matrices, without the output matrix.
    pub layer_multiplications: u64,
}

impl Speed {
    /// Weight bytes a second that decoding reads.
    #[must_use]
    pub fn decode_bytes_per_second(&self) -> f64 {
        self.decode.tokens_per_second() * self.bytes_per_token as f64
    }

    /// Operations a second of the prompt's matrix products (two a multiplication, output matrix not counted).
    #[must_use]
    pub fn prefill_operations_per_second(&self) -> f64 {
        self.prefill.tokens_per_second() * 2.0 * self.layer_multiplications as f64
    }
}

/// Measures; a first prompt or token warms up and does not count. Tokens are pseudo-random and fixed.
///
/// # Errors
/// The plan does not fit the context, or the stage is not a whole model.
pub fn bench(stage: &Stage, plan: Plan) -> Result<Speed, EngineError> {
    let vocab = stage.config().vocab;
    let token = |i: usize| (i.wrapping_mul(2_654_435_761) % vocab) as Token;
    let prompt: Vec<Token> = (0..plan.prompt).map(token).collect();
    let before: Vec<Token> = (0..plan.depth).map(|i| token(i + 7)).collect();
    let mut work = Workspace::new();
    let mut prefill = Timing { tokens: plan.prompt, wall_seconds: Vec::new(), cpu_seconds: Vec::new() };
    let mut decode = Timing { tokens: plan.new, wall_seconds: Vec::new(), cpu_seconds: Vec::new() };
    if !prompt.is_empty() {
        stage.prefill(&mut stage.sequence(plan.kv_bits)?, &prompt[..prompt.len().min(PREFILL)], &mut work)?;
    }
    for _ in 0..plan.repetitions {
        if !prompt.is_empty() {
            let mut sequence = stage.sequence(plan.kv_bits)?;
            timed(&mut prefill, || stage.prefill(&mut sequence, &prompt, &mut work).map(drop))?;
        }
        if plan.new > 0 {
            let mut sequence = stage.sequence(plan.kv_bits)?;
            if !before.is_empty() {
                stage.prefill(&mut sequence, &before, &mut work)?;
            }
            let mut step = |i: usize| {
                let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&[token(i)]), want: Want::Last };
                stage.forward(&mut [chunk], &mut work).map(drop)
            };
            step(0)?;
            timed(&mut decode, || (1..=plan.new).try_for_each(&mut step))?;
        }
    }
    let size = stage.size();
    let layers = stage.weights().filter(|(class, _)| !matches!(*class, "token_embd" | "output"));
    Ok(Speed {
        plan,
        prefill,
        decode,
        bytes_per_token: size.bytes_per_token,
        bits_per_weight: size.bits_per_weight,
        layer_multiplications: layers.map(|(_, w)| w.rows as u64 * w.cols as u64).sum(),
    })
}

/// One prompt and one run of new tokens, each with the time of its operations. A first run of each warms up.
///
/// # Errors
/// As [`bench`].
pub fn profile(stage: &Stage, plan: Plan) -> Result<Profiles, EngineError> {
    let threads = stage.pool().threads();
    let token = |i: usize| (i.wrapping_mul(2_654_435_761) % stage.config().vocab) as Token;
    let prompt: Vec<Token> = (0..plan.prompt).map(token).collect();
    let mut work = Workspace::new();
    let mut profiles = Profiles::default();
    if !prompt.is_empty() {
        stage.prefill(&mut stage.sequence(plan.kv_bits)?, &prompt[..prompt.len().min(PREFILL)], &mut work)?;
        work = work.profiled(threads);
        stage.prefill(&mut stage.sequence(plan.kv_bits)?, &prompt, &mut work)?;
        profiles.prefill = work.profile().map(|p| p.lines(stage, prompt.len())).unwrap_or_default();
    }
    if plan.new > 0 {
        let mut sequence = stage.sequence(plan.kv_bits)?;
        let before: Vec<Token> = (0..=plan.depth).map(|i| token(i + 7)).collect();
        stage.prefill(&mut sequence, &before, &mut work)?;
        work = work.profiled(threads);
        for i in 0..plan.new {
            let chunk = Chunk { sequence: &mut sequence, input: Input::Tokens(&[token(i)]), want: Want::Last };
            stage.forward(&mut [chunk], &mut work)?;
        }
        profiles.decode = work.profile().map(|p| p.lines(stage, plan.new)).unwrap_or_default();
    }
    Ok(profiles)
}

/// Time by operation, of a prompt's token and of a new one. Empty: not asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Profiles {
    pub prefill: Vec<Line>,
    pub decode: Vec<Line>,
}

fn timed(timing: &mut Timing, f: impl FnOnce() -> Result<(), EngineError>) -> Result<(), EngineError> {
    let meter = Meter::start(None);
    f()?;
    timing.wall_seconds.push(meter.wall_seconds());
    timing.cpu_seconds.push(meter.cpu_seconds());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Shape;
    use crate::{Options, Precision};
    use kernels::{Format, Pool, Wait};
    use std::sync::Arc;

    #[test]
    fn random_shapes_are_measured_at_any_precision() {
        let shape = Shape { layers: 2, hidden: 64, wide: 128, heads: 4, kv_heads: 2, vocab: 100, context: 64 };
        let plan = Plan { prompt: 20, new: 5, depth: 8, repetitions: 3, kv_bits: 16 };
        for format in [Format::W8, Format::Sherry] {
            let options = Options { precision: Precision::Format(format), ..Options::default() };
            let stage = Stage::random(&shape, 1, &options, Arc::new(Pool::new(1, Wait::Park))).expect("packs");
            let speed = bench(&stage, plan).expect("fits");
            assert_eq!((speed.prefill.wall_seconds.len(), speed.decode.cpu_seconds.len()), (3, 3));
            assert!(speed.prefill.tokens_per_second() > 0.0 && speed.decode_bytes_per_second() > 0.0);
            // q, k, v, o; gate, up, down.
            assert_eq!(speed.layer_multiplications, 2 * (64 * (64 + 32 + 32 + 64) + 3 * 64 * 128));
            assert!(bench(&stage, Plan { prompt: 65, ..plan }).is_err());
            let nothing = bench(&stage, Plan { prompt: 0, new: 0, ..plan }).expect("nothing");
            assert_eq!(nothing.decode.wall_seconds.len(), 0);
            assert!(nothing.prefill.tokens_per_second() < f64::MIN_POSITIVE);
        }
    }

    #[test]
    fn a_profile_has_all_the_time_and_all_the_bytes() {
        let shape = Shape { layers: 2, hidden: 64, wide: 128, heads: 4, kv_heads: 2, vocab: 100, context: 64 };
        let options = Options { precision: Precision::Format(Format::W4), ..Options::default() };
        for threads in [1, 2] {
            let stage = Stage::random(&shape, 1, &options, Arc::new(Pool::new(threads, Wait::Park))).expect("packs");
            let plan = Plan { prompt: 20, new: 5, depth: 8, repetitions: 1, kv_bits: 8 };
            let both = profile(&stage, plan).expect("fits");
            for lines in [&both.prefill, &both.decode] {
                assert!((lines.iter().map(|l| l.share).sum::<f64>() - 1.0).abs() < 1e-9);
                assert!(lines.iter().all(|l| l.seconds >= 0.0));
                let read: u64 = lines.iter().map(|l| l.bytes).sum();
                // What a token reads besides: a row of the table, and norms.
                assert!(read > 0 && read < stage.size().bytes_per_token && stage.size().bytes_per_token - read < 4096);
            }
            assert!(profile(&stage, Plan { prompt: 65, ..plan }).is_err());
            assert_eq!(profile(&stage, Plan { prompt: 0, new: 0, ..plan }).expect("nothing"), Profiles::default());
        }
    }

    #[test]
    fn the_published_shapes_have_their_size() {
        let weights = |s: Shape| {
            let kv = s.hidden / s.heads * s.kv_heads;
            s.layers * (s.hidden * (2 * s.hidden + 2 * kv) + 3 * s.hidden * s.wide) + s.vocab * s.hidden
        };
        assert_eq!(weights(Shape::LLAMA_1B), 1_073_741_824);
        assert!((weights(Shape::LLAMA_3B) as f64 / 2.97e9 - 1.0).abs() < 0.01);
        assert_eq!(Shape::named("3b"), Some(Shape::LLAMA_3B));
        assert_eq!(Shape::named("7b"), None);
    }
}
