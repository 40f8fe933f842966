//! Bits per weight in the agent's memory: what its engine packs a stored type into at each format.
//!
//! The layouts are those of `agent/kernels/src/layout.rs`, which differ from GGUF's: codes in tiles, an fp16 scale for
//! each run of 32 weights (16 at three and two bits), a minimum beside it only where the file's blocks have one and are
//! kept, one fp32 scale a row for ternary formats. A test of the engine loads a model at every format from every type
//! and compares what it holds with this.
//!
//! | format | quantised anew | codes of a file kept |
//! | --- | --- | --- |
//! | `w16` | 16 | |
//! | `w8` | 8.5 | 9 where blocks of 32 of more than two bits have a minimum; scales for 16 weights are not kept |
//! | `w6` | 6.5 | 7 where blocks have a minimum, or scales for 16 weights |
//! | `w5` | 5.5 | 6 likewise |
//! | `w4` | 4.5 | 5 likewise |
//! | `w3` | 4 | 4 |
//! | `w2` | 3 | 4: `Q2_K` has scale and minimum for 16 weights |
//! | `ternary` | 2 and a scale a row | the same; 2.5 where scales differ along a row, which no header tells and no model that was trained ternary does |
//! | `sherry` | 1.25 and a scale a row | |

use super::types::TensorType;
use crate::precision::WeightFormat;

/// Integer blocks of a stored type.
struct Codes {
    bits: u32,
    /// Weights that share a scale.
    run: u64,
    /// A minimum beside the scale.
    minimum: bool,
}

/// How a type is stored; `None` for plain numbers. Types that the engine does not read are `Err`.
fn codes(kind: &TensorType) -> Result<Option<Codes>, ()> {
    let some = |bits, run, minimum| Ok(Some(Codes { bits, run, minimum }));
    match kind.name {
        "F32" | "F16" | "BF16" => Ok(None),
        "Q4_0" => some(4, 32, false),
        "Q4_1" | "Q4_K" => some(4, 32, true),
        "Q5_0" => some(5, 32, false),
        "Q5_1" | "Q5_K" => some(5, 32, true),
        "Q8_0" => some(8, 32, false),
        "Q2_K" => some(2, 16, true),
        "Q3_K" => some(3, 16, false),
        "Q6_K" => some(6, 16, false),
        // Codes 0 to 2 for -1 to 1: an offset that integer formats hold as a minimum.
        "TQ1_0" | "TQ2_0" => some(2, 32, true),
        _ => Err(()),
    }
}

/// Bits per weight of a matrix with rows of `cols` weights, stored as `kind`, that the engine packs at `format`; `None`
/// for types that it does not read. Columns are padded to whole chunks; rows to whole tiles, which is not counted.
#[must_use]
pub fn packed_bits(format: WeightFormat, kind: &TensorType, cols: u64) -> Option<f64> {
    let stored = codes(kind).ok()?;
    let cols = cols.max(1);
    // Bits of codes and block scales, columns of a chunk, and whether a row has one scale.
    let (bits, span, row_scale) = match (format, stored) {
        (WeightFormat::W16, _) => (16.0, 1, false),
        (WeightFormat::Sherry, _) => (1.25, 128, true),
        (WeightFormat::Ternary, _) => (2.0, 64, true),
        (format, stored) => {
            let bits = code_bits(format);
            // Codes with no more bits than there is room for are kept, but at 8 bits neither scales for 16 weights nor two bits.
            let kept = stored.filter(|c| c.bits <= bits && (bits < 8 || (c.run == 32 && c.bits > 2)));
            let anew = if bits <= 3 { 16 } else { 32 };
            (kept.map_or(blocks(bits, anew, false), |c| blocks(bits, c.run, c.minimum)), 64, false)
        }
    };
    let padded = cols.div_ceil(span) * span;
    let row = if row_scale { 32.0 / cols as f64 } else { 0.0 };
    Some(bits * padded as f64 / cols as f64 + row)
}

/// Codes with an fp16 scale, and perhaps a minimum, for each run.
fn blocks(bits: u32, run: u64, minimum: bool) -> f64 {
    f64::from(bits) + 16.0 * if minimum { 2.0 } else { 1.0 } / run as f64
}

const fn code_bits(format: WeightFormat) -> u32 {
    match format {
        WeightFormat::W16 => 16,
        WeightFormat::W8 => 8,
        WeightFormat::W6 => 6,
        WeightFormat::W5 => 5,
        WeightFormat::W4 => 4,
        WeightFormat::W3 => 3,
        WeightFormat::W2 | WeightFormat::Ternary | WeightFormat::Sherry => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(name: &str, cols: u64) -> Option<[f64; 9]> {
        let kind = (0..64).filter_map(TensorType::of).find(|t| t.name == name).expect("a type");
        let list = WeightFormat::ALL.map(|format| packed_bits(format, kind, cols));
        list.iter().all(Option::is_some).then(|| list.map(|b| b.expect("all there")))
    }

    #[test]
    fn bits_are_those_of_the_engine() {
        let row = 32.0 / 1024.0;
        assert_eq!(bits("F16", 1024), Some([16.0, 8.5, 6.5, 5.5, 4.5, 4.0, 3.0, 2.0 + row, 1.25 + row]));
        assert_eq!(bits("Q4_0", 1024), Some([16.0, 8.5, 6.5, 5.5, 4.5, 4.0, 3.0, 2.0 + row, 1.25 + row]));
        assert_eq!(bits("Q4_1", 1024), Some([16.0, 9.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0 + row, 1.25 + row]));
        assert_eq!(bits("Q6_K", 1024), Some([16.0, 8.5, 7.0, 5.5, 4.5, 4.0, 3.0, 2.0 + row, 1.25 + row]));
        assert_eq!(bits("Q2_K", 1024), Some([16.0, 8.5, 8.0, 7.0, 6.0, 5.0, 4.0, 2.0 + row, 1.25 + row]));
        assert_eq!(bits("TQ2_0", 1024), Some([16.0, 8.5, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0 + row, 1.25 + row]));
        assert_eq!(bits("IQ4_NL", 1024), None, "not read by the engine");
    }

    #[test]
    fn columns_are_padded_to_whole_chunks() {
        assert_eq!(packed_bits(WeightFormat::W8, TensorType::of(0).expect("F32"), 96), Some(8.5 * 128.0 / 96.0));
        assert_eq!(
            packed_bits(WeightFormat::Sherry, TensorType::of(0).expect("F32"), 576),
            Some(1.25 * 640.0 / 576.0 + 32.0 / 576.0)
        );
    }
}
