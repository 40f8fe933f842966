//! Runs a program in the repository's root and says what it runs.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) type Done = Result<(), String>;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Runs a command to its end.
pub(crate) fn run(program: &str, args: &[&str]) -> Done {
    println!("$ {program} {}", args.join(" "));
    let status = Command::new(program).args(args).current_dir(root()).status().map_err(|e| format!("{program}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} {}: {status}", args.join(" "))) }
}

pub(crate) fn cargo(args: &[&str]) -> Done {
    run(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), args)
}

/// True when the shell would find this program.
pub(crate) fn present(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}
