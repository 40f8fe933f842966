//! Packed matrices as bytes, so that a program need not pack them at every start.
//!
//! The bytes are good for the build and the kind of machine that wrote them: beside format and kernel stands a
//! fingerprint of how this build packs, and what another build wrote is refused. Little-endian throughout:
//!
//! ```text
//! format name [16]  kernel name [16]  fingerprint u64  rows u64  cols u64
//! scaling u32 (0 half, 1 row, 2 block)  group u32  affine u32  corrected u32  bytes of codes u64  row scales u64  zeros [24]
//! codes and scales of all tiles, then f32 row scales, then, where corrected: gate f32, down, up (the same form)
//! ```
//!
//! What has codes begins at a multiple of 64 bytes, and so do its codes: bytes that are read to such a place can be
//! multiplied where they lie ([`Outline`]).
//!
//! Whatever the bytes say, reading is safe: sizes must be those of the layout, and no kernel takes an address
//! from a code. That they are the bytes that were written is for the caller to know, by a digest.

mod outline;

pub use outline::Outline;

use crate::layout::Scaling;
use crate::memory::LINE;
use crate::{Affine, Format, Kernel, Matrix, Pool, Source, Wait};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, OnceLock};

/// Why bytes are no packed matrix for this program on this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeptError {
    /// The bytes end too early, or go on after the end.
    #[error("{have} bytes where {want} were expected")]
    Length {
        /// Bytes that the layout has.
        want: usize,
        /// Bytes that are there.
        have: usize,
    },
    /// No format, kernel, scaling or shape that there is.
    #[error("no {what} of a packed matrix")]
    Unknown {
        /// Which field.
        what: &'static str,
    },
    /// Another build packed otherwise.
    #[error("another build packed it: {format} for {kernel} is laid out differently now")]
    Build {
        /// Format of the matrix.
        format: Format,
        /// Kernel it was packed for.
        kernel: Kernel,
    },
    /// Another machine packed it.
    #[error("this machine cannot run the {kernel} kernel that it was packed for")]
    Unavailable {
        /// That kernel.
        kernel: Kernel,
    },
}

const NAME: usize = 16;
/// Bytes before the codes.
const HEAD: usize = 128;

impl Matrix {
    /// Writes what [`decode`](Self::decode) reads: [`bytes`](Self::bytes) and a few hundred more.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn encode(&self, out: &mut impl Write) -> std::io::Result<()> {
        let mut head = Vec::with_capacity(HEAD);
        for name in [self.format.name(), self.kernel.name()] {
            let mut field = [0; NAME];
            field[..name.len()].copy_from_slice(name.as_bytes());
            head.extend(field);
        }
        let (scaling, group, affine) = match self.layout.scaling {
            Scaling::Half => (0_u32, 0, false),
            Scaling::Row => (1, 0, false),
            Scaling::Block { group, affine } => (2, group as u32, affine),
        };
        for n in [fingerprint(self.format, self.kernel), self.rows() as u64, self.cols() as u64] {
            head.extend(n.to_le_bytes());
        }
        for n in [scaling, group, affine.into(), self.correction.is_some().into()] {
            head.extend(n.to_le_bytes());
        }
        for n in [self.data.len(), self.row_scales.len()] {
            head.extend((n as u64).to_le_bytes());
        }
        head.resize(HEAD, 0);
        out.write_all(&head)?;
        out.write_all(self.data.bytes())?;
        for scale in &self.row_scales {
            out.write_all(&scale.to_le_bytes())?;
        }
        if let Some(c) = &self.correction {
            out.write_all(&c.gate.to_le_bytes())?;
            let mut at = HEAD + self.data.len() + size_of::<f32>() * (self.row_scales.len() + 1);
            for part in [&c.down, &c.up] {
                let gap = at.next_multiple_of(LINE) - at;
                out.write_all(&[0; LINE][..gap])?;
                part.encode(out)?;
                at += gap + HEAD + part.data.len() + size_of::<f32>() * part.row_scales.len();
            }
        }
        Ok(())
    }

    /// The matrix that was [encoded](Self::encode), ready to multiply.
    ///
    /// # Errors
    ///
    /// [`KeptError`]: the bytes are of another length, build or machine, or are no matrix.
    pub fn decode(bytes: &[u8]) -> Result<Self, KeptError> {
        let outline = Outline::read(bytes.len(), &mut |at, len| {
            let have = bytes.len().saturating_sub(at);
            bytes.get(at..).and_then(|b| b.get(..len)).map(<[u8]>::to_vec).ok_or(KeptError::Length { want: len, have })
        })?;
        outline.copied(bytes)
    }
}

/// Scalings that packing gives the format.
fn scaling_of(format: Format, kind: u32, group: usize, affine: bool) -> Option<Scaling> {
    let block = Scaling::Block { group, affine };
    match (format, kind) {
        (Format::F16, 0) => Some(Scaling::Half),
        (Format::W8A8 | Format::Ternary | Format::Ternary167 | Format::Sherry, 1) => Some(Scaling::Row),
        (Format::Ternary, 2) if matches!(group, 16 | 32) && !affine => Some(block),
        _ if format.code_bits().is_some() && kind == 2 && matches!(group, 16 | 32) => Some(block),
        _ => None,
    }
}

/// A digest of what this build makes of a few weights, plain and stored: it changes when a layout, a quantiser or
/// the fit of a correction does, without anybody having to remember a version number.
fn fingerprint(format: Format, kernel: Kernel) -> u64 {
    static SEEN: OnceLock<Mutex<BTreeMap<(Format, Kernel), u64>>> = OnceLock::new();
    let mut seen = SEEN.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    *seen.entry((format, kernel)).or_insert_with(|| {
        let pool = Pool::new(1, Wait::Park);
        let stored = [(2, 16), (3, 16), (4, 32), (5, 32), (6, 16), (8, 32)].map(|(bits, block)| Some(Affine { bits, block }));
        let samples = std::iter::once(None).chain(stored).map(Sample);
        // FNV-1a (Fowler, Noll and Vo), over words.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |word: u64| hash = (hash ^ word).wrapping_mul(0x100_0000_01b3).rotate_left(29);
        let mut add_matrix = |m: &Matrix| {
            m.data.bytes().chunks(8).for_each(|c| {
                let mut word = [0; 8];
                word[..c.len()].copy_from_slice(c);
                add(u64::from_le_bytes(word));
            });
            m.row_scales.iter().for_each(|s| add(s.to_bits().into()));
        };
        for sample in samples {
            // Fails for kernels of other machines only, which are refused before this is asked.
            if let Ok(m) = Matrix::corrected(&sample, format, 1, 1, kernel, &pool) {
                add_matrix(&m);
                m.correction.iter().for_each(|c| [&c.down, &c.up].into_iter().for_each(&mut add_matrix));
            }
        }
        hash
    })
}

/// Weights of no meaning, each of its own size.
struct Sample(Option<Affine>);

impl Sample {
    fn code(&self, row: usize, k: usize) -> u8 {
        let bits = self.0.map_or(8, |a| a.bits);
        let hash = ((row * 193 + k + 1) as u32).wrapping_mul(0x9e37_79b9);
        (hash >> 24) as u8 >> (8 - bits)
    }

    fn scale(row: usize, block: usize) -> f32 {
        0.01 + 0.001 * ((row * 7 + block * 3) % 16) as f32
    }
}

impl Source for Sample {
    fn rows(&self) -> usize {
        9
    }
    fn cols(&self) -> usize {
        96
    }
    fn row(&self, row: usize, out: &mut [f32]) {
        let block = self.0.map_or(32, |a| a.block);
        for (k, w) in out.iter_mut().enumerate() {
            *w = Self::scale(row, k / block) * (f32::from(self.code(row, k)) - 3.5);
        }
    }
    fn affine(&self) -> Option<Affine> {
        self.0
    }
    fn affine_row(&self, row: usize, codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        codes.iter_mut().enumerate().for_each(|(k, c)| *c = self.code(row, k));
        scales.iter_mut().enumerate().for_each(|(b, s)| *s = Self::scale(row, b));
        mins.iter_mut().enumerate().for_each(|(b, m)| *m = -3.5 * Self::scale(row, b));
    }
}

#[cfg(test)]
mod tests;
