//! A program's commands as a page, from what it says itself: `--help` of each.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

/// A heading and the help of a program and, below it, of each of its commands.
///
/// # Errors
/// When the program does not start, or refuses `--help`.
pub fn commands(program: &Path) -> Result<String, String> {
    let name = program.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let mut out = String::new();
    below(program, &name, &[], &mut out)?;
    Ok(out)
}

fn below(program: &Path, name: &str, path: &[String], out: &mut String) -> Result<(), String> {
    let shown = std::iter::once(name).chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    let mut command = Command::new(program);
    command.args(path).arg("--help").env("COLUMNS", "100").env("NO_COLOR", "1");
    let done = command.output().map_err(|e| format!("{}: {e}", program.display()))?;
    if !done.status.success() {
        return Err(format!("{shown} --help: {}", done.status));
    }
    let help = String::from_utf8_lossy(&done.stdout);
    let lines = help.trim_end().lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let _ = writeln!(out, "## `{shown}`\n\n```text\n{lines}\n```\n");
    for sub in subcommands(&help) {
        below(program, name, &[path, &[sub]].concat(), out)?;
    }
    Ok(())
}

/// Names below `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| l.starts_with("  "));
    // A name has two spaces before it; a description that goes on in the next line has more.
    let named = listed.filter(|l| !l.starts_with("   ")).filter_map(|l| l.split_whitespace().next());
    named.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Compares a page that a program writes with the file; rewrites it with `UPDATE_GOLDEN=1`.
///
/// # Errors
/// The first line that differs, or that the file cannot be read or written.
pub fn same(path: &Path, now: &str) -> Result<(), String> {
    let written = std::fs::read_to_string(path).unwrap_or_default();
    if written == now {
        return Ok(());
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        return std::fs::write(path, now).map_err(|e| format!("{}: {e}", path.display()));
    }
    Err(format!("`cargo xtask docs` writes it anew\n{}", crate::difference(path, &written, now)))
}

#[cfg(test)]
mod tests;
