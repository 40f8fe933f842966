//! What comes from others: licences, sources and bans of `deny.toml` checked without a tool that takes minutes to build,
//! and a bill of materials.
//!
//! `cargo deny check licenses sources bans` reads the same file and stays the reference; this reads what `cargo tree`
//! and `Cargo.lock` say, in a second.

mod licence;
mod policy;
mod sbom;
mod tree;

pub(crate) use sbom::bill;

use crate::run::{Done, root};
use policy::Policy;
use tree::Part;

/// Architectures that are shipped.
pub(crate) const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];

pub(crate) fn supply() -> Done {
    let policy = Policy::read()?;
    let parts = tree::of(&["--workspace", "-e", "normal,build,dev"], &TARGETS)?;
    let locked = tree::lock()?;
    let mut wrong = Vec::new();
    for Part { name, version, licence, ours } in &parts {
        if *ours {
            continue;
        }
        if policy.banned.contains(name) {
            wrong.push(format!("{name} {version}: banned in deny.toml"));
        }
        if !licence::allowed(licence, &|id| policy.allows(name, id)) {
            wrong.push(format!("{name} {version}: licence `{licence}` is not on the list in deny.toml"));
        }
    }
    for entry in &locked {
        match (&entry.source, &entry.checksum) {
            (None, None) => {}
            (Some(source), Some(_)) if source.starts_with("registry+") => {}
            (source, _) => wrong.push(format!("{}: comes from {source:?}, not from the registry with a checksum", entry.name)),
        }
    }
    let mut registries: Vec<&String> = locked.iter().filter_map(|e| e.source.as_ref()).collect();
    registries.sort();
    registries.dedup();
    if registries.len() > 1 {
        wrong.push(format!("more than one registry: {registries:?}"));
    }
    if wrong.is_empty() {
        println!("supply: licences of {} crates, and bans; sources of {} locked ones ok", parts.len(), locked.len());
        return Ok(());
    }
    Err(wrong.join("\n"))
}

/// Writes the bills of materials of both programs.
pub(crate) fn sboms() -> Done {
    let folder = root().join("target/sbom");
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for package in ["planner", "agent"] {
        for target in TARGETS {
            let path = folder.join(format!("{package}-{target}.cdx.json"));
            std::fs::write(&path, bill(package, target)?).map_err(|e| format!("{}: {e}", path.display()))?;
            println!("wrote {}", path.display());
        }
    }
    Ok(())
}
