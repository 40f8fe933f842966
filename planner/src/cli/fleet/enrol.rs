//! A fleet's keys and roster.

use crate::cli::args::{Enroll, Keygen};
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::files;
use fleet::enrol::{EnrolError, Roster, make_key};
use protocol::Name;
use std::path::{Path, PathBuf};

pub(crate) fn roster(folder: &Path) -> PathBuf {
    folder.join("fleet.json")
}

pub(crate) fn owner(folder: &Path) -> PathBuf {
    folder.join("planner.key")
}

pub(crate) fn failure(error: &EnrolError) -> Failure {
    let help = match error {
        EnrolError::File { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            "\n  help: `planner keygen NAME --fleet FOLDER` makes a fleet's folder"
        }
        EnrolError::File { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => {
            "\n  help: a key is never written over: choose another folder, or move it away"
        }
        _ => "",
    };
    Failure::input(format!("error: {error}{help}"))
}

fn name(text: &str) -> Result<Name, Failure> {
    Name::new(text).map_err(|e| Failure::input(format!("error: {e}")))
}

pub(crate) fn keygen(args: &Keygen) -> Outcome {
    let fleet = name(&args.name)?;
    let folder = &args.fleet;
    std::fs::create_dir_all(folder).map_err(|e| {
        Failure::input(format!("error: cannot make {}: {e}\n  help: name another with --fleet", folder.display()))
    })?;
    let signer = make_key(&owner(folder)).map_err(|e| failure(&e))?;
    Roster::new(fleet.clone(), &signer.public()).write(&roster(folder)).map_err(|e| failure(&e))?;
    let shown = folder.display();
    files::print(&format!(
        "fleet {fleet}\n  {shown}/planner.key  secret: signs plans, stays here\n  {shown}/fleet.json   roster: goes to every agent\n\
         next: planner enroll DEVICE --fleet {shown}\n"
    ));
    Ok(Exit::Done)
}

pub(crate) fn enroll(args: &Enroll) -> Outcome {
    let device = name(&args.name)?;
    let folder = &args.fleet;
    let mut list = Roster::read(&roster(folder)).map_err(|e| failure(&e))?;
    let key = folder.join(format!("{device}.key"));
    let signer = make_key(&key).map_err(|e| failure(&e))?;
    list.enrol(device.clone(), &signer.public()).and_then(|()| list.write(&roster(folder))).map_err(|e| failure(&e))?;
    files::print(&format!(
        "{device} is enrolled in fleet {}\n  {}  secret: goes to {device} alone\n\
         next: copy it and {} there, and start agents anew that know an older roster\n",
        list.fleet,
        key.display(),
        roster(folder).display()
    ));
    Ok(Exit::Done)
}
