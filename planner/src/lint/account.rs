//! The linter's own account of work: operations and bytes of a block in a pass.
//!
//! Written from the design's text and not from the table builder's code, on purpose in another way:
//! attention work and the mean context come from an integral, experts from the chance that an expert is
//! missed, bits from the roles of weights one by one. What is shared are the definitions of the profile
//! (bits of a format, bits of a cached element), for they are facts and not arithmetic.

use profiles::precision::{Role, bits_of, kv_bits_stored};
use profiles::{Block, Mixer, Mlp, Phase, Precision};

/// Operations and bytes of one block in one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Account {
    pub(super) ops: f64,
    /// Of attention alone.
    pub(super) attention: f64,
    /// Of products with weights, for sequences after the first where each brings a single token.
    pub(super) following: f64,
    /// New tokens together.
    pub(super) rows: f64,
    /// Elements put out, the first row's not counted.
    pub(super) elements: f64,
    /// From memory: weights.
    pub(super) weights: f64,
    /// Parameters that these are, read once; and distinct experts among them.
    pub(super) read: f64,
    pub(super) touched: f64,
    /// From and to memory: cache, state, activations.
    pub(super) rest: f64,
    pub(super) launches: f64,
}

/// `new` tokens of each of `sequences`, after `before` tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pass {
    pub(super) new: f64,
    pub(super) before: f64,
    pub(super) sequences: f64,
}

/// Heads times width of the attention products; 0 without attention.
fn attention_width(block: &Block) -> f64 {
    match block.mixer {
        Mixer::Attention { heads, head_dim, .. } | Mixer::LatentAttention { heads, head_dim, .. } => {
            f64::from(heads) * f64::from(head_dim)
        }
        _ => 0.0,
    }
}

/// Furthest that attention looks back.
fn reach(block: &Block) -> f64 {
    match block.mixer {
        Mixer::Attention { window: Some(w), .. } => f64::from(w),
        _ => f64::INFINITY,
    }
}

/// Positions that new tokens see, summed over the tokens.
fn seen(block: &Block, pass: Pass) -> f64 {
    let (w, end) = (reach(block), pass.before + pass.new);
    if block.phase == Phase::Prefill {
        return pass.new * end.min(w);
    }
    // Integral of min(x, w) from 0.
    let area = |x: f64| if x <= w { x * x / 2.0 } else { w * w / 2.0 + w * (x - w) };
    area(end) - area(pass.before)
}

/// Bytes of a number of a block's weights, spread evenly over what is kept wide and what is not.
pub(super) fn weight_bytes_of(block: &Block, parameters: f64, precision: Precision) -> f64 {
    if let Some(bits) = block.packed_bits.get(&precision.weights).or(block.stored_bits.as_ref()) {
        return parameters * bits / 8.0;
    }
    let all = all_parameters(block);
    let kept = if all > 0.0 { (block.kept as f64).min(all) / all } else { 0.0 };
    let bits = kept * bits_of(Role::Kept, precision.weights) + (1.0 - kept) * bits_of(block.role, precision.weights);
    parameters * bits / 8.0
}

/// Parameters held, every expert included, tied ones too.
pub(super) fn all_parameters(block: &Block) -> f64 {
    let experts = match block.mlp {
        Mlp::Experts { experts, parameters_per_expert, .. } => f64::from(experts) * parameters_per_expert as f64,
        _ => 0.0,
    };
    block.parameters as f64 + experts
}

/// Bytes of all weights of a block.
pub(super) fn resident_weights(block: &Block, precision: Precision) -> f64 {
    weight_bytes_of(block, all_parameters(block), precision)
}

/// Cache bytes that one token leaves in one loop.
fn cache_per_token(block: &Block, precision: Precision) -> f64 {
    let elements = match block.mixer {
        Mixer::Attention { kv_heads, head_dim, .. } => 2.0 * f64::from(kv_heads) * f64::from(head_dim),
        Mixer::LatentAttention { rank, rope_dim, .. } => f64::from(rank) + f64::from(rope_dim),
        _ => 0.0,
    };
    elements * kv_bits_stored(precision.kv_bits) / 8.0
}

/// Bytes of constant state of one sequence in one loop, 32 bits an element.
fn constant_state(block: &Block) -> f64 {
    match block.mixer {
        Mixer::StateSpace { state } | Mixer::Recurrent { state } => 4.0 * state as f64,
        _ => 0.0,
    }
}

/// Cache and state that `sequences` of `tokens` tokens occupy.
pub(super) fn resident_state(block: &Block, precision: Precision, sequences: f64, tokens: f64) -> f64 {
    let one = tokens.min(reach(block)) * cache_per_token(block, precision) + constant_state(block);
    sequences * one * f64::from(block.loops.max(1))
}

/// Elements that one token moves through a block.
pub(super) fn moved_elements(block: &Block) -> f64 {
    if block.fixed_activations > 0.0 { block.fixed_activations } else { block.output_width as f64 * 2.0 }
}

/// Work of a block in a pass; a block whose weights fit `cache` is read once for all its loops.
/// An output matrix is asked for the last token of each sequence only.
pub(super) fn block(block: &Block, precision: Precision, pass: Pass, cache: f64) -> Account {
    let pass = if matches!(block.role, Role::Head) { Pass { new: pass.new.min(1.0), ..pass } } else { pass };
    let loops = f64::from(block.loops.max(1));
    let rows = pass.new * pass.sequences;
    let attention = 4.0 * pass.sequences * seen(block, pass) * attention_width(block);
    let mut ops = rows * (2.0 * block.multiplied as f64 + block.fixed_ops) + attention;
    let table = block.read < block.parameters;
    let mut touched = 0.0;
    let mut read = if table { (rows * block.read as f64).min(block.parameters as f64) } else { block.read as f64 };
    if let Mlp::Experts { experts, active, parameters_per_expert } = block.mlp {
        let (e, a, each) = (f64::from(experts), f64::from(active), parameters_per_expert as f64);
        ops += rows * 2.0 * a * each;
        if e > 0.0 {
            let missed_by_all = (rows * (1.0 - a / e).max(0.0).ln()).exp();
            touched = e * (1.0 - missed_by_all);
            read += touched * each;
        }
    }
    let once = weight_bytes_of(block, read, precision);
    let again = if resident_weights(block, precision) <= cache { 1.0 } else { loops };
    let looked_back = pass.before.min(reach(block)) + pass.new;
    let cache_traffic = pass.sequences * (looked_back * cache_per_token(block, precision) + 2.0 * constant_state(block));
    let activations = rows * moved_elements(block) * profiles::activation_bits_held(precision.activation_bits) / 8.0;
    Account {
        ops: ops * loops,
        attention: attention * loops,
        following: if pass.new > 1.0 {
            0.0
        } else {
            loops * (ops - attention) / pass.sequences.max(1.0) * (pass.sequences - 1.0).max(0.0)
        },
        rows,
        elements: loops * block.output_width as f64 * (rows - rows.min(1.0)),
        weights: once * again,
        read,
        touched,
        rest: loops * (cache_traffic + activations),
        launches: loops,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{precision, tiny_llm};
    use profiles::WeightFormat;

    #[test]
    fn a_layer_by_hand() {
        // Width 512: 12 * 512^2 parameters, 8 heads of 64, 2 KV heads; 4.5 bits a weight.
        let model = tiny_llm("t", 1, 512);
        let layer = &model.blocks[1].block;
        let p = precision(WeightFormat::W4);
        let decode = block(layer, p, Pass { new: 1.0, before: 100.0, sequences: 2.0 }, 0.0);
        let parameters = 12.0 * 512.0 * 512.0;
        assert!((decode.ops - 2.0 * (2.0 * parameters + 4.0 * 100.5 * 512.0)).abs() < 1e-3);
        assert!((decode.weights - parameters * 4.5 / 8.0).abs() < 1e-3);
        // 2 * 2 * 64 elements of 2 bytes a token; 100 read, 1 written; 2 * 512 activations of 2 bytes.
        assert!((decode.rest - 2.0 * (101.0 * 512.0 + 2048.0)).abs() < 1e-3);
        assert!((resident_state(layer, p, 3.0, 10.0) - 3.0 * 10.0 * 512.0).abs() < 1e-9);
    }

    #[test]
    fn a_window_bounds_what_is_seen() {
        let mut b = tiny_llm("t", 1, 512).blocks[1].block.clone();
        b.mixer = Mixer::Attention { heads: 1, kv_heads: 1, head_dim: 1, window: Some(10) };
        // Tokens 0 to 20 see 0..10 rising, then 10: 50 + 100.
        assert!((seen(&b, Pass { new: 20.0, before: 0.0, sequences: 1.0 }) - 150.0).abs() < 1e-9);
        b.phase = Phase::Prefill;
        assert!((seen(&b, Pass { new: 20.0, before: 0.0, sequences: 1.0 }) - 200.0).abs() < 1e-9);
    }
}
