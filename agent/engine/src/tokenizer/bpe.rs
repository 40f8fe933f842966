//! Byte-level byte-pair encoding: of all neighbours in a word, the pair of lowest rank merges first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
#[expect(clippy::disallowed_types, reason = "looked up only, never iterated: its order shows nowhere")]
use std::collections::HashMap;

use super::bytes::character;
use super::pre::Pre;
use super::vocab::Vocab;
use super::{Token, wrong};
use crate::error::EngineError;
use crate::gguf::File;

#[derive(Debug)]
pub(super) struct Bpe {
    pre: Pre,
    /// Token of each byte; bytes that the vocabulary lacks are dropped.
    bytes: [Option<Token>; 256],
    /// Rank and result of each pair.
    #[expect(clippy::disallowed_types, reason = "looked up only, never iterated: its order shows nowhere")]
    merges: HashMap<(Token, Token), (u32, Token)>,
}

impl Bpe {
    pub(super) fn new(file: &File, vocab: &Vocab) -> Result<Self, EngineError> {
        let header = file.header();
        let pre = Pre::named(header.text("tokenizer.ggml.pre")?.unwrap_or("default"))?;
        let key = "tokenizer.ggml.merges";
        let list = header.texts(file.bytes(), key)?.ok_or_else(|| wrong(format!("the file has no `{key}`")))?;
        #[expect(clippy::disallowed_types, reason = "looked up only, never iterated: its order shows nowhere")]
        let mut merges = HashMap::with_capacity(list.len());
        let mut joined = Vec::new();
        for (rank, line) in (0..).zip(list) {
            // Two texts with a space between; the alphabet has no space.
            let Some(space) = line.iter().skip(1).position(|b| *b == b' ') else {
                return Err(wrong(format!("merge `{}` is not two texts", String::from_utf8_lossy(line))));
            };
            let (left, right) = (&line[..=space], &line[space + 2..]);
            joined.clear();
            joined.extend(left);
            joined.extend(right);
            // A merge of or into what is no token can never show.
            if let (Some(l), Some(r), Some(both)) = (vocab.find(left), vocab.find(right), vocab.find(&joined)) {
                merges.entry((l, r)).or_insert((rank, both));
            }
        }
        let mut bytes = [None; 256];
        for (b, slot) in (0..=255u8).zip(&mut bytes) {
            *slot = vocab.find(character(b).encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(Self { pre, bytes, merges })
    }

    pub(super) fn encode(&self, text: &str, out: &mut Vec<Token>) {
        let mut word = Word::default();
        self.pre.split(text, &mut |piece| {
            word.begin(piece.bytes().filter_map(|b| self.bytes[usize::from(b)]));
            word.merge(|l, r| self.merges.get(&(l, r)).copied());
            out.extend(word.tokens());
        });
    }
}

/// No neighbour.
const NONE: u32 = u32::MAX;

/// A word while it merges: a doubly linked list in two arrays, and the pairs that may merge next.
#[derive(Default)]
struct Word {
    /// Token, or `None` where it has been merged away.
    tokens: Vec<Option<Token>>,
    before: Vec<u32>,
    after: Vec<u32>,
    /// Lowest rank first, then leftmost: rank, place, and the pair it was seen with.
    due: BinaryHeap<Reverse<(u32, u32, Token, Token)>>,
}

impl Word {
    fn begin(&mut self, tokens: impl Iterator<Item = Token>) {
        self.tokens.clear();
        self.tokens.extend(tokens.map(Some));
        let len = self.tokens.len() as u32;
        self.before.clear();
        self.before.extend((0..len).map(|i| i.wrapping_sub(1)));
        self.after.clear();
        self.after.extend((1..=len).map(|i| if i == len { NONE } else { i }));
        self.due.clear();
    }

    fn consider(&mut self, left: u32, merge: &impl Fn(Token, Token) -> Option<(u32, Token)>) {
        let Some(Some(l)) = self.tokens.get(left as usize).copied() else { return };
        let Some(Some(r)) = self.tokens.get(self.after[left as usize] as usize).copied() else { return };
        if let Some((rank, _)) = merge(l, r) {
            self.due.push(Reverse((rank, left, l, r)));
        }
    }

    fn merge(&mut self, merge: impl Fn(Token, Token) -> Option<(u32, Token)>) {
        for i in 0..self.tokens.len() as u32 {
            self.consider(i, &merge);
        }
        while let Some(Reverse((_, left, l, r))) = self.due.pop() {
            let (i, right) = (left as usize, self.after[left as usize]);
            // Either may have merged with another since.
            if self.tokens[i] != Some(l) || self.tokens.get(right as usize).copied().flatten() != Some(r) {
                continue;
            }
            let Some((_, both)) = merge(l, r) else { continue };
            self.tokens[i] = Some(both);
            self.tokens[right as usize] = None;
            let next = self.after[right as usize];
            self.after[i] = next;
            if let Some(b) = self.before.get_mut(next as usize) {
                *b = left;
            }
            self.consider(self.before[i], &merge);
            self.consider(left, &merge);
        }
    }

    fn tokens(&self) -> impl Iterator<Item = Token> {
        self.tokens.iter().copied().flatten()
    }
}
