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

/// Crates whose code differs from core to core.
const PER_CORE: &[&str] = &["kernels"];

/// Crates for which one core is enough, and those of their integration tests that run, by the beginning of the name.
///
/// The engine's unit tests run tiny models of each architecture; of its integration tests those that read real models
/// would take an emulator hours, the others run, the committed models of `training/` among them: each must load, have its
/// trainer's logits, and say on every NEON kernel what it says on x86-64.
const ONCE: &[(&str, &[&str])] = &[
    ("profiles", &[]),
    ("sensors", &["boards::", "disk::", "faults::", "plugs::", "sampler::", "sources::"]),
    (
        "engine",
        &[
            "fuzz::",
            "memory::files_up_to_a_mebibyte_stay_below_64_mib",
            "lowbit::logits_are_the_trainers",
            "lowbit::each_runs_in_the_format_it_was_trained_for",
            "lowbit::every_kernel_says_the_same",
        ],
    ),
];

/// Run only when named: not seen to pass under emulation yet. The agent's command is run on tiny models that its tests write.
const NAMED: &[(&str, &[&str])] = &[(
    "agent",
    &[
        "outputs::bench_gives_medians_with_ranges",
        "outputs::doctor_names_a_kernel_for_every_format",
        "outputs::generate_is_the_same_for_the_same_seed",
        "outputs::evaluations_count_and_write_profiles",
    ],
)];

/// Executions of a fuzz target: the emulator is some twenty times slower.
const FUZZ: &str = "1000";

pub(crate) fn aarch64() -> Done {
    let asked: Vec<String> = std::env::args().skip(2).collect();
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|a| a == name);
    let per_core: Vec<&str> = members(PER_CORE).into_iter().filter(|name| wanted(name)).collect();
    let named = if asked.is_empty() { &[] } else { NAMED };
    let once: Vec<_> = [ONCE, named].concat().into_iter().filter(|(name, _)| wanted(name)).collect();
    if per_core.is_empty() && once.is_empty() {
        let known: Vec<&str> = [ONCE, NAMED].concat().iter().map(|(name, _)| *name).chain(PER_CORE.iter().copied()).collect();
        return Err(format!("none of {} is in the workspace; known: {}", asked.join(" "), known.join(" ")));
    }
    if cfg!(target_arch = "aarch64") {
        let all = per_core.into_iter().chain(once.iter().map(|(name, _)| *name));
        return cargo(&[vec!["test", "--locked"], packages(all)].concat());
    }
    let tools = Toolchain::provide()?;
    for name in per_core {
        for (core, board) in CORES {
            println!("aarch64: {name} on {core} ({board})");
            cargo_with(&tools.env(core), &["test", "--locked", "-p", name])?;
        }
    }
    if once.is_empty() {
        return Ok(());
    }
    let mut env = tools.env("max");
    env.push(("WATTLINE_FUZZ", FUZZ.to_owned()));
    // All at once: one by one, each would ask other features of the same dependencies and build them again.
    let test = [vec!["test", "--locked"], packages(once.iter().map(|(name, _)| *name))].concat();
    cargo_with(&env, &[test.clone(), vec!["--lib"]].concat())?;
    let tests: Vec<&str> = once.iter().flat_map(|(_, tests)| tests.iter().copied()).collect();
    if tests.is_empty() {
        return Ok(());
    }
    cargo_with(&env, &[test, vec!["--test", "main", "--"], tests].concat())
}

/// `-p` of each.
fn packages<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    names.flat_map(|name| ["-p", name]).collect()
}
