//! Text to tokens and back, with the vocabulary that the model file carries.
//!
//! Two families: byte-level BPE (`gpt2`, with the pre-tokenizers `smollm`, `qwen2`, `gpt-2` and
//! `default`) and SentencePiece with scores (`llama`). Both follow the rules that llama.cpp publishes
//! in `llama-vocab.cpp`, with one difference: where special tokens overlap in a text, the leftmost
//! and then the longest is taken (as in Hugging Face's `tokenizers`), not the longest anywhere.
//!
//! A vocabulary is content of an untrusted file: its lengths, ids and byte tokens are checked when it
//! is read, and no text can make the encoder take more than n log n steps.

mod bpe;
mod bytes;
mod pre;
mod special;
mod spm;
mod stream;
mod vocab;

#[cfg(test)]
mod tests;

pub(crate) use bytes::character as byte_character;
pub use stream::Stream;
pub use vocab::Kind;

use crate::error::EngineError;
use crate::gguf::File;
use bpe::Bpe;
use special::Special;
use spm::Spm;
use vocab::Vocab;

/// Number of a token in the vocabulary.
pub type Token = u32;

/// Longest text that is encoded at once, bytes. Token counts then fit in 32 bits by far.
pub const MAX_TEXT: usize = 64 << 20;

#[derive(Debug)]
enum Family {
    Bpe(Bpe),
    Spm(Spm),
}

/// A vocabulary with its rules.
#[derive(Debug)]
pub struct Tokenizer {
    vocab: Vocab,
    family: Family,
    /// Control tokens, which only a trusted text (a chat template's) may contain.
    control: Special,
    /// Tokens that any text may contain.
    defined: Special,
    bos: Option<Token>,
    eos: Option<Token>,
    /// All tokens that end an answer.
    ends: Vec<Token>,
    add_bos: bool,
}

/// Texts of control tokens that end a turn, whichever the file names as its own.
const ENDS: &[&str] = &["<|im_end|>", "<|endoftext|>", "<end_of_turn>", "<|eot_id|>", "<|end_of_text|>", "</s>", "<eos>"];

impl Tokenizer {
    /// The tokenizer of a model file.
    ///
    /// # Errors
    /// The file has none, or one whose family, pre-tokenizer or content is not read.
    pub fn new(file: &File) -> Result<Self, EngineError> {
        let header = file.header();
        let vocab = Vocab::new(file)?;
        let spm = match header.text("tokenizer.ggml.model")? {
            Some("gpt2") => false,
            Some("llama") => true,
            Some(other) => return Err(wrong(format!("family `{other}` is not read; gpt2 (BPE) and llama (SPM) are"))),
            None => return Err(wrong("the file names no `tokenizer.ggml.model`".into())),
        };
        let family = if spm { Family::Spm(Spm::new(file, &vocab)?) } else { Family::Bpe(Bpe::new(file, &vocab)?) };
        let id = |key: &str| -> Result<Option<Token>, EngineError> {
            let key = format!("tokenizer.ggml.{key}");
            match header.count(&key)? {
                None => Ok(None),
                Some(n) => match Token::try_from(n) {
                    Ok(token) if vocab.has(token) => Ok(Some(token)),
                    _ => Err(wrong(format!("`{key}` is {n}, the vocabulary has {} tokens", vocab.len()))),
                },
            }
        };
        let (bos, eos) = (id("bos_token_id")?, id("eos_token_id")?);
        let mut ends: Vec<Token> = [eos, id("eot_token_id")?].into_iter().flatten().collect();
        for text in ENDS {
            ends.extend(vocab.find(text.as_bytes()).filter(|t| vocab.kind(*t) == Kind::Control));
        }
        ends.sort_unstable();
        ends.dedup();
        let add_bos = header.truth("tokenizer.ggml.add_bos_token")?.unwrap_or(spm) && bos.is_some();
        let control = Special::new(&vocab, |kind| matches!(kind, Kind::Control | Kind::Unknown | Kind::Defined));
        let defined = Special::new(&vocab, |kind| kind == Kind::Defined);
        Ok(Self { vocab, family, control, defined, bos, eos, ends, add_bos })
    }

    /// Number of tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.vocab.len()
    }

    /// Always false: a tokenizer without tokens is not read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Token that begins a text, if the model has one.
    #[must_use]
    pub fn bos(&self) -> Option<Token> {
        self.bos
    }

    /// Token that ends a text, if the model has one.
    #[must_use]
    pub fn eos(&self) -> Option<Token> {
        self.eos
    }

    /// True where the model was trained with [`bos`](Self::bos) before every text.
    #[must_use]
    pub fn adds_bos(&self) -> bool {
        self.add_bos
    }

    /// True for the tokens that end an answer.
    #[must_use]
    pub fn is_end(&self, token: Token) -> bool {
        self.ends.binary_search(&token).is_ok()
    }

    /// What kind of token this is; tokens beyond the vocabulary are unused.
    #[must_use]
    pub fn kind(&self, token: Token) -> Kind {
        self.vocab.kind(token)
    }

    /// The token with exactly this stored text.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Token> {
        self.vocab.find(text.as_bytes())
    }

    /// Stored text of a token, as the vocabulary writes it.
    #[must_use]
    pub fn stored(&self, token: Token) -> String {
        let text = if self.vocab.has(token) { self.vocab.text(token) } else { &[] };
        String::from_utf8_lossy(text).into_owned()
    }

    /// Tokens of a text that nobody vouches for: names of control tokens in it are plain characters.
    ///
    /// # Errors
    /// The text is longer than [`MAX_TEXT`].
    pub fn encode(&self, text: &str) -> Result<Vec<Token>, EngineError> {
        self.encode_with(text, &self.defined)
    }

    /// Tokens of a text in which names of control tokens mean those tokens: a rendered chat template.
    ///
    /// # Errors
    /// The text is longer than [`MAX_TEXT`].
    pub fn encode_control(&self, text: &str) -> Result<Vec<Token>, EngineError> {
        self.encode_with(text, &self.control)
    }

    /// [`encode`](Self::encode) with [`bos`](Self::bos) first where the model wants it.
    ///
    /// # Errors
    /// The text is longer than [`MAX_TEXT`].
    pub fn encode_prompt(&self, text: &str) -> Result<Vec<Token>, EngineError> {
        let mut tokens: Vec<Token> = self.bos.filter(|_| self.add_bos).into_iter().collect();
        tokens.extend(self.encode(text)?);
        Ok(tokens)
    }

    fn encode_with(&self, text: &str, special: &Special) -> Result<Vec<Token>, EngineError> {
        if text.len() > MAX_TEXT {
            return Err(EngineError::Input(format!(
                "a text of {} bytes is too long; {MAX_TEXT} are encoded at once",
                text.len()
            )));
        }
        let mut tokens = Vec::new();
        special.split(&self.vocab, text, |plain, token| {
            if !plain.is_empty() {
                match &self.family {
                    Family::Bpe(bpe) => bpe.encode(plain, &mut tokens),
                    Family::Spm(spm) => spm.encode(&self.vocab, plain, &mut tokens),
                }
            }
            tokens.extend(token);
        });
        Ok(tokens)
    }

    /// Appends the bytes of a token. Control tokens have none.
    pub fn append(&self, token: Token, out: &mut Vec<u8>) {
        if !self.vocab.has(token) {
            return;
        }
        let stored = self.vocab.text(token);
        match self.vocab.kind(token) {
            Kind::Control | Kind::Unknown | Kind::Unused => {}
            Kind::Defined => out.extend(stored),
            Kind::Byte => out.extend(vocab::byte(stored)),
            Kind::Normal => match &self.family {
                Family::Bpe(_) => bytes::to_bytes(stored, out),
                Family::Spm(_) => spm::to_bytes(stored, out),
            },
        }
    }

    /// Text of some tokens; bytes that are no UTF-8 become U+FFFD.
    #[must_use]
    pub fn decode(&self, tokens: &[Token]) -> String {
        let mut bytes = Vec::new();
        tokens.iter().for_each(|t| self.append(*t, &mut bytes));
        // SentencePiece texts begin with the space that encoding put before them.
        let skip = usize::from(matches!(&self.family, Family::Spm(spm) if spm.space_prefix()) && bytes.first() == Some(&b' '));
        String::from_utf8_lossy(&bytes[skip..]).into_owned()
    }

    /// A decoder that gives out text token by token.
    #[must_use]
    pub fn stream(&self) -> Stream<'_> {
        Stream::new(self)
    }
}

fn wrong(why: String) -> EngineError {
    EngineError::Tokenizer(why)
}
