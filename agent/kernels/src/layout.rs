//! Where each code of a packed matrix lies: a function of format, kernel and scaling.
//!
//! A *tile* is `lanes` rows over all columns. A *quad* is four consecutive columns: in a register
//! of 32-bit lanes, lane `r` holds the four codes of row `r`, so that one broadcast of four
//! activations serves all rows. A tile is a run of *chunks*, each whole: codes, then scales.
//!
//! Integer blocks (`W8` … `W2`, `Ternary`), a chunk of 64 columns, two blocks of 32 (8 quads):
//!
//! ```text
//! block 0: [plane of main bits: main vectors] [plane of extra bits: extra vectors]
//! block 1: the same
//! scales:  f16 [2 · 32 / group][lanes]        (none when one scale a row is enough)
//! minima:  f16 [2 · 32 / group][lanes]        (only where blocks are not symmetric)
//! ```
//!
//! A vector is `4 · lanes` bytes. A plane of `p` bits is `p` vectors; vector `v` holds quad
//! `v + p · f` in bits `p · f ..` of every byte (`p = 8`: one quad a vector). `W6` is 4 + 2 bits,
//! `W5` 4 + 1, `W3` 2 + 1: the extra plane holds the high bits.
//!
//! `Ternary167`, a chunk of 20 columns, one vector: value = Σ 3^(4−i) · code(quad i), stretched to
//! ⌈value · 256 / 243⌉, so that digit `i` is the carry of the `i`-th multiplication by three; the byte is
//! its complement, because the instruction that averages bytes rounds up.
//!
//! `Sherry`, a chunk of 128 columns, five vectors of 32-bit words: word `w` holds the five-bit
//! patterns of quads `6w … 6w + 5` from bit 0 up; the ten spare bits (31..30 of the five words,
//! word 0 lowest) hold quads 30 and 31. Exactly 1.25 bits a weight.
//!
//! `SherryTable`, a chunk of 128 columns, five vectors: index vector `i` has, at byte `4 · row + j`, the
//! pattern of quad `4i + j`, so that a byte table yields one place of as many patterns as a register has
//! bytes, and activations are wanted in the same order (place by place of 16 columns). Five index vectors are the low bits of the five vectors, the three others share the high
//! bits ([`sherry::table_pattern`]): two shifts bring each together.

use crate::{Format, Kernel};

/// Columns of a block: activations are quantised by these.
pub(crate) const BLOCK: usize = 32;

/// How weights are scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scaling {
    /// No codes, no scales: half precision.
    Half,
    /// One f32 scale a row, kept beside the tiles.
    Row,
    /// f16 scale (and minimum) for every `group` (16 or 32) columns.
    Block { group: usize, affine: bool },
}

/// How codes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Half,
    Planes {
        main: usize,
        extra: usize,
    },
    Base3,
    Sherry,
    /// For byte tables, where no word table of 32 entries exists (NEON, AVX2).
    SherryTable,
}

/// Byte positions inside a packed matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) coding: Coding,
    pub(crate) scaling: Scaling,
    pub(crate) lanes: usize,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Columns of a chunk.
    pub(crate) span: usize,
    /// Bytes of a chunk.
    pub(crate) chunk: usize,
    /// Chunks of a tile.
    pub(crate) chunks: usize,
}

impl Layout {
    /// None when the size overflows.
    pub(crate) fn new(format: Format, scaling: Scaling, lanes: usize, rows: usize, cols: usize) -> Option<Self> {
        let coding = match format {
            Format::F16 => Coding::Half,
            Format::W8 | Format::W8A8 => Coding::Planes { main: 8, extra: 0 },
            Format::W6 => Coding::Planes { main: 4, extra: 2 },
            Format::W5 => Coding::Planes { main: 4, extra: 1 },
            Format::W4 => Coding::Planes { main: 4, extra: 0 },
            Format::W3 => Coding::Planes { main: 2, extra: 1 },
            Format::W2 | Format::Ternary => Coding::Planes { main: 2, extra: 0 },
            Format::Ternary167 => Coding::Base3,
            Format::Sherry => Coding::Sherry,
        };
        let vector = 4 * lanes;
        let (span, codes) = match coding {
            Coding::Half => (1, 2 * lanes),
            Coding::Planes { main, extra } => (2 * BLOCK, 2 * (main + extra) * vector),
            Coding::Base3 => (20, vector),
            Coding::Sherry | Coding::SherryTable => (128, 5 * vector),
        };
        let scales = match scaling {
            Scaling::Half | Scaling::Row => 0,
            Scaling::Block { group, affine } => 2 * (BLOCK / group) * lanes * 2 * (1 + usize::from(affine)),
        };
        let this = Self { coding, scaling, lanes, rows, cols, span, chunk: codes + scales, chunks: cols.div_ceil(span) };
        let bytes = rows.div_ceil(lanes).checked_mul(this.chunks)?.checked_mul(this.chunk)?;
        (bytes <= isize::MAX as usize / 2).then_some(this)
    }

    /// The same size in the order that a kernel wants.
    pub(crate) fn for_kernel(mut self, kernel: Kernel) -> Self {
        let tables = [Kernel::Neon, Kernel::NeonDotprod, Kernel::NeonI8mm, Kernel::Avx2, Kernel::AvxVnni];
        if self.coding == Coding::Sherry && tables.contains(&kernel) {
            self.coding = Coding::SherryTable;
        }
        self
    }

    pub(crate) fn tiles(&self) -> usize {
        self.rows.div_ceil(self.lanes)
    }

    /// Bytes of a tile.
    pub(crate) fn tile(&self) -> usize {
        self.chunks * self.chunk
    }

    pub(crate) fn bytes(&self) -> usize {
        self.tiles() * self.tile()
    }

    /// Columns with padding.
    pub(crate) fn padded(&self) -> usize {
        self.chunks * self.span
    }

    /// Bytes of the codes of one block of 32 (planes only).
    pub(crate) fn block_bytes(&self) -> usize {
        match self.coding {
            Coding::Planes { main, extra } => (main + extra) * 4 * self.lanes,
            _ => 0,
        }
    }

    /// Offset of the scale of row `r` of the tile and group `g` (counted over the row), in the tile.
    pub(crate) fn scale(&self, r: usize, g: usize) -> usize {
        let Scaling::Block { group, .. } = self.scaling else { return 0 };
        let per_chunk = self.span / group;
        (g / per_chunk) * self.chunk + 2 * self.block_bytes() + (g % per_chunk * self.lanes + r) * 2
    }

    /// Offset of the minimum that belongs to [`scale`](Self::scale).
    pub(crate) fn min(&self, r: usize, g: usize) -> usize {
        let Scaling::Block { group, .. } = self.scaling else { return 0 };
        self.scale(r, g) + self.span / group * self.lanes * 2
    }

    /// Code of row `r` of the tile, column `k`.
    pub(crate) fn code(&self, tile: &[u8], r: usize, k: usize) -> u8 {
        let chunk = &tile[k / self.span * self.chunk..][..self.chunk];
        let k = k % self.span;
        let byte = |vector: usize| chunk[(vector * self.lanes + r) * 4 + k % 4];
        match self.coding {
            Coding::Half => 0,
            Coding::Planes { main, extra } => {
                let base = k / BLOCK * (main + extra);
                let quad = k % BLOCK / 4;
                let field = |plane: usize, bits: usize| {
                    byte(base + plane + quad % bits) >> (quad / bits * bits) & ((1_u16 << bits) - 1) as u8
                };
                field(0, main) | if extra > 0 { field(main, extra) << main } else { 0 }
            }
            Coding::Base3 => {
                let mut b = !byte(0);
                for _ in 0..k / 4 {
                    b = b.wrapping_mul(3);
                }
                ((u16::from(b) * 3) >> 8) as u8
            }
            Coding::Sherry => {
                let word = |w: usize| {
                    let at = (w * self.lanes + r) * 4;
                    u32::from_le_bytes([chunk[at], chunk[at + 1], chunk[at + 2], chunk[at + 3]])
                };
                let quad = k / 4;
                let pattern = if quad < 30 {
                    word(quad / 6) >> (quad % 6 * 5)
                } else {
                    let spare = (0..5).fold(0, |acc, w| acc | word(w) >> 30 << (2 * w));
                    spare >> ((quad - 30) * 5)
                };
                sherry::trits(pattern as u8 & 31)[k % 4]
            }
            Coding::SherryTable => {
                let at = r * 4 + k / 4 % 4;
                let bytes: [u8; 5] = std::array::from_fn(|v| chunk[v * 4 * self.lanes + at]);
                sherry::trits(sherry::table_pattern(bytes, k / 16))[k % 4]
            }
        }
    }

    /// Stores the codes of row `r`: `codes.len() == padded()`.
    pub(crate) fn put_row(&self, tile: &mut [u8], r: usize, codes: &[u8]) {
        for (chunk, codes) in tile.chunks_exact_mut(self.chunk).zip(codes.chunks_exact(self.span)) {
            let at = |vector: usize, byte: usize| (vector * self.lanes + r) * 4 + byte;
            match self.coding {
                Coding::Half => {}
                Coding::Planes { main, extra } => {
                    for (b, block) in codes.chunks_exact(BLOCK).enumerate() {
                        let base = b * (main + extra);
                        // Four codes of a quad at once: fields never leave their bytes.
                        for (plane, bits, low) in [(base, main, 0), (base + main, extra, main)] {
                            let mask = 0x0101_0101 * ((1_u32 << bits) - 1);
                            for vector in 0..bits {
                                let quads = block.chunks_exact(4).skip(vector).step_by(bits).enumerate();
                                let word = quads.fold(0, |word, (field, quad)| {
                                    let quad = u32::from_le_bytes([quad[0], quad[1], quad[2], quad[3]]);
                                    word | (quad >> low & mask) << (field * bits)
                                });
                                chunk[at(plane + vector, 0)..][..4].copy_from_slice(&word.to_le_bytes());
                            }
                        }
                    }
                }
                Coding::Base3 => {
                    for byte in 0..4 {
                        let value = (0..5).fold(0_u16, |acc, quad| acc * 3 + u16::from(codes[4 * quad + byte]));
                        chunk[at(0, byte)] = !((value * 256).div_ceil(243) as u8);
                    }
                }
                Coding::SherryTable => {
                    for (i, trits) in codes.chunks_exact(4).enumerate() {
                        let pattern = sherry::pattern([trits[0], trits[1], trits[2], trits[3]]);
                        let at = r * 4 + i % 4;
                        for (vector, bits) in sherry::table_bits(pattern, i / 4) {
                            chunk[vector * 4 * self.lanes + at] |= bits;
                        }
                    }
                }
                Coding::Sherry => {
                    let mut words = [0_u32; 5];
                    for (quad, trits) in codes.chunks_exact(4).enumerate() {
                        let pattern = u32::from(sherry::pattern([trits[0], trits[1], trits[2], trits[3]]));
                        if quad < 30 {
                            words[quad / 6] |= pattern << (quad % 6 * 5);
                        } else {
                            for (w, word) in words.iter_mut().enumerate() {
                                *word |= ((pattern << ((quad - 30) * 5)) >> (2 * w) & 3) << 30;
                            }
                        }
                    }
                    for (w, word) in words.iter().enumerate() {
                        chunk[at(w, 0)..][..4].copy_from_slice(&word.to_le_bytes());
                    }
                }
            }
        }
    }
}

/// The 32 patterns of four weights with exactly one zero (Sherry, arXiv 2601.07892; numbering of
/// llama.cpp's STQ1_0: bits 3..2 lane of the zero; bit 4 set when the first non-zero weight is −1;
/// bits 0 and 1 set when the second and third differ in sign from the first).
pub(crate) mod sherry {
    /// Codes (weight + 1) of a pattern.
    pub(crate) const fn trits(pattern: u8) -> [u8; 4] {
        let zero = (pattern >> 2 & 3) as usize;
        let first = if pattern & 16 == 0 { 2 } else { 0 };
        let signs = [first, if pattern & 1 == 0 { first } else { 2 - first }, if pattern & 2 == 0 { first } else { 2 - first }];
        let mut out = [1; 4];
        let (mut lane, mut next) = (0, 0);
        while lane < 4 {
            if lane != zero {
                out[lane] = signs[next];
                next += 1;
            }
            lane += 1;
        }
        out
    }

    /// Every pattern as a little-endian word.
    pub(crate) const WORDS: [u32; 32] = {
        let mut words = [0; 32];
        let mut p = 0;
        while p < 32 {
            words[p] = u32::from_le_bytes(trits(p as u8));
            p += 1;
        }
        words
    };

    /// Pattern of index vector `i` in the bytes at one place of the five vectors of `SherryTable`.
    pub(crate) fn table_pattern(v: [u8; 5], i: usize) -> u8 {
        match i {
            0 | 1 => v[i] & 31,
            2 => v[0] >> 5 << 2 | v[1] >> 6,
            3..6 => v[i - 1] & 31,
            6 => v[2] >> 5 << 2 | v[3] >> 6,
            _ => v[4] >> 5 << 2 | (v[1] >> 5 & 1) << 1 | v[3] >> 5 & 1,
        }
    }

    /// Where [`table_pattern`] finds a pattern: vectors and the bits to set in them.
    pub(crate) fn table_bits(pattern: u8, i: usize) -> [(usize, u8); 3] {
        let high = pattern >> 2 << 5;
        match i {
            0 | 1 => [(i, pattern), (i, 0), (i, 0)],
            2 => [(0, high), (1, (pattern & 3) << 6), (1, 0)],
            3..6 => [(i - 1, pattern), (i - 1, 0), (i - 1, 0)],
            6 => [(2, high), (3, (pattern & 3) << 6), (3, 0)],
            _ => [(4, high), (1, (pattern >> 1 & 1) << 5), (3, (pattern & 1) << 5)],
        }
    }

    /// Pattern of four codes with exactly one zero weight (code 1).
    pub(crate) fn pattern(codes: [u8; 4]) -> u8 {
        let word = u32::from_le_bytes(codes);
        WORDS.iter().position(|&w| w == word).unwrap_or(0) as u8
    }
}

#[cfg(test)]
mod tests;
