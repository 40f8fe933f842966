//! A model: a chain of blocks, each with its parameters, its state and its work.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::provenance::Sourced;
use crate::quality::QualityRow;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Prompt in, tokens out, one pass per token.
    Llm,
    /// One pass per item (image, window of sound), no tokens.
    Feedforward,
    /// Encoder over a fixed window, then a token-by-token decoder (speech).
    Transducer,
}

/// A model as the catalogue knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelProfile {
    pub id: String,
    pub name: String,
    pub family: String,
    pub kind: ModelKind,
    /// Runs of equal blocks in order: embedding first, head last. A cut may fall between any two blocks.
    pub blocks: Vec<BlockGroup>,
    /// Longest context in tokens; 0 for models without one.
    pub context: u32,
    /// Native weight format of the released file: a model trained ternary has no 16-bit version.
    pub formats: Vec<crate::precision::WeightFormat>,
    /// Where the architecture numbers come from.
    pub architecture: Sourced<u64>,
    /// Measured answer quality by precision and benchmark.
    pub quality: Vec<QualityRow>,
    #[serde(default)]
    pub notes: String,
}

/// `count` equal blocks in a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlockGroup {
    pub count: u32,
    pub block: Block,
}

/// In which passes a block runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Prompt and every new token.
    #[default]
    Both,
    /// Prompt, image or sound only (an encoder).
    Prefill,
    /// New tokens only.
    Decode,
}

/// One block. Parameters count elements, not bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// `embedding`, `layer`, `head`, `conv3` …
    pub name: String,
    #[serde(default)]
    pub phase: Phase,
    pub mixer: Mixer,
    pub mlp: Mlp,
    /// Parameters outside mixer experts: projections, norms, dense MLP, embedding table. Resident once.
    pub parameters: u64,
    /// Of those, how many one token multiplies with (an embedding row look-up multiplies none).
    pub multiplied: u64,
    /// Of `parameters`, how many one token reads from memory (an embedding reads one row).
    pub read: u64,
    /// How often the block runs per pass (looped transformers); weights are resident once.
    #[serde(default = "one")]
    pub loops: u32,
    /// Elements per token (or per item for `Feedforward`) that leave the block.
    pub output_width: u64,
    /// Operations per item beside the products above: convolutions (2 per multiply-accumulate).
    #[serde(default)]
    pub fixed_ops: f64,
    /// Activation elements per item read and written inside the block (convolutions).
    #[serde(default)]
    pub fixed_activations: f64,
}

fn one() -> u32 {
    1
}

/// What mixes positions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Mixer {
    None,
    /// Grouped-query attention; `window` bounds the context of sliding-window layers.
    Attention {
        heads: u32,
        kv_heads: u32,
        head_dim: u32,
        window: Option<u32>,
    },
    /// Multi-head latent attention: the cache holds one latent of `rank` plus `rope_dim` elements a token.
    LatentAttention {
        heads: u32,
        head_dim: u32,
        rank: u32,
        rope_dim: u32,
    },
    /// State-space or linear recurrence: constant state of `state` elements a sequence.
    StateSpace {
        state: u64,
    },
    /// Classic recurrence (GRU, LSTM, short convolution): constant state.
    Recurrent {
        state: u64,
    },
}

/// What transforms each position. A dense MLP is counted in the block's own parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Mlp {
    None,
    Dense,
    /// `active` of `experts` run per token; `shared` parameters run always and are in `parameters`.
    Experts {
        experts: u32,
        active: u32,
        parameters_per_expert: u64,
    },
}
