//! Shapes of models that are often measured and that the catalogue does not hold.
//!
//! Compared on 27 November 2026 with configurations in public code, layer by layer and head by head: [`CONFIRMED`] names
//! what agreed, and where it stands. The others ([`PUBLIC`] without these) are assumed, as they are remembered of the
//! makers' `config.json`: no copy was found.

/// Attention and experts of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Public {
    pub id: &'static str,
    pub layers: u32,
    pub heads: u32,
    pub kv_heads: u32,
    pub head_dim: u32,
    /// Of so many layers one sees the whole context, the others a window of `window` tokens, or where that is 0 a constant state.
    pub every: u32,
    pub window: u32,
    /// Experts of a layer, and how many of them a token takes; (0, 0): a dense model.
    pub experts: (u32, u32),
    /// Rank of the latent that attention caches, and its rotated part; (0, 0): grouped heads.
    pub latent: (u32, u32),
}

impl Public {
    /// A dense model with full attention in every layer.
    pub(super) const fn dense(id: &'static str, layers: u32, heads: u32, kv_heads: u32, head_dim: u32) -> Self {
        Self { id, layers, heads, kv_heads, head_dim, every: 1, window: 0, experts: (0, 0), latent: (0, 0) }
    }

    const fn windows(self, every: u32, window: u32) -> Self {
        Self { every, window, ..self }
    }

    const fn experts(self, experts: u32, active: u32) -> Self {
        Self { experts: (experts, active), ..self }
    }

    /// Latent attention with the up-projections absorbed into the heads, as engines decode it: a head's key is the latent
    /// and its rotated part, its value the latent, and `head_dim` the mean of the two (DeepSeek-V2, arXiv 2405.04434, 2.1).
    const fn latent(self, rank: u32, rotated: u32) -> Self {
        Self { latent: (rank, rotated), head_dim: rank + rotated / 2, kv_heads: 1, ..self }
    }
}

pub(super) const PUBLIC: [Public; 45] = [
    Public::dense("llama-2-7b", 32, 32, 32, 128),
    Public::dense("llama-2-13b", 40, 40, 40, 128),
    Public::dense("llama-2-70b", 80, 64, 8, 128),
    Public::dense("llama-1-33b", 60, 52, 52, 128),
    Public::dense("llama-3-8b", 32, 32, 8, 128),
    Public::dense("llama-3.1-70b", 80, 64, 8, 128),
    Public::dense("llama-3.3-70b", 80, 64, 8, 128),
    Public::dense("llama-3-70b", 80, 64, 8, 128),
    Public::dense("llama-3.1-405b", 126, 128, 8, 128),
    Public::dense("mistral-7b", 32, 32, 8, 128),
    Public::dense("deepseek-r1-distill-qwen-7b", 28, 28, 4, 128),
    Public::dense("qwen2.5-coder-7b", 28, 28, 4, 128),
    Public::dense("qwen2.5-14b", 48, 40, 8, 128),
    Public::dense("qwen2.5-32b", 64, 40, 8, 128),
    Public::dense("qwen2.5-72b", 80, 64, 8, 128),
    Public::dense("qwen3-14b", 40, 40, 8, 128),
    Public::dense("qwen3-32b", 64, 64, 8, 128),
    Public::dense("qwen3-coder-30b-a3b", 48, 32, 4, 128).experts(128, 8),
    Public::dense("qwen3-235b-a22b", 94, 64, 4, 128).experts(128, 8),
    Public::dense("qwen3-next-80b-a3b", 48, 16, 2, 256).windows(4, 0).experts(512, 10),
    Public::dense("gpt-oss-20b", 24, 64, 8, 64).windows(2, 128).experts(32, 4),
    Public::dense("gpt-oss-120b", 36, 64, 8, 64).windows(2, 128).experts(128, 4),
    Public::dense("mixtral-8x7b", 32, 32, 8, 128).experts(8, 2),
    Public::dense("glm-4.5-air", 46, 96, 8, 128).experts(128, 8),
    Public::dense("glm-4.7-flash", 47, 20, 1, 0).latent(512, 64).experts(64, 4),
    Public::dense("deepseek-v3", 61, 128, 1, 0).latent(512, 64).experts(256, 8),
    Public::dense("deepseek-r1", 61, 128, 1, 0).latent(512, 64).experts(256, 8),
    // Three of four layers attend within chunks of 8192 tokens.
    Public::dense("llama-4-scout", 48, 40, 8, 128).windows(4, 8192).experts(16, 1),
    Public::dense("olmoe-1b-7b", 16, 16, 16, 128).experts(64, 8),
    Public::dense("gemma-2b", 18, 8, 1, 256),
    Public::dense("gemma-2-2b", 26, 8, 4, 256).windows(2, 4096),
    Public::dense("gemma-2-9b", 42, 16, 8, 256).windows(2, 4096),
    Public::dense("gemma-3-1b", 26, 4, 1, 256).windows(6, 512),
    Public::dense("gemma-3-4b", 34, 8, 4, 256).windows(6, 1024),
    Public::dense("gemma-3-12b", 48, 16, 8, 256).windows(6, 1024),
    Public::dense("gemma-3-27b", 62, 32, 16, 128).windows(6, 1024),
    Public::dense("phi-2", 32, 32, 32, 80),
    Public::dense("phi-3.5-mini", 32, 32, 32, 96),
    // Short convolutions or a linear recurrence in all layers but every third or fourth.
    Public::dense("lfm2.5-350m", 16, 16, 8, 64).windows(3, 0),
    Public::dense("lfm2.5-1.2b", 16, 32, 8, 64).windows(3, 0),
    Public::dense("qwen3.5-0.8b", 24, 8, 2, 256).windows(4, 0),
    Public::dense("qwen3.5-2b", 24, 8, 2, 256).windows(4, 0),
    Public::dense("qwen3.5-4b", 32, 16, 4, 256).windows(4, 0),
    Public::dense("openvla-7b", 32, 32, 32, 128),
    Public::dense("nemotron-3-super", 88, 32, 2, 128).windows(11, 0).experts(512, 22),
];

/// Where shapes of [`PUBLIC`] were found again, and which: GitHub repository and path.
#[cfg(test)]
pub(super) const CONFIRMED: [(&str, &[&str]); 3] = [
    (
        // Fine-tuned and distilled models as the models that were taught: the 33B as Platypus-30B, the distilled 7B as
        // Qwen2.5-Math-7B, the coder of 30B as Qwen3-30B-A3B.
        "Lightning-AI/litgpt litgpt/config.py, which names each model's config.json",
        &[
            "llama-2-7b",
            "llama-2-13b",
            "llama-2-70b",
            "llama-1-33b",
            "llama-3-8b",
            "llama-3-70b",
            "llama-3.1-70b",
            "llama-3.1-405b",
            "llama-3.3-70b",
            "mistral-7b",
            "mixtral-8x7b",
            "deepseek-r1-distill-qwen-7b",
            "qwen2.5-coder-7b",
            "qwen2.5-14b",
            "qwen2.5-32b",
            "qwen2.5-72b",
            "qwen3-14b",
            "qwen3-32b",
            "qwen3-coder-30b-a3b",
            "qwen3-235b-a22b",
            "gemma-2b",
            "gemma-2-2b",
            "gemma-2-9b",
            "gemma-3-1b",
            "gemma-3-4b",
            "gemma-3-12b",
            "gemma-3-27b",
            "phi-2",
            "phi-3.5-mini",
        ],
    ),
    (
        // Defaults of the class are the named checkpoint's; of gpt-oss the larger model's. DeepSeek-R1 has V3's shape.
        "huggingface/transformers src/transformers/models/*/configuration_*.py",
        &["qwen3-next-80b-a3b", "gpt-oss-120b", "glm-4.5-air", "deepseek-v3", "deepseek-r1", "llama-4-scout", "olmoe-1b-7b"],
    ),
    (
        "copies of the model's config.json, or of its numbers, in several public repositories",
        &["gpt-oss-20b", "glm-4.7-flash", "nemotron-3-super"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn what_is_confirmed_is_in_the_table_once() {
        let table: BTreeSet<&str> = PUBLIC.iter().map(|p| p.id).collect();
        assert_eq!(table.len(), PUBLIC.len());
        let mut found = BTreeSet::new();
        for (_, ids) in CONFIRMED {
            for id in ids {
                assert!(table.contains(id), "{id} is not in the table");
                assert!(found.insert(*id), "{id} stands twice");
            }
        }
        assert_eq!(table.difference(&found).count(), 6, "what is remembered is counted in the documentation");
    }

    #[test]
    fn every_shape_can_be_built() {
        for p in PUBLIC {
            assert!(p.layers > 0 && p.heads % p.kv_heads == 0 && p.head_dim > 0 && p.every >= 1, "{}", p.id);
            assert!(p.experts.1 <= p.experts.0 && p.every <= p.layers, "{}", p.id);
        }
    }
}
