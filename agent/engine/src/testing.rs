//! Tiny models of each architecture with random weights, as files: for tests, here and in other crates.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{RngCore, SeedableRng};

use crate::encode::encode;
use crate::error::EngineError;
use crate::gguf::{File, Meta, Writer};

/// Shape of a tiny model.
#[derive(Clone, Copy, Debug)]
pub struct Tiny {
    /// `llama`, `qwen2` or `gemma3`.
    pub architecture: &'static str,
    pub layers: u32,
    pub hidden: u32,
    pub heads: u32,
    pub kv_heads: u32,
    pub head_dim: u32,
    pub wide: u32,
    pub context: u32,
    /// 0: none.
    pub window: u32,
    /// An output matrix of its own.
    pub own_head: bool,
    /// Storage type of matrices.
    pub kind: u32,
    pub seed: u64,
}

impl Tiny {
    /// Two layers of width 64 in Q8_0; gemma3 has seven with a window of 8.
    #[must_use]
    pub const fn new(architecture: &'static str) -> Self {
        let gemma = matches!(architecture.as_bytes(), b"gemma3");
        Self {
            architecture,
            layers: if gemma { 7 } else { 2 },
            hidden: 64,
            heads: 4,
            kv_heads: 2,
            head_dim: if gemma { 32 } else { 16 },
            wide: 96,
            context: 128,
            window: if gemma { 8 } else { 0 },
            own_head: false,
            kind: 8,
            seed: 1,
        }
    }

    /// The model as a file.
    ///
    /// # Errors
    /// The shape does not fit its storage type.
    pub fn writer(&self) -> Result<Writer, EngineError> {
        let mut w = Writer::default();
        w.key("general.architecture", self.architecture);
        w.key("general.name", "tiny");
        let key = |name: &str| format!("{}.{name}", self.architecture);
        for (name, n) in [
            ("block_count", self.layers),
            ("embedding_length", self.hidden),
            ("feed_forward_length", self.wide),
            ("context_length", self.context),
            ("attention.head_count", self.heads),
            ("attention.head_count_kv", self.kv_heads),
            ("attention.key_length", self.head_dim),
            ("attention.value_length", self.head_dim),
        ] {
            w.key(&key(name), Meta::U32(n));
        }
        if self.window > 0 {
            w.key(&key("attention.sliding_window"), Meta::U32(self.window));
        }
        w.key(&key("attention.layer_norm_rms_epsilon"), Meta::F32(1e-5));
        w.key(&key("rope.freq_base"), Meta::F32(10_000.0));
        let vocab = if self.architecture == "gemma3" { spm_vocabulary(&mut w) } else { bpe_vocabulary(&mut w) };
        self.tensors(&mut w, vocab)?;
        Ok(w)
    }

    /// The model, opened.
    ///
    /// # Errors
    /// As [`writer`](Self::writer).
    pub fn file(&self) -> Result<File, EngineError> {
        File::from_bytes(self.writer()?.to_bytes())
    }

    fn tensors(&self, w: &mut Writer, vocab: u32) -> Result<(), EngineError> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed);
        // Uniform from -1 to 1.
        let mut uniform = move || (random.next_u64() >> 40) as f32 / (1u64 << 23) as f32 - 1.0;
        let mut matrix = |w: &mut Writer, name: &str, rows: u32, cols: u32| {
            let spread = 2.0 / (cols as f32).sqrt();
            let weights: Vec<f32> = (0..rows * cols).map(|_| uniform() * spread).collect();
            w.tensor(name, &[cols.into(), rows.into()], self.kind, encode(self.kind, &weights)?)
        };
        let mut random = Xoshiro256PlusPlus::seed_from_u64(self.seed ^ 1);
        let mut vector = |w: &mut Writer, name: &str, len: u32, centre: f32| {
            let values: Vec<f32> = (0..len).map(|_| centre + (random.next_u64() >> 40) as f32 / (1u64 << 26) as f32).collect();
            w.tensor(name, &[len.into()], 0, encode(0, &values)?)
        };
        let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
        matrix(w, "token_embd.weight", vocab, self.hidden)?;
        for i in 0..self.layers {
            let name = |what: &str| format!("blk.{i}.{what}");
            for norm in ["attn_norm.weight", "ffn_norm.weight"] {
                vector(w, &name(norm), self.hidden, 1.0)?;
            }
            for (what, rows, cols) in [
                ("attn_q", q, self.hidden),
                ("attn_k", kv, self.hidden),
                ("attn_v", kv, self.hidden),
                ("attn_output", self.hidden, q),
                ("ffn_gate", self.wide, self.hidden),
                ("ffn_up", self.wide, self.hidden),
                ("ffn_down", self.hidden, self.wide),
            ] {
                matrix(w, &name(&format!("{what}.weight")), rows, cols)?;
            }
            match self.architecture {
                "qwen2" => {
                    for (bias, len) in [("attn_q.bias", q), ("attn_k.bias", kv), ("attn_v.bias", kv)] {
                        vector(w, &name(bias), len, 0.1)?;
                    }
                }
                "gemma3" => {
                    for norm in ["attn_q_norm.weight", "attn_k_norm.weight"] {
                        vector(w, &name(norm), self.head_dim, 1.0)?;
                    }
                    for norm in ["post_attention_norm.weight", "post_ffw_norm.weight"] {
                        vector(w, &name(norm), self.hidden, 1.0)?;
                    }
                }
                _ => {}
            }
        }
        vector(w, "output_norm.weight", self.hidden, 1.0)?;
        if self.own_head {
            matrix(w, "output.weight", vocab, self.hidden)?;
        }
        Ok(())
    }
}

/// Bytes, a few merges and the control tokens of ChatML, with a ChatML template; returns how many tokens.
pub fn bpe_vocabulary(w: &mut Writer) -> u32 {
    let mut tokens: Vec<Vec<u8>> = (0..=255u8).map(|b| crate::tokenizer::byte_character(b).to_string().into_bytes()).collect();
    let merges = ["t h", "th e", "Ġ the", "Ġ a", "a n", "an d", "Ġ and", "Ġ Ġ", "l l", "e ll", "h ell", "hell o"];
    tokens.extend(merges.iter().map(|m| m.replace(' ', "").into_bytes()));
    let mut kinds = vec![1; tokens.len()];
    for text in ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] {
        tokens.push(text.into());
        kinds.push(3);
    }
    let count = tokens.len() as u32;
    w.key("tokenizer.ggml.model", "gpt2");
    w.key("tokenizer.ggml.pre", "smollm");
    w.key("tokenizer.ggml.tokens", Meta::Texts(tokens));
    w.key("tokenizer.ggml.token_type", Meta::I32s(kinds));
    w.key("tokenizer.ggml.merges", Meta::Texts(merges.iter().map(|m| m.as_bytes().to_vec()).collect()));
    w.key("tokenizer.ggml.bos_token_id", Meta::U32(count - 2));
    w.key("tokenizer.ggml.eos_token_id", Meta::U32(count - 1));
    w.key("tokenizer.chat_template", CHATML);
    count
}

const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'].strip() }}<|im_end|>\n\
    {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Bytes, letters and a few pieces with scores; returns how many tokens.
pub fn spm_vocabulary(w: &mut Writer) -> u32 {
    let mut tokens: Vec<Vec<u8>> = ["<unk>", "<s>", "</s>", "<end_of_turn>"].iter().map(|t| t.as_bytes().to_vec()).collect();
    let mut kinds = vec![2, 3, 3, 3];
    let mut scores = vec![0.0; 4];
    tokens.extend((0..=255u8).map(|b| format!("<0x{b:02X}>").into_bytes()));
    kinds.resize(tokens.len(), 6);
    scores.resize(tokens.len(), 0.0);
    // A piece that any text may hold, found before anything is merged.
    tokens.push(b"\n\n".to_vec());
    kinds.push(4);
    scores.push(0.0);
    let pieces = ["he", "ll", "hell", "hello", "\u{2581}the", "\u{2581}t", "\u{2581}a", "nd", "\u{2581}and", "an", "th", "the"];
    let letters = ('a'..='z').map(String::from).chain([String::from("\u{2581}")]);
    for (i, piece) in pieces.iter().map(|p| (*p).to_owned()).chain(letters).enumerate() {
        tokens.push(piece.into_bytes());
        kinds.push(1);
        scores.push(-(i as f32));
    }
    let count = tokens.len() as u32;
    w.key("tokenizer.ggml.model", "llama");
    w.key("tokenizer.ggml.tokens", Meta::Texts(tokens));
    w.key("tokenizer.ggml.token_type", Meta::I32s(kinds));
    w.key("tokenizer.ggml.scores", Meta::F32s(scores));
    w.key("tokenizer.ggml.bos_token_id", Meta::U32(1));
    w.key("tokenizer.ggml.eos_token_id", Meta::U32(2));
    w.key("tokenizer.ggml.add_space_prefix", Meta::Bool(false));
    count
}
