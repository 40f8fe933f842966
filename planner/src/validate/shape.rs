//! A row's model as blocks: from the catalogue, from its public configuration, or inferred from its size.

use super::public::{PUBLIC, Public};
use profiles::{Block, BlockGroup, Catalogue, Mixer, Mlp};

/// Experts and active experts that an unknown mixture is given: fine-grained, as recent ones are. Assumed.
const EXPERTS: (u32, u32) = (128, 4);

/// Weights of a block of ggml's k-quants, and bits of its fallback for embeddings, which are kept at six bits.
const K_BLOCK: u64 = 256;
const EMBEDDING_BITS: f64 = 8.5;

/// A row's model.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub blocks: Vec<BlockGroup>,
    /// Blocks that launch kernels: layers.
    pub layers: f64,
    pub parameters: f64,
    pub active: f64,
    /// Weights in a row of most matrices, and the share of the parameters in the embedding, where the catalogue has the model.
    pub width: Option<(u64, f64)>,
}

impl Shape {
    /// Bits per weight that are read where a row tells `bits` of a format: a k-quant of a model whose rows it cannot cut
    /// holds more than its name says (Qwen2.5-0.5B's Q4_K_M 6.4 bits, not 4.84).
    pub(super) fn read_bits(&self, bits: f64, fallback: Option<f64>) -> f64 {
        match (self.width, fallback) {
            (Some((width, embedded)), Some(other)) if width % K_BLOCK != 0 => {
                bits.max(embedded * EMBEDDING_BITS + (1.0 - embedded) * other)
            }
            _ => bits,
        }
    }
}

/// `Llama-3.2-1B-Instruct` as ids are written: `llama-3.2-1b-instruct`.
pub(super) fn slug(name: &str) -> String {
    name.trim().to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

/// First word of a model's id, up to its version: `qwen` of `qwen2.5-0.5b-instruct`. A distilled model has the architecture
/// of the model that was taught: `llama` of `deepseek-r1-distill-llama-8b`.
pub(super) fn family(slug: &str) -> &str {
    let own = slug.split_once("-distill-").map_or(slug, |(_, taught)| taught);
    let end = own.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(own.len());
    if end == 0 { own } else { &own[..end] }
}

/// Whether `id` is the name itself, or the name with more words behind it (`-instruct`, `-it-qat`).
fn names(id: &str, slug: &str) -> bool {
    slug.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The model of a name and a size in parameters; `None` where neither says enough.
pub(super) fn of(name: &str, parameters: Option<f64>, active: Option<f64>) -> Option<Shape> {
    let slug = slug(name);
    let catalogue = Catalogue::builtin();
    let known = catalogue.model_ids().filter(|id| names(id, &slug)).max_by_key(|id| id.len()).and_then(|id| catalogue.model(id));
    if let Some(model) = known {
        let total = model.total_parameters() as f64;
        // A relative of another size under the same first words is not that model.
        if parameters.is_none_or(|p| (p / total - 1.0).abs() < 0.25) {
            let layers = model.blocks.iter().filter(|g| g.block.name != "embedding").map(|g| f64::from(g.count)).sum();
            let active = model.active_parameters() as f64;
            let embedded = model.blocks.iter().find(|g| g.block.name == "embedding").map_or(0.0, |g| g.block.parameters as f64);
            let inner = model.blocks.iter().find(|g| !matches!(g.block.mixer, Mixer::None));
            let width = inner.map(|g| (g.block.output_width, embedded / total));
            return Some(Shape { blocks: model.blocks.clone(), layers, parameters: total, active, width });
        }
    }
    let parameters = parameters.filter(|p| *p > 0.0)?;
    let active = active.filter(|a| *a > 0.0).unwrap_or(parameters).min(parameters);
    let known = PUBLIC.iter().filter(|p| names(p.id, &slug)).max_by_key(|p| p.id.len()).copied();
    let Public { layers, heads, kv_heads, head_dim, every, window, experts, latent, .. } =
        known.unwrap_or_else(|| inferred(active));
    let mut layer = Block::new("layer", (parameters / f64::from(layers)) as u64, u64::from(heads) * u64::from(head_dim));
    layer.mixer = match latent {
        (0, _) => Mixer::Attention { heads, kv_heads, head_dim, window: None },
        (rank, rope_dim) => Mixer::LatentAttention { heads, head_dim, rank, rope_dim },
    };
    if active < 0.7 * parameters {
        let (experts, chosen) = if experts.0 > 0 { experts } else { EXPERTS };
        let each = (parameters - active) / f64::from(experts - chosen) / f64::from(layers);
        let shared = (active / f64::from(layers) - f64::from(chosen) * each).max(0.0) as u64;
        (layer.parameters, layer.multiplied, layer.read) = (shared, shared, shared);
        layer.mlp = Mlp::Experts { experts, active: chosen, parameters_per_expert: each as u64 };
    }
    let mut blocks = vec![BlockGroup { count: layers / every, block: layer.clone() }];
    if every > 1 {
        layer.mixer = match window {
            0 => Mixer::StateSpace { state: u64::from(heads) * u64::from(head_dim) },
            w => Mixer::Attention { heads, kv_heads, head_dim, window: Some(w) },
        };
        blocks.push(BlockGroup { count: layers - layers / every, block: layer });
    }
    Some(Shape { blocks, layers: f64::from(layers), parameters, active, width: None })
}

/// Shape of a usual transformer of so many parameters: `12 layers width^2`, layers growing with the fourth root
/// (28 at 3 billion), four query heads a key-value head. Assumed.
fn inferred(parameters: f64) -> Public {
    let layers = (28.0 * (parameters / 3e9).powf(0.27)).round().clamp(4.0, 130.0);
    let head_dim = if parameters < 1e9 { 64.0 } else { 128.0 };
    let heads = ((parameters / 12.0 / layers).sqrt() / head_dim).round().max(1.0);
    Public::dense("", layers as u32, heads as u32, (heads / 4.0).ceil() as u32, head_dim as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_finds_the_catalogue_and_a_wrong_size_does_not() {
        let model = Catalogue::builtin().model("llama-3.2-1b").unwrap();
        let found = of("Llama-3.2-1B-Instruct", Some(1.24e9), None).unwrap();
        assert_eq!(found.blocks, model.blocks);
        let other = of("Llama-3.2-1B", Some(9e9), None).unwrap();
        assert!((other.parameters - 9e9).abs() < 1.0);
        assert!(of("unheard of", None, None).is_none());
    }

    #[test]
    fn a_family_is_the_first_word() {
        for (slug, expected) in [
            ("qwen2.5-0.5b-instruct", "qwen"),
            ("deepseek-r1-distill-llama-8b", "llama"),
            ("deepseek-v3", "deepseek"),
            ("gpt-oss-20b", "gpt"),
            ("3b", "3b"),
            ("", ""),
        ] {
            assert_eq!(family(slug), expected);
        }
    }

    #[test]
    fn k_quants_fall_back_where_rows_are_no_multiple_of_their_blocks() {
        let narrow = of("Qwen2.5-0.5B", Some(0.494e9), None).unwrap();
        let read = narrow.read_bits(4.84, Some(5.5));
        assert!((6.1..6.6).contains(&read), "its file has 398 MB: {read}");
        assert!((narrow.read_bits(6.7, Some(5.5)) - 6.7).abs() < 1e-12, "told bits of a file stay");
        assert!((narrow.read_bits(4.5, None) - 4.5).abs() < 1e-12);
        let even = of("Llama-3.2-1B", Some(1.236e9), None).unwrap();
        assert!((even.read_bits(4.84, Some(5.5)) - 4.84).abs() < 1e-12);
    }

    #[test]
    fn a_public_mixture_has_its_experts_and_its_latent_cache() {
        let shape = of("GLM-4.7-Flash", Some(29.94e9), Some(3e9)).unwrap();
        let block = &shape.blocks[0].block;
        assert_eq!(block.mixer, Mixer::LatentAttention { heads: 20, head_dim: 544, rank: 512, rope_dim: 64 });
        assert!(matches!(block.mlp, Mlp::Experts { experts: 64, active: 4, .. }), "{:?}", block.mlp);
        assert!((shape.layers - 47.0).abs() < 1e-9);
    }

    #[test]
    fn an_inferred_mixture_keeps_its_two_sizes() {
        let shape = of("some mixture", Some(30e9), Some(3e9)).unwrap();
        let total: f64 = shape.blocks.iter().map(|g| f64::from(g.count) * g.block.total_parameters() as f64).sum();
        let active: f64 = shape.blocks.iter().map(|g| f64::from(g.count) * g.block.active_parameters() as f64).sum();
        assert!((total / 30e9 - 1.0).abs() < 0.01 && (active / 3e9 - 1.0).abs() < 0.01, "{total} {active}");
    }
}
