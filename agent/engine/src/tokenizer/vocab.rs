//! The token list of a file: texts in one piece of memory, found by binary search.

use super::{Token, wrong};
use crate::error::EngineError;
use crate::gguf::File;

/// What a token stands for; numbers as in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Normal,
    Unknown,
    Control,
    /// Added by the model's maker: found in any text, never split.
    Defined,
    Unused,
    Byte,
}

#[derive(Debug)]
pub(super) struct Vocab {
    /// All stored texts, one after another.
    texts: Vec<u8>,
    /// End of each in `texts`.
    ends: Vec<u32>,
    kinds: Vec<Kind>,
    /// Tokens in the order of their texts.
    sorted: Vec<Token>,
}

impl Vocab {
    pub(super) fn new(file: &File) -> Result<Self, EngineError> {
        let (header, bytes) = (file.header(), file.bytes());
        let key = "tokenizer.ggml.tokens";
        let list = header.texts(bytes, key)?.ok_or_else(|| wrong(format!("the file has no `{key}`")))?;
        if list.len() < 2 {
            return Err(wrong(format!("a vocabulary of {} tokens is too small", list.len())));
        }
        let kinds = match header.integers(bytes, "tokenizer.ggml.token_type")? {
            None => vec![Kind::Normal; list.len()],
            Some(numbers) if numbers.len() == list.len() => numbers.into_iter().map(kind).collect::<Result<_, _>>()?,
            Some(numbers) => {
                return Err(wrong(format!("`token_type` has {} numbers for {} tokens", numbers.len(), list.len())));
            }
        };
        let total: usize = list.iter().map(|t| t.len()).sum();
        let mut texts = Vec::with_capacity(total);
        let mut ends = Vec::with_capacity(list.len());
        for (text, kind) in list.iter().zip(&kinds) {
            if *kind == Kind::Byte && byte(text).is_none() {
                return Err(wrong(format!("`{}` is no byte token; `<0x00>` to `<0xFF>` are", String::from_utf8_lossy(text))));
            }
            texts.extend(*text);
            ends.push(u32::try_from(texts.len()).map_err(|_| wrong("the vocabulary's texts are too long".into()))?);
        }
        let count = Token::try_from(list.len()).map_err(|_| wrong("too many tokens".into()))?;
        let mut sorted: Vec<Token> = (0..count).collect();
        // Stable: of equal texts the first token is found.
        sorted.sort_by_key(|t| list[*t as usize]);
        Ok(Self { texts, ends, kinds, sorted })
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn has(&self, token: Token) -> bool {
        (token as usize) < self.len()
    }

    pub(super) fn tokens(&self) -> std::ops::Range<Token> {
        0..self.len() as Token
    }

    pub(super) fn kind(&self, token: Token) -> Kind {
        self.kinds.get(token as usize).copied().unwrap_or(Kind::Unused)
    }

    /// Stored text of a token of the vocabulary.
    pub(super) fn text(&self, token: Token) -> &[u8] {
        let i = token as usize;
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.texts[start as usize..self.ends[i] as usize]
    }

    pub(super) fn find(&self, text: &[u8]) -> Option<Token> {
        let at = self.sorted.partition_point(|t| self.text(*t) < text);
        self.sorted.get(at).copied().filter(|t| self.text(*t) == text)
    }
}

fn kind(number: i64) -> Result<Kind, EngineError> {
    Ok(match number {
        1 => Kind::Normal,
        2 => Kind::Unknown,
        3 => Kind::Control,
        4 => Kind::Defined,
        5 => Kind::Unused,
        6 => Kind::Byte,
        _ => return Err(wrong(format!("{number} is no kind of token"))),
    })
}

/// The byte that `<0xNN>` names: exactly two hexadecimal digits, no sign.
pub(super) fn byte(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let digit = |b: u8| char::from(b).to_digit(16);
    match digits {
        [high, low] => u8::try_from(digit(*high)? * 16 + digit(*low)?).ok(),
        _ => None,
    }
}
