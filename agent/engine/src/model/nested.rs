//! Nested weights: one set of eight-bit codes of which any leading bits are a model of their own.
//!
//! Ours, documented in `docs/low-bit-models.md`. A matrix `NAME` of `rows × cols` is four tensors:
//!
//! ```text
//! NAME.nested2       I8  [cols / 4, rows]   bits 7..6 of each code, four columns to a byte, the first lowest
//! NAME.nested4       I8  [cols / 4, rows]   bits 5..4, the same
//! NAME.nested8       I8  [cols / 2, rows]   bits 3..0, two columns to a byte
//! NAME.nested_scale  F16 [cols / 32, rows]  the unit u of 32 codes
//! ```
//!
//! The leading `b` bits `c` of a code stand for `u · ((c + 1/2) · 2^(8−b) − 128)`: the middle of all codes that begin
//! so. A narrower model thus reads fewer planes and nothing else.

use half::f16;
use kernels::{Affine, Source};

use crate::error::EngineError;
use crate::gguf::File;

/// Weights that share a unit.
const BLOCK: usize = 32;

/// A nested matrix read at some width.
#[derive(Debug)]
pub(super) struct Nested<'f> {
    planes: [&'f [u8]; 3],
    units: &'f [u8],
    rows: usize,
    cols: usize,
    /// Leading bits that are used, 1 to 8.
    bits: u8,
}

impl<'f> Nested<'f> {
    /// The matrix of this name (without `.weight`) at `bits` bits; `None` where the file has none that is nested.
    ///
    /// # Errors
    /// A plane or the units are missing, of another type or of another shape.
    pub(super) fn new(file: &'f File, name: &str, (rows, cols): (usize, usize), bits: u8) -> Result<Option<Self>, EngineError> {
        if Self::rows_of(file, name).is_none() {
            return Ok(None);
        }
        if !cols.is_multiple_of(BLOCK) {
            return Err(EngineError::tensor(name, format!("nested rows of {cols} weights; they are whole blocks of {BLOCK}")));
        }
        let part = |what: &str, kind: &str, wide: usize| {
            let name = format!("{name}.{what}");
            let data = file.tensor(&name).ok_or_else(|| EngineError::tensor(&name, "is not in the file"))?;
            let (found, shape) = (data.kind().name, &data.tensor.shape);
            if found != kind || *shape != [wide as u64, rows as u64] {
                let why = format!("is {found} of {shape:?}, expected {kind} of {:?}", [wide, rows]);
                return Err(EngineError::tensor(&name, why));
            }
            Ok(data.bytes)
        };
        let planes = [part("nested2", "I8", cols / 4)?, part("nested4", "I8", cols / 4)?, part("nested8", "I8", cols / 2)?];
        let units = part("nested_scale", "F16", cols / BLOCK)?;
        Ok(Some(Self { planes, units, rows, cols, bits: bits.clamp(1, 8) }))
    }

    /// Rows of the nested matrix of this name, where there is one.
    pub(super) fn rows_of(file: &File, name: &str) -> Option<usize> {
        file.tensor(&format!("{name}.nested2")).and_then(|t| t.tensor.shape.get(1)).and_then(|n| usize::try_from(*n).ok())
    }

    /// Leading bits of the codes of a row.
    fn codes(&self, row: usize, out: &mut [u8]) {
        let of = |plane: &'f [u8], wide: usize| &plane[row * wide..][..wide];
        let [two, four, eight] = self.planes;
        let (two, four, eight) = (of(two, self.cols / 4), of(four, self.cols / 4), of(eight, self.cols / 2));
        let drop = 8 - self.bits;
        for (k, code) in out.iter_mut().enumerate() {
            let pair = 2 * (k % 4);
            let mut whole = (two[k / 4] >> pair & 3) << 6;
            // What a narrow model does not use it does not touch.
            if self.bits > 2 {
                whole |= (four[k / 4] >> pair & 3) << 4;
            }
            if self.bits > 4 {
                whole |= eight[k / 2] >> (4 * (k % 2)) & 15;
            }
            *code = whole >> drop;
        }
    }

    fn units(&self, row: usize) -> impl Iterator<Item = f32> + 'f {
        let blocks = self.cols / BLOCK;
        let stored = &self.units[2 * row * blocks..][..2 * blocks];
        stored.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32())
    }

    /// Units that one step of the narrow code is.
    fn step(&self) -> f32 {
        f32::from(1_u16 << (8 - self.bits))
    }
}

impl Source for Nested<'_> {
    fn rows(&self) -> usize {
        self.rows
    }

    fn cols(&self) -> usize {
        self.cols
    }

    fn row(&self, row: usize, out: &mut [f32]) {
        let mut codes = vec![0; self.cols];
        self.codes(row, &mut codes);
        let step = self.step();
        for ((out, codes), unit) in out.chunks_exact_mut(BLOCK).zip(codes.chunks_exact(BLOCK)).zip(self.units(row)) {
            out.iter_mut().zip(codes).for_each(|(w, code)| *w = ((f32::from(*code) + 0.5) * step - 128.0) * unit);
        }
    }

    fn affine(&self) -> Option<Affine> {
        Some(Affine { bits: self.bits, block: BLOCK })
    }

    fn affine_row(&self, row: usize, codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        self.codes(row, codes);
        for ((scale, min), unit) in scales.iter_mut().zip(mins).zip(self.units(row)) {
            *scale = self.step() * unit;
            *min = (0.5 * self.step() - 128.0) * unit;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gguf::Writer;

    fn file() -> File {
        let mut w = Writer::default();
        w.key("general.architecture", "llama");
        // Two rows of 32 codes: 8 r + k spread over the eight bits.
        let code = |r: usize, k: usize| (r * 131 + k * 8 + k / 4) as u8;
        let each = |per: usize, of: &dyn Fn(u8) -> u8| -> Vec<u8> {
            let bits = 8 / per;
            (0..2)
                .flat_map(|r| (0..32 / per).map(move |j| (r, j)))
                .map(|(r, j)| (0..per).fold(0, |b, i| b | of(code(r, per * j + i)) << (bits * i)))
                .collect()
        };
        w.tensor("m.nested2", &[8, 2], 24, each(4, &|c| c >> 6)).expect("fits");
        w.tensor("m.nested4", &[8, 2], 24, each(4, &|c| c >> 4 & 3)).expect("fits");
        w.tensor("m.nested8", &[16, 2], 24, each(2, &|c| c & 15)).expect("fits");
        let units: Vec<u8> = [0.5f32, 0.25].iter().flat_map(|u| f16::from_f32(*u).to_le_bytes()).collect();
        w.tensor("m.nested_scale", &[1, 2], 1, units).expect("fits");
        File::from_bytes(w.to_bytes()).expect("sound")
    }

    #[test]
    fn a_prefix_is_the_middle_of_what_begins_so() {
        let file = file();
        for bits in [8, 4, 2] {
            let m = Nested::new(&file, "m", (2, 32), bits).expect("sound").expect("nested");
            for (r, unit) in [(0, 0.5), (1, 0.25)] {
                let (mut w, mut codes, mut scale, mut min) = ([0.0; 32], [0; 32], [0.0], [0.0]);
                m.row(r, &mut w);
                m.affine_row(r, &mut codes, &mut scale, &mut min);
                for k in 0..32 {
                    let whole = (r * 131 + k * 8 + k / 4) as u8;
                    let step = 1_u32 << (8 - bits);
                    let same: Vec<f32> = (0..=255u8).filter(|c| c >> (8 - bits) == whole >> (8 - bits)).map(f32::from).collect();
                    assert_eq!(same.len() as u32, step);
                    // Code c covers c to c + 1; the middle of those that begin so.
                    let middle = same.iter().map(|c| c + 0.5).sum::<f32>() / step as f32;
                    assert!((w[k] - (middle - 128.0) * unit).abs() < 1e-6, "{bits} bits, row {r}, {k}");
                    assert!((scale[0] * f32::from(codes[k]) + min[0] - w[k]).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let file = file();
        assert!(Nested::new(&file, "other", (2, 32), 8).expect("no error").is_none());
        let wrong = Nested::new(&file, "m", (3, 32), 8).expect_err("two rows").to_string();
        assert!(wrong.contains("m.nested2") && wrong.contains("[8, 3]"), "{wrong}");
    }
}
