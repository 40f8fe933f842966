//! Reading what the user names, and writing whole files or none.

use super::exit::Failure;
use std::io::Write;
use std::path::Path;

/// Largest file that is read at all.
const BYTES_MAX: u64 = 64 << 20;

/// A file's bytes, or what to do about it.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let meta = std::fs::metadata(path).map_err(|e| {
        Failure::input(format!("error: cannot read {}: {e}\n  help: check the path; examples are in scenarios/", path.display()))
    })?;
    if meta.is_dir() {
        return Err(Failure::input(format!("error: {} is a folder\n  help: name a file in it", path.display())));
    }
    if meta.len() > BYTES_MAX {
        return Err(Failure::input(format!("error: {} has {} bytes, at most {BYTES_MAX} are read", path.display(), meta.len())));
    }
    std::fs::read(path).map_err(|e| Failure::input(format!("error: cannot read {}: {e}", path.display())))
}

/// Writes beside the target and renames, so that a reader sees the old file or the new one.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |e: std::io::Error| {
        Failure::input(format!("error: cannot write {}: {e}\n  help: choose another folder with --out", path.display()))
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = Path::new(&temporary);
    let done = std::fs::File::create(temporary)
        .and_then(|mut f| f.write_all(bytes).and_then(|()| f.sync_all()))
        .and_then(|()| std::fs::rename(temporary, path));
    if done.is_err() {
        let _ = std::fs::remove_file(temporary);
    }
    done.map_err(failed)
}

/// A file that is there already, which is never written over.
pub(crate) fn exists(path: &Path) -> Failure {
    Failure::input(format!("error: {} exists already and is not overwritten\n  help: name a new file", path.display()))
}

/// Writes a new file, whole; one that is there already is an error.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::AlreadyExists => exists(path),
        _ => Failure::input(format!("error: cannot write {}: {e}\n  help: choose another file", path.display())),
    };
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    let done = file.write_all(bytes).and_then(|()| file.sync_all());
    if done.is_err() {
        let _ = std::fs::remove_file(path);
    }
    done.map_err(failed)
}

/// A plan file, checked to be one.
pub(crate) fn plan(path: &Path) -> Result<protocol::Plan, Failure> {
    let bytes = read(path)?;
    let plan: protocol::Plan = serde_json::from_slice(&bytes).map_err(|e| {
        Failure::input(format!("error: {}:{}:{}: not a plan: {e}\n  help: plans are written by `planner optimize`; `planner schema plan` shows their form", path.display(), e.line(), e.column()))
    })?;
    if plan.schema == protocol::SCHEMA {
        Ok(plan)
    } else {
        Err(Failure::input(format!(
            "error: {}: schema is `{}`, this planner reads `{}`",
            path.display(),
            plan.schema,
            protocol::SCHEMA
        )))
    }
}

/// Prints to stdout; a reader that has gone away (`| head`) is no error.
pub(crate) fn print(text: &str) {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
