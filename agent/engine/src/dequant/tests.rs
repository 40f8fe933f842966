//! Blocks made by hand, and blocks that the package `gguf` 0.19.0 (ggml's own Python reader) dequantised.

use half::{bf16, f16};
use kernels::Source;
use profiles::gguf::Tensor;
use proptest::prelude::*;

use super::*;
use crate::gguf::TensorData;

fn with_rows<T>(kind: u32, cols: u64, bytes: &[u8], f: impl FnOnce(Rows<'_>) -> T) -> T {
    let kind = TensorType::of(kind).expect("a type");
    let rows = bytes.len() as u64 / (cols / kind.block * kind.bytes);
    let tensor =
        Tensor { name: "t".into(), shape: vec![cols, rows], kind, elements: cols * rows, bytes: bytes.len() as u64, offset: 0 };
    f(Rows::new(TensorData { tensor: &tensor, bytes }).expect("read"))
}

fn weights(kind: u32, cols: u64, bytes: &[u8]) -> Vec<f32> {
    with_rows(kind, cols, bytes, |r| r.to_vec())
}

fn half(x: f32) -> [u8; 2] {
    f16::from_f32(x).to_le_bytes()
}

#[test]
fn plain_numbers_of_any_length() {
    let f32s: Vec<u8> = [1.0f32, -0.1, f32::MIN_POSITIVE].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(weights(0, 3, &f32s), [1.0, -0.1, f32::MIN_POSITIVE]);
    let f16s: Vec<u8> = [1.0f32, -0.5, 65504.0].iter().flat_map(|x| half(*x)).collect();
    assert_eq!(weights(1, 3, &f16s), [1.0, -0.5, 65504.0]);
    let bf16s: Vec<u8> = [1.0f32, -0.5, 3.0].iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect();
    assert_eq!(weights(30, 3, &bf16s), [1.0, -0.5, 3.0]);
}

#[test]
fn q8_0_is_signed() {
    let mut b = half(0.5).to_vec();
    b.extend((0..32u8).map(|i| (i as i8 - 16).cast_unsigned()));
    let wanted: Vec<f32> = (0..32).map(|i| 0.5 * (i - 16) as f32).collect();
    assert_eq!(weights(8, 32, &b), wanted);
}

#[test]
fn q4_halves_are_sixteen_apart() {
    let mut b = half(2.0).to_vec();
    b.extend((0..16u8).map(|i| i | (15 - i) << 4));
    let low = (0..16).map(|i| 2.0 * (i - 8) as f32);
    let high = (0..16).map(|i| 2.0 * (7 - i) as f32);
    assert_eq!(weights(2, 32, &b), low.chain(high).collect::<Vec<_>>());
    // Q4_1: the same codes with a minimum in place of the offset.
    let b = [&half(2.0)[..], &half(-3.0), &b[2..]].concat();
    let low = (0..16).map(|i| 2.0 * i as f32 - 3.0);
    let high = (0..16).map(|i| 2.0 * (15 - i) as f32 - 3.0);
    assert_eq!(weights(3, 32, &b), low.chain(high).collect::<Vec<_>>());
}

#[test]
fn q5_takes_its_fifth_bits_in_order() {
    let codes: Vec<u8> = (0..16u8).map(|i| i | i << 4).collect();
    // Odd weights have the fifth bit.
    let high = 0xaaaa_aaaau32.to_le_bytes();
    let code = |i: i32| i % 16 + 16 * (i % 2);
    let b = [&half(1.0)[..], &high, &codes].concat();
    assert_eq!(weights(6, 32, &b), (0..32).map(|i| (code(i) - 16) as f32).collect::<Vec<_>>());
    let b = [&half(1.0)[..], &half(0.25), &high, &codes].concat();
    assert_eq!(weights(7, 32, &b), (0..32).map(|i| code(i) as f32 + 0.25).collect::<Vec<_>>());
}

#[test]
fn q2_k_scales_and_minima_are_nibbles() {
    // Run r has scale r % 16 and minimum 1; all codes are 0b11_10_01_00.
    let mut b: Vec<u8> = (0..16).map(|r| r | 0x10).collect();
    b.extend([0b1110_0100; 64]);
    b.extend([half(1.0), half(0.5)].concat());
    let wanted = (0..256).map(|i| (i / 16) as f32 * (i % 128 / 32) as f32 - 0.5);
    assert_eq!(weights(10, 256, &b), wanted.collect::<Vec<_>>());
}

#[test]
fn q4_k_packs_six_bit_scales() {
    // Scales 1 to 8 and minima 8 to 1, then 40 + j to use the upper bits of the last four.
    let scale = |j: usize| if j < 4 { j as u8 + 1 } else { 40 + j as u8 };
    let min = |j: usize| if j < 4 { 8 - j as u8 } else { 50 + j as u8 };
    let mut packed = [0u8; 12];
    for j in 0..4 {
        packed[j] = scale(j) | scale(j + 4) >> 4 << 6;
        packed[j + 4] = min(j) | min(j + 4) >> 4 << 6;
        packed[j + 8] = scale(j + 4) & 15 | min(j + 4) << 4;
    }
    let b = [&half(0.5)[..], &half(2.0), &packed, &[0x73; 128]].concat();
    let wanted = (0..256).map(|i| {
        let (j, code) = (i / 32, if i % 64 < 32 { 3.0 } else { 7.0 });
        0.5 * f32::from(scale(j)) * code - 2.0 * f32::from(min(j))
    });
    assert_eq!(weights(12, 256, &b), wanted.collect::<Vec<_>>());
}

#[test]
fn ternary_types_hold_the_same_weights() {
    let trit = |i: usize| (i * 7 / 3 % 3) as u8;
    // TQ2_0: bits 2j of byte 32 n + l.
    let mut two = vec![0u8; 64];
    for i in 0..256 {
        two[32 * (i / 128) + i % 32] |= trit(i) << (2 * (i % 128 / 32));
    }
    two.extend(half(0.75));
    // TQ1_0: groups of 32, 16 and 4 bytes, first trits first.
    let mut one = Vec::new();
    for (start, bytes, trits) in [(0, 32, 5), (160, 16, 5), (240, 4, 4)] {
        for m in 0..bytes {
            let value = (0..5).fold(0u32, |v, n| v * 3 + if n < trits { u32::from(trit(start + n * bytes + m)) } else { 0 });
            one.push((value * 256).div_ceil(243) as u8);
        }
    }
    one.extend(half(0.75));
    let wanted: Vec<f32> = (0..256).map(|i| 0.75 * (f32::from(trit(i)) - 1.0)).collect();
    assert_eq!(weights(35, 256, &two), wanted);
    assert_eq!(weights(34, 256, &one), wanted);
}

/// The 32 patterns as llama.cpp's pull request 22836 lists them: index sign * 16 + slot, lane p in bits 2p, plus one.
const STQ1: [u8; 32] = [
    0xa9, 0x89, 0x29, 0x09, 0xa6, 0x86, 0x26, 0x06, 0x9a, 0x92, 0x1a, 0x12, 0x6a, 0x62, 0x4a, 0x42, 0x01, 0x21, 0x81, 0xa1, 0x04,
    0x24, 0x84, 0xa4, 0x10, 0x18, 0x90, 0x98, 0x40, 0x48, 0x60, 0x68,
];

#[test]
fn sherry_has_the_published_patterns_sixteen_apart() {
    // Group g has pattern 7 g modulo 32: every one, in both halves of a byte and at any bit.
    let pattern = |g: usize| 7 * g % 32;
    let mut b = vec![0u8; 40];
    for g in 0..64 {
        b[g / 2] |= ((pattern(g) % 16) as u8) << (4 * (g % 2));
        b[32 + g / 8] |= ((pattern(g) / 16) as u8) << (g % 8);
    }
    b.extend(half(0.75));
    let wanted: Vec<f32> = (0..256)
        .map(|w| {
            let (group, lane) = (w / 64 * 16 + w % 16, w % 64 / 16);
            0.75 * (f32::from(STQ1[pattern(group)] >> (2 * lane) & 3) - 1.0)
        })
        .collect();
    assert_eq!(weights(43, 256, &b), wanted);
}

/// Two random blocks of every type: `type block weights`, the last two in hexadecimal bytes.
#[test]
fn blocks_equal_those_of_ggmls_own_reader() {
    let hex = |t: &str| -> Vec<u8> {
        t.as_bytes().as_chunks::<2>().0.iter().map(|p| u8::from_str_radix(std::str::from_utf8(p).unwrap(), 16).unwrap()).collect()
    };
    let mut seen = Vec::new();
    for line in include_str!("tests/golden.txt").lines() {
        let parts: Vec<&str> = line.split(' ').collect();
        let kind: u32 = parts[0].parse().unwrap();
        let wanted: Vec<f32> = hex(parts[2]).as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let found = weights(kind, wanted.len() as u64, &hex(parts[1]));
        assert_eq!(found.iter().map(|w| w.to_bits()).collect::<Vec<_>>(), wanted.iter().map(|w| w.to_bits()).collect::<Vec<_>>());
        seen.push(kind);
    }
    seen.dedup();
    // That reader has no STQ1_0.
    assert_eq!(seen, LAYOUTS.iter().map(|l| l.id).filter(|id| *id != 43).collect::<Vec<_>>());
}

#[test]
fn other_types_are_refused_by_name() {
    let tensor = Tensor {
        name: "x".into(),
        shape: vec![256],
        kind: TensorType::of(16).expect("IQ2_XXS"),
        elements: 256,
        bytes: 66,
        offset: 0,
    };
    let error = Rows::new(TensorData { tensor: &tensor, bytes: &[0; 66] }).expect_err("not read");
    assert!(error.to_string().contains("IQ2_XXS") && error.to_string().contains("TQ2_0"), "{error}");
}

proptest! {
    /// What the kernels are told equals the weights, within the rounding of one multiplication and addition.
    #[test]
    fn affine_rows_are_the_weights(layout in 0..LAYOUTS.len(), seed in proptest::collection::vec(any::<u8>(), 292)) {
        let id = LAYOUTS[layout].id;
        let kind = TensorType::of(id).expect("a type");
        let mut bytes = seed[..kind.bytes as usize].to_vec();
        // Half-precision fields must be finite: bit 14 off keeps the exponent below the largest.
        for b in &mut bytes { *b &= 0xbf; }
        with_rows(id, kind.block, &bytes, |r| {
            let affine = r.affine().expect("quantised");
            let n = kind.block as usize;
            let (mut codes, mut scales, mut mins) = (vec![0; n], vec![0.0; n / affine.block], vec![0.0; n / affine.block]);
            r.affine_row(0, &mut codes, &mut scales, &mut mins);
            let mut row = vec![0.0; n];
            r.row(0, &mut row);
            for (i, w) in row.iter().enumerate() {
                let (s, m) = (f64::from(scales[i / affine.block]), f64::from(mins[i / affine.block]));
                let exact = s * f64::from(codes[i]) + m;
                prop_assert!((exact - f64::from(*w)).abs() <= 1e-6 * (s.abs() * f64::from(codes[i]) + m.abs()), "{} {} {}", i, exact, w);
                prop_assert!(u32::from(codes[i]) < 1 << affine.bits);
            }
            Ok(())
        })?;
    }
}
