//! aarch64 without an Arm machine: cross-build, then run the tests under emulation.
//!
//! The compiler is Debian's `rustc-web` with its arm64 standard library (both signed, one version),
//! unpacked below the cache: neither the system's package lists nor rustup's toolchain change.
//! Emulation shows that results are right and that dispatch takes only what a CPU has. It says
//! nothing about speed.

pub(crate) mod toolchain;

use crate::run::{Done, cargo, cargo_with, members};
use toolchain::Toolchain;

/// `-cpu` of the emulator, and the board whose instruction set it has.
const CORES: &[(&str, &str)] = &[
    ("cortex-a72", "Raspberry Pi 4: no dotprod, no i8mm, no fp16"),
    ("cortex-a76", "Raspberry Pi 5, Jetson Orin: dotprod and fp16, no i8mm"),
    ("max", "dotprod, i8mm, fp16"),
];

/// Crates whose code differs from core to core, and those where one run is enough.
const PER_CORE: &[&str] = &["kernels"];
const ONCE: &[&str] = &["profiles", "sensors"];
/// Run only when named: not seen to pass under emulation yet.
const NAMED: &[&str] = &["engine", "agent"];

/// What is asked of a crate. The engine's unit tests run tiny models of each architecture; its integration tests
/// run real ones, which takes an emulator hours. The agent, which starts itself in its tests, is built and linked.
fn task(name: &str) -> Vec<&str> {
    match name {
        "engine" => vec!["test", "--locked", "-p", name, "--lib"],
        "agent" => vec!["build", "--locked", "-p", name],
        _ => vec!["test", "--locked", "-p", name],
    }
}

pub(crate) fn aarch64() -> Done {
    let asked: Vec<String> = std::env::args().skip(2).collect();
    let wanted = |name: &&str| asked.is_empty() || asked.iter().any(|a| a == name);
    let pick = |list: &[&'static str]| -> Vec<&'static str> { members(list).into_iter().filter(wanted).collect() };
    let named = if asked.is_empty() { Vec::new() } else { pick(NAMED) };
    let (per_core, once) = (pick(PER_CORE), [pick(ONCE), named].concat());
    if per_core.is_empty() && once.is_empty() {
        return Err(format!(
            "none of {} is in the workspace; known: {}",
            asked.join(" "),
            [PER_CORE, ONCE, NAMED].concat().join(" ")
        ));
    }
    if cfg!(target_arch = "aarch64") {
        return [per_core, once].concat().into_iter().try_for_each(|name| cargo(&["test", "--locked", "-p", name]));
    }
    let tools = Toolchain::provide()?;
    for name in per_core {
        for (core, board) in CORES {
            println!("aarch64: {name} on {core} ({board})");
            cargo_with(&tools.env(core), &["test", "--locked", "-p", name])?;
        }
    }
    for name in once {
        println!("aarch64: {name}");
        cargo_with(&tools.env("max"), &task(name))?;
    }
    Ok(())
}
