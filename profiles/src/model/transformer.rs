//! Decoder-only language models from the numbers of their configuration file.
//!
//! Parameter counts are exact for the shapes named here, norms and biases included.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Block, BlockGroup, Mixer, Mlp};
use crate::precision::Role;

/// Widest layer that is believed.
const MAX_WIDTH: u32 = 1 << 19;

/// A decoder-only model: embedding, layers, final norm with head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Transformer {
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Width of the dense MLP.
    pub ffn: u32,
    pub heads: u32,
    /// Equal to `heads` unless said.
    pub kv_heads: Option<u32>,
    /// `hidden / heads` unless said.
    pub head_dim: Option<u32>,
    /// Rows of the token table, padding included.
    pub vocab: u32,
    /// True where the head is the embedding's table.
    #[serde(default)]
    pub tied: bool,
    /// False for a plain two-matrix MLP.
    #[serde(default = "yes")]
    pub gated: bool,
    #[serde(default)]
    pub biases: Biases,
    /// True for LayerNorm (weight and bias), false for RMSNorm (weight).
    #[serde(default)]
    pub layer_norm: bool,
    /// Norms of a layer over the residual width: 2, or 4 with norms after the sub-layers too.
    #[serde(default = "two")]
    pub norms: u32,
    /// True where queries and keys are normalised per head.
    #[serde(default)]
    pub qk_norm: bool,
    /// Rows of a learned position table; 0 for rotary positions.
    #[serde(default)]
    pub positions: u32,
    pub window: Option<Window>,
    pub experts: Option<Experts>,
    pub latent: Option<Latent>,
    pub short_conv: Option<ShortConv>,
    pub state_space: Option<StateSpace>,
    /// How often the layers run per pass (looped models).
    #[serde(default = "one")]
    pub loops: u32,
}

/// Which linear layers have a bias.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Biases {
    #[default]
    None,
    /// Query, key and value.
    Qkv,
    /// All four of attention and all of the MLP.
    All,
}

/// Sliding-window layers; every `global_every`-th layer sees the whole context (0: none does).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    pub tokens: u32,
    pub global_every: u32,
}

/// A mixture of experts in place of the dense MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Experts {
    pub experts: u32,
    pub active: u32,
    /// Width of one expert.
    pub ffn: u32,
    /// Width of all shared experts together.
    #[serde(default)]
    pub shared_ffn: u32,
    /// First layers that keep the dense MLP.
    #[serde(default)]
    pub dense_layers: u32,
}

/// Multi-head latent attention without query compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latent {
    /// Width of the cached latent.
    pub rank: u32,
    /// Rotary part of a key, cached beside it.
    pub rope_dim: u32,
    /// Rest of a key's width per head.
    pub nope_dim: u32,
    /// Value width per head.
    pub value_dim: u32,
}

/// Gated short convolutions in place of attention, except in the layers named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShortConv {
    /// Positions that one convolution sees.
    pub kernel: u32,
    /// Layers with attention, counted from 0.
    pub attention_at: Vec<u32>,
}

/// Selective state-space layers (Mamba) in place of attention and MLP: `ffn`, `heads` are then 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateSpace {
    /// Inner width, usually twice the hidden width.
    pub inner: u32,
    /// State elements per inner channel.
    pub state: u32,
    /// Positions of the convolution before the recurrence.
    pub kernel: u32,
    /// Rank of the step size's projection.
    pub dt_rank: u32,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn two() -> u32 {
    2
}

/// What a mixer adds to a layer: its kind, all parameters, those of them that are biases, norms and recurrences.
struct Mix {
    mixer: Mixer,
    parameters: u64,
    kept: u64,
}

impl Transformer {
    /// The blocks: one embedding, `layers` layers, one head.
    ///
    /// # Errors
    /// Numbers that do not fit together.
    pub fn groups(&self) -> Result<Vec<BlockGroup>, String> {
        self.sound()?;
        let (hidden, vocab) = (u64::from(self.hidden), u64::from(self.vocab));
        let positions = u64::from(self.positions) * hidden;
        let table = vocab * hidden;
        let embedding = Block {
            role: Role::Embedding,
            multiplied: 0,
            read: if positions > 0 { 2 * hidden } else { hidden },
            ..Block::new("embedding", table + positions, hidden)
        };
        let norm = self.norm();
        let head = Block {
            role: Role::Head,
            multiplied: table,
            kept: norm,
            tied: if self.tied { table } else { 0 },
            ..Block::new("head", table + norm, 1)
        };
        let single = |block| BlockGroup { count: 1, block };
        let layers = (0..self.layers).map(|i| single(self.layer(i)));
        Ok(super::parts::runs([single(embedding)].into_iter().chain(layers).chain([single(head)])))
    }

    fn sound(&self) -> Result<(), String> {
        // Far above any model, and low enough that no product below wraps.
        let widest = [
            self.hidden,
            self.ffn,
            self.vocab >> 4,
            self.positions >> 4,
            self.heads.saturating_mul(64),
            self.head_dim.unwrap_or(0),
            self.norms,
            self.window.map_or(0, |w| w.tokens >> 8),
            self.experts.map_or(0, |e| e.experts.saturating_mul(16).max(e.ffn).max(e.shared_ffn)),
            self.latent.map_or(0, |l| l.rank.max(l.rope_dim).max(l.nope_dim).max(l.value_dim)),
            self.state_space.map_or(0, |s| s.inner.max(s.state).max(s.kernel).max(s.dt_rank)),
            self.short_conv.as_ref().map_or(0, |c| c.kernel),
        ];
        if widest.iter().any(|&w| w > MAX_WIDTH) {
            return Err(format!("a width above {MAX_WIDTH} cannot be"));
        }
        let attention = self.state_space.is_none();
        if self.layers == 0 || self.layers > 2048 || self.hidden == 0 || self.vocab == 0 || self.loops == 0 {
            return Err("a transformer needs 1 to 2048 layers, a hidden width, a vocabulary and at least one loop".into());
        }
        if attention
            && (self.heads == 0 || self.kv_heads == Some(0) || !self.heads.is_multiple_of(self.kv_heads.unwrap_or(self.heads)))
        {
            return Err(format!("{} heads cannot share {} KV heads", self.heads, self.kv_heads.unwrap_or(0)));
        }
        if attention && self.head_dim.is_none() && !self.hidden.is_multiple_of(self.heads) {
            return Err(format!("hidden {} does not divide by {} heads; give `head_dim`", self.hidden, self.heads));
        }
        if let Some(e) = &self.experts
            && (e.experts == 0 || e.active == 0 || e.active > e.experts || e.ffn == 0)
        {
            return Err(format!("{} of {} experts of width {} cannot be", e.active, e.experts, e.ffn));
        }
        Ok(())
    }

    /// Parameters of one norm over the residual width.
    fn norm(&self) -> u64 {
        u64::from(self.hidden) * if self.layer_norm { 2 } else { 1 }
    }

    fn layer(&self, i: u32) -> Block {
        let hidden = u64::from(self.hidden);
        let mix = self.mix(i);
        let (mlp, dense, mlp_kept) = self.mlp(i);
        let norms = u64::from(self.norms) * self.norm();
        let parameters = mix.parameters + dense + norms;
        let kept = mix.kept + mlp_kept + norms;
        Block {
            mixer: mix.mixer,
            mlp,
            // Biases and norms are added, not multiplied; they are too few to tell apart.
            multiplied: parameters - norms,
            kept,
            loops: self.loops,
            ..Block::new("layer", parameters, hidden)
        }
    }

    fn mix(&self, i: u32) -> Mix {
        if let Some(s) = &self.state_space {
            return state_space(u64::from(self.hidden), s);
        }
        if let Some(c) = &self.short_conv
            && !c.attention_at.contains(&i)
        {
            return short_conv(u64::from(self.hidden), u64::from(c.kernel));
        }
        if let Some(l) = &self.latent {
            return self.latent_attention(l);
        }
        let hidden = u64::from(self.hidden);
        let kv_heads = self.kv_heads.unwrap_or(self.heads);
        let head_dim = self.head_dim.unwrap_or(self.hidden / self.heads.max(1));
        let (q, kv) = (u64::from(self.heads) * u64::from(head_dim), u64::from(kv_heads) * u64::from(head_dim));
        let matrices = hidden * q + 2 * hidden * kv + q * hidden;
        let bias = match self.biases {
            Biases::None => 0,
            Biases::Qkv => q + 2 * kv,
            Biases::All => q + 2 * kv + hidden,
        };
        let kept = bias + if self.qk_norm { 2 * u64::from(head_dim) } else { 0 };
        let window = self.window.filter(|w| w.global_every == 0 || !(i + 1).is_multiple_of(w.global_every)).map(|w| w.tokens);
        Mix { mixer: Mixer::Attention { heads: self.heads, kv_heads, head_dim, window }, parameters: matrices + kept, kept }
    }

    fn latent_attention(&self, l: &Latent) -> Mix {
        let (hidden, heads) = (u64::from(self.hidden), u64::from(self.heads));
        let (rank, rope, nope, value) = (u64::from(l.rank), u64::from(l.rope_dim), u64::from(l.nope_dim), u64::from(l.value_dim));
        let query = hidden * heads * (nope + rope);
        let down = hidden * (rank + rope);
        let up = rank * heads * (nope + value);
        let out = heads * value * hidden;
        let head_dim = (l.nope_dim + l.rope_dim + l.value_dim) / 2;
        Mix {
            mixer: Mixer::LatentAttention { heads: self.heads, head_dim, rank: l.rank, rope_dim: l.rope_dim },
            parameters: query + down + up + out + rank,
            kept: rank,
        }
    }

    /// The MLP, its parameters outside experts, and those of them that stay at 16 bits.
    fn mlp(&self, i: u32) -> (Mlp, u64, u64) {
        let hidden = u64::from(self.hidden);
        let wide = |ffn: u64| if self.gated { 3 * hidden * ffn } else { 2 * hidden * ffn };
        match &self.experts {
            Some(e) if i >= e.dense_layers => {
                let router = hidden * u64::from(e.experts);
                let mlp = Mlp::Experts { experts: e.experts, active: e.active, parameters_per_expert: wide(u64::from(e.ffn)) };
                (mlp, wide(u64::from(e.shared_ffn)) + router, router)
            }
            _ if self.ffn == 0 => (Mlp::None, 0, 0),
            _ => {
                let ffn = u64::from(self.ffn);
                let bias = if self.biases == Biases::All { ffn * if self.gated { 2 } else { 1 } + hidden } else { 0 };
                (Mlp::Dense, wide(ffn) + bias, bias)
            }
        }
    }
}

/// LFM2's gated short convolution: three gates in, one convolution per channel, one projection out.
fn short_conv(hidden: u64, kernel: u64) -> Mix {
    let convolution = hidden * kernel;
    Mix {
        mixer: Mixer::Recurrent { state: hidden * kernel.saturating_sub(1).max(1) },
        parameters: 4 * hidden * hidden + convolution,
        kept: convolution,
    }
}

/// Mamba's layer (arXiv 2312.00752): projection in, convolution, step size and B, C, recurrence, projection out.
fn state_space(hidden: u64, s: &StateSpace) -> Mix {
    let (inner, state, kernel, rank) = (u64::from(s.inner), u64::from(s.state), u64::from(s.kernel), u64::from(s.dt_rank));
    let matrices = hidden * 2 * inner + inner * (rank + 2 * state) + rank * inner + inner * hidden;
    // Convolution with bias, bias of the step size, A and D.
    let kept = inner * (kernel + 1) + inner + inner * state + inner;
    Mix { mixer: Mixer::StateSpace { state: inner * (state + kernel) }, parameters: matrices + kept, kept }
}
