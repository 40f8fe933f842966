//! Tokens that are found in a text before anything else is done with it.

use super::Token;
use super::vocab::{Kind, Vocab};

/// Longer texts are not looked for: special tokens are names or runs of one character.
const LONGEST: usize = 256;

#[derive(Debug)]
pub(super) struct Special {
    /// In the order of their texts.
    sorted: Vec<Token>,
    /// Lengths that there are, longest first.
    lengths: Vec<usize>,
    /// True for bytes that begin one.
    first: [bool; 256],
}

impl Special {
    pub(super) fn new(vocab: &Vocab, wanted: impl Fn(Kind) -> bool) -> Self {
        let fits = |t: &Token| wanted(vocab.kind(*t)) && (1..=LONGEST).contains(&vocab.text(*t).len());
        let mut sorted: Vec<Token> = vocab.tokens().filter(fits).collect();
        sorted.sort_by_key(|t| vocab.text(*t));
        let mut lengths: Vec<usize> = sorted.iter().map(|t| vocab.text(*t).len()).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        lengths.dedup();
        let mut first = [false; 256];
        sorted.iter().for_each(|t| first[usize::from(vocab.text(*t)[0])] = true);
        Self { sorted, lengths, first }
    }

    /// Calls `part` with the text before each special token and the token, last with what remains.
    pub(super) fn split<'t>(&self, vocab: &Vocab, text: &'t str, mut part: impl FnMut(&'t str, Option<Token>)) {
        let (mut start, mut at) = (0, 0);
        while at < text.len() {
            // Only whole characters: a special text that is no UTF-8 is never in a text.
            match self.at(vocab, text.as_bytes(), at).filter(|(len, _)| text.is_char_boundary(at + len)) {
                Some((len, token)) if text.is_char_boundary(at) => {
                    part(&text[start..at], Some(token));
                    at += len;
                    start = at;
                }
                _ => at += 1,
            }
        }
        part(&text[start..], None);
    }

    fn at(&self, vocab: &Vocab, text: &[u8], at: usize) -> Option<(usize, Token)> {
        if !self.first[usize::from(text[at])] {
            return None;
        }
        self.lengths.iter().find_map(|len| {
            let piece = text.get(at..at + len)?;
            let place = self.sorted.partition_point(|t| vocab.text(*t) < piece);
            self.sorted.get(place).filter(|t| vocab.text(**t) == piece).map(|t| (*len, *t))
        })
    }
}
