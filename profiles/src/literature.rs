//! Published figures of other people's systems: what was published, where, and how to predict it from the catalogue.
//!
//! Data only: nothing here computes. `planner literature` predicts each figure with the physics and prints the error.
//! Every figure says whether a coefficient of its profile was fitted to that very figure: such a row is no prediction.

#[cfg(test)]
mod tests;

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use crate::precision::WeightFormat;
use crate::units::{Bytes, BytesPerSecond, Ratio, Seconds, Watts};
use crate::yaml::{self, Fault};

/// Name below `profiles/`, for faults.
const FILE: &str = "catalogue/literature.yaml";
const TEXT: &str = include_str!("../catalogue/literature.yaml");

/// EdgeReasoning's measured runs on a Jetson AGX Orin, a CSV with a row a run.
pub const EDGEREASONING: &str = include_str!("../catalogue/literature-edgereasoning.csv");

/// Everything that is compared.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Literature {
    /// Texts by short key, as in the catalogue's files.
    #[serde(default)]
    sources: BTreeMap<String, String>,
    pub systems: Vec<System>,
    pub tables: Vec<Table>,
}

/// One published system.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    pub id: String,
    pub name: String,
    pub paper: String,
    /// What is known of its hardware and where from, in words.
    pub hardware: String,
    /// What the predictions rest on beside the profile's coefficients, in words.
    pub assumes: String,
    /// What the errors say, in words.
    pub finding: String,
    pub figures: Vec<Figure>,
}

/// How a figure and the profile that predicts it hang together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// No coefficient was fitted to this figure.
    Predicted,
    /// A coefficient was set so that this figure comes out: it proves nothing.
    FittedToThis,
}

/// One published number.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    pub id: String,
    /// What was run, in words.
    pub what: String,
    pub published: f64,
    pub unit: String,
    /// True where the paper claims at least this.
    #[serde(default)]
    pub at_least: bool,
    /// How the authors came by it: measured, simulated, post-layout.
    pub evidence: String,
    /// A key of the file's `sources` when read, then its text.
    pub source: String,
    pub standing: Standing,
    /// Largest relative error that the check lets pass.
    pub within: Ratio,
    pub run: Run,
}

/// One run of a language model on one processor of a catalogue device, in its first mode.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    pub device: String,
    pub processor: String,
    /// Catalogue ids; with several the figure is the mean over them.
    pub models: Vec<String>,
    pub weights: WeightFormat,
    /// Bits per weight of the layers, and of embedding and head, where the system's are not those of the format.
    pub bits: Option<f64>,
    pub head_bits: Option<f64>,
    #[serde(default = "sixteen")]
    pub kv_bits: u8,
    pub prompt: u32,
    pub answer: u32,
    #[serde(default = "one")]
    pub samples: u32,
    /// Share of the memory rate in place of the profile's fitted one: 100 % is the datasheet alone.
    pub bandwidth_efficiency: Option<Ratio>,
    /// Share of the arithmetic peak in place of the profile's fitted one.
    pub efficiency: Option<Ratio>,
}

fn sixteen() -> u8 {
    16
}

fn one() -> u32 {
    1
}

/// How a figure is predicted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Run {
    /// Tokens per second while decoding, all samples together.
    Decode(Setting),
    /// Seconds to the first token.
    Ttft(Setting),
    /// Tokens per joule while decoding, the device's standing power included.
    TokensPerJoule(Setting),
    /// Mean power while decoding, watts. `memory: false` leaves the energy of bytes out, for figures of a core alone.
    Power { at: Setting, memory: bool },
    /// A matrix product of `rows` x `inner` by `inner` x `columns`, in 1e9 operations per second.
    Gemm(Gemm),
    /// The same, watts.
    GemmPower(Gemm),
    /// Decode rate of the first over that of the second.
    DecodeRatio { of: Setting, over: Setting },
    /// Time to the first token of the first over that of the second.
    TtftRatio { of: Setting, over: Setting },
    /// Prompt length from which on `rising` takes longer to its first token than `steady`, between `from` and `to` tokens.
    Crossover { rising: Setting, steady: Setting, from: u32, to: u32 },
    /// Decode rate with weights multiplied in NAND flash; caches and state lie in a memory of their own.
    Flash { at: Setting, array: FlashArray, state: BytesPerSecond },
    /// Decode rate of a mixture of experts that keeps what fits in memory and reads the other experts ahead of their use.
    Experts(ExpertCache),
    /// Largest resident memory of one rank of a tensor-parallel group that holds a window of layers, bytes (decimal GB).
    Window(LayerWindow),
    /// Speed-up of sparse, windowed reads from storage over reading the whole model for each token.
    Neurons(Neurons),
}

/// A matrix product.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gemm {
    pub device: String,
    pub processor: String,
    pub weights: WeightFormat,
    pub rows: u32,
    pub inner: u32,
    pub columns: u32,
    /// Share of the arithmetic peak in place of the profile's fitted one.
    pub efficiency: Option<Ratio>,
}

/// NAND flash with a compute core on each die.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlashArray {
    pub channels: u32,
    pub chips_per_channel: u32,
    pub dies_per_chip: u32,
    pub page: Bytes,
    /// From array to page register.
    pub read: Seconds,
    /// Of one channel.
    pub channel: BytesPerSecond,
}

/// A mixture of experts in less memory than it needs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpertCache {
    pub at: Setting,
    /// What the process may hold; absent: everything.
    pub memory: Option<Bytes>,
    /// Share of an expert's weights that a token computes with.
    pub active: Ratio,
}

/// One rank of a tensor-parallel group.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerWindow {
    pub model: String,
    /// Of a weight and of a cache element.
    pub bits: f64,
    pub ranks: u32,
    /// Layers that are held at a time.
    pub layers: u32,
    /// Cached tokens.
    pub tokens: u32,
}

/// Sparse neurons from storage.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neurons {
    pub at: Setting,
    /// Work of a dense pass in memory, where the paper's own is taken instead of the profile's.
    pub work: Option<Seconds>,
    /// Share of the weights in MLPs; of these the share that a token uses, and that the window does not hold.
    pub mlp: Ratio,
    pub active: Ratio,
    pub fresh: Ratio,
    /// Read rates of the whole model in a row, and of single neurons.
    pub whole: BytesPerSecond,
    pub single: BytesPerSecond,
}

/// A table of measured runs of one device.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    pub id: String,
    pub name: String,
    pub paper: String,
    pub device: String,
    pub processor: String,
    pub weights: WeightFormat,
    /// Catalogue id by the table's name of a model.
    pub models: BTreeMap<String, String>,
    /// Power of the device that the table's meter does not see.
    pub unseen: Watts,
    /// Answers from this length on outlast the meter's lag: power is fitted and judged on them.
    pub steady_answer: u32,
    pub assumes: String,
    pub finding: String,
    /// Largest median relative errors that the check lets pass.
    pub decode_within: Ratio,
    pub energy_within: Ratio,
    pub prefill_within: Ratio,
}

impl Literature {
    /// The figures that are built into the program.
    #[must_use]
    pub fn builtin() -> &'static Literature {
        static BUILTIN: OnceLock<Literature> = OnceLock::new();
        BUILTIN.get_or_init(|| read(FILE, TEXT).unwrap_or_else(|fault| panic!("a test reads the built-in figures, yet: {fault}")))
    }
}

/// Reads a file of figures and writes out its sources.
///
/// # Errors
/// What is wrong with the text, or a source that its map does not hold.
pub fn read(file: &str, text: &str) -> Result<Literature, Fault> {
    let mut literature: Literature = yaml::parse(file, text, 0)?;
    for figure in literature.systems.iter_mut().flat_map(|s| &mut s.figures) {
        let Some(source) = literature.sources.get(&figure.source) else {
            return Err(Fault {
                file: file.into(),
                line: 0,
                column: 0,
                message: format!("figure `{}`: `{}` is not a key of `sources`", figure.id, figure.source),
                hint: "add it there".into(),
            });
        };
        figure.source.clone_from(source);
    }
    Ok(literature)
}
