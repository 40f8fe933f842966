//! Lower-case hexadecimal of a fixed length. One spelling for one value: upper case is refused.

/// Why a text is no hexadecimal of the length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {digits} lower-case hexadecimal digits")]
pub struct NotHex {
    /// Digits expected.
    pub digits: usize,
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Digits of bytes.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for b in bytes {
        out.push(char::from(DIGITS[usize::from(b >> 4)]));
        out.push(char::from(DIGITS[usize::from(b & 15)]));
    }
    out
}

/// Bytes of digits.
///
/// # Errors
/// When they are too few, too many, or none.
pub fn decode<const N: usize>(text: &str) -> Result<[u8; N], NotHex> {
    let wrong = NotHex { digits: N * 2 };
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return Err(wrong);
    }
    let mut out = [0; N];
    for (o, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else { return Err(wrong) };
        *o = high << 4 | low;
    }
    Ok(out)
}

const fn digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}
