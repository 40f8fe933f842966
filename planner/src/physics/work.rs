//! Work of a block in one pass: operations, bytes moved, and the bytes that stay resident.
//!
//! For `n` new tokens a sequence with `c` tokens of context before them and `b` sequences:
//!
//! ```text
//! F = 2 multiplied n b  +  2 active experts n b  +  4 n b (c + n/2) heads head_dim  +  fixed operations n b
//! B = weights once  +  b c KV read  +  b n KV written  +  state read and written  +  activations
//! ```
//!
//! A looped block does all of it once per loop, but reads its weights once where they fit the processor's
//! cache. A sliding window bounds the context. A mixture of experts reads the expected union of the
//! experts that `n b` tokens touch. Latent attention counts the same attention operations and caches its
//! latent. An encoder's tokens see all `c + n` positions. The head of a language model scores the last
//! position alone: inference engines compute no logits for the rest of a prompt. Recurrent state is held at 32 bits (assumed: below that recurrences drift).

use profiles::precision::Role;
use profiles::{Block, Mixer, Mlp, Phase, Precision};

/// Bytes of one element of recurrent state.
pub const STATE_BYTES: f64 = 4.0;

/// One pass over a model: what each sequence brings, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pass {
    /// New tokens of each sequence, `n`.
    pub tokens: f64,
    /// Tokens before them, `c`.
    pub context: f64,
    /// Sequences, `b`.
    pub batch: f64,
}

/// Work of one block in one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// Operations (two per multiply-accumulate).
    pub ops: f64,
    /// Those of them that are attention's own products.
    pub attention_ops: f64,
    /// Those of products with weights, of the sequences beyond the first in a pass of one token each.
    pub following_ops: f64,
    /// Rows that are multiplied with each weight: new tokens of all sequences.
    pub rows: f64,
    /// Elements of the output, of all rows but the first.
    pub elements: f64,
    /// Weight bytes read from memory.
    pub weight_bytes: f64,
    /// KV cache and recurrent state, read and written, bytes.
    pub state_bytes: f64,
    /// Activations read and written, bytes.
    pub activation_bytes: f64,
    /// Kernel launches, one per loop.
    pub launches: f64,
}

impl Work {
    /// All bytes from and to memory.
    #[must_use]
    pub fn bytes(&self) -> f64 {
        self.weight_bytes + self.state_bytes + self.activation_bytes
    }
}

/// Expected number of distinct experts that `tokens` tokens touch, each choosing `active` of `experts` evenly:
/// `E (1 - (1 - a/E)^tokens)`.
#[must_use]
pub fn experts_touched(experts: f64, active: f64, tokens: f64) -> f64 {
    if experts <= 0.0 {
        return 0.0;
    }
    experts * (1.0 - (1.0 - (active / experts).min(1.0)).powf(tokens))
}

/// Mean context that `n` new tokens see after `c` earlier ones: `c + n/2`, each bounded by the window.
#[must_use]
pub fn mean_context(n: f64, c: f64, window: Option<u32>) -> f64 {
    let Some(w) = window.map(f64::from) else { return c + n / 2.0 };
    if n <= 0.0 {
        return c.min(w);
    }
    // Mean of min(x, w) for x from c to c + n.
    let below = (w - c).clamp(0.0, n);
    (below * (c + below / 2.0) + (n - below) * w) / n
}

/// The same in an encoder, whose tokens see all positions.
fn mean_seen(all: f64, window: Option<u32>) -> f64 {
    window.map_or(all, |w| all.min(f64::from(w)))
}

/// The window of a block's attention; `None`: unbounded or no attention.
#[must_use]
pub fn window(block: &Block) -> Option<u32> {
    match block.mixer {
        Mixer::Attention { window, .. } => window,
        _ => None,
    }
}

/// Whether a block runs when a prompt (image, sound) comes in.
#[must_use]
pub fn in_prefill(block: &Block) -> bool {
    block.phase != Phase::Decode
}

/// Whether a block runs for each new token.
#[must_use]
pub fn in_decode(block: &Block) -> bool {
    block.phase != Phase::Prefill
}

/// Of `n` new tokens of a sequence, those that a block sees.
#[must_use]
pub fn tokens_seen(block: &Block, n: f64) -> f64 {
    if block.role == Role::Head { n.min(1.0) } else { n }
}

/// KV cache bytes of one token in one sequence, one loop.
#[must_use]
pub fn kv_bytes_per_token(block: &Block, precision: Precision) -> f64 {
    let elements = match block.mixer {
        Mixer::Attention { kv_heads, head_dim, .. } => 2.0 * f64::from(kv_heads) * f64::from(head_dim),
        Mixer::LatentAttention { rank, rope_dim, .. } => f64::from(rank) + f64::from(rope_dim),
        _ => 0.0,
    };
    elements * profiles::precision::kv_bytes(precision.kv_bits)
}

/// Elements of constant state of one sequence.
fn state(block: &Block) -> f64 {
    match block.mixer {
        Mixer::StateSpace { state } | Mixer::Recurrent { state } => state as f64,
        _ => 0.0,
    }
}

/// Resident weight bytes of a block, every expert included. Weights tied to an earlier block count again:
/// a table of costs that add up cannot see whether a stage holds both, and this errs on the safe side.
#[must_use]
pub fn weight_bytes(block: &Block, precision: Precision) -> f64 {
    block.weight_bytes(precision.weights).get()
}

/// Work of a block in a pass; `cache_bytes` is the processor's last-level cache.
#[must_use]
pub fn of_block(block: &Block, precision: Precision, pass: Pass, cache_bytes: f64) -> Work {
    let Pass { tokens, context: c, batch: b } = pass;
    let n = tokens_seen(block, tokens);
    let loops = f64::from(block.loops.max(1));
    let rows = n * b;
    let (heads, head_dim) = match block.mixer {
        Mixer::Attention { heads, head_dim, .. } | Mixer::LatentAttention { heads, head_dim, .. } => {
            (f64::from(heads), f64::from(head_dim))
        }
        _ => (0.0, 0.0),
    };
    let (expert_ops, expert_parameters) = match block.mlp {
        Mlp::Experts { experts, active, parameters_per_expert } => {
            let each = parameters_per_expert as f64;
            (2.0 * f64::from(active) * each, experts_touched(f64::from(experts), f64::from(active), rows) * each)
        }
        _ => (0.0, 0.0),
    };
    let seen = if block.phase == Phase::Prefill { mean_seen(c + n, window(block)) } else { mean_context(n, c, window(block)) };
    let attention_ops = rows * 4.0 * seen * heads * head_dim;
    let ops = rows * (2.0 * block.multiplied as f64 + expert_ops + 4.0 * seen * heads * head_dim + block.fixed_ops);
    let dense = dense_read(block, rows);
    let once = (dense + expert_parameters) * block.bits_per_weight(precision.weights) / 8.0;
    let held_in_cache = weight_bytes(block, precision) <= cache_bytes;
    let kv = kv_bytes_per_token(block, precision);
    let cached = window(block).map_or(c, |w| c.min(f64::from(w)));
    Work {
        ops: loops * ops,
        attention_ops: loops * attention_ops,
        following_ops: if n <= 1.0 { loops * (ops - attention_ops) * (1.0 - 1.0 / b.max(1.0)) } else { 0.0 },
        rows,
        elements: loops * (rows - 1.0).max(0.0) * block.output_width as f64,
        weight_bytes: if held_in_cache { once } else { loops * once },
        state_bytes: loops * (b * cached * kv + rows * kv + 2.0 * b * state(block) * STATE_BYTES),
        activation_bytes: loops * rows * activations(block) * profiles::activation_bits_held(precision.activation_bits) / 8.0,
        launches: loops,
    }
}

/// Parameters that are no experts and that a pass of so many rows reads: a look-up reads a row per token; everything else
/// is read whole, once for all tokens.
#[must_use]
pub fn dense_read(block: &Block, rows: f64) -> f64 {
    let (held, read) = (block.parameters as f64, block.read as f64);
    if read < held { (read * rows).min(held) } else { read }
}

/// Activation elements that one token (or item) reads and writes in a block: a convolution's own count, else its output twice.
#[must_use]
pub fn activations(block: &Block) -> f64 {
    if block.fixed_activations > 0.0 { block.fixed_activations } else { 2.0 * block.output_width as f64 }
}

/// Resident KV cache and state of a block for `sequences` sequences of `tokens` tokens each, bytes.
#[must_use]
pub fn state_resident_bytes(block: &Block, precision: Precision, sequences: f64, tokens: f64) -> f64 {
    let held = window(block).map_or(tokens, |w| tokens.min(f64::from(w)));
    let loops = f64::from(block.loops.max(1));
    loops * sequences * (held * kv_bytes_per_token(block, precision) + state(block) * STATE_BYTES)
}

#[cfg(test)]
mod tests;
