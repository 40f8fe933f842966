//! A model: a chain of blocks, each with its parameters, its state and its work.

pub mod conv;
pub mod parts;
pub mod transformer;
pub mod whisper;

mod counts;
mod divide;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::precision::{Role, WeightFormat};
use crate::provenance::Sourced;
use crate::quality::{PerplexityRow, QualityRow};

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
    /// In a file a part of the list may also be a standard shape: see [`parts`].
    #[serde(deserialize_with = "parts::expand")]
    #[schemars(with = "Vec<parts::Part>")]
    pub blocks: Vec<BlockGroup>,
    /// Longest context in tokens; 0 for models without one.
    pub context: u32,
    /// Weight formats that the model can be had in: a model trained ternary has no 16-bit version.
    pub formats: Vec<WeightFormat>,
    /// Parameter count of the maker (tied tables once), and where the architecture's numbers come from.
    pub architecture: Sourced<u64>,
    /// What a model file really stores, by tensor type; empty unless the profile was read from a file.
    #[serde(default)]
    pub tensors: Vec<TensorClass>,
    /// Measured answer quality by precision and benchmark.
    pub quality: Vec<QualityRow>,
    /// Measured perplexity by precision and text: what a format costs where no benchmark was run. No plan is chosen by it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub perplexity: Vec<PerplexityRow>,
    #[serde(default)]
    pub notes: String,
}

/// All tensors of one storage type in a model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TensorClass {
    /// Name of the type in the file: `Q4_K`, `F32`.
    pub r#type: String,
    /// Bits per weight, block scales included.
    pub bits: f64,
    /// Elements stored as this type.
    pub parameters: u64,
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
    /// Prompt, image or sound only (an encoder). Its attention sees all positions, not only earlier ones.
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
    /// Decides at how many bits the weights stay; see [`Role`].
    #[serde(default)]
    pub role: Role,
    #[serde(default)]
    pub phase: Phase,
    #[serde(default)]
    pub mixer: Mixer,
    #[serde(default)]
    pub mlp: Mlp,
    /// Parameters outside mixer experts: projections, norms, dense MLP, embedding table. Resident once.
    pub parameters: u64,
    /// Of those, how many one token multiplies with (an embedding row look-up multiplies none).
    pub multiplied: u64,
    /// Of `parameters`, how many one token reads from memory (an embedding reads one row).
    pub read: u64,
    /// Of `parameters`, how many are the numbers of an earlier block (a head tied to the embedding):
    /// a stage that holds both blocks holds them once, two stages hold two copies.
    #[serde(default)]
    pub tied: u64,
    /// Of `parameters`, how many stay at 16 bits at every precision: norms, biases, routers, recurrences.
    #[serde(default)]
    pub kept: u64,
    /// Bits per weight really stored, where the block was read from a model file: then these hold
    /// instead of those that the weight format would have.
    #[serde(default)]
    pub stored_bits: Option<f64>,
    /// Bits per weight that the agent packs at each format, where the block was read from a model file: these hold
    /// over both, since a plan from a file is run by the agent. See [`gguf::packed_bits`](crate::gguf::packed_bits).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub packed_bits: BTreeMap<WeightFormat, f64>,
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Mixer {
    #[default]
    None,
    /// Grouped-query attention; `window` bounds the context of sliding-window layers.
    Attention { heads: u32, kv_heads: u32, head_dim: u32, window: Option<u32> },
    /// Multi-head latent attention: the cache holds one latent of `rank` plus `rope_dim` elements a token.
    /// `head_dim` is the mean of a head's key and value width, so that the products cost what grouped attention's do.
    LatentAttention { heads: u32, head_dim: u32, rank: u32, rope_dim: u32 },
    /// State-space or linear recurrence: constant state of `state` elements a sequence. Attention over a
    /// fixed number of positions (a decoder over encoder frames) is of this kind too.
    StateSpace { state: u64 },
    /// Classic recurrence (GRU, LSTM, short convolution): constant state.
    Recurrent { state: u64 },
}

/// What transforms each position. A dense MLP is counted in the block's own parameters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Mlp {
    #[default]
    None,
    Dense,
    /// `active` of `experts` run per token; `shared` parameters run always and are in `parameters`.
    Experts {
        experts: u32,
        active: u32,
        parameters_per_expert: u64,
    },
}
