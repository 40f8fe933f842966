//! The alphabet of byte-level BPE: a printable character for each byte, as GPT-2 published it.

/// True for bytes that stand for themselves.
fn printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff)
}

/// The character of a byte: its own, or one of U+0100 on, in the order of the bytes that have none.
pub(crate) fn character(byte: u8) -> char {
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|b| !printable(*b)).count();
    char::from_u32(256 + before as u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The byte of a character of the alphabet.
fn byte(c: char) -> Option<u8> {
    match u32::from(c) {
        n @ 0..=0xff => u8::try_from(n).ok().filter(|b| printable(*b)),
        // 68 bytes have no printable character: 33 controls and space, 34 from DEL on, the soft hyphen.
        n @ 0x100..=0x120 => u8::try_from(n - 0x100).ok(),
        n @ 0x121..=0x142 => u8::try_from(n - 0x121 + 0x7f).ok(),
        0x143 => Some(0xad),
        _ => None,
    }
}

/// Appends the bytes that a stored text stands for. What is not of the alphabet stands for itself.
pub(super) fn to_bytes(stored: &[u8], out: &mut Vec<u8>) {
    let Ok(text) = std::str::from_utf8(stored) else { return out.extend(stored) };
    for c in text.chars() {
        match byte(c) {
            Some(b) => out.push(b),
            None => out.extend(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_own_character() {
        for b in 0..=255u8 {
            assert_eq!(byte(character(b)), Some(b), "{b}");
        }
        // As published: space is G with a dot, newline C with a dot.
        assert_eq!((character(b' '), character(b'\n'), character(b'a'), character(0xad)), ('Ġ', 'Ċ', 'a', '\u{143}'));
        assert_eq!([character(0x21), character(0x7f), character(0xa0)], ['!', '\u{121}', '\u{142}']);
    }
}
