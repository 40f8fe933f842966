//! From a file to packed layers.

use std::ops::Range;
use std::sync::Arc;

use kernels::{Kernel, Matrix, Pool, rope_frequencies};
use profiles::Role;

use super::config::Config;
use super::profile::Op;
use super::sequence::{KvBits, Sequence};
use super::weights::{Packing, Ready, Shape, Weights};
use crate::error::EngineError;
use crate::gguf::File;
use crate::precision::Precision;

/// What a stage holds of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Takes tokens, not hidden states.
    pub embedding: bool,
    pub layers: Range<usize>,
    /// Gives logits, not hidden states.
    pub head: bool,
}

impl Part {
    /// Everything.
    #[must_use]
    pub fn whole(config: &Config) -> Self {
        Self { embedding: true, layers: 0..config.layers, head: true }
    }
}

/// How a stage is loaded.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `None`: everything.
    pub part: Option<Part>,
    pub precision: Precision,
    /// `None`: the fastest for each format, as measured on this machine.
    pub kernel: Option<Kernel>,
}

/// What a stage takes of memory and of the bus.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// Weights of matrices and norms; a table that serves as head too counts once.
    pub parameters: u64,
    /// Bytes of all weights in memory.
    pub bytes: u64,
    /// Bytes that one decoded token reads: every matrix once, of a token table one row.
    pub bytes_per_token: u64,
    /// Multiplications of one token.
    pub multiplied: u64,
    /// Bits of a weight in matrices, scales and padding included; 0 without matrices.
    pub bits_per_weight: f64,
}

pub(super) struct Layer {
    pub(super) attn_norm: Vec<f32>,
    pub(super) q: Matrix,
    pub(super) k: Matrix,
    pub(super) v: Matrix,
    pub(super) biases: Option<[Vec<f32>; 3]>,
    pub(super) qk_norms: Option<[Vec<f32>; 2]>,
    pub(super) o: Matrix,
    /// After attention, after MLP.
    pub(super) post_norms: Option<[Vec<f32>; 2]>,
    pub(super) ffn_norm: Vec<f32>,
    pub(super) gate: Matrix,
    pub(super) up: Matrix,
    pub(super) down: Matrix,
    /// Positions that are seen, `None`: all.
    pub(super) window: Option<usize>,
    /// Which of the stage's rotations.
    pub(super) windowed_rope: bool,
}

impl Layer {
    fn matrices(&self) -> [&Matrix; 7] {
        [&self.q, &self.k, &self.v, &self.o, &self.gate, &self.up, &self.down]
    }
}

pub(super) struct Head {
    pub(super) norm: Vec<f32>,
    pub(super) matrix: Arc<Matrix>,
}

/// A range of a model's layers, packed and ready to run.
pub struct Stage {
    pub(super) config: Config,
    part: Part,
    pub(super) embedding: Option<Arc<Matrix>>,
    pub(super) layers: Vec<Layer>,
    pub(super) head: Option<Head>,
    /// Angle of one position, by rotary pair: of layers without a window, and with one.
    pub(super) frequencies: [Vec<f32>; 2],
    pub(super) pool: Arc<Pool>,
    precision: Precision,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("part", &self.part).field("precision", &self.precision).finish_non_exhaustive()
    }
}

impl Stage {
    /// Packs the part of the model that `options` names.
    ///
    /// # Errors
    /// The architecture is not run, a tensor is missing or has another shape, or a weight is no number.
    pub fn load(file: &File, options: &Options, pool: Arc<Pool>) -> Result<Self, EngineError> {
        Self::load_with(file, options, pool, &Ready::default())
    }

    /// [`load`](Self::load), with matrices that were packed before where they are what would be packed.
    pub(crate) fn load_with(file: &File, options: &Options, pool: Arc<Pool>, ready: &Ready) -> Result<Self, EngineError> {
        Self::from_weights(&Weights::File(file), Config::new(file)?, options, pool, ready)
    }

    /// A model of this shape with random weights: as fast as a real one, and as large, but it says nothing.
    ///
    /// # Errors
    /// The shape cannot be packed.
    pub fn random(shape: &Shape, seed: u64, options: &Options, pool: Arc<Pool>) -> Result<Self, EngineError> {
        Self::from_weights(&Weights::Noise { shape, seed }, shape.config(), options, pool, &Ready::default())
    }

    fn from_weights(
        weights: &Weights<'_>,
        config: Config,
        options: &Options,
        pool: Arc<Pool>,
        ready: &Ready,
    ) -> Result<Self, EngineError> {
        let part = options.part.clone().unwrap_or_else(|| Part::whole(&config));
        if part.layers.start > part.layers.end || part.layers.end > config.layers {
            return Err(EngineError::Input(format!("layers {:?} of a model that has {}", part.layers, config.layers)));
        }
        weights.check(&config)?;
        let packing = Packing { precision: options.precision, kernel: options.kernel, pool: &pool, ready };
        let loader = Loader { weights, config: &config, packing };
        let layers = part.layers.clone().map(|i| loader.layer(i)).collect::<Result<_, _>>()?;
        let own_head = weights.has("output.weight");
        let embedding = match part.embedding || (part.head && !own_head) {
            true => Some(Arc::new(loader.matrix("token_embd.weight", config.vocab, config.hidden, Role::Embedding)?)),
            false => None,
        };
        let head = match part.head {
            true => Some(Head {
                norm: loader.vector("output_norm.weight", config.hidden)?,
                matrix: match &embedding {
                    Some(table) if !own_head => Arc::clone(table),
                    _ => Arc::new(loader.matrix("output.weight", config.vocab, config.hidden, Role::Head)?),
                },
            }),
            false => None,
        };
        let frequencies = loader.frequencies()?;
        let embedding = embedding.filter(|_| part.embedding);
        Ok(Self { config, part, embedding, layers, head, frequencies, pool, precision: options.precision })
    }

    /// Shape of the whole model.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What this stage holds.
    #[must_use]
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// Precision that it was loaded at.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Threads that it runs on.
    #[must_use]
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// An empty cache for its layers, all at `bits` (16, 8 or 4).
    ///
    /// # Errors
    /// Another number of bits.
    pub fn sequence(&self, bits: u8) -> Result<Sequence, EngineError> {
        self.sequence_with(KvBits::all(bits, self.layers.len())?)
    }

    /// An empty cache with bits by layer.
    ///
    /// # Errors
    /// Not one number for each of its layers.
    pub fn sequence_with(&self, bits: KvBits) -> Result<Sequence, EngineError> {
        let sequence = Sequence::new(self.config.kv_heads, self.config.head_dim, bits);
        if sequence.layers() != self.layers.len() {
            return Err(EngineError::Input(format!("KV bits of {} layers for {}", sequence.layers(), self.layers.len())));
        }
        Ok(sequence)
    }

    /// Packed matrices with their tensor class (`attn_q`, `ffn_down`, `token_embd`, …), each once.
    pub fn matrices(&self) -> impl Iterator<Item = (&'static str, &Matrix)> {
        const CLASSES: [&str; 7] = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
        let layers = self.layers.iter().flat_map(|l| CLASSES.into_iter().zip(l.matrices()));
        let own_head = self.head.as_ref().filter(|h| self.embedding.as_ref().is_none_or(|e| !Arc::ptr_eq(e, &h.matrix)));
        let table = self.embedding.iter().map(|m| ("token_embd", &**m));
        layers.chain(table).chain(own_head.map(|h| ("output", &*h.matrix)))
    }

    /// Weight bytes of the matrices of an operation, in all layers.
    pub(super) fn bytes_of(&self, op: Op) -> u64 {
        let of = |pick: fn(&Layer) -> Vec<&Matrix>| self.layers.iter().flat_map(pick).map(|m| m.bytes() as u64).sum();
        match op {
            Op::Qkv => of(|l| vec![&l.q, &l.k, &l.v]),
            Op::AttnOut => of(|l| vec![&l.o]),
            Op::GateUp => of(|l| vec![&l.gate, &l.up]),
            Op::Down => of(|l| vec![&l.down]),
            Op::Head => self.head.as_ref().map_or(0, |h| h.matrix.bytes() as u64),
            _ => 0,
        }
    }

    /// [`matrices`](Self::matrices) with their tensors' names.
    pub(crate) fn named_matrices(&self) -> impl Iterator<Item = (String, &Matrix)> {
        let mut layers = self.part.layers.clone().flat_map(|i| std::iter::repeat_n(i, 7));
        self.matrices().map(move |(class, m)| match class {
            "token_embd" | "output" => (format!("{class}.weight"), m),
            _ => (format!("blk.{}.{class}.weight", layers.next().unwrap_or_default()), m),
        })
    }

    /// Memory, traffic and work of a token.
    #[must_use]
    pub fn size(&self) -> Size {
        let (mut weights, mut bytes) = (0u64, 0u64);
        for (_, m) in self.matrices() {
            weights += m.rows() as u64 * m.cols() as u64;
            bytes += m.bytes() as u64;
        }
        let read = self.layers.iter().flat_map(Layer::matrices).chain(self.head.as_ref().map(|h| &*h.matrix));
        let (multiplied, streamed) = read.fold((0, 0), |(n, b), m| (n + m.multiplications(), b + m.bytes() as u64));
        let row = self.embedding.as_ref().map_or(0, |m| m.bytes() as u64 / (m.rows() as u64).max(1));
        let norms: usize =
            self.layers.iter().flat_map(Layer::vectors).chain(self.head.as_ref().map(|h| &h.norm)).map(Vec::len).sum();
        let norm_bytes = norms as u64 * size_of::<f32>() as u64;
        Size {
            parameters: weights + norms as u64,
            bytes: bytes + norm_bytes,
            bytes_per_token: streamed + row + norm_bytes,
            multiplied,
            bits_per_weight: if weights == 0 { 0.0 } else { bytes as f64 * 8.0 / weights as f64 },
        }
    }
}

impl Layer {
    fn vectors(&self) -> impl Iterator<Item = &Vec<f32>> {
        let biases = self.biases.iter().flatten();
        let norms = self.qk_norms.iter().flatten().chain(self.post_norms.iter().flatten());
        [&self.attn_norm, &self.ffn_norm].into_iter().chain(biases).chain(norms)
    }
}

struct Loader<'l> {
    weights: &'l Weights<'l>,
    config: &'l Config,
    packing: Packing<'l>,
}

impl Loader<'_> {
    fn matrix(&self, name: &str, rows: usize, cols: usize, role: Role) -> Result<Matrix, EngineError> {
        self.weights.matrix(name, (rows, cols), role, &self.packing)
    }

    fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, EngineError> {
        self.weights.vector(name, len)
    }

    fn layer(&self, i: usize) -> Result<Layer, EngineError> {
        let (c, a) = (self.config, &self.config.architecture);
        let (q, kv) = c.widths();
        let name = |what: &str| format!("blk.{i}.{what}");
        let matrix = |what: &str, rows, cols| self.matrix(&name(&format!("{what}.weight")), rows, cols, Role::Body);
        let vector = |what: &str, len| self.vector(&name(what), len);
        // The MLP's width stands in its tensors.
        let wide = self.weights.rows_of(&name("ffn_up.weight"))?;
        let (window, _) = c.layer(i);
        Ok(Layer {
            attn_norm: vector("attn_norm.weight", c.hidden)?,
            q: matrix("attn_q", q, c.hidden)?,
            k: matrix("attn_k", kv, c.hidden)?,
            v: matrix("attn_v", kv, c.hidden)?,
            biases: match a.qkv_bias {
                true => Some([vector("attn_q.bias", q)?, vector("attn_k.bias", kv)?, vector("attn_v.bias", kv)?]),
                false => None,
            },
            qk_norms: match a.qk_norm {
                true => Some([vector("attn_q_norm.weight", c.head_dim)?, vector("attn_k_norm.weight", c.head_dim)?]),
                false => None,
            },
            o: matrix("attn_output", c.hidden, q)?,
            post_norms: match a.post_norms {
                true => Some([vector("post_attention_norm.weight", c.hidden)?, vector("post_ffw_norm.weight", c.hidden)?]),
                false => None,
            },
            ffn_norm: vector("ffn_norm.weight", c.hidden)?,
            gate: matrix("ffn_gate", wide, c.hidden)?,
            up: matrix("ffn_up", wide, c.hidden)?,
            down: matrix("ffn_down", c.hidden, wide)?,
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
