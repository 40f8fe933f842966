//! One suite, every kernel: what this machine can run is compared with f64 and with the scalar specification.
//!
//! `WATTLINE_CASES=100000 cargo test --release -p kernels --test main` runs 100,000 random cases of each kind for
//! every kernel: minutes.

#![expect(clippy::unwrap_used, clippy::float_cmp, reason = "helpers of tests; sums that must be exact are compared exactly")]

mod attention;
mod cores;
mod exact;
mod matmul;
mod support;
