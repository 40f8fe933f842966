//! From numbers to the simple storage types of ggml, by its reference rules (`quantize_row_*_ref`).
//!
//! For tests and for small files that are written here; packing for speed is the crate `kernels`'.

use half::{bf16, f16};

use crate::error::EngineError;

/// Weights that share a scale.
const BLOCK: usize = 32;

/// `weights` in storage type `kind`: F32 (0), F16 (1), BF16 (30), Q4_0 (2), Q4_1 (3), Q5_0 (6), Q5_1 (7) or Q8_0 (8).
///
/// # Errors
/// Another type, or a length that is no multiple of 32 for the quantised ones.
pub fn encode(kind: u32, weights: &[f32]) -> Result<Vec<u8>, EngineError> {
    let block: fn(&[f32], &mut Vec<u8>) = match kind {
        0 => return Ok(weights.iter().flat_map(|w| w.to_le_bytes()).collect()),
        1 => return Ok(weights.iter().flat_map(|w| f16::from_f32(*w).to_le_bytes()).collect()),
        30 => return Ok(weights.iter().flat_map(|w| bf16::from_f32(*w).to_le_bytes()).collect()),
        2 => |w, out| symmetric(w, 4, out),
        3 => |w, out| with_minimum(w, 4, out),
        6 => |w, out| symmetric(w, 5, out),
        7 => |w, out| with_minimum(w, 5, out),
        8 => q8_0,
        _ => return Err(EngineError::Unsupported(format!("tensor type {kind} is not written"))),
    };
    let (blocks, []) = weights.as_chunks::<BLOCK>() else {
        return Err(EngineError::Input(format!("{} weights are no whole blocks of {BLOCK}", weights.len())));
    };
    let mut out = Vec::new();
    blocks.iter().for_each(|b| block(b, &mut out));
    Ok(out)
}

fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// The weight of largest magnitude becomes the lowest code exactly.
fn symmetric(w: &[f32], bits: u8, out: &mut Vec<u8>) {
    let half_range = f32::from(1u8 << (bits - 1));
    let extreme = w.iter().copied().fold(0.0f32, |a, b| if b.abs() > a.abs() { b } else { a });
    let d = extreme / -half_range;
    let id = inverse(d);
    out.extend(f16::from_f32(d).to_le_bytes());
    codes(w, bits, |x| x * id + half_range + 0.5, out);
}

fn with_minimum(w: &[f32], bits: u8, out: &mut Vec<u8>) {
    let (low, high) = w.iter().fold((f32::MAX, f32::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
    let d = (high - low) / f32::from((1u8 << bits) - 1);
    let id = inverse(d);
    out.extend(f16::from_f32(d).to_le_bytes());
    out.extend(f16::from_f32(low).to_le_bytes());
    codes(w, bits, |x| (x - low) * id + 0.5, out);
}

fn codes(w: &[f32], bits: u8, code: impl Fn(f32) -> f32, out: &mut Vec<u8>) {
    // A cast from float saturates, so that the lower end is 0.
    let codes: Vec<u8> = w.iter().map(|x| (code(*x) as u8).min((1 << bits) - 1)).collect();
    if bits == 5 {
        let high = codes.iter().enumerate().fold(0u32, |word, (j, c)| word | u32::from(c >> 4) << j);
        out.extend(high.to_le_bytes());
    }
    let (low, high) = codes.split_at(BLOCK / 2);
    out.extend(low.iter().zip(high).map(|(l, h)| l & 15 | h << 4));
}

fn q8_0(w: &[f32], out: &mut Vec<u8>) {
    let d = w.iter().fold(0.0f32, |a, b| a.max(b.abs())) / 127.0;
    let id = inverse(d);
    out.extend(f16::from_f32(d).to_le_bytes());
    out.extend(w.iter().map(|x| ((x * id).round() as i8).cast_unsigned()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dequant::Rows;
    use crate::gguf::{File, Writer};
    use proptest::prelude::*;

    fn round_trip(kind: u32, w: &[f32]) -> Vec<f32> {
        let mut writer = Writer::default();
        writer.tensor("t", &[w.len() as u64], kind, encode(kind, w).expect("encoded")).expect("fits");
        let file = File::from_bytes(writer.to_bytes()).expect("sound");
        Rows::new(file.tensor("t").expect("there")).expect("read").to_vec()
    }

    proptest! {
        /// Off by at most half a step (a whole one at the end that has no code) and the rounding of the scale.
        #[test]
        fn weights_come_back_within_a_step(w in proptest::collection::vec(-8.0f32..8.0, 64)) {
            for (kind, steps) in [(2u32, 8.0f32), (3, 7.5), (6, 16.0), (7, 15.5), (8, 127.0)] {
                let back = round_trip(kind, &w);
                for (a, b) in w.chunks(32).zip(back.chunks(32)) {
                    let top = a.iter().fold(0.0f32, |m, x| m.max(x.abs()));
                    let low = a.iter().copied().fold(f32::MAX, f32::min);
                    let high = a.iter().copied().fold(f32::MIN, f32::max);
                    let step = if matches!(kind, 3 | 7) { (high - low) / (2.0 * steps) } else { top / steps };
                    for (x, y) in a.iter().zip(b) {
                        prop_assert!((x - y).abs() <= step * 1.01 + top * 2e-3, "{kind}: {x} {y} step {step}");
                    }
                }
            }
        }

        /// What was dequantised is encoded to the same weights again.
        #[test]
        fn plain_types_are_exact_the_second_time(w in proptest::collection::vec(-8.0f32..8.0, 64)) {
            for kind in [0u32, 1, 30, 8] {
                let once = round_trip(kind, &w);
                let twice = round_trip(kind, &once);
                for (a, b) in once.iter().zip(&twice) {
                    prop_assert!((a - b).abs() <= 2e-3 * a.abs(), "{kind}: {a} {b}");
                }
            }
        }
    }

    #[test]
    fn zeros_stay_zeros() {
        for kind in [0, 1, 2, 3, 6, 7, 8, 30] {
            assert!(round_trip(kind, &[0.0; 64]).iter().all(|w| *w == 0.0), "{kind}");
        }
    }

    #[test]
    fn other_types_and_lengths_are_errors() {
        assert!(encode(12, &[0.0; 256]).is_err());
        assert!(encode(8, &[0.0; 33]).is_err());
    }
}
