//! Numbers to half precision and back, many at a time: what crosses a link between two devices.
//!
//! Plain Rust without branches, compiled once for each instruction set: the compiler finds the vectors, and every
//! machine says the same bytes.

use crate::elementwise::versions;

/// Largest finite half; a number beyond it is cut, since an infinity would spoil every later one.
const MOST: f32 = 65_504.0;

/// Bits of the half nearest to a number that is cut to the finite ones; ties to even, as IEEE 754 has it.
#[inline(always)]
fn narrow(x: f32) -> u16 {
    // 2⁻²⁴ is the smallest half: added to this, a number keeps the bits that a subnormal half has, rounded.
    const SUBNORMAL: f32 = 0.5;
    let bits = x.to_bits();
    let magnitude = (bits & 0x7fff_ffff).min(MOST.to_bits());
    let below = (f32::from_bits(magnitude) + SUBNORMAL).to_bits().wrapping_sub(SUBNORMAL.to_bits());
    // The exponent's bias goes from 127 to 15; 13 bits go, and what stays is rounded.
    let odd = magnitude >> 13 & 1;
    let normal = magnitude.wrapping_sub(112 << 23).wrapping_add(0xfff + odd) >> 13;
    let half = if magnitude < 113 << 23 { below } else { normal };
    (half | bits >> 16 & 0x8000) as u16
}

/// The number of a half.
#[inline(always)]
fn widen(half: u16) -> f32 {
    // 2⁻¹⁴ is the smallest normal half.
    const NORMAL: f32 = 6.103_515_6e-5;
    let magnitude = u32::from(half & 0x7fff) << 13;
    let exponent = magnitude & 0x0f80_0000;
    let normal = magnitude.wrapping_add(112 << 23);
    // What is infinite or no number stays so.
    let normal = if exponent == 0x0f80_0000 { normal.wrapping_add(112 << 23) } else { normal };
    let below = (f32::from_bits(magnitude.wrapping_add(113 << 23)) - NORMAL).to_bits();
    let bits = if exponent == 0 { below } else { normal };
    f32::from_bits(bits | u32::from(half & 0x8000) << 16)
}

versions! {
    /// Whether all numbers are finite.
    pub fn all_finite(x: &[f32]) -> bool {
        // The largest magnitude says it of all: a look that may stop early takes them one by one.
        x.iter().fold(0, |most, x| (x.to_bits() & 0x7fff_ffff).max(most)) < f32::INFINITY.to_bits()
    }
}

versions! {
    /// Halves of `x`, little-endian, two bytes each, into `out`; numbers beyond ±65504 are cut to it. Says whether
    /// all of `x` was finite: what is not a number has no half here.
    ///
    /// Both are read as far as the shorter one goes.
    pub fn to_halves(x: &[f32], out: &mut [u8]) -> bool {
        let mut most = 0;
        for (x, out) in x.iter().zip(out.as_chunks_mut::<2>().0) {
            most = (x.to_bits() & 0x7fff_ffff).max(most);
            *out = narrow(*x).to_le_bytes();
        }
        most < f32::INFINITY.to_bits()
    }
}

versions! {
    /// The numbers of halves, as [`to_halves`] writes them, exactly. Says whether all are finite.
    ///
    /// Both are read as far as the shorter one goes.
    pub fn from_halves(halves: &[u8], out: &mut [f32]) -> bool {
        let mut most = 0;
        for (half, out) in halves.as_chunks::<2>().0.iter().zip(out) {
            let half = u16::from_le_bytes(*half);
            most = (half & 0x7fff).max(most);
            *out = widen(half);
        }
        most < 0x7c00
    }
}

#[cfg(test)]
mod tests;
