//! Quantised arithmetic of the inference engine: packed weights, matrix products, attention,
//! elementwise operations and the threads that run them. The only place for `unsafe`.
#![expect(unsafe_code, reason = "vector instructions, huge pages and threads that share disjoint rows")]

mod activations;
mod format;
mod kernel;
mod layout;
mod matmul;
mod matrix;
mod memory;
#[cfg(target_arch = "aarch64")]
mod neon;
mod pack;
mod pool;
mod quantize;
mod scalar;
mod source;

pub use format::Format;
pub use kernel::Kernel;
pub use matmul::{Scratch, matmul};
pub use matrix::Matrix;
pub use pool::{Pool, Wait};
pub use source::{Affine, Dense, PackError, Source};
