//! Hand-made models, a few blocks each.

use profiles::units::Ratio;
use profiles::{Block, BlockGroup, Mixer, Mlp, ModelKind, ModelProfile, Phase, Precision, Quality, QualityRow, WeightFormat};
use rand::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::device::sourced;

/// A precision with a 16-bit KV cache and 16-bit messages.
#[must_use]
pub fn precision(weights: WeightFormat) -> Precision {
    Precision { weights, kv_bits: 16, activation_bits: 16 }
}

fn block(name: &str, parameters: u64, width: u64) -> Block {
    Block::new(name, parameters, width)
}

fn row(weights: WeightFormat, accuracy: f64) -> QualityRow {
    QualityRow {
        benchmark: "gsm8k".into(),
        weights,
        accuracy: sourced(Ratio(accuracy), Quality::Measured),
        majority_ceiling: None,
        beta: None,
        budgets: Vec::new(),
        votes: Vec::new(),
    }
}

fn profile(id: &str, kind: ModelKind, blocks: Vec<BlockGroup>) -> ModelProfile {
    ModelProfile {
        id: id.into(),
        name: id.into(),
        family: "fixture".into(),
        kind,
        blocks,
        context: if kind == ModelKind::Llm { 8192 } else { 0 },
        formats: vec![WeightFormat::W16],
        architecture: sourced(1, Quality::Datasheet),
        tensors: Vec::new(),
        quality: vec![row(WeightFormat::W16, 0.6), row(WeightFormat::W8, 0.6), row(WeightFormat::W4, 0.55)],
        perplexity: Vec::new(),
        notes: String::new(),
    }
}

/// A language model: embedding, `layers` attention layers of `width`^2 * 12 parameters, head. Vocabulary 32,000.
/// Quality on `gsm8k`: 0.60 at 16 and 8 bits, 0.55 at 4 with votes, repeated samples and budgets.
#[must_use]
pub fn tiny_llm(id: &str, layers: u32, width: u64) -> ModelProfile {
    let mut embedding = block("embedding", 32_000 * width, width);
    embedding.multiplied = 0;
    embedding.read = width;
    let mut layer = block("layer", 12 * width * width, width);
    let heads = (width / 64).max(1) as u32;
    layer.mixer = Mixer::Attention { heads, kv_heads: heads.div_ceil(4), head_dim: 64, window: None };
    layer.mlp = Mlp::Dense;
    let head = block("head", 32_000 * width, 1);
    let groups = vec![
        BlockGroup { count: 1, block: embedding },
        BlockGroup { count: layers, block: layer },
        BlockGroup { count: 1, block: head },
    ];
    let mut model = profile(id, ModelKind::Llm, groups);
    let scaled = &mut model.quality[2];
    scaled.majority_ceiling = Some(sourced(Ratio(0.7), Quality::Fitted));
    // Mean a / (a + b) = 0.55, as the single-sample accuracy.
    scaled.beta = Some(sourced((1.1, 0.9), Quality::Fitted));
    scaled.budgets = vec![
        (32, sourced(Ratio(0.30), Quality::Measured)),
        (64, sourced(Ratio(0.45), Quality::Measured)),
        (256, sourced(Ratio(0.55), Quality::Measured)),
    ];
    model
}

/// One or two language models that two devices or processors may divide, with a small vocabulary: what the two cannot
/// divide takes little time.
pub(super) fn divisible_llms(rng: &mut Xoshiro256PlusPlus) -> Vec<ModelProfile> {
    let count = rng.random_range(1..=2u32);
    let model = |i| {
        let mut model = tiny_llm(&format!("m{i}"), rng.random_range(1..=3), 1024);
        for end in [0, 2] {
            let block = &mut model.blocks[end].block;
            block.parameters = 1_024_000;
            block.read = block.read.min(1_024_000);
            block.multiplied = block.multiplied.min(1_024_000);
        }
        model
    };
    (0..count).map(model).collect()
}

/// A mixture of experts: 8 experts of which 2 run per token.
#[must_use]
pub fn experts(id: &str, layers: u32, width: u64) -> ModelProfile {
    let mut model = tiny_llm(id, layers, width);
    let layer = &mut model.blocks[1].block;
    (layer.parameters, layer.multiplied, layer.read) = (4 * width * width, 4 * width * width, 4 * width * width);
    layer.mlp = Mlp::Experts { experts: 8, active: 2, parameters_per_expert: 4 * width * width };
    model
}

/// A looped transformer: its layers run three times per pass.
#[must_use]
pub fn looped(id: &str, layers: u32, width: u64) -> ModelProfile {
    let mut model = tiny_llm(id, layers, width);
    model.blocks[1].block.loops = 3;
    model
}

/// An image classifier: four convolution blocks and a head, one pass per item.
#[must_use]
pub fn classifier(id: &str) -> ModelProfile {
    let mut conv = block("conv", 500_000, 50_000);
    conv.multiplied = 0;
    conv.fixed_ops = 400e6;
    conv.fixed_activations = 400_000.0;
    let head = block("head", 1_000_000, 1000);
    profile(id, ModelKind::Feedforward, vec![BlockGroup { count: 4, block: conv }, BlockGroup { count: 1, block: head }])
}

/// A speech model: two encoder blocks over the frames, two decoder blocks over the tokens.
#[must_use]
pub fn speech(id: &str) -> ModelProfile {
    let mut encoder = block("encoder", 3_000_000, 512);
    encoder.phase = Phase::Prefill;
    encoder.mixer = Mixer::Attention { heads: 8, kv_heads: 8, head_dim: 64, window: None };
    let mut decoder = block("decoder", 4_000_000, 512);
    decoder.phase = Phase::Decode;
    decoder.mixer = Mixer::Attention { heads: 8, kv_heads: 8, head_dim: 64, window: None };
    profile(id, ModelKind::Transducer, vec![BlockGroup { count: 2, block: encoder }, BlockGroup { count: 2, block: decoder }])
}
