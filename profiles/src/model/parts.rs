//! Parts of a block list in a file: explicit blocks, or a standard shape that says the same in a line.
//!
//! ```yaml
//! blocks:
//!   - transformer: { layers: 30, hidden: 576, ffn: 1536, heads: 9, kv_heads: 3, vocab: 49152, tied: true }
//! ```

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::conv::{Convolution, Dense};
use super::transformer::Transformer;
use super::whisper::Whisper;
use super::{Block, BlockGroup};

/// One item of a block list: `count` and `block`, or exactly one shape.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// How many equal blocks; 1 unless said.
    count: Option<u32>,
    block: Option<Block>,
    /// A decoder-only transformer with embedding and head.
    transformer: Option<Transformer>,
    /// A Whisper speech model, encoder and decoder.
    whisper: Option<Whisper>,
    /// Convolutions of one stage of a vision model.
    conv: Option<Convolution>,
    /// A fully connected layer.
    dense: Option<Dense>,
}

impl Part {
    fn groups(self) -> Result<Vec<BlockGroup>, String> {
        let count = self.count.unwrap_or(1);
        let counted = |block: Block| Ok(vec![BlockGroup { count, block }]);
        let named =
            [self.block.is_some(), self.transformer.is_some(), self.whisper.is_some(), self.conv.is_some(), self.dense.is_some()];
        if named.iter().filter(|&&n| n).count() != 1 {
            return Err("an item of `blocks` has exactly one of `block`, `transformer`, `whisper`, `conv`, `dense`".into());
        }
        if let Some(block) = self.block {
            return counted(block);
        }
        if let Some(conv) = self.conv {
            return counted(conv.block());
        }
        if let Some(dense) = self.dense {
            return counted(dense.block());
        }
        if self.count.is_some() {
            return Err("`count` goes with `block`, `conv` or `dense`; a whole model has its own `layers`".into());
        }
        match (self.transformer, self.whisper) {
            (Some(t), _) => t.groups(),
            (None, Some(w)) => w.groups(),
            (None, None) => Ok(Vec::new()),
        }
    }
}

/// A part that has become blocks while its place in the file is still known.
#[derive(Deserialize)]
#[serde(try_from = "Part")]
struct Groups(Vec<BlockGroup>);

impl TryFrom<Part> for Groups {
    type Error = String;

    fn try_from(part: Part) -> Result<Self, String> {
        part.groups().map(Self)
    }
}

/// Reads a block list, shapes written out.
///
/// # Errors
/// What serde finds, or a shape whose numbers do not fit together.
pub fn expand<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<BlockGroup>, D::Error> {
    let parts = Vec::<Groups>::deserialize(d)?;
    Ok(runs(parts.into_iter().flat_map(|p| p.0)))
}

/// Joins equal neighbours.
pub(crate) fn runs(groups: impl IntoIterator<Item = BlockGroup>) -> Vec<BlockGroup> {
    let mut joined: Vec<BlockGroup> = Vec::new();
    for group in groups {
        match joined.last_mut() {
            Some(last) if last.block == group.block => last.count = last.count.saturating_add(group.count),
            _ => joined.push(group),
        }
    }
    joined
}
