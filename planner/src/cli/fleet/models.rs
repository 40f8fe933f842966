//! `planner model`: which file a plan's name of a model means. Said once by the owner, signed with each plan.

use super::enrol::{failure, roster};
use crate::cli::args::Model;
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::files;
use fleet::controller::Models;
use fleet::enrol::Roster;
use profiles::gguf::GgufError;
use protocol::limits::{ENTRIES, NAME_BYTES};
use protocol::{BlobRef, Digest, Manifest, Plan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A model's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    sha256: Digest,
    manifest: Digest,
    bytes: u64,
}

/// All of a fleet, by the plans' names.
type All = BTreeMap<String, Known>;

fn list(folder: &Path) -> PathBuf {
    folder.join("models.json")
}

fn read(folder: &Path) -> Result<All, Failure> {
    let path = list(folder);
    if !path.exists() {
        return Ok(All::new());
    }
    serde_json::from_slice(&files::read(&path)?)
        .map_err(|e| Failure::input(format!("error: {}: {e}\n  help: remove it and say each model's file anew", path.display())))
}

fn write(folder: &Path, all: &All) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(all).map_err(Failure::bug)? + "\n";
    files::write(&list(folder), text.as_bytes())
}

/// Which files a plan's models are, as far as the owner has said.
pub(super) fn of(folder: &Path, plan: &Plan) -> Result<Models, Failure> {
    let used = |name: &String| plan.services.iter().any(|s| s.model == *name);
    let all = read(folder)?.into_iter().filter(|(name, _)| used(name));
    Ok(all.map(|(name, k)| (name, BlobRef { manifest: k.manifest, bytes: k.bytes })).collect())
}

pub(crate) fn model(args: &Model) -> Outcome {
    let folder = &args.fleet;
    Roster::read(&roster(folder)).map_err(|e| failure(&e))?;
    let mut all = read(folder)?;
    match (&args.name, &args.file) {
        (None, _) => files::print(&table(&all)),
        (Some(name), None) if args.remove => {
            if all.remove(name).is_none() {
                return Err(unknown(name, &all));
            }
            write(folder, &all)?;
            files::print(&format!("{name}: each device uses the file that its configuration names\n"));
        }
        (Some(name), None) => match all.get(name) {
            Some(known) => files::print(&table(&All::from([(name.clone(), known.clone())]))),
            None => return Err(unknown(name, &all)),
        },
        (Some(name), Some(path)) => {
            if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
                return Err(Failure::input(format!("error: a model's name has 1 to {NAME_BYTES} characters, as plans write it")));
            }
            if all.len() >= ENTRIES && !all.contains_key(name) {
                return Err(Failure::input(format!(
                    "error: a fleet has at most {ENTRIES} model files\n  help: planner model NAME --remove forgets one"
                )));
            }
            let known = take(folder, path)?;
            let said = format!(
                "{name} is {} ({:.1} MB, sha256 {})\nnext: planner apply; a device without this file fetches what it needs of it\n",
                path.display(),
                known.bytes as f64 / 1e6,
                known.sha256
            );
            all.insert(name.clone(), known);
            write(folder, &all)?;
            files::print(&said);
        }
    }
    Ok(Exit::Done)
}

/// Reads a file whole, and keeps its list of chunks, which agents ask origins for.
fn take(folder: &Path, path: &Path) -> Result<Known, Failure> {
    let refused = |why: String| {
        Failure::input(format!("error: {}: {why}\n  help: name a GGUF file, whole, as an agent would use it", path.display()))
    };
    let unreadable = |e: std::io::Error| refused(e.to_string());
    // The header first: a wrong file is told before all of it is read.
    profiles::gguf::read_file(path).map_err(|e| match e {
        GgufError::File { source, .. } => unreadable(source),
        other => refused(other.to_string()),
    })?;
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    let manifest = std::fs::File::open(path).and_then(|mut f| Manifest::of(&mut f, bytes)).map_err(unreadable)?;
    let blob = manifest.blob().map_err(Failure::bug)?;
    files::write(&folder.join("blobs").join(blob.manifest.to_string()), &manifest.to_bytes().map_err(Failure::bug)?)?;
    Ok(Known { sha256: manifest.sha256, manifest: blob.manifest, bytes })
}

fn unknown(name: &str, all: &All) -> Failure {
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    let known = if names.is_empty() { "none is said yet".to_owned() } else { format!("there are {}", names.join(", ")) };
    Failure::input(format!("error: no file is said for model `{name}`; {known}\n  help: planner model {name} FILE.gguf says it"))
}

fn table(all: &All) -> String {
    if all.is_empty() {
        return "no model's file is said yet: each device uses the file that its configuration names\n".into();
    }
    let mut out = format!("{:<24}  {:>10}  sha256\n", "model", "MB");
    for (name, k) in all {
        let _ = writeln!(out, "{name:<24}  {:>10.1}  {}", k.bytes as f64 / 1e6, k.sha256);
    }
    out
}
