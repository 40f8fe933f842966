//! What a model costs beside its products: small llamas of random weights are run by the engine, which tells how long
//! each operation takes. Norms, rotations, cache, residuals and attention are read off; the nonlinearity, which the engine
//! counts with the products that it follows, is run alone.

use crate::runs::median;
use engine::model::{Chunk, Input, Op, Profile, Shape, Want};
use engine::{EngineError, Options, Precision, Sequence, Stage, Workspace};
use kernels::{Format, Gate, Pool, limits};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Width of the trial models: that of the smallest models, where the overhead decides.
pub const WIDTH: usize = 512;
/// Width of their hidden layer.
pub const WIDE: usize = 3 * WIDTH;
const LAYERS: usize = 4;
/// Tokens in the cache while a token is decoded.
const CONTEXT: usize = 64;
/// Tokens of the prompts that tell what attention costs a query and what a position: one batch of the engine, and two.
const PROMPTS: [usize; 2] = [engine::model::PREFILL, 2 * engine::model::PREFILL];
/// Heads of the two models: as wide as those of the smallest models, and of larger ones.
const HEADS: [usize; 2] = [WIDTH / 64, WIDTH / 128];
/// Steps of decoding in a round; the first does not count.
const STEPS: usize = 9;
/// Elements and repetitions of a nonlinearity.
const GATES: (usize, usize) = (8 * WIDE, 4);

fn shape(heads: usize) -> Shape {
    Shape { layers: LAYERS, hidden: WIDTH, wide: WIDE, heads, kv_heads: heads / 2, vocab: 4096, context: 1024 }
}

/// What was measured, s.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overhead {
    /// Of one layer of a trial model for one token, products and a prompt's attention over [`CONTEXT`] tokens taken off.
    pub layer_s: f64,
    /// Of one pass, whatever its layers.
    pub pass_s: f64,
    /// Calls of products in a layer.
    pub calls_per_layer: usize,
    /// Of one element of one token in one layer of a prompt: norms, rotations, cache, residuals.
    pub element_s: f64,
    /// Of one element of the nonlinearity on one thread.
    pub gate_s: f64,
    /// Operations a second of attention over a prompt (four a query, position and element).
    pub attention: f64,
    /// Beside them, of one head of one query at one position: the exponential and what surrounds it.
    pub position_s: f64,
    /// Of one head of one query, whatever it sees.
    pub query_s: f64,
}

/// Calls of [`kernels::matmul`] in a layer: query, key and value; output; gate and up; down.
pub const CALLS: usize = 4;

impl Overhead {
    /// s of one layer's attention of one query of `heads` heads, `width` elements together, over `context` tokens.
    #[must_use]
    pub fn attention_s(&self, context: f64, heads: f64, width: f64) -> f64 {
        heads * self.query_s + context * (4.0 * width / self.attention + heads * self.position_s)
    }

    /// s of one layer for one token, products and attention not counted. Wider layers than the trial's take longer as a
    /// prompt's elements do.
    #[must_use]
    pub fn token_s(&self, hidden: f64, wide: f64) -> f64 {
        let more = (hidden - WIDTH as f64) * self.element_s + (wide - WIDE as f64) * self.gate_s;
        (self.layer_s + more).max(0.0)
    }
}

/// A model, and what its operations took.
struct Model {
    stage: Stage,
    /// s of a layer's small operations of one token, and of its attention.
    token: Vec<f64>,
    token_attention: Vec<f64>,
    pass: Vec<f64>,
    /// s of an element of a prompt, and of a query's attention in the short and the long one.
    element: Vec<f64>,
    attention: [Vec<f64>; 2],
}

/// Measures round by round.
pub struct Overheads {
    models: Vec<Model>,
    work: Workspace,
    gate: Vec<f64>,
    /// Gate and up.
    elements: [Vec<f32>; 2],
}

impl std::fmt::Debug for Overheads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Overheads of {} models", self.models.len())
    }
}

impl Overheads {
    /// # Errors
    /// The engine's, which packs the models.
    pub fn new(pool: &Arc<Pool>) -> Result<Self, EngineError> {
        let options = Options { precision: Precision::Format(Format::W8), ..Options::default() };
        let model = |heads: usize| {
            Ok(Model {
                stage: Stage::random(&shape(heads), 1, &options, Arc::clone(pool))?,
                token: Vec::new(),
                token_attention: Default::default(),
                pass: Vec::new(),
                element: Vec::new(),
                attention: Default::default(),
            })
        };
        let models = HEADS.into_iter().map(model).collect::<Result<_, EngineError>>()?;
        let elements = [1.0, 0.5].map(|v| vec![v; GATES.0]);
        Ok(Self { models, work: Workspace::new(), gate: Vec::new(), elements })
    }

    /// # Errors
    /// The engine's.
    pub fn round(&mut self) -> Result<(), EngineError> {
        let layers = LAYERS as f64;
        for model in &mut self.models {
            let threads = model.stage.pool().threads();
            let mut work = std::mem::take(&mut self.work);
            let mut sequence = model.stage.sequence(16)?;
            let prompt: Vec<u32> = (0..PROMPTS[1] as u32).map(|i| i * 37 % 4096).collect();
            model.stage.prefill(&mut sequence, &prompt[..CONTEXT], &mut work)?;
            for i in 0..STEPS {
                work = work.profiled(threads);
                decode(&model.stage, &mut sequence, &mut work)?;
                if i > 0
                    && let Some(profile) = work.profile()
                {
                    model.token.push(seconds(profile, &model.stage, 1, &SMALL) / layers);
                    model.token_attention.push(seconds(profile, &model.stage, 1, &[Op::Attention]) / layers);
                    model.pass.push(seconds(profile, &model.stage, 1, &[Op::Embed]));
                }
            }
            for i in 0..3 {
                for (which, tokens) in PROMPTS.into_iter().enumerate() {
                    work = work.profiled(threads);
                    model.stage.prefill(&mut model.stage.sequence(16)?, &prompt[..tokens], &mut work)?;
                    if i > 0
                        && let Some(profile) = work.profile()
                    {
                        let took = |ops: &[Op]| seconds(profile, &model.stage, tokens, ops) / layers;
                        model.element.push(took(&SMALL) / WIDTH as f64);
                        model.attention[which].push(took(&[Op::Attention]));
                    }
                }
            }
            self.work = work;
        }
        let [gate, up] = &mut self.elements;
        for _ in 0..4 {
            gate.fill(1.0);
            let alone = self.models[0].stage.pool();
            let took = limits::time(alone, || (0..GATES.1).for_each(|_| Gate::Silu.apply(gate, up)));
            self.gate.push(took.as_secs_f64() / (GATES.0 * GATES.1) as f64);
        }
        Ok(())
    }

    /// What the rounds say; `None` before the first.
    #[must_use]
    pub fn done(self) -> Option<Overhead> {
        let of = |pick: fn(&Model) -> &Vec<f64>| -> Option<Vec<f64>> { self.models.iter().map(|m| median(pick(m))).collect() };
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
        // A query takes so long whatever it sees, and so long a position: a straight line through both prompts.
        let seen = PROMPTS.map(|n| (n as f64 + 1.0) / 2.0);
        let (short, long) = (of(|m| &m.attention[0])?, of(|m| &m.attention[1])?);
        let slope = |i: usize| ((long[i] - short[i]) / (seen[1] - seen[0])).max(0.0);
        let (slopes, heads) = ([slope(0), slope(1)], HEADS.map(|h| h as f64));
        // A position: heads times one cost, and elements, alike in both models, times another.
        let position_s = ((slopes[0] - slopes[1]) / (heads[0] - heads[1])).max(0.0);
        let rest = (mean(&slopes) - position_s * mean(&heads)).max(0.0);
        let bases = [0, 1].map(|i| ((short[i] - slopes[i] * seen[0]) / heads[i]).max(0.0));
        let gate_s = median(&self.gate)?;
        let mut found = Overhead {
            layer_s: 0.0,
            pass_s: mean(&of(|m| &m.pass)?),
            calls_per_layer: CALLS,
            element_s: mean(&of(|m| &m.element)?),
            gate_s,
            attention: if rest > 0.0 { 4.0 * WIDTH as f64 / rest } else { f64::MAX },
            position_s,
            query_s: mean(&bases),
        };
        let beyond = |heads: usize, took: f64| (took - found.attention_s(CONTEXT as f64, heads as f64, WIDTH as f64)).max(0.0);
        let calls: Vec<f64> = HEADS.iter().zip(of(|m| &m.token_attention)?).map(|(h, t)| beyond(*h, t)).collect();
        found.layer_s = mean(&of(|m| &m.token)?) + mean(&calls) + gate_s * WIDE as f64;
        Some(found)
    }
}

/// What is neither products nor attention in a layer.
const SMALL: [Op; 4] = [Op::Norm, Op::Rotate, Op::Cache, Op::Add];

/// s of some operations of one of so many tokens.
fn seconds(profile: &Profile, stage: &Stage, tokens: usize, ops: &[Op]) -> f64 {
    profile.lines(stage, tokens).iter().filter(|l| ops.contains(&l.op)).map(|l| l.seconds).sum()
}

/// One token after [`CONTEXT`] others, which is forgotten again.
fn decode(stage: &Stage, sequence: &mut Sequence, work: &mut Workspace) -> Result<(), EngineError> {
    let chunk = Chunk { sequence: &mut *sequence, input: Input::Tokens(&[7]), want: Want::Last };
    stage.forward(&mut [chunk], work)?;
    sequence.truncate(CONTEXT);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernels::Wait;

    #[test]
    fn overheads_are_small_and_there() {
        let mut overheads = Overheads::new(&Arc::new(Pool::new(1, Wait::Park))).expect("packs");
        overheads.round().expect("runs");
        overheads.round().expect("runs");
        let o = overheads.done().expect("two rounds");
        assert!(o.layer_s > 0.0 && o.layer_s < 5e-3 && o.pass_s < 5e-2, "{o:?}");
        assert!(o.element_s > 0.0 && o.element_s < 1e-4 && o.gate_s > 0.0 && o.gate_s < 1e-4, "{o:?}");
        assert!(o.attention > 1e6 && o.position_s < 1e-3, "{o:?}");
    }

    #[test]
    fn wider_layers_take_longer() {
        let o = Overhead {
            layer_s: 1e-5,
            pass_s: 0.0,
            calls_per_layer: CALLS,
            element_s: 1e-9,
            gate_s: 2e-9,
            attention: 1e11,
            position_s: 1e-9,
            query_s: 1e-8,
        };
        assert!((o.token_s(WIDTH as f64, WIDE as f64) - 1e-5).abs() < 1e-15);
        assert!((o.token_s(1512.0, 2536.0) - 1.3e-5).abs() < 1e-15);
        assert!((o.attention_s(100.0, 8.0, 512.0) - (100.0 * 2048.0 / 1e11 + 8e-7 + 8e-8)).abs() < 1e-15);
    }
}
