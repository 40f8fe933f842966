//! Everything that CI checks, cheapest first.

use crate::packages::install;
use crate::run::{Done, cargo, cargo_with};
use crate::tidy::tidy;

pub(crate) fn test() -> Done {
    install()?;
    crate::model::fetch()?;
    tidy()?;
    crate::supply::supply()?;
    crate::book::book()?;
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    cargo(&["test", "--workspace", "--locked"])?;
    // Five and a half minutes of processor time on the test machine.
    let seeds = [("SEEDS", "20000".to_owned())];
    cargo_with(&seeds, &["test", "--workspace", "--locked", "--test", "main", "twenty_agents", "--", "--nocapture"])?;
    crate::asan::asan()?;
    crate::aarch64::aarch64()?;
    // The tests have built the binary.
    crate::demo::same_bytes()
}
