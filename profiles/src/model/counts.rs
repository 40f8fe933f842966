//! What follows from a model's blocks: parameters, bytes, cache and state.

use std::collections::BTreeMap;

use super::{Block, Mixer, Mlp, ModelProfile, Phase};
use crate::precision::{Role, WeightFormat, bits_of};
use crate::units::Bytes;

impl Block {
    /// A plain block whose parameters are all read and multiplied.
    #[must_use]
    pub fn new(name: &str, parameters: u64, output_width: u64) -> Self {
        Self {
            name: name.into(),
            role: Role::Body,
            phase: Phase::Both,
            mixer: Mixer::None,
            mlp: Mlp::None,
            parameters,
            multiplied: parameters,
            read: parameters,
            tied: 0,
            kept: 0,
            stored_bits: None,
            packed_bits: BTreeMap::new(),
            loops: 1,
            output_width,
            fixed_ops: 0.0,
            fixed_activations: 0.0,
        }
    }

    /// All parameters, every expert included; tied ones count here too.
    #[must_use]
    pub fn total_parameters(&self) -> u64 {
        let experts = match self.mlp {
            Mlp::Experts { experts, parameters_per_expert, .. } => u64::from(experts).saturating_mul(parameters_per_expert),
            _ => 0,
        };
        self.parameters.saturating_add(experts)
    }

    /// Parameters that one token multiplies with in one run of the block.
    #[must_use]
    pub fn active_parameters(&self) -> u64 {
        let experts = match self.mlp {
            Mlp::Experts { active, parameters_per_expert, .. } => u64::from(active).saturating_mul(parameters_per_expert),
            _ => 0,
        };
        self.multiplied.saturating_add(experts)
    }

    /// Mean bits per weight at a format: as the agent packs it or as the file stores it where it was read from one,
    /// else `kept` at 16 and the rest at its role's.
    #[must_use]
    pub fn bits_per_weight(&self, format: WeightFormat) -> f64 {
        if let Some(bits) = self.packed_bits.get(&format).copied().or(self.stored_bits) {
            return bits;
        }
        let total = self.total_parameters();
        if total == 0 {
            return bits_of(self.role, format);
        }
        let kept = self.kept.min(total) as f64;
        (kept * bits_of(Role::Kept, format) + (total as f64 - kept) * bits_of(self.role, format)) / total as f64
    }

    /// Resident weights at a format, tied ones included.
    #[must_use]
    pub fn weight_bytes(&self, format: WeightFormat) -> Bytes {
        Bytes(self.total_parameters() as f64 * self.bits_per_weight(format) / 8.0)
    }

    /// Elements that the KV cache gains per token of one sequence, once per loop; 0 without attention.
    #[must_use]
    pub fn kv_elements_per_token(&self) -> u64 {
        let once = match self.mixer {
            Mixer::Attention { kv_heads, head_dim, .. } => (u64::from(kv_heads) * u64::from(head_dim)).saturating_mul(2),
            Mixer::LatentAttention { rank, rope_dim, .. } => u64::from(rank) + u64::from(rope_dim),
            _ => 0,
        };
        once.saturating_mul(u64::from(self.loops))
    }

    /// Elements that the KV cache holds for one sequence of `context` tokens: a window bounds it.
    #[must_use]
    pub fn kv_elements(&self, context: u64) -> u64 {
        let held = match self.mixer {
            Mixer::Attention { window: Some(window), .. } => context.min(u64::from(window)),
            _ => context,
        };
        self.kv_elements_per_token().saturating_mul(held)
    }

    /// Elements of constant state per sequence; 0 for attention.
    #[must_use]
    pub fn state_elements(&self) -> u64 {
        match self.mixer {
            Mixer::StateSpace { state } | Mixer::Recurrent { state } => state.saturating_mul(u64::from(self.loops)),
            _ => 0,
        }
    }
}

impl ModelProfile {
    /// Every block in chain order, runs unrolled.
    pub fn chain(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter().flat_map(|g| std::iter::repeat_n(&g.block, g.count as usize))
    }

    /// Blocks in the chain; a cut may fall between any two.
    #[must_use]
    pub fn block_count(&self) -> u64 {
        self.blocks.iter().map(|g| u64::from(g.count)).sum()
    }

    /// Parameters of the model, tied tables once and looped blocks once.
    #[must_use]
    pub fn total_parameters(&self) -> u64 {
        self.sum(|b| b.total_parameters().saturating_sub(b.tied))
    }

    /// Parameters that one token multiplies with: active experts only, no embedding look-up, each loop counted once.
    #[must_use]
    pub fn active_parameters(&self) -> u64 {
        self.sum(Block::active_parameters)
    }

    /// Weights at a format when one device holds the whole model: tied tables once.
    #[must_use]
    pub fn weight_bytes(&self, format: WeightFormat) -> Bytes {
        self.blocks
            .iter()
            .map(|g| {
                let untied = g.block.total_parameters().saturating_sub(g.block.tied) as f64;
                Bytes(f64::from(g.count) * untied * g.block.bits_per_weight(format) / 8.0)
            })
            .sum()
    }

    /// Elements that the KV cache gains per token of one sequence, over all blocks, windows not considered.
    #[must_use]
    pub fn kv_elements_per_token(&self) -> u64 {
        self.sum(Block::kv_elements_per_token)
    }

    /// Elements that cache and constant state hold for one sequence of `context` tokens.
    #[must_use]
    pub fn sequence_elements(&self, context: u64) -> u64 {
        self.sum(|b| b.kv_elements(context).saturating_add(b.state_elements()))
    }

    fn sum(&self, of: impl Fn(&Block) -> u64) -> u64 {
        self.blocks.iter().fold(0, |sum: u64, g| sum.saturating_add(of(&g.block).saturating_mul(u64::from(g.count))))
    }
}
