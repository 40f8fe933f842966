//! From a checked header to a model profile: the blocks, with the bits per weight that the file really stores.

use std::collections::BTreeMap;

use super::error::GgufError;
use super::header::{Header, Tensor, Value};
use super::packed::packed_bits;
use crate::model::parts::runs;
use crate::model::{Block, BlockGroup, Mixer, Mlp, ModelKind, ModelProfile, TensorClass};
use crate::precision::{Role, WeightFormat, format_of};
use crate::provenance::{Quality, Sourced};

/// Layers above this are not believed.
const MAX_LAYERS: u64 = 2048;

pub(super) fn profile(header: &Header, source: &str) -> Result<ModelProfile, GgufError> {
    let architecture = header.text("general.architecture")?.ok_or_else(|| wrong("the file names no `general.architecture`"))?;
    if !matches!(architecture, "llama" | "qwen2" | "gemma3") {
        return Err(wrong(&format!("architecture `{architecture}` is not read; llama, qwen2 and gemma3 are")));
    }
    let shape = Shape::of(header, architecture)?;
    let tensors = Sorted::of(header, shape.layers)?;
    let name = header.text("general.name")?.unwrap_or(source).to_owned();
    let total: u64 = header.tensors.iter().fold(0, |sum: u64, t| sum.saturating_add(t.elements));
    let mut blocks = vec![embedding(&shape, &tensors)?];
    for (i, layer) in (0u64..).zip(&tensors.layers) {
        blocks.push(self::layer(&shape, i, layer)?);
    }
    blocks.push(head(&tensors)?);
    let profile = ModelProfile {
        id: id_of(&name),
        name,
        family: architecture.into(),
        kind: ModelKind::Llm,
        formats: vec![main_format(&tensors)],
        blocks: runs(blocks.into_iter().map(|block| BlockGroup { count: 1, block })),
        context: shape.context,
        architecture: Sourced { value: total, quality: Quality::Measured, source: format!("tensor list of {source}") },
        tensors: classes(header),
        quality: Vec::new(),
        perplexity: Vec::new(),
        notes: String::new(),
    };
    let problems = crate::check::model(&profile);
    match problems.first() {
        None => Ok(profile),
        Some(p) => Err(wrong(&format!("{}: {}", p.at, p.message))),
    }
}

/// Hyper-parameters that the blocks need, each in a range that can be.
struct Shape {
    layers: usize,
    hidden: u64,
    /// By layer.
    heads: Vec<u32>,
    kv_heads: Vec<u32>,
    head_dim: u32,
    context: u32,
    window: Option<u32>,
    /// Every so many layers one has no window.
    global_every: u64,
}

impl Shape {
    fn of(h: &Header, architecture: &str) -> Result<Self, GgufError> {
        let key = |name: &str| format!("{architecture}.{name}");
        let needed = |name: &str, most: u64| -> Result<u64, GgufError> {
            let key = key(name);
            let n = h.count(&key)?.ok_or_else(|| wrong(&format!("`{key}` is missing")))?;
            if (1..=most).contains(&n) { Ok(n) } else { Err(wrong(&format!("`{key}` must be 1 to {most}, is {n}"))) }
        };
        let layers = needed("block_count", MAX_LAYERS)?;
        let layers = usize::try_from(layers).map_err(|_| wrong("too many layers"))?;
        let hidden = needed("embedding_length", 1 << 20)?;
        let heads = per_layer(h, &key("attention.head_count"), layers)?
            .ok_or_else(|| wrong(&format!("`{}` is missing", key("attention.head_count"))))?;
        let kv_heads = per_layer(h, &key("attention.head_count_kv"), layers)?.unwrap_or_else(|| heads.clone());
        if heads.iter().zip(&kv_heads).any(|(h, kv)| !h.is_multiple_of(*kv)) {
            return Err(wrong("heads do not divide among the KV heads"));
        }
        let head_dim = match h.count(&key("attention.key_length"))? {
            Some(_) => needed("attention.key_length", 1 << 16)?,
            None => (hidden / u64::from(heads[0])).max(1),
        };
        let window = match h.count(&key("attention.sliding_window"))? {
            None | Some(0) => None,
            Some(_) => Some(needed("attention.sliding_window", 1 << 24)?),
        };
        Ok(Self {
            layers,
            hidden,
            heads,
            kv_heads,
            head_dim: narrow(head_dim)?,
            context: narrow(needed("context_length", 1 << 30)?)?,
            window: window.map(narrow).transpose()?,
            // Gemma 3's pattern, five windows and one whole context, is not in its files.
            global_every: if architecture == "gemma3" { 6 } else { 0 },
        })
    }
}

/// A count that is one number or one a layer.
fn per_layer(h: &Header, key: &str, layers: usize) -> Result<Option<Vec<u32>>, GgufError> {
    let believed = |n: i64| match u32::try_from(n) {
        Ok(n) if (1..=1 << 14).contains(&n) => Ok(n),
        _ => Err(wrong(&format!("`{key}` must be 1 to 16384, is {n}"))),
    };
    match h.values.get(key) {
        None => Ok(None),
        Some(Value::Integers(list)) if list.len() == layers => {
            list.iter().map(|&n| believed(n)).collect::<Result<_, _>>().map(Some)
        }
        Some(Value::Integers(list)) => Err(wrong(&format!("`{key}` has {} numbers for {layers} layers", list.len()))),
        Some(_) => {
            let n = h.count(key)?.unwrap_or(0);
            Ok(Some(vec![believed(i64::try_from(n).unwrap_or(i64::MAX))?; layers]))
        }
    }
}

/// The tensors by where they belong.
struct Sorted<'h> {
    embedding: Vec<&'h Tensor>,
    layers: Vec<Vec<&'h Tensor>>,
    head: Vec<&'h Tensor>,
}

impl<'h> Sorted<'h> {
    fn of(header: &'h Header, layers: usize) -> Result<Self, GgufError> {
        let mut sorted = Self { embedding: Vec::new(), layers: vec![Vec::new(); layers], head: Vec::new() };
        for tensor in &header.tensors {
            if let Some(rest) = tensor.name.strip_prefix("blk.") {
                let layer = rest.split('.').next().and_then(|n| n.parse::<usize>().ok());
                let place = layer.and_then(|n| sorted.layers.get_mut(n));
                place.ok_or_else(|| wrong(&format!("tensor `{}` is in no layer", tensor.name)))?.push(tensor);
            } else if tensor.name.starts_with("token_embd.") {
                sorted.embedding.push(tensor);
            } else if tensor.name.starts_with("output") {
                sorted.head.push(tensor);
            }
            // What is left (rotary factors) is a table of a few numbers.
        }
        if sorted.embedding.is_empty() {
            return Err(wrong("the file has no token table (`token_embd.weight`)"));
        }
        match sorted.layers.iter().position(Vec::is_empty) {
            Some(i) => Err(wrong(&format!("layer {i} has no tensors"))),
            None => Ok(sorted),
        }
    }
}

/// Parameters, matrices' share of them, and mean bits of some tensors.
struct Sum {
    parameters: u64,
    matrices: u64,
    bits: f64,
}

fn sum<'t>(tensors: impl IntoIterator<Item = &'t Tensor>) -> Result<Sum, GgufError> {
    let (mut parameters, mut matrices, mut bits) = (0u64, 0u64, 0.0);
    for t in tensors {
        parameters = parameters.checked_add(t.elements).ok_or_else(|| wrong("parameters do not add up"))?;
        if t.shape.len() > 1 {
            matrices += t.elements;
        }
        bits += t.bytes as f64 * 8.0;
    }
    Ok(Sum { parameters, matrices, bits: bits / (parameters.max(1) as f64) })
}

/// Mean bits of some tensors as the agent packs them, by format; none where it does not read one of their types.
fn packed<'t>(tensors: impl Iterator<Item = &'t Tensor> + Clone, role: Role) -> BTreeMap<WeightFormat, f64> {
    let mean = |format| {
        let (mut bits, mut weights) = (0.0, 0.0);
        for t in tensors.clone() {
            // Vectors become single precision.
            let each = if t.shape.len() > 1 { packed_bits(format_of(role, format), t.kind, t.shape[0])? } else { 32.0 };
            bits += each * t.elements as f64;
            weights += t.elements as f64;
        }
        (weights > 0.0).then(|| bits / weights)
    };
    WeightFormat::ALL.into_iter().filter_map(|format| Some((format, mean(format)?))).collect()
}

fn embedding(shape: &Shape, tensors: &Sorted<'_>) -> Result<Block, GgufError> {
    let sum = sum(tensors.embedding.iter().copied())?;
    if tensors.embedding[0].shape[0] != shape.hidden {
        return Err(wrong("the token table's rows are not `embedding_length` long"));
    }
    Ok(Block {
        role: Role::Embedding,
        multiplied: 0,
        read: shape.hidden,
        stored_bits: Some(sum.bits),
        packed_bits: packed(tensors.embedding.iter().copied(), Role::Embedding),
        ..Block::new("embedding", sum.parameters, shape.hidden)
    })
}

fn layer(shape: &Shape, i: u64, tensors: &[&Tensor]) -> Result<Block, GgufError> {
    let sum = sum(tensors.iter().copied())?;
    let at = usize::try_from(i).map_err(|_| wrong("too many layers"))?;
    let global = shape.global_every > 0 && (i + 1).is_multiple_of(shape.global_every);
    Ok(Block {
        mixer: Mixer::Attention {
            heads: shape.heads[at],
            kv_heads: shape.kv_heads[at],
            head_dim: shape.head_dim,
            window: if global { None } else { shape.window },
        },
        mlp: Mlp::Dense,
        multiplied: sum.matrices,
        kept: sum.parameters - sum.matrices,
        stored_bits: Some(sum.bits),
        packed_bits: packed(tensors.iter().copied(), Role::Body),
        ..Block::new("layer", sum.parameters, shape.hidden)
    })
}

/// The last norm with the output matrix; without one, the token table serves twice.
fn head(tensors: &Sorted<'_>) -> Result<Block, GgufError> {
    let own = tensors.head.iter().any(|t| t.name == "output.weight");
    let table = if own { &[][..] } else { &tensors.embedding[..] };
    let sum = sum(tensors.head.iter().chain(table).copied())?;
    let tied = if own { 0 } else { self::sum(table.iter().copied())?.parameters };
    Ok(Block {
        role: Role::Head,
        multiplied: sum.matrices,
        kept: sum.parameters - sum.matrices,
        tied,
        stored_bits: Some(sum.bits),
        packed_bits: packed(tensors.head.iter().chain(table).copied(), Role::Head),
        ..Block::new("head", sum.parameters, 1)
    })
}

/// The format that most weights of the layers are stored in: which kernel runs.
fn main_format(tensors: &Sorted<'_>) -> WeightFormat {
    let mut elements: BTreeMap<WeightFormat, u64> = BTreeMap::new();
    for t in tensors.layers.iter().flatten().filter(|t| t.shape.len() > 1) {
        let sum = elements.entry(t.kind.format).or_default();
        *sum = sum.saturating_add(t.elements);
    }
    elements.into_iter().max_by_key(|&(_, n)| n).map_or(WeightFormat::W16, |(format, _)| format)
}

fn classes(header: &Header) -> Vec<TensorClass> {
    let mut classes: BTreeMap<u32, TensorClass> = BTreeMap::new();
    for t in &header.tensors {
        let class = classes.entry(t.kind.id).or_insert_with(|| TensorClass {
            r#type: t.kind.name.into(),
            bits: t.kind.bits(),
            parameters: 0,
        });
        class.parameters = class.parameters.saturating_add(t.elements);
    }
    classes.into_values().collect()
}

/// A name in kebab case.
fn id_of(name: &str) -> String {
    let mut id = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '.' {
            id.push(c.to_ascii_lowercase());
        } else if !id.is_empty() && !id.ends_with('-') {
            id.push('-');
        }
    }
    let id = id.trim_matches('-');
    if id.is_empty() { "model".into() } else { id.into() }
}

fn narrow(n: u64) -> Result<u32, GgufError> {
    u32::try_from(n).map_err(|_| wrong(&format!("{n} is too large")))
}

fn wrong(message: &str) -> GgufError {
    GgufError::Model(message.into())
}
