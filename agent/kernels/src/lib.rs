//! Quantised arithmetic of the inference engine: packed weights, matrix products, attention,
//! elementwise operations and the threads that run them. The only place for `unsafe`.
#![expect(unsafe_code, reason = "vector instructions, huge pages and threads that share disjoint rows")]

mod activations;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod elementwise;
mod format;
mod gated;
mod halves;
mod kept;
mod kernel;
mod kv;
#[cfg_attr(target_arch = "aarch64", allow(dead_code, reason = "NEON has matrix products of its own"))]
mod lanes;
mod layout;
pub mod limits;
mod lowrank;
mod matmul;
mod matrix;
mod measure;
mod memory;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pack;
#[cfg_attr(target_arch = "aarch64", allow(dead_code, reason = "NEON has matrix products of its own"))]
mod plain;
mod pool;
mod quantize;
mod random;
mod scalar;
mod source;
#[cfg_attr(target_arch = "aarch64", allow(dead_code, reason = "NEON has matrix products of its own"))]
mod tiled;
mod trial;

pub use attention::{Query, Span, attention, attention_with};
pub use elementwise::{
    RopeLayout, Rotation, add, gelu_mul, rms_norm, rms_norm_in_place, rope, rope_frequencies, scale, silu_mul, soft_cap, softmax,
};
pub use format::Format;
pub use gated::{Gate, matmul_gated};
pub use halves::{all_finite, from_halves, to_halves};
pub use kept::{KeptError, Outline};
pub use kernel::Kernel;
pub use kv::KvLayer;
pub use lowrank::ShapeError;
pub use matmul::{Scratch, matmul};
pub use matrix::Matrix;
pub use memory::Window;
pub use pool::{Pool, Wait};
pub use source::{Affine, Dense, PackError, Source};
pub use trial::Trial;
