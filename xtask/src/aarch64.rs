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
const ONCE: &[&str] = &["profiles", "sensors", "engine"];
/// Run only when named: not seen to pass under emulation yet.
const NAMED: &[&str] = &["agent"];

/// Runs of `cargo test` that are asked of a crate, as their arguments; the last of each are names of tests.
///
/// The engine's unit tests run tiny models of each architecture; of its integration tests those that read real models
/// would take an emulator hours, the others run, the committed models of `training/` among them: each must load, have its
/// trainer's logits, and say on every NEON kernel what it says on x86-64. The agent's command is run on tiny models that its tests write.
fn runs(name: &str) -> &'static [&'static [&'static str]] {
    match name {
        "engine" => &[
            &["--lib"],
            &[
                "--test",
                "main",
                "--",
                "fuzz::",
                "memory::files_up_to_a_mebibyte_stay_below_64_mib",
                "lowbit::logits_are_the_trainers",
                "lowbit::each_runs_in_the_format_it_was_trained_for",
                "lowbit::every_kernel_says_the_same",
            ],
        ],
        "agent" => &[&[
            "--test",
            "main",
            "--",
            "outputs::bench_gives_medians_with_ranges",
            "outputs::doctor_names_a_kernel_for_every_format",
            "outputs::generate_is_the_same_for_the_same_seed",
            "outputs::evaluations_count_and_write_profiles",
        ]],
        _ => &[&[]],
    }
}

/// Executions of a fuzz target: the emulator is some twenty times slower.
const FUZZ: &str = "1000";

pub(crate) fn aarch64() -> Done {
    let asked: Vec<String> = std::env::args().skip(2).collect();
    let wanted = |name: &&str| asked.is_empty() || asked.iter().any(|a| a == name);
    let pick = |list: &[&'static str]| -> Vec<&'static str> { members(list).into_iter().filter(wanted).collect() };
    let named = if asked.is_empty() { Vec::new() } else { pick(NAMED) };
    let (per_core, once) = (pick(PER_CORE), [pick(ONCE), named].concat());
    if per_core.is_empty() && once.is_empty() {
        let known = [PER_CORE, ONCE, NAMED].concat().join(" ");
        return Err(format!("none of {} is in the workspace; known: {known}", asked.join(" ")));
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
    let mut env = tools.env("max");
    env.push(("WATTLINE_FUZZ", FUZZ.to_owned()));
    for name in once {
        println!("aarch64: {name}");
        for run in runs(name) {
            cargo_with(&env, &[&["test", "--locked", "-p", name], *run].concat())?;
        }
    }
    Ok(())
}
