//! A row's model as blocks: from the catalogue, from its public configuration, or inferred from its size.

use profiles::{Block, BlockGroup, Catalogue, Mixer, Mlp};

/// Layers, heads, key-value heads and head width in the makers' published configurations (`config.json` of
/// each model), for models that are often measured and that the catalogue does not hold. Of every so many layers one sees the
/// whole context, the others a window of so many tokens, or where that is 0 a constant state.
const PUBLIC: [(&str, u32, u32, u32, u32, u32, u32); 29] = [
    ("llama-2-7b", 32, 32, 32, 128, 1, 0),
    ("llama-2-13b", 40, 40, 40, 128, 1, 0),
    ("llama-2-70b", 80, 64, 8, 128, 1, 0),
    ("llama-1-33b", 60, 52, 52, 128, 1, 0),
    ("llama-3-8b", 32, 32, 8, 128, 1, 0),
    ("llama-3.1-70b", 80, 64, 8, 128, 1, 0),
    ("llama-3.3-70b", 80, 64, 8, 128, 1, 0),
    ("llama-3-70b", 80, 64, 8, 128, 1, 0),
    ("llama-3.1-405b", 126, 128, 8, 128, 1, 0),
    ("mistral-7b", 32, 32, 8, 128, 1, 0),
    ("deepseek-r1-distill-qwen-7b", 28, 28, 4, 128, 1, 0),
    ("qwen2.5-coder-7b", 28, 28, 4, 128, 1, 0),
    ("qwen2.5-14b", 48, 40, 8, 128, 1, 0),
    ("qwen2.5-32b", 64, 40, 8, 128, 1, 0),
    ("qwen3-14b", 40, 40, 8, 128, 1, 0),
    ("qwen3-32b", 64, 64, 8, 128, 1, 0),
    ("qwen3-coder-30b-a3b", 48, 32, 4, 128, 1, 0),
    ("gpt-oss-20b", 24, 64, 8, 64, 2, 128),
    ("gpt-oss-120b", 36, 64, 8, 64, 2, 128),
    ("gemma-2b", 18, 8, 1, 256, 1, 0),
    ("gemma-2-2b", 26, 8, 4, 256, 2, 4096),
    ("gemma-2-9b", 42, 16, 8, 256, 2, 4096),
    ("gemma-3-4b", 34, 8, 4, 256, 6, 1024),
    ("gemma-3-12b", 48, 16, 8, 256, 6, 1024),
    ("phi-2", 32, 32, 32, 80, 1, 0),
    ("phi-3.5-mini", 32, 32, 32, 96, 1, 0),
    ("openvla-7b", 32, 32, 32, 128, 1, 0),
    ("gemma-3-1b", 26, 4, 1, 256, 6, 512),
    ("nemotron-3-super", 88, 32, 2, 128, 11, 0),
];

/// Experts and active experts that an unknown mixture is given: fine-grained, as recent ones are. Assumed.
const EXPERTS: (u32, u32) = (128, 4);

/// A row's model.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub blocks: Vec<BlockGroup>,
    /// Blocks that launch kernels: layers.
    pub layers: f64,
    pub parameters: f64,
    pub active: f64,
}

/// `Llama-3.2-1B-Instruct` as ids are written: `llama-3.2-1b-instruct`.
pub(super) fn slug(name: &str) -> String {
    name.trim().to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
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
            return Some(Shape { blocks: model.blocks.clone(), layers, parameters: total, active });
        }
    }
    let parameters = parameters.filter(|p| *p > 0.0)?;
    let active = active.filter(|a| *a > 0.0).unwrap_or(parameters).min(parameters);
    let public = PUBLIC.iter().filter(|p| names(p.0, &slug)).max_by_key(|p| p.0.len());
    let (layers, heads, kv_heads, head_dim) = public.map_or_else(|| inferred(active), |p| (p.1, p.2, p.3, p.4));
    let (every, window) = public.map_or((1, 0), |p| (p.5, p.6));
    let mut layer = Block::new("layer", (parameters / f64::from(layers)) as u64, u64::from(heads) * u64::from(head_dim));
    layer.mixer = Mixer::Attention { heads, kv_heads, head_dim, window: None };
    if active < 0.7 * parameters {
        let (experts, chosen) = EXPERTS;
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
    Some(Shape { blocks, layers: f64::from(layers), parameters, active })
}

/// Shape of a usual transformer of so many parameters: `12 layers width^2`, layers growing with the fourth root
/// (28 at 3 billion), four query heads a key-value head. Assumed.
fn inferred(parameters: f64) -> (u32, u32, u32, u32) {
    let layers = (28.0 * (parameters / 3e9).powf(0.27)).round().clamp(4.0, 130.0);
    let head_dim = if parameters < 1e9 { 64.0 } else { 128.0 };
    let heads = ((parameters / 12.0 / layers).sqrt() / head_dim).round().max(1.0);
    (layers as u32, heads as u32, (heads / 4.0).ceil() as u32, head_dim as u32)
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
    fn an_inferred_mixture_keeps_its_two_sizes() {
        let shape = of("some mixture", Some(30e9), Some(3e9)).unwrap();
        let total: f64 = shape.blocks.iter().map(|g| f64::from(g.count) * g.block.total_parameters() as f64).sum();
        let active: f64 = shape.blocks.iter().map(|g| f64::from(g.count) * g.block.active_parameters() as f64).sum();
        assert!((total / 30e9 - 1.0).abs() < 0.01 && (active / 3e9 - 1.0).abs() < 0.01, "{total} {active}");
    }
}
