//! Language models on one device: files, tokens, layers, sampling, evaluation.
//!
//! A [`File`] is a mapped and checked GGUF model; a [`Stage`] is a range of its layers at a chosen
//! precision, whole or part; a [`Sequence`] is the KV cache of one text, which may share a prefix with
//! others. What multiplies is in the crate `kernels`; this crate says what is multiplied.
//!
//! Reading an untrusted file is safe: what is wrong is an error, never a panic, and memory grows only
//! with bytes that are there. Same model, same text, same seed, same machine kind: same tokens.

pub mod bench;
pub mod chat;
pub mod dequant;
pub mod encode;
pub mod error;
pub mod eval;
pub mod generate;
pub mod gguf;
pub mod kept;
mod map;
pub mod model;
pub mod precision;
pub mod sample;
pub mod stream;
pub mod testing;
pub mod tokenizer;
pub mod usage;

pub use error::EngineError;
pub use generate::{Request, generate};
pub use gguf::File;
pub use model::{Options, Sequence, Stage, Workspace};
pub use precision::Precision;
pub use sample::{Sampler, Sampling};
pub use stream::{Room, StreamError};
pub use tokenizer::{Token, Tokenizer};
pub use usage::Usage;
