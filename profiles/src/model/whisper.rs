//! Whisper speech models: an encoder over a window of sound, a decoder over tokens.
//!
//! Layer shapes follow the reference implementation (openai/whisper, `model.py`): every linear layer
//! has a bias except keys; norms are LayerNorm; the head is the token table.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Block, BlockGroup, Mixer, Mlp, Phase};
use crate::precision::Role;

/// Numbers of the released checkpoints' `dims`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Whisper {
    /// Layers of the encoder, and as many of the decoder.
    pub layers: u32,
    pub hidden: u32,
    pub heads: u32,
    pub vocab: u32,
    /// Bands of the spectrogram.
    pub mels: u32,
    /// Encoder positions of one window of 30 s.
    pub frames: u32,
    /// Decoder positions.
    pub text_context: u32,
}

impl Whisper {
    /// Stem, encoder layers, keys and values of the frames, token table, decoder layers, head.
    ///
    /// # Errors
    /// Numbers that do not fit together.
    pub(super) fn groups(self) -> Result<Vec<BlockGroup>, String> {
        if self.layers == 0 || self.layers > 256 || self.hidden == 0 || self.heads == 0 || self.vocab == 0 || self.frames == 0 {
            return Err("a Whisper model needs 1 to 256 layers, and hidden, heads, vocab and frames above 0".into());
        }
        if [self.hidden, self.vocab >> 4, self.mels, self.frames, self.text_context].iter().any(|&w| w > 1 << 19) {
            return Err("a width above 524288 cannot be".into());
        }
        if !self.hidden.is_multiple_of(self.heads) {
            return Err(format!("hidden {} does not divide by {} heads", self.hidden, self.heads));
        }
        let d = u64::from(self.hidden);
        let layers = u64::from(self.layers);
        let norm = 2 * d;
        let mlp = Sub { matrices: 8 * d * d, biases: 5 * d };
        let attention = Sub { matrices: 4 * d * d, biases: 3 * d };
        let mixer =
            Mixer::Attention { heads: self.heads, kv_heads: self.heads, head_dim: self.hidden / self.heads, window: None };

        let stem =
            block("stem", Phase::Prefill, &[Sub { matrices: 3 * u64::from(self.mels) * d + 3 * d * d, biases: 2 * d }], 0, d);
        let encoder =
            Block { mixer: mixer.clone(), mlp: Mlp::Dense, ..block("encoder", Phase::Prefill, &[attention, mlp], 2 * norm, d) };
        // Keys and values that every decoder layer keeps of the frames, with the encoder's last norm before them.
        let frames = Block {
            output_width: 2 * layers * d,
            ..block("frames", Phase::Prefill, &[Sub { matrices: 2 * layers * d * d, biases: layers * d }], norm, d)
        };
        let (table, positions) = (u64::from(self.vocab) * d, u64::from(self.text_context) * d);
        let embedding = Block {
            role: Role::Embedding,
            phase: Phase::Decode,
            multiplied: 0,
            read: 2 * d,
            ..Block::new("embedding", table + positions, d)
        };
        let listen = Block {
            // A token attends to all frames: a constant state of their keys and values.
            mixer: Mixer::StateSpace { state: 2 * u64::from(self.frames) * d },
            ..block("listen", Phase::Decode, &[Sub { matrices: 2 * d * d, biases: 2 * d }], norm, d)
        };
        let decoder = Block { mixer, mlp: Mlp::Dense, ..block("decoder", Phase::Decode, &[attention, mlp], 2 * norm, d) };
        let head = Block {
            role: Role::Head,
            phase: Phase::Decode,
            multiplied: table,
            kept: norm,
            tied: table,
            ..Block::new("head", table + norm, 1)
        };
        let mut groups = vec![
            BlockGroup { count: 1, block: stem },
            BlockGroup { count: self.layers, block: encoder },
            BlockGroup { count: 1, block: frames },
            BlockGroup { count: 1, block: embedding },
        ];
        for _ in 0..self.layers {
            groups.push(BlockGroup { count: 1, block: decoder.clone() });
            groups.push(BlockGroup { count: 1, block: listen.clone() });
        }
        groups.push(BlockGroup { count: 1, block: head });
        Ok(groups)
    }
}

/// Matrices and biases of one sub-layer.
#[derive(Clone, Copy)]
struct Sub {
    matrices: u64,
    biases: u64,
}

fn block(name: &str, phase: Phase, subs: &[Sub], norms: u64, width: u64) -> Block {
    let matrices: u64 = subs.iter().map(|s| s.matrices).sum();
    let kept = subs.iter().map(|s| s.biases).sum::<u64>() + norms;
    Block { phase, multiplied: matrices, kept, ..Block::new(name, matrices + kept, width) }
}
