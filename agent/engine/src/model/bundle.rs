//! A stage's matrices, in memory or on disk.

use std::ops::Range;
use std::sync::Arc;

use kernels::{Format, KeptError, Kernel, Matrix, Outline, Pool, Scratch, matmul};

use crate::error::EngineError;
use crate::stream::{Pass, StreamError};

/// What a packed matrix is, wherever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    pub rows: usize,
    pub cols: usize,
    pub format: Format,
    pub kernel: Kernel,
    /// Bytes that one pass over it reads.
    pub bytes: u64,
    /// Multiplications of one token.
    pub multiplications: u64,
}

impl From<&Matrix> for Weight {
    fn from(m: &Matrix) -> Self {
        let (format, kernel, bytes) = (m.format(), m.kernel(), m.bytes() as u64);
        Self { rows: m.rows(), cols: m.cols(), format, kernel, bytes, multiplications: m.multiplications() }
    }
}

impl From<&Outline> for Weight {
    fn from(m: &Outline) -> Self {
        let (format, kernel, bytes) = (m.format(), m.kernel(), m.bytes() as u64);
        Self { rows: m.rows(), cols: m.cols(), format, kernel, bytes, multiplications: m.multiplications() }
    }
}

/// Matrices that are used together.
#[derive(Debug)]
pub(crate) enum Bundle {
    Held(Box<[Matrix]>),
    /// A span of the stage's stream, with each matrix's place from its beginning.
    Stored {
        span: usize,
        outlines: Box<[(usize, Outline)]>,
    },
}

impl Bundle {
    /// What is in it.
    pub(super) fn weights(&self) -> Vec<Weight> {
        match self {
            Self::Held(matrices) => matrices.iter().map(Weight::from).collect(),
            Self::Stored { outlines, .. } => outlines.iter().map(|(_, o)| Weight::from(o)).collect(),
        }
    }

    /// Bytes of it that are in memory between passes.
    fn held_bytes(&self) -> u64 {
        match self {
            Self::Held(matrices) => matrices.iter().map(|m| m.bytes() as u64).sum(),
            Self::Stored { outlines, .. } => outlines.iter().map(|(_, o)| o.held_bytes() as u64).sum(),
        }
    }

    /// Matrices in memory.
    pub(super) fn held(&self) -> &[Matrix] {
        match self {
            Self::Held(matrices) => matrices,
            Self::Stored { .. } => &[],
        }
    }

    /// Its matrices, to compute with.
    pub(super) fn with<R>(&self, pass: &mut Option<Pass<'_>>, compute: impl FnOnce(&[Matrix]) -> R) -> Result<R, EngineError> {
        let (span, outlines) = match self {
            Self::Held(matrices) => return Ok(compute(matrices)),
            Self::Stored { span, outlines } => (*span, outlines),
        };
        let pass = pass.as_mut().ok_or_else(no_stream)?;
        let (window, start) = pass.take(span)?;
        let matrices: Result<Vec<Matrix>, KeptError> = outlines.iter().map(|(at, o)| o.over(&window, start + at)).collect();
        let result = matrices.map(|matrices| compute(&matrices));
        pass.give(window);
        result.map_err(|e| unreadable(&e))
    }
}

fn no_stream() -> EngineError {
    EngineError::Input("weights on disk in a stage without a stream".into())
}

fn unreadable(e: &KeptError) -> EngineError {
    EngineError::Stream(StreamError::Read { path: "packed weights".into(), why: e.to_string() })
}

/// A matrix of one row for each token: the token table, the output matrix.
#[derive(Debug)]
pub(crate) enum Table {
    Whole(Matrix),
    Parts(Parts),
}

/// A table in parts of rows, some of them on disk.
#[derive(Debug)]
pub(crate) struct Parts {
    /// All of it, and where its bytes begin in the file.
    pub(crate) outline: Outline,
    pub(crate) offset: u64,
    /// Rows of each part but the last.
    pub(crate) rows: usize,
    pub(crate) parts: Vec<Bundle>,
}

impl Table {
    pub(super) fn weight(&self) -> Weight {
        match self {
            Self::Whole(m) => m.into(),
            Self::Parts(p) => (&p.outline).into(),
        }
    }

    /// The matrix, where it is in memory in one piece.
    pub(super) fn whole(&self) -> Option<&Matrix> {
        match self {
            Self::Whole(m) => Some(m),
            Self::Parts(_) => None,
        }
    }

    fn held_bytes(&self) -> u64 {
        match self {
            Self::Whole(m) => m.bytes() as u64,
            Self::Parts(p) => p.parts.iter().map(Bundle::held_bytes).sum::<u64>() + p.outline.held_bytes() as u64,
        }
    }

    /// One row, dequantised.
    pub(super) fn row(&self, row: usize, out: &mut [f32], pass: &mut Option<Pass<'_>>) -> Result<(), EngineError> {
        let p = match self {
            Self::Whole(m) => {
                m.row(row, out);
                return Ok(());
            }
            Self::Parts(p) => p,
        };
        if let Some(m) = p.parts.get(row / p.rows).and_then(|part| part.held().first()) {
            m.row(row % p.rows, out);
            return Ok(());
        }
        let step = p.outline.step();
        let rows = row / step * step..(row / step * step + step).min(p.outline.rows());
        let (bytes, outline) = p.outline.part(rows).ok_or_else(no_stream)?;
        let pass = pass.as_mut().ok_or_else(no_stream)?;
        let (window, start) = pass.look_up(&p.range(bytes))?;
        outline.over(&window, start).map_err(|e| unreadable(&e))?.row(row % step, out);
        Ok(())
    }

    /// `n` rows of `x` times the table: `out.len() == n · rows`.
    pub(super) fn multiply(
        &self,
        pool: &Pool,
        (x, n): (&[f32], usize),
        out: &mut [f32],
        scratch: &mut Scratch,
        pass: &mut Option<Pass<'_>>,
    ) -> Result<(), EngineError> {
        let p = match self {
            Self::Whole(m) => {
                matmul(pool, x, n, &[m], &mut [out], scratch);
                return Ok(());
            }
            Self::Parts(p) if n > 0 => p,
            Self::Parts(_) => return Ok(()),
        };
        let all = p.outline.rows();
        let mut some = Vec::new();
        for (i, part) in p.parts.iter().enumerate() {
            part.with(pass, |matrices| {
                for m in matrices {
                    some.resize(n * m.rows(), 0.0);
                    matmul(pool, x, n, &[m], &mut [&mut some], scratch);
                    for (row, some) in out.chunks_exact_mut(all).zip(some.chunks_exact(m.rows())) {
                        row[i * p.rows..][..m.rows()].copy_from_slice(some);
                    }
                }
            })?;
        }
        Ok(())
    }
}

impl Parts {
    /// Of the file.
    fn range(&self, bytes: Range<usize>) -> Range<u64> {
        self.offset + bytes.start as u64..self.offset + bytes.end as u64
    }
}

/// Bytes of a stage's matrices that are in memory; a table that is two things counts once.
pub(super) fn held_bytes<'b>(bundles: impl Iterator<Item = &'b Bundle>, tables: &[&Arc<Table>]) -> u64 {
    let once = tables.iter().enumerate().filter(|(i, t)| !tables[..*i].iter().any(|u| Arc::ptr_eq(t, u)));
    bundles.map(Bundle::held_bytes).sum::<u64>() + once.map(|(_, t)| t.held_bytes()).sum::<u64>()
}
