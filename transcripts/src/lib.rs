//! Golden transcripts, for tests: a file is a script of commands; beneath each stands what it prints.
//!
//! A line `$ program …` is run; what follows, up to the next command, is what must come out: exit code, stdout,
//! stderr. `$ sh …` prepares files, and must not fail. Lines that begin with `#` are kept. `{tmp}` is a folder of the script's own.
//! With `UPDATE_GOLDEN=1` the files are rewritten: read the diff.

pub mod page;
pub mod reference;
mod words;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
pub use words::words;

/// A line of a script, ready to run.
#[derive(Debug)]
pub struct Call<'a> {
    pub program: &'a str,
    /// What follows the program, as written.
    pub rest: &'a str,
    /// Its words: see [`words()`].
    pub args: &'a [String],
    /// The script's own folder: `{tmp}` in the script.
    pub tmp: &'a Path,
}

/// What is written beneath a command.
#[derive(Debug)]
pub struct Shown {
    /// `None`: ended by a signal.
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Call<'_> {
    /// `sh -c` with the rest of the line as written; nothing for another program.
    #[must_use]
    pub fn shell(&self) -> Option<Command> {
        (self.program == "sh").then(|| {
            let mut process = Command::new("sh");
            process.arg("-c").arg(self.rest);
            process
        })
    }

    /// Output as text, with the script's folder written `{tmp}`.
    #[must_use]
    pub fn shown(&self, done: &Output) -> Shown {
        let tmp = self.tmp.display().to_string();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&tmp, "{tmp}");
        Shown { exit: done.status.code(), stdout: text(&done.stdout), stderr: text(&done.stderr) }
    }
}

/// Runs a script's commands and writes its transcript anew.
///
/// # Errors
/// When no temporary folder can be made, or what `sh` was to prepare failed.
pub fn transcript(script: &str, mut run: impl FnMut(&Call<'_>) -> Shown) -> std::io::Result<String> {
    let tmp = tempfile::tempdir()?;
    let tmp_text = tmp.path().display().to_string();
    let mut out = String::new();
    for line in script.lines() {
        if line.starts_with('#') {
            let _ = writeln!(out, "{line}");
        }
        let Some(command) = line.strip_prefix("$ ") else { continue };
        let _ = writeln!(out, "{line}");
        let command = command.replace("{tmp}", &tmp_text);
        let (program, rest) = command.split_once(' ').unwrap_or((&command, ""));
        let shown = run(&Call { program, rest, args: &words(rest), tmp: tmp.path() });
        if program == "sh" && shown.exit != Some(0) {
            return Err(std::io::Error::other(format!("`{command}` failed: {}", shown.stderr.trim_end())));
        }
        let _ = writeln!(out, "exit {}", shown.exit.map_or("signal".into(), |code| code.to_string()));
        block(&mut out, "stdout", &shown.stdout);
        block(&mut out, "stderr", &shown.stderr);
        out.push('\n');
    }
    Ok(out)
}

fn block(out: &mut String, name: &str, text: &str) {
    if !text.is_empty() {
        let _ = writeln!(out, "--- {name}");
        for line in text.lines() {
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
}

/// The scripts of a folder, in the order of their names.
///
/// # Errors
/// When the folder cannot be read.
pub fn scripts(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "txt") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Runs every script of a folder, through `retell` from what is written to what is printed now (`None`: skipped).
/// Rewrites the files with `UPDATE_GOLDEN=1`.
///
/// # Errors
/// The first difference of each file, or that there are no scripts.
pub fn check(folder: &Path, retell: impl FnMut(&Path, &str) -> std::io::Result<Option<String>>) -> Result<(), String> {
    compare(folder, std::env::var_os("UPDATE_GOLDEN").is_some(), retell)
}

fn compare(
    folder: &Path,
    update: bool,
    mut retell: impl FnMut(&Path, &str) -> std::io::Result<Option<String>>,
) -> Result<(), String> {
    let found = scripts(folder).map_err(said(folder))?;
    if found.is_empty() {
        return Err(format!("{}: no scripts", folder.display()));
    }
    let mut wrong = Vec::new();
    for path in &found {
        let written = std::fs::read_to_string(path).map_err(said(path))?;
        let Some(now) = retell(path, &written).map_err(said(path))? else { continue };
        if now.trim_end() == written.trim_end() {
            continue;
        }
        if update {
            std::fs::write(path, format!("{}\n", now.trim_end())).map_err(said(path))?;
        } else {
            wrong.push(difference(path, &written, &now));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("transcripts differ; UPDATE_GOLDEN=1 rewrites them, then read the diff\n{}", wrong.join("\n")))
}

fn said(path: &Path) -> impl Fn(std::io::Error) -> String {
    move |e| format!("{}: {e}", path.display())
}

/// The first line that differs.
fn difference(path: &Path, written: &str, now: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (written.trim_end().lines().collect(), now.trim_end().lines().collect());
    let at = (0..old.len().max(new.len())).find(|&i| old.get(i) != new.get(i)).unwrap_or(0);
    let line = |lines: &[&str]| lines.get(at).map_or("(end)".to_owned(), |l| (*l).to_owned());
    format!("{}:{}\n  written: {}\n  now:     {}", path.display(), at + 1, line(&old), line(&new))
}

#[cfg(test)]
mod tests;
