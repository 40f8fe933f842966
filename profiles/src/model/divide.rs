//! A layer on two devices: what each of them has of it.
//!
//! Attention is divided by KV heads, each with the query heads that share it, and a dense MLP by the same share of its
//! width; norms and biases (`kept`) are in both. The MLP's cut falls on a block of 32 columns in the engine, which a
//! profile does not say; here it is the exact share, wrong by less than 16 columns.

use super::{Block, Mixer, Mlp, ModelKind, ModelProfile, Phase};
use crate::precision::WeightFormat;

/// Columns that the engine cuts widths at.
const COLUMNS: u32 = 32;

impl WeightFormat {
    /// Whether a matrix in this format can be cut between two devices with the same codes and scales on both.
    #[must_use]
    pub const fn divides(self) -> bool {
        !self.needs_training()
    }
}

impl Block {
    /// KV heads by which two devices can share the block; `None` where they cannot: no plain attention with a dense
    /// MLP, looped, or run in some passes only.
    #[must_use]
    pub fn divisible(&self) -> Option<u32> {
        let Mixer::Attention { heads, kv_heads, .. } = self.mixer else { return None };
        let plain = self.mlp == Mlp::Dense && self.loops == 1 && self.phase == Phase::Both;
        (plain && kv_heads >= 2 && heads % kv_heads == 0).then_some(kv_heads)
    }

    /// Whether it is one of the model's ends, a table or an output matrix: the first of two devices has all of it.
    #[must_use]
    pub fn undivided(&self) -> bool {
        self.mixer == Mixer::None && self.mlp == Mlp::None && self.loops == 1 && self.phase == Phase::Both
    }

    /// The part of a [divisible](Self::divisible) block with so many of its KV heads; `None` where it has no such part.
    #[must_use]
    pub fn part(&self, own: u32) -> Option<Self> {
        let all = self.divisible()?;
        let Mixer::Attention { heads, kv_heads, head_dim, window } = self.mixer else { return None };
        if own == 0 || own >= all {
            return None;
        }
        let of = |whole: u64| (whole as f64 * f64::from(own) / f64::from(all)).round() as u64;
        let beside = |whole: u64| {
            let kept = self.kept.min(whole);
            kept + of(whole - kept)
        };
        Some(Self {
            mixer: Mixer::Attention { heads: heads / kv_heads * own, kv_heads: own, head_dim, window },
            parameters: beside(self.parameters),
            multiplied: of(self.multiplied),
            read: beside(self.read),
            tied: of(self.tied),
            fixed_ops: self.fixed_ops * f64::from(own) / f64::from(all),
            ..self.clone()
        })
    }
}

impl ModelProfile {
    /// KV heads of every layer, where two devices can share the layers; `None` where they cannot: not a language model, layers
    /// that differ in their KV heads, or that cannot be divided.
    #[must_use]
    pub fn divisible(&self) -> Option<u32> {
        let layers = self.blocks.iter().map(|g| &g.block).filter(|b| !b.undivided());
        let mut heads = None;
        for layer in layers {
            let of = layer.divisible()?;
            if *heads.get_or_insert(of) != of {
                return None;
            }
        }
        heads.filter(|_| self.kind == ModelKind::Llm)
    }

    /// Whether the engine can cut every layer so that the first device has so many of its KV heads: between columns of 32.
    #[must_use]
    pub fn can_cut(&self, first: u32) -> bool {
        let cut = |b: &Block| match b.mixer {
            Mixer::Attention { heads, kv_heads, head_dim, .. } => {
                kv_heads > 0
                    && (u64::from(heads / kv_heads) * u64::from(first) * u64::from(head_dim)).is_multiple_of(COLUMNS.into())
            }
            _ => b.undivided(),
        };
        self.divisible().is_some_and(|all| first > 0 && first < all) && self.blocks.iter().all(|g| cut(&g.block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Catalogue;

    #[test]
    fn a_layer_of_llama_by_hand() {
        let catalogue = Catalogue::builtin();
        let model = catalogue.model("llama-3.2-1b").unwrap();
        assert_eq!(model.divisible(), Some(8));
        let layer = model.blocks.iter().map(|g| &g.block).find(|b| b.divisible().is_some()).unwrap();
        let three = layer.part(3).unwrap();
        assert_eq!(three.mixer, Mixer::Attention { heads: 12, kv_heads: 3, head_dim: 64, window: None });
        // Two norms of 2048 are in both parts; matrices: queries and output 2048², keys and values 2048 · 512, MLP 3 · 2048 · 8192.
        let matrices = 2 * 2048 * 2048 + 2 * 2048 * 512 + 3 * 2048 * 8192;
        assert_eq!(layer.parameters, matrices + layer.kept);
        assert_eq!(three.parameters, matrices * 3 / 8 + layer.kept);
        assert_eq!(three.multiplied * 8, layer.multiplied * 3);
        assert_eq!(three.output_width, layer.output_width);
        assert!(layer.part(0).is_none() && layer.part(8).is_none());
        assert!((1..8).all(|first| model.can_cut(first)) && !model.can_cut(8) && !model.can_cut(0));
    }

    #[test]
    fn both_parts_are_the_whole_and_the_norms_once_more() {
        let catalogue = Catalogue::builtin();
        for model in catalogue.model_ids().filter_map(|id| catalogue.model(id)).filter(|m| m.divisible().is_some()) {
            let all = model.divisible().unwrap();
            for layer in model.blocks.iter().map(|g| &g.block).filter(|b| !b.undivided()) {
                for own in 1..all {
                    let (a, b) = (layer.part(own).unwrap(), layer.part(all - own).unwrap());
                    let off = (a.parameters + b.parameters) as f64 - (layer.parameters + layer.kept) as f64;
                    assert!(off.abs() <= 1.0, "{}: {off}", model.id);
                    assert_eq!(a.kv_elements_per_token() + b.kv_elements_per_token(), layer.kv_elements_per_token());
                }
            }
        }
    }

    #[test]
    fn experts_loops_and_recurrences_are_not_divided() {
        let layer = Block {
            mlp: Mlp::Dense,
            mixer: Mixer::Attention { heads: 4, kv_heads: 2, head_dim: 32, window: None },
            ..Block::new("layer", 100, 8)
        };
        assert_eq!(layer.divisible(), Some(2));
        let experts = Mlp::Experts { experts: 2, active: 1, parameters_per_expert: 10 };
        let one_head = Mixer::Attention { heads: 4, kv_heads: 1, head_dim: 32, window: None };
        for other in [
            Block { mlp: experts, ..layer.clone() },
            Block { loops: 2, ..layer.clone() },
            Block { phase: Phase::Decode, ..layer.clone() },
            Block { mixer: Mixer::Recurrent { state: 4 }, ..layer.clone() },
            Block { mixer: one_head, ..layer.clone() },
        ] {
            assert_eq!(other.divisible(), None);
        }
        assert!(WeightFormat::W2.divides() && !WeightFormat::Ternary.divides() && !WeightFormat::Sherry.divides());
    }
}
