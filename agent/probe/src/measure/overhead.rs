//! What a model costs beside its products: a small llama of random weights is run by the engine, and its products
//! alone are run again. The difference is norms, rotations, cache, attention, activation functions, residuals: what
//! no rate of reading or multiplying tells.

use crate::runs::median;
use engine::model::{Chunk, Input, Shape, Want};
use engine::{EngineError, Options, Precision, Sequence, Stage, Workspace};
use kernels::{Format, Matrix, Pool, Scratch, limits, matmul};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Width of the trial model: that of the smallest models, where the overhead decides; of a large one it is a
/// small share of the time, so an error there costs little.
pub const WIDTH: usize = 512;
const LAYERS: [usize; 2] = [2, 6];
/// Tokens in the cache while a token is decoded.
const CONTEXT: usize = 64;
/// Prompts that tell attention from the rest: one is quadratic in them.
pub const PROMPTS: [usize; 2] = [64, 256];
const HEADS: usize = 8;

fn shape(layers: usize) -> Shape {
    Shape { layers, hidden: WIDTH, wide: 3 * WIDTH, heads: HEADS, kv_heads: 2, vocab: 32_000, context: 1024 }
}

/// What was measured, s.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overhead {
    /// Of one layer for one token, products not counted.
    pub layer_s: f64,
    /// Of one pass, whatever its layers.
    pub pass_s: f64,
    /// Calls of products in a layer.
    pub calls_per_layer: usize,
    /// Of one element of one token in one layer of a prompt, attention not counted: a layer has [`WIDTH`] elements.
    pub element_s: f64,
    /// Operations a second of attention over a prompt (four a query, position and element).
    pub attention: f64,
}

/// Calls of [`matmul`] in a layer: query, key and value; output; gate and up; down.
pub const CALLS: usize = 4;

/// A model, and what its passes took.
struct Model {
    stage: Stage,
    decode: Vec<f64>,
    decode_products: Vec<f64>,
    prompts: [Vec<f64>; 2],
    prompt_products: [Vec<f64>; 2],
}

/// Measures round by round.
pub struct Overheads {
    models: Vec<Model>,
    work: Workspace,
    scratch: Scratch,
}

impl std::fmt::Debug for Overheads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Overheads of {} models", self.models.len())
    }
}

impl Overheads {
    /// # Errors
    /// The engine's, which packs the model.
    pub fn new(pool: &Arc<Pool>) -> Result<Self, EngineError> {
        let options = Options { precision: Precision::Format(Format::W8), ..Options::default() };
        let model = |layers: usize| {
            Ok(Model {
                stage: Stage::random(&shape(layers), 1, &options, Arc::clone(pool))?,
                decode: Vec::new(),
                decode_products: Vec::new(),
                prompts: Default::default(),
                prompt_products: Default::default(),
            })
        };
        let models = LAYERS.into_iter().map(model).collect::<Result<_, EngineError>>()?;
        Ok(Self { models, work: Workspace::new(), scratch: Scratch::new() })
    }

    /// # Errors
    /// The engine's.
    pub fn round(&mut self) -> Result<(), EngineError> {
        let Self { models, work, scratch } = self;
        for model in models {
            let mut sequence = model.stage.sequence(16)?;
            let prompt: Vec<u32> = (0..PROMPTS[1] as u32).map(|i| i * 37 % 32_000).collect();
            model.stage.prefill(&mut sequence, &prompt[..CONTEXT], work)?;
            for i in 0..16 {
                // In turns, so that both see the same neighbours.
                let step = decode(&model.stage, &mut sequence, work)?;
                let products = products(&model.stage, 1, scratch);
                if i > 0 {
                    model.decode.push(step);
                    model.decode_products.push(products);
                }
            }
            for (which, tokens) in PROMPTS.into_iter().enumerate() {
                for _ in 0..3 {
                    let mut sequence = model.stage.sequence(16)?;
                    let took = timed(&model.stage, || model.stage.prefill(&mut sequence, &prompt[..tokens], work).map(drop))?;
                    model.prompts[which].push(took);
                    model.prompt_products[which].push(products(&model.stage, tokens, scratch));
                }
            }
        }
        Ok(())
    }

    /// What the rounds say; `None` before the first.
    #[must_use]
    pub fn done(self) -> Option<Overhead> {
        // Each pass less the products that ran right after it: both saw the same neighbours.
        let beside = |all: &[f64], products: &[f64]| {
            let differences: Vec<f64> = all.iter().zip(products).map(|(a, p)| a - p).collect();
            Some(median(&differences)?.max(0.0))
        };
        let (few, many) = (self.models.first()?, self.models.last()?);
        let more = (LAYERS[1] - LAYERS[0]) as f64;
        let (a, b) = (beside(&few.decode, &few.decode_products)?, beside(&many.decode, &many.decode_products)?);
        let layer_s = ((b - a) / more).max(0.0);
        let pass_s = (a - layer_s * LAYERS[0] as f64).max(0.0);
        let per_layer = |which: usize| -> Option<f64> {
            let of = |m: &Model| beside(&m.prompts[which], &m.prompt_products[which]);
            Some(((of(many)? - of(few)?) / more).max(0.0))
        };
        // s = element · width · n + 4 · n · n/2 · width / rate
        let (short, long) = (per_layer(0)?, per_layer(1)?);
        let (n, m) = (PROMPTS[0] as f64, PROMPTS[1] as f64);
        let width = WIDTH as f64;
        let quadratic = ((long / m - short / n) / (m - n)).max(0.0);
        let element_s = ((short / n - quadratic * n) / width).max(0.0);
        let attention = if quadratic > 0.0 { 2.0 * width / quadratic } else { f64::MAX };
        Some(Overhead { layer_s, pass_s, calls_per_layer: CALLS, element_s, attention })
    }
}

fn timed(stage: &Stage, f: impl FnOnce() -> Result<(), EngineError>) -> Result<f64, EngineError> {
    let mut done = Ok(());
    let took = limits::time(stage.pool(), || done = f());
    done.map(|()| took.as_secs_f64())
}

/// One token after [`CONTEXT`] others, which is forgotten again.
fn decode(stage: &Stage, sequence: &mut Sequence, work: &mut Workspace) -> Result<f64, EngineError> {
    let took = timed(stage, || {
        let chunk = Chunk { sequence: &mut *sequence, input: Input::Tokens(&[7]), want: Want::Last };
        stage.forward(&mut [chunk], work).map(drop)
    })?;
    sequence.truncate(CONTEXT);
    Ok(took)
}

/// The products of a pass alone, grouped as the engine groups them; the output matrix for one token.
fn products(stage: &Stage, tokens: usize, scratch: &mut Scratch) -> f64 {
    let matrices: Vec<(&'static str, &Matrix)> = stage.matrices().collect();
    let layers: Vec<&[(&'static str, &Matrix)]> = matrices.chunks_exact(7).take(stage.config().layers).collect();
    let head = matrices.iter().rev().find(|(class, _)| matches!(*class, "output" | "token_embd")).map(|(_, m)| *m);
    let widest = matrices.iter().map(|(_, m)| m.cols()).max().unwrap_or(0);
    let x: Vec<f32> = (0..tokens * widest).map(|i| (i % 17) as f32 - 8.0).collect();
    let mut outs: [Vec<f32>; 3] = std::array::from_fn(|_| vec![0.0; tokens * 3 * WIDTH]);
    let mut logits = vec![0.0; head.map_or(0, Matrix::rows)];
    let pool = stage.pool();
    let took = limits::time(pool, || {
        for layer in &layers {
            for group in [&layer[..3], &layer[3..4], &layer[4..6], &layer[6..]] {
                let weights: Vec<&Matrix> = group.iter().map(|(_, m)| *m).collect();
                let mut parts: Vec<&mut [f32]> =
                    outs.iter_mut().zip(&weights).map(|(o, w)| &mut o[..tokens * w.rows()]).collect();
                matmul(pool, &x[..tokens * weights[0].cols()], tokens, &weights, &mut parts, scratch);
            }
        }
        if let Some(head) = head {
            matmul(pool, &x[..head.cols()], 1, &[head], &mut [&mut logits], scratch);
        }
    });
    took.as_secs_f64()
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
        assert!(o.layer_s < 5e-3 && o.pass_s < 5e-2 && o.element_s < 1e-4, "{o:?}");
        assert!(o.attention > 1e6, "{o:?}");
    }
}
