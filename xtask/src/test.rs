//! Everything that CI checks, cheapest first.

use crate::packages::install;
use crate::run::{Done, cargo};
use crate::tidy::tidy;

pub(crate) fn test() -> Done {
    install()?;
    crate::model::fetch()?;
    tidy()?;
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    cargo(&["test", "--workspace", "--locked"])?;
    crate::asan::asan()?;
    crate::aarch64::aarch64()?;
    // The tests have built the binary.
    crate::demo::same_bytes()
}
