//! The simulator's runs, the planted bugs, and a real disk under a real kill.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "what a run found is shown with --nocapture")]

mod killed;
mod planted;
mod simulate;
