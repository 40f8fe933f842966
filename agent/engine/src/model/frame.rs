//! A stage without its matrices: what is small and always in memory, and which matrices it needs.

use std::ops::Range;

use kernels::rope_frequencies;
use profiles::Role;

use super::bundle::Bundle;
use super::config::Config;
use super::load::{Layer, Part};
use super::shard::{Cut, Shard};
use super::weights::{Packing, Weights};
use crate::error::EngineError;

/// A matrix that a stage needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Of its tensor.
    pub(crate) name: String,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) role: Role,
    /// Of the tensor, where two devices share it: its rows and columns, and which of them this is.
    pub(super) cut: Option<((usize, usize), Cut)>,
}

impl Wanted {
    pub(super) fn pack(&self, weights: &Weights<'_>, how: &Packing<'_>) -> Result<kernels::Matrix, EngineError> {
        match &self.cut {
            None => weights.matrix(&self.name, (self.rows, self.cols), self.role, how),
            Some((whole, cut)) => weights.cut(&self.name, *whole, cut, self.role, how),
        }
    }
}

/// Which of a layer's seven matrices are used together: attention's, gate with up, down.
pub(super) const BUNDLES: [Range<usize>; 3] = [0..4, 4..6, 6..7];
/// Their classes, in order.
pub(super) const CLASSES: [&str; 7] = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];

/// See the module.
pub(crate) struct Frame {
    pub(super) config: Config,
    pub(super) part: Part,
    /// Without matrices.
    pub(super) layers: Vec<Layer>,
    /// By layer, in the order of [`CLASSES`].
    wanted: Vec<[Wanted; 7]>,
    pub(super) head_norm: Option<Vec<f32>>,
    pub(super) frequencies: [Vec<f32>; 2],
    table: Option<Wanted>,
    own_head: Option<Wanted>,
}

impl Frame {
    pub(super) fn new(
        weights: &Weights<'_>,
        config: Config,
        part: Option<&Part>,
        shard: Option<&Shard>,
    ) -> Result<Self, EngineError> {
        let part = part.cloned().unwrap_or_else(|| Part::whole(&config));
        if part.layers.start > part.layers.end || part.layers.end > config.layers {
            return Err(EngineError::Input(format!("layers {:?} of a model that has {}", part.layers, config.layers)));
        }
        weights.check(&config)?;
        let maker = Maker { weights, config: &config, shard };
        let mut layers = Vec::new();
        let mut wanted = Vec::new();
        for i in part.layers.clone() {
            layers.push(maker.layer(i)?);
            wanted.push(maker.wanted(i)?);
        }
        let tied = !weights.has("output.weight");
        let rows = |name: &str, role| Wanted { name: name.into(), rows: config.vocab, cols: config.hidden, role, cut: None };
        let table = (part.embedding || (part.head && tied)).then(|| rows("token_embd.weight", Role::Embedding));
        let own_head = (part.head && !tied).then(|| rows("output.weight", Role::Head));
        let head_norm = match part.head {
            true => Some(weights.vector("output_norm.weight", config.hidden)?),
            false => None,
        };
        let frequencies = maker.frequencies()?;
        let config = shard.map_or_else(|| config.clone(), |s| s.config(&config));
        Ok(Self { config, part, layers, wanted, head_norm, frequencies, table, own_head })
    }

    /// The frame of the part that `options` name.
    pub(crate) fn of(weights: &Weights<'_>, config: Config, options: &super::Options) -> Result<Self, EngineError> {
        Self::new(weights, config, options.part.as_ref(), None)
    }

    /// Bytes of norms and biases.
    pub(crate) fn bytes(&self) -> u64 {
        let norms = self.layers.iter().flat_map(Layer::vectors).chain(&self.head_norm).map(Vec::len);
        (norms.sum::<usize>() * size_of::<f32>()) as u64
    }

    /// The layers' matrices, those that are used together together, in the order of use.
    pub(crate) fn bundles(&self) -> impl Iterator<Item = &[Wanted]> {
        self.wanted.iter().flat_map(|w| BUNDLES.into_iter().map(move |range| &w[range]))
    }

    /// Token table and output matrix, as far as the stage has them; a table that is both is one. True: every pass to
    /// the end multiplies by all of it.
    pub(crate) fn tables(&self) -> Vec<(&Wanted, bool)> {
        let table = self.table.iter().map(|w| (w, self.part.head && self.own_head.is_none()));
        table.chain(self.own_head.iter().map(|w| (w, true))).collect()
    }

    /// Whether rows of the first table are looked up.
    pub(crate) fn looks_up(&self) -> bool {
        self.part.embedding
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Wanted> {
        self.wanted.iter().flatten().chain(&self.table).chain(&self.own_head)
    }
}

struct Maker<'m> {
    weights: &'m Weights<'m>,
    config: &'m Config,
    shard: Option<&'m Shard>,
}

impl Maker<'_> {
    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, EngineError> {
        self.weights.vector(name, len)
    }

    fn wanted(&self, i: usize) -> Result<[Wanted; 7], EngineError> {
        let hidden = self.config.hidden;
        let (q, kv) = self.config.widths();
        // The MLP's width stands in its tensors.
        let wide = self.weights.rows_of(&format!("blk.{i}.ffn_up.weight"))?;
        let shapes = [(q, hidden), (kv, hidden), (kv, hidden), (hidden, q), (wide, hidden), (wide, hidden), (hidden, wide)];
        if let Some(shard) = self.shard {
            shard.check(self.config, wide)?;
        }
        Ok(std::array::from_fn(|class| {
            let cut = self.shard.map(|shard| (shapes[class], shard.of_matrix(self.config, class, shapes[class])));
            let (rows, cols) = cut.as_ref().map_or(shapes[class], |(_, cut)| (cut.rows.len(), cut.cols.len()));
            Wanted { name: format!("blk.{i}.{}.weight", CLASSES[class]), rows, cols, role: Role::Body, cut }
        }))
    }

    fn layer(&self, i: usize) -> Result<Layer, EngineError> {
        let (c, a) = (self.config, &self.config.architecture);
        let (q, kv) = c.widths();
        let vector = |what: &str, len| self.vector(&format!("blk.{i}.{what}"), len);
        let own = |class: usize, bias: Vec<f32>| match self.shard {
            None => bias,
            Some(shard) => bias[shard.of_matrix(c, class, (bias.len(), 0)).rows].to_vec(),
        };
        let (window, _) = c.layer(i);
        Ok(Layer {
            attn_norm: vector("attn_norm.weight", c.hidden)?,
            biases: match a.qkv_bias {
                true => {
                    let [bq, bk, bv] = [vector("attn_q.bias", q)?, vector("attn_k.bias", kv)?, vector("attn_v.bias", kv)?];
                    Some([own(0, bq), own(1, bk), own(2, bv)])
                }
                false => None,
            },
            qk_norms: match a.qk_norm {
                true => Some([vector("attn_q_norm.weight", c.head_dim)?, vector("attn_k_norm.weight", c.head_dim)?]),
                false => None,
            },
            post_norms: match a.post_norms {
                true => Some([vector("post_attention_norm.weight", c.hidden)?, vector("post_ffw_norm.weight", c.hidden)?]),
                false => None,
            },
            ffn_norm: vector("ffn_norm.weight", c.hidden)?,
            bundles: std::array::from_fn(|_| Bundle::Held(Box::default())),
            window,
            windowed_rope: window.is_some(),
        })
    }

    fn frequencies(&self) -> Result<[Vec<f32>; 2], EngineError> {
        let (c, pairs) = (self.config, self.config.head_dim / 2);
        let of = |rope: super::Rope| {
            let mut list = rope_frequencies(rope.base, c.head_dim);
            list.iter_mut().for_each(|f| *f *= rope.scale);
            list
        };
        let mut whole = of(c.rope);
        // Llama 3.1 on: each pair's frequency is divided by a factor of the file.
        if self.weights.has("rope_freqs.weight") {
            let factors = self.vector("rope_freqs.weight", pairs)?;
            whole.iter_mut().zip(factors).for_each(|(f, factor)| *f /= factor);
        }
        let windowed = super::Rope { base: c.architecture.window_rope_base.max(1.0), scale: 1.0 };
        Ok([whole, of(windowed)])
    }
}
