//! Runs a program in the repository's root and says what it runs.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) type Done = Result<(), String>;

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Variables that a command gets beside those of this process.
pub(crate) type Env = [(&'static str, String)];

/// Runs a command to its end.
pub(crate) fn run(program: &str, args: &[&str]) -> Done {
    run_in(&root(), &[], program, args)
}

/// Runs a command to its end in a folder, with variables of its own.
pub(crate) fn run_in(folder: &Path, env: &Env, program: &str, args: &[&str]) -> Done {
    println!("$ {program} {}", args.join(" "));
    let vars = env.iter().map(|(name, value)| (name, value));
    let mut command = Command::new(program);
    // What cargo says to this program is not for those that it starts: build scripts that look at it (ring's) would
    // make the same build twice, once below `cargo xtask` and once beside it.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_own)) {
        command.env_remove(name);
    }
    let status = command.args(args).envs(vars).current_dir(folder).status().map_err(|e| format!("{program}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{program} {}: {status}", args.join(" "))) }
}

/// Variables by which cargo tells a program of its package.
fn is_own(name: &str) -> bool {
    const NAMES: [&str; 5] =
        ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE"];
    name.starts_with("CARGO_PKG_") || NAMES.contains(&name)
}

/// What a command writes to standard output, without the spaces at both ends.
pub(crate) fn output(env: &Env, program: &str, args: &[&str]) -> Result<String, String> {
    let vars = env.iter().map(|(name, value)| (name, value));
    let out = Command::new(program).args(args).envs(vars).output().map_err(|e| format!("{program}: {e}"))?;
    if out.status.success() {
        Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
    } else {
        Err(format!("{program} {}: {}: {}", args.join(" "), out.status, String::from_utf8_lossy(&out.stderr).trim()))
    }
}

pub(crate) fn cargo(args: &[&str]) -> Done {
    cargo_with(&[], args)
}

pub(crate) fn cargo_with(env: &Env, args: &[&str]) -> Done {
    run_in(&root(), env, &std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), args)
}

/// Where models and tools are kept: `$WATTLINE_CACHE`, or `~/.cache/wattline`.
pub(crate) fn cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map_or_else(|| PathBuf::from("."), PathBuf::from).join(".cache/wattline");
    std::env::var_os("WATTLINE_CACHE").map_or_else(home, PathBuf::from)
}

/// Those of these crates that the workspace has.
pub(crate) fn members<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap_or_default();
    let list = manifest.split("members").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    let ours: Vec<&str> = list.split('"').skip(1).step_by(2).map(|path| path.rsplit('/').next().unwrap_or(path)).collect();
    names.iter().copied().filter(|name| ours.contains(name)).collect()
}

/// True when the shell would find this program.
pub(crate) fn present(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(program).is_file()))
}
