//! AddressSanitizer over the crates that handle raw memory or files from strangers.
//!
//! The flag is unstable, so the stable compiler is told to accept it (`RUSTC_BOOTSTRAP`) for these
//! builds alone; the standard library is not instrumented, its allocations are still watched.

use crate::run::{Done, cargo_with, output, root};
use std::path::Path;
use std::process::Command;

const TARGET: &str = "x86_64-unknown-linux-gnu";
const FLAG: &str = "-Zsanitizer=address";
const FOLDER: &str = "target/asan";

/// Crates, and the tests in them by name: the kernels' reads beyond a slice would go unseen otherwise,
/// and a GGUF file may come from anyone. Crates with the same tests stand together, or each would ask other features of
/// the same dependencies and build them again.
const WATCHED: &[(&[&str], &str)] = &[(&["kernels"], ""), (&["engine", "profiles"], "gguf")];

pub(crate) fn asan() -> Done {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        println!("asan: skipped, this is not {TARGET}");
        return Ok(());
    }
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    runtime(&rustc)?;
    catches(&rustc)?;
    let env = [
        ("RUSTC_BOOTSTRAP", "1".to_owned()),
        ("RUSTFLAGS", FLAG.to_owned()),
        ("CARGO_TARGET_DIR", FOLDER.to_owned()),
        // Checks around every access of the inlined kernels keep the optimiser busy for minutes.
        ("CARGO_PROFILE_DEV_OPT_LEVEL", "1".to_owned()),
    ];
    for (names, filter) in WATCHED {
        // `--target` keeps the flag away from build scripts and macros; a doctest would be linked without it.
        let mut args = vec!["test", "--locked", "--target", TARGET, "--lib", "--tests"];
        args.extend(names.iter().flat_map(|name| ["-p", name]));
        if !filter.is_empty() {
            args.push(filter);
        }
        cargo_with(&env, &args)?;
    }
    Ok(())
}

/// The compiler's package must hold the sanitizer's library.
fn runtime(rustc: &str) -> Done {
    let root = output(&[], rustc, &["--print", "sysroot"])?;
    let folder = Path::new(&root).join("lib/rustlib").join(TARGET).join("lib");
    let there = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().ends_with("_rt.asan.a"));
    if there {
        Ok(())
    } else {
        Err(format!("{}: no AddressSanitizer library; use the toolchain that rustup installs", folder.display()))
    }
}

/// A planted read beyond an allocation must be found, or the tests below prove nothing.
fn catches(rustc: &str) -> Done {
    let folder = root().join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let program = folder.join("beyond");
    let source = root().join("xtask/src/asan/beyond.txt");
    let (program, source) = (program.display().to_string(), source.display().to_string());
    let build = [FLAG, "--edition", "2024", "--target", TARGET, "-C", "opt-level=2", "-o", &program, &source];
    output(&[("RUSTC_BOOTSTRAP", "1".to_owned())], rustc, &build)?;
    let out = Command::new(&program).output().map_err(|e| format!("{program}: {e}"))?;
    let report = String::from_utf8_lossy(&out.stderr);
    if !out.status.success() && report.contains("AddressSanitizer: heap-buffer-overflow") {
        println!("asan: finds a planted read beyond an allocation");
        Ok(())
    } else {
        Err(format!("AddressSanitizer missed a planted read beyond an allocation: {}: {report}", out.status))
    }
}
