//! A hidden state at as few bits as keep a bound on its error: threshold splitting and token-wise adaptive bits, the two
//! steps of "Memory- and Latency-Constrained Inference of Large Language Models via Adaptive Split Computing" (arXiv
//! 2511.04002). The rule that picks threshold and bits is our own.
//!
//! ```text
//! 0  1  bits of a code: 0 to 8, or 16: the row is in half precision        1  1  0
//! 2  2  large values, k                                                     4  4  step, f32
//! 8  4k large values: place (2), half (2), places ascending
//!       codes of the others, in order, the lowest bits of a byte first
//! ```
//!
//! A code c of b bits means `(c + 1/2 - 2^(b-1)) * step`; with 0 bits the others are zero. Little-endian throughout.

use half::f16;

/// Bytes before the large values.
const HEAD: usize = 8;
/// Of so many numbers one may be sent exactly.
const ONE_LARGE_IN: usize = 32;
/// Root mean square error of what is coded, as a share of the root mean square of all but the [`ONE_LARGE_IN`] largest.
/// docs/fleet.md has the perplexity that it costs.
const BOUND: f32 = 0.13;
/// A row of no codes but halves.
const HALF: u8 = 16;

/// Most bytes of a row of so many numbers.
pub(crate) fn most(cols: usize) -> usize {
    HEAD + 2 * cols
}

/// Fewest.
pub(crate) const LEAST: usize = HEAD;

/// How a row is split, and at how many bits.
struct Split {
    /// Places of the large values, ascending.
    large: Vec<u16>,
    bits: u8,
    step: f32,
    /// Mean square error that is allowed.
    error: f64,
}

fn size(cols: usize, large: usize, bits: u8) -> usize {
    HEAD + 4 * large + ((cols - large) * usize::from(bits)).div_ceil(8)
}

fn mean_square(sum: f64, n: usize) -> f64 {
    if n == 0 { 0.0 } else { sum / n as f64 }
}

/// The cheapest split that should keep the bound, by the error of an even spread over a step, step^2 / 12.
fn split(row: &[f32]) -> Option<Split> {
    let may = (row.len() / ONE_LARGE_IN).min(row.len().saturating_sub(1));
    let mut order: Vec<u16> = (0..=u16::MAX).take(row.len()).collect();
    let larger = |a: &u16, b: &u16| {
        let at = |i: u16| row[usize::from(i)].abs();
        at(*b).total_cmp(&at(*a)).then(a.cmp(b))
    };
    order.select_nth_unstable_by(may, larger);
    order.truncate(may + 1);
    order.sort_unstable_by(larger);
    let magnitude = |k: usize| row[usize::from(order[k])].abs();
    let all: f64 = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum();
    let top: f64 = (0..may).map(|k| f64::from(magnitude(k)) * f64::from(magnitude(k))).sum();
    let error = mean_square((all - top).max(0.0), row.len() - may) * f64::from(BOUND) * f64::from(BOUND);
    let fits = |k: usize| {
        let most = f64::from(magnitude(k));
        let bits = (1..=8u8).find(|b| (2.0 * most / f64::from(1u32 << b)).powi(2) / 12.0 <= error);
        if most == 0.0 { Some(0) } else { bits }
    };
    let (k, bits) = (0..=may).filter_map(|k| Some((k, fits(k)?))).min_by_key(|&(k, bits)| size(row.len(), k, bits))?;
    let mut large = order[..k].to_vec();
    large.sort_unstable();
    Some(Split { large, bits, step: 2.0 * magnitude(k) / (1u32 << bits) as f32, error })
}

/// The codes' values, one of `2^bits`.
fn value(code: u32, bits: u8, step: f32) -> f32 {
    if bits == 0 { 0.0 } else { (code as f32 + 0.5 - (1u32 << (bits - 1)) as f32) * step }
}

/// The code nearest to a number within the split's range.
fn code(x: f32, split: &Split) -> u32 {
    let half = (1u32 << (split.bits - 1)) as f32;
    ((x / split.step + half).floor().clamp(0.0, 2.0 * half - 1.0)) as u32
}

/// The row's numbers that are not among the large ones.
fn small<'r>(row: &'r [f32], large: &'r [u16]) -> impl Iterator<Item = f32> + 'r {
    let mut next = large.iter().peekable();
    row.iter().enumerate().filter_map(move |(i, x)| {
        let is_large = next.next_if(|place| usize::from(**place) == i).is_some();
        (!is_large).then_some(*x)
    })
}

/// Whether it keeps the bound and every number is in range. A step may be too small to divide by.
fn keeps(row: &[f32], split: &Split) -> bool {
    let in_half = |place: &u16| row[usize::from(*place)].abs() <= f16::MAX.to_f32();
    if split.bits == 0 {
        return split.large.iter().all(in_half);
    }
    if !split.large.iter().all(in_half) || !split.step.is_normal() || !(1.0 / split.step).is_finite() {
        return false;
    }
    let off = |x: f32| f64::from(x - value(code(x, split), split.bits, split.step)).powi(2);
    let sum: f64 = small(row, &split.large).map(off).sum();
    mean_square(sum, row.len() - split.large.len()) <= split.error
}

/// Appends one row of at most 65,536 finite numbers.
pub(crate) fn pack(out: &mut Vec<u8>, row: &[f32]) {
    let found = split(row).filter(|s| size(row.len(), s.large.len(), s.bits) < most(row.len()));
    // The even spread is an estimate: what came out is looked at, and a bit more taken.
    let found = found.and_then(|first| {
        let more = |extra| Split {
            large: first.large.clone(),
            bits: first.bits + extra,
            step: first.step / (1u32 << extra) as f32,
            error: first.error,
        };
        let most = if first.bits == 0 { 0 } else { 8 - first.bits };
        (0..=most).map(more).find(|s| keeps(row, s))
    });
    let Some(split) = found else {
        out.extend_from_slice(&[HALF, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(row.iter().flat_map(|x| f16::from_f32(x.clamp(-f16::MAX.to_f32(), f16::MAX.to_f32())).to_le_bytes()));
        return;
    };
    let count = u16::try_from(split.large.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&[split.bits, 0]);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&split.step.to_le_bytes());
    for place in &split.large {
        out.extend_from_slice(&place.to_le_bytes());
        out.extend_from_slice(&f16::from_f32(row[usize::from(*place)]).to_le_bytes());
    }
    if split.bits == 0 {
        return;
    }
    let (mut held, mut bits) = (0u32, 0u32);
    for x in small(row, &split.large) {
        held |= code(x, &split) << bits;
        bits += u32::from(split.bits);
        while bits >= 8 {
            out.push(held.to_le_bytes()[0]);
            held >>= 8;
            bits -= 8;
        }
    }
    if bits > 0 {
        out.push(held.to_le_bytes()[0]);
    }
}

/// Takes a row of `cols` numbers off the front. `None`: what is there is none.
pub(crate) fn unpack(from: &mut &[u8], cols: usize, out: &mut Vec<f32>) -> Option<()> {
    let (head, rest) = from.split_at_checked(HEAD)?;
    let bits = head[0];
    let large = usize::from(u16::from_le_bytes([head[2], head[3]]));
    let step = f32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if bits == HALF && head[1..] == [0; HEAD - 1] {
        let (halves, rest) = rest.split_at_checked(2 * cols)?;
        out.extend(halves.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()));
        *from = rest;
        return Some(());
    }
    if head[1] != 0 || bits > 8 || large > cols / ONE_LARGE_IN || !step.is_finite() {
        return None;
    }
    let (list, rest) = rest.split_at_checked(4 * large)?;
    let (codes, rest) = rest.split_at_checked(size(cols, large, bits) - HEAD - 4 * large)?;
    let start = out.len();
    out.resize(start + cols, 0.0);
    let row = &mut out[start..];
    let mut taken = vec![false; cols];
    for entry in list.chunks_exact(4) {
        let place = usize::from(u16::from_le_bytes([entry[0], entry[1]]));
        if std::mem::replace(taken.get_mut(place)?, true) {
            return None;
        }
        row[place] = f16::from_le_bytes([entry[2], entry[3]]).to_f32();
    }
    let (mut held, mut have, mut bytes) = (0u32, 0u32, codes.iter());
    for (x, _) in row.iter_mut().zip(&taken).filter(|(_, taken)| bits > 0 && !**taken) {
        if have < u32::from(bits) {
            held |= u32::from(*bytes.next()?) << have;
            have += 8;
        }
        *x = value(held & ((1 << bits) - 1), bits, step);
        held >>= bits;
        have -= u32::from(bits);
    }
    *from = rest;
    Some(())
}

#[cfg(test)]
mod tests;
