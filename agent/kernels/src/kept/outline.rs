//! Packed matrices whose codes lie elsewhere.

use super::{HEAD, KeptError, NAME, fingerprint, scaling_of};
use crate::layout::{Layout, Scaling};
use crate::memory::{Buffer, LINE, Window};
use crate::pack::ROW_COLS_MAX;
use crate::{Format, Kernel, Matrix};
use std::ops::Range;
use std::sync::Arc;

/// A packed matrix without its codes: what stays in memory of one whose codes are read when they are used.
#[derive(Clone, Debug)]
pub struct Outline {
    format: Format,
    kernel: Kernel,
    layout: Layout,
    /// Where the codes begin, from the first byte of the encoded matrix.
    codes: usize,
    row_scales: Vec<f32>,
    /// Gate, down, up.
    correction: Option<Box<(f32, Outline, Outline)>>,
}

impl Outline {
    /// Reads all but the codes of an encoded matrix of `len` bytes; `read` gives so many bytes from a place in it.
    ///
    /// # Errors
    ///
    /// Those of `read`, and [`KeptError`] as in [`Matrix::decode`].
    pub fn read<E: From<KeptError>>(len: usize, read: &mut dyn FnMut(usize, usize) -> Result<Vec<u8>, E>) -> Result<Self, E> {
        let mut rest = Rest { read, at: 0, len };
        let outline = rest.outline(true)?;
        if rest.at == len { Ok(outline) } else { Err(KeptError::Length { want: rest.at, have: len }.into()) }
    }

    /// Rows (outputs).
    pub fn rows(&self) -> usize {
        self.layout.rows
    }

    /// Columns (inputs).
    pub fn cols(&self) -> usize {
        self.layout.cols
    }

    /// Format of the weights.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Kernel that multiplies.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// [`Matrix::bytes`] of the matrix.
    pub fn bytes(&self) -> usize {
        let correction = self.correction.as_ref().map_or(0, |c| size_of::<f32>() + c.1.bytes() + c.2.bytes());
        self.layout.bytes() + self.row_scales.len() * size_of::<f32>() + correction
    }

    /// Bytes of it that are in memory: scales of rows.
    pub fn held_bytes(&self) -> usize {
        self.row_scales.len() * size_of::<f32>() + self.correction.as_ref().map_or(0, |c| c.1.held_bytes() + c.2.held_bytes())
    }

    /// [`Matrix::multiplications`] of the matrix.
    pub fn multiplications(&self) -> u64 {
        let own = self.rows() as u64 * self.cols() as u64;
        own + self.correction.as_ref().map_or(0, |c| c.1.multiplications() + c.2.multiplications())
    }

    /// The matrix, its codes copied from the encoded bytes.
    ///
    /// # Errors
    ///
    /// [`KeptError::Length`]: they end before the codes do.
    pub fn copied(&self, encoded: &[u8]) -> Result<Matrix, KeptError> {
        self.filled(|at, codes| {
            let have = encoded.len().saturating_sub(at);
            let short = KeptError::Length { want: codes.len(), have };
            codes.copy_from_slice(encoded.get(at..).and_then(|b| b.get(..codes.len())).ok_or(short)?);
            Ok(())
        })
    }

    /// The matrix, its codes in memory of their own; `read` fills them from a place in the encoded bytes.
    ///
    /// # Errors
    ///
    /// Those of `read`, and [`KeptError`] where there is no memory.
    pub fn filled<E: From<KeptError>>(&self, mut read: impl FnMut(usize, &mut [u8]) -> Result<(), E>) -> Result<Matrix, E> {
        self.with(&mut |at, len| {
            let mut data = Buffer::zeroed(len).ok_or(KeptError::Length { want: len, have: 0 })?;
            read(at, data.bytes_mut())?;
            Ok(data)
        })
    }

    /// The matrix with its codes where they lie: the encoded bytes begin at `start` of the window.
    ///
    /// # Errors
    ///
    /// [`KeptError::Length`]: the codes do not lie in the window, or not at a multiple of 64 bytes.
    pub fn over(&self, window: &Arc<Window>, start: usize) -> Result<Matrix, KeptError> {
        let lent = |at, len| Buffer::lent(window, start.checked_add(at)?, len);
        self.with(&mut |at, len| lent(at, len).ok_or(KeptError::Length { want: len, have: window.bytes().len() }))
    }

    fn with<E: From<KeptError>>(&self, codes: &mut dyn FnMut(usize, usize) -> Result<Buffer, E>) -> Result<Matrix, E> {
        let data = codes(self.codes, self.layout.bytes())?;
        let correction = match self.correction.as_deref() {
            None => None,
            Some((gate, down, up)) => Some((down.with(codes)?, up.with(codes)?, *gate)),
        };
        let (format, kernel, layout, row_scales) = (self.format, self.kernel, self.layout, self.row_scales.clone());
        let plain = Matrix { format, kernel, layout, data, row_scales, correction: None };
        match correction {
            None => Ok(plain),
            Some((down, up, gate)) => {
                plain.with_correction(down, up, gate).map_err(|_| KeptError::Unknown { what: "correction" }.into())
            }
        }
    }

    /// Rows whose codes are whole cache lines: a part begins at a multiple of these.
    pub fn step(&self) -> usize {
        let tile = self.layout.tile();
        // The power of two in a tile's bytes.
        let line = tile & tile.wrapping_neg();
        self.layout.lanes * (LINE / line.clamp(1, LINE))
    }

    /// Some rows as a matrix of their own: where its codes lie in the encoded bytes, and what to read them with, from
    /// the first of these bytes on. None where rows do not begin and end at multiples of [`step`](Self::step) or at the
    /// end, and of a matrix with a correction.
    pub fn part(&self, rows: Range<usize>) -> Option<(Range<usize>, Self)> {
        let (step, layout) = (self.step(), self.layout);
        let ends = rows.end.is_multiple_of(step) || rows.end == layout.rows;
        if self.correction.is_some() || rows.is_empty() || !rows.start.is_multiple_of(step) || !ends || rows.end > layout.rows {
            return None;
        }
        let tiles = rows.start / layout.lanes..rows.end.div_ceil(layout.lanes);
        let bytes = self.codes + tiles.start * layout.tile()..self.codes + tiles.end * layout.tile();
        let scales = match self.row_scales.is_empty() {
            true => Vec::new(),
            false => self.row_scales.get(tiles.start * layout.lanes..tiles.end * layout.lanes)?.to_vec(),
        };
        let layout = Layout { rows: rows.len(), ..layout };
        Some((bytes, Self { layout, codes: 0, row_scales: scales, correction: None, ..*self }))
    }
}

/// What has not been read of `len` bytes.
struct Rest<'r, E> {
    read: &'r mut dyn FnMut(usize, usize) -> Result<Vec<u8>, E>,
    at: usize,
    len: usize,
}

impl<E: From<KeptError>> Rest<'_, E> {
    fn skip(&mut self, n: usize) -> Result<usize, KeptError> {
        let at = self.at;
        let end = at.checked_add(n).filter(|end| *end <= self.len);
        self.at = end.ok_or(KeptError::Length { want: n, have: self.len.saturating_sub(at) })?;
        Ok(at)
    }

    /// Memory grows only with bytes that are there.
    fn take(&mut self, n: usize) -> Result<Vec<u8>, E> {
        let at = self.skip(n)?;
        (self.read)(at, n)
    }

    /// To the next line.
    fn align(&mut self) -> Result<(), KeptError> {
        self.skip(self.at.next_multiple_of(LINE) - self.at).map(drop)
    }

    /// A correction has none of its own, so that nothing nests deeper.
    fn outline(&mut self, may_be_corrected: bool) -> Result<Outline, E> {
        let unknown = |what| KeptError::Unknown { what };
        let head = self.take(HEAD)?;
        let mut head = Fields(&head);
        let format = Format::named(head.name()?).ok_or(unknown("format"))?;
        let kernel = Kernel::named(head.name()?).ok_or(unknown("kernel"))?;
        if !kernel.is_available() {
            return Err(KeptError::Unavailable { kernel }.into());
        }
        if head.long()? != fingerprint(format, kernel) {
            return Err(KeptError::Build { format, kernel }.into());
        }
        let (rows, cols) = (head.size("row count")?, head.size("column count")?);
        let (scaling, group, affine) = (head.small()?, head.small()? as usize, head.flag("affine flag")?);
        let corrected = head.flag("correction flag")?;
        let scaling = scaling_of(format, scaling, group, affine).ok_or(unknown("scaling"))?;
        if (corrected && !may_be_corrected) || (scaling == Scaling::Row && cols > ROW_COLS_MAX) {
            return Err(unknown("shape").into());
        }
        let layout = Layout::new(format, scaling, kernel.lanes(), rows, cols).ok_or(unknown("shape"))?.for_kernel(kernel);
        let lanes = if scaling == Scaling::Row { layout.lanes } else { 0 };
        let scales = layout.tiles().checked_mul(lanes).ok_or(unknown("shape"))?;
        for want in [layout.bytes(), scales] {
            let have = head.size("size")?;
            if have != want {
                return Err(KeptError::Length { want, have }.into());
            }
        }
        let codes = self.skip(layout.bytes())?;
        let stored = self.take(scales.checked_mul(size_of::<f32>()).ok_or(unknown("size"))?)?;
        let row_scales = stored.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let mut correction = None;
        if corrected {
            let gate = f32::from_le_bytes(Fields(&self.take(size_of::<f32>())?).array()?);
            self.align()?;
            let down = self.outline(false)?;
            self.align()?;
            correction = Some(Box::new((gate, down, self.outline(false)?)));
        }
        Ok(Outline { format, kernel, layout, codes, row_scales, correction })
    }
}

/// What has not been read of a head.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N], KeptError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(KeptError::Length { want: N, have: self.0.len() })?;
        self.0 = rest;
        Ok(*array)
    }

    fn name(&mut self) -> Result<&'a str, KeptError> {
        let (field, rest) = self.0.split_at_checked(NAME).ok_or(KeptError::Length { want: NAME, have: self.0.len() })?;
        self.0 = rest;
        let end = field.iter().position(|b| *b == 0).unwrap_or(NAME);
        std::str::from_utf8(&field[..end]).map_err(|_| KeptError::Unknown { what: "name" })
    }

    fn small(&mut self) -> Result<u32, KeptError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn long(&mut self) -> Result<u64, KeptError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn size(&mut self, what: &'static str) -> Result<usize, KeptError> {
        usize::try_from(self.long()?).map_err(|_| KeptError::Unknown { what })
    }

    fn flag(&mut self, what: &'static str) -> Result<bool, KeptError> {
        match self.small()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(KeptError::Unknown { what }),
        }
    }
}
