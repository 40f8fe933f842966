//! Keys and values of one layer.
//!
//! Keys lie in blocks of 16 positions, lane = position, so that one broadcast of the query serves 16
//! scores and nothing is summed across lanes. Values lie position after position, lane = dimension.
//!
//! ```text
//! key block   16 bits: f16 [dim][16]
//!              8 bits: u8 [dim/4][16][4] (code − 128), then f16 scale [dim/32][16]
//!              4 bits: plane of 4 bits [dim/32][4][16][4] as in `layout`, then f16 scale [dim/32][16], f16 minimum [dim/32][16]
//! value row   16 bits: f16 [dim]
//!              8 bits: i8 [dim], then f16 scale [dim/32]
//!              4 bits: [dim/32][16], low nibble dimension d, high d + 16, then f16 scale [dim/32], f16 minimum [dim/32]
//! ```
//!
//! `dim` is the head's dimension, at 8 and 4 bits rounded up to 32.

use crate::memory::Buffer;
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Positions of a key block.
pub(crate) const POSITIONS: usize = 16;
const BLOCK: usize = 32;

/// Bits of a cached number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bits {
    Sixteen,
    Eight,
    Four,
}

/// Keys and values of one layer for one sequence, or for a prefix that several share.
#[derive(Clone, Debug)]
pub struct KvLayer {
    kv_heads: usize,
    pub(crate) head_dim: usize,
    /// `head_dim`, padded to the block at 8 and 4 bits.
    pub(crate) dim: usize,
    pub(crate) bits: Bits,
    len: usize,
    store: Store,
}

/// Keys of all heads, then values of all heads, each with room for as many positions: large ones on huge pages.
#[derive(Debug)]
struct Store {
    bytes: Buffer,
    /// Whole key blocks.
    room: usize,
}

impl Store {
    fn new(bytes: usize, room: usize) -> Self {
        match Buffer::apart(bytes) {
            Some(bytes) => Self { bytes, room },
            None => panic!("no address space for a cache of {bytes} bytes"),
        }
    }
}

impl Clone for Store {
    fn clone(&self) -> Self {
        let mut new = Self::new(self.bytes.len(), self.room);
        new.bytes.bytes_mut().copy_from_slice(self.bytes.bytes());
        new
    }
}

impl KvLayer {
    /// Empty cache of 16-, 8- or 4-bit numbers.
    ///
    /// # Panics
    ///
    /// If `kv_bits` is none of 16, 8, 4, or a count is zero.
    pub fn new(kv_heads: usize, head_dim: usize, kv_bits: u8) -> Self {
        let bits = match kv_bits {
            16 => Bits::Sixteen,
            8 => Bits::Eight,
            4 => Bits::Four,
            other => panic!("a cache holds 16, 8 or 4 bits, not {other}"),
        };
        assert!(kv_heads > 0 && head_dim > 0, "a cache needs a head and a dimension");
        let dim = if bits == Bits::Sixteen { head_dim } else { head_dim.next_multiple_of(BLOCK) };
        Self { kv_heads, head_dim, dim, bits, len: 0, store: Store::new(0, 0) }
    }

    /// Cached positions.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is cached.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Heads of keys and values.
    pub fn kv_heads(&self) -> usize {
        self.kv_heads
    }

    /// Dimension of a head.
    pub fn head_dim(&self) -> usize {
        self.head_dim
    }

    /// Bytes that hold the cached positions (whole key blocks).
    pub fn bytes(&self) -> usize {
        let blocks = self.len.div_ceil(POSITIONS);
        self.kv_heads * (blocks * self.key_block() + self.len * self.value_row())
    }

    /// Bytes of 16 keys.
    pub(crate) fn key_block(&self) -> usize {
        let groups = self.dim / BLOCK;
        match self.bits {
            Bits::Sixteen => self.dim * POSITIONS * 2,
            Bits::Eight => self.dim * POSITIONS + groups * POSITIONS * 2,
            Bits::Four => self.dim / 2 * POSITIONS + groups * POSITIONS * 4,
        }
    }

    /// Bytes of one value.
    pub(crate) fn value_row(&self) -> usize {
        let groups = self.dim / BLOCK;
        match self.bits {
            Bits::Sixteen => self.dim * 2,
            Bits::Eight => self.dim + groups * 2,
            Bits::Four => self.dim / 2 + groups * 4,
        }
    }

    /// Appends `n` positions; `k` and `v` are `n × kv_heads × head_dim`. A number beyond half precision is
    /// clamped to it; one that is not finite poisons its position.
    ///
    /// # Panics
    ///
    /// If lengths do not agree.
    pub fn append(&mut self, k: &[f32], v: &[f32], n: usize) {
        let width = self.kv_heads * self.head_dim;
        assert!(k.len() == n * width && v.len() == n * width, "{n} positions of {width} keys and values");
        let (key_block, value_row, dim, head_dim, bits) =
            (self.key_block(), self.value_row(), self.dim, self.head_dim, self.bits);
        let end = self.len + n;
        self.grow(end);
        let values = self.values_at(0);
        let room = self.store.room;
        let (keys, values) = self.store.bytes.bytes_mut().split_at_mut(values);
        for h in 0..self.kv_heads {
            let keys = &mut keys[h * room / POSITIONS * key_block..][..room / POSITIONS * key_block];
            let values = &mut values[h * room * value_row..][..room * value_row];
            for i in 0..n {
                let position = self.len + i;
                let at = i * width + h * head_dim;
                let block = &mut keys[position / POSITIONS * key_block..][..key_block];
                put_key(block, position % POSITIONS, &k[at..][..head_dim], dim, bits);
                put_value(&mut values[position * value_row..][..value_row], &v[at..][..head_dim], dim, bits);
            }
        }
        self.len = end;
    }

    /// Key blocks of a head: of `len()` positions at least.
    pub(crate) fn keys(&self, head: usize) -> &[u8] {
        let size = self.store.room / POSITIONS * self.key_block();
        &self.store.bytes.bytes()[head * size..][..size]
    }

    /// Values of a head.
    pub(crate) fn values(&self, head: usize) -> &[u8] {
        let size = self.store.room * self.value_row();
        &self.store.bytes.bytes()[self.values_at(head)..][..size]
    }

    fn values_at(&self, head: usize) -> usize {
        let keys = self.store.room / POSITIONS * self.key_block();
        self.kv_heads * keys + head * self.store.room * self.value_row()
    }

    /// Room for `end` positions: doubled while small, then an eighth more, so that little lies idle.
    fn grow(&mut self, end: usize) {
        if end <= self.store.room {
            return;
        }
        let room = if end <= 512 { end.next_power_of_two().max(2 * POSITIONS) } else { end + end / 8 };
        let room = room.next_multiple_of(4 * POSITIONS);
        let size = self.kv_heads * (room / POSITIONS * self.key_block() + room * self.value_row());
        let old = std::mem::replace(self, Self { store: Store::new(size, room), ..*self });
        let (blocks, rows) = (self.len.div_ceil(POSITIONS) * self.key_block(), self.len * self.value_row());
        let (key_size, values) = (room / POSITIONS * self.key_block(), self.values_at(0));
        let value_size = room * self.value_row();
        let (keys, values) = self.store.bytes.bytes_mut().split_at_mut(values);
        for head in 0..old.kv_heads {
            keys[head * key_size..][..blocks].copy_from_slice(&old.keys(head)[..blocks]);
            values[head * value_size..][..rows].copy_from_slice(&old.values(head)[..rows]);
        }
    }

    /// Forgets positions from `len` on.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}

fn half(v: f32) -> f16 {
    f16::from_f32(if v.is_finite() { v.clamp(-65504.0, 65504.0) } else { v })
}

/// [`half`] of all numbers, some at a time with the place of the first: the conversion of a slice is vectorised.
fn halves(x: &[f32], mut each: impl FnMut(usize, &[f16])) {
    const SOME: usize = 64;
    let (mut clamped, mut out) = ([0.0; SOME], [f16::ZERO; SOME]);
    for (i, x) in x.chunks(SOME).enumerate() {
        for (c, v) in clamped.iter_mut().zip(x) {
            *c = if v.is_finite() { v.clamp(-65504.0, 65504.0) } else { *v };
        }
        out[..x.len()].convert_from_f32_slice(&clamped[..x.len()]);
        each(i * SOME, &out[..x.len()]);
    }
}

fn put_half(bytes: &mut [u8], at: usize, v: f32) {
    bytes[at..][..2].copy_from_slice(&half(v).to_le_bytes());
}

/// Absolute maximum over 127, to half precision; NaN when a value is not finite.
fn scale8(x: &[f32]) -> f32 {
    let max = f32::from_bits(x.iter().map(|v| v.to_bits() & 0x7fff_ffff).max().unwrap_or(0));
    if max.is_finite() { half(max / 127.0).to_f32() } else { f32::NAN }
}

fn code8(v: f32, scale: f32) -> i8 {
    // A scale of zero or NaN: the code is zero (`as` maps NaN to 0).
    if scale > 0.0 { (v / scale).round_ties_even().clamp(-127.0, 127.0) as i8 } else { 0 }
}

/// Scale and minimum of 16 levels; NaN when a value is not finite.
fn affine4(x: &[f32]) -> (f32, f32) {
    if x.iter().any(|v| !v.is_finite()) {
        return (f32::NAN, f32::NAN);
    }
    let (low, high) = x.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v)));
    let min = half(low).to_f32();
    (half((high - min) / 15.0).to_f32(), min)
}

fn code4(v: f32, (scale, min): (f32, f32)) -> u8 {
    if scale > 0.0 { ((v - min) / scale).round_ties_even().clamp(0.0, 15.0) as u8 } else { 0 }
}

fn set_nibble(byte: &mut u8, high: bool, code: u8) {
    *byte = if high { *byte & 0x0f | code << 4 } else { *byte & 0xf0 | code };
}

/// Key of position `p` of the block.
fn put_key(block: &mut [u8], p: usize, k: &[f32], dim: usize, bits: Bits) {
    let groups = dim / BLOCK;
    match bits {
        Bits::Sixteen => halves(k, |d, some| {
            for (place, h) in block[(d * POSITIONS + p) * 2..].chunks_mut(2 * POSITIONS).zip(some) {
                place[..2].copy_from_slice(&h.to_le_bytes());
            }
        }),
        Bits::Eight => {
            for (g, x) in k.chunks(BLOCK).enumerate() {
                let scale = scale8(x);
                put_half(block, dim * POSITIONS + (g * POSITIONS + p) * 2, scale);
                for i in 0..BLOCK {
                    let code = x.get(i).map_or(0, |v| code8(*v, scale));
                    let d = g * BLOCK + i;
                    block[(d / 4 * POSITIONS + p) * 4 + d % 4] = code as u8 ^ 0x80;
                }
            }
        }
        Bits::Four => {
            for (g, x) in k.chunks(BLOCK).enumerate() {
                let pair = affine4(x);
                let scales = dim / 2 * POSITIONS;
                put_half(block, scales + (g * POSITIONS + p) * 2, pair.0);
                put_half(block, scales + ((groups + g) * POSITIONS + p) * 2, pair.1);
                for i in 0..BLOCK {
                    let code = x.get(i).map_or(0, |v| code4(*v, pair));
                    let (vector, high) = (i / 4 % 4, i >= 16);
                    set_nibble(&mut block[((g * 4 + vector) * POSITIONS + p) * 4 + i % 4], high, code);
                }
            }
        }
    }
}

fn put_value(row: &mut [u8], v: &[f32], dim: usize, bits: Bits) {
    let groups = dim / BLOCK;
    match bits {
        Bits::Sixteen => halves(v, |d, some| {
            for (place, h) in row[2 * d..].chunks_exact_mut(2).zip(some) {
                place.copy_from_slice(&h.to_le_bytes());
            }
        }),
        Bits::Eight => {
            for (g, x) in v.chunks(BLOCK).enumerate() {
                let scale = scale8(x);
                put_half(row, dim + 2 * g, scale);
                for i in 0..BLOCK {
                    row[g * BLOCK + i] = x.get(i).map_or(0, |v| code8(*v, scale)) as u8;
                }
            }
        }
        Bits::Four => {
            for (g, x) in v.chunks(BLOCK).enumerate() {
                let pair = affine4(x);
                put_half(row, dim / 2 + 2 * g, pair.0);
                put_half(row, dim / 2 + 2 * (groups + g), pair.1);
                for i in 0..BLOCK {
                    let code = x.get(i).map_or(0, |v| code4(*v, pair));
                    set_nibble(&mut row[g * 16 + i % 16], i >= 16, code);
                }
            }
        }
    }
}
