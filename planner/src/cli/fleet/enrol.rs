//! A fleet's keys and roster.

use crate::cli::args::{Enroll, Keygen, Rotate};
use crate::cli::exit::{Exit, Failure, Outcome};
use crate::cli::files;
use fleet::enrol::{EnrolError, Owners, Roster, make_key, read_key};
use protocol::Name;
use std::path::{Path, PathBuf};

pub(crate) fn roster(folder: &Path) -> PathBuf {
    folder.join("fleet.json")
}

pub(crate) fn owner(folder: &Path) -> PathBuf {
    folder.join("planner.key")
}

/// The key that is to take its place.
pub(crate) fn next(folder: &Path) -> PathBuf {
    folder.join("planner-next.key")
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
    Roster::new(fleet.clone(), &signer).and_then(|r| r.write(&roster(folder))).map_err(|e| failure(&e))?;
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
    let shown = folder.display();
    let mut list = Roster::read(&roster(folder)).map_err(|e| failure(&e))?;
    let owners = Owners::read(&owner(folder), &next(folder)).map_err(|e| failure(&e))?;
    list.enrol(device.clone(), folder, &owners).and_then(|_| list.write(&roster(folder))).map_err(|e| failure(&e))?;
    files::print(&format!(
        "{device} is enrolled in fleet {}\n  {shown}/{device}.key  secret: goes to {device} alone\n  \
         {shown}/{device}.crt  its certificate: goes to {device}\n\
         next: copy both and {shown}/fleet.json there, and start agents anew that know an older roster\n",
        list.fleet,
    ));
    Ok(Exit::Done)
}

/// Replaces the owner's key: a first call makes the next one, which is believed beside it; a second, with `--finish`,
/// leaves the old one out.
pub(crate) fn rotate(args: &Rotate) -> Outcome {
    let folder = &args.fleet;
    let shown = folder.display();
    let mut list = Roster::read(&roster(folder)).map_err(|e| failure(&e))?;
    if args.finish {
        if !next(folder).exists() {
            return Err(Failure::input(format!(
                "error: no key is being replaced in {shown}\n  help: `planner rotate --fleet {shown}` begins it"
            )));
        }
        let newest = read_key(&next(folder)).map_err(|e| failure(&e))?;
        list.end_rotation(&newest).and_then(|()| list.write(&roster(folder))).map_err(|e| failure(&e))?;
        let renamed = |from: PathBuf, to: PathBuf| {
            std::fs::rename(&from, &to).map_err(|e| Failure::input(format!("error: cannot rename {}: {e}", from.display())))
        };
        // Gone already where an earlier call was cut off here.
        if owner(folder).exists() {
            renamed(owner(folder), folder.join("planner-old.key"))?;
        }
        renamed(next(folder), owner(folder))?;
        files::print(&format!(
            "fleet {} believes only its new key\n  {shown}/planner.key      secret: signs plans, stays here\n  \
             {shown}/planner-old.key  believed no more: destroy it\n\
             next: copy {shown}/fleet.json to every agent and start it anew\n",
            list.fleet
        ));
        return Ok(Exit::Done);
    }
    let now = read_key(&owner(folder)).map_err(|e| failure(&e))?;
    // An earlier call may have been cut off: then the same once more.
    let made = if next(folder).exists() { read_key(&next(folder)) } else { make_key(&next(folder)) };
    let made = made.map_err(|e| failure(&e))?;
    let owners = Owners { now, next: Some(made) };
    list.begin_rotation(folder, &owners).and_then(|()| list.write(&roster(folder))).map_err(|e| failure(&e))?;
    files::print(&format!(
        "fleet {} has two keys; plans are signed by both\n  {shown}/planner-next.key  secret: the new key, stays here\n  \
         {shown}/fleet.json        goes to every agent\n  {shown}/DEVICE.crt        new: each goes to its device\n\
         next: copy them in any order, start agents anew, then planner rotate --finish --fleet {shown}\n",
        list.fleet
    ));
    Ok(Exit::Done)
}
