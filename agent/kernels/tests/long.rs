//! 100,000 random cases for every kernel: minutes, so only when asked for.

#![expect(clippy::print_stdout, reason = "says how much was compared")]

use crate::support::cases;
use kernels::Kernel;

/// What `WATTLINE_CASES` does not change.
const CASES: usize = 100_000;

fn say(what: &str) {
    println!("{} cases of {what} for each of {:?}: all agree", cases(CASES), Kernel::available());
}

#[test]
#[ignore = "minutes; the head of main.rs says how to run it"]
fn products_agree_with_f64_and_the_specification() {
    crate::matmul::random_cases(cases(CASES));
    say("products against f64 and the scalar specification");
}

#[test]
#[ignore = "minutes; the head of main.rs says how to run it"]
fn integer_sums_of_blocks_are_exact() {
    crate::exact::block_cases(cases(CASES));
    say("block sums against exact integers");
}

#[test]
#[ignore = "minutes; the head of main.rs says how to run it"]
fn integer_sums_of_rows_are_exact() {
    crate::exact::row_cases(cases(CASES));
    say("row sums against exact integers");
}
