//! One suite, every kernel: what this machine can run is compared with f64 and with the scalar specification.
//!
//! `cargo test --release -p kernels --test main -- --ignored` runs 100,000 random cases of each kind for every
//! kernel (`long`); `WATTLINE_CASES` sets another number, there and in the tests that always run.

#![expect(clippy::unwrap_used, clippy::float_cmp, reason = "helpers of tests; sums that must be exact are compared exactly")]

mod attention;
mod cores;
mod exact;
mod long;
mod matmul;
mod support;
