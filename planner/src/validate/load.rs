//! Bytes and operations of a row's passes, as the kernels of engines move and do them.

use super::shape::Shape;
use crate::physics::work::{self, Pass};
use profiles::{Mixer, Mlp, Precision, WeightFormat};

/// Bytes and operations of a pass.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub weight_bytes: f64,
    /// Cache and state, read and written.
    pub state_bytes: f64,
    /// Products with weights.
    pub matrix_ops: f64,
    pub attention_ops: f64,
}

/// Kernels that multiply the few rows of a decoding step with weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernels {
    /// Each weight is read once for all rows.
    Once,
    /// ggml's for Metal.
    Metal,
}

/// `b` sequences in a step touch as many experts as `b^INDEPENDENT` that choose evenly and each for itself: some experts are
/// taken more often than others, and sequences resemble each other. Fitted, rounded: batches of mixtures on GB10 in
/// ggml-org/llama.cpp benches/dgx-spark take what 0.75 to 0.85 make of 128 experts, 4 or 8 active, from 8 sequences to 32.
const INDEPENDENT: f64 = 0.8;

/// Rows of a step up to which ggml's Metal kernels multiply vector by vector, and the columns of a tile above that
/// (ggml-org/llama.cpp pull request 27441).
const VECTORS: f64 = 8.0;
const TILE: f64 = 32.0;
/// Rows from which products of experts take tiles. Below it each row reads its own experts, whoever else has read them
/// (`ne21_mm_id_min` in llama.cpp's ggml-metal).
const EXPERT_TILES: f64 = 32.0;

/// Columns that are multiplied for so many rows.
fn columns(rows: f64) -> f64 {
    if rows > VECTORS { tiles(rows) } else { rows }
}

fn tiles(rows: f64) -> f64 {
    (rows / TILE).ceil() * TILE
}

/// Experts that `rows` rows read, and columns multiplied with them, over all experts of a layer.
fn experts(experts: f64, active: f64, rows: f64, kernels: Kernels) -> (f64, f64) {
    let touched = work::experts_touched(experts, active, rows.powf(INDEPENDENT));
    match kernels {
        Kernels::Once => (touched, rows * active),
        Kernels::Metal if rows < EXPERT_TILES => (rows * active, rows * active),
        Kernels::Metal => (touched, touched * tiles(rows * active / touched)),
    }
}

/// One step of decoding for the whole batch, at a row's bits per weight.
pub(super) fn of_step(shape: &Shape, bits: f64, pass: Pass, kernels: Kernels) -> Load {
    let mut load = of_prompt(shape, bits, pass);
    let rows = pass.tokens * pass.batch;
    let padding = if kernels == Kernels::Metal { columns(rows) / rows } else { 1.0 };
    let mut routed_ops = 0.0;
    let mut tiled_ops = 0.0;
    for group in &shape.blocks {
        let Mlp::Experts { experts: all, active, parameters_per_expert } = group.block.mlp else { continue };
        let (all, active) = (f64::from(all), f64::from(active));
        let each = parameters_per_expert as f64 * f64::from(group.count) * f64::from(group.block.loops.max(1));
        let (read, columns) = experts(all, active, rows, kernels);
        load.weight_bytes += (read - work::experts_touched(all, active, rows)) * each * bits / 8.0;
        routed_ops += 2.0 * each * rows * active;
        tiled_ops += 2.0 * each * columns;
    }
    load.matrix_ops = (load.matrix_ops - routed_ops).max(0.0) * padding + tiled_ops;
    load
}

/// A pass that reads each weight that it needs once.
pub(super) fn of_prompt(shape: &Shape, bits: f64, pass: Pass) -> Load {
    let half = Precision { weights: WeightFormat::W16, kv_bits: 16, activation_bits: 16 };
    let mut load = Load::default();
    for group in &shape.blocks {
        let count = f64::from(group.count);
        let block = &group.block;
        let work = work::of_block(block, half, pass, 0.0);
        let attention = match block.mixer {
            Mixer::Attention { heads, head_dim, .. } | Mixer::LatentAttention { heads, head_dim, .. } => {
                let seen = work::mean_context(pass.tokens, pass.context, work::window(block));
                4.0 * pass.tokens * pass.batch * seen * f64::from(heads) * f64::from(head_dim) * f64::from(block.loops.max(1))
            }
            _ => 0.0,
        };
        load.weight_bytes += count * work.weight_bytes * bits / 16.0;
        load.state_bytes += count * work.state_bytes;
        load.attention_ops += count * attention;
        load.matrix_ops += count * (work.ops - attention).max(0.0);
    }
    load
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::validate::shape;

    fn step(model: &str, billions: f64, active: f64, batch: f64, kernels: Kernels) -> Load {
        let shape = shape::of(model, Some(billions * 1e9), Some(active * 1e9)).unwrap();
        of_step(&shape, 4.25, Pass { tokens: 1.0, context: 512.0, batch }, kernels)
    }

    #[test]
    fn one_sequence_moves_the_same_under_any_kernels() {
        for (model, billions, active) in [("gpt-oss-20b", 20.9, 3.6), ("Llama-2-7B", 6.74, 6.74)] {
            let (once, metal) =
                (step(model, billions, active, 1.0, Kernels::Once), step(model, billions, active, 1.0, Kernels::Metal));
            assert!((once.weight_bytes / metal.weight_bytes - 1.0).abs() < 1e-12, "{model}");
            assert!((once.matrix_ops / metal.matrix_ops - 1.0).abs() < 1e-12, "{model}");
        }
    }

    #[test]
    fn metal_reads_experts_again_for_each_row_below_its_tiles() {
        let of = |batch, kernels| step("gpt-oss-20b", 20.9, 3.6, batch, kernels);
        assert!(of(16.0, Kernels::Metal).weight_bytes > 1.5 * of(16.0, Kernels::Once).weight_bytes);
        assert!((of(32.0, Kernels::Metal).weight_bytes / of(32.0, Kernels::Once).weight_bytes - 1.0).abs() < 1e-12);
        assert!(
            of(32.0, Kernels::Metal).matrix_ops > 4.0 * of(32.0, Kernels::Once).matrix_ops,
            "tiles of a few rows are mostly empty"
        );
        let dense = |batch| step("Llama-2-7B", 6.74, 6.74, batch, Kernels::Metal).matrix_ops;
        assert!((dense(16.0) / dense(32.0) - 1.0).abs() < 1e-9 && dense(8.0) < 0.3 * dense(16.0));
    }

    #[test]
    fn a_batch_reads_fewer_experts_than_chance_and_never_fewer_than_one_sequence() {
        for batch in [1.0, 2.0, 8.0, 32.0, 512.0] {
            let (touched, _) = experts(128.0, 8.0, batch, Kernels::Once);
            assert!(touched >= 8.0 - 1e-9 && touched <= work::experts_touched(128.0, 8.0, batch) + 1e-9, "{batch}: {touched}");
        }
    }
}
