//! Where the models' files of a plan are, fetched and checked.

use super::failed;
use super::wanted::{by_model, needs};
use crate::blobs::{PartFile, fetch as blobs};
use crate::shared::{Shared, lock};
use engine::File;
use fleet::Layout;
use fleet::agent::Fault;
use protocol::{BlobRef, Digest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// Where a model's file is.
pub(super) enum Place {
    /// A file that this device was told of.
    Own(PathBuf),
    /// One of which it keeps what it needs.
    Fetched(BlobRef),
}

pub(super) fn place(layout: &Layout, shared: &Shared, model: &str) -> Result<Place, Fault> {
    let own = shared.settings.models.get(model);
    match (layout.order().models.get(model), own) {
        (Some(meant), Some(own)) if shared.blobs.is(own, meant) => Ok(Place::Own(own.clone())),
        (Some(meant), _) => Ok(Place::Fetched(*meant)),
        (None, Some(own)) => Ok(Place::Own(own.clone())),
        (None, None) => Err(Fault::Unavailable(format!(
            "no file of model {model}: name one under `models:` in the configuration, or say which it is with `planner model`"
        ))),
    }
}

/// Sees that all files are there, and fetches what others have of them.
pub(crate) fn fetch(layout: &Layout, shared: &Shared) -> Result<(), Fault> {
    let held = shared.held();
    let meant = held.iter().flat_map(|p| p.order.models.values()).chain(layout.order().models.values());
    shared.blobs.forget(&meant.map(|b| b.manifest).collect());
    for (model, stages) in by_model(layout, &shared.me)? {
        match place(layout, shared, model)? {
            Place::Own(path) => {
                std::fs::metadata(&path).map_err(|e| Fault::Unavailable(format!("{}: {e}", path.display())))?;
            }
            Place::Fetched(meant) => {
                blobs::bring(shared, layout, model, &meant, |file| needs(&stages, Path::new(model), file))?;
            }
        }
    }
    blobs::announce_own(shared);
    Ok(())
}

/// Whether each file is what its digest says, and a model of the plan's number of layers.
pub(crate) fn verify(layout: &Layout, shared: &Shared) -> Result<(), Fault> {
    for (model, stages) in by_model(layout, &shared.me)? {
        match place(layout, shared, model)? {
            Place::Own(path) => {
                if let Some(expected) = shared.settings.digests.get(model) {
                    whole(&path, expected, &shared.checked)?;
                }
                needs(&stages, &path, &open(&path)?)?;
            }
            Place::Fetched(meant) => {
                let part = fetched(shared, model, &meant)?;
                blobs::check(&part, &needs(&stages, &part.path, &open(&part.path)?)?)?;
            }
        }
    }
    Ok(())
}

pub(super) fn fetched(shared: &Shared, model: &str, meant: &BlobRef) -> Result<Arc<PartFile>, Fault> {
    shared.blobs.parts_of(meant).ok_or_else(|| Fault::Corrupt(format!("{model}: what was fetched of its file is gone")))
}

/// Files whose digest was found right, with when they were written and how long they were: a plan that uses the same
/// file again does not read all of it again.
pub(crate) type Known = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// Whether a file is what its digest says.
fn whole(path: &Path, expected: &Digest, known: &Mutex<Known>) -> Result<(), Fault> {
    let absent = |e: std::io::Error| Fault::Unavailable(format!("{}: {e}", path.display()));
    let meta = std::fs::metadata(path).map_err(absent)?;
    let state = (meta.modified().ok(), meta.len());
    if lock(known).get(path) == Some(&state) {
        return Ok(());
    }
    let found = std::fs::File::open(path).and_then(|mut f| Digest::read(&mut f)).map_err(absent)?;
    if found != *expected {
        let name = path.display();
        return Err(Fault::Corrupt(format!("{name} is damaged: its SHA-256 is {found}, expected {expected}; fetch it anew")));
    }
    lock(known).insert(path.to_owned(), state);
    Ok(())
}

pub(super) fn open(path: &Path) -> Result<File, Fault> {
    File::open(path).map_err(|e| failed(format!("{}: {e}", path.display())))
}
