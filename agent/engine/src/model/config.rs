//! Hyper-parameters of a model file, each in a range that can be.

use profiles::gguf::{Header, Value};

use super::architecture::{ARCHITECTURES, Architecture};
use crate::error::EngineError;
use crate::gguf::File;

/// Layers of Gemma 3 27B, whose queries are scaled by width per head, not by head size.
const GEMMA3_27B_LAYERS: usize = 62;

/// Rotary embedding of one layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    pub base: f32,
    /// Positions are multiplied by this (linear context extension).
    pub scale: f32,
}

/// Shape of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub architecture: Architecture,
    pub layers: usize,
    /// Width of a hidden state.
    pub hidden: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub vocab: usize,
    /// Positions that the model was trained for.
    pub context: usize,
    pub eps: f32,
    /// Of layers that see the whole context.
    pub rope: Rope,
    /// Positions that a layer with a window sees, its own included.
    pub window: Option<usize>,
    /// Queries are multiplied by this.
    pub attention_scale: f32,
}

impl Config {
    /// The configuration that a file states.
    ///
    /// # Errors
    /// A number is missing, out of range, or asks for what is not built.
    pub fn new(file: &File) -> Result<Self, EngineError> {
        let header = file.header();
        let name = header.text("general.architecture")?.unwrap_or_default();
        let architecture = ARCHITECTURES
            .iter()
            .find(|a| a.name == name)
            .ok_or_else(|| unsupported(format!("architecture `{name}` is not run; llama, qwen2 and gemma3 are")))?;
        let keys = Keys { header, name };
        let layers = keys.needed("block_count", 2048)?;
        let hidden = keys.needed("embedding_length", 1 << 20)?;
        let heads = keys.same_in_all_layers("attention.head_count")?;
        let heads = heads.ok_or_else(|| unsupported(format!("`{name}.attention.head_count` is missing")))?;
        let kv_heads = keys.same_in_all_layers("attention.head_count_kv")?.unwrap_or(heads);
        if !heads.is_multiple_of(kv_heads) {
            return Err(unsupported(format!("{heads} heads do not divide among {kv_heads} KV heads")));
        }
        let head_dim = keys.optional("attention.key_length", 1 << 12)?.unwrap_or(hidden / heads);
        for key in ["attention.value_length", "rope.dimension_count"] {
            if keys.optional(key, 1 << 12)?.is_some_and(|n| n != head_dim) {
                return Err(unsupported(format!("`{name}.{key}` differs from the head's {head_dim}, which is not run")));
            }
        }
        if head_dim == 0 || !head_dim.is_multiple_of(2) {
            return Err(unsupported(format!("a head of {head_dim} has no rotary pairs")));
        }
        let table = file.tensor("token_embd.weight").or_else(|| file.tensor("output.weight"));
        let vocab = table.and_then(|t| t.tensor.shape.get(1)).and_then(|n| usize::try_from(*n).ok());
        let vocab = vocab.ok_or_else(|| EngineError::tensor("token_embd.weight", "missing, or no matrix"))?;
        let eps = keys.float("attention.layer_norm_rms_epsilon")?.unwrap_or(1e-5);
        if !(0.0..=1.0).contains(&eps) {
            return Err(unsupported(format!("an epsilon of {eps}")));
        }
        let window = keys.optional("attention.sliding_window", 1 << 24)?.filter(|_| architecture.global_every > 0);
        let per_head = if name == "gemma3" && layers == GEMMA3_27B_LAYERS { hidden / heads } else { head_dim };
        Ok(Self {
            architecture: *architecture,
            layers,
            hidden,
            heads,
            kv_heads,
            head_dim,
            vocab,
            context: keys.needed("context_length", 1 << 30)?,
            eps,
            rope: keys.rope()?,
            window,
            attention_scale: 1.0 / (per_head as f32).sqrt(),
        })
    }

    /// Window and rotation of a layer; `None`: the whole context.
    #[must_use]
    pub fn layer(&self, i: usize) -> (Option<usize>, Rope) {
        let every = self.architecture.global_every;
        if self.window.is_some() && every > 0 && !(i + 1).is_multiple_of(every) {
            return (self.window, Rope { base: self.architecture.window_rope_base, scale: 1.0 });
        }
        (None, self.rope)
    }

    /// Width of all queries, of all keys.
    #[must_use]
    pub fn widths(&self) -> (usize, usize) {
        (self.heads * self.head_dim, self.kv_heads * self.head_dim)
    }
}

/// Keys below the architecture's name.
struct Keys<'h> {
    header: &'h Header,
    name: &'h str,
}

impl Keys<'_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    fn believed(&self, key: &str, n: u64, most: usize) -> Result<usize, EngineError> {
        match usize::try_from(n) {
            Ok(n) if (1..=most).contains(&n) => Ok(n),
            _ => Err(unsupported(format!("`{}` must be 1 to {most}, is {n}", self.key(key)))),
        }
    }

    fn optional(&self, key: &str, most: usize) -> Result<Option<usize>, EngineError> {
        self.header.count(&self.key(key))?.map(|n| self.believed(key, n, most)).transpose()
    }

    fn needed(&self, key: &str, most: usize) -> Result<usize, EngineError> {
        self.optional(key, most)?.ok_or_else(|| unsupported(format!("`{}` is missing", self.key(key))))
    }

    fn float(&self, key: &str) -> Result<Option<f32>, EngineError> {
        Ok(self.header.float(&self.key(key))?.map(|x| x as f32))
    }

    fn same_in_all_layers(&self, key: &str) -> Result<Option<usize>, EngineError> {
        match self.header.values.get(&self.key(key)) {
            Some(Value::Integers(list)) => match list.as_slice() {
                [first, rest @ ..] if rest.iter().all(|n| n == first) => {
                    self.believed(key, u64::try_from(*first).unwrap_or(0), 1 << 14).map(Some)
                }
                _ => Err(unsupported(format!("`{}` differs from layer to layer, which is not run", self.key(key)))),
            },
            _ => self.optional(key, 1 << 14),
        }
    }

    fn rope(&self) -> Result<Rope, EngineError> {
        let base = self.float("rope.freq_base")?.unwrap_or(10_000.0);
        let scale = match self.header.text(&self.key("rope.scaling.type"))? {
            None | Some("none") => 1.0,
            Some("linear") => 1.0 / self.float("rope.scaling.factor")?.unwrap_or(1.0),
            Some(other) => return Err(unsupported(format!("rotary scaling `{other}` is not run; none and linear are"))),
        };
        if !(base.is_normal() && base > 1.0 && scale.is_normal() && scale > 0.0) {
            return Err(unsupported(format!("a rotary base of {base} with scale {scale}")));
        }
        Ok(Rope { base, scale })
    }
}

fn unsupported(why: String) -> EngineError {
    EngineError::Unsupported(why)
}
