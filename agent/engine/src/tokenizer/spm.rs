//! SentencePiece with scores: of all neighbours, the pair whose joint piece has the highest score merges first.
//!
//! Characters that no piece covers become their bytes, as tokens `<0xNN>`.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::vocab::{Kind, Vocab, byte};
use super::{Token, wrong};
use crate::error::EngineError;
use crate::gguf::File;

/// What stands for a space in stored pieces: U+2581.
const SPACE: &str = "\u{2581}";

#[derive(Debug)]
pub(super) struct Spm {
    scores: Vec<f32>,
    /// Token of each byte.
    bytes: [Option<Token>; 256],
    unknown: Option<Token>,
    space_prefix: bool,
}

impl Spm {
    pub(super) fn new(file: &File, vocab: &Vocab) -> Result<Self, EngineError> {
        let header = file.header();
        let key = "tokenizer.ggml.scores";
        let scores = header.floats(file.bytes(), key)?.ok_or_else(|| wrong(format!("the file has no `{key}`")))?;
        if scores.len() != vocab.len() {
            return Err(wrong(format!("`{key}` has {} numbers for {} tokens", scores.len(), vocab.len())));
        }
        let (mut bytes, mut unknown) = ([None; 256], None);
        for token in vocab.tokens() {
            match vocab.kind(token) {
                Kind::Byte => {
                    if let Some(b) = byte(vocab.text(token)) {
                        bytes[usize::from(b)].get_or_insert(token);
                    }
                }
                Kind::Unknown => unknown = unknown.or(Some(token)),
                _ => {}
            }
        }
        let space_prefix = header.truth("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
        Ok(Self { scores, bytes, unknown, space_prefix })
    }

    pub(super) fn space_prefix(&self) -> bool {
        self.space_prefix
    }

    pub(super) fn encode(&self, vocab: &Vocab, plain: &str, out: &mut Vec<Token>) {
        let prefix = if self.space_prefix { SPACE } else { "" };
        let text = format!("{prefix}{}", plain.replace(' ', SPACE));
        let mut symbols = Symbols::new(&text);
        for i in 0..symbols.list.len() {
            self.consider(vocab, &text, &mut symbols, i);
        }
        while let Some(pair) = symbols.due.pop() {
            let (left, right) = (symbols.list[pair.left], pair.right);
            // Either may have merged with another since.
            if left.len == 0 || symbols.list[right].len == 0 || left.len + symbols.list[right].len != pair.len {
                continue;
            }
            symbols.join(pair.left, right);
            if let Some(before) = symbols.list[pair.left].before {
                self.consider(vocab, &text, &mut symbols, before);
            }
            self.consider(vocab, &text, &mut symbols, pair.left);
        }
        for symbol in symbols.list.iter().filter(|s| s.len > 0) {
            let piece = &text.as_bytes()[symbol.at..][..symbol.len];
            match vocab.find(piece).filter(|t| vocab.kind(*t) != Kind::Unused) {
                Some(token) => out.push(token),
                None => out.extend(piece.iter().filter_map(|b| self.bytes[usize::from(*b)].or(self.unknown))),
            }
        }
    }

    fn consider(&self, vocab: &Vocab, text: &str, symbols: &mut Symbols, left: usize) {
        let a = symbols.list[left];
        let Some(right) = a.after else { return };
        let len = a.len + symbols.list[right].len;
        if let Some(token) = vocab.find(&text.as_bytes()[a.at..][..len]) {
            symbols.due.push(Pair { score: self.scores[token as usize], left, right, len });
        }
    }
}

/// Appends the bytes of a stored piece.
pub(super) fn to_bytes(stored: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(stored) {
        Ok(text) => out.extend(text.replace(SPACE, " ").as_bytes()),
        Err(_) => out.extend(stored),
    }
}

#[derive(Clone, Copy)]
struct Symbol {
    at: usize,
    /// 0 where it has been merged away.
    len: usize,
    before: Option<usize>,
    after: Option<usize>,
}

struct Symbols {
    list: Vec<Symbol>,
    due: BinaryHeap<Pair>,
}

impl Symbols {
    fn new(text: &str) -> Self {
        let count = text.chars().count();
        let list = text.char_indices().enumerate().map(|(i, (at, c))| Symbol {
            at,
            len: c.len_utf8(),
            before: i.checked_sub(1),
            after: Some(i + 1).filter(|n| *n < count),
        });
        Self { list: list.collect(), due: BinaryHeap::new() }
    }

    fn join(&mut self, left: usize, right: usize) {
        let gone = self.list[right];
        self.list[right].len = 0;
        self.list[left].len += gone.len;
        self.list[left].after = gone.after;
        if let Some(after) = gone.after {
            self.list[after].before = Some(left);
        }
    }
}

struct Pair {
    score: f32,
    left: usize,
    right: usize,
    /// Bytes of both when they were seen.
    len: usize,
}

/// Highest score first, then leftmost.
impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}
