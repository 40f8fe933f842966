//! Random matrices of every shape, and the generator behind them.

use kernels::{Affine, Format, Kernel, Source};

/// Random cases for each kernel.
pub(crate) fn cases(usual: usize) -> usize {
    std::env::var("WATTLINE_CASES").ok().and_then(|v| v.parse().ok()).unwrap_or(usual)
}

/// SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// In `0 .. n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// In `[−1, 1)`.
    pub(crate) fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    }

    pub(crate) fn floats(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.float()).collect()
    }

    /// Zero and one often, sizes around a block, a chunk and a tile, rarely a long one.
    pub(crate) fn size(&mut self) -> usize {
        match self.below(10) {
            0 => self.below(3),
            1..=3 => self.below(40),
            4..=6 => 16 * (1 + self.below(12)),
            7 => 128 * (1 + self.below(4)),
            _ => self.below(300),
        }
    }
}

/// Stored blocks whose scales are powers of two: every product with integer activations is exact.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) stored: Affine,
    pub(crate) codes: Vec<u8>,
    pub(crate) scales: Vec<f32>,
    pub(crate) mins: Vec<f32>,
}

impl Stored {
    /// Random codes; symmetric (minimum −zero · scale) or not.
    pub(crate) fn random(
        r: &mut Random,
        rows: usize,
        blocks: usize,
        bits: u8,
        block: usize,
        symmetric: bool,
        exact: bool,
    ) -> Self {
        let cols = blocks * block;
        let zero = f32::from(1_u16 << (bits - 1));
        let scales: Vec<f32> =
            (0..rows * blocks).map(|_| if exact { [1.0, 0.5, 2.0, -1.0][r.below(4)] } else { r.float() * 0.1 }).collect();
        let scales: Vec<f32> = scales.into_iter().map(|s| half::f16::from_f32(s).to_f32()).collect();
        let mins = scales
            .iter()
            .map(|s| {
                let free = if exact { r.below(9) as f32 - 4.0 } else { half::f16::from_f32(r.float()).to_f32() };
                if symmetric { -zero * s } else { free }
            })
            .collect();
        Self {
            rows,
            cols,
            stored: Affine { bits, block },
            codes: (0..rows * cols).map(|_| r.below(1 << bits) as u8).collect(),
            scales,
            mins,
        }
    }
}

impl Source for Stored {
    fn rows(&self) -> usize {
        self.rows
    }
    fn cols(&self) -> usize {
        self.cols
    }
    fn row(&self, row: usize, out: &mut [f32]) {
        for (k, w) in out.iter_mut().enumerate() {
            let b = (row * self.cols + k) / self.stored.block;
            *w = self.scales[b] * f32::from(self.codes[row * self.cols + k]) + self.mins[b];
        }
    }
    fn affine(&self) -> Option<Affine> {
        Some(self.stored)
    }
    fn affine_row(&self, row: usize, codes: &mut [u8], scales: &mut [f32], mins: &mut [f32]) {
        let blocks = self.cols / self.stored.block;
        codes.copy_from_slice(&self.codes[row * self.cols..][..self.cols]);
        scales.copy_from_slice(&self.scales[row * blocks..][..blocks]);
        mins.copy_from_slice(&self.mins[row * blocks..][..blocks]);
    }
}

/// All kernels of this machine, all formats.
pub(crate) fn pairs() -> impl Iterator<Item = (Kernel, Format)> {
    Kernel::available().into_iter().flat_map(|k| Format::ALL.into_iter().map(move |f| (k, f)))
}
