//! What reads the states: trained models at several precisions, one with random weights, none.

use engine::model::{Part, Shape};
use engine::{EngineError, File, Options, Precision, Stage, Tokenizer};
use kernels::{Format, Kernel, Pool, Wait};
use learn::{Pooling, Source};
use std::path::Path;
use std::sync::Arc;

/// A row of the tables.
pub(crate) struct Backbone {
    pub(crate) name: &'static str,
    pub(crate) open: fn() -> Result<Source, EngineError>,
    /// Bits that the exploration is chosen by, where they are not those of the weights.
    pub(crate) explore_as: Option<f64>,
}

/// The first is the one that others are compared with.
pub(crate) const BACKBONES: [Backbone; 7] = [
    Backbone { name: "full, f16", open: || trained("full", Precision::Stored), explore_as: None },
    Backbone { name: "ternary", open: || trained("ternary", Precision::Format(Format::Ternary167)), explore_as: None },
    Backbone {
        name: "ternary, exploring as f16",
        open: || trained("ternary", Precision::Format(Format::Ternary167)),
        explore_as: Some(16.0),
    },
    Backbone { name: "sherry", open: || trained("sherry", Precision::Stored), explore_as: None },
    Backbone { name: "nested, w4", open: || trained("nested", Precision::Format(Format::W4)), explore_as: None },
    Backbone { name: "random weights, f16", open: random, explore_as: None },
    Backbone { name: "no backbone: numbers", open: || Ok(Source::Numbers), explore_as: None },
];

/// The ternary backbone as its file stores it, two bits a weight: the same codes, hence the same runs, in more bytes.
pub(crate) fn two_bits() -> Result<Source, EngineError> {
    trained("ternary", Precision::Stored)
}

fn file(name: &str) -> Result<File, EngineError> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../training/models");
    File::open(&folder.join(format!("wattline-tiny-{name}.gguf")))
}

/// On the widest kernel, as `agent learn` is: the same runs.
fn options(precision: Precision) -> Options {
    let kernel = Kernel::available().last().copied();
    Options { part: Some(Part { embedding: true, layers: 0..4, head: false }), precision, kernel }
}

fn pool() -> Arc<Pool> {
    Arc::new(Pool::new(1, Wait::Park))
}

fn trained(name: &str, precision: Precision) -> Result<Source, EngineError> {
    let file = file(name)?;
    let stage = Stage::load(&file, &options(precision), pool())?;
    Ok(Source::Backbone { stage: Box::new(stage), tokenizer: Box::new(Tokenizer::new(&file)?), pooling: Pooling::Mean })
}

/// The trained models' shape, untrained.
fn random() -> Result<Source, EngineError> {
    let shape = Shape { layers: 4, hidden: 256, wide: 768, heads: 4, kv_heads: 2, vocab: 256, context: 512 };
    let stage = Box::new(Stage::random(&shape, 1, &options(Precision::Format(Format::F16)), pool())?);
    Ok(Source::Backbone { stage, tokenizer: Box::new(Tokenizer::new(&file("full")?)?), pooling: Pooling::Mean })
}

/// Bytes of the layers (norms too) and of the token table, and how many weights the layers have.
pub(crate) fn bytes(source: &Source) -> Option<(u64, u64, u64)> {
    let Source::Backbone { stage, .. } = source else { return None };
    let tables = stage.matrices().filter(|(class, _)| *class == "token_embd");
    let (table, entries) = tables.fold((0, 0), |t, (_, m)| (t.0 + m.bytes() as u64, t.1 + (m.rows() * m.cols()) as u64));
    let size = stage.size();
    Some((size.bytes - table, table, size.parameters - entries))
}
