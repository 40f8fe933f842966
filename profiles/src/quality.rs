//! Answer quality, measured: never interpolated between model families.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::precision::WeightFormat;
use crate::provenance::Sourced;
use crate::units::Ratio;

/// One measured accuracy of a model at a precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QualityRow {
    /// Benchmark in lower case with dashes: `gsm8k`, `arc-challenge`, `mmlu`, `imagenet-top1`; `next-token-TEXT` is the share of a
    /// text's tokens that the model held for the likeliest, comparable between models of one tokenizer only.
    pub benchmark: String,
    pub weights: WeightFormat,
    /// Share of right answers of one sample, 0..1.
    pub accuracy: Sourced<Ratio>,
    /// Share of questions whose most likely answer is right, where majority voting was measured: its ceiling.
    pub majority_ceiling: Option<Sourced<Ratio>>,
    /// Beta(a, b) of the success probability over questions, where repeated samples were counted.
    pub beta: Option<Sourced<(f64, f64)>>,
    /// Accuracy against mean answer tokens, where token budgets were measured: increasing in tokens.
    #[serde(default)]
    pub budgets: Vec<(u32, Sourced<Ratio>)>,
    /// Majority votes under a token budget, where the two were measured together: offered as they are, never interpolated.
    #[serde(default)]
    pub votes: Vec<Vote>,
}

/// A measured majority vote whose samples kept to a token budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    pub samples: u32,
    /// Answer tokens that each sample was held to.
    pub tokens: u32,
    pub accuracy: Sourced<Ratio>,
}

/// A measured perplexity: lower is better, comparable on the same text, windows and tokenizer only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerplexityRow {
    pub weights: WeightFormat,
    /// Text in lower case with dashes: `wikitext-2-raw-test`.
    pub text: String,
    /// Windows scored, from the beginning of the text.
    pub windows: u32,
    /// Tokens of a window; those after its middle are scored.
    pub window: u32,
    /// exp of the mean negative log-likelihood of a scored token, at least 1.
    pub perplexity: Sourced<f64>,
    /// One standard error of it. The rows of one text share their tokens, so differences are surer than that.
    pub stderr: Option<f64>,
    /// Mean bits per weight of the whole model as it was run, ends included.
    pub bits_per_weight: Option<f64>,
}
