//! Metadata and tensor list, checked as a whole.

use std::collections::BTreeMap;

use super::cursor::{self, Cursor};
use super::error::{GgufError, Why};
use super::types::TensorType;

/// Most metadata keys.
pub const MAX_KEYS: u64 = 65_536;
/// Most tensors.
pub const MAX_TENSORS: u64 = 65_536;
/// Longest text, bytes.
pub const MAX_STRING: u64 = cursor::MAX_STRING;
/// Most elements of a metadata array (a vocabulary has about 300,000).
const MAX_ARRAY: u64 = 16 << 20;
/// Shortest entries: a key has a length and a type and a value; a tensor a length, a count, a dimension, a type, an offset.
const LEAST_KEY: u64 = 8 + 4 + 1;
const LEAST_TENSOR: u64 = 8 + 4 + 8 + 4 + 8;
/// Data begins at a multiple of this unless the file says otherwise.
const DEFAULT_ALIGNMENT: u64 = 32;

/// Where an array's elements stand; [`Header::texts`] and its kin read them from the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Array {
    /// Number of the element type.
    pub kind: u32,
    pub count: u64,
    /// Byte of the first element.
    pub at: u64,
}

/// A metadata value. Long arrays are kept by place and length only: a vocabulary stays where it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Array(Array),
    /// Integers of a short array (up to 4096, one a layer).
    Integers(Vec<i64>),
}

/// One tensor of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub name: String,
    /// Row length first.
    pub shape: Vec<u64>,
    pub kind: &'static TensorType,
    pub elements: u64,
    pub bytes: u64,
    /// From the start of the data.
    pub offset: u64,
}

/// A checked header.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub version: u32,
    pub values: BTreeMap<String, Value>,
    /// In the file's order.
    pub tensors: Vec<Tensor>,
    /// Where the data begins in the file.
    pub data_at: u64,
}

impl Header {
    /// Reads the header at the start of `bytes`, the beginning of a file of `file_len` bytes.
    ///
    /// # Errors
    /// The first thing that is wrong, with its byte.
    pub fn parse(bytes: &[u8], file_len: u64) -> Result<Self, GgufError> {
        let mut c = Cursor::new(bytes);
        if c.take(4)? != b"GGUF" {
            return Err(Why::Magic.at(0));
        }
        let version = c.u32()?;
        if !(2..=3).contains(&version) {
            return Err(Why::Version(version).at(4));
        }
        let tensor_count = c.count("tensors", MAX_TENSORS, LEAST_TENSOR)?;
        let key_count = c.count("keys", MAX_KEYS, LEAST_KEY)?;
        let mut values = BTreeMap::new();
        for _ in 0..key_count {
            let at = c.at();
            let key = c.string()?.to_owned();
            if key.is_empty() {
                return Err(Why::EmptyName.at(at));
            }
            let value = value(&mut c)?;
            if values.insert(key.clone(), value).is_some() {
                return Err(Why::Twice(key).at(at));
            }
        }
        let alignment = alignment(&values, c.at())?;
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            tensors.push(tensor(&mut c, alignment)?);
        }
        let data_at = c.at().checked_next_multiple_of(alignment).ok_or_else(|| c.wrong(Why::Alignment(alignment)))?;
        let header = Self { version, values, tensors, data_at };
        header.ranges(file_len, c.at())?;
        Ok(header)
    }

    /// Names are unique, tensors end inside the file and do not overlap.
    fn ranges(&self, file_len: u64, at: u64) -> Result<(), GgufError> {
        let mut names: Vec<&str> = self.tensors.iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|p| p[0] == p[1]) {
            return Err(Why::Twice(pair[0].into()).at(at));
        }
        let mut sorted: Vec<&Tensor> = self.tensors.iter().collect();
        sorted.sort_by_key(|t| t.offset);
        let mut last: Option<(&Tensor, u64)> = None;
        for t in sorted {
            let past = || Why::PastEnd(t.name.clone()).at(at);
            let end = t.offset.checked_add(t.bytes).ok_or_else(past)?;
            if self.data_at.checked_add(end).is_none_or(|end| end > file_len) {
                return Err(past());
            }
            if let Some((before, before_end)) = last
                && before_end > t.offset
            {
                return Err(Why::Overlap(before.name.clone(), t.name.clone()).at(at));
            }
            last = Some((t, end));
        }
        Ok(())
    }
}

fn alignment(values: &BTreeMap<String, Value>, at: u64) -> Result<u64, GgufError> {
    match values.get("general.alignment") {
        None => Ok(DEFAULT_ALIGNMENT),
        Some(&Value::Unsigned(a)) if a.is_power_of_two() && (8..=65_536).contains(&a) => Ok(a),
        Some(&Value::Unsigned(a)) => Err(Why::Alignment(a).at(at)),
        Some(_) => Err(Why::KeyType { key: "general.alignment".into(), wanted: "an unsigned integer" }.at(at)),
    }
}

/// Bytes of one value of a metadata type; `None` for text, arrays and what is no type.
fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn value(c: &mut Cursor<'_>) -> Result<Value, GgufError> {
    let at = c.at();
    let kind = c.u32()?;
    match kind {
        8 => Ok(Value::Text(c.string()?.to_owned())),
        9 => array(c),
        _ => scalar(c, kind).unwrap_or_else(|| Err(Why::ValueType(kind).at(at))),
    }
}

/// A value of fixed width; `None` where the type is not one.
pub(super) fn scalar(c: &mut Cursor<'_>, kind: u32) -> Option<Result<Value, GgufError>> {
    Some(match kind {
        0 => c.u8().map(|v| Value::Unsigned(v.into())),
        1 => c.u8().map(|v| Value::Signed(v.cast_signed().into())),
        2 => c.u16().map(|v| Value::Unsigned(v.into())),
        3 => c.u16().map(|v| Value::Signed(v.cast_signed().into())),
        4 => c.u32().map(|v| Value::Unsigned(v.into())),
        5 => c.u32().map(|v| Value::Signed(v.cast_signed().into())),
        6 => c.u32().map(|v| Value::Float(f32::from_bits(v).into())),
        7 => {
            let at = c.at();
            c.u8().and_then(|v| match v {
                0 | 1 => Ok(Value::Bool(v == 1)),
                _ => Err(Why::Bool(v).at(at)),
            })
        }
        10 => c.u64().map(Value::Unsigned),
        11 => c.u64().map(|v| Value::Signed(v.cast_signed())),
        12 => c.u64().map(|v| Value::Float(f64::from_bits(v))),
        _ => return None,
    })
}

fn array(c: &mut Cursor<'_>) -> Result<Value, GgufError> {
    let at = c.at();
    let kind = c.u32()?;
    if kind == 9 {
        return Err(Why::Nested.at(at));
    }
    if kind == 8 {
        // A text is at least its length; vocabularies need not be UTF-8.
        let count = c.count("array elements", MAX_ARRAY, 8)?;
        let at = c.at();
        for _ in 0..count {
            c.raw_string()?;
        }
        return Ok(Value::Array(Array { kind, count, at }));
    }
    let width = width(kind).ok_or_else(|| Why::ValueType(kind).at(at))?;
    let count = c.count("array elements", MAX_ARRAY, width)?;
    // Kept only where a layer each could be meant, and where keeping at most doubles the bytes.
    if count > 4096 || !matches!(kind, 4 | 5 | 10 | 11) {
        let at = c.at();
        c.take(count.saturating_mul(width))?;
        return Ok(Value::Array(Array { kind, count, at }));
    }
    let mut integers = Vec::new();
    for _ in 0..count {
        match scalar(c, kind) {
            Some(Ok(Value::Unsigned(n))) => integers.push(i64::try_from(n).unwrap_or(i64::MAX)),
            Some(Ok(Value::Signed(n))) => integers.push(n),
            Some(Err(e)) => return Err(e),
            _ => return Err(Why::ValueType(kind).at(at)),
        }
    }
    Ok(Value::Integers(integers))
}

fn tensor(c: &mut Cursor<'_>, alignment: u64) -> Result<Tensor, GgufError> {
    let at = c.at();
    let name = c.string()?.to_owned();
    if name.is_empty() {
        return Err(Why::EmptyName.at(at));
    }
    let count = c.u32()?;
    if !(1..=4).contains(&count) {
        return Err(Why::Dimensions { name, count }.at(at));
    }
    let mut shape = Vec::new();
    let mut elements: u64 = 1;
    for _ in 0..count {
        let dimension = c.u64()?;
        if dimension == 0 {
            return Err(Why::ZeroDimension(name).at(at));
        }
        // Checked before the product is used: two dimensions of 2^32 would wrap to 0.
        elements = elements.checked_mul(dimension).ok_or_else(|| Why::TooLarge(name.clone()).at(at))?;
        shape.push(dimension);
    }
    let number = c.u32()?;
    let kind = TensorType::of(number).ok_or_else(|| Why::TensorType(number).at(at))?;
    if !shape[0].is_multiple_of(kind.block) {
        return Err(Why::Row { name, row: shape[0], block: kind.block, kind: kind.name }.at(at));
    }
    let bytes = (elements / kind.block).checked_mul(kind.bytes).ok_or_else(|| Why::TooLarge(name.clone()).at(at))?;
    let offset = c.u64()?;
    if !offset.is_multiple_of(alignment) {
        return Err(Why::Misaligned(name).at(at));
    }
    Ok(Tensor { name, shape, kind, elements, bytes, offset })
}
