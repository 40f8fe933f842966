//! From a file to packed layers.

use std::ops::Range;
use std::sync::Arc;

use kernels::{Kernel, Matrix, Pool};

use super::bundle::{Bundle, Table, Weight, held_bytes};
use super::config::Config;
use super::frame::{BUNDLES, CLASSES, Frame, Wanted};
use super::profile::Op;
use super::sequence::{KvBits, Sequence};
use super::shard::Shard;
use super::weights::{Packing, Ready, Shape, Weights};
use crate::error::EngineError;
use crate::gguf::File;
use crate::precision::Precision;
use crate::stream::{Pass, Stream, Streamed};

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
    /// Bytes of all weights.
    pub bytes: u64,
    /// Bytes of them that are in memory, with the windows that others are read into.
    pub held: u64,
    /// Bytes that one decoded token reads: every matrix once, of a token table one row.
    pub bytes_per_token: u64,
    /// Multiplications of one token.
    pub multiplied: u64,
    /// Bits of a weight in matrices, scales and padding included; 0 without matrices.
    pub bits_per_weight: f64,
}

pub(super) struct Layer {
    pub(super) attn_norm: Vec<f32>,
    pub(super) biases: Option<[Vec<f32>; 3]>,
    pub(super) qk_norms: Option<[Vec<f32>; 2]>,
    /// After attention, after MLP.
    pub(super) post_norms: Option<[Vec<f32>; 2]>,
    pub(super) ffn_norm: Vec<f32>,
    /// Query, key, value, output; gate, up; down.
    pub(super) bundles: [Bundle; 3],
    /// Positions that are seen, `None`: all.
    pub(super) window: Option<usize>,
    /// Which of the stage's rotations.
    pub(super) windowed_rope: bool,
}

impl Layer {
    fn weights(&self) -> impl Iterator<Item = Weight> {
        self.bundles.iter().flat_map(Bundle::weights)
    }

    pub(super) fn vectors(&self) -> impl Iterator<Item = &Vec<f32>> {
        let biases = self.biases.iter().flatten();
        let norms = self.qk_norms.iter().flatten().chain(self.post_norms.iter().flatten());
        [&self.attn_norm, &self.ffn_norm].into_iter().chain(biases).chain(norms)
    }
}

pub(super) struct Head {
    pub(super) norm: Vec<f32>,
    pub(super) table: Arc<Table>,
    /// Not the token table.
    own: bool,
}

/// A range of a model's layers, packed and ready to run.
pub struct Stage {
    pub(super) config: Config,
    part: Part,
    pub(super) embedding: Option<Arc<Table>>,
    pub(super) layers: Vec<Layer>,
    pub(super) head: Option<Head>,
    /// Angle of one position, by rotary pair: of layers without a window, and with one.
    pub(super) frequencies: [Vec<f32>; 2],
    pub(super) pool: Arc<Pool>,
    precision: Precision,
    /// Where weights that are not in memory come from.
    stream: Option<Stream>,
    shard: Option<Shard>,
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
        Self::from_weights((&Weights::File(file), None), Config::new(file)?, options, pool, ready)
    }

    /// One half of a stage that two devices share ([`Shard::pair`]); the part that `options` name says which half has
    /// the token table and the output matrix. It goes forward with its partner
    /// ([`forward_shared`](Self::forward_shared)).
    ///
    /// Codes and scales are those of the whole where a scale is for a block of columns. Where it is for a row (`w8a8`,
    /// and `ternary` and `sherry` of a file that was not trained for them) each half of an output matrix has its own.
    ///
    /// # Errors
    /// As [`load`](Self::load); a shard that is no part of the model, or cuts a block; matrices with corrections, and
    /// files with STQ1_0, which are not divided.
    pub fn load_shard(file: &File, options: &Options, shard: &Shard, pool: Arc<Pool>) -> Result<Self, EngineError> {
        Self::from_weights((&Weights::File(file), Some(shard)), Config::new(file)?, options, pool, &Ready::default())
    }

    /// A model of this shape with random weights: as fast as a real one, and as large, but it says nothing.
    ///
    /// # Errors
    /// The shape cannot be packed.
    pub fn random(shape: &Shape, seed: u64, options: &Options, pool: Arc<Pool>) -> Result<Self, EngineError> {
        Self::from_weights((&Weights::Noise { shape, seed }, None), shape.config(), options, pool, &Ready::default())
    }

    fn from_weights(
        (weights, shard): (&Weights<'_>, Option<&Shard>),
        config: Config,
        options: &Options,
        pool: Arc<Pool>,
        ready: &Ready,
    ) -> Result<Self, EngineError> {
        let frame = Frame::new(weights, config, options.part.as_ref(), shard)?;
        let how = Packing { precision: options.precision, kernel: options.kernel, pool: &pool, ready };
        let bundle = |list: &[Wanted]| list.iter().map(|w| w.pack(weights, &how)).collect::<Result<_, _>>().map(Bundle::Held);
        let bundles = frame.bundles().map(bundle).collect::<Result<_, _>>()?;
        let tables = frame.tables().into_iter().map(|(w, _)| w.pack(weights, &how).map(Table::Whole));
        let tables = tables.collect::<Result<_, _>>()?;
        let stage = Self::assembled(frame, options, pool, bundles, tables, None)?;
        Ok(Self { shard: shard.cloned(), ..stage })
    }

    /// Packs one matrix after the other, each gone before the next; tensors' names with them.
    pub(crate) fn each_packed<E: From<EngineError>>(
        weights: &Weights<'_>,
        frame: &Frame,
        options: &Options,
        pool: &Pool,
        see: &mut dyn FnMut(&str, &Matrix) -> Result<(), E>,
    ) -> Result<(), E> {
        let ready = Ready::default();
        let how = Packing { precision: options.precision, kernel: options.kernel, pool, ready: &ready };
        frame.all().try_for_each(|w| see(&w.name, &w.pack(weights, &how)?))
    }

    /// A stage of a frame and its matrices, in the order of [`Frame::bundles`] and [`Frame::tables`].
    pub(crate) fn assembled(
        frame: Frame,
        options: &Options,
        pool: Arc<Pool>,
        bundles: Vec<Bundle>,
        tables: Vec<Table>,
        stream: Option<Stream>,
    ) -> Result<Self, EngineError> {
        let missing = || EngineError::Input("a stage without one of its matrices".into());
        let own = frame.tables().last().is_some_and(|(w, _)| w.name == "output.weight");
        let mut bundles = bundles.into_iter();
        let mut layers = frame.layers;
        for (place, range) in layers.iter_mut().flat_map(|l| l.bundles.iter_mut().zip(BUNDLES)) {
            *place = bundles.next().filter(|b| b.weights().len() == range.len()).ok_or_else(missing)?;
        }
        let tables: Vec<Arc<Table>> = tables.into_iter().map(Arc::new).collect();
        let head = match frame.head_norm {
            None => None,
            Some(norm) => Some(Head { norm, table: Arc::clone(tables.last().ok_or_else(missing)?), own }),
        };
        let embedding = match frame.part.embedding {
            true => Some(Arc::clone(tables.first().ok_or_else(missing)?)),
            false => None,
        };
        let (config, part, frequencies, precision) = (frame.config, frame.part, frame.frequencies, options.precision);
        Ok(Self { config, part, embedding, layers, head, frequencies, pool, precision, stream, shard: None })
    }

    /// A pass over its weights; none where all are in memory.
    pub(super) fn pass(&self, head: bool) -> Option<Pass<'_>> {
        self.stream.as_ref().map(|s| s.pass(head))
    }

    /// What of every layer it has, where two devices share it.
    #[must_use]
    pub fn shard(&self) -> Option<&Shard> {
        self.shard.as_ref()
    }

    /// How streaming goes; none where all weights are in memory.
    #[must_use]
    pub fn streamed(&self) -> Option<Streamed> {
        self.stream.as_ref().map(Stream::streamed)
    }

    /// Shape of the whole model; of half a stage, with the heads of that half.
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

    /// Packed matrices in memory with their tensor class (`attn_q`, `ffn_down`, `token_embd`, …), each once. All of
    /// them, but for a stage that streams.
    pub fn matrices(&self) -> impl Iterator<Item = (&'static str, &Matrix)> {
        let layers = self.layers.iter().flat_map(|l| {
            let classes = |i: usize| CLASSES[BUNDLES[i].clone()].iter().copied();
            l.bundles.iter().enumerate().flat_map(move |(i, b)| classes(i).zip(b.held()))
        });
        layers.chain(self.tables().filter_map(|(class, t)| Some((class, t.whole()?))))
    }

    /// What all its matrices are, in memory or not, in the order of [`matrices`](Self::matrices).
    pub fn weights(&self) -> impl Iterator<Item = (&'static str, Weight)> {
        let layers = self.layers.iter().flat_map(|l| CLASSES.into_iter().zip(l.weights()));
        layers.chain(self.tables().map(|(class, t)| (class, t.weight())))
    }

    /// Token table and output matrix, each once.
    fn tables(&self) -> impl Iterator<Item = (&'static str, &Arc<Table>)> {
        let other = self.head.as_ref().filter(|h| self.embedding.as_ref().is_none_or(|e| !Arc::ptr_eq(e, &h.table)));
        self.embedding.iter().map(|t| ("token_embd", t)).chain(other.map(|h| ("output", &h.table)))
    }

    /// Weight bytes of the matrices of an operation, in all layers.
    pub(super) fn bytes_of(&self, op: Op) -> u64 {
        let of = |range: Range<usize>| -> u64 {
            self.layers.iter().flat_map(|l| l.weights().skip(range.start).take(range.len())).map(|w| w.bytes).sum()
        };
        match op {
            Op::Qkv => of(0..3),
            Op::AttnOut => of(3..4),
            Op::GateUp => of(4..6),
            Op::Down => of(6..7),
            Op::Head => self.head.as_ref().map_or(0, |h| h.table.weight().bytes),
            _ => 0,
        }
    }

    /// [`matrices`](Self::matrices) with their tensors' names.
    pub(crate) fn named_matrices(&self) -> impl Iterator<Item = (String, &Matrix)> {
        let mut layers = self.part.layers.clone().flat_map(|i| std::iter::repeat_n(i, CLASSES.len()));
        let own = self.head.as_ref().is_some_and(|h| h.own);
        self.matrices().map(move |(class, m)| match class {
            // A tied table is one tensor, whatever it is used for.
            "output" if !own => ("token_embd.weight".into(), m),
            "token_embd" | "output" => (format!("{class}.weight"), m),
            _ => (format!("blk.{}.{class}.weight", layers.next().unwrap_or_default()), m),
        })
    }

    /// Memory, traffic and work of a token.
    #[must_use]
    pub fn size(&self) -> Size {
        let (weights, bytes) =
            self.weights().fold((0u64, 0u64), |(n, b), (_, w)| (n + w.rows as u64 * w.cols as u64, b + w.bytes));
        let read = self.layers.iter().flat_map(Layer::weights).chain(self.head.as_ref().map(|h| h.table.weight()));
        let (multiplied, streamed) = read.fold((0, 0), |(n, b), w| (n + w.multiplications, b + w.bytes));
        let row = self.embedding.as_ref().map_or(0, |t| t.weight().bytes / (t.weight().rows as u64).max(1));
        let norms: usize =
            self.layers.iter().flat_map(Layer::vectors).chain(self.head.as_ref().map(|h| &h.norm)).map(Vec::len).sum();
        let norm_bytes = norms as u64 * size_of::<f32>() as u64;
        let tables: Vec<&Arc<Table>> = self.tables().map(|(_, t)| t).collect();
        let matrices = held_bytes(self.layers.iter().flat_map(|l| &l.bundles), &tables);
        Size {
            parameters: weights + norms as u64,
            bytes: bytes + norm_bytes,
            held: matrices + norm_bytes + self.stream.as_ref().map_or(0, Stream::bytes),
            bytes_per_token: streamed + row + norm_bytes,
            multiplied,
            bits_per_weight: if weights == 0 { 0.0 } else { bytes as f64 * 8.0 / weights as f64 },
        }
    }
}
