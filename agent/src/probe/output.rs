//! The profile's file: checked before anything is measured, written at once or not at all, never over another unasked.

use super::Probe;
use crate::exit::Failure;
use ::probe::profile::{Naming, slug};
use ::probe::{Record, prior, profile};
use sensors::{Config, Roots, Sensors};
use std::path::Path;

/// Whether the file can be written when the time comes.
pub(super) fn check(path: &Path, force: bool) -> Result<(), Failure> {
    if path.exists() && !force {
        return Err(Failure::help(format!("{} is there already", path.display()), "another name, or --force to write over it"));
    }
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let can = folder.is_dir() && rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok();
    if !can || path.is_dir() || path.file_name().is_none() {
        return Err(Failure::help(
            format!("cannot write {}", path.display()),
            "name a file in a folder that is there and can be written",
        ));
    }
    Ok(())
}

/// The profile of what was measured.
pub(super) fn made(args: &Probe, record: &Record, roots: &Roots) -> Result<profile::Profile, Failure> {
    let mut sensors = Sensors::open(roots.clone(), Config::default());
    let battery = sensors.conditions().contains_key("supply");
    let (like, class) = prior::like(sensors.board(), record.memory_total_bytes, battery);
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let id = slug(args.id.as_deref().unwrap_or(&host));
    let naming = Naming {
        id: if id.is_empty() { "this-machine".into() } else { id },
        name: format!("{}, {}", record.surroundings.machine, record.surroundings.processor),
        class,
        like: args.like.clone().unwrap_or_else(|| like.into()),
    };
    profile::of(record, &naming).map_err(|e| Failure::input(format!("error: {}", crate::exit::causes(&e))))
}

pub(super) fn write(path: &Path, args: &Probe, record: &Record, roots: &Roots) -> Result<(), Failure> {
    let wrong = |e: ::probe::ProbeError| Failure::input(format!("error: {}", crate::exit::causes(&e)));
    let made = made(args, record, roots)?;
    let text = ::probe::text(&made, record).map_err(wrong)?;
    // Somebody may have put a file there meanwhile.
    check(path, args.force)?;
    crate::print::file(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_there_stays() {
        let folder = tempfile::tempdir().expect("writable");
        let path = folder.path().join("p.yaml");
        assert!(check(&path, false).is_ok());
        std::fs::write(&path, "mine").expect("writable");
        assert!(check(&path, false).expect_err("there").message.contains("--force"));
        assert!(check(&path, true).is_ok());
        assert!(check(&folder.path().join("no/p.yaml"), true).is_err());
        assert!(check(folder.path(), true).is_err(), "a folder");
    }
}
