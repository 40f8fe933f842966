//! Where weights come from: a file, or a generator of random ones for a shape.

use std::cell::RefCell;
use std::collections::BTreeMap;

use kernels::{Format, Kernel, Matrix, PackError, Pool, Source};
use profiles::Role;
use profiles::gguf::TensorType;

use super::architecture::ARCHITECTURES;
use super::config::{Config, Rope};
use super::nested::Nested;
use super::shard::{Cut, Part};
use super::shuffled::{self, Shuffled};
use crate::dequant::Rows;
use crate::error::EngineError;
use crate::gguf::File;
use crate::precision::{MAX_RANK, Precision};

/// Shape of a llama whose weights do not matter; its head is its token table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub layers: usize,
    pub hidden: usize,
    pub wide: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub vocab: usize,
    pub context: usize,
}

impl Shape {
    /// 1.07 billion weights, as in `kernel-peers` measurements: width 2048, 16 layers.
    pub const LLAMA_1B: Self =
        Self { layers: 16, hidden: 2048, wide: 8192, heads: 32, kv_heads: 8, vocab: 49_152, context: 8192 };
    /// 2.97 billion weights: width 3072, 28 layers.
    pub const LLAMA_3B: Self =
        Self { layers: 28, hidden: 3072, wide: 8192, heads: 24, kv_heads: 8, vocab: 49_152, context: 8192 };

    /// `1b` or `3b`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "1b" => Some(Self::LLAMA_1B),
            "3b" => Some(Self::LLAMA_3B),
            _ => None,
        }
    }

    pub(crate) fn config(&self) -> Config {
        let head_dim = self.hidden / self.heads;
        Config {
            architecture: ARCHITECTURES[0],
            layers: self.layers,
            hidden: self.hidden,
            heads: self.heads,
            kv_heads: self.kv_heads,
            head_dim,
            vocab: self.vocab,
            context: self.context,
            eps: 1e-5,
            rope: Rope { base: 10_000.0, scale: 1.0 },
            window: None,
            attention_scale: 1.0 / (head_dim as f32).sqrt(),
        }
    }
}

/// Starts the fit of corrections: the same file gives the same weights everywhere.
const FIT_SEED: u64 = 1;

/// How matrices are packed.
pub(super) struct Packing<'l> {
    pub(super) precision: Precision,
    pub(super) kernel: Option<Kernel>,
    pub(super) pool: &'l Pool,
    /// Some that are packed already.
    pub(super) ready: &'l Ready,
}

/// Matrices by their tensor's name that were packed before, each for one taker.
#[derive(Debug, Default)]
pub(crate) struct Ready(RefCell<BTreeMap<String, Matrix>>);

impl Ready {
    pub(crate) fn new(matrices: BTreeMap<String, Matrix>) -> Self {
        Self(RefCell::new(matrices))
    }

    /// How many nobody took.
    pub(crate) fn left(&self) -> usize {
        self.0.borrow().len()
    }

    /// The matrix, where it is there and what the packing would make.
    fn take(&self, name: &str, shape: (usize, usize), format: Format, rank: usize, kernel: Option<Kernel>) -> Option<Matrix> {
        let m = self.0.borrow_mut().remove(name)?;
        let fits = (m.rows(), m.cols()) == shape && m.format() == format && m.rank() == rank.min(shape.0).min(shape.1);
        (fits && kernel.is_none_or(|k| k == m.kernel())).then_some(m)
    }
}

pub(crate) enum Weights<'l> {
    File(&'l File),
    Noise { shape: &'l Shape, seed: u64 },
}

impl Weights<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        matches!(self, Self::File(file) if file.tensor(name).is_some())
    }

    /// That the model's dimensions can be put in the order that its types want.
    pub(super) fn check(&self, config: &Config) -> Result<(), EngineError> {
        match self {
            Self::File(file) if is_shuffled(file) && !config.head_dim.is_multiple_of(shuffled::RUN) => {
                let (run, found) = (shuffled::RUN, config.head_dim);
                Err(EngineError::Unsupported(format!("STQ1_0 with heads of {found}; multiples of {run} are run")))
            }
            _ => Ok(()),
        }
    }

    /// Rows of a matrix whose shape only its tensor says.
    pub(super) fn rows_of(&self, name: &str) -> Result<usize, EngineError> {
        match self {
            Self::Noise { shape, .. } => Ok(shape.wide),
            Self::File(file) => {
                let rows = file.tensor(name).and_then(|t| t.tensor.shape.get(1)).and_then(|n| usize::try_from(*n).ok());
                rows.or_else(|| Nested::rows_of(file, class(name)))
                    .ok_or_else(|| EngineError::tensor(name, "missing, or no matrix"))
            }
        }
    }

    /// The matrix packed for this machine, in the format that `precision` gives it.
    pub(super) fn matrix(
        &self,
        name: &str,
        (rows, cols): (usize, usize),
        role: Role,
        how: &Packing<'_>,
    ) -> Result<Matrix, EngineError> {
        let kernel = |format| how.kernel.unwrap_or_else(|| Kernel::best_for(format));
        let packed = match self {
            Self::File(file) => return packed(file, name, (rows, cols), role, how),
            Self::Noise { seed, .. } => {
                let half = TensorType::of(1).ok_or_else(|| EngineError::tensor(name, "half precision is no type"))?;
                let format = how.precision.format(role, half);
                let seed = name.bytes().fold(*seed, |h, b| h.rotate_left(9).wrapping_mul(0x100_0000_01b3) ^ u64::from(b));
                let random =
                    |rows, cols, format: Format, seed| Matrix::random(rows, cols, format, kernel(format), seed, how.pool);
                let base = random(rows, cols, format, seed);
                match how.precision.rank(role).min(rows).min(cols) {
                    0 => base,
                    rank => base.and_then(|base| {
                        let (down, up) = (random(rank, cols, Format::F16, seed ^ 1)?, random(rows, rank, Format::F16, seed ^ 2)?);
                        base.with_correction(down, up, 1.0).map_err(|_| PackError::TooBig { rows, cols })
                    }),
                }
            }
        };
        packed.map_err(|source| EngineError::Pack { name: name.into(), source })
    }

    /// Some rows and columns of the matrix, packed as the whole would be.
    pub(super) fn cut(
        &self,
        name: &str,
        shape @ (rows, cols): (usize, usize),
        cut: &Cut,
        role: Role,
        how: &Packing<'_>,
    ) -> Result<Matrix, EngineError> {
        let undivided = |what: &str| EngineError::Unsupported(format!("`{name}`: {what} is not divided between two devices"));
        let Self::File(file) = self else { return Err(undivided("a random matrix")) };
        let class = class(name);
        if how.precision.rank(role) > 0 || file.tensor(&format!("{class}.low_up")).is_some() {
            return Err(undivided("a matrix with a correction"));
        }
        if is_shuffled(file) {
            return Err(undivided("a file with STQ1_0"));
        }
        let source: Box<dyn Source + '_> = if Nested::rows_of(file, class).is_some() {
            let format = how.precision.format(role, nested_kind(name)?);
            let nested = Nested::new(file, class, shape, format.code_bits().unwrap_or(8))?;
            Box::new(nested.ok_or_else(|| EngineError::tensor(name, "is not in the file"))?)
        } else {
            Box::new(stored(file, name, &[cols, rows])?)
        };
        let kind = match file.tensor(name) {
            Some(tensor) => tensor.kind(),
            None => nested_kind(name)?,
        };
        let format = how.precision.format(role, kind);
        let part = Part::new(&*source, cut.clone()).ok_or_else(|| EngineError::tensor(name, format!("has no {cut:?}")))?;
        pack(&part, name, format, 0, how)
    }

    pub(super) fn vector(&self, name: &str, len: usize) -> Result<Vec<f32>, EngineError> {
        match self {
            Self::File(file) => {
                let v = stored(file, name, &[len])?.to_vec();
                Ok(if is_shuffled(file) { shuffled::vector(name, &v) } else { v })
            }
            Self::Noise { .. } => Ok(vec![1.0; len]),
        }
    }
}

/// Name of a matrix without `.weight`: that of its planes and its correction.
fn class(name: &str) -> &str {
    name.strip_suffix(".weight").unwrap_or(name)
}

/// Number of the type whose files have the kernels' order of columns made at load.
const STQ1_0: u32 = 43;

/// True where Sherry's type is among the layers' matrices: then all of the model moves.
fn is_shuffled(file: &File) -> bool {
    file.header().tensors.iter().any(|t| t.kind.id == STQ1_0)
}

/// The type that nested planes stand for: eight bits.
fn nested_kind(name: &str) -> Result<&'static TensorType, EngineError> {
    TensorType::of(24).ok_or_else(|| EngineError::tensor(name, "eight bits are no type"))
}

/// A matrix of a file, in the format that the precision gives it.
fn packed(
    file: &File,
    name: &str,
    shape @ (rows, cols): (usize, usize),
    role: Role,
    how: &Packing<'_>,
) -> Result<Matrix, EngineError> {
    let class = class(name);
    if Nested::rows_of(file, class).is_some() {
        let format = how.precision.format(role, nested_kind(name)?);
        // Formats without codes of their own are made of all eight bits.
        let nested = Nested::new(file, class, shape, format.code_bits().unwrap_or(8))?;
        let nested = nested.ok_or_else(|| EngineError::tensor(name, "is not in the file"))?;
        return pack(&nested, name, format, how.precision.rank(role), how);
    }
    let source = stored(file, name, &[cols, rows])?;
    let format = how.precision.format(role, source.kind());
    if is_shuffled(file) {
        if !(rows.is_multiple_of(shuffled::RUN) && cols.is_multiple_of(shuffled::RUN)) {
            let why =
                format!("{rows} x {cols} in a file with STQ1_0, of which rows and columns are multiples of {}", shuffled::RUN);
            return Err(EngineError::tensor(name, why));
        }
        return pack(&Shuffled::new(&source, name), name, format, how.precision.rank(role), how);
    }
    let trained = format!("{class}.low_up");
    // A correction that was trained belongs to its own backbone, and takes the place of one that would be fitted.
    if file.tensor(&trained).is_some() {
        return corrected(file, name, &source, format, how);
    }
    pack(&source, name, format, how.precision.rank(role), how)
}

/// The source packed, with a fitted correction where `rank` is not zero.
fn pack(source: &dyn Source, name: &str, format: Format, rank: usize, how: &Packing<'_>) -> Result<Matrix, EngineError> {
    let kernel = how.kernel.unwrap_or_else(|| Kernel::best_for(format));
    if let Some(ready) = how.ready.take(name, (source.rows(), source.cols()), format, rank, how.kernel) {
        return Ok(ready);
    }
    let made = match rank {
        0 => Matrix::pack(source, format, kernel, how.pool),
        rank => Matrix::corrected(source, format, rank, FIT_SEED, kernel, how.pool),
    };
    made.map_err(|error| EngineError::Pack { name: name.into(), source: error })
}

/// A matrix with the correction of its file: `NAME.low_down` F16 `[cols, rank]`, `NAME.low_up` F16
/// `[rank, rows]`, `NAME.low_gate` F32 `[1]`.
fn corrected(file: &File, name: &str, source: &Rows<'_>, format: Format, how: &Packing<'_>) -> Result<Matrix, EngineError> {
    let (class, rows, cols) = (class(name), source.rows(), source.cols());
    let up = format!("{class}.low_up");
    let rank = file.tensor(&up).and_then(|t| t.tensor.shape.first().copied()).and_then(|n| usize::try_from(n).ok());
    let rank = rank.filter(|n| (1..=usize::from(MAX_RANK)).contains(n));
    let rank = rank.ok_or_else(|| EngineError::tensor(&up, format!("a correction has a rank of 1 to {MAX_RANK}")))?;
    if let Some(ready) = how.ready.take(name, (rows, cols), format, rank, how.kernel) {
        return Ok(ready);
    }
    let half = |part: &str, shape: &[usize]| {
        let name = format!("{class}.{part}");
        pack(&stored(file, &name, shape)?, &name, Format::F16, 0, how)
    };
    let (down, up) = (half("low_down", &[cols, rank])?, half("low_up", &[rank, rows])?);
    let gate = stored(file, &format!("{class}.low_gate"), &[1])?.to_vec()[0];
    let base = pack(source, name, format, 0, how)?;
    base.with_correction(down, up, gate).map_err(|e| EngineError::tensor(name, e.to_string()))
}

fn stored<'f>(file: &'f File, name: &str, wanted: &[usize]) -> Result<Rows<'f>, EngineError> {
    let data = file.tensor(name).ok_or_else(|| EngineError::tensor(name, "is not in the file"))?;
    if !data.tensor.shape.iter().map(|d| usize::try_from(*d).ok()).eq(wanted.iter().map(|d| Some(*d))) {
        return Err(EngineError::tensor(name, format!("has shape {:?}, expected {wanted:?}", data.tensor.shape)));
    }
    Rows::new(data)
}
